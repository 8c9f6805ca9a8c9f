//! Archives put together by hand, section by section, so that anything can be wrong with them.

use llz::format::{Footer, Header, SectionHeader, SectionType};
use sha2::{Digest, Sha256};

pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A list of fields.
pub fn fields(fields: &[(u64, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, bytes) in fields {
        varint(&mut out, *number);
        varint(&mut out, bytes.len() as u64);
        out.extend(*bytes);
    }
    out
}

/// The payload of a section MODL: a model that does not exist, run by this engine.
pub fn nobody(engine: &[u8]) -> Vec<u8> {
    fields(&[(0, &[0xab; 32]), (1, b"nobody"), (2, &[0xab; 8]), (4, engine)])
}

/// A portable engine with a fingerprint that no model has.
pub fn portable(profile: u8) -> Vec<u8> {
    [&[0, profile][..], &[0xab; 8]].concat()
}

/// An entry of a table built by hand.
#[derive(Clone)]
pub struct Item {
    pub tag: u8,
    pub path: String,
    pub mode: u64,
    pub size: u64,
    pub target: String,
    /// SHA-256 of the content.
    pub hash: Vec<u8>,
    pub crc: u32,
    /// Seconds and nanoseconds.
    pub time: (u64, u32),
    pub back: u64,
}

/// Files of fewer bytes have half a CRC-32, and a SHA-256 together.
const SMALL: u64 = 4096;

impl Item {
    fn is_small(&self) -> bool {
        self.tag == 0 && (1..SMALL).contains(&self.size)
    }
}

pub fn item(tag: u8, path: &str) -> Item {
    let (mode, target, hash) = (0o644, String::new(), Vec::new());
    Item { tag, path: path.into(), mode, size: 0, target, hash, crc: 0, time: (0, 0), back: 0 }
}

pub fn file(path: &str, content: &[u8]) -> Item {
    let (hash, crc) = (Sha256::digest(content).to_vec(), crc32fast::hash(content));
    Item { size: content.len() as u64, hash, crc, ..item(0, path) }
}

pub fn dir(path: &str) -> Item {
    Item { mode: 0o755, ..item(1, path) }
}

pub fn link(path: &str, target: &str) -> Item {
    Item { target: target.into(), ..item(2, path) }
}

pub fn copy(path: &str, back: u64) -> Item {
    Item { back, ..item(3, path) }
}

/// The table of `items`, without the flag byte before it.
pub fn table(items: &[Item]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    items.iter().filter(|item| item.is_small()).for_each(|item| hasher.update(&item.hash));
    table_with(items, &hasher.finalize(), 0)
}

/// A table with this SHA-256 for its small files, and this kind of times.
pub fn table_with(items: &[Item], group: &[u8], times: u8) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, items.len() as u64);
    items.iter().for_each(|item| out.push(item.tag));
    for item in items {
        varint(&mut out, 0);
        varint(&mut out, item.path.len() as u64);
        out.extend(item.path.as_bytes());
    }
    let with_metadata = || items.iter().filter(|item| item.tag != 2);
    with_metadata().for_each(|item| varint(&mut out, item.mode));
    let mut last = 0;
    for second in with_metadata().map(|item| item.time.0) {
        let delta = second.wrapping_sub(last) as i64;
        varint(&mut out, ((delta << 1) ^ (delta >> 63)) as u64);
        last = second;
    }
    out.push(times);
    for byte in (0..4).filter(|_| times > 0) {
        out.extend(with_metadata().map(|item| item.time.1.to_le_bytes()[byte]));
    }
    let of = |tag| items.iter().filter(move |item| item.tag == tag);
    of(0).for_each(|item| varint(&mut out, item.size));
    for item in of(2) {
        varint(&mut out, item.target.len() as u64);
        out.extend(item.target.as_bytes());
    }
    of(0).filter(|item| item.size >= SMALL).for_each(|item| out.extend(&item.hash));
    let small = || items.iter().filter(|item| item.is_small());
    small().for_each(|item| out.extend(&item.crc.to_le_bytes()[..2]));
    if small().count() > 0 {
        out.extend(group);
    }
    of(3).for_each(|item| varint(&mut out, item.back));
    out
}

