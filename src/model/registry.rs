//! The models that are part of the program.

use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::format::{EngineRef, ModelRef};
use crate::kernel::NUMERIC_PROFILE;
use crate::once::get_or_try_init;

use super::loaded::{Loaded, Origin};

/// A model that is part of the program.
#[derive(Debug)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Its safetensors file.
    pub bytes: &'static [u8],
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: &'static str,
    /// Its vocabulary's id.
    pub tokenizer: [u8; 8],
    /// Its engine fingerprint under numeric profile `q8f32-1`.
    pub fingerprint: u64,
}

// Replacing a shipped model means replacing its file and its entry; the test below says what to
// write.

/// For the levels where speed counts.
pub const NANO: BuiltIn = BuiltIn {
    name: "nano",
    bytes: include_bytes!("../../models/nano.safetensors"),
    sha256: "8a07a26743320adae39fe3ea8943371b99091b9be522c874c54bbf8cf6f4d9d6",
    tokenizer: [0x70, 0x8b, 0xe9, 0x64, 0xb0, 0xb7, 0xf9, 0x1f],
    fingerprint: 0xb9d8_5239_fff1_924f,
};

/// The default.
pub const SMALL: BuiltIn = BuiltIn {
    name: "small",
    bytes: include_bytes!("../../models/small.safetensors"),
    sha256: "77efbeedfeb08d947f74c193fc68e71642642820cd344caaf1f094f31d60b602",
    tokenizer: [0x70, 0x8b, 0xe9, 0x64, 0xb0, 0xb7, 0xf9, 0x1f],
    fingerprint: 0x0eaa_758b_5be8_7597,
};

/// The shipped models, best last.
pub static BUILT_IN: [BuiltIn; 2] = [NANO, SMALL];

impl BuiltIn {
    /// SHA-256 of the file.
    pub const fn sha256(&self) -> [u8; 32] {
        const fn digit(c: u8) -> u8 {
            if c <= b'9' { c - b'0' } else { c - b'a' + 10 }
        }
        let (hex, mut sum, mut i) = (self.sha256.as_bytes(), [0; 32], 0);
        while i < 32 {
            sum[i] = digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]);
            i += 1;
        }
        sum
    }

    /// The reference by which archives and streams name it.
    pub const fn reference(&self) -> ModelRef {
        ModelRef {
            sha256: self.sha256(),
            tokenizer: self.tokenizer,
            engine: EngineRef::Portable {
                profile: NUMERIC_PROFILE,
                fingerprint: self.fingerprint,
            },
        }
    }
}

/// The built-in model of this name, loaded once per process.
pub fn built_in(name: &str) -> Result<Loaded> {
    static LOADED: [OnceLock<Loaded>; BUILT_IN.len()] = [const { OnceLock::new() }; BUILT_IN.len()];
    let index = BUILT_IN
        .iter()
        .position(|b| b.name == name)
        .ok_or_else(|| Error::Model(format!("there is no built-in model {name:?}")))?;
    let model = &BUILT_IN[index];
    let read = || Loaded::read(model.bytes, model.sha256(), Origin::BuiltIn(model.bytes));
    get_or_try_init(&LOADED[index], read).cloned()
}

/// Says whether a built-in model is called so.
pub(super) fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|built| built.name == name)
}

/// The built-in model with this SHA-256.
pub fn known(sha256: &[u8; 32]) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|built| built.sha256() == *sha256)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn the_table_describes_the_files() {
        for built in &BUILT_IN {
            let sha256 = hex(&Sha256::digest(built.bytes));
            assert_eq!(built.sha256, sha256, "write sha256: {sha256:?}");
            let loaded = super::built_in(built.name).unwrap();
            let model = loaded.model();
            let id = model.vocabulary().id();
            assert_eq!(built.tokenizer, id, "write tokenizer: {id:#04x?}");
            let found = model.fingerprint(crate::kernel::Isa::portable());
            assert_eq!(
                built.fingerprint, found,
                "write fingerprint of {}: {found:#018x}",
                built.name
            );
        }
    }

    #[test]
    fn format_md_lists_every_model() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(root.join("FORMAT.md")).unwrap();
        let files =
            std::fs::read_dir(root.join("models")).unwrap().map(|file| file.unwrap().path());
        let mut models = 0;
        for path in files.filter(|path| path.extension().is_some_and(|e| e == "safetensors")) {
            let bytes = std::fs::read(&path).unwrap();
            let sha256 = Sha256::digest(&bytes).into();
            let loaded = Loaded::read(&bytes, sha256, Origin::Caller).unwrap();
            let model = loaded.model();
            let row = format!(
                "| `{}` | `{}` | `{}` | 0x{:016X} |",
                path.file_stem().unwrap().display(),
                hex(&sha256),
                hex(&model.vocabulary().id()),
                model.fingerprint(crate::kernel::Isa::portable()),
            );
            assert!(text.contains(&row), "write row: {row}");
            models += 1;
        }
        assert!(models >= BUILT_IN.len());
    }
}
