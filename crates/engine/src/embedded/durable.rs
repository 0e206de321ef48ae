//! What is answered only once it is durable: confirms, and changes of definitions.

use std::sync::Arc;

use broker::inbox::Synced;
use broker::store::{Ticket, Waiter};
use broker::turn::Turn;
use model::Refusal;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::Link;
use crate::command::Channel;
use crate::event::{Event, Refused};

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

    /// Waits until what was declared, bound or deleted in this turn is durable. If it cannot be, it
    /// is undone, and the answers are refusals.
    pub(super) fn settle_definitions(&mut self, turn: &mut Turn, events: &mut Vec<Event>) {
        let defined = std::mem::take(&mut self.defined);
        if defined.is_empty() {
            return;
        }
        if let Err(refusal) = off_the_runtime(|| self.broker.await_definitions(turn)) {
            for channel in take_back(defined, &refusal, events) {
                self.channels.kill(channel);
            }
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

/// Refuses the first of these answers on each channel, and says nothing more of what was pipelined
/// behind it; gives the channels.
fn take_back(
    mut defined: Vec<(usize, Channel)>,
    refusal: &Refusal,
    events: &mut Vec<Event>,
) -> Vec<Channel> {
    let mut channels = Vec::new();
    defined.retain(|(_, channel)| {
        let is_first = !channels.contains(channel);
        if is_first {
            channels.push(*channel);
        }
        is_first
    });
    // The last first, so that the others stay where they stand.
    for (at, channel) in defined.into_iter().rev() {
        let said = events.split_off(at);
        let refusal = Box::new(refusal.clone());
        events.push(Event::Refused { channel, refused: Refused::Command, refusal });
        events.extend(said.into_iter().skip(1).filter(|event| event.channel() != Some(channel)));
    }
    channels
}

/// Waits for the disk while other connections go on.
fn off_the_runtime<R>(wait: impl FnOnce() -> R) -> R {
    let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reply;

    #[test]
    fn the_first_answer_that_is_not_true_is_a_refusal_and_the_last_word_on_its_channel() {
        let (one, other) = (Channel(1), Channel(2));
        let mut events = vec![
            Event::Answered(one, Reply::Done),
            Event::Answered(other, Reply::Done),
            Event::Answered(one, Reply::Done),
            Event::Confirmed(other, 1),
            Event::Rejected(one, 2),
            Event::Answered(one, Reply::Done),
            Event::Answered(other, Reply::Done),
        ];
        let defined = vec![(2, one), (5, one), (6, other)];
        let channels = take_back(defined, &Refusal::NotKept, &mut events);
        assert_eq!(channels, [one, other]);
        let said = |event: &Event| match event {
            Event::Answered(channel, _) => format!("answered {}", channel.0),
            Event::Confirmed(channel, number) => format!("confirmed {} {number}", channel.0),
            Event::Refused { channel, refusal, .. } => format!("{}: {refusal}", channel.0),
            other => format!("{other:?}"),
        };
        assert_eq!(
            events.iter().map(said).collect::<Vec<_>>(),
            [
                "answered 1",
                "answered 2",
                "1: the node cannot keep it, so it was not done",
                "confirmed 2 1",
                "2: the node cannot keep it, so it was not done",
            ]
        );
    }
}
