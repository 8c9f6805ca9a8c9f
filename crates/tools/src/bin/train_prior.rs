//! Learns the mixer's priors, and measures the mixer apart from the model.
//!
//! `train_prior collect MODEL CACHE BYTES FILE...` runs a model (a name or a file) once over the first BYTES
//! of each file (or folder) and stores its hidden vectors and, per decision, its log odds.
//! `train_prior train MODEL CACHE OUT_DIR` replays that through the mixer, file after file, and
//! writes `MODEL.prior`; `train_prior contexts MODEL CACHE OUT_DIR` writes `mix-1.prior` and
//! `mix-2.prior`, for contexts alone.
//! `train_prior eval MODEL CACHE [PRIOR_DIR]` prints what coding from the cache costs, in bytes,
//! with one part of the codec after the other.
//! `train_prior odds MODEL RANKS OUT PIECE` codes the tokens of RANKS (u16, numbered in byte order), everything beginning anew
//! every PIECE tokens, and writes for each decision what else than the model speaks for the answer that is right and how
//! much the model counts: the mixer's log odds less the model's share of them, in eighths, and the derivative of the former
//! by the model's, in 64ths, both as i8.
//! `train_prior ablate MODEL CACHE` prints what it costs to leave out each context and each weight
//! set of the neural profile, from plain starting values.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use llz::codec::binarise::code_token;
use llz::kernel::Isa;
use llz::mixer::{FAST, FULL, Mixer, NEURAL, Prior, Profile};
use llz::model::{Frequencies, Loaded, Model, Pass, State, Team, built_in, parts};
use llz::vocab::{Child, Decision, Vocabulary};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Item {
    name: String,
    tokens: Vec<u32>,
    /// The model's hidden vector at each position.
    hidden: Vec<f32>,
    /// Its log odds at each decision.
    logits: Vec<f32>,
}

impl Item {
    /// What its tokens spell.
    fn bytes(&self, v: &Vocabulary) -> Vec<u8> {
        self.tokens.iter().flat_map(|&t| v.token(t)).copied().collect()
    }
}

/// Most bytes of a model file.
const MODEL_LIMIT: u64 = 4 << 30;

/// A built-in model by its name, or one in a file.
fn load(model: &str) -> Result<Loaded> {
    Ok(match built_in(model) {
        Ok(model) => model,
        Err(_) => Loaded::open(Path::new(model), MODEL_LIMIT)?,
    })
}

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

/// Visits the decisions that lead to a token, each with its answer.
fn decisions(v: &Vocabulary, token: u32, mut visit: impl FnMut(&Decision, bool)) {
    let mut at = Child::Decision(0);
    while let Child::Decision(i) = at {
        let decision = v.tree().decision(i);
        let one = decision.answer(token);
        visit(decision, one);
        at = decision.child(one);
    }
}

/// The token that the first one follows.
fn newline(v: &Vocabulary) -> Result<u32> {
    Ok(v.rank(b"\n").ok_or("no newline token")?)
}

