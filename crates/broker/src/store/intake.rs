//! Where callers leave their batches and the writer takes all of them at once.
//!
//! The lock in here is a leaf: nothing is locked, written or called under it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::batch::Batch;
use super::error::DiskError;

/// Batches without waiters go out at once when they have this many bytes.
const LAZY_BYTES_MAX: usize = 1 << 20;

/// A batch's place in the order of the log. What is durable up to a ticket is durable up to all
/// lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Whom the writer tells that batches are durable. Called from the writer's thread, once for
/// everything that one sync made durable; must not block.
pub trait Waiter: Send + Sync {
    /// Every batch up to this ticket is durable.
    fn synced(&self, up_to: Ticket);

    /// The store failed: what was not told to be durable may be lost.
    fn failed(&self, failure: &Failure);
}

/// A write or a sync failed. The store takes nothing more until the node is restarted: what the
/// disk holds is known again only after recovery. Reading goes on.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store takes no more writes: {0}")]
pub struct Failure(pub Arc<DiskError>);

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// Where callers leave their batches.
pub(super) struct Intake {
    state: Mutex<State>,
    arrived: Condvar,
    waiting_bytes_max: usize,
    sync_delay: Duration,
    /// Messages that wait for the writer, in bytes. Changed under the lock only.
    message_bytes: AtomicUsize,
    /// Neither failed nor closed. Changed under the lock only.
    is_writable: AtomicBool,
}

#[derive(Default)]
struct State {
    work: Work,
    /// When the first batch for which nobody waits came.
    lazy_since: Option<Instant>,
    is_urgent: bool,
    last_ticket: u64,
    is_closing: bool,
    failure: Option<Failure>,
}

/// What the writer takes at once.
#[derive(Default)]
pub(super) struct Work {
    pub(super) batches: Vec<Batch>,
    pub(super) bytes: usize,
    /// The ticket of the last batch.
    pub(super) last: Option<Ticket>,
    pub(super) waiters: Vec<Arc<dyn Waiter>>,
    /// Whom to call once there is room.
    pub(super) room: Vec<Box<dyn FnOnce() + Send>>,
}

/// What the writer is to do next.
pub(super) enum Next {
    /// Write this and sync.
    Sync(Work),
    /// Give space back.
    Reclaim,
    /// Write this, sync, and end.
    Close(Work),
}

/// What the writer has left to do of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leftover {
    /// Since when something written is not synced.
    pub(super) dirty_since: Option<Instant>,
    /// There is space to give back.
    pub(super) can_reclaim: bool,
}

impl Intake {
    pub(super) fn new(waiting_bytes_max: usize, sync_delay: Duration) -> Self {
        Self {
            state: Mutex::default(),
            arrived: Condvar::new(),
            waiting_bytes_max,
            sync_delay,
            message_bytes: AtomicUsize::new(0),
            is_writable: AtomicBool::new(true),
        }
    }

    /// Leaves a batch for the writer. An empty one with a waiter is a barrier: whoever waits hears
    /// once everything before is durable.
    pub(super) fn append(
        &self,
        batch: Batch,
        waiter: Option<Arc<dyn Waiter>>,
    ) -> Result<Ticket, Refused> {
        let mut state = self.state.lock();
        if let Some(failure) = &state.failure {
            return Err(failure.clone().into());
        }
        if state.is_closing {
            return Err(Refused::Closed);
        }
        let mut is_full = false;
        if batch.has_messages() {
            let waiting = self.message_bytes() + batch.bytes();
            self.message_bytes.store(waiting, Ordering::Relaxed);
            is_full = waiting > self.waiting_bytes_max;
        }
        state.last_ticket += 1;
        let ticket = Ticket(state.last_ticket);
        state.work.last = Some(ticket);
        state.work.bytes += batch.bytes();
        state.work.batches.push(batch);
        // The writer is woken when there is more to do than it knows, not for every batch.
        let mut is_news = state.work.bytes >= LAZY_BYTES_MAX;
        // Publishers are held until the writer takes this.
        is_news |= is_full && !std::mem::replace(&mut state.is_urgent, true);
        match waiter {
            Some(waiter) => {
                is_news |= !std::mem::replace(&mut state.is_urgent, true);
                // One session often brings several batches in a row.
                if !state.work.waiters.last().is_some_and(|last| Arc::ptr_eq(last, &waiter)) {
                    state.work.waiters.push(waiter);
                }
            }
            None if state.lazy_since.is_none() => {
                is_news = true;
                state.lazy_since = Some(Instant::now());
            }
            None => {}
        }
        drop(state);
        if is_news {
            self.arrived.notify_one();
        }
        Ok(ticket)
    }

    /// Has `then` called once no more waits than should: at once if that is so.
    pub(super) fn when_room(&self, then: Box<dyn FnOnce() + Send>) {
        let mut state = self.state.lock();
        if self.is_full() && self.is_writable() {
            state.work.room.push(then);
            return;
        }
        drop(state);
        then();
    }

    /// Waits for something to do.
    pub(super) fn next(&self, leftover: Leftover) -> Next {
        let mut state = self.state.lock();
        loop {
            let due = state.lazy_since.into_iter().chain(leftover.dirty_since).min();
            let due = due.map(|since| since + self.sync_delay);
            if state.is_closing {
                return Next::Close(self.take(&mut state));
            }
            let is_due = due.is_some_and(|due| due <= Instant::now());
            if state.is_urgent || is_due || state.work.bytes >= LAZY_BYTES_MAX {
                return Next::Sync(self.take(&mut state));
            }
            if leftover.can_reclaim {
                return Next::Reclaim;
            }
            match due {
                Some(due) => {
                    self.arrived.wait_until(&mut state, due);
                }
                None => self.arrived.wait(&mut state),
            }
        }
    }

    /// Refuses everything from now on; gives what had been left, to be told.
    pub(super) fn fail(&self, failure: &Failure) -> Work {
        let mut state = self.state.lock();
        state.failure = Some(failure.clone());
        self.is_writable.store(false, Ordering::Relaxed);
        self.take(&mut state)
    }

    /// Has the writer end once it has written what was left.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closing = true;
        self.is_writable.store(false, Ordering::Relaxed);
        drop(state);
        self.arrived.notify_one();
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        self.state.lock().failure.clone()
    }

    /// Messages that wait for the writer, in bytes.
    pub(super) fn message_bytes(&self) -> usize {
        self.message_bytes.load(Ordering::Relaxed)
    }

    /// Whether more messages wait than should.
    pub(super) fn is_full(&self) -> bool {
        self.message_bytes() > self.waiting_bytes_max
    }

    /// Whether batches are taken.
    pub(super) fn is_writable(&self) -> bool {
        self.is_writable.load(Ordering::Relaxed)
    }

    fn take(&self, state: &mut State) -> Work {
        state.lazy_since = None;
        state.is_urgent = false;
        self.message_bytes.store(0, Ordering::Relaxed);
        std::mem::take(&mut state.work)
    }
}
