//! Range asymmetric numeral systems with two interleaved states.
//!
//! Sources: J. Duda, "Asymmetric numeral systems" (arXiv:1311.2540, 2013); F. Giesen, "Interleaved entropy coders"
//! (arXiv:1402.3392, 2014). Frequencies of any total are first scaled to a power of two, [`SLOTS`]. Symbols are
//! written last to first, so an encoder keeps them until the end.

use std::borrow::Cow;

use super::range::Part;

/// log2 of the total of scaled frequencies. Each symbol gets at least one slot, so 2^17 symbols cost at most 2^−14 of
/// the probability of all others.
const SLOT_BITS: u32 = 31;
/// The total of scaled frequencies.
pub const SLOTS: u64 = 1 << SLOT_BITS;
/// Least state. It is 2^8 times the slots: with less room a state's rounding would cost more than the scaling does.
const LOW: u64 = 1 << 39;
/// Bytes of a state, which is below 2^8 times [`LOW`].
const STATE_BYTES: usize = 6;
/// States that take turns.
const STATES: usize = 2;

/// Scales sums of frequencies with a total of `total` so that `symbols` symbols have [`SLOTS`] slots together, and each
/// at least one.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    shift: u32,
    /// The total after the shift.
    total: u64,
    /// Slots that are divided by frequency; one more of each symbol is its own.
    divided: u64,
}

impl Scale {
    /// The scale of a distribution. `symbols` is at most 2^17.
    pub fn new(total: u64, symbols: u32) -> Self {
        // 32 bits of a sum and 31 of slots make a product of 63 bits.
        let shift = (64 - total.leading_zeros()).saturating_sub(32);
        Scale { shift, total: total >> shift, divided: SLOTS - u64::from(symbols) }
    }

    /// The first slot of the symbol before which `index` symbols come with frequencies of `below` together.
    pub fn start(self, below: u64, index: u32) -> u64 {
        (below >> self.shift) * self.divided / self.total + u64::from(index)
    }
}

/// Writes symbols.
#[derive(Debug, Default)]
pub struct Encoder {
    symbols: Vec<(u32, u32)>,
}

impl Encoder {
    /// Bytes that a symbol takes until the end.
    pub const SYMBOL_BYTES: u64 = size_of::<(u32, u32)>() as u64;

    /// Writes the symbol that has these slots.
    pub fn encode(&mut self, slots: Part) {
        debug_assert!(slots.size > 0 && slots.start + slots.size <= SLOTS);
        self.symbols.push((slots.start as u32, slots.size as u32));
    }

    /// The coded bytes.
    pub fn finish(self) -> Vec<u8> {
        let mut states = [LOW; STATES];
        let mut reversed = Vec::new();
        for (i, &(start, size)) in self.symbols.iter().enumerate().rev() {
            let (start, size) = (u64::from(start), u64::from(size));
            let state = &mut states[i % STATES];
            while *state >= (LOW >> SLOT_BITS << 8) * size {
                reversed.push(*state as u8);
                *state >>= 8;
            }
            *state = ((*state / size) << SLOT_BITS) + start + *state % size;
        }
        for state in states.iter().rev() {
            reversed.extend(&state.to_le_bytes()[..STATE_BYTES]);
        }
        reversed.reverse();
        reversed
    }
}

/// Reads symbols.
#[derive(Debug)]
pub struct Decoder<'a> {
    states: [u64; STATES],
    /// The number of the state that is next.
    turn: usize,
    bytes: Cow<'a, [u8]>,
    /// Bytes read so far.
    at: usize,
}

impl<'a> Decoder<'a> {
    /// Starts reading what [`Encoder::finish`] returned; `None` where it returns no such bytes.
    pub fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        let (heads, _) = bytes.split_at_checked(STATES * STATE_BYTES)?;
        let mut states = [0; STATES];
        for (state, head) in states.iter_mut().zip(heads.chunks(STATE_BYTES)) {
            *state = head.iter().fold(0, |state, &byte| state << 8 | u64::from(byte));
            if *state < LOW || *state >= LOW << 8 {
                return None;
            }
        }
        Some(Decoder { states, turn: 0, bytes, at: STATES * STATE_BYTES })
    }

    /// Reads a symbol. `slots_at` gets a slot and returns all slots of its symbol, and the symbol. `None` where no
    /// encoder writes such bytes.
    pub fn decode<T>(&mut self, slots_at: impl FnOnce(u64) -> (Part, T)) -> Option<T> {
        let state = &mut self.states[self.turn];
        let slot = *state & (SLOTS - 1);
        let (slots, symbol) = slots_at(slot);
        *state = slots.size * (*state >> SLOT_BITS) + slot - slots.start;
        while *state < LOW {
            *state = *state << 8 | u64::from(*self.bytes.get(self.at)?);
            self.at += 1;
        }
        self.turn = (self.turn + 1) % STATES;
        Some(symbol)
    }

    /// Says whether every byte was read and the states are those that coding begins with.
    pub fn is_finished(&self) -> bool {
        self.at == self.bytes.len() && self.states == [LOW; STATES]
    }
}

#[cfg(test)]
mod tests {
    use super::super::range::tests::{any_symbols, found, parts};
    use super::*;
    use proptest::prelude::*;

    /// The slots of each symbol.
    fn slots(frequencies: &[u64]) -> Vec<Part> {
        let (parts, total) = parts(frequencies);
        let scale = Scale::new(total, parts.len() as u32);
        let part = |(i, part): (usize, &Part)| {
            let start = scale.start(part.start, i as u32);
            let end = scale.start(part.start + part.size, i as u32 + 1);
            Part { start, size: end - start }
        };
        parts.iter().enumerate().map(part).collect()
    }

    proptest! {
        #[test]
        fn every_symbol_has_slots_and_no_slot_is_left((frequencies, _) in any_symbols()) {
            let slots = slots(&frequencies);
            let mut end = 0;
            for part in &slots {
                prop_assert!(part.start == end && part.size > 0);
                end += part.size;
            }
            prop_assert_eq!(end, SLOTS);
        }

        #[test]
        fn symbols_come_back((frequencies, symbols) in any_symbols()) {
            let slots = slots(&frequencies);
            let mut encoder = Encoder::default();
            for &symbol in &symbols { encoder.encode(slots[symbol]); }
            let bytes = encoder.finish();
            let mut decoder = Decoder::new(&bytes).unwrap();
            for &symbol in &symbols {
                prop_assert_eq!(decoder.decode(|slot| found(&slots, slot)), Some(symbol));
            }
            prop_assert!(decoder.is_finished());
        }

        #[test]
        fn hostile_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), (frequencies, _) in any_symbols()) {
            let slots = slots(&frequencies);
            let Some(mut decoder) = Decoder::new(&bytes) else { return Ok(()) };
            for _ in 0..400 {
                if decoder.decode(|slot| found(&slots, slot)).is_none() { break }
            }
        }
    }

    #[test]
    fn the_greatest_distribution_fits() {
        let (symbols, each) = (1u32 << 17, (1u64 << 28) + 1);
        let scale = Scale::new(each * u64::from(symbols), symbols);
        assert_eq!(scale.start(0, 0), 0);
        assert_eq!(scale.start(each * u64::from(symbols), symbols), SLOTS);
    }
}
