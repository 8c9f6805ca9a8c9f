//! A token as a walk through the binary decisions of its vocabulary, in step with the mixer.

use crate::mixer::Mixer;
use crate::vocab::{Child, Node, Vocabulary};

/// Walks from the first decision to a token and returns the token's rank.
///
/// `logit` gives the language model's log odds of a one at a decision, or 0 without a model. `answer` gets the
/// decision, the probability of a one and the mixer, and returns the answer, which it knows or reads.
#[inline]
pub fn code_token(
    vocabulary: &Vocabulary,
    mixer: &mut Mixer,
    logit: impl Fn(&Node) -> f32,
    mut answer: impl FnMut(&Node, u32, &Mixer) -> bool,
) -> u32 {
    let tree = vocabulary.tree();
    let mut at = Child::Node(0);
    let mut known = 0;
    loop {
        match at {
            Child::Node(index) => {
                let node = tree.node(index);
                for &byte in &vocabulary.token(node.lo)[known..usize::from(node.depth)] {
                    mixer.push(byte);
                }
                known = usize::from(node.depth);
                let p = mixer.predict(node, logit(node));
                let one = answer(node, p, mixer);
                at = node.child(one);
                if let Child::Node(next) = at {
                    mixer.prefetch(tree.node(next));
                }
                mixer.update(one);
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
