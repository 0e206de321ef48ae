//! The file that comes next and those that go: a thread beside the writer, so that nobody who
//! waits for a sync waits for the file system's bookkeeping.
//!
//! Nothing here writes a record.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::disk::{Disk, DiskFile};
use super::error::DiskError;
use super::segment::{Prepared, file_name};

/// The thread, as the log uses it.
#[derive(Debug)]
pub(super) struct Housekeeper {
    /// `None` only when it ends.
    jobs: Option<Sender<Job>>,
    prepared: Receiver<Result<Prepared, DiskError>>,
    failed: Receiver<DiskError>,
    /// A file was asked for, and not fetched.
    is_preparing: bool,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Job {
    /// Make a file for the segment of that number, with so many bytes of room.
    Prepare(u32, usize),
    /// Remove a segment, with its file if it is open.
    Unlink(u32, Option<Arc<dyn DiskFile>>),
}

impl Housekeeper {
    /// Starts the thread.
    pub(super) fn start(disk: Arc<dyn Disk>) -> Result<Self, DiskError> {
        let ((jobs, theirs), (ready, prepared), (fail, failed)) = (channel(), channel(), channel());
        let work = move || {
            for job in theirs {
                match job {
                    Job::Prepare(number, bytes) => {
                        let made = Prepared::create(&*disk, number, bytes);
                        let synced = made.and_then(|made| match made.sync() {
                            Ok(()) => Ok(made),
                            Err(error) => {
                                let _ = unlink(&*disk, number);
                                Err(error)
                            }
                        });
                        let _ = ready.send(synced);
                    }
                    Job::Unlink(number, file) => {
                        if let Err(error) = remove(&*disk, number, file) {
                            let _ = fail.send(error);
                        }
                    }
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("store-files".to_owned())
            .spawn(work)
            .map_err(|source| DiskError::new("start a thread for", ".", source))?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        Ok(Self { jobs, prepared, failed, is_preparing: false, thread })
    }

    /// Has the file of a segment made, unless one was asked for.
    pub(super) fn prepare(&mut self, number: u32, bytes: usize) {
        if !std::mem::replace(&mut self.is_preparing, true) {
            self.send(Job::Prepare(number, bytes));
        }
    }

    /// The file that was asked for, waiting for it; `None` if none was.
    pub(super) fn fetch(&mut self) -> Option<Result<Prepared, DiskError>> {
        std::mem::take(&mut self.is_preparing).then(|| self.prepared.recv().ok()).flatten()
    }

    /// Has a segment's file removed.
    pub(super) fn unlink(&self, number: u32, file: Option<Arc<dyn DiskFile>>) {
        self.send(Job::Unlink(number, file));
    }

    /// What went wrong with a removal since it was last asked.
    pub(super) fn failure(&self) -> Option<DiskError> {
        self.failed.try_recv().ok()
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Housekeeper {
    /// Waits until everything is done.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Removes a segment and gives its room back.
pub(super) fn remove(
    disk: &dyn Disk,
    number: u32,
    file: Option<Arc<dyn DiskFile>>,
) -> Result<(), DiskError> {
    unlink(disk, number)?;
    // Step by step, because a sync waits for all that is being freed. Who still reads it reads on,
    // and so does whoever gave it another name to keep it.
    let is_ours = |file: &Arc<dyn DiskFile>| {
        Arc::strong_count(file) == 1 && file.has_name().is_ok_and(|has_name| !has_name)
    };
    if let Some(file) = file.filter(is_ours) {
        let mut left = file.bytes().unwrap_or(0);
        while left > 0 {
            left = left.saturating_sub(FREED_BYTES_MAX);
            if file.truncate(left).is_err() {
                break;
            }
        }
    }
    Ok(())
}

/// Removes a segment's name.
pub(super) fn unlink(disk: &dyn Disk, number: u32) -> Result<(), DiskError> {
    let name = file_name(number);
    disk.unlink(&name).map_err(|source| DiskError::new("unlink", name, source))
}

/// So much is freed at once, in bytes. A sync beside it then waits for about a millisecond on ext4,
/// and for ten while a whole segment is freed.
const FREED_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::super::disk::{FakeDisk, Folder};
    use super::*;

    #[test]
    fn who_still_reads_a_removed_segment_reads_on() {
        let disk = FakeDisk::default();
        let file = disk.create(&file_name(1)).unwrap();
        file.preallocate(3 * FREED_BYTES_MAX - 1).unwrap();
        let reader = Arc::clone(&file);
        remove(&disk, 1, Some(file)).unwrap();
        assert!(disk.files().is_empty());
        assert_eq!(reader.bytes().unwrap(), 3 * FREED_BYTES_MAX - 1);
    }

    #[test]
    fn a_removed_segment_with_another_name_is_kept_under_it() {
        let name = format!("hopwire-housekeeper-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let disk = Folder::open(&directory.join("messages")).unwrap();
        let file = disk.create(&file_name(1)).unwrap();
        file.write_at(0, b"kept").unwrap();
        let copy = directory.join("copy");
        std::fs::hard_link(disk.path().join(file_name(1)), &copy).unwrap();
        remove(&disk, 1, Some(file)).unwrap();
        assert!(disk.open(&file_name(1)).is_err());
        assert_eq!(std::fs::read(copy).unwrap(), b"kept");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn what_nobody_reads_is_freed_step_by_step() {
        let disk = FakeDisk::default();
        let file = disk.create(&file_name(1)).unwrap();
        file.preallocate(3 * FREED_BYTES_MAX - 1).unwrap();
        let before = disk.operations();
        remove(&disk, 1, Some(file)).unwrap();
        assert_eq!(disk.operations() - before, 1 + 3, "the name, and three steps");
    }
}