/// Reads `first` and then `tokens`: tells `each` of these, what the model's hidden vector is where it comes, and what the model expects there.
fn read_along(
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

fn collect(model: &str, cache: &str, limit: usize, files: &[String]) -> Result<()> {
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

fn read(cache: &str) -> Result<Vec<Item>> {
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

fn cost(p: u32, one: bool) -> f64 {
    let p = f64::from(p) / f64::from(llz::coder::ONE);
    -(if one { p } else { 1.0 - p }).log2()
}

/// Codes an item with the model's predictions, corrected or as they are; returns the bytes it costs
/// and the mixer after.
fn neural(
    item: &Item,
    v: &Vocabulary,
    profile: &'static Profile,
    prior: &Prior,
    corrected: bool,
) -> (f64, Mixer) {
    let len = item.tokens.iter().map(|&t| v.token(t).len()).sum();
    let width = item.hidden.len() / item.tokens.len().max(1);
    let mut mixer = Mixer::new(Isa::detect(), profile, prior, len, 24);
    if corrected {
        mixer = mixer.with_dynamic_head(v.len(), width);
    }
    let (mut bits, at) = (0.0, std::cell::Cell::new(0));
    let vectors = item.hidden.chunks_exact(width.max(1));
    for (&token, hidden) in item.tokens.iter().zip(vectors) {
        let logit = |_: &_| item.logits[at.get()];
        mixer.begin_token(hidden);
        code_token(v, &mut mixer, logit, |decision, p, _| {
            at.set(at.get() + 1);
            let one = decision.answer(token);
            bits += cost(p, one);
            one
        });
    }
    (bits / 8.0, mixer)
}

/// The same as [`neural`] for the contexts alone.
fn plain(bytes: &[u8], profile: &'static Profile, prior: &Prior) -> (f64, Mixer) {
    let v = Vocabulary::of_bytes();
    let mut mixer = Mixer::new(Isa::detect(), profile, prior, bytes.len(), 24);
    let mut bits = 0.0;
    for &byte in bytes {
        code_token(
            &v,
            &mut mixer,
            |_| 0.0,
            |decision, p, _| {
                let one = decision.answer(u32::from(byte));
                bits += cost(p, one);
                one
            },
        );
    }
    (bits / 8.0, mixer)
}

/// What the mixer makes of the right answers beside the model, decision by decision.
fn odds(model: &str, file: &str, out: &str, piece: usize) -> Result<()> {
    let loaded = load(model)?;
    let (model_parts, _) = parts(&loaded)?;
    let v = model_parts.vocabulary();
    let bytes = std::fs::read(file)?;
    let ranks: Vec<u32> =
        bytes.as_chunks::<2>().0.iter().map(|r| u16::from_le_bytes(*r).into()).collect();
    if ranks.iter().any(|&rank| rank as usize >= v.len()) {
        return Err(format!("{file} holds tokens that {model} does not have").into());
    }
    let first = newline(v)?;
    let prior = match model_parts.prior() {
        Some(bytes) => Prior::from_bytes(&NEURAL, bytes)?,
        None => Prior::plain(&NEURAL),
    };
    let odds: Vec<_> = ranks
        .par_chunks(piece.max(1))
        .map(|piece| odds_of(model_parts, &prior, first, piece))
        .collect();
    Ok(std::fs::write(out, odds.concat())?)
}

/// The same for one piece.
fn odds_of(model: &Arc<Model>, prior: &Prior, first: u32, ranks: &[u32]) -> Vec<u8> {
    const UNITS: [f32; 2] = [8.0, 64.0];
    /// Where the mixer clips the model's log odds.
    const CLIP: f32 = 12.0;
    let (v, isa) = (model.vocabulary(), Isa::detect());
    let len = ranks.iter().map(|&t| v.token(t).len()).sum();
    let mut mixer =
        Mixer::new(isa, &NEURAL, prior, len, 24).with_dynamic_head(v.len(), model.shape().width);
    let mut said = Vec::with_capacity(32 * ranks.len());
    read_along(model, first, ranks, |token, hidden, frequencies| {
        mixer.begin_token(hidden);
        let logit = |decision: &Decision| frequencies.log_odds(decision);
        code_token(v, &mut mixer, logit, |decision, _, mixer| {
            // A sure decision follows the model alone.
            let by_itself = logit(decision);
            let (x, by_model) = mixer.gradient().unwrap_or((by_itself, 1.0));
            let rest = x - by_model * by_itself.clamp(-CLIP, CLIP);
            let one = decision.answer(token);
            let right = if one { rest } else { -rest };
            let byte = |x: f32| x.round().clamp(-127.0, 127.0) as i8 as u8;
            said.extend([byte(right * UNITS[0]), byte(by_model * UNITS[1])]);
            one
        });
    });
    said
}

/// Coding a run of items one after the other, each from what the ones before taught.
fn learn(
    profile: &'static Profile,
    items: &[Item],
    mut prior: Prior,
    code: impl Fn(&Item, &'static Profile, &Prior) -> (f64, Mixer),
) -> Prior {
    let mut average = prior.clone();
    for (pass, rate) in [0.01, 0.003].into_iter().enumerate() {
        let slow = Box::leak(Box::new(Profile { rate_first: rate, rate_last: rate, ..*profile }));
        let mut total = 0.0;
        for (i, item) in items.iter().enumerate() {
            let (bytes, mixer) = code(item, slow, &prior);
            total += bytes;
            prior = Prior::of(&mixer);
            if pass == 1 {
                average = average.towards(&prior, (4.0 / (i as f32 + 4.0)).max(0.02));
            }
        }
        eprintln!("profile {} pass {pass}: {total:.0} bytes", profile.id);
        average = average.towards(&prior, if pass == 0 { 1.0 } else { 0.0 });
    }
    average
}

fn write(out: &str, name: &str, profile: &Profile, prior: Prior) -> Result<()> {
    Ok(std::fs::write(Path::new(out).join(format!("{name}.prior")), prior.to_bytes(profile))?)
}

fn train(model: &str, cache: &str, out: &str) -> Result<()> {
    let items = read(cache)?;
    let loaded = load(model)?;
    let v = parts(&loaded)?.0.vocabulary();
    let code = |item: &Item, p: &'static Profile, prior: &Prior| neural(item, v, p, prior, true);
    write(out, loaded.name(), &NEURAL, learn(&NEURAL, &items, Prior::plain(&NEURAL), code))
}

fn contexts(model: &str, cache: &str, out: &str) -> Result<()> {
    let items = read(cache)?;
    let loaded = load(model)?;
    let v = parts(&loaded)?.0.vocabulary();
    let code = |item: &Item, p: &'static Profile, prior: &Prior| plain(&item.bytes(v), p, prior);
    write(out, "mix-1", &FULL, learn(&FULL, &items, Prior::plain(&FULL), code))?;
    write(out, "mix-2", &FAST, learn(&FAST, &items, Prior::plain(&FAST), code))
}

/// The prior of this name in `dir`, or the shipped one.
fn stored(dir: Option<&str>, name: &str, shipped: &[u8], profile: &Profile) -> Result<Prior> {
    let bytes = match dir {
        Some(dir) => std::fs::read(Path::new(dir).join(format!("{name}.prior")))?,
        None => shipped.to_vec(),
    };
    Ok(Prior::from_bytes(profile, &bytes)?)
}

/// What the model alone would cost, in bytes.
fn model_alone(item: &Item, v: &Vocabulary) -> f64 {
    let (mut at, mut bits) = (0, 0.0);
    for &token in &item.tokens {
        decisions(v, token, |_, one| {
            let x = f64::from(item.logits[at]) * if one { 1.0 } else { -1.0 };
            bits += (1.0 + (-x).exp()).log2();
            at += 1;
        });
    }
    bits / 8.0
}

/// What each part earns: a Markdown table of ideal code lengths.
fn eval(model: &str, cache: &str, dir: Option<&str>) -> Result<()> {
    let loaded = load(model)?;
    let (model, _) = parts(&loaded)?;
    let v = model.vocabulary();
    let shipped = model.prior().unwrap_or_default();
    let mixed = stored(dir, loaded.name(), shipped, &NEURAL)?;
    let full = stored(dir, "mix-1", FULL.prior, &FULL)?;
    let fast = stored(dir, "mix-2", FAST.prior, &FAST)?;
    let without_apm = Box::leak(Box::new(Profile { apm_stages: 0, ..NEURAL }));
    let no_bypass = Box::leak(Box::new(Profile { bypass: false, ..NEURAL }));
    let items = read(cache)?;
    println!(
        "| | raw | fast contexts | contexts | model | mixed, model not corrected | mixed, not refined \
         | every decision mixed | mixed and refined |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    let row = |name: &str, raw: usize, costs: &[f64; 7]| {
        let costs: Vec<String> = costs.iter().map(|c| format!("{c:.0}")).collect();
        println!("| {name} | {raw} | {} |", costs.join(" | "));
    };
    let (mut total, mut total_raw) = ([0.0; 7], 0);
    for item in &items {
        let raw = item.bytes(v);
        let costs = [
            plain(&raw, &FAST, &fast).0,
            plain(&raw, &FULL, &full).0,
            model_alone(item, v),
            neural(item, v, &NEURAL, &mixed, false).0,
            neural(item, v, without_apm, &mixed, true).0,
            neural(item, v, no_bypass, &mixed, true).0,
            neural(item, v, &NEURAL, &mixed, true).0,
        ];
        row(&item.name, raw.len(), &costs);
        total.iter_mut().zip(costs).for_each(|(t, c)| *t += c);
        total_raw += raw.len();
    }
    row("all", total_raw, &total);
    Ok(())
}

/// What leaving out one context or one weight set costs: a Markdown table.
fn ablate(model: &str, cache: &str) -> Result<()> {
    let items = read(cache)?;
    let loaded = load(model)?;
    let v = parts(&loaded)?.0.vocabulary();
    let total = |profile: Profile| -> f64 {
        let profile = Box::leak(Box::new(profile));
        let prior = Prior::plain(profile);
        items.iter().map(|item| neural(item, v, profile, &prior, true).0).sum()
    };
    let whole = total(Profile { ..NEURAL });
    println!("| without | bytes | |\n|---|---:|---:|\n| nothing | {whole:.0} | |");
    let row = |name: String, bytes: f64| {
        println!("| {name} | {bytes:.0} | {:+.2} % |", 100.0 * (bytes / whole - 1.0));
    };
    for &context in NEURAL.contexts {
        let others: Vec<_> = NEURAL.contexts.iter().copied().filter(|&c| c != context).collect();
        let profile = Profile { contexts: Vec::leak(others), ..NEURAL };
        row(format!("{context:?}"), total(profile));
    }
    for &set in NEURAL.sets {
        let others: Vec<_> = NEURAL.sets.iter().copied().filter(|&s| s != set).collect();
        row(format!("sets by {set:?}"), total(Profile { sets: Vec::leak(others), ..NEURAL }));
    }
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["collect", model, cache, bytes, ..] => collect(model, cache, bytes.parse()?, &args[4..]),
        ["train", model, cache, out] => train(model, cache, out),
        ["contexts", model, cache, out] => contexts(model, cache, out),
        ["eval", model, cache] => eval(model, cache, None),
        ["eval", model, cache, dir] => eval(model, cache, Some(dir)),
        ["odds", model, ranks, out, piece] => odds(model, ranks, out, piece.parse()?),
        ["ablate", model, cache] => ablate(model, cache),
        _ => Err("usage: train_prior collect MODEL CACHE BYTES FILE... | \
                  train|contexts MODEL CACHE OUT_DIR | eval MODEL CACHE [PRIOR_DIR] | \
                  odds MODEL RANKS OUT PIECE | ablate MODEL CACHE"
            .into()),
    }
}
