//! Messages on their way back from the log, because their turn is near.

use std::sync::{Arc, Weak, mpsc};
use std::time::{Duration, Instant};

use model::Message;
use parking_lot::{Condvar, Mutex};

use super::command::Command;
use super::handle::Queue;
use super::journal::{Journal, MessageLog};
use super::machine::Machine;
use super::stored;
use crate::broker::Broker;
use crate::store::{Batch, DiskError, Failure, Head, SequenceRange, Ticket, Waiter};
use crate::turn::Turn;

/// A message that was read from the log.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) message: Arc<Message>,
    pub(crate) sequence: u64,
    /// When it expires.
    pub(crate) deadline: Option<Instant>,
    /// How often it came back; 0 if it was never handed out.
    pub(crate) returns: u32,
}

/// Messages that a queue wants to have in memory: those of one priority, in order, from `first` to
/// at most `last`, as many as are read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) priority: u8,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// What was read for a queue.
#[derive(Debug)]
pub(crate) struct ReadBack {
    pub(crate) wanted: Wanted,
    pub(crate) messages: Vec<Read>,
    /// Whether everything that was wanted was read: what is missing is lost.
    pub(crate) has_all: bool,
}

/// How much is read at once: messages, and bytes of their bodies.
const MESSAGES_MAX: usize = 1024;
const BYTES_MAX: u64 = 1 << 20;

/// How long the reader waits after the disk failed.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The thread that reads messages back, one request after the other.
#[derive(Debug)]
pub(crate) struct Reader;

impl Reader {
    /// Starts it; it ends with the broker.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub(crate) fn start(log: &MessageLog, broker: Weak<Broker>) -> std::io::Result<()> {
        let (requests, asked) = mpsc::channel();
        let thread = std::thread::Builder::new().name("store-reader".to_owned());
        thread.spawn(move || {
            for (queue, wanted) in asked {
                let Some(broker) = broker.upgrade() else { return };
                read_for(&queue, wanted, &broker);
            }
        })?;
        log.set_reader(requests);
        Ok(())
    }
}

fn read_for(queue: &Arc<Queue>, wanted: Wanted, broker: &Broker) {
    let Some(journal) = queue.journal() else { return };
    loop {
        match journal.read(wanted) {
            Ok(read) => {
                let mut turn = Turn::new(Instant::now());
                queue.read_back(&mut turn, read);
                broker.finish(&mut turn);
                return;
            }
            Err(error) => {
                tracing::error!(%error, queue = %queue.name(), "cannot read messages back");
                std::thread::sleep(RETRY_DELAY);
                if queue.is_deleted() {
                    return;
                }
            }
        }
    }
}

impl Queue {
    /// Takes what was read from the log for it.
    pub(super) fn read_back(self: &Arc<Self>, turn: &mut Turn, read: ReadBack) {
        self.apply(turn, Command::ReadBack(read));
    }

    /// Reads the next messages at once, if they are in the log only: who gets shall not hear that
    /// there is none.
    pub(super) fn read_to_get(self: &Arc<Self>, turn: &mut Turn, state: &mut Machine) {
        let (Some(wanted), Some(journal)) = (state.wanted_to_get(), self.journal()) else { return };
        match journal.read(wanted) {
            Ok(read) => drop(self.apply_locked(turn, state, Command::ReadBack(read))),
            Err(error) => {
                tracing::error!(%error, queue = %self.name(), "cannot read messages back")
            }
        }
    }

    /// Has messages go from the log that were published elsewhere in their stead.
    pub(crate) fn settle_logged(&self, sequences: &[SequenceRange]) {
        if let Some(journal) = self.journal() {
            journal.settle(sequences);
        }
    }

    /// Has the reader bring what it wants; without a reader, brings it at once.
    pub(crate) fn ask_reader(self: &Arc<Self>, turn: &mut Turn, wanted: Wanted) {
        let Some(journal) = self.journal() else { return };
        if let Some(reader) = journal.log().reader() {
            // A reader that is gone has gone with the broker.
            let _ = reader.send((Arc::clone(self), wanted));
            return;
        }
        match journal.read(wanted) {
            Ok(read) => self.read_back(turn, read),
            Err(error) => tracing::error!(%error, queue = %self.name(), "cannot read back"),
        }
    }
}

