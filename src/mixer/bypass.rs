//! Decisions that the model is sure of, and has been right about: they are not mixed.
//!
//! Of two decisions of text in five the model leaves no doubt. Mixing one costs as much as any and
//! saves nothing, so where experience confirms the model such a decision is coded by that
//! experience alone, and nothing else learns from it. Two adaptive probabilities say how often the
//! model was wrong: when it was as sure as now and the match agreed as it does now, and at this
//! decision after these bytes. Their geometric mean is the chance that it is wrong.

use crate::coder::ONE;
use crate::kernel::prefetch;
use crate::kernel::scalar::{rsqrt, sigmoid};
use crate::vocab::Question;

use super::contexts::combine;
use super::maps::{Cell, Rates};
use super::match_model::{BUCKETS, Expectation};
use super::table::nibble_and_slot;

/// Log odds above which the model is asked what its certainty is worth.
const MIN_LOGIT: f32 = 4.0;
/// Steps of a half of the log odds from there.
const STRENGTHS: usize = 24;
/// No match, or its bucket and whether it agrees.
const MATCHES: usize = 1 + 2 * BUCKETS;
/// Decisions of a half byte, and that about a token's end in a place of its own.
const SLOTS: usize = 16;
/// Half bytes after three others that are told apart, as a power of two.
const LINE_BITS: u32 = 12;
/// A probability of this, of 2²², counts as no less: surprises come.
const MIN_ERROR: u32 = 256;
/// A decision is sure below a chance of error of 2¹²/2²².
const MAX_ERROR: u32 = 1 << 12;
/// Where the counts stop.
const COUNT_LIMIT: u32 = 1000;

/// What the model's certainty has been worth in this chunk.
#[derive(Debug)]
pub struct ConfidenceBypass {
    /// How often it was wrong, by kind of decision, match and strength.
    by_strength: Vec<Cell>,
    /// How often it was wrong, by a hash of the last three bytes and what is known of the next,
    /// a cache line for the decisions of a half byte.
    by_bytes: Vec<Line>,
    claim: Option<Claim>,
}

/// The decisions of one half byte after some bytes.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Line([Cell; SLOTS]);

/// What the model claims of a decision.
#[derive(Debug, Clone, Copy)]
struct Claim {
    one: bool,
    strength: usize,
    /// Line and slot.
    bytes: (usize, usize),
    /// Whether it is believed.
    sure: bool,
}

impl ConfidenceBypass {
    /// Takes the model at its word, and every decision after any bytes as right in all but one
    /// of four hundred.
    pub fn new() -> Self {
        let start = |s| Cell::new((sigmoid(-4.25 - 0.5 * s as f32) * 65_536.0) as u16, 30);
        let start: [Cell; STRENGTHS] = std::array::from_fn(start);
        ConfidenceBypass {
            by_strength: start.repeat(2 * MATCHES),
            by_bytes: vec![Line([Cell::new(162, 15); SLOTS]); 1 << LINE_BITS],
            claim: None,
        }
    }

    /// Starts loading what the next byte's first decisions will need; `last` are the last three.
    #[inline]
    pub fn prefetch(&self, last: u32) {
        prefetch(&self.by_bytes[line(last, 0)]);
    }

