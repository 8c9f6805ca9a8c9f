//! Learns priors by replaying the cache.

use std::path::Path;

use llz::codec::ChunkCodec;
use llz::kernel::Isa;
use llz::mixer::records::Segment;
use llz::mixer::{FAST, FULL, MEDIUM, Mixer, NEURAL, Prior, Profile, RECORDS};
use llz::model::parts;
use llz::{EncodeOptions, Level};

use super::Result;
use super::cache::{Item, load, read, read_all};
use super::replay::{by_bytes, neural, plain};

/// Writes the prior of the profile for records, from one file or folder after the other.
pub fn records(out: &str, files: &[String]) -> Result<()> {
    let codec =
        ChunkCodec::for_encoding(&EncodeOptions { level: Level::new(2)?, ..Default::default() })?;
    let mut items = Vec::new();
    for (file, raw) in files.iter().zip(read_all(files)?) {
        let (bytes, segments) = codec.ordered(&raw)?;
        eprintln!("{file}: {} bytes, {segments:?}", raw.len());
        items.push((bytes, segments));
    }
    let code = |(bytes, segments): &(Vec<u8>, Vec<Segment>), p: &'static Profile, prior: &Prior| {
        let mixer = Mixer::new(Isa::detect(), p, prior, bytes.len(), 24);
        by_bytes(bytes, mixer.with_segments(segments.clone()))
    };
    write(out, "mix-4", &RECORDS, learn(&RECORDS, &items, Prior::plain(&RECORDS), code))
}

/// Codes a run of items one after the other, each from what the ones before taught.
fn learn<I>(
    profile: &'static Profile,
    items: &[I],
    mut prior: Prior,
    code: impl Fn(&I, &'static Profile, &Prior) -> (f64, Mixer),
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

/// Writes the prior of the neural profile.
pub fn train(model: &str, cache: &str, out: &str) -> Result<()> {
    let items = read(cache)?;
    let loaded = load(model)?;
    let v = parts(&loaded)?.0.vocabulary();
    let code = |item: &Item, p: &'static Profile, prior: &Prior| neural(item, v, p, prior, true);
    write(out, loaded.name(), &NEURAL, learn(&NEURAL, &items, Prior::plain(&NEURAL), code))
}

/// Writes the priors of the profiles without a model, from one file or folder after the other.
pub fn contexts(out: &str, files: &[String]) -> Result<()> {
    let items = read_all(files)?;
    for profile in [&FULL, &FAST, &MEDIUM] {
        let code = |raw: &Vec<u8>, p: &'static Profile, prior: &Prior| plain(raw, p, prior);
        let name = format!("mix-{}", profile.id);
        write(out, &name, profile, learn(profile, &items, Prior::plain(profile), code))?;
    }
    Ok(())
}
