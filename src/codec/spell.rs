//! A token as a walk through the vocabulary's decisions, in step with the mixer.

use crate::mixer::Mixer;
use crate::vocab::{Child, Node, Vocabulary};

/// What a language model makes of the next token, apart from the log odds.
#[derive(Debug, Clone, Copy)]
pub struct Outlook<'a> {
    /// The token it thinks likeliest.
    pub likeliest: u32,
    /// Its hidden vector, which the log odds come from.
    pub hidden: &'a [f32],
}

/// Walks from the first decision to a token and returns its rank. `answer` is told the decision
/// and the probability of a one, and says (or learns) the answer. `logit` is what a language
/// model makes of a decision: the log odds of a one, or 0.
#[inline]
pub fn spell(
    vocabulary: &Vocabulary,
    mixer: &mut Mixer,
    outlook: Option<Outlook<'_>>,
    logit: impl Fn(&Node) -> f32,
    mut answer: impl FnMut(&Node, u32) -> bool,
) -> u32 {
    if let Some(Outlook { likeliest, hidden }) = outlook {
        mixer.begin_token(hidden, likeliest, vocabulary.token(likeliest));
    }
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
