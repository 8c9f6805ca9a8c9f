//! The decoder as a WebAssembly module, so that `scripts/wasm.sh` can hold its bytes against the golden vectors.
//!
//! The host asks for room ([`llz_input`]), writes an archive, a message or a stream there, and calls [`llz_open`]. It
//! then reads file after file ([`llz_read`]). What a call gives lies at [`llz_output`]; a negative result means an
//! error, whose text lies there. This is a check and no interface to build upon.

use std::cell::RefCell;

use llz::{Archive, DecodeOptions, EntryKind, Error, Progress, Result};

/// The first bytes of an archive (FORMAT.md, chapter 3).
const ARCHIVE: &[u8] = b"\x89LLZ\r\n\x1a\n";

#[derive(Default)]
struct State {
    input: Vec<u8>,
    output: Vec<u8>,
    archive: Option<Archive>,
    /// Paths of the archive's files; a message has one file, whose content it is.
    files: Vec<String>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Runs `work`; its text or bytes become the output. Returns its number, or -1 on an error.
fn call(work: impl FnOnce(&mut State) -> Result<usize>) -> i32 {
    STATE.with_borrow_mut(|state| match work(state) {
        Ok(number) => i32::try_from(number).unwrap_or(-1),
        Err(error) => {
            state.output = error.to_string().into_bytes();
            -1
        }
    })
}

/// Room for `len` bytes of input.
#[unsafe(no_mangle)]
pub extern "C" fn llz_input(len: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.input = vec![0; len];
        state.input.as_mut_ptr()
    })
}

/// Where the output lies until the next call.
#[unsafe(no_mangle)]
pub extern "C" fn llz_output() -> *const u8 {
    STATE.with_borrow(|state| state.output.as_ptr())
}

/// Bytes of the output.
#[unsafe(no_mangle)]
pub extern "C" fn llz_output_len() -> usize {
    STATE.with_borrow(|state| state.output.len())
}

/// Opens the input; a message is decoded. Returns how many files it has.
#[unsafe(no_mangle)]
pub extern "C" fn llz_open() -> i32 {
    call(|state| {
        let input = std::mem::take(&mut state.input);
        (state.archive, state.files) = (None, Vec::new());
        if input.starts_with(ARCHIVE) {
            let archive = Archive::from_bytes(input, DecodeOptions::default())?;
            let files = archive.entries().iter();
            let files = files.filter(|entry| matches!(entry.kind, EntryKind::File { .. }));
            state.files = files.map(|entry| entry.path.clone()).collect();
            state.archive = Some(archive);
        } else {
            state.output = llz::decode(&input)?;
            state.files = vec![String::new()];
        }
        Ok(state.files.len())
    })
}

/// Decodes all of an archive and compares every checksum.
#[unsafe(no_mangle)]
pub extern "C" fn llz_test() -> i32 {
    call(|state| {
        if let Some(archive) = &state.archive {
            archive.test(&Progress::default())?;
        }
        Ok(0)
    })
}

/// Makes the path of a file the output. Returns its length.
#[unsafe(no_mangle)]
pub extern "C" fn llz_path(file: usize) -> i32 {
    call(|state| {
        state.output = path(state, file)?.into_bytes();
        Ok(state.output.len())
    })
}

/// Makes the SHA-256 that an archive has of a file, which [`llz_test`] compares with its content, the output. It has
/// none of a small file.
#[unsafe(no_mangle)]
pub extern "C" fn llz_sha256(file: usize) -> i32 {
    call(|state| {
        let path = path(state, file)?;
        let entry = state.archive.as_ref().and_then(|archive| archive.entry(&path));
        state.output = match entry.map(|entry| &entry.kind) {
            Some(EntryKind::File { check, .. }) => {
                check.sha256().map(Vec::from).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        Ok(state.output.len())
    })
}

/// Makes the content of a file the output. Returns its length. A message's content is the output already.
#[unsafe(no_mangle)]
pub extern "C" fn llz_read(file: usize) -> i32 {
    call(|state| {
        let path = path(state, file)?;
        if let Some(archive) = &state.archive {
            state.output = archive.read_file(&path, &Progress::default())?;
        }
        Ok(state.output.len())
    })
}

fn path(state: &State, file: usize) -> Result<String> {
    state.files.get(file).cloned().ok_or_else(|| Error::Usage(format!("there is no file {file}")))
}
