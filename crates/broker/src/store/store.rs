//! The store as its callers see it: batches go in, messages come back, nothing waits.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::batch::Batch;
use super::disk::Disk;
use super::error::{DiskError, OpenError};
use super::index::{Entry, Index, QueueTotals};
use super::intake::{Failure, Intake, Refused, Ticket, Waiter};
use super::log::Counts;
use super::operation::{Place, QueueId};
use super::reader::{self, Page, Wanted};
use super::recovery::{Report, recover};
use super::settings::Settings;
use super::writer::{self, Shared};

/// The messages of all durable queues.
pub struct Store {
    disk: Arc<dyn Disk>,
    index: Arc<Mutex<Index>>,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What a queue must know of a message without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its place.
    pub place: Place,
    /// Bytes of its body, as they were given.
    pub body_bytes: u32,
}

/// How much is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// At most so many messages.
    pub messages: usize,
    /// No more once there are so many bytes of records, but at least one message.
    pub bytes: u64,
}

/// How much the store takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Files of the log.
    pub segments: usize,
    /// Segments that could not be read when their space was to come back. They stay.
    pub damaged_segments: usize,
    /// Bytes of these files, preallocated ones included.
    pub disk_bytes: u64,
    /// Bytes of what lives in them; of a message in several queues once for each.
    pub live_bytes: u64,
    /// Bytes of memory of the index.
    pub memory_bytes: usize,
    /// Messages that wait for the writer, in bytes.
    pub waiting_bytes: usize,
    /// What went to the disk since the store was opened.
    pub counts: Counts,
}

