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
    /// Letters at random, such as base64 or hexadecimal digits of noise: worth the mixer, which sees at once that
    /// there is nothing to see.
    Letters,
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
        return if is_smooth(&sample) {
            Content::Binary
        } else if is_random(&sample) {
            Content::Letters
        } else {
            Content::Text
        };
    }
    // Noise is where neither skew nor repeats save a 64th, which is also the least that zstd takes
    // for a gain (`ZSTD_minGain`). Few bytes are never even enough to count as noise.
    let saved = saved_by_skew(&sample) + saved_by_repeats::<REPEAT>(&sample);
    if saved * 64 < len && !may_be_numbers(&sample) { Content::Noise } else { Content::Binary }
}

/// Says whether at least half of these bytes are digits, as in columns of numbers. There contexts or records may make less
/// of them than a model of language does.
pub(super) fn is_mostly_digits(raw: &[u8]) -> bool {
    let sample = sample(raw);
    sample.iter().filter(|byte| byte.is_ascii_digit()).count() * 2 >= sample.len().max(1)
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

/// Whether bytes as even as noise may be numbers all the same, such as sound: at one of the distances up to 16 more of them
/// are near each other than chance has it. Two random bytes differ by at most 16 in 12.5 % of all cases; 13.5 % are five standard deviations more in a
/// sample of 32 KiB.
fn may_be_numbers(sample: &[u8]) -> bool {
    (1..=16).any(|distance| {
        let pairs = sample.iter().zip(sample.iter().skip(distance));
        let near = pairs.filter(|(a, b)| a.abs_diff(**b) <= 16).count();
        near * 1000 > sample.len() * 135
    })
}

/// Whether bytes are near to those before them, as in pictures and sounds: the differences over one to four bytes take
/// less than nine sixteenths of what a code for single bytes takes. Grey pictures and sound of 8 bits are at 0.34 to 0.46, and
/// no text of `../shared` is below 0.68, which is Chinese.
fn is_smooth(sample: &[u8]) -> bool {
    let singly = 8 * sample.len() as u64 - 8 * saved_by_skew(sample);
    (1..=4).any(|channels| {
        let pairs = sample.iter().zip(sample.iter().skip(channels));
        let bits: u32 = pairs.map(|(&a, &b)| (u32::from(a.abs_diff(b)) + 1).ilog2() + 1).sum();
        sample.len() > 512 && u64::from(bits) * 16 < singly * 9
    })
}

/// Whether letters follow each other at random: no pair of neighbours comes much more often than its letters, no
/// letter much more often than half of the others, and nothing long comes again. Fewer than 4,096 bytes do not tell.
fn is_random(sample: &[u8]) -> bool {
    let n = sample.len() as u64;
    if n < 4096 || saved_by_repeats::<LONG_REPEAT>(sample) * 64 > n {
        return false;
    }
    let mut pairs = vec![0u64; 1 << 16];
    for pair in sample.windows(2) {
        pairs[usize::from(pair[0]) << 8 | usize::from(pair[1])] += 1;
    }
    // How many pairs of places are alike. Of independent letters, the share of equal pairs is the square of the share
    // of equal letters.
    let alike = |counts: &[u64]| counts.iter().map(|&c| c * c.saturating_sub(1)).sum::<u64>();
    let (one, two) = (u128::from(alike(&counts(sample))), u128::from(alike(&pairs)));
    let all = u128::from(n) * u128::from(n);
    two * all * 10 < one * one * 11
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
pub(super) const LOG2_BITS: u32 = 16;

/// The binary logarithm of `n`, rounded down to [`LOG2_BITS`] bits after the point; 0 for 0.
///
/// A number in [1, 2) is squared again and again: each time its square reaches 2, the next bit of
/// its logarithm is 1.
pub(super) const fn log2(n: u64) -> u32 {
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
/// Bytes of a repeat that few letters at random do not make: 64 KiB of two letters have repeats of 32 at most.
const LONG_REPEAT: usize = 32;
/// log2 of the places that are remembered: one for each byte of the sample.
const TABLE_BITS: u32 = 16;

/// Bytes that naming repeats of `LEAST` bytes and more could save, about. The last place of each hash is remembered, so a
/// repeat may be missed, but none is counted that is not there.
fn saved_by_repeats<const LEAST: usize>(sample: &[u8]) -> u64 {
    let mut table = vec![0u32; 1 << TABLE_BITS];
    let (mut at, mut saved) = (0, 0);
    while let Some(next) = sample.get(at..).and_then(|rest| rest.first_chunk::<LEAST>()) {
        let number = next.iter().fold(0u64, |number, &byte| number.rotate_left(8).wrapping_add(u64::from(byte)));
        // 2^64 divided by the golden ratio spreads the bits (Knuth, volume 3, chapter 6.4).
        let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - TABLE_BITS);
        let before = std::mem::replace(&mut table[hash as usize], at as u32) as usize;
        let same = sample[at..].iter().zip(&sample[before..]).take_while(|(a, b)| a == b).count();
        // A place of 0 may be one that was never written; it is no repeat of itself.
        if before < at && same >= LEAST {
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

    /// Digits of noise are told from text that uses few letters.
    #[test]
    fn letters_at_random_are_no_text() {
        let digits: Vec<u8> = noise(50_000).iter().map(|b| b"0123456789abcdef"[usize::from(b >> 4)]).collect();
        assert_eq!(of_chunk(&digits), Content::Letters);
        let lines: Vec<u8> = digits.chunks(76).flat_map(|line| [line, b"\n"].concat()).collect();
        assert_eq!(of_chunk(&lines), Content::Letters);
        assert_eq!(of_chunk(&digits[..4000]), Content::Text);
        let genes: Vec<u8> = noise(50_000).iter().map(|b| b"acgt"[usize::from(b >> 6)]).collect();
        assert_eq!(of_chunk(&genes), Content::Letters);
        let columns = digits.chunks(7).map(|digits| [digits, b","].concat()).collect::<Vec<_>>().concat();
        assert_eq!(of_chunk(&columns), Content::Letters);
        assert_eq!(of_chunk(include_bytes!("content.rs")), Content::Text);
    }

    /// A picture of printable grey levels is none.
    #[test]
    fn smooth_bytes_are_no_text() {
        let wave = |i: usize| 70 + (i % 60).abs_diff(30) as u8 + (i % 7) as u8 / 3;
        let grey: Vec<u8> = (0..100_000).map(wave).collect();
        assert_eq!(of_chunk(&grey), Content::Binary);
    }

    /// Loud sound of 16 bits is as even as noise, byte by byte, but its upper bytes are near each other.
    #[test]
    fn numbers_are_no_noise() {
        let low = noise(60_000);
        let sound = low.iter().enumerate().flat_map(|(i, &low)| [low, (i / 40) as u8 ^ (low & 3)]);
        let sound: Vec<u8> = sound.collect();
        assert!(saved_by_skew(&sample(&sound)) * 64 < SAMPLE as u64);
        assert_eq!(of_chunk(&sound), Content::Binary);
        assert_eq!(of_chunk(&noise(1 << 20)), Content::Noise);
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

    /// A table of numbers is mostly digits, the log of a server is not.
    #[test]
    fn columns_of_numbers_are_mostly_digits() {
        let rows: String = (0..9000u32).map(|row| format!("{row},{}\n", row * 7919 % 1009)).collect();
        assert!(is_mostly_digits(rows.as_bytes()));
        let log = "127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /a.gif HTTP/1.0\" 200 2326\n".repeat(900);
        assert!(!is_mostly_digits(log.as_bytes()));
        assert!(!is_mostly_digits(b"") && is_mostly_digits(b"1,"));
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
            prop_assert!(saved_by_repeats::<REPEAT>(&sample) <= sample.len() as u64);
        }
    }
}
