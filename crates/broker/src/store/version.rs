//! The version of the format. docs/formats/store.md describes it byte by byte.

/// The version that is written. Those that are read: this one.
pub const FORMAT_VERSION: u32 = 1;

/// What every segment begins with.
pub(super) const MAGIC: [u8; 8] = *b"HOPWLOG\n";
