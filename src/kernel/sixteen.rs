//! Sixteen binary32 values side by side, whatever the register width.
//!
//! Compilers do not vectorise every loop well. Kernels with such loops are written once over
//! [`Sixteen`] and instantiated per instruction set. Every operation is IEEE arithmetic on each
//! element, correctly rounded, so the instances give the same bits.
//!
//! The caller that makes a value hands over a proof that the machine has its instructions. From then on
//! the value proves it itself.

use super::scalar::{flush, fold16, greatest};

/// Sixteen `f32`.
pub trait Sixteen: Copy {
    /// Proves that the machine has the instructions. It takes no room.
    type Proof: Copy;
    /// Says whether the instruction set has 32 registers, enough for a dozen values of this type.
    const MANY: bool = false;
    /// All elements the same.
    fn splat(proof: Self::Proof, x: f32) -> Self;
    /// Reads sixteen values.
    fn load(proof: Self::Proof, x: &[f32; 16]) -> Self;
    /// Writes sixteen values.
    fn store(self, x: &mut [f32; 16]);
    /// Element-wise sum.
    fn plus(self, other: Self) -> Self;
    /// Element-wise difference.
    fn minus(self, other: Self) -> Self;
    /// Element-wise product.
    fn times(self, other: Self) -> Self;
    /// Element-wise absolute value.
    fn magnitude(self) -> Self;
    /// Element-wise: `self` where it is greater, else `other`; `other` also if one of them is NaN.
    fn greater(self, other: Self) -> Self;
    /// Zero where the magnitude is below 2⁻⁶⁰.
    fn flushed(self) -> Self;
    /// The sum of all elements, in the order of [`fold16`].
    #[inline(always)]
    fn fold(self) -> f32 {
        let mut x = [0.0; 16];
        self.store(&mut x);
        fold16(x)
    }
    /// The greatest element. No element may be NaN.
    #[inline(always)]
    fn greatest(self) -> f32 {
        let mut x = [0.0; 16];
        self.store(&mut x);
        greatest(x)
    }
}

/// Plain Rust, the normative instance.
#[derive(Clone, Copy)]
pub struct Portable([f32; 16]);

