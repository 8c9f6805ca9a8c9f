//! A token as binary decisions.
//!
//! Tokens that share a prefix are neighbours in byte order, so every decision splits one range of
//! ranks in two: "does the token end here?" where the prefix is itself a token, else the next bit
//! of the next byte, most significant first. Where only one outcome exists there is no decision.
//! A tree over V tokens has exactly V − 1 decisions.

use super::Vocabulary;

/// The kind of a decision: the question that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionKind {
    /// The next bit of the byte being spelled: a leading 1 and the bits known so far (1 to 255).
    Bit(u8),
    /// The question whether the token ends after its bytes so far (1 = it does).
    End,
}

/// The place that an answer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Child {
    /// The next decision.
    Decision(u32),
    /// The token is known.
    Token(u32),
}

/// One decision.
#[derive(Debug, Clone, Copy)]
pub struct Decision {
    /// Its kind.
    pub kind: DecisionKind,
    /// The number of bytes of the token that are known.
    pub depth: u8,
    /// First rank of its range.
    pub lo: u32,
    /// First rank of the upper part.
    pub mid: u32,
    /// One past the last rank.
    pub hi: u32,
    /// The child that the lower part `lo..mid` leads to.
    pub lower: Child,
    /// The child that the upper part `mid..hi` leads to.
    pub upper: Child,
}

impl Decision {
    /// Says whether the answer 1 means the upper part. A set bit is the upper part; "the token ends"
    /// is the single lowest rank, so there 1 means the lower part.
    #[inline]
    pub fn one_is_upper(&self) -> bool {
        self.kind != DecisionKind::End
    }

    /// The child that this answer leads to.
    #[inline]
    pub fn child(&self, one: bool) -> Child {
        if one == self.one_is_upper() { self.upper } else { self.lower }
    }

    /// The answer that leads to `rank`.
    #[inline]
    pub fn answer(&self, rank: u32) -> bool {
        (rank >= self.mid) == self.one_is_upper()
    }
}

/// All decisions of a vocabulary; the first is at index 0.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    decisions: Vec<Decision>,
}

impl Tree {
    pub(super) fn new(vocabulary: &Vocabulary) -> Self {
        let mut tree = Tree { decisions: Vec::with_capacity(vocabulary.len()) };
        tree.grow(vocabulary, 0, vocabulary.len() as u32, 0, 1);
        tree
    }

    /// The decision at this index.
    #[inline]
    pub fn decision(&self, index: u32) -> &Decision {
        &self.decisions[index as usize]
    }

    /// The decisions among the ranks `lo..hi`, which share `depth` bytes and the bits of
    /// `partial`. Recursion is as deep as the decisions on one path: at most nine per byte.
    fn grow(&mut self, v: &Vocabulary, lo: u32, hi: u32, depth: usize, partial: u32) -> Child {
        if hi - lo == 1 {
            return Child::Token(lo);
        }
        // Depth and known bits after one bit more.
        let step = |bit: u32| match (partial << 1) | bit {
            full if full >= 256 => (depth + 1, 1),
            more => (depth, more),
        };
        let index = self.decisions.len();
        let ends = depth > 0 && partial == 1 && v.token(lo).len() == depth;
        let mid = if ends {
            lo + 1
        } else {
            // First rank whose next byte has a one where the bits known so far are followed by it.
            let shift = 7 - partial.ilog2();
            let threshold = (((partial << 1) | 1) << shift) as u8;
            let (mut a, mut b) = (lo, hi);
            while a < b {
                let m = a.midpoint(b);
                if v.token(m)[depth] < threshold { a = m + 1 } else { b = m }
            }
            if a == lo || a == hi {
                let (depth, partial) = step(u32::from(a == lo));
                return self.grow(v, lo, hi, depth, partial);
            }
            a
        };
        let kind = if ends { DecisionKind::End } else { DecisionKind::Bit(partial as u8) };
        let nowhere = Child::Token(0);
        let decision =
            Decision { kind, depth: depth as u8, lo, mid, hi, lower: nowhere, upper: nowhere };
        self.decisions.push(decision);
        let (lower, upper) = if ends {
            // One token is left below; above, the next byte begins. `partial` stays 1, and no
            // token above has just `depth` bytes, so this does not ask again.
            (Child::Token(lo), self.grow(v, mid, hi, depth, 1))
        } else {
            let ((d0, p0), (d1, p1)) = (step(0), step(1));
            (self.grow(v, lo, mid, d0, p0), self.grow(v, mid, hi, d1, p1))
        };
        self.decisions[index].lower = lower;
        self.decisions[index].upper = upper;
        Child::Decision(index as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        let mut tokens: Vec<Vec<u8>> = (0..=255).map(|b| vec![b]).collect();
        for t in ["the", "th", "there", "thermal", " a", " an", "ab\u{0}", "é"] {
            tokens.push(t.as_bytes().to_vec());
        }
        Vocabulary::new(&tokens).unwrap().0
    }

    #[test]
    fn every_token_is_reached_by_its_answers() {
        let v = vocabulary();
        assert_eq!(v.tree().decisions.len(), v.len() - 1);
        for rank in 0..v.len() as u32 {
            let mut at = Child::Decision(0);
            while let Child::Decision(i) = at {
                let decision = v.tree().decision(i);
                assert!(decision.lo < decision.mid && decision.mid < decision.hi);
                assert!((decision.lo..decision.hi).contains(&rank));
                let known = usize::from(decision.depth);
                assert_eq!(v.token(decision.lo)[..known], v.token(rank)[..known]);
                at = decision.child(decision.answer(rank));
            }
            assert_eq!(at, Child::Token(rank));
            assert_eq!(v.rank(v.token(rank)), Some(rank));
        }
    }

    #[test]
    fn bytes_are_eight_decisions() {
        let v = Vocabulary::of_bytes();
        let (mut at, mut count) = (Child::Decision(0), 0);
        while let Child::Decision(i) = at {
            at = v.tree().decision(i).child(true);
            count += 1;
        }
        assert_eq!((at, count), (Child::Token(255), 8));
    }
}
