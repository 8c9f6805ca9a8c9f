//! One run of the program: its common options, its progress, and how it is interrupted.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use llz::{DecodeOptions, EncodeOptions, Error, Level, Limits, Progress, Result};

use super::args::{Common, ModelArg};
use super::size::{Size, in_units};
use super::streams::say;
use super::terminal::escape;
use super::{exit, models};

/// The time that work lasts before it gets a progress bar, and between two drawings of the bar.
const PATIENCE: Duration = Duration::from_millis(500);
const REDRAW: Duration = Duration::from_millis(100);

/// The settings that every verb needs.
#[derive(Debug)]
pub struct Session {
    /// Worker threads; 0 is one per core.
    threads: usize,
    /// `None` is the fastest of this machine.
    instruction_set: Option<String>,
    /// Nothing but errors on standard error.
    pub quiet: bool,
    /// More than totals on standard error.
    pub verbose: bool,
    /// Counts the work, and stops it on Ctrl-C.
    pub progress: Arc<Progress>,
    /// Whether an archive that was read ends with an update that was not finished.
    saw_unfinished: AtomicBool,
}

impl Session {
    /// Starts a run. The first Ctrl-C asks the work to stop and to clean up, the second ends the
    /// program; where there is nothing to clean up (`killable`), so does the first.
    ///
    /// # Errors
    /// [`Error::Usage`] for an environment that asks for what this machine does not have.
    pub fn start(common: Common, killable: bool) -> Result<Self> {
        let instruction_set = instruction_set()?;
        let progress = Arc::new(Progress::default());
        let (stopped, asked) = (Arc::clone(&progress), AtomicBool::new(false));
        let handler = move || {
            if killable || asked.swap(true, Ordering::Relaxed) {
                std::process::exit(exit::INTERRUPTED.into());
            }
            stopped.stop();
            if std::io::stderr().is_terminal() {
                say!("\nllz: stopping; once more to stop without cleaning up");
            }
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            say!("llz: Ctrl-C will not clean up: {error}");
        }
        let Common { threads, quiet, verbose } = common;
        Ok(Session {
            threads: threads.into(),
            instruction_set,
            quiet,
            verbose,
            progress,
            saw_unfinished: AtomicBool::new(false),
        })
    }

    /// The number of worker threads that was asked for; 0 is one per core.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Says that an archive ends with these bytes of an update that was not finished, if there are any. The exit code
    /// tells it, too: of a copy that was cut short they may be all that is left of the last update.
    pub fn note_unfinished(&self, archive: &Path, bytes: u64) {
        if bytes == 0 || self.saw_unfinished.swap(true, Ordering::Relaxed) {
            return;
        }
        let name = escape(&archive.display().to_string());
        say!(
            "llz: {name}: its last {bytes} bytes are an update that was not finished, or was cut off; they are left out"
        );
    }

    /// Whether an archive that was read ends with an update that was not finished.
    pub fn saw_unfinished(&self) -> bool {
        self.saw_unfinished.load(Ordering::Relaxed)
    }

    /// The options for decoding under these limits; `model` is what `--model` says.
    pub fn decode_options(
        &self,
        model: Option<&ModelArg>,
        limits: Limits,
    ) -> Result<DecodeOptions> {
        let given = model.and_then(|model| model.model.as_deref());
        Ok(DecodeOptions {
            models: models::store(given, limits),
            threads: self.threads,
            limits,
            instruction_set: self.instruction_set.clone(),
            ..DecodeOptions::default()
        })
    }

    /// The options for coding at this level under these limits.
    pub fn encode_options(
        &self,
        level: Level,
        model: &ModelArg,
        chunk_size: Option<&Size>,
        limits: Limits,
    ) -> Result<EncodeOptions> {
        if let Some(size) = chunk_size.filter(|size| size.bytes > limits.chunk_bytes) {
            let most = in_units(limits.chunk_bytes);
            return Err(Error::Usage(format!(
                "--chunk-size {size} is more than --limit-chunk, {most}"
            )));
        }
        let too_large = |_| Error::Usage("--chunk-size: too large for this machine".into());
        let chunk_size = chunk_size.map(|size| usize::try_from(size.bytes)).transpose();
        let chunk_size = chunk_size.map_err(too_large)?;
        let model = model.model.as_deref().map(|given| models::open(given, &limits)).transpose()?;
        let (threads, instruction_set) = (self.threads, self.instruction_set.clone());
        Ok(EncodeOptions {
            level,
            model,
            chunk_size,
            threads,
            limits,
            instruction_set,
            ..EncodeOptions::default()
        })
    }

    /// Shows a progress bar until the returned guard is dropped, if the work takes long enough and
    /// somebody is watching.
    #[must_use]
    pub fn watch(&self, doing: &'static str) -> Option<Watch> {
        let wanted = !self.quiet && std::io::stderr().is_terminal();
        wanted.then(|| Watch::start(Arc::clone(&self.progress), doing))
    }
}

/// The environment variable that names an instruction set, so that tests can compare whole archives between them.
const INSTRUCTION_SET: &str = "LLZ_KERNEL";

/// The instruction set that the environment asks for.
fn instruction_set() -> Result<Option<String>> {
    let Some(name) = std::env::var_os(INSTRUCTION_SET).filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let available = llz::instruction_sets();
    match name.to_str().filter(|name| available.contains(name)) {
        Some(name) => Ok(Some(name.to_owned())),
        None => Err(Error::Usage(format!(
            "{INSTRUCTION_SET}={}: this machine can run {}",
            name.display(),
            available.join(", ")
        ))),
    }
}

/// A progress bar; dropping it takes it away.
#[derive(Debug)]
pub struct Watch {
    finished: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start(progress: Arc<Progress>, doing: &'static str) -> Self {
        let (finished, over) = channel();
        let thread = std::thread::spawn(move || {
            if over.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::no_length().with_elapsed(PATIENCE).with_message(doing);
            let mut sized = false;
            bar.set_style(style("{msg} {decimal_bytes}, {decimal_bytes_per_sec}"));
            loop {
                if !sized && progress.total() > 0 {
                    sized = true;
                    bar.set_length(progress.total());
                    bar.set_style(style(
                        "{msg} [{bar:30}] {decimal_bytes}/{decimal_total_bytes}, \
                         {decimal_bytes_per_sec}, {eta} left",
                    ));
                }
                bar.set_position(progress.done());
                bar.tick();
                if over.recv_timeout(REDRAW) != Err(RecvTimeoutError::Timeout) {
                    bar.finish_and_clear();
                    return;
                }
            }
        });
        Watch { finished: Some(finished), thread: Some(thread) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.finished.take());
        if let Some(thread) = self.thread.take() {
            // The bar is decoration: if its thread failed, the work did not.
            let _ = thread.join();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    style.progress_chars("=> ")
}
