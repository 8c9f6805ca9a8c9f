//! The subjects of a measurement: each combination that was asked for, and the other programs that are there.

use std::path::{Path, PathBuf};

use llz::lab::Laboratory;
use llz::{Coder, EncodeOptions, Error, Level, Limits, Model, Result};

use super::super::args::ModelArg;
use super::super::models;
use super::super::session::Session;
use super::super::size::Size;
use super::Args;

/// Something to measure.
pub(super) enum Subject {
    Llz(Box<Llz>),
    Context(Box<Context>),
    Other(&'static Other),
}

/// This program with some options.
pub(super) struct Llz {
    pub level: u8,
    pub model: Option<PathBuf>,
    pub coder: Coder,
    pub chunk_size: Option<Size>,
    /// Bytes of the model's file.
    pub model_bytes: u64,
    /// The model's name.
    pub model_name: Option<String>,
}

/// A text as a whole by a model that forgets.
pub(super) struct Context {
    pub lab: Laboratory,
    pub coder: Coder,
    pub tokens: u32,
    pub model_bytes: u64,
}

/// Another program: how it makes `out` of `in`, and `back` of `out`. A `>` before a name is standard output.
pub(super) struct Other {
    pub program: &'static str,
    pub options: &'static str,
    pub code: &'static str,
    pub decode: &'static str,
}

const OTHERS: [Other; 14] = [
    Other {
        program: "zstd",
        options: "-3",
        code: "-q -f -T0 -3 -o out in",
        decode: "-q -f -d -o back out",
    },
    Other {
        program: "zstd",
        options: "-19",
        code: "-q -f -T0 -19 -o out in",
        decode: "-q -f -d -o back out",
    },
    Other { program: "xz", options: "-6", code: "-T0 -6 -c in >out", decode: "-d -c out >back" },
    Other { program: "xz", options: "-9e", code: "-T0 -9e -c in >out", decode: "-d -c out >back" },
    Other {
        program: "brotli",
        options: "-q 11",
        code: "-f -q 11 --lgwin=24 -o out in",
        decode: "-f -d -o back out",
    },
    Other {
        program: "bzip3",
        options: "-b 64",
        code: "-e -b 64 -c in >out",
        decode: "-d -c out >back",
    },
    Other {
        program: "7z",
        options: "LZMA",
        code: "a -bd -y -mx=9 out.7z in",
        decode: "e -so out.7z >back",
    },
    Other {
        program: "7z",
        options: "PPMd",
        code: "a -bd -y -m0=PPMd:o=32:mem=256m out.7z in",
        decode: "e -so out.7z >back",
    },
    Other {
        program: "zpaq",
        options: "-m3",
        code: "add out.zpaq in -m3",
        decode: "extract out.zpaq in -to back",
    },
    Other {
        program: "zpaq",
        options: "-m5",
        code: "add out.zpaq in -m5",
        decode: "extract out.zpaq in -to back",
    },
    Other {
        program: "lrzip",
        options: "-z",
        code: "-q -f -z -o out in",
        decode: "-q -f -d -o back out",
    },
    Other { program: "paq8px", options: "-6", code: "-6 in out", decode: "-d out back" },
    Other { program: "paq8px", options: "-9", code: "-9 in out", decode: "-d out back" },
    Other { program: "cmix", options: "-c", code: "-c in out", decode: "-d out back" },
];

impl Subject {
    /// Its name in tables.
    pub(super) fn name(&self) -> String {
        match self {
            Subject::Llz(llz) => {
                let mut name = format!("llz -{}", llz.level);
                if llz.model.is_some() {
                    name += &format!(" {}", llz.model_name.as_deref().unwrap_or_default());
                }
                if llz.coder != Coder::Mix {
                    name += &format!(" {}", llz.coder.name());
                }
                if let Some(size) = &llz.chunk_size {
                    name += &format!(" chunks {size}");
                }
                name
            }
            Subject::Context(context) => {
                let Context { lab, coder, tokens, .. } = &**context;
                format!("lab {} {} context {tokens}", lab.name(), coder.name())
            }
            Subject::Other(other) => format!("{} {}", other.program, other.options),
        }
    }
}

/// Everything that was asked for. Combinations that cannot be are left out: other coders and models at levels
/// without a model.
pub(super) fn all(args: &Args, session: &Session, limits: &Limits) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    let mut chosen: Vec<Option<PathBuf>> =
        args.models.iter().map(|given| Some(placed(given, limits))).collect();
    if chosen.is_empty() {
        chosen.push(None);
    }
    let sizes: Vec<Option<&Size>> = match args.chunk_sizes.is_empty() {
        true => vec![None],
        false => args.chunk_sizes.iter().map(Some).collect(),
    };
    for &level in &args.levels {
        let has_model = level > 3;
        for model in &chosen {
            if model.is_some() && !has_model {
                continue;
            }
            let loaded = match model {
                Some(given) => Some(models::open(given, limits)?),
                None => None,
            };
            let (model_bytes, model_name) = match has_model {
                true => of_model(loaded.as_ref(), model, level, session, limits)?,
                false => (0, None),
            };
            for &coder in args.coders.iter().filter(|&&coder| has_model || coder == Coder::Mix) {
                for size in &sizes {
                    subjects.push(Subject::Llz(Box::new(Llz {
                        level,
                        model: model.clone(),
                        coder,
                        chunk_size: size.cloned(),
                        model_bytes,
                        model_name: model_name.clone(),
                    })));
                }
                for &tokens in args.context.iter().filter(|_| has_model) {
                    let lab = laboratory(loaded.clone(), level, session, limits)?;
                    let context = Context { lab, coder, tokens, model_bytes };
                    subjects.push(Subject::Context(Box::new(context)));
                }
            }
        }
    }
    if let Some(unknown) =
        args.others.iter().find(|&name| OTHERS.iter().all(|other| other.program != name))
    {
        return Err(Error::Usage(format!("llz bench does not know how to run {unknown:?}")));
    }
    let wanted = |other: &&Other| match args.others.is_empty() {
        true => !args.no_others,
        false => args.others.iter().any(|name| name == other.program),
    };
    subjects.extend(
        OTHERS.iter().filter(wanted).filter(|other| is_there(other.program)).map(Subject::Other),
    );
    Ok(subjects)
}

