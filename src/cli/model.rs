//! `llz model`

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use llz::{
    Archive, BUILT_IN_MODELS, BuiltInModel, DecodeOptions, Error, InstalledModel, Limits, Result,
};
use serde_json::{Value, json};

use super::Status;
use super::models;
use super::report;
use super::session::Session;
use super::size::{Size, in_units, size};
use super::streams::{self, say};
use super::terminal::escape;

const EXAMPLES: &str = "\
Examples:
  llz model list                           what is built in and installed
  llz model install base.safetensors       copies it to where llz finds it
  llz pack --model base -9 corpus          packs with it
  llz unpack corpus.llz                    finds it by the checksum in the archive
  llz model remove base                    archives made with it then need its file again

Installed models lie in $LLZ_MODELS, or in llz/models in the user's data directory.";

/// List, install and remove models
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the built-in and the installed models
    List {
        /// Print one JSON object per model
        #[arg(long)]
        json: bool,
    },
    /// Copy a model file, or the models in an archive, to where llz finds them by name, and by the archives made with
    /// them
    Install {
        /// The model (safetensors), or an archive that was packed with --embed-model
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The name to give it [default: the one in the file]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Bytes of the file at most [default: 512M]
        #[arg(long, value_name = "SIZE", value_parser = size)]
        limit_memory: Option<Size>,
    },
    /// Take an installed model away
    Remove {
        /// Its name, as `llz model list` shows it
        #[arg(value_name = "NAME")]
        name: String,
    },
}

impl Args {
    /// The file that an error without a path of its own is about.
    pub fn subject(&self) -> Option<&Path> {
        match &self.verb {
            Verb::Install { file, .. } => Some(file),
            Verb::List { .. } | Verb::Remove { .. } => None,
        }
    }

    /// A limit as it was given, or in a unit that fits.
    pub fn shown(&self, limit: u64) -> String {
        match &self.verb {
            Verb::Install { limit_memory: Some(given), .. } if given.bytes == limit => {
                given.to_string()
            }
            _ => in_units(limit),
        }
    }

    /// Says whether nothing has to be cleaned up when it is interrupted.
    pub fn may_be_killed(&self) -> bool {
        !matches!(self.verb, Verb::Install { .. })
    }
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    match &args.verb {
        Verb::List { json } => list(*json)?,
        Verb::Install { file, name, limit_memory } => {
            let memory = limit_memory.as_ref().map_or(Limits::default().memory, |size| size.bytes);
            for model in install(file, name.as_deref(), memory)? {
                tell(session, &format!("{} → {}", model.name, model.path.display()));
            }
        }
        Verb::Remove { name } => {
            let model = models::folder(Limits::default().memory)?.remove(name)?;
            tell(session, &format!("removed {}", model.path.display()));
        }
    }
    Ok(Status::Done)
}

/// Installs a model file, or the models in an archive.
fn install(file: &Path, name: Option<&str>, memory: u64) -> Result<Vec<InstalledModel>> {
    if file == Path::new("-") {
        return Err(Error::Usage(
            "models are installed from files, not from standard input".into(),
        ));
    }
    let folder = models::folder(memory)?;
    if !begins_as_archive(file) {
        return Ok(vec![folder.install(file, name)?]);
    }
    let limits = Limits { memory, ..Limits::default() };
    let archive = Archive::open(file, DecodeOptions::with_limits(limits))?;
    let used = archive.info().models;
    let embedded: Vec<u8> =
        used.iter().filter(|used| used.is_embedded).map(|used| used.number).collect();
    match embedded.len() {
        0 => return Err(Error::Model("the archive has no model in it".into())),
        2.. if name.is_some() => {
            return Err(Error::Usage("the archive has several models; leave out --name".into()));
        }
        _ => {}
    }
    let install = |number| match archive.model_file(number)? {
        Some(bytes) => folder.install_bytes(&bytes, name),
        None => Err(Error::Model("the archive has no model in it".into())),
    };
    embedded.into_iter().map(install).collect()
}

/// Says whether a file begins as archives do. Of a pipe nothing is read: its bytes would be gone.
fn begins_as_archive(file: &Path) -> bool {
    let mut first = [0; 4];
    std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file())
        && File::open(file).and_then(|mut file| file.read_exact(&mut first)).is_ok()
        && first == *b"\x89LLZ"
}

fn tell(session: &Session, line: &str) {
    if !session.quiet {
        say!("llz: {}", escape(line));
    }
}

fn list(as_json: bool) -> Result<()> {
    let installed = match models::folder(Limits::default().memory) {
        Ok(folder) => folder.list()?,
        // Nothing is installed where there is no place for it.
        Err(_) => Vec::new(),
    };
    let mut out = streams::buffered_output()?;
    if as_json {
        let values =
            BUILT_IN_MODELS.iter().map(built_in_json).chain(installed.iter().map(installed_json));
        for value in values {
            report::print_json(&mut out, &value)?;
        }
    } else {
        out.write_all(table(&installed).as_bytes()).map_err(|e| Error::io("-", e))?;
    }
    out.flush().map_err(|e| Error::io("-", e))
}

fn table(installed: &[InstalledModel]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, bytes: u64, sha256: &str, place: &str| {
        let (bytes, sha256) = (report::bytes(bytes), &sha256[..12]);
        text += &format!("{name:<16} {bytes:>8}  {sha256}  {place}\n");
    };
    for built in &BUILT_IN_MODELS {
        line(built.name, built.bytes.len() as u64, built.sha256, "built in");
    }
    for model in installed {
        line(&model.name, model.bytes, &model.sha256, &escape(&model.path.display().to_string()));
    }
    text
}

fn built_in_json(built: &BuiltInModel) -> Value {
    json!({
        "name": built.name,
        "bytes": built.bytes.len(),
        "sha256": built.sha256,
        "built_in": true,
    })
}

fn installed_json(model: &InstalledModel) -> Value {
    json!({
        "name": model.name,
        "bytes": model.bytes,
        "sha256": model.sha256,
        "built_in": false,
        "path": report::path_json(&model.path),
    })
}
