//! The part of the mixer that knows records: positions in them, contexts, and predictions of numbers.

mod contexts;
mod layout;
mod least_squares;
mod numbers;

pub use contexts::CONTEXTS;
pub use layout::{Layout, MAX_DISTANCE, MIN_NUMBERS, Segment, Sign};
pub use numbers::PREDICTORS;

use super::contexts::ContextState;
use numbers::{MEAN, Numbers};

/// The place in a chunk of segments, and what is known of it.
#[derive(Debug)]
pub struct Records {
    segments: Vec<Segment>,
    /// The present segment, and where it begins and ends.
    number: usize,
    begin: usize,
    end: usize,
    layout: Layout,
    /// Predictions, in a segment of numbers.
    numbers: Option<Box<Numbers>>,
    /// Which byte of its number comes next, and those of it that are known.
    at: usize,
    prefix: u64,
}

impl Records {
    /// The start of a chunk of these segments.
    pub fn new(segments: Vec<Segment>) -> Self {
        let mut records = Records {
            segments,
            number: 0,
            begin: 0,
            end: 0,
            layout: Layout::PLAIN,
            numbers: None,
            at: 0,
            prefix: 0,
        };
        records.enter(&[]);
        records
    }

    /// Most bytes that it takes beside its segments.
    pub const MOST_BYTES: usize = size_of::<Records>() + Numbers::MOST_BYTES;

    /// Begins the segment at the end of `past`.
    fn enter(&mut self, past: &[u8]) {
        let Some(segment) = self.segments.get(self.number) else { return };
        self.begin = self.end;
        self.end += segment.len;
        self.layout = segment.layout;
        (self.at, self.prefix, self.numbers) = (0, 0, None);
        if let Layout::Numbers { width, sign, channels, row, .. } = segment.layout {
            let numbers =
                Numbers::new(width.into(), sign, channels as usize, row as usize);
            self.numbers.insert(Box::new(numbers)).predict(&past[past.len()..]);
        }
    }

    /// Takes in the last of the `past` bytes.
    pub fn push(&mut self, past: &[u8]) {
        if past.len() == self.end {
            self.number += 1;
            self.enter(past);
            return;
        }
        let (Some(numbers), Layout::Numbers { width, .. }) = (&mut self.numbers, self.layout) else {
            return;
        };
        self.at += 1;
        self.prefix = self.prefix << 8 | u64::from(past[past.len() - 1]);
        if self.at == usize::from(width) {
            (self.at, self.prefix) = (0, 0);
            numbers.learn(&past[self.begin..]);
            numbers.predict(&past[self.begin..]);
        }
    }

    /// 0 in a segment of bytes, 1 in a segment of numbers.
    pub fn kind(&self) -> usize {
        usize::from(self.numbers.is_some())
    }

    /// The log odds that the next bit is a one, by each predictor of numbers; zeros in a segment of bytes.
    pub fn log_odds(&mut self, partial: u8, out: &mut [f32]) {
        match &mut self.numbers {
            None => out.fill(0.0),
            Some(numbers) => {
                numbers.narrow(self.prefix, self.at, partial);
                numbers.log_odds(out);
            }
        }
    }

    /// The choice of [`Selector::Near`](super::Selector::Near): the byte before or that which is expected.
    pub fn near(&self, state: &ContextState) -> usize {
        match &self.numbers {
            None => usize::from(state.byte(1)),
            Some(numbers) => 256 + (self.expected_byte(numbers, MEAN) & 255) as usize,
        }
    }

    /// The choice of [`Selector::Place`](super::Selector::Place): where in a record or a number, 0 to 511.
    pub fn place(&self, state: &ContextState, partial: u8) -> usize {
        match (&self.numbers, self.layout) {
            (Some(numbers), _) => {
                256 + 64 * numbers.channel().min(3) + 8 * self.at + partial.ilog2() as usize
            }
            (None, Layout::Bytes { record, .. }) if record > 1 => {
                ((state.bytes().len() - self.begin) % record as usize).min(255)
            }
            (None, _) => partial.ilog2() as usize,
        }
    }

    /// The choice of [`Selector::Level`](super::Selector::Level), 0 to 31.
    pub fn level(&self, partial: u8) -> usize {
        match &self.numbers {
            None => partial.ilog2() as usize,
            Some(numbers) => 16 + numbers.level(),
        }
    }
}
