//! The layouts that a chunk is coded by: those that are the smallest on a sample.
//!
//! Statistics say what may be worth a trial ([`segments`](super::segments), [`lags`](super::lags)); what is taken is
//! decided by coding a sample, which gives the same sizes on every machine.

use crate::error::Result;
use crate::mixer::records::{Layout, MAX_DISTANCE, MIN_NUMBERS, Segment, Sign};

use super::control::Control;
use super::chunk_codec::ChunkCodec;
use super::lags;
use super::records;
use super::segments::{self, Run, Shape};

/// Most bytes of a run that are coded to compare layouts.
const SAMPLE: usize = 32 << 10;
/// Most bytes of a run that are coded to compare widths of numbers.
const SHORT_SAMPLE: usize = 8 << 10;
/// Bytes that are searched for rows.
const SEARCHED: usize = 256 << 10;
/// The longest record that is searched for.
const MAX_RECORD: usize = 4096;

/// Bytes that the search in a chunk of `len` bytes takes: numbers twice, and what [`segments::of`] keeps for each unit.
pub(super) fn bytes(len: usize) -> u64 {
    (2 * size_of::<u64>() * len.min(SEARCHED) + len / 16) as u64
}

/// How a chunk may be coded by codec records.
pub(super) struct Plan<'r> {
    pub segments: Vec<Segment>,
    /// Samples of the chunk, and the bytes that all of them take so, each alone.
    pub samples: Vec<&'r [u8]>,
    pub coded: usize,
}

/// Finds the segments of a chunk.
pub(super) fn of<'r>(raw: &'r [u8], codec: &ChunkCodec, control: Control<'_>) -> Result<Plan<'r>> {
    let mut plan = Plan { segments: Vec::new(), samples: Vec::new(), coded: 0 };
    let trial = Trial { codec, control: control.uncounted() };
    for run in segments::of(raw) {
        let Run { mut begin, end, shape } = run;
        let bytes = &raw[begin..end];
        let mut layouts = in_bytes(bytes);
        let mut tail = 0;
        if let Some(shape) = shape {
            let aligned = shape.align(begin);
            let len = (end - aligned.min(end)) / shape.width * shape.width;
            if len >= MIN_NUMBERS {
                put(&mut plan.segments, aligned - begin, Layout::PLAIN);
                tail = end - aligned - len;
                begin = aligned;
                let numbers = &raw[aligned..aligned + len];
                let shape = trial.joined(numbers, shape)?;
                // What is left of the last number of a wider shape belongs to the tail.
                tail += len % shape.width;
                layouts.extend(of_numbers(&raw[begin..end - tail], shape));
            }
        }
        let bytes = &raw[begin..end - tail];
        let (sample, coded, layout) = trial.smallest(bytes, &layouts, SAMPLE)?;
        put(&mut plan.segments, bytes.len(), layout);
        put(&mut plan.segments, tail, Layout::PLAIN);
        plan.samples.push(sample);
        plan.coded += coded;
    }
    Ok(plan)
}

/// Appends a segment, or makes the last one longer.
fn put(segments: &mut Vec<Segment>, len: usize, layout: Layout) {
    match segments.last_mut() {
        _ if len == 0 => {}
        Some(last) if last.layout == layout && matches!(layout, Layout::Bytes { .. }) => last.len += len,
        _ => segments.push(Segment { len, layout }),
    }
}

/// Layouts of plain bytes.
fn in_bytes(bytes: &[u8]) -> Vec<Layout> {
    let (record, other) = lags::records(&bytes[..bytes.len().min(SEARCHED)], MAX_RECORD);
    let mut layouts = vec![Layout::PLAIN];
    if record > 0 {
        layouts.push(Layout::Bytes { record: record as u32, other: other as u32 });
    }
    layouts
}

