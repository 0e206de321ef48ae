//! What streams may hold, each and together, and what they do hold.
//!
//! A publish adds to two counters. Only if they say that all streams together hold too much does
//! anybody look further: at the stream that has held much for the longest time. No more than these
//! are listed; there is never a search through all streams.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use model::Bound;
use parking_lot::Mutex;

use super::retention::{StreamLimits, TotalLimits};
use super::stream::Stream;
use crate::stats::{Count, Counters};

/// A stream that holds so many bytes is asked to give way when all together hold too much.
pub(super) const LARGE_BYTES_MIN: u64 = 64 << 10;

/// What streams may hold, and what they do hold.
#[derive(Debug, Default)]
pub struct Budget {
    each: StreamLimits,
    all: TotalLimits,
    counters: Arc<Counters>,
    messages: AtomicU64,
    bytes: AtomicU64,
    large: Mutex<Large>,
}

/// How many messages, and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Messages.
    pub messages: u64,
    /// Bytes, as [`super::ring::cost`] counts them.
    pub bytes: u64,
}

/// Streams that hold much, in the order in which that began.
#[derive(Debug, Default)]
struct Large {
    last_ticket: u64,
    by_ticket: BTreeMap<u64, Weak<Stream>>,
}

/// A stream's place among the large ones.
#[derive(Debug, Default)]
pub(super) struct Ticket(AtomicU64);

const NO_TICKET: u64 = 0;

impl Budget {
    pub(crate) fn new(each: StreamLimits, all: TotalLimits, counters: Arc<Counters>) -> Self {
        Self { each, all, counters, ..Self::default() }
    }

    /// What each stream may hold.
    pub(super) fn each(&self) -> StreamLimits {
        self.each
    }

    /// What all streams hold. A message that is in several counts in each.
    pub fn held(&self) -> Held {
        Held {
            messages: self.messages.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Notes that a stream, which held `before`, holds `after`.
    pub(super) fn change(&self, before: Held, after: Held) {
        if before != after {
            // Adding what wraps around subtracts.
            let messages = after.messages.wrapping_sub(before.messages);
            let bytes = after.bytes.wrapping_sub(before.bytes);
            self.messages.fetch_add(messages, Ordering::Relaxed);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// How much more than allowed all streams hold, and which bound that is.
    pub(super) fn excess(&self) -> Option<(Held, Bound)> {
        let TotalLimits { messages_max, bytes_max } = self.all;
        let held = self.held();
        let excess = Held {
            messages: held.messages.saturating_sub(messages_max),
            bytes: held.bytes.saturating_sub(bytes_max),
        };
        match excess {
            Held { messages: 0, bytes: 0 } => None,
            Held { messages: 0, .. } => Some((excess, Bound::NodeBytes(bytes_max))),
            _ => Some((excess, Bound::NodeLength(messages_max))),
        }
    }

    /// Notes a reader that came, as the queue it looks like.
    pub(super) fn count_reader(&self) {
        self.counters.add(Count::QueuesDeclared, 1);
        self.counters.add(Count::QueuesCreated, 1);
    }

    /// Notes a reader that left.
    pub(super) fn count_left(&self) {
        self.counters.add(Count::QueuesDeleted, 1);
    }

    /// Notes messages that a reader lost.
    pub(super) fn count_dropped(&self, messages: u64) {
        if messages > 0 {
            self.counters.add(Count::Dropped, messages);
        }
    }

    /// Puts a stream behind the large ones, unless it is among them.
    pub(super) fn enlist(&self, stream: &Arc<Stream>) {
        let mut large = self.large.lock();
        let Ticket(ticket) = stream.ticket();
        if ticket.load(Ordering::Relaxed) == NO_TICKET {
            large.last_ticket += 1;
            let number = large.last_ticket;
            ticket.store(number, Ordering::Relaxed);
            large.by_ticket.insert(number, Arc::downgrade(stream));
        }
    }

    /// Takes a stream out of the large ones.
    pub(super) fn delist(&self, ticket: &Ticket) {
        if ticket.0.load(Ordering::Relaxed) != NO_TICKET {
            let mut large = self.large.lock();
            let number = ticket.0.swap(NO_TICKET, Ordering::Relaxed);
            large.by_ticket.remove(&number);
        }
    }

    /// Takes out the stream that has been large for the longest time.
    pub(super) fn take_large(&self) -> Option<Arc<Stream>> {
        let mut large = self.large.lock();
        while let Some((_, stream)) = large.by_ticket.pop_first() {
            // One that is just being dropped finds its ticket gone.
            if let Some(stream) = stream.upgrade() {
                stream.ticket().0.store(NO_TICKET, Ordering::Relaxed);
                return Some(stream);
            }
        }
        None
    }
}
