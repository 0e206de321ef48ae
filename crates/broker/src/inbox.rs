//! A link's inbox: where queues and streams leave what its session shall hear.
//!
//! The leaf of all locks: whoever holds a queue's or a stream's lock may push here, and nothing is
//! ever locked under it. It has no bound of its own, because what can be in it is bounded by credit
//! (a consumer's prefetch, or what its session has yet to write).

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use model::{ConsumerId, DeliveryId, Message};
use parking_lot::Mutex;

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
    /// Somebody with the right to do so ends the connection.
    Closed {
        /// Told to the peer.
        reason: Box<str>,
    },
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
    waker: Option<Waker>,
}

impl Inbox {
    /// Leaves `item`; the receiver is woken when `wakes` are let go, once for the whole batch.
    pub fn push(&self, item: Inbound, wakes: &mut Wakes) {
        self.push_all(std::iter::once(item), wakes);
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

    /// Ready once there is something to drain. Cancel-safe: nothing is taken.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if !state.items.is_empty() {
            return Poll::Ready(());
        }
        match &state.waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            _ => state.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// An idle inbox keeps no larger buffer than for this many items.
const ITEMS_KEPT_MAX: usize = 64;
