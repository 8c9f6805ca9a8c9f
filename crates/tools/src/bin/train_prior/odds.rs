//! The mixer's share in the probability of right answers, for the training of models.

use std::sync::Arc;

use rayon::prelude::*;

use llz::codec::binarise::code_token;
use llz::kernel::Isa;
use llz::mixer::{Mixer, NEURAL, Prior};
use llz::model::{Model, parts};
use llz::vocab::Decision;

use super::Result;
use super::cache::{load, newline, read_along};

/// Writes what the mixer makes of the right answers beside the model, decision by decision.
pub fn odds(model: &str, file: &str, out: &str, piece: usize) -> Result<()> {
    let loaded = load(model)?;
    let (model_parts, _) = parts(&loaded)?;
    let v = model_parts.vocabulary();
    let bytes = std::fs::read(file)?;
    let ranks: Vec<u32> =
        bytes.as_chunks::<2>().0.iter().map(|r| u16::from_le_bytes(*r).into()).collect();
    if ranks.iter().any(|&rank| rank as usize >= v.len()) {
        return Err(format!("{file} holds tokens that {model} does not have").into());
    }
    let first = newline(v)?;
    let prior = match model_parts.prior() {
        Some(bytes) => Prior::from_bytes(&NEURAL, bytes)?,
        None => Prior::plain(&NEURAL),
    };
    let odds: Vec<_> = ranks
        .par_chunks(piece.max(1))
        .map(|piece| odds_of(model_parts, &prior, first, piece))
        .collect();
    Ok(std::fs::write(out, odds.concat())?)
}

/// The same for one piece.
fn odds_of(model: &Arc<Model>, prior: &Prior, first: u32, ranks: &[u32]) -> Vec<u8> {
    const UNITS: [f32; 2] = [8.0, 64.0];
    /// Where the mixer clips the model's log odds.
    const CLIP: f32 = 12.0;
    let (v, isa) = (model.vocabulary(), Isa::detect());
    let len = ranks.iter().map(|&t| v.token(t).len()).sum();
    let mut mixer =
        Mixer::new(isa, &NEURAL, prior, len, 24).with_dynamic_head(v.len(), model.shape().width);
    let mut said = Vec::with_capacity(32 * ranks.len());
    read_along(model, first, ranks, |token, hidden, frequencies| {
        mixer.begin_token(hidden);
        let logit = |decision: &Decision| frequencies.log_odds(decision);
        code_token(v, &mut mixer, logit, |decision, _, mixer| {
            // A decision that bypasses the mixer follows the model alone.
            let by_itself = logit(decision);
            let (x, by_model) = mixer.gradient().unwrap_or((by_itself, 1.0));
            let rest = x - by_model * by_itself.clamp(-CLIP, CLIP);
            let one = decision.answer(token);
            let right = if one { rest } else { -rest };
            let byte = |x: f32| x.round().clamp(-127.0, 127.0) as i8 as u8;
            said.extend([byte(right * UNITS[0]), byte(by_model * UNITS[1])]);
            one
        });
    });
    said
}