    /// The probability (of [`ONE`]) that the answer is one, if that is sure by `logit`, the log
    /// odds of a one; `last` are the last three bytes.
    #[inline]
    pub fn predict(
        &mut self,
        question: Question,
        logit: f32,
        expected: Option<Expectation>,
        last: u32,
    ) -> Option<u32> {
        self.claim = None;
        let strength = logit.abs();
        let strong = strength > MIN_LOGIT;
        if !strong {
            return None;
        }
        let one = logit > 0.0;
        let agreement =
            expected.map_or(0, |e| 1 + e.bucket + if e.one == one { 0 } else { BUCKETS });
        let (kind, half, slot) = match question {
            Question::Bit(partial) => {
                let (half, slot) = nibble_and_slot(partial);
                (0, half, slot)
            }
            Question::End => (1, 0, 0),
        };
        let step = (((strength - MIN_LOGIT) * 2.0) as usize).min(STRENGTHS - 1);
        let strength = (kind * MATCHES + agreement) * STRENGTHS + step;
        let bytes = (line(last, half), slot);

        let worse = |cell: Cell| cell.p22().max(MIN_ERROR);
        let square = u64::from(worse(self.by_strength[strength]))
            * u64::from(worse(self.by_bytes[bytes.0].0[slot]));
        let sure = square < u64::from(MAX_ERROR * MAX_ERROR);
        self.claim = Some(Claim { one, strength, bytes, sure });
        sure.then(|| {
            let square = square as f32;
            let wrong = (square * rsqrt(square)) as u32;
            if one { ONE - wrong } else { wrong }
        })
    }

    /// Learns the answer to the decision last predicted, and says whether that was sure.
    #[inline]
    pub fn update(&mut self, one: bool, rates: &Rates) -> bool {
        let Some(claim) = self.claim else { return false };
        let wrong = one != claim.one;
        self.by_strength[claim.strength].update(wrong, COUNT_LIMIT, rates);
        let (line, slot) = claim.bytes;
        self.by_bytes[line].0[slot].update(wrong, COUNT_LIMIT, rates);
        claim.sure
    }

    #[cfg(any(test, feature = "internals"))]
    /// Whether the decision last predicted was sure.
    pub fn is_bypassed(&self) -> bool {
        self.claim.is_some_and(|claim| claim.sure)
    }

    /// The probabilities by strength, for a prior.
    pub fn cells(&self) -> &[Cell] {
        &self.by_strength
    }

    /// The probabilities by strength, for a prior to set.
    pub fn cells_mut(&mut self) -> &mut [Cell] {
        &mut self.by_strength
    }
}

/// The line of a half byte after these bytes.
#[inline(always)]
fn line(last: u32, half: u32) -> usize {
    (combine(combine(0, last), half) >> (32 - LINE_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIT: Question = Question::Bit(1);
    const LAST: u32 = 0x61_62_63;

    #[test]
    fn a_claim_that_holds_is_bypassed_and_one_that_fails_is_not() {
        let rates = Rates::new();
        let mut sure = ConfidenceBypass::new();
        let tell = |sure: &mut ConfidenceBypass, one| {
            let p = sure.predict(BIT, 6.0, None, LAST);
            assert_eq!(sure.update(one, &rates), p.is_some());
            p
        };
        assert_eq!(tell(&mut sure, true), None, "nothing is known yet");
        for _ in 0..2000 {
            tell(&mut sure, true);
        }
        let p = tell(&mut sure, true).expect("it was right two thousand times");
        assert!(p > ONE - ONE / 1024 && p < ONE);
        for _ in 0..20 {
            tell(&mut sure, false);
        }
        assert_eq!(tell(&mut sure, true), None, "it was wrong twenty times");
    }

    #[test]
    fn a_sure_zero_is_improbable_to_be_one() {
        let rates = Rates::new();
        let mut sure = ConfidenceBypass::new();
        for _ in 0..2000 {
            sure.predict(Question::End, -9.0, None, LAST);
            sure.update(false, &rates);
        }
        let p = sure.predict(Question::End, -9.0, None, LAST).expect("it was always right");
        assert!((1..ONE / 1024).contains(&p));
    }

    #[test]
    fn without_a_strong_claim_nothing_is_sure_or_learned() {
        let rates = Rates::new();
        let mut sure = ConfidenceBypass::new();
        for logit in [0.0, 4.0, -4.0, f32::NAN] {
            assert_eq!(sure.predict(BIT, logit, None, LAST), None);
            assert!(!sure.update(true, &rates));
        }
        let fresh = ConfidenceBypass::new();
        assert!(sure.by_strength.iter().zip(&fresh.by_strength).all(|(a, b)| a.p22() == b.p22()));
    }
}