impl Sixteen for Portable {
    type Proof = ();
    #[inline(always)]
    fn splat((): (), x: f32) -> Self {
        Portable([x; 16])
    }
    #[inline(always)]
    fn load((): (), x: &[f32; 16]) -> Self {
        Portable(*x)
    }
    #[inline(always)]
    fn store(self, x: &mut [f32; 16]) {
        *x = self.0;
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Portable(std::array::from_fn(|j| self.0[j] + other.0[j]))
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Portable(std::array::from_fn(|j| self.0[j] - other.0[j]))
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Portable(std::array::from_fn(|j| self.0[j] * other.0[j]))
    }
    #[inline(always)]
    fn magnitude(self) -> Self {
        Portable(self.0.map(f32::abs))
    }
    #[inline(always)]
    fn greater(self, other: Self) -> Self {
        Portable(std::array::from_fn(
            |j| if self.0[j] > other.0[j] { self.0[j] } else { other.0[j] },
        ))
    }
    #[inline(always)]
    fn flushed(self) -> Self {
        Portable(self.0.map(flush))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    //! Registers of x86-64. A value can be made only with the proof of its instructions, so to have
    //! one is a proof, too.

    use std::arch::x86_64::*;

    use super::super::isa::{HasAvx2, HasAvx512};
    use super::Sixteen;

    /// Two AVX2 registers.
    #[derive(Clone, Copy)]
    pub struct Avx2(__m256, __m256);

    impl Sixteen for Avx2 {
        type Proof = HasAvx2;
        #[inline(always)]
        fn splat(_: HasAvx2, x: f32) -> Self {
            // SAFETY: the proof says that the machine has AVX2.
            unsafe { Avx2(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
        }
        #[inline(always)]
        fn load(_: HasAvx2, x: &[f32; 16]) -> Self {
            // SAFETY: as above, and `x` holds sixteen values.
            unsafe { Avx2(_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(x.as_ptr().add(8))) }
        }
        #[inline(always)]
        fn store(self, x: &mut [f32; 16]) {
            // SAFETY: a value proves its instructions, and `x` holds sixteen values.
            unsafe {
                _mm256_storeu_ps(x.as_mut_ptr(), self.0);
                _mm256_storeu_ps(x.as_mut_ptr().add(8), self.1);
            }
        }
        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            // SAFETY: a value proves its instructions.
            unsafe { Avx2(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn minus(self, other: Self) -> Self {
            // SAFETY: a value proves its instructions.
            unsafe { Avx2(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            // SAFETY: a value proves its instructions.
            unsafe { Avx2(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn magnitude(self) -> Self {
            // SAFETY: a value proves its instructions.
            unsafe {
                let sign = _mm256_set1_ps(-0.0);
                Avx2(_mm256_andnot_ps(sign, self.0), _mm256_andnot_ps(sign, self.1))
            }
        }
        #[inline(always)]
        fn greater(self, other: Self) -> Self {
            // SAFETY: a value proves its instructions. `max` takes its second operand where the first is not greater.
            unsafe { Avx2(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn flushed(self) -> Self {
            // SAFETY: a value proves its instructions.
            unsafe {
                let sign = _mm256_set1_ps(-0.0);
                let least = _mm256_set1_ps(f32::from_bits((127 - 60) << 23));
                let flush = |x| {
                    let small = _mm256_cmp_ps::<_CMP_LT_OQ>(_mm256_andnot_ps(sign, x), least);
                    _mm256_andnot_ps(small, x)
                };
                Avx2(flush(self.0), flush(self.1))
            }
        }
        #[inline(always)]
        fn fold(self) -> f32 {
            // SAFETY: a value proves its instructions.
            unsafe {
                let eight = _mm256_add_ps(self.0, self.1);
                let four =
                    _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
            }
        }
        #[inline(always)]
        fn greatest(self) -> f32 {
            // SAFETY: a value proves its instructions.
            unsafe {
                let eight = _mm256_max_ps(self.0, self.1);
                let four =
                    _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
                let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
            }
        }
    }

    /// One AVX-512 register.
    #[derive(Clone, Copy)]
    pub struct Avx512(__m512);

    impl Sixteen for Avx512 {
        type Proof = HasAvx512;
        const MANY: bool = true;
        #[inline(always)]
        fn splat(_: HasAvx512, x: f32) -> Self {
            // SAFETY: the proof says that the machine has AVX-512 F and DQ.
            unsafe { Avx512(_mm512_set1_ps(x)) }
        }
        #[inline(always)]
        fn load(_: HasAvx512, x: &[f32; 16]) -> Self {
            // SAFETY: as above, and `x` holds sixteen values.
            unsafe { Avx512(_mm512_loadu_ps(x.as_ptr())) }
        }
        #[inline(always)]
        fn store(self, x: &mut [f32; 16]) {
            // SAFETY: a value proves its instructions, and `x` holds sixteen values.
            unsafe { _mm512_storeu_ps(x.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            // SAFETY: a value proves its instructions.
            unsafe { Avx512(_mm512_add_ps(self.0, other.0)) }
        }
        #[inline(always)]
        fn minus(self, other: Self) -> Self {
            // SAFETY: a value proves its instructions.
            unsafe { Avx512(_mm512_sub_ps(self.0, other.0)) }
        }
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            // SAFETY: a value proves its instructions.
            unsafe { Avx512(_mm512_mul_ps(self.0, other.0)) }
        }
        #[inline(always)]
        fn magnitude(self) -> Self {
            // SAFETY: a value proves its instructions.
            unsafe { Avx512(_mm512_abs_ps(self.0)) }
        }
        #[inline(always)]
        fn greater(self, other: Self) -> Self {
            // SAFETY: a value proves its instructions. `max` takes its second operand where the first is not greater.
            unsafe { Avx512(_mm512_max_ps(self.0, other.0)) }
        }
        #[inline(always)]
        fn flushed(self) -> Self {
            // SAFETY: a value proves its instructions.
            unsafe {
                let least = _mm512_set1_ps(f32::from_bits((127 - 60) << 23));
                let large = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(_mm512_abs_ps(self.0), least);
                Avx512(_mm512_maskz_mov_ps(large, self.0))
            }
        }
        #[inline(always)]
        fn fold(self) -> f32 {
            self.halves().fold()
        }
        #[inline(always)]
        fn greatest(self) -> f32 {
            self.halves().greatest()
        }
    }

    impl Avx512 {
        /// The same values in two registers.
        #[inline(always)]
        fn halves(self) -> Avx2 {
            // SAFETY: a value proves its instructions.
            unsafe {
                let upper = _mm512_extractf32x8_ps::<1>(self.0);
                Avx2(_mm512_castps512_ps256(self.0), upper)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Isa, dispatched_sixteen};
    use proptest::prelude::*;

    dispatched_sixteen! {
        /// The bits that every operation gives for two vectors; `odd` may hold NaN.
        fn all<S>(proof, a: &[f32; 16], b: &[f32; 16], odd: &[f32; 16]) -> Vec<u32> {
            let (x, y, odd) = (S::load(proof, a), S::load(proof, b), S::load(proof, odd));
            let greater = odd.magnitude().greater(x.magnitude());
            let vectors = [
                x.plus(y), x.minus(y), x.times(y), x.flushed(), x.magnitude(), x.greater(y), greater,
                S::splat(proof, a[0]),
            ];
            let numbers = [x.fold(), x.greatest(), greater.greatest()];
            let mut bits: Vec<u32> = numbers.map(f32::to_bits).to_vec();
            for vector in vectors {
                let mut out = [0.0; 16];
                vector.store(&mut out);
                bits.extend(out.map(f32::to_bits));
            }
            bits
        }
    }

    fn value() -> impl Strategy<Value = f32> {
        prop_oneof![-9.0f32..9.0, -1e-17f32..1e-17, Just(0.0), Just(-0.0), Just(3.0), Just(1e30)]
    }

    proptest! {
        #[test]
        fn every_isa_computes_the_same(
            a in prop::array::uniform16(value()), b in prop::array::uniform16(value()),
            odd in prop::array::uniform16(prop_oneof![value(), Just(f32::NAN), Just(f32::INFINITY)]),
        ) {
            let want = all(Isa::portable(), &a, &b, &odd);
            for isa in Isa::available() {
                prop_assert_eq!(&all(isa, &a, &b, &odd), &want, "{:?}", isa);
            }
        }
    }
}
