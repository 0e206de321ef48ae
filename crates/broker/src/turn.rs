//! A turn: one batch of work brought to the broker by a session, a timer or an operator.
//!
//! Whoever brings work makes a turn, hands it to every call, and at the end carries out what
//! follows from it ([`crate::Broker::finish`]) and wakes each receiver once.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use model::Message;

use crate::definitions::Ticket;
use crate::queue::{Effect, Queue, Wanted};

/// What a batch of work gathers on its way.
#[derive(Debug)]
pub struct Turn {
    /// The time of the whole batch.
    pub now: Instant,
    /// Who must be woken when the batch is done.
    pub wakes: Wakes,
    /// What must be done once no queue is locked any more.
    pub(crate) follow_ups: Vec<FollowUp>,
    /// What must be durable before the work is answered.
    pub(crate) awaited: Option<Ticket>,
    /// Room for what a queue says to one command, kept for the next.
    pub(crate) effects: Vec<Effect>,
    /// Room for messages that go the same way, kept for the next.
    pub(crate) batch: Vec<Arc<Message>>,
}

impl Turn {
    /// A turn that happens at `now`.
    pub fn new(now: Instant) -> Self {
        Self {
            now,
            wakes: Wakes::default(),
            follow_ups: Vec::new(),
            awaited: None,
            effects: Vec::new(),
            batch: Vec::new(),
        }
    }

    /// Notes what must be durable before the work is answered.
    pub(crate) fn awaits(&mut self, ticket: Option<Ticket>) {
        self.awaited = self.awaited.max(ticket);
    }

    /// Whether something must be durable before the work is answered; see
    /// [`crate::Broker::await_definitions`].
    pub fn is_awaiting(&self) -> bool {
        self.awaited.is_some()
    }
}

/// What a queue cannot do itself, because it needs the vhost.
#[derive(Debug)]
pub(crate) enum FollowUp {
    /// The queue has ended, because its last consumer left or its lease ran out: forget its name
    /// and its bindings, if the name has not been given to another meanwhile.
    Delete(Arc<Queue>),
    /// Publish what has died in the queue to its dead-letter exchange.
    DeadLetters(Arc<Queue>),
    /// Read messages from the log for the queue.
    ReadBack(Arc<Queue>, Wanted),
    /// Call [`Queue::tick`] at that time.
    Tick(Arc<Queue>, Instant),
}

/// Why a message died. Source: RabbitMQ, "Dead Letter Exchanges".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeathReason {
    /// A consumer rejected it.
    Rejected,
    /// Its time to live was over.
    Expired,
    /// The queue was full.
    MaxLength,
    /// It was delivered too often.
    DeliveryLimit,
}

impl DeathReason {
    /// As the `x-death` header says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::MaxLength => "maxlen",
            Self::DeliveryLimit => "delivery_limit",
        }
    }
}

/// Receivers to be woken, each once, after the batch that gave them something.
#[derive(Debug, Default)]
pub struct Wakes {
    wakers: Vec<Waker>,
}

impl Wakes {
    /// Notes a receiver. An inbox gives its waker away at the first push, so none comes twice.
    pub fn add(&mut self, waker: Waker) {
        self.wakers.push(waker);
    }

    /// Wakes everybody noted.
    pub fn wake_all(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}
