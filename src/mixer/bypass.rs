//! Confidence bypass: decisions of which the model is confident, and rightly, skip the network.
//!
//! In text the model is nearly certain of two decisions in five. Mixing such a decision costs as
//! much time as any other and saves no bytes. Where the chunk so far confirms the model, the
//! decision is coded by two adaptive probabilities alone, and nothing else learns from it.
//!
//! Both probabilities say how often the model was wrong. One belongs to the model's confidence and
//! to the match model's agreement with it, the other to the decision and the last three bytes.
//! Their geometric mean is the probability of an error.
//!
//! The constants were chosen by trial, so that coded size stays as without the bypass.
//! docs/experiments/constants.md has the neighbours of four of them; the others were not measured.

use crate::coder::ONE;
use crate::kernel::prefetch;
use crate::kernel::scalar::{rsqrt, sigmoid};
use crate::vocab::DecisionKind;

use super::contexts::combine;
use super::maps::{Cell, Rates};
use super::match_model::{BUCKETS, Expectation};
use super::table::nibble_and_slot;

/// Only log odds of a greater magnitude are considered.
const MIN_LOGIT: f32 = 4.0;
/// Steps of one half above [`MIN_LOGIT`] that are told apart.
const STRENGTHS: usize = 24;
/// Cases of the match: none, or its bucket and whether it agrees with the model.
const MATCHES: usize = 1 + 2 * BUCKETS;
/// Decisions of a half byte, and that about a token's end in a place of its own.
const SLOTS: usize = 16;
/// Lines of probabilities by hash of the last three bytes and the half byte, as a power of two.
const LINE_BITS: u32 = 12;
/// A probability of error below this, of 2²², counts as this: no certainty is absolute.
const MIN_ERROR: u32 = 256;
/// A decision bypasses the network below this probability of error, of 2²².
const MAX_ERROR: u32 = 1 << 12;
/// The greatest count of a probability; its slowest rate is 1/(1000 + 1.5).
const COUNT_LIMIT: u32 = 1000;

/// Counts how often the model was wrong in this chunk although it was confident.
#[derive(Debug)]
pub struct ConfidenceBypass {
    /// The rate of its errors, by kind of decision, match and strength.
    by_strength: Vec<Cell>,
    /// The rate of its errors, by a hash of the last three bytes and the half byte. The decisions of
    /// one half byte share a cache line.
    by_bytes: Vec<Line>,
    /// The decision last predicted, if the model was confident of it.
    claim: Option<Claim>,
}

/// The decisions of one half byte after some bytes.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Line([Cell; SLOTS]);

/// The answer that a confident model predicts, and the cells that judge it.
#[derive(Debug, Clone, Copy)]
struct Claim {
    one: bool,
    strength: usize,
    /// Line and slot.
    bytes: (usize, usize),
    /// Says whether the decision bypasses the network.
    bypassed: bool,
}

impl ConfidenceBypass {
    /// The start: by confidence, the error that the log odds themselves imply; by bytes, one error in
    /// four hundred decisions.
    pub fn new() -> Self {
        let start = |s| Cell::new((sigmoid(-4.25 - 0.5 * s as f32) * 65_536.0) as u16, 30);
        let start: [Cell; STRENGTHS] = std::array::from_fn(start);
        ConfidenceBypass {
            by_strength: start.repeat(2 * MATCHES),
            by_bytes: vec![Line([Cell::new(162, 15); SLOTS]); 1 << LINE_BITS],
            claim: None,
        }
    }

    /// Bytes that [`ConfidenceBypass::new`] takes.
    pub const BYTES: usize =
        2 * MATCHES * STRENGTHS * size_of::<Cell>() + (size_of::<Line>() << LINE_BITS);

    /// Bytes of memory that it holds.
    #[cfg(test)]
    pub fn bytes_held(&self) -> usize {
        size_of_val(&self.by_strength[..]) + size_of_val(&self.by_bytes[..])
    }

    /// Starts loading the line of the next byte's first decisions; `last` are the last three bytes.
    #[inline]
    pub fn prefetch(&self, last: u32) {
        prefetch(&self.by_bytes[line(last, 0)]);
    }

