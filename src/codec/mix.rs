//! Codec `mix`: context mixing without a model.

use std::sync::LazyLock;

use crate::coder::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::mixer::Mixer;
use crate::vocab::Vocabulary;

use super::binarise::code_token;
use super::control::Control;

/// The tokens of this codec: single bytes.
pub(crate) static BYTES: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::of_bytes);

/// Bytes between two looks at the progress.
const STEP: usize = 4096;

/// Codes `raw`.
pub(super) fn encode(raw: &[u8], mut mixer: Mixer, control: Control<'_>) -> Result<Vec<u8>> {
    let mut encoder = Encoder::default();
    for piece in raw.chunks(STEP) {
        control.check()?;
        for &byte in piece {
            // The 256 tokens in byte order: a byte is its own rank.
            code_token(
                &BYTES,
                &mut mixer,
                |_| 0.0,
                |decision, p, _| {
                    let one = decision.answer(u32::from(byte));
                    encoder.encode(one, p);
                    one
                },
            );
        }
        control.add(piece.len());
    }
    Ok(encoder.finish())
}

/// Decodes `len` bytes.
pub(super) fn decode(
    coded: &[u8],
    len: usize,
    mut mixer: Mixer,
    control: Control<'_>,
) -> Result<Vec<u8>> {
    let mut decoder = Decoder::new(coded);
    while mixer.bytes().len() < len {
        control.check()?;
        let step = STEP.min(len - mixer.bytes().len());
        for _ in 0..step {
            code_token(&BYTES, &mut mixer, |_| 0.0, |_, p, _| decoder.decode(p));
        }
        control.add(step);
    }
    if !decoder.is_finished() {
        return Err(Error::corrupt("a mix chunk has bytes to spare"));
    }
    Ok(mixer.into_bytes())
}
