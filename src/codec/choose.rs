//! Which codecs are worth trying on a chunk, from a cheap look at it.

/// What kind of bytes a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text in any language: worth the model.
    Text,
    /// Structured bytes that are not text: worth the mixer.
    Binary,
    /// Nothing to gain.
    Random,
}

/// Bytes looked at, in pieces spread over the chunk.
const SAMPLE: usize = 64 << 10;
const PIECES: usize = 8;

/// Looks at a sample of `raw`. The answer depends on nothing but the bytes.
pub(super) fn kind(raw: &[u8]) -> Kind {
    let sample = sample(raw);
    let text = text_share(&sample);
    if text > 0.85 {
        return Kind::Text;
    }
    // zstd's fast level finds repeats; the byte histogram finds skew.
    let packed = zstd::bulk::compress(&sample, 1).map_or(sample.len(), |p| p.len());
    let share = packed as f64 / sample.len().max(1) as f64;
    if share > 0.985 && sample.len() >= 512 && entropy(&sample) > 7.85 {
        Kind::Random
    } else {
        Kind::Binary
    }
}

/// Up to [`SAMPLE`] bytes in [`PIECES`] evenly spread pieces.
fn sample(raw: &[u8]) -> Vec<u8> {
    if raw.len() <= SAMPLE {
        return raw.to_vec();
    }
    let piece = SAMPLE / PIECES;
    let step = (raw.len() - piece) / (PIECES - 1);
    (0..PIECES).flat_map(|i| &raw[i * step..i * step + piece]).copied().collect()
}

/// Share of bytes that are printable text: valid UTF-8 without control characters, or Latin-1
/// letters standing alone.
fn text_share(sample: &[u8]) -> f64 {
    let mut good = 0usize;
    for chunk in sample.utf8_chunks() {
        good += chunk
            .valid()
            .bytes()
            .filter(|b| *b >= 32 && *b != 127 || matches!(b, b'\n' | b'\r' | b'\t' | 12 | 27))
            .count();
    }
    good as f64 / sample.len().max(1) as f64
}

/// Order-0 entropy in bits per byte.
fn entropy(sample: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for &b in sample {
        counts[usize::from(b)] += 1;
    }
    let n = sample.len() as f64;
    counts
        .iter()
        .filter(|&&c| c > 0)
        .map(|&c| (n / f64::from(c)).log2() * f64::from(c))
        .sum::<f64>()
        / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        let text = "The quick brown fox — naïve, 日本語 — jumps.\n".repeat(400);
        assert_eq!(kind(text.as_bytes()), Kind::Text);
        assert_eq!(kind(b"x"), Kind::Text);
        let mut x = 1u64;
        let random: Vec<u8> = (0..100_000)
            .map(|_| {
                x = x
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (x >> 56) as u8
            })
            .collect();
        assert_eq!(kind(&random), Kind::Random);
        let records: Vec<u8> = (0..20_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        assert_eq!(kind(&records), Kind::Binary);
    }
}