    /// The probability (of [`ONE`]) that the answer is one, if the decision bypasses the network.
    /// `logit` is the model's log odds of a one; `last` are the last three bytes.
    #[inline]
    pub fn predict(
        &mut self,
        kind: DecisionKind,
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
        let (kind, half, slot) = match kind {
            DecisionKind::Bit(partial) => {
                let (half, slot) = nibble_and_slot(partial);
                (0, half, slot)
            }
            DecisionKind::End => (1, 0, 0),
        };
        let step = (((strength - MIN_LOGIT) * 2.0) as usize).min(STRENGTHS - 1);
        let strength = (kind * MATCHES + agreement) * STRENGTHS + step;
        let bytes = (line(last, half), slot);

        let worse = |cell: Cell| cell.p22().max(MIN_ERROR);
        let square = u64::from(worse(self.by_strength[strength]))
            * u64::from(worse(self.by_bytes[bytes.0].0[slot]));
        let bypassed = square < u64::from(MAX_ERROR * MAX_ERROR);
        self.claim = Some(Claim { one, strength, bytes, bypassed });
        bypassed.then(|| {
            let square = square as f32;
            let wrong = (square * rsqrt(square)) as u32;
            if one { ONE - wrong } else { wrong }
        })
    }

    /// Learns the answer to the decision last predicted, and returns whether it bypassed the network.
    #[inline]
    pub fn learn(&mut self, one: bool, rates: &Rates) -> bool {
        let Some(claim) = self.claim else { return false };
        let wrong = one != claim.one;
        self.by_strength[claim.strength].update(wrong, COUNT_LIMIT, rates);
        let (line, slot) = claim.bytes;
        self.by_bytes[line].0[slot].update(wrong, COUNT_LIMIT, rates);
        claim.bypassed
    }

    /// Says whether the decision last predicted bypassed the network.
    #[cfg(any(test, feature = "internals"))]
    pub fn is_bypassed(&self) -> bool {
        self.claim.is_some_and(|claim| claim.bypassed)
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

    const BIT: DecisionKind = DecisionKind::Bit(1);
    const LAST: u32 = 0x61_62_63;

    #[test]
    fn decisions_bypass_while_the_model_is_right_and_not_after_errors() {
        let rates = Rates::new();
        let mut bypass = ConfidenceBypass::new();
        let tell = |bypass: &mut ConfidenceBypass, one| {
            let p = bypass.predict(BIT, 6.0, None, LAST);
            assert_eq!(bypass.learn(one, &rates), p.is_some());
            p
        };
        assert_eq!(tell(&mut bypass, true), None, "nothing is known yet");
        for _ in 0..2000 {
            tell(&mut bypass, true);
        }
        let p = tell(&mut bypass, true).expect("it was right two thousand times");
        assert!(p > ONE - ONE / 1024 && p < ONE);
        for _ in 0..20 {
            tell(&mut bypass, false);
        }
        assert_eq!(tell(&mut bypass, true), None, "it was wrong twenty times");
    }

    #[test]
    fn a_bypassed_zero_has_a_small_probability_of_one() {
        let rates = Rates::new();
        let mut bypass = ConfidenceBypass::new();
        for _ in 0..2000 {
            bypass.predict(DecisionKind::End, -9.0, None, LAST);
            bypass.learn(false, &rates);
        }
        let p = bypass.predict(DecisionKind::End, -9.0, None, LAST).expect("it was always right");
        assert!((1..ONE / 1024).contains(&p));
    }

    #[test]
    fn without_confidence_nothing_bypasses_or_learns() {
        let rates = Rates::new();
        let mut bypass = ConfidenceBypass::new();
        for logit in [0.0, 4.0, -4.0, f32::NAN] {
            assert_eq!(bypass.predict(BIT, logit, None, LAST), None);
            assert!(!bypass.learn(true, &rates));
        }
        let fresh = ConfidenceBypass::new();
        assert!(bypass.by_strength.iter().zip(&fresh.by_strength).all(|(a, b)| a.p22() == b.p22()));
    }
}
