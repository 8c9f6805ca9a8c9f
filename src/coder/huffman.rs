//! Canonical Huffman codes, one for each distribution.
//!
//! Source: D. A. Huffman (1952); A. Moffat and J. Katajainen, "In-place calculation of minimum-redundancy codes"
//! (WADS 1995), which makes the lengths of a code from sorted weights in time and memory that are linear.
//!
//! No code word is longer than [`MAX_LENGTH`]: a tree of depth d needs a total weight of at least the Fibonacci number
//! F(d + 2) (Buro, "On the maximum length of Huffman codes", 1993), and F(67) is more than 2^17 weights of 2^28 + 1.

use std::borrow::Cow;

/// Bits of the longest code word.
pub const MAX_LENGTH: usize = 64;

/// A prefix code for symbols in the order of their weights, the heaviest first.
#[derive(Debug)]
pub struct Code {
    /// Code words of each length.
    count: [u32; MAX_LENGTH + 1],
    /// The first code word of each length.
    first: [u128; MAX_LENGTH + 1],
    /// Symbols with shorter code words.
    shorter: [u32; MAX_LENGTH + 1],
}

impl Code {
    /// The code for these weights, which rise; two at least, none of them 0, their total below F(67). They are
    /// overwritten.
    pub fn new(weights: &mut [u64]) -> Self {
        lengths(weights);
        let mut code = Code {
            count: [0; MAX_LENGTH + 1],
            first: [0; MAX_LENGTH + 1],
            shorter: [0; MAX_LENGTH + 1],
        };
        for &length in &*weights {
            code.count[length as usize] += 1;
        }
        for length in 1..=MAX_LENGTH {
            code.first[length] = (code.first[length - 1] + u128::from(code.count[length - 1])) << 1;
            code.shorter[length] = code.shorter[length - 1] + code.count[length - 1];
        }
        code
    }

    /// The code word of a symbol, and its length in bits.
    pub fn word(&self, symbol: u32) -> (u64, usize) {
        let fits = |&length: &usize| symbol < self.shorter[length] + self.count[length];
        let length = (1..=MAX_LENGTH).find(fits).unwrap_or(MAX_LENGTH);
        ((self.first[length] + u128::from(symbol - self.shorter[length])) as u64, length)
    }

    /// The symbol whose code word comes next; `None` where the bits end before it does.
    pub fn read(&self, bits: &mut BitReader<'_>) -> Option<u32> {
        let mut word = 0u128;
        for length in 1..=MAX_LENGTH {
            word = word << 1 | u128::from(bits.next()?);
            let place = word.wrapping_sub(self.first[length]);
            if place < u128::from(self.count[length]) {
                return Some(self.shorter[length] + place as u32);
            }
        }
        None
    }
}

/// Replaces rising weights by the lengths of their code words, which fall. Of a leaf and an inner node of the same
/// weight, the leaf is joined first.
fn lengths(a: &mut [u64]) {
    let n = a.len();
    // Joins the two lightest, n − 1 times. Where a node was, there stands then its parent.
    let (mut leaf, mut root) = (0, 0);
    for next in 0..n - 1 {
        let mut sum = 0;
        for _ in 0..2 {
            if leaf >= n || root < next && a[root] < a[leaf] {
                sum += a[root];
                a[root] = next as u64;
                root += 1;
            } else {
                sum += a[leaf];
                leaf += 1;
            }
        }
        a[next] = sum;
    }
    // Depths of the inner nodes, from the root down.
    a[n - 2] = 0;
    for next in (0..n - 2).rev() {
        a[next] = a[a[next] as usize] + 1;
    }
    // Depths of the leaves: at each depth the nodes that are no inner ones.
    let (mut available, mut used, mut depth) = (1, 0, 0);
    let (mut inner, mut next) = (n - 1, n);
    while available > 0 {
        while inner > 0 && a[inner - 1] == depth {
            used += 1;
            inner -= 1;
        }
        while available > used {
            next -= 1;
            a[next] = depth;
            available -= 1;
        }
        (available, used, depth) = (2 * used, 0, depth + 1);
    }
}

/// Writes bits, the first into the highest bit of a byte.
#[derive(Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are written.
    used: usize,
}

