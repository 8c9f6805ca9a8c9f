//! `llz info`

use std::io::Write;

use llz::{BUILT_IN_MODELS, DeviceRef, EngineRef, Error, Info, Limits, Result, UsedModel, hex};
use serde_json::{Value, json};

use super::Status;
use super::args::Source;
use super::models;
use super::report;
use super::session::Session;
use super::streams;
use super::terminal::escape;

const EXAMPLES: &str = "\
Examples:
  llz info src.llz                         version, model, sizes, codecs
  llz info --json src.llz | jq .archive_bytes

Reads the archive's index and its tables of entries; no chunk is read or decoded.";

/// Show what an archive says about itself
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, visible_alias = "i")]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    let info = args.source.open(session, None)?.info();
    let mut out = streams::buffered_output()?;
    if args.json {
        report::print_json(&mut out, &as_json(&info))?;
    } else {
        let name = escape(&args.source.archive.display().to_string());
        out.write_all(text(&name, &info).as_bytes()).map_err(|e| Error::io("-", e))?;
    }
    out.flush().map_err(|e| Error::io("-", e))?;
    Ok(Status::Done)
}

fn text(name: &str, info: &Info) -> String {
    let params = &info.params;
    let mut text = format!("{name}: llz archive, format {}.{}\n", info.version.0, info.version.1);
    let mut line = |label: &str, value: String| text += &format!("  {label:<9} {value}\n");
    line("contents", report::entries(info.files, info.dirs, info.symlinks));
    line("size", report::sizes(info.raw_bytes, info.archive_bytes));
    if info.generations > 1 {
        let gone = report::count(info.gone, "entry", "entries");
        line("updates", format!("{}, {gone} deleted or replaced", info.generations - 1));
    }
    if let Some(level) = params.level {
        line("level", level.to_string());
    }
    line("chunks", format!("up to {}", report::bytes(params.chunk_size.into())));
    for codec in report::codec_lines(&info.chunks_by_codec) {
        line("", codec);
    }
    let mixer = &params.mixer;
    line("mixer", format!("profile {}, table 2^{}", mixer.mixer, mixer.table_bits));
    if info.models.is_empty() {
        line("model", "none needed".into());
    }
    for model in &info.models {
        line("model", named(model));
        if let EngineRef::Device(device) = &model.model.reference.engine {
            line("", needed(device));
        }
    }
    text
}

/// A model's name, whether it is here, and its SHA-256.
fn named(used: &UsedModel) -> String {
    let sha256 = &used.model.reference.sha256;
    let place = if used.is_embedded { "in the archive" } else { "not installed" };
    let shown = match (name(sha256), &used.model.name) {
        (Some(here), _) if used.is_embedded => format!("{here} ({place})"),
        (Some(here), _) => here,
        (None, Some(said)) => format!("{} ({place})", escape(said)),
        (None, None) => place.into(),
    };
    format!("{shown}, {}", hex(sha256))
}

/// The device that alone can run a model as it was run.
fn needed(device: &DeviceRef) -> String {
    let DeviceRef { adapter, driver, backend, lanes, .. } = device;
    let names = [adapter, driver, backend].map(|name| escape(name)).join(", ");
    format!("needs the device {names}, {lanes} chunks at a time")
}

/// The name of a built-in or installed model.
fn name(sha256: &[u8; 32]) -> Option<String> {
    if let Some(built) = BUILT_IN_MODELS.iter().find(|built| built.sha256() == *sha256) {
        return Some(built.name.to_owned());
    }
    // A directory that cannot be read has no models, as far as this is concerned.
    let folder = models::folder(Limits::default().memory).ok()?;
    Some(folder.by_sha256(sha256).ok()??.name)
}

fn as_json(info: &Info) -> Value {
    json!({
        "version": format!("{}.{}", info.version.0, info.version.1),
        "generations": info.generations,
        "gone": info.gone,
        "level": info.params.level,
        "chunk_size": info.params.chunk_size,
        "grouping": info.params.grouping,
        "mixer": info.params.mixer.mixer,
        "table_bits": info.params.mixer.table_bits,
        "models": info.models.iter().map(model_json).collect::<Value>(),
        "files": info.files,
        "directories": info.dirs,
        "links": info.symlinks,
        "raw_bytes": info.raw_bytes,
        "archive_bytes": info.archive_bytes,
        "bits_per_byte": report::bits_per_byte(info.raw_bytes, info.archive_bytes),
        "chunks": report::codecs_json(&info.chunks_by_codec),
    })
}

fn model_json(used: &UsedModel) -> Value {
    let (reference, said) = (&used.model.reference, &used.model.name);
    let here = name(&reference.sha256);
    let engine = match &reference.engine {
        EngineRef::Portable { profile, fingerprint } => {
            json!({ "profile": profile, "fingerprint": format!("{fingerprint:016x}") })
        }
        EngineRef::Device(DeviceRef { adapter, driver, backend, lanes, fingerprint }) => json!({
            "adapter": adapter,
            "driver": driver,
            "backend": backend,
            "lanes": lanes,
            "fingerprint": format!("{fingerprint:016x}"),
        }),
    };
    json!({
        "name": here.as_ref().or(said.as_ref()),
        "number": used.number,
        "is_here": here.is_some(),
        "is_embedded": used.is_embedded,
        "sha256": hex(&reference.sha256),
        "tokenizer": hex(&reference.tokenizer),
        "engine": engine,
    })
}
