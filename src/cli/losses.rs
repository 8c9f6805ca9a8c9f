//! The losses that `--keep-going` met: damage of the archive, and the files that it cost.

use std::path::Path;

use llz::{Error, Lost};
use serde_json::{Value, json};

use super::Status;
use super::report;
use super::streams::say;
use super::terminal::escape;

/// Damage, and what it cost.
#[derive(Debug, Default)]
pub struct Losses {
    /// The damage of the archive.
    pub damage: Vec<Error>,
    /// Files that could not be had, or are in doubt.
    pub lost: Vec<Lost>,
}

impl Losses {
    pub fn is_empty(&self) -> bool {
        self.damage.is_empty() && self.lost.is_empty()
    }

    /// Says all of it. These are errors, so `--quiet` does not count.
    pub fn say(&self, archive: &Path) {
        if self.is_empty() {
            return;
        }
        let archive = escape(&archive.display().to_string());
        for error in &self.damage {
            say!("llz: {archive}: {}", escape(&error.to_string()));
        }
        let word = |is_doubtful| if is_doubtful { "in doubt" } else { "lost" };
        for Lost { path, why, is_doubtful } in &self.lost {
            say!("llz: {} {}: {}", word(*is_doubtful), escape(path), escape(why));
        }
        for is_doubtful in [false, true] {
            let count = self.lost.iter().filter(|lost| lost.is_doubtful == is_doubtful).count();
            if count > 0 {
                let files = report::count(count as u64, "file", "files");
                say!("llz: {archive}: {files} {}", word(is_doubtful));
            }
        }
    }

    /// Says how the run ended: whatever was damaged is no success.
    pub fn status(&self, has_files: bool) -> Status {
        match (self.is_empty(), has_files) {
            (true, _) => Status::Done,
            (false, true) => Status::Skipped,
            (false, false) => Status::Lost,
        }
    }

    pub fn damage_json(&self) -> Value {
        self.damage.iter().map(|error| json!(error.to_string())).collect()
    }

    pub fn lost_json(&self) -> Value {
        let object = |lost: &Lost| json!({ "path": lost.path, "reason": lost.why, "doubtful": lost.is_doubtful });
        self.lost.iter().map(object).collect()
    }
}