impl BitWriter {
    /// Writes the lowest `length` bits of `word`, the highest of them first.
    pub fn write(&mut self, word: u64, length: usize) {
        for i in (0..length).rev() {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((word >> i & 1) as u8) << (7 - self.used);
            }
            self.used = (self.used + 1) % 8;
        }
    }

    /// The bytes; zeros fill the last one.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads bits.
#[derive(Debug)]
pub struct BitReader<'a> {
    bytes: Cow<'a, [u8]>,
    /// Bits read so far.
    at: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the first bit.
    pub fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        BitReader { bytes: bytes.into(), at: 0 }
    }

    fn next(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// Says whether nothing is left but zeros that fill the last byte.
    pub fn is_finished(&self) -> bool {
        let whole = self.at.div_ceil(8) == self.bytes.len();
        let filling = match self.at % 8 {
            0 => 0,
            used => self.bytes.last().map_or(0, |last| last << used),
        };
        whole && filling == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BinaryHeap;

    /// The cost of a Huffman code by the textbook: two lightest nodes are joined again and again.
    fn least_cost(weights: &[u64]) -> u64 {
        let mut heap: BinaryHeap<_> = weights.iter().map(|&w| std::cmp::Reverse(w)).collect();
        let mut cost = 0;
        while let (Some(a), Some(b)) = (heap.pop(), heap.pop()) {
            cost += a.0 + b.0;
            heap.push(std::cmp::Reverse(a.0 + b.0));
            if heap.len() == 1 {
                break;
            }
        }
        cost
    }

    fn rising() -> impl Strategy<Value = Vec<u64>> {
        let weight = (1u64..1 << 29, 0u32..29).prop_map(|(f, shift)| (f >> shift).max(1));
        prop::collection::vec(weight, 2..300).prop_map(|mut weights| {
            weights.sort_unstable();
            weights
        })
    }

    proptest! {
        #[test]
        fn codes_are_optimal_and_complete(weights in rising()) {
            let mut lengths = weights.clone();
            let code = Code::new(&mut lengths);
            let cost: u64 = weights.iter().zip(&lengths).map(|(w, l)| w * l).sum();
            prop_assert_eq!(cost, least_cost(&weights));
            prop_assert!(lengths.is_sorted_by(|a, b| a >= b));
            // Kraft's sum is exactly 1.
            let kraft: u128 = lengths.iter().map(|&l| 1u128 << (64 - l)).sum();
            prop_assert_eq!(kraft, 1 << 64);
            let last = weights.len() as u32 - 1;
            for symbol in [0, last / 2, last] {
                prop_assert_eq!(code.word(symbol).1 as u64, lengths[(last - symbol) as usize]);
            }
        }

        #[test]
        fn symbols_come_back(weights in rising(), picks in prop::collection::vec(any::<prop::sample::Index>(), 0..400)) {
            let code = Code::new(&mut weights.clone());
            let symbols: Vec<u32> = picks.iter().map(|pick| pick.index(weights.len()) as u32).collect();
            let mut writer = BitWriter::default();
            for &symbol in &symbols {
                let (word, length) = code.word(symbol);
                writer.write(word, length);
            }
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            for &symbol in &symbols { prop_assert_eq!(code.read(&mut reader), Some(symbol)); }
            prop_assert!(reader.is_finished());
        }

        #[test]
        fn hostile_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), weights in rising()) {
            let count = weights.len() as u32;
            let code = Code::new(&mut weights.clone());
            let mut reader = BitReader::new(&bytes);
            while let Some(symbol) = code.read(&mut reader) { prop_assert!(symbol < count); }
        }
    }

    /// Weights that grow like Fibonacci's numbers make the deepest tree.
    #[test]
    fn the_deepest_tree_fits() {
        let mut weights = vec![1u64, 1];
        while weights.len() <= MAX_LENGTH {
            weights.push(weights[weights.len() - 2..].iter().sum());
        }
        let total: u64 = weights.iter().sum();
        assert!(total > (1 << 17) * ((1 << 28) + 1), "no distribution is so heavy");
        let code = Code::new(&mut weights.clone());
        let deepest = weights.len() as u32 - 1;
        assert_eq!(code.word(deepest), (u64::MAX, MAX_LENGTH));
        let mut writer = BitWriter::default();
        writer.write(code.word(deepest).0, MAX_LENGTH);
        let bytes = writer.finish();
        assert_eq!(code.read(&mut BitReader::new(&bytes)), Some(deepest));
    }
}
