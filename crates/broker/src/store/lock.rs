//! One node per directory.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// The file whose lock stands for the directory. It stays when the lock goes.
const FILE_NAME: &str = "lock";

/// The right to a directory, as long as it lives; the end of the process ends it too.
#[derive(Debug)]
pub struct DirectoryLock {
    /// Closing it gives the lock back.
    _file: File,
}

/// Why the directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another node has it.
    #[error("the data directory is in use by another node")]
    Held,
    /// The lock's file could not be opened or locked.
    #[error("cannot lock the data directory: {0}")]
    Disk(#[from] io::Error),
}

impl DirectoryLock {
    /// Takes the right to a directory that is there.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if another node has it, in this process or elsewhere.
    pub fn take(directory: &Path) -> Result<Self, LockError> {
        let path = directory.join(FILE_NAME);
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}
