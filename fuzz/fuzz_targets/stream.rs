//! Any bytes are a stream, or are refused; never a panic, never more than the limits allow.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use llz::{DecodeOptions, Decoder, Error, Limits};

const LIMITS: Limits = Limits {
    total_bytes: 1 << 16,
    entries: 1,
    chunk_bytes: 1 << 13,
    path_bytes: 1,
    path_depth: 1,
    memory: 64 << 20,
};

thread_local! {
    static DECODER: RefCell<Decoder> = RefCell::new(Decoder::new(DecodeOptions {
        threads: 1,
        ..DecodeOptions::with_limits(LIMITS)
    }));
}

fuzz_target!(|data: &[u8]| {
    match DECODER.with_borrow_mut(|decoder| decoder.decode(data)) {
        Ok(message) => assert!(message.len() as u64 <= LIMITS.total_bytes),
        Err(
            Error::Corrupt(_)
            | Error::Foreign { .. }
            | Error::Unsupported(_)
            | Error::Limit { .. }
            | Error::Model(_),
        ) => {}
        Err(other) => panic!("an unexpected kind of error: {other}"),
    }
});
