//! A preallocated file that is appended to and synced.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};

use crate::Problem;

/// A file with all its blocks from the start; it goes with its owner.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    end_bytes: u64,
    bytes_max: u64,
}

impl Log {
    /// Creates one with room for `bytes_max`, durably.
    pub(crate) fn create(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        let path = folder.join("floor.log");
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
        let log = Self { path, file, end_bytes: 0, bytes_max };
        fallocate(&log.file, FallocateFlags::empty(), 0, bytes_max)?;
        log.file.sync_all()?;
        Ok(log)
    }

    /// The same with zeros in all blocks, for the strongest floor: a sync of what is written over
    /// them may have less to wait for.
    pub(crate) fn create_zeroed(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        const PIECE: [u8; 4096] = [0; 4096];
        let log = Self::create(folder, bytes_max)?;
        for at in (0..bytes_max).step_by(PIECE.len()) {
            let bytes = usize::try_from(bytes_max - at).unwrap_or(PIECE.len()).min(PIECE.len());
            log.file.write_all_at(PIECE.get(..bytes).unwrap_or_default(), at)?;
        }
        log.file.sync_all()?;
        Ok(log)
    }

    /// Appends `bytes`; they are durable when this returns.
    ///
    /// # Errors
    ///
    /// No room is left, or the disk failed.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end_bytes = self.end_bytes + bytes.len() as u64;
        if end_bytes > self.bytes_max {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_all_at(bytes, self.end_bytes)?;
        self.file.sync_data()?;
        self.end_bytes = end_bytes;
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // The folder is removed later, whatever is in it.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Appends and syncs one `record` every so often; returns how long each took. A turn that is missed
/// because a sync took longer is left out.
pub(crate) fn paced_syncs(
    log: &mut Log,
    record: &[u8],
    count: u32,
    every: Duration,
) -> Result<Vec<Duration>, Problem> {
    let mut took = Vec::new();
    let mut due = Instant::now();
    for _ in 0..count {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let start = Instant::now();
        log.append(record)?;
        took.push(start.elapsed());
        due = (due + every).max(Instant::now());
    }
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_takes_what_fits_and_not_a_byte_more() {
        let folder = std::env::temp_dir().join(format!("hopwire-bench-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut log = Log::create(&folder, 10).unwrap();
        log.append(b"12345").unwrap();
        assert_eq!(log.append(b"123456").unwrap_err().kind(), io::ErrorKind::StorageFull);
        log.append(b"67890").unwrap();
        assert_eq!(std::fs::read(folder.join("floor.log")).unwrap(), b"1234567890");
        drop(log);
        let mut log = Log::create_zeroed(&folder, 5000).unwrap();
        log.append(b"1").unwrap();
        let bytes = std::fs::read(folder.join("floor.log")).unwrap();
        assert_eq!((bytes.len(), bytes[0], bytes[4999]), (5000, b'1', 0));
        drop(log);
        // It is empty: the log took its file with it.
        std::fs::remove_dir(&folder).unwrap();
    }
}
