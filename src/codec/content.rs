//! The kind of some bytes, from a cheap look at them.
//!
//! Two questions are answered here: which codecs are worth trying on a chunk, and which files
//! should lie beside each other in an archive. Both answers end up in the archive's bytes, so they
//! are integer arithmetic on the bytes and nothing else: the same on every CPU, and independent of
//! the versions of libraries.

/// The content of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Text in any language: worth the language model.
    Text,
    /// Structured bytes that are not text: worth the mixer.
    Binary,
    /// Compressed, encrypted or random bytes: nothing to gain.
    Noise,
}

/// Bytes of a chunk that are looked at, in pieces spread over it.
const SAMPLE: usize = 64 << 10;
const PIECES: usize = 8;

/// Looks at a sample of a chunk.
pub(crate) fn of_chunk(raw: &[u8]) -> Content {
    let sample = sample(raw);
    let len = sample.len() as u64;
    // Text is what is more than 85 % characters: a table of numbers or a small header may be in it.
    if text_bytes(&sample) * 20 > len * 17 {
        return Content::Text;
    }
    // Noise is where neither skew nor repeats save a 64th, which is also the least that zstd takes
    // for a gain (`ZSTD_minGain`). Few bytes are never even enough to count as noise.
    let saved = saved_by_skew(&sample) + saved_by_repeats(&sample);
    if saved * 64 < len { Content::Noise } else { Content::Binary }
}

/// Says whether these first bytes of a file have no byte that is a control character but line ends and
/// the like.
pub(crate) fn is_plain_text(beginning: &[u8]) -> bool {
    !beginning.iter().any(|&byte| is_control(byte))
}

/// Says whether these first bytes of a file are as even as noise. Fewer than 512 do not tell.
pub(crate) fn is_even(beginning: &[u8]) -> bool {
    // Pairs of equal bytes; noise has n(n-1)/256 of them, give or take a few per cent.
    let n = beginning.len() as u64;
    let pairs: u64 = counts(beginning).iter().map(|&count| count * count.saturating_sub(1)).sum();
    n >= 512 && pairs * 256 * 5 < n * (n - 1) * 6
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

/// A byte that text does not have: a control character other than tab, line ends, form feed and
/// escape.
fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127)
}

/// Counts the bytes that are characters: valid UTF-8 without control characters.
fn text_bytes(sample: &[u8]) -> u64 {
    let valid = sample.utf8_chunks().flat_map(|chunk| chunk.valid().bytes());
    valid.filter(|&byte| !is_control(byte)).count() as u64
}

