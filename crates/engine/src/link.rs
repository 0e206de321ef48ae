//! A session's end of the engine.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::command::Command;
use crate::connections::Connection;
use crate::embedded;
use crate::event::Event;

/// A session's end of the engine. Dropping it closes it.
#[derive(Debug)]
pub enum Link {
    /// To the broker in this process; never waits.
    Embedded(Box<embedded::Link>),
}

impl Link {
    /// Carries out `commands` in order and empties them. What is known at once is added to
    /// `events`; the rest comes by [`Self::receive`]. Wakes each receiver once, at the end.
    pub fn submit(&mut self, now: Instant, commands: &mut Vec<Command>, events: &mut Vec<Event>) {
        match self {
            Self::Embedded(link) => link.submit(now, commands, events),
        }
    }

    /// Adds what has come for this session, at most about `limit` events. That it must end comes
    /// first, whatever the limit.
    pub fn receive(&mut self, now: Instant, limit: usize, events: &mut Vec<Event>) {
        match self {
            Self::Embedded(link) => link.receive(now, limit, events),
        }
    }

    /// Ready once [`Self::receive`] has something to give. Cancel-safe.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Embedded(link) => link.poll_ready(context),
        }
    }

    /// Ready once the session must end, whatever else there is: for a session that does not take
    /// deliveries at the moment, because its peer does not read. Cancel-safe.
    pub fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Embedded(link) => link.poll_end(context),
        }
    }

    /// Ends everything that the session has open: consumers, unsettled deliveries, exclusive
    /// queues.
    pub fn close(&mut self, now: Instant) {
        match self {
            Self::Embedded(link) => link.close(now),
        }
    }

    /// The connection as listings see it.
    pub fn connection(&self) -> &Arc<Connection> {
        match self {
            Self::Embedded(link) => link.connection(),
        }
    }
}
