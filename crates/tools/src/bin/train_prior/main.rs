//! Learns the mixer's priors, and measures the mixer apart from the model.
//!
//! `train_prior collect MODEL CACHE BYTES FILE...` runs a model (a name or a file) once over the first BYTES
//! of each file (or folder) and stores its hidden vectors and, per decision, its log odds.
//! `train_prior train MODEL CACHE OUT_DIR` replays that through the mixer, file after file, and
//! writes `MODEL.prior`.
//! `train_prior contexts OUT_DIR FILE...` replays the files (or folders) themselves and writes `mix-1.prior`, `mix-2.prior` and
//! `mix-5.prior`, for contexts alone.
//! `train_prior records OUT_DIR FILE...` codes the files (or folders) by codec records and writes `mix-4.prior`.
//! `train_prior eval MODEL CACHE [PRIOR_DIR]` prints what coding from the cache costs, in bytes,
//! with one part of the codec after the other.
//! `train_prior odds MODEL RANKS OUT PIECE` codes the tokens of RANKS (u16, numbered in byte order), everything beginning anew
//! every PIECE tokens, and writes for each decision what else than the model speaks for the answer that is right and how
//! much the model counts: the mixer's log odds less the model's share of them, in eighths, and the derivative of the former
//! by the model's, in 64ths, both as i8.
//! `train_prior ablate MODEL CACHE` prints what it costs to leave out each context and each weight
//! set of the neural profile, from plain starting values.

mod cache;
mod learn;
mod odds;
mod replay;
mod tables;

use cache::collect;
use learn::{contexts, records, train};
use odds::odds;
use tables::{ablate, eval};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["collect", model, cache, bytes, ..] => collect(model, cache, bytes.parse()?, &args[4..]),
        ["train", model, cache, out] => train(model, cache, out),
        ["contexts", out, ..] => contexts(out, &args[2..]),
        ["records", out, ..] => records(out, &args[2..]),
        ["eval", model, cache] => eval(model, cache, None),
        ["eval", model, cache, dir] => eval(model, cache, Some(dir)),
        ["odds", model, ranks, out, piece] => odds(model, ranks, out, piece.parse()?),
        ["ablate", model, cache] => ablate(model, cache),
        _ => Err("usage: train_prior collect MODEL CACHE BYTES FILE... | \
                  train MODEL CACHE OUT_DIR | contexts|records OUT_DIR FILE... | eval MODEL CACHE [PRIOR_DIR] | \
                  odds MODEL RANKS OUT PIECE | ablate MODEL CACHE"
            .into()),
    }
}
