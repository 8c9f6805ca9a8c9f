//! The contexts: the part of the preceding bytes that each prediction depends on.

/// A context; its histories are found by a hash of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// The last n bytes, n ≤ 8.
    Order(u8),
    /// The letters and digits since the last other byte.
    Word,
    /// The current word and the one before it.
    WordPair,
    /// The byte above (same column, previous line) and the column.
    Column,
    /// The byte above, the one above its right neighbour, and the last byte.
    Above,
    /// The first word of the line and the number of separators since.
    Field,
    /// The last word before `:`, `=`, `>` or `(`, and the current word.
    Key,
    /// The indentation of this line, the first byte of the previous one, and the current word.
    Indent,
    /// The two bytes that last followed the last n bytes (n = 1 or 2), and the last byte.
    Indirect(u8),
    /// The word before, and the length of the current one and its first letter.
    SkipWord,
    /// The current word and the two before it.
    WordTriple,
    /// The byte that the match expects, and its length's bucket; without a match the last 5 bytes.
    Expected,
    /// One of those of records, by its place; [`super::records`] hashes them.
    Record,
}

/// The state that the contexts are computed from, updated byte by byte.
#[derive(Debug)]
pub struct ContextState {
    bytes: Vec<u8>,
    last: u64,
    word: u32,
    word_before: u32,
    word_before_that: u32,
    word_len: u32,
    word_first: u8,
    /// The last two bytes that followed each byte, and each pair of bytes.
    after_one: Vec<u16>,
    after_two: Vec<u16>,
    key: u32,
    /// The first word of the line.
    line_word: u32,
    fields: u32,
    indent: u32,
    in_indent: bool,
    line: usize,
    line_before: usize,
    first_before: u8,
    /// The byte that the match predicts, and the bucket of its length.
    expected: Option<(u8, usize)>,
}

/// An odd multiplier for hashes, without a meaning of its own. Others were not measured.
const PRIME: u32 = 0x2f0b_4c47;
/// 2³² divided by the golden ratio, the next prime: Knuth's multiplicative hashing.
const GOLDEN: u32 = 0x9e37_79b1;

/// The number of bytes that there are, and of pairs of bytes.
const AFTER_ONE: usize = 1 << 8;
const AFTER_TWO: usize = 1 << 16;

/// Mixes a value into a hash.
#[inline(always)]
pub fn combine(hash: u32, value: u32) -> u32 {
    let h = (hash ^ value).wrapping_mul(GOLDEN);
    h ^ (h >> 15)
}

/// The hash that tells context number `salt` apart from others.
#[inline(always)]
pub fn salted(salt: u32) -> u32 {
    salt.wrapping_mul(PRIME).wrapping_add(0x51ed_270b)
}

impl Default for ContextState {
    fn default() -> Self {
        ContextState {
            bytes: Vec::new(),
            last: 0,
            word: 0,
            word_before: 0,
            word_before_that: 0,
            word_len: 0,
            word_first: 0,
            after_one: vec![0; AFTER_ONE],
            after_two: vec![0; AFTER_TWO],
            key: 0,
            line_word: 0,
            fields: 0,
            indent: 0,
            in_indent: false,
            line: 0,
            line_before: 0,
            first_before: 0,
            expected: None,
        }
    }
}

