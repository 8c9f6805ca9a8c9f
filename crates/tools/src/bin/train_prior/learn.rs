//! Learns priors by replaying the cache.

use std::path::Path;

use llz::mixer::{FAST, FULL, Mixer, NEURAL, Prior, Profile};
use llz::model::parts;

use super::Result;
use super::cache::{Item, load, read};
use super::replay::{neural, plain};

/// Codes a run of items one after the other, each from what the ones before taught.
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

/// Writes the prior of the neural profile.
pub fn train(model: &str, cache: &str, out: &str) -> Result<()> {
    let items = read(cache)?;
    let loaded = load(model)?;
    let v = parts(&loaded)?.0.vocabulary();
    let code = |item: &Item, p: &'static Profile, prior: &Prior| neural(item, v, p, prior, true);
    write(out, loaded.name(), &NEURAL, learn(&NEURAL, &items, Prior::plain(&NEURAL), code))
}

/// Writes the priors of the profiles without a model.
pub fn contexts(model: &str, cache: &str, out: &str) -> Result<()> {
    let items = read(cache)?;
    let loaded = load(model)?;
    let v = parts(&loaded)?.0.vocabulary();
    let code = |item: &Item, p: &'static Profile, prior: &Prior| plain(&item.bytes(v), p, prior);
    write(out, "mix-3", &FULL, learn(&FULL, &items, Prior::plain(&FULL), code))?;
    write(out, "mix-4", &FAST, learn(&FAST, &items, Prior::plain(&FAST), code))
}
