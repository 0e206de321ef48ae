//! The data directory: what a node keeps, and that it is the only one to do so.
//!
//! ```text
//! lock              held while a node runs
//! definitions.redb  vhosts, users, rights, exchanges, queues, bindings
//! messages/         the log: docs/formats/store.md
//! ```

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use broker::store::disk::Folder;
use broker::store::{self, Cut, DirectoryLock, LockError, Store};
use broker::{Durability, MessageLog, definitions};

/// The folder of the log.
pub(crate) const MESSAGES: &str = "messages";

const DEFINITIONS: &str = "definitions.redb";

/// What a node keeps.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) durability: Durability,
    /// Given back last.
    _lock: DirectoryLock,
}

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// It cannot be made or written to.
    #[error(
        "cannot use the data directory '{directory}': {source}; choose another with --data-dir"
    )]
    Unusable {
        /// Which.
        directory: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// It cannot be had alone.
    #[error("'{directory}': {source}; stop that node, or choose another with --data-dir")]
    Lock {
        /// Which.
        directory: String,
        /// Why not.
        source: LockError,
    },
    /// The definitions cannot be had.
    #[error(transparent)]
    Definitions(#[from] definitions::OpenError),
    /// The messages cannot be had.
    #[error("in '{directory}': {source}")]
    Messages {
        /// The folder of the log.
        directory: String,
        /// Why not.
        source: store::OpenError,
    },
}

impl Directory {
    /// Opens what is there, or makes it. `share_bytes` is what durable queues may take in memory,
    /// `settings` are the log's.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`], which says what to do.
    pub(crate) fn open(
        directory: &Path,
        share_bytes: u64,
        settings: store::Settings,
    ) -> Result<Self, DirectoryError> {
        let name = || directory.display().to_string();
        let failed = |source| DirectoryError::Unusable { directory: name(), source };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(directory).map_err(failed)?;
        let lock = DirectoryLock::take(directory).map_err(|source| match source {
            LockError::Disk(source) => failed(source),
            held => DirectoryError::Lock { directory: name(), source: held },
        })?;
        let definitions = definitions::Definitions::open(&directory.join(DEFINITIONS))?;
        let messages = directory.join(MESSAGES);
        let folder = Folder::open(&messages).map_err(failed)?;
        let (store, report) = Store::open(Arc::new(folder), settings).map_err(|source| {
            DirectoryError::Messages { directory: messages.display().to_string(), source }
        })?;
        if let Some(Cut { file, offset, bytes, what }) = report.cut {
            tracing::warn!(
                file,
                offset,
                bytes,
                what,
                "cut off what had not been synced before the crash"
            );
        }
        if let Some(file) = report.unborn {
            tracing::info!(file, "removed a segment that had been made ahead and was never used");
        }
        if report.messages > 0 {
            tracing::info!(messages = report.messages, segments = report.segments, "found");
        }
        let definitions = Arc::new(definitions);
        let log = MessageLog::new(
            Arc::new(store),
            Some(Arc::clone(&definitions)),
            &session::PROPERTY_CODEC,
            share_bytes,
        );
        Ok(Self { durability: Durability { definitions, log }, _lock: lock })
    }
}
