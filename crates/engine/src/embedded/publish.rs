//! Publishing and settling: the two commands of the message path that come from sessions.

use broker::turn::Turn;
use model::{ConsumerId, DeliveryId, Outcome};
use smallvec::SmallVec;

use super::Link;
use super::consume::Kind;
use crate::command::{Channel, Publish};
use crate::event::{Event, Refused};

impl Link {
    pub(super) fn publish(&mut self, turn: &mut Turn, publish: Publish, events: &mut Vec<Event>) {
        let Publish { channel, message, is_mandatory, confirm } = publish;
        if !self.channels.is_alive(channel) {
            return;
        }
        let routed = match self.access().and_then(|access| access.publish(turn, &message)) {
            Ok(routed) => routed,
            Err(refusal) => return self.refuse(channel, Refused::Publish, refusal, events),
        };
        self.channels.count(channel, |tally| tally.published += 1);
        if is_mandatory && routed.is_unroutable() {
            self.broker.count_returned();
            events.push(Event::Returned(channel, message));
        }
        if let Some(number) = confirm {
            events.push(match routed.was_rejected {
                false => Event::Confirmed(channel, number),
                true => Event::Rejected(channel, number),
            });
            self.broker.count_confirmed();
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
            let queue = run.first().and_then(|id| self.sources.queue(id.source));
            let Some(queue) = queue else { continue };
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
