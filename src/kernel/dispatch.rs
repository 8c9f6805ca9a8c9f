//! Compiles one function body once per set of float lanes.
//!
//! The features that the functions here enable are those that `isa.rs` looks for before it makes
//! an [`Isa`](super::Isa). Change both together.

/// Compiles one portable function body for every instruction set and picks among them by a
/// leading [`Isa`](super::Isa) argument.
macro_rules! dispatched {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[inline]
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(isa: $crate::kernel::Isa, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
            #[allow(clippy::too_many_arguments)]
            fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512dq,bmi1,bmi2,lzcnt,popcnt")]
            #[allow(clippy::too_many_arguments)]
            fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }

            match isa.floats() {
                $crate::kernel::isa::Floats::Portable => body($($arg),*),
                // SAFETY: an `Isa` with these lanes is made only where the processor was found to
                // have every feature that `avx2` enables.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::isa::Floats::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above, for every feature that `avx512` enables.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::isa::Floats::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}

/// Like [`dispatched!`], for a body that is generic over [`Lanes`](super::lanes::Lanes): `L`
/// names the register type inside it.
macro_rules! dispatched_lanes {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<L>($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[inline]
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(isa: $crate::kernel::Isa, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body<L: $crate::kernel::lanes::Lanes>($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
            #[allow(clippy::too_many_arguments)]
            fn avx2($($arg: $ty),*) $(-> $ret)? { body::<$crate::kernel::lanes::x86::Avx2>($($arg),*) }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512dq,bmi1,bmi2,lzcnt,popcnt")]
            #[allow(clippy::too_many_arguments)]
            fn avx512($($arg: $ty),*) $(-> $ret)? { body::<$crate::kernel::lanes::x86::Avx512>($($arg),*) }

            match isa.floats() {
                $crate::kernel::isa::Floats::Portable => body::<$crate::kernel::lanes::Portable>($($arg),*),
                // SAFETY: an `Isa` with these lanes is made only where the processor was found to
                // have every feature that `avx2` enables.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::isa::Floats::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above, for every feature that `avx512` enables.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::isa::Floats::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}
pub(super) use {dispatched, dispatched_lanes};
