//! The name of a model, as archives and streams write it.

/// What names a model in a container: enough to find the very same one, and to refuse any other.
///
/// The container treats it as opaque bytes. Only the codec compares it with the model at hand: a
/// neural chunk decodes only where all four fields agree, because one rounding that differs makes
/// everything after it noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelRef {
    /// SHA-256 of the model file.
    pub sha256: [u8; 32],
    /// First eight bytes of the SHA-256 of the vocabulary (FORMAT.md says over what).
    pub tokenizer: [u8; 8],
    /// Numeric profile: the number of the arithmetic that the model runs in (FORMAT.md).
    pub profile: u8,
    /// Engine fingerprint: what this arithmetic makes of a fixed token sequence.
    pub fingerprint: u64,
}

impl ModelRef {
    /// Bytes it takes in a container.
    pub(crate) const LEN: usize = 32 + 8 + 1 + 8;

    /// Appends its bytes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.sha256);
        out.extend(self.tokenizer);
        out.push(self.profile);
        out.extend(self.fingerprint.to_le_bytes());
    }

    /// The model that these bytes name.
    pub(crate) fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let (mut sha256, mut tokenizer, mut fingerprint) = ([0; 32], [0; 8], [0; 8]);
        sha256.copy_from_slice(&bytes[..32]);
        tokenizer.copy_from_slice(&bytes[32..40]);
        fingerprint.copy_from_slice(&bytes[41..]);
        let fingerprint = u64::from_le_bytes(fingerprint);
        ModelRef { sha256, tokenizer, profile: bytes[40], fingerprint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let mut sha256 = [7; 32];
        sha256[31] = 1;
        let model = ModelRef {
            sha256,
            tokenizer: *b"tokenize",
            profile: 3,
            fingerprint: 0x0123_4567_89AB_CDEF,
        };
        let mut bytes = Vec::new();
        model.write(&mut bytes);
        assert_eq!(ModelRef::from_bytes(bytes.first_chunk().unwrap()), model);
        assert_eq!((bytes.len(), bytes[40], bytes[41]), (ModelRef::LEN, 3, 0xEF));
    }
}