impl Journal {
    /// Reads what a queue wants. Waits for the disk.
    pub(super) fn read(&self, wanted: Wanted) -> Result<ReadBack, DiskError> {
        let mut read = self.read_written(wanted)?;
        if read.messages.is_empty() && !read.has_all {
            self.log().wait_for_writer();
            read = self.read_written(wanted)?;
        }
        Ok(read)
    }

    /// Reads what the writer has written.
    fn read_written(&self, wanted: Wanted) -> Result<ReadBack, DiskError> {
        let store = self.log().store();
        // Asked for first: the records of a queue are written in the queue's order.
        let next = store.queue(self.id()).map_or(0, |totals| totals.next_sequence);
        let (mut sequences, mut bytes, mut from) = (Vec::new(), 0, wanted.first);
        let is_enough =
            |sequences: &Vec<u64>, bytes| sequences.len() >= MESSAGES_MAX || bytes >= BYTES_MAX;
        let mut is_at_end = false;
        while !is_at_end && !is_enough(&sequences, bytes) {
            let heads = store.heads(self.id(), from, MESSAGES_MAX);
            is_at_end = heads.len() < MESSAGES_MAX;
            for Head { place, body_bytes } in heads {
                from = place.sequence + 1;
                if place.sequence > wanted.last {
                    is_at_end = true;
                } else if place.priority == wanted.priority && !is_enough(&sequences, bytes) {
                    sequences.push(place.sequence);
                    bytes += u64::from(body_bytes);
                }
            }
        }
        let is_partial = is_enough(&sequences, bytes) || next <= wanted.last;
        let messages = self.read_messages(&sequences)?;
        Ok(ReadBack { wanted, messages, has_all: !is_partial })
    }

    fn read_messages(&self, sequences: &[u64]) -> Result<Vec<Read>, DiskError> {
        let page = self.log().store().read(self.id(), sequences)?;
        let mut lost = Vec::new();
        for (place, damage) in page.damaged {
            tracing::error!(%damage, queue = self.id().0, "a message is lost");
            lost.push(place.sequence.into());
        }
        let is_suspicious = self.log().is_suspicious();
        let mut messages = Vec::with_capacity(page.messages.len());
        for stored in page.messages {
            let place = stored.place;
            let Some(message) = stored::read(stored.message, self.log().codec()) else {
                tracing::error!(queue = self.id().0, "a stored message cannot be read: it is lost");
                lost.push(place.sequence.into());
                continue;
            };
            messages.push(Read {
                message,
                sequence: place.sequence,
                deadline: place.deadline_ms.and_then(|ms| self.log().clock().to_instant(ms)),
                returns: place.deliveries.max(u32::from(place.is_redelivered || is_suspicious)),
            });
        }
        if !lost.is_empty() {
            self.settle(&lost);
        }
        Ok(messages)
    }
}

impl MessageLog {
    /// Waits until what was handed to the log is written. Goes on if it cannot be.
    pub(crate) fn wait_for_writer(&self) {
        let written = Arc::new(Written::default());
        let waiter = Arc::clone(&written) as Arc<dyn Waiter>;
        if self.store().append(Batch::new(), Some(waiter)).is_ok() {
            let mut is_told = written.is_told.lock();
            while !*is_told {
                written.told.wait(&mut is_told);
            }
        }
    }
}

/// Told once everything is written.
#[derive(Debug, Default)]
struct Written {
    is_told: Mutex<bool>,
    told: Condvar,
}

impl Written {
    fn tell(&self) {
        *self.is_told.lock() = true;
        self.told.notify_all();
    }
}

impl Waiter for Written {
    fn synced(&self, _up_to: Ticket) {
        self.tell();
    }

    fn failed(&self, _failure: &Failure) {
        self.tell();
    }
}