impl Store {
    /// Opens the store in a directory that nobody else has open: see [`super::DirectoryLock`].
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the disk fails, or if what was confirmed may not be there.
    pub fn open(disk: Arc<dyn Disk>, settings: Settings) -> Result<(Self, Report), OpenError> {
        let segment_bytes = settings.segment_bytes.min(Settings::SEGMENT_BYTES_MAX) as usize;
        let (mut log, report) = recover(Arc::clone(&disk), segment_bytes)?;
        log.start_housekeeper()?;
        let index = Arc::clone(&log.index);
        let intake = Intake::new(settings.waiting_bytes_max, settings.sync_delay);
        let shared = Arc::new(Shared { intake, counts: Mutex::new(log.counts) });
        let theirs = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(log, &theirs))
            .map_err(|source| DiskError::new("start a writer for", ".", source))?;
        Ok((Self { disk, index, shared, writer: Mutex::new(Some(writer)) }, report))
    }

    /// Hands a batch over to the writer; never waits. The records of a queue must come in the
    /// queue's order: a message before what settles it, nothing behind a delete.
    ///
    /// With a waiter, the batch is synced as soon as the disk can, together with everything that
    /// came meanwhile. Without, with the next sync, at the latest after [`Settings::sync_delay`].
    /// An empty batch is a barrier: its waiter hears once everything before it is durable, at once
    /// if it is.
    ///
    /// However much waits, it is taken. So that it stays bounded, hold publishers back at the edge
    /// while [`Self::is_full`].
    ///
    /// # Errors
    ///
    /// [`Refused`] if the store failed or was closed.
    pub fn append(&self, batch: Batch, waiter: Option<Arc<dyn Waiter>>) -> Result<Ticket, Refused> {
        self.shared.intake.append(batch, waiter)
    }

    /// Whether more messages wait for the writer than [`Settings::waiting_bytes_max`]; one load.
    pub fn is_full(&self) -> bool {
        self.shared.intake.is_full()
    }

    /// Whether batches are taken: the store neither failed nor was closed; one load.
    pub fn is_writable(&self) -> bool {
        self.shared.intake.is_writable()
    }

    /// Has `then` called once the store [is full](Self::is_full) no longer, or takes no more
    /// writes; at once if that is so, else from the writer's thread. It must not block.
    pub fn when_room(&self, then: Box<dyn FnOnce() + Send>) {
        self.shared.intake.when_room(then);
    }

    /// Why the store takes no more writes, if it does not.
    pub fn failure(&self) -> Option<Failure> {
        self.shared.intake.failure()
    }

    /// All queues that ever held something here and were not deleted, in no order.
    pub fn queues(&self) -> Vec<QueueTotals> {
        self.index.lock().totals().collect()
    }

    /// One of them.
    pub fn queue(&self, queue: QueueId) -> Option<QueueTotals> {
        self.index.lock().totals_of(queue)
    }

    /// Up to `limit` messages of a queue from a sequence on, in order, from memory. What the writer
    /// has not written yet is not among them.
    pub fn heads(&self, queue: QueueId, from: u64, limit: usize) -> Vec<Head> {
        let entries = self.index.lock().entries(queue, from, limit);
        entries.iter().map(|it| Head { place: it.place, body_bytes: it.body_bytes }).collect()
    }

    /// Reads messages of a queue from a sequence on, in order.
    ///
    /// # Errors
    ///
    /// [`DiskError`] if the disk fails.
    pub fn page(&self, queue: QueueId, from: u64, limit: PageLimit) -> Result<Page, DiskError> {
        let index = self.index.lock();
        let mut entries = index.entries(queue, from, limit.messages);
        let mut bytes = 0;
        let fits = entries.iter().take_while(|entry| {
            let fits = bytes < limit.bytes;
            bytes += u64::from(entry.location.bytes);
            fits
        });
        entries.truncate(fits.count().max(1));
        let wanted = wanted(&index, entries.into_iter());
        drop(index);
        reader::read(&wanted)
    }

    /// Reads these messages of a queue. Those that it does not hold are left out.
    ///
    /// # Errors
    ///
    /// [`DiskError`] if the disk fails.
    pub fn read(&self, queue: QueueId, sequences: &[u64]) -> Result<Page, DiskError> {
        let index = self.index.lock();
        let entries = sequences.iter().filter_map(|sequence| index.entry(queue, *sequence));
        let wanted = wanted(&index, entries);
        drop(index);
        reader::read(&wanted)
    }

    /// How much the store takes.
    pub fn usage(&self) -> Usage {
        let waiting_bytes = self.shared.intake.message_bytes();
        let counts = *self.shared.counts.lock();
        let index = self.index.lock();
        let mut usage = Usage { waiting_bytes, counts, ..Usage::default() };
        for (_, segment) in index.segments.iter() {
            usage.segments += 1;
            usage.disk_bytes += segment.file.bytes().unwrap_or(segment.bytes);
            usage.live_bytes += segment.live_bytes;
        }
        usage.damaged_segments = index.segments.damaged();
        usage.memory_bytes = index.memory_bytes();
        usage
    }

    /// How many bytes the disk can still take.
    ///
    /// # Errors
    ///
    /// [`DiskError`] if it does not say.
    pub fn free_bytes(&self) -> Result<u64, DiskError> {
        self.disk.free_bytes().map_err(|source| DiskError::new("measure", ".", source))
    }

    /// Makes everything durable that was handed over, and ends the writer. Reading goes on.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the store failed, then or before.
    pub fn close(&self) -> Result<(), Failure> {
        self.shared.intake.close();
        if let Some(writer) = self.writer.lock().take() {
            // It has nothing to say: what went wrong is noted in the intake.
            let _ = writer.join();
        }
        self.failure().map_or(Ok(()), Err)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("disk", &self.disk).finish_non_exhaustive()
    }
}

fn wanted(index: &Index, entries: impl Iterator<Item = Entry>) -> Vec<Wanted> {
    let wanted = entries.filter_map(|entry| {
        let file = Arc::clone(&index.segments.get(entry.location.segment)?.file);
        Some(Wanted { entry, file })
    });
    wanted.collect()
}
