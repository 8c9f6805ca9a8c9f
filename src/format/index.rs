//! `INDX`: where every section lies. A cache: it must agree with the sections themselves.

use super::coding::Coding;
use super::cursor::Cursor;
#[cfg(feature = "encode")]
use super::integer::put_varint;
use super::packed;
use super::section::{SectionHeader, SectionType};
use crate::{Bound, Error, Limits, Result};

/// One section as the index lists it. Its place is implied: sections follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexItem {
    pub(crate) kind: SectionType,
    /// Bytes of its payload.
    pub(crate) len: u32,
    /// For a chunk, how it is coded and its raw length.
    pub(crate) chunk: Option<(Coding, u32)>,
}

impl IndexItem {
    /// Bytes of the whole section.
    pub(crate) fn section_len(&self) -> u64 {
        SectionHeader::LEN as u64 + u64::from(self.len)
    }
}

const WHAT: &str = "section INDX";

/// Bytes an item takes at the very least: type and length.
const MIN_ITEM: usize = 5;

#[cfg(feature = "encode")]
pub(crate) fn to_payload(items: &[IndexItem]) -> Result<Vec<u8>> {
    let mut table = Vec::with_capacity(items.len() * 12 + 9);
    put_varint(&mut table, items.len() as u64);
    for item in items {
        table.extend(item.kind.0);
        put_varint(&mut table, u64::from(item.len));
        if let Some((coding, raw_len)) = item.chunk {
            coding.write(&mut table);
            put_varint(&mut table, u64::from(raw_len));
        }
    }
    packed::pack(&table, packed::TABLE_LEVEL)
}

/// Reads an index, where lists of sections take `memory` bytes already.
pub(crate) fn parse(payload: &[u8], memory: u64, limits: &Limits) -> Result<Vec<IndexItem>> {
    let table = packed::unpack_table(payload, WHAT, limits)?;
    let mut cursor = Cursor::new(&table, WHAT);
    let count = cursor.count(MIN_ITEM)?;
    let own = (count as u64).saturating_mul(size_of::<IndexItem>() as u64);
    check_memory(memory.saturating_add(own), limits)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = SectionType(cursor.array()?).check()?;
        if kind == SectionType::INDEX {
            return Err(cursor.corrupt("it lists an index"));
        }
        let len = cursor.varint_u32()?;
        let chunk = match kind {
            SectionType::CHUNK => Some((Coding::read(&mut cursor)?, cursor.varint_u32()?)),
            _ => None,
        };
        items.push(IndexItem { kind, len, chunk });
    }
    cursor.finish()?;
    Ok(items)
}

/// Fails if a list of sections takes more memory than the limits allow.
pub(super) fn check_memory(bytes: u64, limits: &Limits) -> Result<()> {
    if bytes > limits.memory {
        return Err(Error::Limit {
            what: "memory for the list of sections".into(),
            limit: limits.memory,
            bound: Bound::Memory,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::CoderId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..99)) {
            let _ = parse(&payload, 0, &Limits::default());
        }

        #[test]
        fn round_trips(lens in proptest::collection::vec(any::<u32>(), 0..50)) {
            let items: Vec<_> = lens
                .iter()
                .map(|&len| match len % 3 {
                    0 => IndexItem { kind: SectionType::ENTRIES, len, chunk: None },
                    _ => IndexItem {
                        kind: SectionType::CHUNK,
                        len,
                        chunk: Some((Coding::Neural { coder: CoderId::Mix, model: 9 }, !len)),
                    },
                })
                .collect();
            let payload = to_payload(&items).unwrap();
            prop_assert_eq!(parse(&payload, 0, &Limits::default()).unwrap(), items);
        }
    }
}
