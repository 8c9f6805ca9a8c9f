//! Compiles one function body once per set of binary32 registers.
//!
//! The features that the functions here enable are those that `isa.rs` looks for before it makes
//! an [`Isa`](super::Isa). Change both together.

/// Compiles one portable function body for every instruction set and picks among them by a
/// leading [`Isa`](super::Isa) argument.
macro_rules! dispatched {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $crate::kernel::dispatched_sixteen! {
            $(#[$meta])* $vis fn $name<S>(_proof, $($arg: $ty),*) $(-> $ret)? $body
        }
    };
}

/// Like [`dispatched!`], for a body that is generic over [`Sixteen`](super::sixteen::Sixteen): `S`
/// names the register type inside it, and the first argument's name is that of its proof.
macro_rules! dispatched_sixteen {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<S>($proof:ident, $($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[inline]
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(isa: $crate::kernel::Isa, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body<S: $crate::kernel::sixteen::Sixteen>($proof: S::Proof, $($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
            #[allow(clippy::too_many_arguments)]
            fn avx2(proof: $crate::kernel::isa::HasAvx2, $($arg: $ty),*) $(-> $ret)? {
                body::<$crate::kernel::sixteen::x86::Avx2>(proof, $($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512dq,bmi1,bmi2,lzcnt,popcnt")]
            #[allow(clippy::too_many_arguments)]
            fn avx512(proof: $crate::kernel::isa::HasAvx512, $($arg: $ty),*) $(-> $ret)? {
                body::<$crate::kernel::sixteen::x86::Avx512>(proof, $($arg),*)
            }

            match isa.floats() {
                $crate::kernel::isa::Floats::Portable => {
                    body::<$crate::kernel::sixteen::Portable>((), $($arg),*)
                }
                // SAFETY: the proof says that the processor has every feature that `avx2` enables.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::isa::Floats::Avx2(proof) => unsafe { avx2(proof, $($arg),*) },
                // SAFETY: as above, for `avx512`.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::isa::Floats::Avx512(proof) => unsafe { avx512(proof, $($arg),*) },
            }
        }
    };
}
pub(super) use {dispatched, dispatched_sixteen};
