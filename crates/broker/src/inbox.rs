//! A link's inbox: where queues and streams leave what its session shall hear.
//!
//! The leaf of all locks: whoever holds a queue's or a stream's lock may push here, and nothing is
//! ever locked under it. It has no bound of its own, because what can be in it is bounded by credit
//! (a consumer's prefetch, or what its session has yet to write).

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use model::{AlarmSet, Bound, ConsumerId, DeliveryId, Message};
use parking_lot::Mutex;

use crate::store::{Failure, Ticket, Waiter};
use crate::turn::Wakes;

/// Something left for a session.
#[derive(Debug)]
pub enum Inbound {
    /// A queue delivers.
    Delivered(QueueDelivery),
    /// The consumer has lost its queue.
    Cancelled(ConsumerId),
    /// A stream has more for this consumer's cursor, which had caught up.
    Ready(ConsumerId),
    /// The link is held from publishing, by other alarms to be told of than it knew.
    Held(AlarmSet),
    /// The link is held no more.
    Released,
}

/// Why a session must end, whatever else was left for it and whether its peer reads or not.
#[derive(Debug)]
pub enum End {
    /// Somebody with the right to do so ends the connection.
    Closed {
        /// Told to the peer.
        reason: Box<str>,
    },
    /// The cursor of a consumer that asked for no less (`x-overflow: disconnect`) has fallen behind
    /// too far.
    Overrun {
        /// Whose cursor.
        consumer: ConsumerId,
        /// How far that is.
        bound: Bound,
    },
}

/// What the log says of what a session handed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    /// Everything up to this ticket is durable.
    UpTo(Ticket),
    /// The log failed: what was not said to be durable may be lost.
    Failed,
}

/// A message on its way from a queue to a consumer.
#[derive(Clone, Debug)]
pub struct QueueDelivery {
    /// Whom it is for.
    pub consumer: ConsumerId,
    /// To settle it by.
    pub id: DeliveryId,
    /// Whether it was delivered before.
    pub is_redelivered: bool,
    /// The message.
    pub message: Arc<Message>,
}

/// A link's inbox.
#[derive(Debug, Default)]
pub struct Inbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    items: Vec<Inbound>,
    end: Option<Box<End>>,
    synced: Option<Synced>,
    waker: Option<Waker>,
}

impl Inbox {
    /// Leaves `item`; the receiver is woken when `wakes` are let go, once for the whole batch.
    pub fn push(&self, item: Inbound, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        state.items.push(item);
        if let Some(waker) = state.waker.take() {
            wakes.add(waker);
        }
    }

    /// Leaves `items`, of which there is at least one, in their order.
    pub fn push_all(&self, items: impl Iterator<Item = Inbound>, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        state.items.reserve(items.size_hint().1.unwrap_or_default());
        state.items.extend(items);
        if let Some(waker) = state.waker.take() {
            wakes.add(waker);
        }
    }

    /// Leaves word that the session must end; the first such word counts.
    pub fn end(&self, end: End, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        state.end.get_or_insert_with(|| Box::new(end));
        if let Some(waker) = state.waker.take() {
            wakes.add(waker);
        }
    }

    /// Takes the word that the session must end, and the latest of the log, if they were left.
    pub fn take_words(&self) -> (Option<Box<End>>, Option<Synced>) {
        let mut state = self.state.lock();
        (state.end.take(), state.synced.take())
    }

    fn hear_of_log(&self, synced: Synced) {
        let mut state = self.state.lock();
        state.synced = Some(synced);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves everything that was left to the end of `items`.
    pub fn drain(&self, items: &mut Vec<Inbound>) {
        let mut state = self.state.lock();
        if items.is_empty() {
            std::mem::swap(&mut state.items, items);
        } else {
            items.append(&mut state.items);
        }
        if state.items.capacity() > ITEMS_KEPT_MAX {
            state.items = Vec::new();
        }
    }

    /// Ready once there is something to drain, or the session must end. Cancel-safe: nothing is
    /// taken.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll(context, |state| {
            !state.items.is_empty() || state.end.is_some() || state.synced.is_some()
        })
    }

    /// Ready once the session must end. Cancel-safe: nothing is taken.
    pub fn poll_end(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll(context, |state| state.end.is_some())
    }

    fn poll(&self, context: &mut Context<'_>, is_ready: impl Fn(&State) -> bool) -> Poll<()> {
        let mut state = self.state.lock();
        if is_ready(&state) {
            return Poll::Ready(());
        }
        match &state.waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            _ => state.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Waiter for Inbox {
    fn synced(&self, up_to: Ticket) {
        self.hear_of_log(Synced::UpTo(up_to));
    }

    fn failed(&self, _failure: &Failure) {
        self.hear_of_log(Synced::Failed);
    }
}

/// An idle inbox keeps no larger buffer than for this many items, some 40 bytes each: to grow again
/// costs a burst nothing that it would notice, to keep it costs every idle session.
pub const ITEMS_KEPT_MAX: usize = 16;
