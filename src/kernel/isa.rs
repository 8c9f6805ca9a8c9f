//! The instructions that the kernels use are chosen here, at run time.
//!
//! Kernels of two kinds are chosen apart, because processors offer them apart: arithmetic on
//! binary32 values, and exact products of 8-bit integers. A new instruction set adds a variant to one of
//! the two enums here, and the compiler then names every `match` that must treat it.

/// A set of instructions that this machine was found to have.
///
/// A value is the proof of detection: the fields are private and every constructor looks at the
/// processor first. So safe code cannot reach an instruction that the machine lacks. All sets give
/// the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa {
    name: &'static str,
    floats: Floats,
    products: Products,
}

/// The registers that binary32 arithmetic runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Floats {
    /// Plain Rust for the target's baseline; normative.
    Portable,
    /// AVX2 and the bit-manipulation extensions BMI1, BMI2, LZCNT and POPCNT.
    #[cfg(target_arch = "x86_64")]
    Avx2(HasAvx2),
    /// All of [`Floats::Avx2`] and AVX-512 F, BW, VL and DQ.
    #[cfg(target_arch = "x86_64")]
    Avx512(HasAvx512),
}

/// Proves what [`Floats::Avx2`] needs. Only this file makes one, after it has looked.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HasAvx2(());

/// Proves what [`Floats::Avx512`] needs. Only this file makes one, after it has looked.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HasAvx512(());

/// The instructions that multiply 8-bit integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Products {
    /// Plain Rust; normative.
    Portable,
    /// AArch64 with the dot-product extension: `sdot`.
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    /// AVX2: `maddubs` and `madd`.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, VL and VNNI: `dpbusd`.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Isa {
    /// Plain Rust for the target's baseline, which every machine can run.
    pub fn portable() -> Self {
        Isa { name: "portable", floats: Floats::Portable, products: Products::Portable }
    }

    /// All that this machine can run, the fastest last.
    pub fn available() -> Vec<Self> {
        #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(unused_mut))]
        let mut found = vec![Self::portable()];
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon")
            && std::arch::is_aarch64_feature_detected!("dotprod")
        {
            let products = Products::NeonDot;
            found.push(Isa { name: "neon", floats: Floats::Portable, products });
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = HasAvx2::detect() {
            let (floats, products) = (Floats::Avx2(proof), Products::Avx2);
            found.push(Isa { name: "avx2", floats, products });
            if let Some(proof) = HasAvx512::detect(proof) {
                let floats = Floats::Avx512(proof);
                found.push(Isa { name: "avx512f", floats, products });
                if is_x86_feature_detected!("avx512vnni") {
                    let products = Products::Avx512Vnni;
                    found.push(Isa { name: "avx512", floats, products });
                }
            }
        }
        found
    }

    /// The fastest that this machine can run.
    pub fn detect() -> Self {
        Self::available().pop().unwrap_or(Self::portable())
    }

    /// The one with this name, if this machine can run it. Names are `portable`, `neon`, `avx2`,
    /// `avx512f` (floats of AVX-512 and products of AVX2, for processors without VNNI) and `avx512`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|isa| isa.name == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The registers that binary32 arithmetic runs in.
    #[inline(always)]
    pub(super) fn floats(self) -> Floats {
        self.floats
    }

    /// The instructions that multiply 8-bit integers.
    #[inline(always)]
    pub(super) fn products(self) -> Products {
        self.products
    }
}

#[cfg(target_arch = "x86_64")]
impl HasAvx2 {
    /// Looks at the processor. [`Products::Avx2`] needs no more than this either.
    fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        found.then_some(HasAvx2(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl HasAvx512 {
    /// Looks at a processor that has AVX2.
    fn detect(_: HasAvx2) -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq");
        found.then_some(HasAvx512(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_set_is_found_by_its_name() {
        let available = Isa::available();
        assert_eq!(available[0], Isa::portable());
        assert_eq!(available.last(), Some(&Isa::detect()));
        for isa in available {
            assert_eq!(Isa::from_name(isa.name()), Some(isa));
        }
        assert_eq!(Isa::from_name("abacus"), None);
    }

    /// A run on an emulated machine that means to test one set must not silently test another.
    #[test]
    fn the_set_that_a_test_run_asks_for_is_available() {
        if let Ok(name) = std::env::var("LLZ_KERNEL") {
            assert!(Isa::from_name(&name).is_some(), "{name}");
        }
    }
}
