//! A link's consumers: of queues, and topic subscriptions.

use std::sync::Arc;

use broker::queue::{ConsumerSpec, Queue, QueueKind};
use broker::stream::Cursor;
use broker::turn::Turn;
use model::{AckMode, ConsumerId, DeliveryId, FieldTable, Outcome, QueueName, Refusal, SourceId};

use super::{Answer, Link};
use crate::command::{Channel, Consume, Follow};
use crate::event::{Event, Got, Reply};

/// A consumer of this link.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) channel: Channel,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Queue {
        queue: Arc<Queue>,
        ack: AckMode,
        /// It acknowledges, and may hold any number of deliveries: the queue hears how many were
        /// heard, so that not all of it waits here.
        is_unlimited: bool,
    },
    /// Of a stream queue, with the source that this consumer's deliveries have for themselves: two
    /// consumers of a link may be handed the same message.
    Reader {
        queue: Arc<Queue>,
        source: SourceId,
    },
    Stream(Box<Cursor>),
}

impl Kind {
    /// The queue it consumes from; a topic subscription has none.
    pub(super) fn queue(&self) -> Option<&Arc<Queue>> {
        match self {
            Self::Queue { queue, .. } | Self::Reader { queue, .. } => Some(queue),
            Self::Stream(_) => None,
        }
    }

    /// Whether it acknowledges; who reads a stream queue must.
    pub(super) fn ack(&self) -> AckMode {
        match self {
            Self::Queue { ack, .. } => *ack,
            Self::Reader { .. } => AckMode::Manual,
            Self::Stream(_) => AckMode::Automatic,
        }
    }
}

impl Link {
    pub(super) fn consumer(&self, id: ConsumerId) -> Option<&Consumer> {
        self.consumers.get(id.0 as usize)?.as_ref()
    }

    fn keep(&mut self, id: ConsumerId, consumer: Consumer) {
        let channel = consumer.channel;
        let at = id.0 as usize;
        if self.consumers.len() <= at {
            if at == 0 {
                // Most have but one.
                self.consumers.reserve_exact(1);
            }
            self.consumers.resize_with(at + 1, || None);
        }
        if let Some(slot) = self.consumers.get_mut(at) {
            *slot = Some(consumer);
        }
        self.channels.count(channel, |tally| tally.consumers += 1);
    }

    pub(super) fn forget(&mut self, id: ConsumerId) -> Option<Consumer> {
        let consumer = self.consumers.get_mut(id.0 as usize)?.take()?;
        if let Kind::Reader { source, .. } = consumer.kind {
            // What its session still holds is settled to nobody.
            self.sources.forget(source);
        }
        self.channels.count(consumer.channel, |tally| {
            tally.consumers = tally.consumers.saturating_sub(1);
        });
        while self.consumers.last().is_some_and(Option::is_none) {
            self.consumers.pop();
        }
        Some(consumer)
    }

    pub(super) fn consume(
        &mut self,
        turn: &mut Turn,
        channel: Channel,
        consume: &Consume,
    ) -> Answer {
        let link = self.connection.id;
        let inbox = Arc::clone(&self.inbox);
        let priority = priority(&consume.arguments)?;
        let queue = self.access()?.queue_to_read(&consume.queue)?;
        let is_stream = queue.kind() == QueueKind::Stream;
        let source = match is_stream {
            true => self.sources.add(&queue),
            false => self.sources.of(&queue),
        };
        let consumed = queue.consume(
            turn,
            ConsumerSpec {
                inbox,
                link,
                consumer: consume.consumer,
                source,
                tag: consume.tag.clone(),
                channel: channel.0,
                ack: consume.ack,
                prefetch: consume.prefetch,
                is_exclusive: consume.is_exclusive,
                priority,
                arguments: consume.arguments.clone(),
            },
        );
        if consumed.is_err() && is_stream {
            self.sources.forget(source);
        }
        consumed?;
        let is_unlimited = consume.ack == AckMode::Manual && consume.prefetch == 0;
        let kind = match is_stream {
            true => Kind::Reader { queue, source },
            false => Kind::Queue { queue, ack: consume.ack, is_unlimited },
        };
        self.keep(consume.consumer, Consumer { channel, kind });
        Ok(Reply::Done)
    }

    pub(super) fn follow(&mut self, turn: &mut Turn, channel: Channel, follow: &Follow) -> Answer {
        let inbox = Arc::clone(&self.inbox);
        let cursor = self.access()?.follow(
            turn,
            broker::Follow {
                exchange: &follow.exchange,
                key: &follow.key,
                queue: &follow.queue,
                consumer: follow.consumer,
                tag: &follow.tag,
                channel: channel.0,
                arguments: &follow.arguments,
                inbox,
            },
        )?;
        let kind = Kind::Stream(Box::new(cursor));
        self.keep(follow.consumer, Consumer { channel, kind });
        Ok(Reply::Done)
    }

