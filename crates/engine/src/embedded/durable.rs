//! What is answered only once it is durable: confirms, and changes of definitions.

use std::sync::Arc;

use broker::inbox::Synced;
use broker::store::{Ticket, Waiter};

use tokio::runtime::{Handle, RuntimeFlavor};

use super::Link;
use crate::command::Channel;
use crate::event::Event;

/// A publish that is confirmed once the log is synced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    ticket: Ticket,
    pub(super) channel: Channel,
    number: u64,
}

impl Link {
    /// Confirms these numbers once everything that was handed to the log is durable.
    pub(super) fn await_log(
        &mut self,
        channel: Channel,
        numbers: impl IntoIterator<Item = u64>,
        events: &mut Vec<Event>,
    ) {
        let waiter = Arc::clone(&self.inbox) as Arc<dyn Waiter>;
        match self.broker.log().map(|log| log.sync(waiter)) {
            Some(Ok(ticket)) => {
                let awaited = |number| Awaited { ticket, channel, number };
                self.awaited.extend(numbers.into_iter().map(awaited));
            }
            None => events.extend(numbers.into_iter().map(|it| Event::Confirmed(channel, it))),
            Some(Err(_)) => {
                events.extend(numbers.into_iter().map(|it| Event::Rejected(channel, it)));
            }
        }
    }

    pub(super) fn flush(&mut self, channel: Channel, number: u64, events: &mut Vec<Event>) {
        if self.channels.is_alive(channel) {
            self.await_log(channel, [number], events);
        }
    }

    /// Waits until what was declared, bound or deleted in this turn is durable; else the answers
    /// must not be heard.
    pub(super) fn settle_definitions(&self, events: &mut Vec<Event>) {
        if self.broker.is_settled() {
            return;
        }
        let settled = off_the_runtime(|| self.broker.settle_definitions());
        if let Err(failure) = settled {
            events.clear();
            events.push(Event::Closed { reason: failure.to_string().into() });
        }
    }

    /// Confirms what is durable.
    pub(super) fn hear_of_log(&mut self, synced: Synced, events: &mut Vec<Event>) {
        let is_over = |awaited: &mut Awaited| match synced {
            Synced::UpTo(ticket) => awaited.ticket <= ticket,
            Synced::Failed => true,
        };
        while let Some(Awaited { channel, number, .. }) = self.awaited.pop_front_if(is_over) {
            events.push(match synced {
                Synced::UpTo(_) => Event::Confirmed(channel, number),
                Synced::Failed => Event::Rejected(channel, number),
            });
        }
        if self.awaited.is_empty() {
            self.awaited = Default::default();
        }
    }
}

/// Waits for the disk while other connections go on.
fn off_the_runtime<R>(wait: impl FnOnce() -> R) -> R {
    let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}
