//! What both targets share: small limits, and a way around checksums.

use llz::Limits;
use llz::format::{Footer, Header, SectionHeader, SectionType};

/// Little enough that no input takes long.
pub const LIMITS: Limits = Limits {
    total_bytes: 1 << 20,
    entries: 200,
    chunk_bytes: 1 << 16,
    path_bytes: 300,
    path_depth: 20,
    memory: 16 << 20,
};

/// Makes an archive of `input` whose checksums, lengths and footer fit, so that the fuzzer gets
/// behind them: the archive it was made from gives the sections, mutations their content.
///
/// Sections are read as if every checksum were right; what cannot be a section ends the list.
pub fn mend(input: &[u8]) -> Vec<u8> {
    let mut out = Header::CURRENT.to_bytes().to_vec();
    let mut rest = input.get(Header::LEN..).unwrap_or_default();
    let (mut index, mut is_ended) = ((0, 0), false);
    while let Some((head, tail)) = rest.split_first_chunk::<{ SectionHeader::LEN }>() {
        let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let Some((payload, next)) = tail.split_at_checked(len) else { break };
        let kind = SectionType([head[0], head[1], head[2], head[3]]);
        let Ok(header) = SectionHeader::of(kind, payload) else { break };
        index = (out.len() as u64, (SectionHeader::LEN + len) as u32);
        out.extend(header.to_bytes());
        out.extend(payload);
        rest = next;
        is_ended = kind == SectionType::INDEX;
        if is_ended {
            out.extend(footer(index));
            // Another generation may follow.
            rest = rest.get(Footer::LEN..).unwrap_or_default();
        }
    }
    if !is_ended {
        out.extend(footer(index));
    }
    out
}

fn footer((index_offset, index_len): (u64, u32)) -> [u8; Footer::LEN] {
    Footer { index_offset, index_len, incompat: 0 }.to_bytes()
}
