//! One zstd frame, no more and no less.

/// Decompresses a frame of exactly `len` raw bytes; `None` if `coded` is anything else, several
/// frames included, which zstd itself would join.
pub fn decompress(coded: &[u8], len: usize) -> Option<Vec<u8>> {
    let whole = zstd::zstd_safe::find_frame_compressed_size(coded) == Ok(coded.len());
    let raw = whole.then(|| zstd::bulk::decompress(coded, len).ok()).flatten()?;
    (raw.len() == len).then_some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_frame_of_that_length_will_do() {
        let frame = |raw: &[u8]| zstd::bulk::compress(raw, 1).unwrap();
        let one = frame(&[7; 900]);
        assert_eq!(decompress(&one, 900).unwrap(), [7; 900]);
        assert!(decompress(&one, 899).is_none() && decompress(&one, 901).is_none());
        assert!(decompress(&[one.clone(), frame(b"")].concat(), 900).is_none());
        assert!(decompress(&[frame(&[7; 400]), frame(&[7; 500])].concat(), 900).is_none());
        assert!(decompress(&one[..one.len() - 1], 900).is_none());
        assert!(decompress(b"", 0).is_none());
    }
}