fn laboratory(
    model: Option<Model>,
    level: u8,
    session: &Session,
    limits: &Limits,
) -> Result<Laboratory> {
    let none = ModelArg { model: None };
    let options = session.encode_options(Level::new(level)?, &none, None, *limits)?;
    Laboratory::new(&EncodeOptions { model, ..options })
}

/// Bytes of the file and name of the model in use.
fn of_model(
    loaded: Option<&Model>,
    given: &Option<PathBuf>,
    level: u8,
    session: &Session,
    limits: &Limits,
) -> Result<(u64, Option<String>)> {
    let lab = laboratory(loaded.cloned(), level, session, limits)?;
    let built_in =
        llz::BUILT_IN_MODELS.iter().find(|model| model.sha256 == llz::hex(&lab.sha256()));
    let bytes = match (built_in, given) {
        (Some(model), _) => model.bytes.len() as u64,
        (None, Some(given)) => given.metadata().map_or(0, |there| there.len()),
        (None, None) => 0,
    };
    Ok((bytes, Some(lab.name().to_owned())))
}

/// A model as another process finds it from any directory: the name of one that is built in, or the path of a file.
fn placed(given: &Path, limits: &Limits) -> PathBuf {
    if llz::BUILT_IN_MODELS.iter().any(|model| given == Path::new(model.name)) {
        return given.into();
    }
    let files = models::files(given, limits);
    let file = files.first().map_or(given, PathBuf::as_path);
    std::path::absolute(file).unwrap_or_else(|_| file.into())
}

/// Says whether a program can be found on PATH.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        let file = folder.join(program).with_extension(std::env::consts::EXE_EXTENSION);
        file.is_file()
    })
}
