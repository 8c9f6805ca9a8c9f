//! The predictions of a model for some files, kept so that the mixer can be replayed without it.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use llz::kernel::Isa;
use llz::model::{Frequencies, Loaded, Model, Pass, State, Team, built_in, parts};
use llz::vocab::{Child, Decision, Vocabulary};

use super::Result;

/// The part of the cache for one file or folder.
pub struct Item {
    pub name: String,
    pub tokens: Vec<u32>,
    /// The model's hidden vector at each position.
    pub hidden: Vec<f32>,
    /// Its log odds at each decision.
    pub logits: Vec<f32>,
}

impl Item {
    /// The bytes that its tokens spell.
    pub fn bytes(&self, v: &Vocabulary) -> Vec<u8> {
        self.tokens.iter().flat_map(|&t| v.token(t)).copied().collect()
    }
}

/// Most bytes of a model file.
const MODEL_LIMIT: u64 = 4 << 30;

/// A built-in model by its name, or one in a file.
pub fn load(model: &str) -> Result<Loaded> {
    Ok(match built_in(model) {
        Ok(model) => model,
        Err(_) => Loaded::open(Path::new(model), MODEL_LIMIT)?,
    })
}

/// Appends a file, or the files of a folder in order of path.
fn gather(path: &Path, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    if path.is_dir() {
        let mut names: Vec<_> = std::fs::read_dir(path)?
            .map(|e| e.map(|e| e.path()))
            .collect::<std::result::Result<_, _>>()?;
        names.sort();
        names.iter().try_for_each(|p| gather(p, bytes))
    } else {
        bytes.extend(std::fs::read(path)?);
        Ok(())
    }
}

/// The bytes of each file or folder.
pub fn read_all(files: &[String]) -> Result<Vec<Vec<u8>>> {
    let read = |file: &String| {
        let mut raw = Vec::new();
        gather(Path::new(file), &mut raw)?;
        Ok(raw)
    };
    files.iter().map(read).collect()
}

/// Visits the decisions that lead to a token, each with its answer.
pub fn decisions(v: &Vocabulary, token: u32, mut visit: impl FnMut(&Decision, bool)) {
    let mut at = Child::Decision(0);
    while let Child::Decision(i) = at {
        let decision = v.tree().decision(i);
        let one = decision.answer(token);
        visit(decision, one);
        at = decision.child(one);
    }
}

/// The token that the first one follows.
pub fn newline(v: &Vocabulary) -> Result<u32> {
    Ok(v.rank(b"\n").ok_or("no newline token")?)
}

/// Reads `first` and then `tokens`. Calls `each` with every one of `tokens`, the model's hidden vector before it, and the
/// frequencies of the tokens that may come there.
pub fn read_along(
    model: &Arc<Model>,
    first: u32,
    tokens: &[u32],
    mut each: impl FnMut(u32, &[f32], &Frequencies),
) {
    /// Positions that the model reads at once.
    const POSITIONS: usize = 16;
    let isa = Isa::detect();
    let mut frequencies = Frequencies::new(model.vocabulary().len(), isa);
    let mut pass = Pass::new(Team::alone(Arc::clone(model), isa), POSITIONS);
    let mut states = [State::new(&model.shape())];
    let mut before = vec![first];
    before.extend(tokens);
    for (block, targets) in before.chunks(POSITIONS).zip(tokens.chunks(POSITIONS)) {
        let block = &block[..targets.len()];
        let outputs = pass.run(block, &[0; POSITIONS][..block.len()], &mut states);
        for ((hidden, logits), &token) in outputs.each().zip(targets) {
            frequencies.take(logits);
            each(token, hidden, &frequencies);
        }
    }
}

/// Writes the cache.
pub fn collect(model: &str, cache: &str, limit: usize, files: &[String]) -> Result<()> {
    let loaded = load(model)?;
    let (model, tokenizer) = parts(&loaded)?;
    let vocabulary = model.vocabulary();
    let first = newline(vocabulary)?;
    let mut out = BufWriter::new(std::fs::File::create(cache)?);
    for file in files {
        let mut raw = Vec::new();
        gather(Path::new(file), &mut raw)?;
        raw.truncate(limit);
        let mut tokens = Vec::new();
        tokenizer.cut(vocabulary, &raw, &mut tokens);
        let (mut odds, mut vectors) = (Vec::new(), Vec::new());
        read_along(model, first, &tokens, |token, hidden, frequencies| {
            vectors.extend_from_slice(hidden);
            decisions(vocabulary, token, |decision, _| odds.push(frequencies.log_odds(decision)));
        });
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        eprintln!("{name}: {} bytes, {} tokens, {} decisions", raw.len(), tokens.len(), odds.len());
        let parts = [
            name.as_bytes().to_vec(),
            bytes_of(&tokens),
            bytes_of_f32(&vectors),
            bytes_of_f32(&odds),
        ];
        for part in parts {
            out.write_all(&(part.len() as u64).to_le_bytes())?;
            out.write_all(&part)?;
        }
    }
    Ok(())
}

fn bytes_of(x: &[u32]) -> Vec<u8> {
    x.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn bytes_of_f32(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn integers(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Reads the cache.
pub fn read(cache: &str) -> Result<Vec<Item>> {
    let mut file = BufReader::new(std::fs::File::open(cache)?);
    let mut items = Vec::new();
    let mut len = [0u8; 8];
    while file.read_exact(&mut len).is_ok() {
        let mut part = |len: [u8; 8]| -> Result<Vec<u8>> {
            let mut bytes = vec![0; u64::from_le_bytes(len) as usize];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        let name = String::from_utf8(part(len)?)?;
        let mut next = || -> Result<Vec<u8>> {
            let mut len = [0u8; 8];
            file.read_exact(&mut len)?;
            let mut bytes = vec![0; u64::from_le_bytes(len) as usize];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        let tokens = integers(&next()?);
        let (hidden, logits) = (floats(&next()?), floats(&next()?));
        items.push(Item { name, tokens, hidden, logits });
    }
    Ok(items)
}
