//! The disk as the store sees it: files by name in one directory, and when they are durable.
//!
//! Two of them: [`Folder`] is a directory of the file system, [`FakeDisk`] keeps written and
//! durable bytes apart and can show every crash.

mod fake;
mod folder;

use std::fmt;
use std::io;
use std::sync::Arc;

pub use fake::{Crash, FakeDisk};
pub use folder::Folder;

/// A directory of files.
///
/// A name that was created or removed is durable after [`Disk::sync_names`], bytes and lengths
/// after [`DiskFile::sync`]. Until then a crash keeps or loses each of them by itself.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a file that is not there yet.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that is there.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Removes a name. Those who have the file open read on.
    fn unlink(&self, name: &str) -> io::Result<()>;

    /// The names of all files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes the names durable: what was created is there, what was removed is not.
    fn sync_names(&self) -> io::Result<()>;

    /// How many bytes the file system can still take.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// A file of a [`Disk`].
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// The file's length in bytes, preallocated ones included.
    fn bytes(&self) -> io::Result<u64>;

    /// Whether a name leads to it, of this directory or another.
    fn has_name(&self) -> io::Result<bool>;

    /// Makes room up to this length, so that writing within it changes no length. It reads as
    /// zeros.
    fn preallocate(&self, bytes: u64) -> io::Result<()>;

    /// Cuts the file at this length.
    fn truncate(&self, bytes: u64) -> io::Result<()>;

    /// Writes all of `bytes`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Writes all of `parts`, one behind the other.
    fn write_parts_at(&self, offset: u64, parts: &[Vec<u8>]) -> io::Result<()> {
        match parts {
            [part] => self.write_at(offset, part),
            parts => self.write_at(offset, &parts.concat()),
        }
    }

    /// Fills all of `into`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Makes the bytes and the length durable.
    fn sync(&self) -> io::Result<()>;
}
