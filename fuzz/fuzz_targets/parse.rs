//! The parser, in all three ways of reading, on any bytes: never a panic, never more memory than
//! the limits allow, and no disagreement between the ways.
#![no_main]

mod shape;

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use llz::format::{Layout, StreamReader, recover};
use shape::{LIMITS, mend};

fuzz_target!(|input: &[u8]| {
    check(input);
    check(&mend(input));
});

fn check(bytes: &[u8]) {
    let indexed = Layout::open(bytes, &LIMITS);
    if let Ok(layout) = &indexed {
        for place in layout.chunks() {
            let _ = layout.chunk(bytes, place);
        }
    }
    // An update that was not finished is no part of the archive. A stream may not know so before it has failed.
    let whole = match &indexed {
        Ok(layout) if layout.unfinished() > 0 => &bytes[..layout.end() as usize],
        Ok(_) | Err(_) => bytes,
    };
    let streamed = stream(whole);
    let recovered = recover(whole, &LIMITS);
    // A stream checks more than an index does, but what it accepts is what the index says.
    if let Some(streamed) = &streamed {
        let indexed = indexed.expect("read from a stream, so it opens");
        assert_eq!(indexed.entries(), streamed.entries());
        assert_eq!(indexed.chunks(), streamed.chunks());
        assert_eq!(indexed.gone_entries().ok(), streamed.gone_entries().ok());
    }
    if let Ok((recovered, damage)) = recovered {
        assert_eq!(damage.is_empty(), streamed.is_some());
        assert!(recovered.entries().len() <= LIMITS.entries as usize);
    }
}

fn stream(bytes: &[u8]) -> Option<Layout> {
    let mut reader = StreamReader::new(bytes, Path::new("-"), LIMITS).ok()?;
    while reader.next_event().ok()?.is_some() {}
    Some(reader.into_layout())
}
