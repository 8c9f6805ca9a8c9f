//! Layouts: where in some bytes the records, samples and rows are.

/// How the bits of a number say its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Sign {
    /// An integer without a sign.
    Unsigned = 0,
    /// An integer in two's complement.
    Signed = 1,
    /// Sign and magnitude, as IEEE 754 and IBM write floating-point numbers.
    Magnitude = 2,
}

/// What some bytes are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Bytes, perhaps in records.
    Bytes {
        /// Bytes of a record; 0 where there are none.
        record: u32,
        /// Another distance at which bytes are alike; 0 where there is none.
        other: u32,
    },
    /// Numbers of the same width.
    Numbers {
        /// Bytes of a number, 1 to 8.
        width: u8,
        /// Whether the least byte of a number comes first.
        little: bool,
        /// How a number says its value.
        sign: Sign,
        /// Numbers from one to the next of its kind: the channels of a sound, the colours of a pixel.
        channels: u32,
        /// Numbers from one to that below it; 0 where there are no rows.
        row: u32,
    },
}

/// Some bytes of one layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// How many bytes.
    pub len: usize,
    /// What they are made of.
    pub layout: Layout,
}

/// The greatest distance of a layout, in bytes. A row of a picture of four colours of two bytes each is
/// 8,192 pixels wide.
pub const MAX_DISTANCE: u32 = 1 << 16;

/// The least bytes of a segment of numbers: what a segment takes to begin must be little beside its coding.
pub const MIN_NUMBERS: usize = 256;

impl Segment {
    /// Whether its layout is in bounds and fits its length, which is not 0.
    pub fn is_valid(&self) -> bool {
        self.layout.is_valid()
            && match self.layout {
                Layout::Bytes { .. } => self.len > 0,
                Layout::Numbers { width, .. } => {
                    self.len >= MIN_NUMBERS && self.len.is_multiple_of(width.into())
                }
            }
    }
}

impl Layout {
    /// Bytes without records.
    pub const PLAIN: Layout = Layout::Bytes { record: 0, other: 0 };

    /// Whether all its distances are in bounds.
    pub fn is_valid(self) -> bool {
        match self {
            Layout::Bytes { record, other } => record <= MAX_DISTANCE && other <= MAX_DISTANCE,
            Layout::Numbers { width, channels, row, .. } => {
                let bytes = |numbers: u32| u64::from(numbers) * u64::from(width);
                let within = |numbers| bytes(numbers) <= u64::from(MAX_DISTANCE);
                (1..=8).contains(&width)
                    && channels >= 1
                    && within(channels)
                    && within(row)
                    // Neighbours four to the right in the row above must come before.
                    && (row == 0 || row / 4 > channels)
            }
        }
    }
}
