//! Publishing and settling: the two commands of the message path that come from sessions.

use std::sync::Arc;

use broker::Routed;
use broker::queue::QueueKind;
use broker::turn::Turn;
use model::{ConsumerId, DeliveryId, Message, Outcome, Refusal};
use smallvec::SmallVec;

use super::Link;
use super::consume::Kind;
use crate::command::{Channel, Publish};
use crate::event::{Event, Refused};

/// Publishes of one channel that came one after the other.
#[derive(Debug, Default)]
pub(super) struct Run {
    channel: Option<Channel>,
    messages: Vec<Arc<Message>>,
    promises: Vec<Promise>,
}

/// What the session is to hear of a publish that is not refused.
#[derive(Debug)]
struct Promise {
    /// The message, if it comes back when it goes nowhere.
    mandatory: Option<Arc<Message>>,
    confirm: Option<u64>,
}

impl Run {
    /// Whether a publish of that channel can be added.
    pub(super) fn takes(&self, channel: Channel) -> bool {
        self.channel.is_none_or(|of_run| of_run == channel)
    }

    /// Adds a publish.
    pub(super) fn add(&mut self, publish: Publish) {
        let Publish { channel, message, is_mandatory, confirm } = publish;
        self.channel = Some(channel);
        let mandatory = is_mandatory.then(|| Arc::clone(&message));
        self.promises.push(Promise { mandatory, confirm });
        self.messages.push(message);
    }
}

impl Link {
    /// Publishes a run, and empties it. What stands behind a refused one is dropped.
    pub(super) fn publish(&mut self, turn: &mut Turn, run: &mut Run, events: &mut Vec<Event>) {
        let messages = run.messages.drain(..);
        let mut promises = run.promises.drain(..);
        let Some(channel) = run.channel.take().filter(|channel| self.channels.is_alive(*channel))
        else {
            return;
        };
        let (mut published, mut confirmed) = (0, 0);
        let mut returned = 0;
        let mut awaited: SmallVec<[u64; 32]> = SmallVec::new();
        let outcome = match &mut self.access {
            None => Err(Refusal::Internal),
            Some(access) => access.publish_all(turn, messages, |routed| {
                published += 1;
                let Some(promise) = promises.next() else { return };
                if routed.is_unroutable()
                    && let Some(message) = promise.mandatory
                {
                    returned += 1;
                    events.push(Event::Returned(channel, message));
                }
                if let Some(number) = promise.confirm {
                    confirmed += 1;
                    match routed {
                        Routed { was_rejected: true, .. } => {
                            events.push(Event::Rejected(channel, number));
                        }
                        Routed { is_logged: true, .. } => awaited.push(number),
                        _ => events.push(Event::Confirmed(channel, number)),
                    }
                }
            }),
        };
        if !awaited.is_empty() {
            self.await_log(channel, awaited, events);
        }
        self.channels.count(channel, |tally| tally.published += published);
        self.broker.count_returned(returned);
        self.broker.count_confirmed(confirmed);
        if let Err(refusal) = outcome {
            self.refuse(channel, Refused::Publish, refusal, events);
        }
    }

    /// Settles deliveries, a run from one source at a time.
    pub(super) fn settle(
        &mut self,
        turn: &mut Turn,
        channel: Channel,
        ids: &[DeliveryId],
        outcome: Outcome,
    ) {
        if !self.channels.is_alive(channel) {
            return;
        }
        self.settle_ids(turn, ids, outcome);
        self.channels.count(channel, |tally| {
            tally.settled += ids.len() as u64;
            tally.unacked = tally.unacked.saturating_sub(ids.len() as u64);
        });
    }

    pub(super) fn settle_ids(&mut self, turn: &mut Turn, ids: &[DeliveryId], outcome: Outcome) {
        let link = self.connection.id;
        let mut sequences: SmallVec<[u64; 32]> = SmallVec::new();
        for run in ids.chunk_by(|a, b| a.source == b.source) {
            let source = run.first().map(|id| id.source);
            let found = source.and_then(|source| Some((source, self.sources.queue(source)?)));
            let Some((source, queue)) = found else { continue };
            if queue.kind() == QueueKind::Stream {
                let count = u32::try_from(run.len()).unwrap_or(u32::MAX);
                queue.credit(turn, link, source, count);
                continue;
            }
            sequences.clear();
            sequences.extend(run.iter().map(|id| id.sequence));
            queue.settle(turn, link, &sequences, outcome);
        }
    }

    pub(super) fn written(&mut self, turn: &mut Turn, consumer: ConsumerId, count: u32) {
        let link = self.connection.id;
        if let Some(Kind::Queue { queue, .. }) = self.consumer(consumer).map(|known| &known.kind) {
            queue.written(turn, link, consumer, count);
        }
    }
}