    pub(super) fn set_prefetch(
        &mut self,
        turn: &mut Turn,
        id: ConsumerId,
        prefetch: u16,
    ) -> Answer {
        let link = self.connection.id;
        let slot = self.consumers.get_mut(id.0 as usize).and_then(Option::as_mut);
        let Some(known) = slot else { return Ok(Reply::Done) };
        if let Kind::Queue { ack, is_unlimited, .. } = &mut known.kind {
            *is_unlimited = *ack == AckMode::Manual && prefetch == 0;
        }
        if let Some(queue) = known.kind.queue() {
            queue.set_prefetch(turn, link, id, prefetch);
        }
        Ok(Reply::Done)
    }

    /// Ends a consumer. What had been left for it but not heard goes back to its place; with
    /// automatic acknowledgement it counts as delivered, so it is heard before the end.
    pub(super) fn cancel(&mut self, turn: &mut Turn, id: ConsumerId, events: &mut Vec<Event>) {
        let Some(consumer) = self.consumer(id) else {
            return;
        };
        let Some(queue) = consumer.kind.queue() else {
            self.forget(id);
            return;
        };
        let (queue, ack) = (Arc::clone(queue), consumer.kind.ack());
        queue.cancel(turn, self.connection.id, id);
        let unheard = self.take_unheard(id);
        match ack {
            AckMode::Automatic => {
                let heard = unheard.into_iter().filter_map(|delivery| self.deliver(delivery));
                let heard: Vec<Event> = heard.collect();
                events.extend(heard);
            }
            AckMode::Manual => {
                let ids: Vec<DeliveryId> = unheard.iter().map(|delivery| delivery.id).collect();
                self.settle_ids(turn, &ids, Outcome::Requeue);
            }
        }
        self.forget(id);
    }

    pub(super) fn close_channel(
        &mut self,
        turn: &mut Turn,
        channel: Channel,
        unsettled: &[DeliveryId],
    ) {
        let of_channel = |(at, slot): (usize, &Option<Consumer>)| {
            let is_its = slot.as_ref().is_some_and(|consumer| consumer.channel == channel);
            is_its.then_some(ConsumerId(u32::try_from(at).unwrap_or(u32::MAX)))
        };
        let consumers: Vec<ConsumerId> =
            self.consumers.iter().enumerate().filter_map(of_channel).collect();
        let mut back = unsettled.to_vec();
        for id in consumers {
            let kind = self.consumer(id).map(|consumer| &consumer.kind);
            if let Some((queue, kind)) = kind.and_then(|kind| Some((kind.queue()?, kind))) {
                let (queue, ack) = (Arc::clone(queue), kind.ack());
                queue.cancel(turn, self.connection.id, id);
                let unheard = self.take_unheard(id);
                if ack == AckMode::Manual {
                    back.extend(unheard.iter().map(|delivery| delivery.id));
                }
            }
            self.forget(id);
        }
        back.sort_unstable();
        self.settle_ids(turn, &back, Outcome::Requeue);
        self.channels.close(channel, &self.connections, &self.connection);
    }

    pub(super) fn get(
        &mut self,
        turn: &mut Turn,
        channel: Channel,
        queue: &QueueName,
        ack: AckMode,
    ) -> Answer {
        let link = self.connection.id;
        let queue = self.access()?.queue_to_read(queue)?;
        let source = self.sources.of(&queue);
        let Some(got) = queue.get(turn, link, source, ack)? else {
            return Ok(Reply::Got(None));
        };
        self.channels.count(channel, |tally| {
            tally.delivered += 1;
            tally.unacked += u64::from(ack == AckMode::Manual);
        });
        Ok(Reply::Got(Some(Box::new(Got {
            id: got.id,
            is_redelivered: got.is_redelivered,
            messages: got.messages,
            message: got.message,
        }))))
    }
}

/// `x-priority` of a consume.
fn priority(arguments: &FieldTable) -> Result<i64, Refusal> {
    match arguments.get("x-priority") {
        None => Ok(0),
        Some(value) => value.as_integer().ok_or_else(|| {
            let text = format!(
                "invalid arg 'x-priority' for consumer: expected integer, got {}",
                value.type_name()
            );
            Refusal::PreconditionFailed(text.into())
        }),
    }
}
