//! What an archive has already, for those who add to it.

use std::collections::{HashMap, HashSet};

use crate::format::{Check, Entry, EntryKind, Layout, ModelRef};

/// A file whose content is in the archive, for those that share it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Original {
    /// Its number among all entries.
    pub number: u64,
    /// Where its content begins.
    pub offset: u64,
    pub size: u64,
    /// That of its content; of a small file that was added earlier, no one knows it.
    pub sha256: [u8; 32],
    pub check: Check,
}

/// What is added comes after this.
#[derive(Debug, Default)]
pub(super) struct Base {
    /// Entries so far.
    pub entries: u64,
    /// Bytes of the content stream so far.
    pub content: u64,
    /// Bytes of the raw stream so far.
    pub raw: u64,
    /// Files that are not small, by their SHA-256.
    by_hash: HashMap<[u8; 32], Original>,
    sizes: HashSet<u64>,
    /// The numbers of files with content, by its place.
    by_offset: HashMap<u64, u64>,
    /// Files of which only permissions or times have changed, by path: their content is there.
    pub same: HashMap<String, Original>,
    /// The paths of entries that go where one with this path comes.
    pub replaced: HashMap<String, Vec<String>>,
    /// The models that it names, by number, and whether it has their files.
    models: Vec<(ModelRef, bool)>,
}

impl Base {
    /// What the archive has. What is gone of it can be had again.
    pub(super) fn of(layout: &Layout) -> Self {
        let entries = layout.entries();
        let mut base = Base { entries: entries.len() as u64, raw: layout.raw_len(), ..Base::default() };
        for (number, entry) in (0..).zip(entries) {
            let EntryKind::File { size, offset, check } = entry.kind else { continue };
            base.content = base.content.max(offset.saturating_add(size));
            if size > 0 {
                base.by_offset.entry(offset).or_insert(number);
            }
            if let Check::Sha256(sha256) = check {
                base.sizes.insert(size);
                let original = Original { number, offset, size, sha256, check };
                base.by_hash.entry(sha256).or_insert(original);
            }
        }
        for (number, model) in (0..).zip(layout.models().iter().flatten()) {
            let has_file = layout.model_file_place(number).is_some();
            base.models.push((model.reference.clone(), has_file));
        }
        base
    }

    /// A file of the archive, for another entry of the same content; `None` where it has no content.
    pub(super) fn original(&self, entry: &Entry) -> Option<Original> {
        let EntryKind::File { size: size @ 1.., offset, check } = entry.kind else { return None };
        let sha256 = check.sha256().copied().unwrap_or_default();
        Some(Original { number: *self.by_offset.get(&offset)?, offset, size, sha256, check })
    }

    /// The number of a model that the archive names, and whether it has the model's file.
    pub(super) fn model(&self, wanted: &ModelRef) -> Option<(u8, bool)> {
        let mut numbered = (0..).zip(&self.models);
        numbered.find(|(_, (model, _))| model == wanted).map(|(number, (_, has_file))| (number, *has_file))
    }

    /// Whether a file of this size is worth a look at its SHA-256.
    pub(super) fn has_size(&self, size: u64) -> bool {
        self.sizes.contains(&size)
    }

    /// The file with this content.
    pub(super) fn find(&self, sha256: &[u8; 32]) -> Option<Original> {
        self.by_hash.get(sha256).copied()
    }
}
