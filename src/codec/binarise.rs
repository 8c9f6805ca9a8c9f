//! A token as a walk through the binary decisions of its vocabulary, in step with the mixer.

use crate::mixer::Mixer;
use crate::vocab::{Child, Decision, Vocabulary};

/// Walks from the first decision to a token and returns the token's rank.
///
/// `logit` gives the language model's log odds of a one at a decision, or 0 without a model. `answer` gets the
/// decision, the probability of a one and the mixer, and returns the answer, which it knows or reads.
#[inline]
pub fn code_token(
    vocabulary: &Vocabulary,
    mixer: &mut Mixer,
    logit: impl Fn(&Decision) -> f32,
    mut answer: impl FnMut(&Decision, u32, &Mixer) -> bool,
) -> u32 {
    let tree = vocabulary.tree();
    let mut at = Child::Decision(0);
    let mut known = 0;
    loop {
        match at {
            Child::Decision(index) => {
                let decision = tree.decision(index);
                for &byte in &vocabulary.token(decision.lo)[known..usize::from(decision.depth)] {
                    mixer.push(byte);
                }
                known = usize::from(decision.depth);
                let p = mixer.predict(decision, logit(decision));
                let one = answer(decision, p, mixer);
                at = decision.child(one);
                if let Child::Decision(next) = at {
                    mixer.prefetch(tree.decision(next));
                }
                mixer.learn(one);
            }
            Child::Token(rank) => {
                for &byte in &vocabulary.token(rank)[known..] {
                    mixer.push(byte);
                }
                mixer.end_token();
                return rank;
            }
        }
    }
}
