//! A token as a walk through the vocabulary's decisions, in step with the mixer.

use crate::mixer::Mixer;
use crate::vocab::{Child, Node, Vocabulary};

/// Walks from the first decision to a token and returns its rank. `answer` is told the decision
/// and the probability of a one, and says (or learns) the answer. `cumulative` holds the model's
/// cumulative frequencies, where there is a model.
#[inline]
pub(super) fn spell(
    vocabulary: &Vocabulary,
    mixer: &mut Mixer,
    cumulative: Option<&[u64]>,
    mut answer: impl FnMut(&Node, u32) -> bool,
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
                let masses = cumulative.map(|c| {
                    let [lo, mid, hi] = [node.lo, node.mid, node.hi].map(|i| c[i as usize]);
                    let (lower, upper) = (mid - lo, hi - mid);
                    if node.one_is_upper() { (upper, lower) } else { (lower, upper) }
                });
                let p = mixer.predict(node.question, node.depth, masses);
                let one = answer(node, p);
                mixer.update(one);
                at = node.child(one);
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
