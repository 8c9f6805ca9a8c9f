//! Which instruction set to use, decided at run time.

/// An instruction set the kernels are compiled for. All give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Plain Rust for the target's baseline; normative.
    Portable,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F/BW/VL/DQ and VNNI.
    Avx512,
    /// AArch64 with the dot-product extension (`sdot`).
    Neon,
}

impl Path {
    /// Every path, fastest last.
    pub const ALL: [Path; 4] = [Path::Portable, Path::Neon, Path::Avx2, Path::Avx512];

    /// Whether this machine can run the path.
    pub fn available(self) -> bool {
        match self {
            Path::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vnni")
                    && is_x86_feature_detected!("avx2")
            }
            #[cfg(target_arch = "aarch64")]
            Path::Neon => std::arch::is_aarch64_feature_detected!("dotprod"),
            _ => false,
        }
    }

    /// The fastest available path, or the one named by the environment variable `LLZ_KERNEL`
    /// (`portable`, `avx2`, `avx512`, `neon`) where this machine can run it. The variable exists
    /// so that tests can compare whole archives between paths.
    pub fn detect() -> Path {
        let forced = std::env::var("LLZ_KERNEL").ok();
        let forced = forced.as_deref().and_then(Path::from_name).filter(|p| p.available());
        forced.unwrap_or_else(|| {
            Path::ALL.into_iter().rev().find(|p| p.available()).unwrap_or(Path::Portable)
        })
    }

    /// The path with this name.
    pub fn from_name(name: &str) -> Option<Path> {
        Path::ALL.into_iter().find(|p| p.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Path::Portable => "portable",
            Path::Avx2 => "avx2",
            Path::Avx512 => "avx512",
            Path::Neon => "neon",
        }
    }
}

/// Compiles one portable function body for every instruction set and picks among them by a
/// leading [`Path`] argument.
macro_rules! dispatched {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[inline]
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(path: $crate::kernel::Path, $($arg: $ty),*) $(-> $ret)? {
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

            match path {
                // SAFETY: an engine only carries a path for which `Path::available` holds, and
                // every CPU with AVX2 also has the bit-manipulation extensions named beside it.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::Path::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above, for the AVX-512 subsets that `Path::available` checks.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::Path::Avx512 => unsafe { avx512($($arg),*) },
                _ => body($($arg),*),
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
        $vis fn $name(path: $crate::kernel::Path, $($arg: $ty),*) $(-> $ret)? {
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

            match path {
                // SAFETY: as in `dispatched!`.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::Path::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as in `dispatched!`.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::Path::Avx512 => unsafe { avx512($($arg),*) },
                _ => body::<$crate::kernel::lanes::Plain>($($arg),*),
            }
        }
    };
}
pub(crate) use {dispatched, dispatched_lanes};

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that means to test one path must not silently test another.
    #[test]
    fn a_path_asked_for_is_taken() {
        if let Ok(name) = std::env::var("LLZ_KERNEL") {
            assert_eq!(Path::detect().name(), name);
        }
    }
}
