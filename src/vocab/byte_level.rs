//! The vocabulary of a Hugging Face `tokenizer.json` whose tokens are written in GPT-2's byte-level alphabet.
//!
//! Only the tokens are read here, which is all that a decoder needs. How bytes are cut into them is the business
//! of [`Tokenizer`](super::Tokenizer).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{MAX_TOKENS, Vocabulary};

/// The parts of a `tokenizer.json` that name tokens.
#[derive(Deserialize)]
struct File {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Model {
    vocab: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
}

impl Vocabulary {
    /// Reads the vocabulary of a byte-level `tokenizer.json`, and the rank of each of its ids.
    ///
    /// # Errors
    /// The reason in words, where the file is no such JSON, an id is beyond the number of tokens, or
    /// [`Vocabulary::new`] refuses the tokens.
    pub fn from_tokenizer_json(json: &str) -> Result<(Self, Vec<u32>), String> {
        let file: File = serde_json::from_str(json).map_err(|e| format!("tokenizer: {e}"))?;
        let mut entries = file.model.vocab;
        entries.extend(file.added_tokens.into_iter().map(|added| (added.content, added.id)));
        if entries.len() > MAX_TOKENS {
            return Err(format!("tokenizer: more than {MAX_TOKENS} tokens"));
        }
        let letters = byte_letters();
        let mut tokens = vec![Vec::new(); entries.len()];
        for (text, id) in &entries {
            let slot = tokens
                .get_mut(*id as usize)
                .ok_or_else(|| format!("tokenizer: id {id} is beyond the vocabulary"))?;
            *slot = text
                .chars()
                .map(|c| letters.get(c as usize).copied().flatten())
                .collect::<Option<Vec<u8>>>()
                .ok_or_else(|| format!("tokenizer: token {id} is not byte-level"))?;
        }
        Vocabulary::new(&tokens).map_err(|e| format!("tokenizer: {e}"))
    }
}

/// GPT-2's byte-level alphabet: the byte each letter stands for. Printable Latin-1 stands for
/// itself; the other 68 bytes are written as the letters from U+0100 on.
fn byte_letters() -> Vec<Option<u8>> {
    let mut letters = vec![None; 256 + 68];
    let mut next = 256;
    for byte in 0..=255u8 {
        let printable = matches!(byte, 33..=126 | 161..=172 | 174..=255);
        if printable {
            letters[usize::from(byte)] = Some(byte);
        } else {
            letters[next] = Some(byte);
            next += 1;
        }
    }
    letters
}
