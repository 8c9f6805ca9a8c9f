//! Any bytes are a chunk of any coder, or are refused; never a panic, never another length than was asked for.
//!
//! The first byte is the coder's number, the next two are the chunk's length, the rest is coded bytes.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use llz::codec::{ChunkCodec, Job};
use llz::format::Coding;
use llz::{Coder, EncodeOptions, Error, Level, Progress};

thread_local! {
    /// With the smallest model.
    static CODEC: ChunkCodec = {
        let level = Level::new(4).expect("a level");
        let options = EncodeOptions { level, threads: 1, ..Default::default() };
        ChunkCodec::for_encoding(&options).expect("a built-in model")
    };
}

fuzz_target!(|data: &[u8]| {
    let Some(([number, low, high], coded)) = data.split_first_chunk() else { return };
    let Some(coder) = Coder::from_byte(*number) else { return };
    let raw_len = usize::from(u16::from_le_bytes([*low, *high])) % 2048;
    let coding = Coding::Neural { coder, model: 0 };
    let mut jobs = Some(Job { coding, coded: Cow::Borrowed(coded), raw_len }).into_iter();
    let check = |raw: Result<Vec<u8>, Error>| match raw {
        Ok(raw) => assert_eq!(raw.len(), raw_len),
        Err(Error::Corrupt(_)) => {}
        Err(other) => panic!("an unexpected kind of error: {other}"),
    };
    CODEC.with(|codec| {
        codec
            .decode(
                &mut || Ok(jobs.next()),
                &mut |raw| {
                    check(raw);
                    Ok(())
                },
                &Progress::default(),
            )
            .expect("an error of the chunk alone");
    });
});
