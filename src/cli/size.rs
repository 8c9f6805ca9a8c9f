//! Sizes as people write them.

use std::fmt;

/// A number of bytes, and how it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    pub bytes: u64,
    text: String,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads a size: a number, which may have a fraction, and a unit. `k`, `M`, `G` and `T`, or `KiB` and so on, are powers
/// of 1024; `kB`, `MB` and so on are powers of 1000.
pub fn size(text: &str) -> Result<Size, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = multiple(unit).ok_or_else(|| {
        format!(
            "unknown unit {unit:?}: use k, M, G, T (powers of 1024) or kB, MB, GB, TB (of 1000)"
        )
    })?;
    let expected = || "expected a number such as 64k, 1.5M or 1MB".to_owned();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().map_err(|_| expected())?;
    // More digits say nothing of bytes.
    let parts: u64 =
        fraction.get(..fraction.len().min(12)).unwrap_or("").parse().map_err(|_| expected())?;
    if unit == 1 && parts > 0 {
        return Err("there are no parts of a byte".into());
    }
    let parts = u128::from(parts) * u128::from(unit) / 10u128.pow(fraction.len().min(12) as u32);
    let bytes = u128::from(whole) * u128::from(unit) + parts;
    let bytes = u64::try_from(bytes).map_err(|_| "too large")?;
    Ok(Size { bytes, text: text.to_owned() })
}

/// The size of a chunk of an archive. Smaller ones cost more than they can bring: each has a header, and begins to learn
/// anew.
pub fn chunk_size(text: &str) -> Result<Size, String> {
    const LEAST: u64 = 4 << 10;
    let size = size(text)?;
    if size.bytes < LEAST {
        return Err(format!("a chunk has at least {}", in_units(LEAST)));
    }
    Ok(size)
}

/// The number of bytes that a unit has.
fn multiple(unit: &str) -> Option<u64> {
    let mut letters = unit.chars();
    let power = match letters.next().map(|letter| letter.to_ascii_lowercase()) {
        None => return Some(1),
        Some('b') => 0,
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some(_) => return None,
    };
    match (letters.as_str(), power) {
        ("", _) | ("iB" | "ib", 1..) => Some(1024u64.pow(power)),
        ("B" | "b", 1..) => Some(1000u64.pow(power)),
        _ => None,
    }
}

/// A number of bytes in the largest unit that says it exactly.
pub fn in_units(bytes: u64) -> String {
    let units = [("T", 40), ("G", 30), ("M", 20), ("k", 10)];
    let unit = units.into_iter().find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    match unit {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_mean_what_people_mean() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65536),
            ("17B", 17),
            ("64k", 64 << 10),
            ("64K", 64 << 10),
            ("64KiB", 64 << 10),
            ("1M", 1 << 20),
            ("1m", 1 << 20),
            ("1MiB", 1 << 20),
            ("1MB", 1_000_000),
            ("1kB", 1000),
            ("2TB", 2_000_000_000_000),
            ("3GiB", 3 << 30),
            ("1.5M", 3 << 19),
            ("0.5k", 512),
            ("1.25MB", 1_250_000),
            ("2.000G", 2 << 30),
            ("16777215T", 16_777_215 << 40),
        ] {
            let size = size(text).unwrap();
            assert_eq!((size.bytes, size.to_string()), (bytes, text.to_owned()));
        }
        for wrong in [
            "",
            "k",
            ".",
            ".5M",
            "1.M",
            "1.5",
            "1.5.5M",
            "-1",
            "+1",
            "1x",
            "1 M",
            "1Mi",
            "1iB",
            "1BB",
            "99999999T",
            "1,5M",
            "18446744073709551616",
        ] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn chunks_have_a_least_size() {
        assert_eq!(chunk_size("4k").unwrap().bytes, 4096);
        assert!(chunk_size("4095").unwrap_err().contains("4k"));
        assert!(chunk_size("1").is_err());
    }

    #[test]
    fn limits_are_shown_as_they_are_written() {
        for (bytes, text) in
            [(1 << 40, "1T"), (64 << 20, "64M"), (3 << 19, "1536k"), (1000, "1000 bytes")]
        {
            assert_eq!(in_units(bytes), text);
        }
        assert_eq!(in_units(0), "0 bytes");
    }
}
