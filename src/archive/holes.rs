//! Long runs of zeros, such as the holes of sparse files.

use std::collections::VecDeque;
use std::fs::File;

/// Bytes that are looked at together.
const BLOCK: usize = 4 << 10;
/// The least run of zeros that becomes a chunk of its own. It costs some 80 bytes, and what follows is coded without
/// what came before.
const WORTH: usize = 256 << 10;

/// Cuts a chunk before and after each long run of zeros. The pieces are in order, and none is empty. It depends on
/// nothing but the bytes.
pub(super) fn split(chunk: Vec<u8>) -> VecDeque<Vec<u8>> {
    let mut pieces = VecDeque::new();
    let (mut done, mut zeros) = (0, 0);
    for (number, block) in chunk.chunks(BLOCK).enumerate() {
        if is_zero(block) {
            continue;
        }
        let start = number * BLOCK;
        if start - zeros >= WORTH {
            pieces.extend([done..zeros, zeros..start]);
            done = start;
        }
        zeros = start + block.len();
    }
    if chunk.len() - zeros >= WORTH {
        pieces.extend([done..zeros, zeros..chunk.len()]);
        done = chunk.len();
    }
    if pieces.is_empty() || pieces.len() == 2 && zeros == 0 {
        return VecDeque::from([chunk]);
    }
    pieces.push_back(done..chunk.len());
    pieces.retain(|piece| !piece.is_empty());
    pieces.into_iter().map(|piece| chunk[piece].to_vec()).collect()
}

fn is_zero(block: &[u8]) -> bool {
    // Without a branch for each byte this is as fast as memory.
    block.iter().fold(0, |all, byte| all | byte) == 0
}

/// What a sparse file has at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// Zeros that take no room, up to `end`.
    Hole { end: u64 },
    /// Bytes, up to `end`.
    Data { end: u64 },
    /// The system does not say.
    Unknown,
}

/// Whether a file takes less room than it has bytes.
#[cfg(unix)]
pub(super) fn has_some(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|there| there.is_file() && there.blocks() * 512 < there.len())
}

/// Elsewhere it is not known, and zeros are read.
#[cfg(not(unix))]
pub(super) fn has_some(_file: &File) -> bool {
    false
}

/// What there is at a place of a file, where it is read from next.
#[cfg(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple"))]
pub(super) fn stretch_at(file: &File, at: u64) -> Stretch {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;
    let stretch = match seek(file, SeekFrom::Data(at)) {
        Ok(data) if data > at => Stretch::Hole { end: data },
        Ok(_) => match seek(file, SeekFrom::Hole(at)) {
            Ok(end) if end > at => Stretch::Data { end },
            Ok(_) | Err(_) => Stretch::Unknown,
        },
        // No more data; the file may have become shorter, too.
        Err(Errno::NXIO) => match file.metadata() {
            Ok(there) if there.len() > at => Stretch::Hole { end: there.len() },
            Ok(_) | Err(_) => Stretch::Unknown,
        },
        Err(_) => Stretch::Unknown,
    };
    match seek(file, SeekFrom::Start(at)) {
        Ok(_) => stretch,
        Err(_) => Stretch::Unknown,
    }
}

/// Elsewhere it is not known, and zeros are read.
#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple")))]
pub(super) fn stretch_at(_file: &File, _at: u64) -> Stretch {
    Stretch::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_of_zeros_stand_alone() {
        let lens = |bytes: &[(u8, usize)]| {
            let chunk: Vec<u8> =
                bytes.iter().flat_map(|&(byte, len)| std::iter::repeat_n(byte, len)).collect();
            let pieces = split(chunk.clone());
            assert_eq!(pieces.iter().flatten().copied().collect::<Vec<u8>>(), chunk);
            pieces.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(lens(&[(1, 10)]), [10]);
        assert_eq!(lens(&[(0, 10)]), [10]);
        assert_eq!(lens(&[(0, 2 * WORTH)]), [2 * WORTH]);
        assert_eq!(lens(&[(1, BLOCK), (0, WORTH - 1), (1, 1)]), [BLOCK + WORTH]);
        assert_eq!(lens(&[(1, BLOCK), (0, WORTH)]), [BLOCK, WORTH]);
        assert_eq!(lens(&[(0, WORTH), (1, BLOCK)]), [WORTH, BLOCK]);
        assert_eq!(lens(&[(0, WORTH + 1), (1, 1)]), [WORTH, 2]);
        assert_eq!(
            lens(&[(1, 5), (0, WORTH + BLOCK), (1, 1), (0, 2 * WORTH + 7)]),
            [BLOCK, WORTH, BLOCK, 2 * WORTH - BLOCK + 13]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn holes_are_where_the_system_says() {
        use std::os::unix::fs::FileExt;
        let file = tempfile::tempfile().unwrap();
        file.set_len(8 << 20).unwrap();
        file.write_all_at(b"data", 4 << 20).unwrap();
        if !has_some(&file) || stretch_at(&file, 0) == Stretch::Unknown {
            return; // a file system without holes
        }
        assert_eq!(stretch_at(&file, 0), Stretch::Hole { end: 4 << 20 });
        assert!(matches!(stretch_at(&file, 4 << 20), Stretch::Data { end } if end > 4 << 20));
        assert_eq!(stretch_at(&file, 5 << 20), Stretch::Hole { end: 8 << 20 });
        assert_eq!(stretch_at(&file, 8 << 20), Stretch::Unknown);
        file.set_len(1000).unwrap();
        assert_eq!(stretch_at(&file, 2000), Stretch::Unknown);
    }
}
