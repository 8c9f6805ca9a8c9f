//! A vocabulary is a sorted list of byte strings; tokenizers cut bytes into them.
#![forbid(unsafe_code)]

mod byte_level;
#[cfg(feature = "encode")]
mod tokenizer;
mod tree;

use sha2::{Digest, Sha256};

#[cfg(feature = "encode")]
pub use tokenizer::Tokenizer;
pub use tree::{Child, Decision, DecisionKind, Tree};

/// Most tokens a vocabulary may have (RWKV World has 65,536).
pub const MAX_TOKENS: usize = 1 << 17;
/// Most bytes a token may have.
pub const MAX_TOKEN_BYTES: usize = 255;

/// Tokens in byte order, identified by their rank. Every single byte is a token, so tokens can spell
/// any data.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    bytes: Vec<u8>,
    /// Start of each token in `bytes`, and the end of the last.
    starts: Vec<u32>,
    tree: Tree,
    id: [u8; 8],
}

#[allow(clippy::len_without_is_empty, reason = "it has at least 256 tokens")]
impl Vocabulary {
    /// A vocabulary from byte strings in any order, and for each of them its rank.
    ///
    /// Fails, saying why, on an empty, overlong or repeated token, on too many of them, and when
    /// a single byte is missing.
    pub fn new(tokens: &[Vec<u8>]) -> Result<(Self, Vec<u32>), String> {
        if tokens.len() > MAX_TOKENS {
            return Err(format!("{} tokens are more than {MAX_TOKENS}", tokens.len()));
        }
        let mut order: Vec<u32> = (0..tokens.len() as u32).collect();
        order.sort_by(|&a, &b| tokens[a as usize].cmp(&tokens[b as usize]));
        let mut bytes = Vec::new();
        let mut starts = vec![0u32];
        let mut ranks = vec![0u32; tokens.len()];
        let mut hash = Sha256::new();
        for (rank, &id) in order.iter().enumerate() {
            let token = &tokens[id as usize];
            if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
                return Err(format!("token {id} has {} bytes", token.len()));
            }
            if rank > 0 && *token == tokens[order[rank - 1] as usize] {
                return Err(format!("tokens {id} and {} are the same", order[rank - 1]));
            }
            ranks[id as usize] = rank as u32;
            hash.update([token.len() as u8]);
            hash.update(token);
            bytes.extend_from_slice(token);
            starts.push(bytes.len() as u32);
        }
        let singles = tokens.iter().filter(|t| t.len() == 1).count();
        if singles != 256 {
            return Err(format!("only {singles} of the 256 single bytes are tokens"));
        }
        let digest: [u8; 32] = hash.finalize().into();
        let id = std::array::from_fn(|i| digest[i]);
        let mut vocabulary = Vocabulary { bytes, starts, tree: Tree::default(), id };
        vocabulary.tree = Tree::new(&vocabulary);
        Ok((vocabulary, ranks))
    }

    /// The 256 single bytes: the vocabulary of the `mix` codec.
    pub fn of_bytes() -> Self {
        let tokens: Vec<Vec<u8>> = (0..=255).map(|b| vec![b]).collect();
        let (vocabulary, _) = Self::new(&tokens).expect("256 distinct bytes are a vocabulary");
        vocabulary
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The bytes of the token with this rank.
    ///
    /// # Panics
    /// If there is no such token.
    #[inline]
    pub fn token(&self, rank: u32) -> &[u8] {
        let rank = rank as usize;
        &self.bytes[self.starts[rank] as usize..self.starts[rank + 1] as usize]
    }

    /// The rank of these bytes, if they are a token.
    pub fn rank(&self, bytes: &[u8]) -> Option<u32> {
        let (mut lo, mut hi) = (0, self.len() as u32);
        while lo < hi {
            let mid = lo.midpoint(hi);
            if self.token(mid) < bytes { lo = mid + 1 } else { hi = mid }
        }
        ((lo as usize) < self.len() && self.token(lo) == bytes).then_some(lo)
    }

    /// Bytes it takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.len() * (size_of::<u32>() + size_of::<Decision>())
    }

    /// The binary decisions that spell a token.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// First eight bytes of the SHA-256 over every token in byte order, each as one length byte
    /// and its bytes.
    pub fn id(&self) -> [u8; 8] {
        self.id
    }
}
