//! Deliveries on their way to the session: from the inbox, and read from streams.

use std::time::Instant;

use broker::inbox::{End, ITEMS_KEPT_MAX, Inbound, QueueDelivery};
use broker::turn::Turn;
use model::{AckMode, ConsumerId};
use smallvec::SmallVec;

use super::Link;
use super::consume::{Consumer, Kind};
use crate::event::{Delivery, Event, Followed};

/// What is read from streams at a time, in bytes of bodies: no more runs are read once there are so
/// many. A session that has fetched deliveries holds their messages until its peer takes them.
const STREAM_BATCH_BYTES: u64 = 256 * 1024;

impl Link {
    pub(crate) fn receive(&mut self, now: Instant, limit: usize, events: &mut Vec<Event>) {
        let (end, synced) = self.inbox.take_words();
        if let Some(synced) = synced {
            self.hear_of_log(synced, events);
        }
        match end.map(|end| *end) {
            Some(End::Closed { reason }) => events.push(Event::Closed { reason }),
            Some(End::Overrun { consumer, bound }) if self.is_overrun(consumer) => {
                events.push(Event::Overrun(consumer, bound));
            }
            // It has ended meanwhile, and its number may be another's.
            Some(End::Overrun { .. }) | None => {}
        }
        if self.drained.is_empty() {
            let mut items = Vec::from(std::mem::take(&mut self.drained));
            self.inbox.drain(&mut items);
            self.drained = items.into();
        }
        let enough = events.len() + limit;
        let mut heard: SmallVec<[(ConsumerId, u32); 2]> = SmallVec::new();
        while events.len() < enough {
            let Some(item) = self.drained.pop_front() else {
                break;
            };
            match item {
                Inbound::Delivered(delivery) => {
                    match heard.last_mut() {
                        Some((last, count)) if *last == delivery.consumer => *count += 1,
                        _ => heard.push((delivery.consumer, 1)),
                    }
                    events.extend(self.deliver(delivery));
                }
                Inbound::Ready(consumer) => self.ready.push_back(consumer),
                Inbound::Held(alarms) => events.push(self.hold(alarms)),
                Inbound::Released => events.push(self.release()),
                Inbound::Cancelled(consumer) => {
                    if self.forget(consumer).is_some() {
                        events.push(Event::Cancelled(consumer));
                    }
                }
            }
        }
        if self.drained.is_empty() && self.drained.capacity() > ITEMS_KEPT_MAX {
            self.drained = Default::default();
        }
        self.tell_heard(now, &heard);
        self.read_streams(now, enough.saturating_sub(events.len()), events);
        self.channels.report(&self.connection);
    }

    /// Tells queues how much was heard of them, if that is what limits a consumer.
    fn tell_heard(&self, now: Instant, heard: &[(ConsumerId, u32)]) {
        let mut turn = None;
        for (consumer, count) in heard {
            let kind = self.consumer(*consumer).map(|known| &known.kind);
            if let Some(Kind::Queue { queue, is_unlimited: true, .. }) = kind {
                let turn = turn.get_or_insert_with(|| Turn::new(now));
                queue.written(turn, self.connection.id, *consumer, *count);
            }
        }
        if let Some(mut turn) = turn {
            self.broker.finish(&mut turn);
        }
    }

    fn is_overrun(&self, consumer: ConsumerId) -> bool {
        let kind = self.consumer(consumer).map(|consumer| &consumer.kind);
        matches!(kind, Some(Kind::Stream(cursor)) if cursor.is_overrun())
    }

    /// A queue's delivery as an event; `None` if its consumer is gone.
    pub(super) fn deliver(&mut self, delivery: QueueDelivery) -> Option<Event> {
        let consumer = self.consumer(delivery.consumer)?;
        let is_manual = consumer.kind.ack() == AckMode::Manual;
        let has_offset = matches!(consumer.kind, Kind::Reader { .. });
        self.channels.count(consumer.channel, |tally| {
            tally.delivered += 1;
            tally.unacked += u64::from(is_manual);
        });
        Some(Event::Delivered(Delivery {
            consumer: delivery.consumer,
            id: delivery.id,
            is_redelivered: delivery.is_redelivered,
            has_offset,
            message: delivery.message,
        }))
    }

    /// Reads until there are about `room` messages.
    fn read_streams(&mut self, now: Instant, mut room: usize, events: &mut Vec<Event>) {
        if self.ready.is_empty() {
            return;
        }
        let mut turn = Turn::new(now);
        let mut room_bytes = STREAM_BATCH_BYTES;
        while room > 0 && room_bytes > 0 {
            let Some(consumer) = self.ready.pop_front() else {
                break;
            };
            let slot = self.consumers.get_mut(consumer.0 as usize).and_then(Option::as_mut);
            let Some(Consumer { channel, kind: Kind::Stream(cursor) }) = slot else {
                continue;
            };
            let (messages, read) = cursor.read_run(&mut turn);
            room_bytes = room_bytes.saturating_sub(read.bytes);
            if read.has_more {
                self.ready.push_back(consumer);
            }
            if messages.is_empty() {
                continue;
            }
            let delivered = messages.len();
            room = room.saturating_sub(delivered);
            self.channels.count(*channel, |tally| tally.delivered += delivered as u64);
            self.broker.count_followed(delivered as u64);
            events.push(Event::Followed(Followed { consumer, dropped: read.dropped, messages }));
        }
        self.broker.finish(&mut turn);
    }

    /// Takes out of the inbox what was left for a consumer but not heard by its session.
    pub(super) fn take_unheard(&mut self, consumer: ConsumerId) -> Vec<QueueDelivery> {
        let mut items = Vec::from(std::mem::take(&mut self.drained));
        let mut fresh = Vec::new();
        self.inbox.drain(&mut fresh);
        items.append(&mut fresh);
        let mut unheard = Vec::new();
        self.drained = items
            .into_iter()
            .filter_map(|item| match item {
                Inbound::Delivered(delivery) if delivery.consumer == consumer => {
                    unheard.push(delivery);
                    None
                }
                item => Some(item),
            })
            .collect();
        unheard
    }
}
