//! Codes what the cache holds, and counts what it costs.

use llz::codec::binarise::code_token;
use llz::kernel::Isa;
use llz::mixer::{Mixer, Prior, Profile};
use llz::vocab::Vocabulary;

use super::cache::Item;

/// Bits that an answer costs whose probability of being one was `p`.
fn cost(p: u32, one: bool) -> f64 {
    let p = f64::from(p) / f64::from(llz::coder::ONE);
    -(if one { p } else { 1.0 - p }).log2()
}

/// Codes an item with the model's predictions, corrected or as they are; returns the bytes it costs
/// and the mixer after.
pub fn neural(
    item: &Item,
    v: &Vocabulary,
    profile: &'static Profile,
    prior: &Prior,
    corrected: bool,
) -> (f64, Mixer) {
    let len = item.tokens.iter().map(|&t| v.token(t).len()).sum();
    let width = item.hidden.len() / item.tokens.len().max(1);
    let mut mixer = Mixer::new(Isa::detect(), profile, prior, len, 24);
    if corrected {
        mixer = mixer.with_dynamic_head(v.len(), width);
    }
    let (mut bits, at) = (0.0, std::cell::Cell::new(0));
    let vectors = item.hidden.chunks_exact(width.max(1));
    for (&token, hidden) in item.tokens.iter().zip(vectors) {
        let logit = |_: &_| item.logits[at.get()];
        mixer.begin_token(hidden);
        code_token(v, &mut mixer, logit, |decision, p, _| {
            at.set(at.get() + 1);
            let one = decision.answer(token);
            bits += cost(p, one);
            one
        });
    }
    (bits / 8.0, mixer)
}

/// The same as [`neural`] for the contexts alone.
pub fn plain(bytes: &[u8], profile: &'static Profile, prior: &Prior) -> (f64, Mixer) {
    by_bytes(bytes, Mixer::new(Isa::detect(), profile, prior, bytes.len(), 24))
}

/// Codes bytes by this mixer; returns what they cost, and the mixer after.
pub fn by_bytes(bytes: &[u8], mut mixer: Mixer) -> (f64, Mixer) {
    let v = Vocabulary::of_bytes();
    let mut bits = 0.0;
    for &byte in bytes {
        code_token(
            &v,
            &mut mixer,
            |_| 0.0,
            |decision, p, _| {
                let one = decision.answer(u32::from(byte));
                bits += cost(p, one);
                one
            },
        );
    }
    (bits / 8.0, mixer)
}