fn counts(bytes: &[u8]) -> [u64; 256] {
    let mut counts = [0; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    counts
}

/// Bytes that a code for single bytes could save at best: how far their order-0 entropy is below
/// eight bits, times their number.
fn saved_by_skew(sample: &[u8]) -> u64 {
    let times_log2 = |n: u64| n * u64::from(log2(n));
    let bits =
        times_log2(sample.len() as u64) - counts(sample).into_iter().map(times_log2).sum::<u64>();
    ((8 * sample.len() as u64) << LOG2_BITS).saturating_sub(bits) >> (LOG2_BITS + 3)
}

/// Fractional bits of [`log2`].
const LOG2_BITS: u32 = 16;

/// The binary logarithm of `n`, rounded down to [`LOG2_BITS`] bits after the point; 0 for 0.
///
/// A number in [1, 2) is squared again and again: each time its square reaches 2, the next bit of
/// its logarithm is 1.
const fn log2(n: u64) -> u32 {
    if n == 0 {
        return 0;
    }
    let whole = n.ilog2();
    // 31 bits after the point, so that a square fits 64 bits.
    let mut x = if whole > 31 { n >> (whole - 31) } else { n << (31 - whole) };
    let mut result = whole;
    let mut bit = 0;
    while bit < LOG2_BITS {
        x = (x * x) >> 31;
        let one = x >> 32;
        x >>= one;
        result = result << 1 | one as u32;
        bit += 1;
    }
    result
}

/// Bytes that naming a repeat costs, about: its place in the sample and its length.
const REPEAT_COST: usize = 4;
/// Bytes that a repeat is found by: the fewest that are worth its name.
const REPEAT: usize = REPEAT_COST + 1;
/// log2 of the places that are remembered: one for each byte of the sample.
const TABLE_BITS: u32 = 16;

/// Bytes that naming repeats could save, about. The last place of each hash is remembered, so a
/// repeat may be missed, but none is counted that is not there.
fn saved_by_repeats(sample: &[u8]) -> u64 {
    let mut table = vec![0u32; 1 << TABLE_BITS];
    let (mut at, mut saved) = (0, 0);
    while let Some(next) = sample.get(at..).and_then(|rest| rest.first_chunk::<REPEAT>()) {
        let number = next.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        // 2^64 divided by the golden ratio spreads the bits (Knuth, volume 3, chapter 6.4).
        let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - TABLE_BITS);
        let before = std::mem::replace(&mut table[hash as usize], at as u32) as usize;
        let same = sample[at..].iter().zip(&sample[before..]).take_while(|(a, b)| a == b).count();
        // A place of 0 may be one that was never written; it is no repeat of itself.
        if before < at && same >= REPEAT {
            saved += same - REPEAT_COST;
            at += same;
        } else {
            at += 1;
        }
    }
    saved as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut x = 1u64;
        let mut next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (x >> 56) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn kinds_are_told_apart() {
        let text = "The quick brown fox — naïve, 日本語 — jumps.\n".repeat(400);
        assert_eq!(of_chunk(text.as_bytes()), Content::Text);
        assert_eq!(of_chunk(b"x"), Content::Text);
        assert_eq!(of_chunk(b""), Content::Binary);
        let records: Vec<u8> = (0..20_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        assert_eq!(of_chunk(&records), Content::Binary);
        for len in [9 << 10, 64 << 10, 100_000, 3 << 20] {
            assert_eq!(of_chunk(&noise(len)), Content::Noise, "{len} bytes");
        }
    }

    /// Noise that comes twice, and noise without some of the bytes, are both worth a look.
    #[test]
    fn noise_with_structure_is_none() {
        let once = noise(16 << 10);
        assert_eq!(of_chunk(&once), Content::Noise);
        assert_eq!(of_chunk(&once.repeat(2)), Content::Binary);
        let skewed: Vec<u8> = noise(64 << 10).into_iter().map(|byte| byte % 230).collect();
        assert_eq!(of_chunk(&skewed), Content::Binary);
    }

    /// More than 85 % of characters are enough, and 85 % are not.
    #[test]
    fn the_share_of_text_has_a_sharp_border() {
        let mixed = |bad: usize| [vec![b'a'; 1000 - bad], vec![0; bad]].concat();
        assert_eq!(of_chunk(&mixed(149)), Content::Text);
        assert_eq!(of_chunk(&mixed(150)), Content::Binary);
    }

    #[test]
    fn logarithms_are_exact_where_they_can_be_and_close_elsewhere() {
        for power in 0..64 {
            assert_eq!(log2(1 << power), (power as u32) << LOG2_BITS);
        }
        for n in (1..70_000u64).step_by(7) {
            let right = (n as f64).log2() * f64::from(1 << LOG2_BITS);
            let off = right - f64::from(log2(n));
            assert!((-0.01..1.01).contains(&off), "{n}: {off}");
        }
    }

    #[test]
    fn beginnings_of_files() {
        assert!(is_plain_text("Ünïcode\r\n\tand\x0cso on\x1b[0m".as_bytes()));
        assert!(!is_plain_text(b"\x00") && !is_plain_text(b"\x7f"));
        for len in [512, 1000, 4096] {
            assert!(is_even(&noise(len)), "{len} bytes");
        }
        assert!(!is_even(&noise(511)) && !is_even(&[0; 4096]) && !is_even(b""));
    }

    proptest! {
        /// Any bytes have an answer, and it is that of the sample alone.
        #[test]
        fn any_bytes_have_one_answer(
            raw in proptest::collection::vec(any::<u8>(), 0..2000),
            times in 1usize..100,
        ) {
            let raw = raw.repeat(times);
            prop_assert_eq!(of_chunk(&raw), of_chunk(&sample(&raw)));
            let sample = sample(&raw);
            prop_assert!(sample.len() <= SAMPLE);
            prop_assert!(saved_by_skew(&sample) <= sample.len() as u64);
            prop_assert!(saved_by_repeats(&sample) <= sample.len() as u64);
        }
    }
}
