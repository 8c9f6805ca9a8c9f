//! Markdown tables of what each part of the codec earns.

use std::path::Path;

use llz::mixer::{FAST, FULL, NEURAL, Prior, Profile};
use llz::model::parts;
use llz::vocab::Vocabulary;

use super::Result;
use super::cache::{Item, decisions, load, read};
use super::replay::{neural, plain};

/// The prior of this name in `dir`, or the shipped one.
fn stored(dir: Option<&str>, name: &str, shipped: &[u8], profile: &Profile) -> Result<Prior> {
    let bytes = match dir {
        Some(dir) => std::fs::read(Path::new(dir).join(format!("{name}.prior")))?,
        None => shipped.to_vec(),
    };
    Ok(Prior::from_bytes(profile, &bytes)?)
}

/// The bytes that the model alone would cost.
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

/// Prints what each part earns: a Markdown table of ideal code lengths.
pub fn eval(model: &str, cache: &str, dir: Option<&str>) -> Result<()> {
    let loaded = load(model)?;
    let (model, _) = parts(&loaded)?;
    let v = model.vocabulary();
    let shipped = model.prior().unwrap_or_default();
    let mixed = stored(dir, loaded.name(), shipped, &NEURAL)?;
    let full = stored(dir, "mix-3", FULL.prior, &FULL)?;
    let fast = stored(dir, "mix-4", FAST.prior, &FAST)?;
    let without_apm = Box::leak(Box::new(Profile { apm_stages: 0, ..NEURAL }));
    let no_bypass = Box::leak(Box::new(Profile { bypass: false, ..NEURAL }));
    let items = read(cache)?;
    println!(
        "| | raw | fast contexts | contexts | model | mixed, model not corrected | mixed, no APM stages \
         | every decision mixed | all |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|"
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

/// Prints what leaving out one context or one weight set costs: a Markdown table.
pub fn ablate(model: &str, cache: &str) -> Result<()> {
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
