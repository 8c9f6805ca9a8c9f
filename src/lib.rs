//! llz predicts data with an RWKV language model and stores only the surprises.
//!
//! [`pack`] and [`Archive`] are for files and directories, [`encode`] and [`decode`] for messages, [`Encoder`] and
//! [`Decoder`] for pipes. docs/ARCHITECTURE.md shows the rooms that the library consists of.
//!
//! # Features
//!
//! `cli` (the default) is the program. `fs` packs and unpacks trees of files. `encode` codes; without it the library
//! is a decoder that needs no C compiler. `threads` uses several. `internals` makes the rooms public, without any
//! promise, for the tools of this project. `lab` adds the module `lab`.
#![deny(unsafe_code)]
// Rooms re-export some items for the tools alone.
#![cfg_attr(not(feature = "internals"), allow(unused_imports))]
// Small builds leave half of many types unused, which the linker drops. The full build finds what is dead.
#![cfg_attr(not(all(feature = "fs", feature = "threads")), allow(dead_code))]
// Their documentation names items of the full build. The full build finds a link that is broken.
#![cfg_attr(not(feature = "fs"), allow(rustdoc::broken_intra_doc_links))]
#![warn(missing_docs)]

/// Rooms are private, except for the tools of this project.
macro_rules! rooms {
    ($($(#[$attribute:meta])* $room:ident;)*) => {
        $(
            $(#[$attribute])*
            #[cfg(feature = "internals")]
            pub mod $room;
            $(#[$attribute])*
            #[cfg(not(feature = "internals"))]
            mod $room;
        )*
    };
}

mod error;
#[cfg(feature = "lab")]
pub mod lab;
mod limits;
mod once;
mod progress;
mod stream;

rooms! {
    archive;
    codec;
    coder;
    format;
    #[allow(unsafe_code)]
    kernel;
    mixer;
    model;
    vocab;
}

#[allow(unsafe_code)]
mod sys;

#[cfg(feature = "fs")]
pub use archive::{
    AddSummary, CompactSummary, DeleteSummary, Existing, FileId, Input, Links, Loss, PackOptions,
    PackSummary, Times, UnpackLinks, UnpackOptions, UnpackPlan, UnpackSummary, UpdateOptions, add,
    compact, delete, is_standard_output, pack, pack_to_path, plan_pack, remove_unfinished,
    unpack_reader,
};
pub use archive::{Archive, ChunkTally, Info, Lost, TestSummary, UsedModel};
#[cfg(feature = "encode")]
pub use codec::EncodeOptions;
pub use codec::{DecodeOptions, Level, instruction_sets};
pub use error::{Container, Corruption, Error, Found, Result};
pub use format::{
    Check, CoderId as Coder, CoderParams, DeviceRef, EngineRef, Entry, EntryKind, ModelRef,
    NamedModel, Params,
};
pub use limits::{Bound, Limits};
#[doc(hidden)]
pub use model::hex;
pub use model::{
    BUILT_IN as BUILT_IN_MODELS, BuiltIn as BuiltInModel, BuiltInModels, Loaded as Model,
    ModelStore,
};
#[cfg(feature = "fs")]
pub use model::{Installed as InstalledModel, ModelFolder};
pub use progress::Progress;
pub use stream::{Decoder, Totals, decode};
#[cfg(feature = "encode")]
pub use stream::{Encoder, encode};

/// The examples of README.md, so that they are compiled with the tests.
#[cfg(all(doctest, feature = "fs"))]
#[doc = include_str!("../README.md")]
struct Readme;
