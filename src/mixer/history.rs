//! Bit histories: a summary, in one byte, of the bits that followed a context.
//!
//! A state stands for a pair of counts (zeros, ones), bounded so that all fit 255 states, and for
//! the last bit where that matters. Seeing a bit raises its count and, when the other count is
//! large, lowers that: recent behaviour counts more. Source: Mahoney's ZPAQ specification (2009),
//! section "state table", whose construction (in the public domain) is followed here.

// Several arrays are walked by one index; naming it keeps the formulas readable.
#![allow(clippy::needless_range_loop)]

/// Transitions between bit histories.
#[derive(Debug)]
pub struct Histories {
    next: [[u8; 2]; 256],
    #[cfg(test)]
    counts: [[u8; 2]; 256],
}

/// Counts stop below this.
const SIDE: usize = 64;
/// Largest larger count for each smaller count.
const BOUND: [usize; 6] = [20, 48, 15, 8, 6, 5];

/// Counts the states that stand for these counts: none, one, or one for each last bit.
fn states(n0: usize, n1: usize) -> usize {
    let (most, least) = if n0 < n1 { (n1, n0) } else { (n0, n1) };
    if least >= BOUND.len() || most > BOUND[least] {
        0
    } else if least > 0 && most + least <= 17 {
        2
    } else {
        1
    }
}

/// The value to which the opposite count is reduced.
fn discount(n: usize) -> usize {
    [1, 2, 3, 4, 5, 7, 8].into_iter().filter(|&at| n >= at).count()
}

/// The counts after seeing `bit`.
fn advance(n0: usize, n1: usize, bit: usize) -> (usize, usize) {
    if n0 < n1 {
        let (a, b) = advance(n1, n0, 1 - bit);
        return (b, a);
    }
    let (mut n0, mut n1) = if bit == 1 { (discount(n0), n1 + 1) } else { (n0 + 1, discount(n1)) };
    while states(n0, n1) == 0 {
        if n1 < 2 {
            n0 -= 1;
        } else {
            n0 = (n0 * (n1 - 1) + n1 / 2) / n1;
            n1 -= 1;
        }
    }
    (n0, n1)
}

impl Histories {
    /// Builds the tables.
    pub fn new() -> Self {
        // First state of each pair of counts, by rising total; the state after a one comes last.
        let mut first = [[[0u8; 2]; SIDE]; SIDE];
        let mut state = 0usize;
        for total in 0..SIDE {
            for n1 in 0..=total {
                let n0 = total - n1;
                let n = states(n0, n1);
                if n > 0 {
                    first[n0][n1] = [state as u8, (state + n - 1) as u8];
                    state += n;
                }
            }
        }
        let mut histories = Histories {
            next: [[0; 2]; 256],
            #[cfg(test)]
            counts: [[0; 2]; 256],
        };
        for n0 in 0..SIDE {
            for n1 in 0..SIDE {
                for last in 0..states(n0, n1) {
                    let s = usize::from(first[n0][n1][last]);
                    for bit in 0..2 {
                        let (a, b) = advance(n0, n1, bit);
                        histories.next[s][bit] = first[a][b][bit];
                    }
                    #[cfg(test)]
                    {
                        histories.counts[s] = [n0 as u8, n1 as u8];
                    }
                }
            }
        }
        histories
    }

    /// The history after `bit`.
    #[inline]
    pub fn next(&self, state: u8, bit: bool) -> u8 {
        self.next[usize::from(state)][usize::from(bit)]
    }

    /// Zeros and ones the history stands for.
    #[cfg(test)]
    fn counts(&self, state: u8) -> [u8; 2] {
        self.counts[usize::from(state)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_the_bits() {
        let h = Histories::new();
        assert_eq!(h.counts(0), [0, 0]);
        let mut s = 0;
        for n in 1..=20u8 {
            s = h.next(s, true);
            assert_eq!(h.counts(s), [0, n]);
        }
        assert_eq!(h.counts(h.next(s, true)), [0, 20], "the count saturates");
        let [n0, n1] = h.counts(h.next(s, false));
        assert!(n0 == 1 && n1 < 20, "a surprise discounts the context_state: {n0} {n1}");
    }

    #[test]
    fn every_reachable_state_is_distinct_and_closed() {
        let h = Histories::new();
        let mut seen = std::collections::BTreeSet::from([0u8]);
        let mut queue = vec![0u8];
        while let Some(s) = queue.pop() {
            for bit in [false, true] {
                let t = h.next(s, bit);
                let counts = h.counts(t);
                assert!(counts[usize::from(bit)] > 0, "{s} {bit} {t}");
                if seen.insert(t) {
                    queue.push(t);
                }
            }
        }
        assert!(seen.len() > 200, "{}", seen.len());
    }
}