impl ContextState {
    /// The bytes seen so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes seen, taken out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Reserves room for a chunk.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve_exact(bytes);
    }

    /// Bytes that a state takes with room for a chunk of `len` bytes.
    pub fn bytes_for(len: usize) -> usize {
        (AFTER_ONE + AFTER_TWO) * size_of::<u16>() + len
    }

    /// Bytes of memory that it holds.
    #[cfg(test)]
    pub fn bytes_held(&self) -> usize {
        size_of_val(&self.after_one[..]) + size_of_val(&self.after_two[..]) + self.bytes.capacity()
    }

    /// The byte `back` positions ago (1 = the last), 0 before the beginning; `back` ≤ 8.
    #[inline]
    pub fn byte(&self, back: u32) -> u8 {
        (self.last >> (8 * (back - 1))) as u8
    }

    /// The last three bytes, the latest in the low byte; 0 before the beginning.
    #[inline]
    pub fn last_three(&self) -> u32 {
        (self.last & 0xff_ffff) as u32
    }

    /// The last eight bytes, the latest in the low byte; 0 before the beginning.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The hash of the letters and digits since the last other byte.
    pub fn word(&self) -> u32 {
        self.word
    }

    /// The two bytes that last followed the last byte.
    pub fn after_one(&self) -> u16 {
        self.after_one[(self.last & 0xff) as usize]
    }

    /// The two bytes that last followed the last two bytes.
    pub fn after_two(&self) -> u16 {
        self.after_two[(self.last & 0xffff) as usize]
    }

    /// The byte that the match predicts and the bucket of its length; without a match the last five bytes.
    pub fn expected_value(&self) -> u64 {
        match self.expected {
            Some((byte, bucket)) => 1 << 63 | u64::from(byte) << 8 | bucket as u64,
            None => self.last & 0xff_ffff_ffff,
        }
    }

    /// Sets the byte that the match predicts, and the bucket of its length.
    pub fn set_expected(&mut self, expected: Option<(u8, usize)>) {
        self.expected = expected;
    }

    /// Appends the next byte.
    pub fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
        for after in [
            &mut self.after_one[(self.last & 0xff) as usize],
            &mut self.after_two[(self.last & 0xffff) as usize],
        ] {
            *after = *after << 8 | u16::from(byte);
        }
        self.last = self.last << 8 | u64::from(byte);
        let lower = byte.to_ascii_lowercase();
        if lower.is_ascii_alphanumeric() || byte >= 128 {
            self.word_len += 1;
            if self.word_len == 1 {
                self.word_first = lower;
            }
            self.word = (self.word ^ u32::from(lower)).wrapping_add(1).wrapping_mul(PRIME);
        } else {
            if matches!(byte, b':' | b'=' | b'>' | b'(') {
                self.key = if self.word != 0 { self.word } else { self.word_before };
            }
            if self.word != 0 {
                if self.line_word == 0 {
                    self.line_word = self.word;
                }
                self.word_before_that = self.word_before;
                self.word_before = self.word;
                self.word = 0;
                self.word_len = 0;
            }
            if matches!(byte, b',' | b';' | b'\t' | b'|' | b'"' | b'<') {
                self.fields += 1;
            }
        }
        if byte == b'\n' {
            self.first_before = self.bytes.get(self.line).copied().unwrap_or(0);
            self.line_before = self.line;
            self.line = self.bytes.len();
            (self.line_word, self.fields, self.indent, self.in_indent) = (0, 0, 0, true);
        } else if self.in_indent {
            if byte == b' ' || byte == b'\t' {
                self.indent += 1;
            } else {
                self.in_indent = false;
            }
        }
    }

    /// The byte `right` of the one above the next byte, or 0.
    fn above(&self, right: usize) -> u8 {
        let at = self.line_before + (self.bytes.len() - self.line) + right;
        if at < self.line { self.bytes[at] } else { 0 }
    }

    /// The hash of the last n bytes, 5 ≤ n ≤ 8.
    #[inline(always)]
    fn long(&self, h: u32, n: u8) -> u32 {
        let high = (self.last >> 32) as u32 & (u32::MAX >> (64 - 8 * u32::from(n)));
        combine(combine(h, self.last as u32), high)
    }

    /// The hash of the present value of `context`; `salt` tells contexts apart.
    #[inline]
    pub fn hash(&self, context: Context, salt: u32) -> u32 {
        let h = salted(salt);
        match context {
            Context::Order(0) | Context::Record => h,
            Context::Order(n @ 1..=4) => {
                combine(h, (self.last as u32) & (u32::MAX >> (32 - 8 * u32::from(n))))
            }
            Context::Order(n) => self.long(h, n.min(8)),
            Context::Word => combine(combine(h, self.word), u32::from(self.byte(1))),
            Context::WordPair => {
                combine(combine(combine(h, self.word), self.word_before), u32::from(self.byte(1)))
            }
            Context::Column => {
                let column = (self.bytes.len() - self.line).min(255) as u32;
                combine(h, column << 8 | u32::from(self.above(0)))
            }
            Context::Above => combine(
                h,
                u32::from(self.above(0)) << 16
                    | u32::from(self.above(1)) << 8
                    | u32::from(self.byte(1)),
            ),
            Context::Field => {
                combine(combine(h, self.line_word), self.fields << 8 | u32::from(self.byte(1)))
            }
            Context::Key => combine(combine(h, self.key), self.word ^ u32::from(self.byte(1))),
            Context::Expected => match self.expected {
                Some((byte, bucket)) => combine(!h, u32::from(byte) << 8 | bucket as u32),
                None => self.long(h, 5),
            },
            Context::Indirect(n) => {
                let after = if n == 1 { self.after_one() } else { self.after_two() };
                combine(combine(h, u32::from(after)), u32::from(self.byte(1)))
            }
            Context::SkipWord => combine(
                combine(h, self.word_before),
                self.word_len << 8 | u32::from(self.word_first),
            ),
            Context::WordTriple => combine(
                combine(combine(combine(h, self.word), self.word_before), self.word_before_that),
                u32::from(self.byte(1)),
            ),
            Context::Indent => combine(
                combine(h, self.word),
                self.indent.min(255) << 8 | u32::from(self.first_before),
            ),
        }
    }
}
