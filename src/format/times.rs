//! The times of a table of entries: a column of seconds and one of nanoseconds.
//!
//! Seconds of neighbours are close, so that their differences are small. Nanoseconds are as good as random or, on many
//! file systems and in many archives, all 0. Apart from each other, the first shrink well and the second may be left
//! out.

use super::cursor::Cursor;
#[cfg(feature = "encode")]
use super::integer::put_zigzag;
use crate::{Error, Result};

const SECOND: i64 = 1_000_000_000;

/// One of these two stands before the column of nanoseconds and says whether there is one.
const WHOLE: u8 = 0;
const FRACTIONS: u8 = 1;

/// Bytes of a number of nanoseconds.
const BYTES: usize = 4;

/// Appends both columns.
#[cfg(feature = "encode")]
pub(super) fn put_times(table: &mut Vec<u8>, times: &[i64]) {
    let mut last = 0;
    for time in times {
        let second = time.div_euclid(SECOND);
        put_zigzag(table, second - last);
        last = second;
    }
    let fractions = || times.iter().map(|time| time.rem_euclid(SECOND) as u32);
    if fractions().all(|fraction| fraction == 0) {
        table.push(WHOLE);
        return;
    }
    table.push(FRACTIONS);
    for byte in 0..BYTES {
        table.extend(fractions().map(|fraction| fraction.to_le_bytes()[byte]));
    }
}

/// Reads both columns into `times`.
pub(super) fn read_times(cursor: &mut Cursor<'_>, times: &mut [&mut i64]) -> Result<()> {
    let mut second = 0i64;
    for time in times.iter_mut() {
        second = second.wrapping_add(cursor.zigzag()?);
        **time = second;
    }
    let fractions = match cursor.u8()? {
        WHOLE => None,
        FRACTIONS => Some(cursor.take(times.len().saturating_mul(BYTES))?),
        flag => return Err(Error::Unsupported(format!("times of kind {flag}"))),
    };
    let count = times.len();
    for (index, time) in times.iter_mut().enumerate() {
        let fraction = fractions.map_or(0, |bytes| {
            (0..BYTES).rev().fold(0, |sum, byte| sum << 8 | i64::from(bytes[byte * count + index]))
        });
        if fraction >= SECOND {
            return Err(cursor.corrupt("nanoseconds that make a second"));
        }
        // The first second of which 64 bits of nanoseconds hold a part begins before they do.
        let sum = i128::from(**time) * i128::from(SECOND) + i128::from(fraction);
        let beyond = |_| cursor.corrupt("a time beyond 64 bits of nanoseconds");
        **time = i64::try_from(sum).map_err(beyond)?;
    }
    Ok(())
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(table: &[u8], count: usize) -> Result<Vec<i64>> {
        let mut times = vec![0; count];
        let mut cursor = Cursor::new(table, "test");
        read_times(&mut cursor, &mut times.iter_mut().collect::<Vec<_>>())?;
        cursor.finish()?;
        Ok(times)
    }

    fn put(times: &[i64]) -> Vec<u8> {
        let mut table = Vec::new();
        put_times(&mut table, times);
        table
    }

    proptest! {
        #[test]
        fn times_round_trip(times in proptest::collection::vec(any::<i64>(), 0..20)) {
            prop_assert_eq!(read(&put(&times), times.len()).unwrap(), times);
        }
    }

    #[test]
    fn whole_seconds_have_no_fractions() {
        let times = [1_700_000_000, 1_700_000_001, 0, -1].map(|second| second * SECOND);
        assert_eq!(put(&times).len(), 5 + 1 + 5 + 1 + 1);
        assert_eq!(read(&put(&times), 4).unwrap(), times);
        assert_eq!(put(&[i64::MIN, i64::MAX]).len(), 5 + 6 + 1 + 8);
        assert_eq!(read(&put(&[i64::MIN, i64::MAX]), 2).unwrap(), [i64::MIN, i64::MAX]);
    }

    #[test]
    fn times_that_cannot_be_are_refused() {
        let corrupt = |table: &[u8]| matches!(read(table, 1), Err(Error::Corrupt(_)));
        assert!(corrupt(&[0, 1, 0, 0xCA, 0x9A, 0x3B])); // 10^9 nanoseconds
        assert!(!corrupt(&[0, 1, 0xFF, 0xC9, 0x9A, 0x3B]));
        assert!(corrupt(&[0, 1, 0, 0, 0]) && corrupt(&[0]) && corrupt(&[0, 0, 0]));
        let mut far = Vec::new();
        put_zigzag(&mut far, i64::MAX / SECOND + 1);
        far.push(WHOLE);
        assert!(corrupt(&far));
        assert!(matches!(read(&[0, 2], 1), Err(Error::Unsupported(_))));
    }
}
