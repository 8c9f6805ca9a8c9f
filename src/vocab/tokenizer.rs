//! Cutting bytes into tokens with a Hugging Face `tokenizer.json`.
//!
//! Only packing needs a tokenizer; a decoder reads the tokens from the archive. Any tokens that spell
//! the same bytes are correct, so long inputs are cut in pieces to bound time and memory.

use super::Vocabulary;

/// Bytes given to the tokenizer at a time; one enormous line must not become one enormous word.
const PIECE: usize = 8 << 10;

/// Cuts bytes into the tokens of one vocabulary.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Rank of each of the tokenizer's ids.
    ranks: Vec<u32>,
    /// Rank of each single byte.
    singles: Vec<u32>,
}

impl Tokenizer {
    /// Reads a byte-level `tokenizer.json` for the vocabulary in it.
    ///
    /// # Errors
    /// The reason in words.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let inner: tokenizers::Tokenizer = json.parse().map_err(|e| format!("tokenizer: {e}"))?;
        let (vocabulary, ranks) = Vocabulary::from_tokenizer_json(json)?;
        let singles = (0..=255u8)
            .map(|b| vocabulary.rank(&[b]))
            .collect::<Option<Vec<u32>>>()
            .ok_or("tokenizer: a single byte is missing")?;
        Ok(Tokenizer { inner, ranks, singles })
    }

    /// Appends the ranks of tokens that spell `bytes`. Broken UTF-8 is spelled byte by byte.
    pub fn cut(&self, vocabulary: &Vocabulary, bytes: &[u8], ranks: &mut Vec<u32>) {
        for chunk in bytes.utf8_chunks() {
            let mut text = chunk.valid();
            while !text.is_empty() {
                let (piece, rest) = text.split_at(piece_len(text));
                self.cut_text(vocabulary, piece, ranks);
                text = rest;
            }
            ranks.extend(chunk.invalid().iter().map(|&b| self.singles[usize::from(b)]));
        }
    }

    fn cut_text(&self, vocabulary: &Vocabulary, text: &str, ranks: &mut Vec<u32>) {
        let before = ranks.len();
        if let Ok(encoding) = self.inner.encode_fast(text, false) {
            ranks.extend(encoding.get_ids().iter().filter_map(|&id| self.ranks.get(id as usize)));
            // The tokens must spell the text: a tokenizer that normalises would lose bytes.
            let spelled = ranks[before..].iter().flat_map(|&r| vocabulary.token(r));
            if spelled.eq(text.as_bytes()) {
                return;
            }
            ranks.truncate(before);
        }
        ranks.extend(text.bytes().map(|b| self.singles[usize::from(b)]));
    }
}

/// Finds where to cut the next piece: after the last newline within reach, else at a character.
fn piece_len(text: &str) -> usize {
    if text.len() <= PIECE {
        return text.len();
    }
    match text.as_bytes()[..PIECE].iter().rposition(|&b| b == b'\n') {
        // The newline starts the next piece: tokens hold a newline with the indent after it.
        Some(at) if at > 0 => at,
        _ => (1..=PIECE).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(text.len()),
    }
}
