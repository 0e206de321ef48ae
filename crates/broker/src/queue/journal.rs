//! What a durable queue leaves in the log.
//!
//! It leaves it while it is locked, so the log has the records of a queue in the queue's order: a
//! message before whatever became of it. Nothing here waits.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::{Message, PropertyCodec};
use smallvec::SmallVec;

use super::changes::{Changes, Logged};
use super::handle::Queue;
use super::machine::Machine;
use super::read_back::Wanted;
use super::stored;
use crate::definitions::{Definitions, Ticket};
use crate::store::{Batch, Place, QueueId, QueueTotals, Refused, SequenceRange, Store, Waiter};

/// A queue's messages leave memory beyond so many bytes, if they are in the log.
const HELD_BYTES_MAX: u64 = 8 << 20;

/// The same while the queues of the node hold more than their share.
const HELD_BYTES_MAX_WHEN_TIGHT: u64 = 64 << 10;

/// The log of a node's messages, as its queues use it.
#[derive(Debug)]
pub struct MessageLog {
    store: Arc<Store>,
    codec: &'static PropertyCodec,
    clock: Clock,
    /// Where queues are defined, if they are.
    definitions: Option<Arc<Definitions>>,
    /// What the messages of all durable queues may take in memory together, in bytes.
    share_bytes: u64,
    held_bytes: AtomicU64,
    /// Any message may have been handed out before, whatever the log says.
    is_suspicious: AtomicBool,
    /// Whom to ask for messages; unset if there is no reader.
    reader: OnceLock<mpsc::Sender<(Arc<Queue>, Wanted)>>,
}

/// A durable queue's part of the log.
#[derive(Debug)]
pub struct Journal {
    id: QueueId,
    log: Arc<MessageLog>,
    /// The ticket of the queue's definition; 0 once that is known to be durable.
    definition: AtomicU64,
    /// What the log was told that the queue holds in memory. Changed under the queue's lock.
    held_bytes: AtomicU64,
}

/// Both clocks read at once, so that a deadline can be kept beyond the end of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    instant: Instant,
    unix_ms: u64,
}

impl MessageLog {
    /// The log on a store, of the queues in `definitions`. `codec` reads the properties of the
    /// messages that come back; `share_bytes` is what the messages of all durable queues may take
    /// in memory together.
    pub fn new(
        store: Arc<Store>,
        definitions: Option<Arc<Definitions>>,
        codec: &'static PropertyCodec,
        share_bytes: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            definitions,
            store,
            codec,
            clock: Clock::read(),
            share_bytes,
            held_bytes: AtomicU64::new(0),
            is_suspicious: AtomicBool::new(false),
            reader: OnceLock::new(),
        })
    }

    /// The store under it.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What the messages of all durable queues take in memory, in bytes.
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// Has `waiter` told once everything that was handed over is durable; gives the ticket that it
    /// will hear.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the log takes nothing more: what was handed over may be lost.
    pub fn sync(&self, waiter: Arc<dyn Waiter>) -> Result<crate::store::Ticket, Refused> {
        self.store.append(Batch::new(), Some(waiter))
    }

    /// Sets whom to ask for messages.
    pub(super) fn set_reader(&self, reader: mpsc::Sender<(Arc<Queue>, Wanted)>) {
        // There is one reader for the life of a log.
        let _ = self.reader.set(reader);
    }

    pub(super) fn reader(&self) -> Option<&mpsc::Sender<(Arc<Queue>, Wanted)>> {
        self.reader.get()
    }

    pub(super) fn codec(&self) -> &'static PropertyCodec {
        self.codec
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// Has all messages that are read count as handed out before.
    pub(super) fn suspect_all(&self) {
        self.is_suspicious.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_suspicious(&self) -> bool {
        self.is_suspicious.load(Ordering::Relaxed)
    }

    /// Whether messages can be kept.
    pub(super) fn is_writable(&self) -> bool {
        self.store.is_writable()
    }

    /// Hands records over. What cannot be kept is said once by the store, and to publishers when
    /// they ask whether their messages are safe.
    pub(crate) fn append(&self, batch: Batch) -> bool {
        batch.is_empty() || self.store.append(batch, None).is_ok()
    }
}