/// Layouts of numbers of one shape, with and without rows.
fn of_numbers(bytes: &[u8], shape: Shape) -> Vec<Layout> {
    let Shape { width, little, channels, .. } = shape;
    let aligned = Shape { phase: 0, ..shape };
    let searched = &bytes[..bytes.len().min(SEARCHED)];
    let places = (0..searched.len() / width).map(|i| i * width);
    let numbers: Vec<u64> = places.map(|at| aligned.number(searched, at)).collect();
    let sign = sign(&numbers, width, channels);
    let ordered: Vec<u64> = numbers.iter().map(|&number| in_order(number, width, sign)).collect();
    let row = lags::row(&ordered, channels, MAX_DISTANCE as usize / width / 4);
    let layout = |row| Layout::Numbers {
        width: width as u8,
        little,
        sign,
        channels: channels as u32,
        row,
    };
    let mut layouts = vec![layout(0)];
    if row > 0 && layout(row as u32).is_valid() {
        layouts.push(layout(row as u32));
    }
    layouts
}

/// A number of `width` bytes as an unsigned one in the order of the values.
fn in_order(number: u64, width: usize, sign: Sign) -> u64 {
    let top = 1 << (8 * width - 1);
    match sign {
        Sign::Unsigned => number,
        Sign::Signed => number ^ top,
        Sign::Magnitude if number < top => number | top,
        Sign::Magnitude => !number & (top | (top - 1)),
    }
}

/// The sign under which numbers are nearest to those before them.
fn sign(numbers: &[u64], width: usize, channels: usize) -> Sign {
    let price = |sign| -> u64 {
        let ordered = |&number: &u64| in_order(number, width, sign);
        let pairs = numbers.iter().map(ordered).zip(numbers.iter().skip(channels).map(ordered));
        pairs.map(|(a, b)| u64::from(a.abs_diff(b).checked_ilog2().map_or(0, |log2| log2 + 1))).sum()
    };
    // Of equals the first.
    let signs = [Sign::Unsigned, Sign::Signed, Sign::Magnitude];
    signs.into_iter().min_by_key(|&sign| price(sign)).unwrap_or(Sign::Unsigned)
}

/// Codes samples.
struct Trial<'a> {
    codec: &'a ChunkCodec,
    control: Control<'a>,
}

impl Trial<'_> {
    /// The layout under which the middle of these bytes takes the fewest; also the middle, and those fewest.
    fn smallest<'r>(&self, bytes: &'r [u8], layouts: &[Layout], most: usize) -> Result<(&'r [u8], usize, Layout)> {
        // A multiple of every width, and of three channels of each.
        let unit = if bytes.len() < 2 * UNIT { 1 } else { UNIT };
        let len = most.min(bytes.len()) / unit * unit;
        let from = (bytes.len() - len) / 2 / unit * unit;
        let sample = &bytes[from..from + len];
        let mut best = (usize::MAX, Layout::PLAIN);
        for &layout in layouts {
            let len = match layout {
                Layout::Numbers { width, .. } => len / usize::from(width) * usize::from(width),
                Layout::Bytes { .. } => len,
            };
            let mut segments = vec![Segment { len, layout }];
            put(&mut segments, sample.len() - len, Layout::PLAIN);
            if !segments[0].is_valid() {
                continue;
            }
            let coded = records::encode(sample, &segments, self.codec, self.control)?;
            best = if coded.len() < best.0 { (coded.len(), layout) } else { best };
        }
        Ok((sample, best.0, best.1))
    }

    /// The shape whose numbers are all channels of `shape` together, if that is smaller: numbers of some bytes look
    /// like as many channels of fewer bytes.
    fn joined(&self, bytes: &[u8], shape: Shape) -> Result<Shape> {
        let width = shape.width * shape.channels;
        if shape.channels == 1 || !matches!(width, 2 | 3 | 4 | 8) {
            return Ok(shape);
        }
        let orders = if shape.width == 1 { &[true, false][..] } else { &[shape.little] };
        let joined = orders.iter().map(|&little| Shape { width, little, channels: 1, phase: 0 });
        let shapes: Vec<Shape> = [shape].into_iter().chain(joined).collect();
        let layouts: Vec<Layout> = shapes.iter().map(|&shape| of_numbers(bytes, shape)[0]).collect();
        let (_, _, best) = self.smallest(bytes, &layouts, SHORT_SAMPLE)?;
        let index = layouts.iter().position(|&layout| layout == best).unwrap_or(0);
        Ok(shapes[index])
    }
}

/// Samples begin and end at multiples of this, so that they begin with a number and with a pixel.
const UNIT: usize = 24;
