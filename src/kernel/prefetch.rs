//! Loading memory into the cache before it is needed.

/// Starts loading the cache line of `value`; a hint without effect on results.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    // SAFETY: a prefetch of any address is harmless, and this one is of a live reference.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Starts loading every cache line of `values`. A value is at most one cache line long.
#[inline(always)]
pub fn prefetch_all<T>(values: &[T]) {
    for value in values.iter().step_by(const { LINE / size_of::<T>() }) {
        prefetch(value);
    }
}