impl Journal {
    /// The part of a queue, by its number, which no other queue ever had.
    pub fn new(log: &Arc<MessageLog>, id: QueueId) -> Self {
        let (definition, held_bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { id, log: Arc::clone(log), definition, held_bytes }
    }

    /// The queue's number.
    pub fn id(&self) -> QueueId {
        self.id
    }

    /// What the log holds for the queue, as far as it was written.
    pub(super) fn totals(&self) -> Option<QueueTotals> {
        self.log.store.queue(self.id)
    }

    /// The log it is a part of.
    pub fn log(&self) -> &Arc<MessageLog> {
        &self.log
    }

    /// Notes that the definition of the queue is on its way to the disk.
    pub(crate) fn define(&self, ticket: Ticket) {
        self.definition.store(ticket.0, Ordering::Release);
    }

    /// Whether the definition of the queue is durable, so that its messages can be. Waits for that
    /// if it was declared this very moment.
    pub(super) fn is_defined(&self) -> bool {
        let ticket = self.definition.load(Ordering::Acquire);
        let Some(definitions) = self.log.definitions.as_ref().filter(|_| ticket > 0) else {
            return true;
        };
        let is_durable = definitions.wait(Ticket(ticket)).is_ok();
        if is_durable {
            self.definition.store(0, Ordering::Release);
        }
        is_durable
    }

    /// Where a message stands that has just come.
    pub(super) fn place(&self, state: &Machine, came: &Logged) -> Place {
        let deadline_ms = match state {
            Machine::Queue(queue) => queue.deadline(came).map(|at| self.log.clock.to_unix_ms(at)),
            // Nothing in a stream expires by itself: there it says when the message came.
            Machine::Stream(stream) => Some(stream.newest_ms()),
        };
        let priority = came.priority;
        Place { priority, deadline_ms, ..Place::new(self.id, came.sequence) }
    }

    /// Writes down what became of messages.
    pub(super) fn write(&self, changes: &mut Changes, batch: &mut Batch) {
        if changes.is_ended {
            batch.delete(self.id);
        } else {
            if !changes.gone.is_empty() {
                batch.settle(self.id, &changes.gone);
            }
            let is_same = |a: &(u64, u32), b: &(u64, u32)| a.1 == b.1;
            for run in changes.returned.chunk_by(is_same) {
                let ranges: SmallVec<[SequenceRange; 8]> =
                    run.iter().map(|(sequence, _)| (*sequence).into()).collect();
                let returns = run.first().map_or(0, |(_, returns)| *returns);
                batch.mark(self.id, returns, &ranges);
            }
        }
        changes.clear();
    }

    /// Tells the log what became of messages.
    pub(super) fn tell(&self, state: &mut Machine) {
        self.account(state);
        if let Some(changes) = state.changes().filter(|changes| !changes.is_empty()) {
            let mut batch = Batch::new();
            self.write(changes, &mut batch);
            self.log.append(batch);
        }
    }

    /// Takes part in the count of what queues hold in memory, and tells the queue how much it may.
    pub(super) fn account(&self, state: &mut Machine) {
        let held = state.held_bytes();
        let told = self.held_bytes.load(Ordering::Relaxed);
        if held != told {
            self.held_bytes.store(held, Ordering::Relaxed);
            // Wraps around below what it adds to, so the sum is right.
            self.log.held_bytes.fetch_add(held.wrapping_sub(told), Ordering::Relaxed);
        }
        let is_tight = self.log.held_bytes() > self.log.share_bytes;
        state.set_held_bytes_max(if is_tight { HELD_BYTES_MAX_WHEN_TIGHT } else { HELD_BYTES_MAX });
    }

    /// Has messages go from the log of which the queue knows no more.
    pub(super) fn settle(&self, ranges: &[SequenceRange]) {
        let mut batch = Batch::new();
        batch.settle(self.id, ranges);
        self.log.append(batch);
    }
}

/// Adds a message that stands at `places`; whether it can be kept.
pub(super) fn write_message(message: &Message, places: &[Place], batch: &mut Batch) -> bool {
    let body_bytes = u32::try_from(message.body().len()).unwrap_or(u32::MAX);
    batch.message(body_bytes, places, &[&stored::head(message), message.content()]).is_ok()
}

impl Clock {
    pub(super) fn read() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
        Self { instant: Instant::now(), unix_ms }
    }

    /// Milliseconds since 1970, rounded up.
    pub(super) fn to_unix_ms(self, at: Instant) -> u64 {
        let ms = |duration: Duration| duration.as_micros().div_ceil(1000);
        let ahead = ms(at.saturating_duration_since(self.instant));
        let behind = ms(self.instant.saturating_duration_since(at));
        let unix_ms = (u128::from(self.unix_ms) + ahead).saturating_sub(behind);
        u64::try_from(unix_ms).unwrap_or(u64::MAX)
    }

    /// As this process counts time; what lies before its start is its start.
    pub(super) fn to_instant(self, unix_ms: u64) -> Option<Instant> {
        self.instant.checked_add(Duration::from_millis(unix_ms.saturating_sub(self.unix_ms)))
    }
}

#[cfg(test)]
mod tests;
