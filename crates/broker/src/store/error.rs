//! What can go wrong with the store, by what the caller can do about it.

use std::io;

/// The disk did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} '{file}': {source}")]
pub struct DiskError {
    /// What was tried: a verb.
    pub action: &'static str,
    /// On which file; a dot for the directory.
    pub file: String,
    /// What the operating system says.
    pub source: io::Error,
}

impl DiskError {
    pub(super) fn new(action: &'static str, file: impl Into<String>, source: io::Error) -> Self {
        Self { action, file: file.into(), source }
    }
}

/// Bytes in the middle of the log are not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{file}' is damaged at byte {offset}: {what}")]
pub struct Damage {
    /// Which file.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// What was found.
    pub what: String,
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk failed: look at its owner, mode and free space.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Bytes that had been synced are not what was written.
    #[error(
        "{0}; `hopwire store check` lists what is damaged, `hopwire store repair` keeps the rest"
    )]
    Damaged(#[from] Damage),
    /// A segment that matters is not there.
    #[error("'{file}' is missing; `hopwire store repair` goes on without it")]
    Missing {
        /// Which file.
        file: String,
    },
    /// Written by another version of the program.
    #[error("'{file}' has format version {found}, this program reads {}", super::FORMAT_VERSION)]
    Version {
        /// Which file.
        file: String,
        /// Its version.
        found: u32,
    },
}
