//! Codec `neural`: tokens coded by the predictions of a language model.
//!
//! Two schedules give the same bits under [`Schedule::Portable`]. Packing knows all tokens beforehand and takes many
//! positions of one chunk through the model at once. Unpacking takes one position of each of several chunks
//! (lanes) at once. An engine with a fixed schedule takes lanes in both directions.

use std::sync::Arc;

use crate::error::Result;
use crate::kernel::Isa;
use crate::model::{Frequencies, LanguageModel, Outputs};

use super::control::Control;
use super::token_coder::{Prediction, TokenCoder, TokenEncoder};

/// Positions of one chunk that packing takes through the model at once. docs/experiments/constants.md has the time of
/// others.
pub(super) const POSITIONS: usize = 16;

/// The token that a chunk's first prediction follows: a newline.
pub(crate) fn first_token(model: &dyn LanguageModel) -> u32 {
    model.vocabulary().rank(b"\n").unwrap_or(0)
}

/// The tokens of one chunk on their way into an encoder.
#[cfg(feature = "encode")]
struct Writer<'a> {
    encoder: Box<dyn TokenEncoder + 'a>,
    frequencies: Frequencies,
    /// Raw bytes of each token, for the progress.
    model: &'a dyn LanguageModel,
    control: Control<'a>,
}

#[cfg(feature = "encode")]
impl Writer<'_> {
    /// Codes `targets`, each with its prediction.
    fn write(&mut self, outputs: Outputs<'_>, targets: &[u32]) -> Result<()> {
        self.control.check()?;
        let mut bytes = 0;
        for ((hidden, logits), &token) in outputs.each().zip(targets) {
            self.frequencies.take(logits);
            let frequencies = &self.frequencies;
            self.encoder.encode(&Prediction { hidden, frequencies }, token);
            bytes += self.model.vocabulary().token(token).len();
        }
        self.control.add(bytes);
        Ok(())
    }
}

/// Codes the `tokens` of a chunk of `raw_len` bytes, many positions at a time. With `two_threads`, all of the model
/// but its last product has a thread of its own, which takes about half of the time.
#[cfg(feature = "encode")]
pub(super) fn encode(
    model: &Arc<dyn LanguageModel>,
    coder: &dyn TokenCoder,
    isa: Isa,
    tokens: &[u32],
    raw_len: usize,
    two_threads: bool,
    control: Control<'_>,
) -> Result<Vec<u8>> {
    let mut writer = Writer {
        encoder: coder.encoder(raw_len),
        frequencies: Frequencies::new(model.vocabulary().len(), isa),
        model: &**model,
        control,
    };
    // One token before the first, so that `inputs[i]` predicts `tokens[i]`.
    let first = [first_token(&**model)];
    let inputs = [&first, &tokens[..tokens.len().saturating_sub(1)]].concat();
    #[cfg(feature = "threads")]
    if two_threads && let Some((trunk, unembed)) = Arc::clone(model).pipeline(POSITIONS) {
        pipelined::write(trunk, unembed, &inputs, tokens, &mut writer)?;
        return Ok(writer.encoder.finish());
    }
    let _ = two_threads;
    let mut session = Arc::clone(model).session(1, POSITIONS, 0);
    let one_lane = [0; POSITIONS];
    for (block, targets) in inputs.chunks(POSITIONS).zip(tokens.chunks(POSITIONS)) {
        writer.write(session.step(block, &one_lane[..block.len()])?, targets)?;
    }
    Ok(writer.encoder.finish())
}

#[cfg(all(feature = "encode", feature = "threads"))]
mod pipelined {
    use std::sync::mpsc;
    use std::thread;

    use super::{POSITIONS, Writer};
    use crate::error::{Error, Result};
    use crate::model::{Trunk, Unembed};

    /// Blocks of positions that the model may be ahead of the coder.
    const AHEAD: usize = 2;

    /// Runs the trunk on a thread of its own, the unembedding and the coder on this one.
    pub(super) fn write(
        mut trunk: Box<dyn Trunk>,
        mut unembed: Box<dyn Unembed>,
        inputs: &[u32],
        tokens: &[u32],
        writer: &mut Writer<'_>,
    ) -> Result<()> {
        thread::scope(|scope| {
            let (full, ready) = mpsc::sync_channel::<Vec<f32>>(AHEAD);
            let (back, empty) = mpsc::channel::<Vec<f32>>();
            let read = move || {
                for block in inputs.chunks(POSITIONS) {
                    let mut hidden = empty.try_recv().unwrap_or_default();
                    hidden.clear();
                    hidden.extend_from_slice(trunk.read(block));
                    // Nobody takes it any more where coding was interrupted.
                    if full.send(hidden).is_err() {
                        return;
                    }
                }
            };
            let reader = thread::Builder::new().name("llz model".into());
            reader.spawn_scoped(scope, read).map_err(|e| Error::io("-", e))?;
            // The channel ends early only where that thread panics, which the end of the scope passes on.
            for (hidden, targets) in ready.iter().zip(tokens.chunks(POSITIONS)) {
                writer.write(unembed.predict(&hidden), targets)?;
                _ = back.send(hidden);
            }
            Ok(())
        })
    }
}
