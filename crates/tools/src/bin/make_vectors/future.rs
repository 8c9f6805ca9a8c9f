//! Archives that are whole but need something this version does not have.

use llz::format::Header;

use crate::samples::{RAW, plain};
use crate::sections::{Sections, fields, file, item, nobody, portable};
use crate::vectors::{Expect, Vectors};

pub fn add_to(vectors: &mut Vectors) {
    let header = |header| plain().with_header(header);
    vectors.unsupported("major", "major version 2", header(Header { major: 2, ..Header::CURRENT }));
    vectors.unsupported(
        "feature",
        "an unknown incompatible feature bit",
        header(Header { incompat: 0x8000_0000, ..Header::CURRENT }),
    );
    vectors.unsupported(
        "section",
        "an unknown critical section",
        plain().other(b"XTRA", b"").archive(),
    );
    let crc = crc32fast::hash(RAW);
    let codec = Sections::new().coded(&[99], RAW.len() as u64, crc, RAW).entries(&[file("f", RAW)]);
    vectors.unsupported("codec", "chunk codec 99", codec.archive());
    let coder = Sections::new().coded(&[2, 9], RAW.len() as u64, crc, b"?");
    let coder = coder.entries(&[file("f", RAW)]);
    vectors.unsupported("coder", "a chunk of entropy coder 9", coder.archive());
    let kind = Sections::new().chunk(RAW).entries(&[file("f", RAW), item(4, "device")]);
    vectors.unsupported("entry-kind", "an entry of kind 4", kind.archive());
    vectors.unsupported(
        "packing",
        "a table packed in way 9",
        plain().other(b"ENTS", &[9, 0]).archive(),
    );
    let critical = Sections::default().params_with(&[(6, b"")]);
    let content = |sections: Sections| sections.chunk(RAW).entries(&[file("f", RAW)]).archive();
    vectors.unsupported("params-field", "an unknown critical field of PARM", content(critical));
    let engine = portable(llz::kernel::NUMERIC_PROFILE);
    let critical = [nobody(&engine), fields(&[(6, b"")])].concat();
    let critical = content(Sections::new().other(b"MODL", &critical));
    vectors.unsupported("model-field", "an unknown critical field of MODL", critical);
    let unknown = content(Sections::new().other(b"MODL", &nobody(&[9, 1])));
    vectors.unsupported("engine", "a model's engine of kind 9", unknown);
    let neural = |model: &[u8]| {
        let sections = Sections::new().other(b"MODL", model);
        sections.coded(&[3, 1, 0], RAW.len() as u64, crc, b"?").entries(&[file("f", RAW)]).archive()
    };
    vectors.unsupported("profile", "numeric profile 171", neural(&nobody(&portable(0xab))));
    let device = [&[1][..], b"\x07adapter", b"\x0adriver 1.0", b"\x07backend", &[64], &[0xab; 8]];
    let device = neural(&nobody(&device.concat()));
    vectors.unsupported("device", "a chunk that only a certain device can decode", device);
    let model = neural(&nobody(&engine));
    vectors.add("unsupported-model", Expect::Model, "a model that does not exist", model);
}
