//! Values that are made once, when they are first asked for, and whose making may fail.
#![forbid(unsafe_code)]

use std::sync::OnceLock;

use crate::error::Result;

/// The value of `cell`. Where there is none yet, `make` makes it; after a failure the next call tries again.
pub(crate) fn get_or_try_init<T>(
    cell: &OnceLock<T>,
    make: impl FnOnce() -> Result<T>,
) -> Result<&T> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    // Another thread may have been faster; both made the same.
    Ok(cell.get_or_init(|| made))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn a_value_is_made_once_and_a_failure_is_not_kept() {
        let cell = OnceLock::new();
        let failed = get_or_try_init(&cell, || Err(Error::Interrupted));
        assert!(matches!(failed, Err(Error::Interrupted)));
        assert_eq!(get_or_try_init(&cell, || Ok(1)).unwrap(), &1);
        assert_eq!(get_or_try_init(&cell, || Ok(2)).unwrap(), &1);
    }
}