/// The sections of an archive before its index; what the index says of each chunk is kept apart,
/// so that it can be made to lie.
#[derive(Clone, Default)]
pub struct Sections {
    sections: Vec<([u8; 4], Vec<u8>)>,
    pub chunks: Vec<(Vec<u8>, u64)>,
}

pub const LEVEL: u8 = 1;
pub const CHUNK_SIZE: u64 = 1000;

impl Sections {
    /// Begins with a section PARM.
    pub fn new() -> Self {
        Self::default().params_with(&[])
    }

    /// Begins with a section PARM that allows repeats from so far back; 0 for none.
    pub fn with_reach(reach: u64) -> Self {
        let mut field = Vec::new();
        varint(&mut field, reach);
        match reach {
            0 => Self::new(),
            _ => Self::default().params_with(&[(4, &field)]),
        }
    }

    /// A section PARM that ends with these fields.
    pub fn params_with(self, more: &[(u64, &[u8])]) -> Self {
        self.params_of(llz::mixer::FAST.id, 16, more)
    }

    /// A section PARM with this mixer.
    pub fn params_of(self, profile: u8, table_bits: u8, more: &[(u64, &[u8])]) -> Self {
        let mut size = Vec::new();
        varint(&mut size, CHUNK_SIZE);
        let mixer = [profile, table_bits];
        let known: [(u64, &[u8]); 4] = [(0, &size), (1, &[LEVEL]), (2, &mixer), (3, &[1])];
        self.other(b"PARM", &fields(&[&known, more].concat()))
    }

    pub fn other(mut self, kind: &[u8; 4], payload: &[u8]) -> Self {
        self.sections.push((*kind, payload.to_vec()));
        self
    }

    /// A stored chunk.
    pub fn chunk(self, raw: &[u8]) -> Self {
        self.coded(&[0], raw.len() as u64, crc32fast::hash(raw), raw)
    }

    /// A chunk; `coding` is its codec, and the coder and the number of the model where the codec has them.
    pub fn coded(mut self, coding: &[u8], raw_len: u64, raw_crc: u32, coded: &[u8]) -> Self {
        let mut payload = coding.to_vec();
        varint(&mut payload, raw_len);
        payload.extend(raw_crc.to_le_bytes());
        payload.extend(coded);
        self.chunks.push((coding.to_vec(), raw_len));
        self.other(b"CHNK", &payload)
    }

    pub fn entries(self, items: &[Item]) -> Self {
        let payload = [&[0][..], &table(items)].concat();
        self.other(b"ENTS", &payload)
    }

    pub fn model(self) -> Self {
        self.other(b"MODL", &nobody(&portable(llz::kernel::NUMERIC_PROFILE)))
    }

    pub fn index(&self) -> Vec<u8> {
        let mut out = vec![0];
        varint(&mut out, self.sections.len() as u64);
        let mut chunks = self.chunks.iter();
        for (kind, payload) in &self.sections {
            out.extend(kind);
            varint(&mut out, payload.len() as u64);
            if kind == b"CHNK" {
                let (coding, raw_len) = chunks.next().expect("as many as sections CHNK");
                out.extend(coding);
                varint(&mut out, *raw_len);
            }
        }
        out
    }

    pub fn archive(&self) -> Vec<u8> {
        self.with_header(Header::CURRENT)
    }

    pub fn with_header(&self, header: Header) -> Vec<u8> {
        self.finished(header, &self.index(), header.incompat, 0)
    }

    /// The whole archive with this index; `shift` is added to the footer's index offset.
    pub fn finished(&self, header: Header, index: &[u8], incompat: u32, shift: i64) -> Vec<u8> {
        let mut out = header.to_bytes().to_vec();
        for (kind, payload) in &self.sections {
            put_section(&mut out, kind, payload);
        }
        let index_offset = (out.len() as u64).wrapping_add_signed(shift);
        let index_len = (SectionHeader::LEN + index.len()) as u32;
        put_section(&mut out, b"INDX", index);
        out.extend(Footer { index_offset, index_len, incompat }.to_bytes());
        out
    }
}

fn put_section(out: &mut Vec<u8>, kind: &[u8; 4], payload: &[u8]) {
    let header = SectionHeader::of(SectionType(*kind), payload).expect("a short payload");
    out.extend(header.to_bytes());
    out.extend(payload);
}
