//! What the channels of a connection share: limits, consumers, and the answers awaited.

use std::collections::VecDeque;

use engine::{Channel, Command, Reply};
use model::{AckMode, ConsumerId, ConsumerTag, VhostName};
use smallvec::SmallVec;
use wire::amqp::MethodId;
use wire::amqp::encoder::encode_method;
use wire::amqp::method::Arguments;

use crate::action::Actions;
use crate::amqp::reply::{Awaited, Then};

/// What the channels of a connection share.
#[derive(Debug)]
pub(super) struct Connection {
    /// The vhost it entered.
    pub(super) vhost: VhostName,
    /// The agreed size of a frame, in bytes.
    pub(super) frame_bytes_max: u32,
    /// The largest body, in bytes.
    pub(super) message_bytes_max: u64,
    /// The consumers of all channels.
    pub(super) consumers: Consumers,
    /// Commands that the engine has not answered yet, oldest first.
    awaited: VecDeque<Awaited>,
    /// Transactions whose commit waits for confirms.
    pub(super) commits: usize,
    /// Channels with confirms to tell at the end of the batch.
    pub(super) confirming: SmallVec<[u16; 4]>,
    /// Deliveries written in this batch to consumers that do not acknowledge.
    pub(super) written: Written,
}

/// Deliveries written in a batch to consumers that do not acknowledge.
#[derive(Debug, Default)]
pub(super) struct Written {
    counts: SmallVec<[(ConsumerId, u32); 2]>,
}

impl Written {
    /// Notes a delivery.
    pub(super) fn add(&mut self, consumer: ConsumerId) {
        match self.counts.iter_mut().rev().find(|(known, _)| *known == consumer) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((consumer, 1)),
        }
    }

    /// Tells the engine of them, and forgets them.
    pub(super) fn report(&mut self, actions: &mut Actions) {
        let written = self.counts.drain(..);
        actions.commands.extend(written.map(|(consumer, count)| Command::Written(consumer, count)));
    }
}

impl Connection {
    pub(super) fn new(frame_bytes_max: u32, message_bytes_max: u64) -> Self {
        Self {
            vhost: VhostName::root(),
            frame_bytes_max,
            message_bytes_max,
            consumers: Consumers::default(),
            awaited: VecDeque::new(),
            commits: 0,
            confirming: SmallVec::new(),
            written: Written::default(),
        }
    }

    /// Whether some answer must come before the next frame is looked at.
    ///
    /// So the peer's methods are carried out one after the other, as RabbitMQ does for a channel;
    /// publishes and acknowledgements have no answer and never wait.
    pub(super) fn is_waiting(&self) -> bool {
        !self.awaited.is_empty() || self.commits > 0
    }

    /// Submits a command, and notes what its answer is for.
    pub(super) fn ask(
        &mut self,
        actions: &mut Actions,
        method: MethodId,
        command: Command,
        then: Then,
    ) {
        self.awaited.push_back(Awaited { channel: command.channel(), method, then });
        actions.commands.push(command);
    }

    /// The oldest unanswered command of a channel.
    pub(super) fn answered(&mut self, channel: Channel) -> Option<Awaited> {
        let at = self.awaited.iter().position(|awaited| awaited.channel == channel)?;
        self.awaited.remove(at)
    }

    /// After a refusal: forgets the commands of a channel, which the engine drops, but not its
    /// closing, which is always answered. The method of the oldest.
    pub(super) fn dropped(&mut self, channel: Channel) -> Option<MethodId> {
        let is_dropped = |awaited: &Awaited| awaited.channel == channel && !awaited.then.closes();
        let oldest = self.awaited.iter().find(|awaited| is_dropped(awaited));
        let method = oldest.map(|awaited| awaited.method);
        self.awaited.retain(|awaited| !is_dropped(awaited));
        method
    }
}

/// Writes a method to the peer.
pub(super) fn say<'a>(actions: &mut Actions, channel: u16, method: &impl Arguments<'a>) {
    encode_method(actions.outbox.buffer(), channel, method);
}

/// The messages that a reply speaks of, if it speaks of any.
pub(super) fn messages_removed(reply: &Reply) -> u32 {
    match reply {
        Reply::Removed { messages } => *messages,
        _ => 0,
    }
}

/// The consumers of a connection, by their number in the link.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    slots: Vec<Option<Consumer>>,
}

/// One consumer.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    /// The channel it is on.
    pub(super) channel: u16,
    /// Its tag on that channel.
    pub(super) tag: ConsumerTag,
    /// Whether it acknowledges.
    pub(super) ack: AckMode,
}

impl Consumers {
    /// Keeps a consumer under the lowest free number.
    pub(super) fn insert(&mut self, consumer: Consumer) -> ConsumerId {
        let free = self.slots.iter().position(Option::is_none);
        let at = free.unwrap_or(self.slots.len());
        match self.slots.get_mut(at) {
            Some(slot) => *slot = Some(consumer),
            None => self.slots.push(Some(consumer)),
        }
        ConsumerId(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// The consumer of that number.
    pub(super) fn get(&self, id: ConsumerId) -> Option<&Consumer> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// The number of the consumer of that tag on that channel.
    pub(super) fn find(&self, channel: u16, tag: &str) -> Option<ConsumerId> {
        self.of_channel(channel).find_map(|(id, found)| (found.tag.as_str() == tag).then_some(id))
    }

    /// The consumers of a channel.
    pub(super) fn of_channel(&self, channel: u16) -> impl Iterator<Item = (ConsumerId, &Consumer)> {
        let numbered = self.slots.iter().zip(0..).filter_map(|(slot, number)| {
            let consumer = slot.as_ref()?;
            Some((ConsumerId(number), consumer))
        });
        numbered.filter(move |(_, consumer)| consumer.channel == channel)
    }

    /// Forgets a consumer.
    pub(super) fn remove(&mut self, id: ConsumerId) -> Option<Consumer> {
        self.slots.get_mut(id.0 as usize)?.take()
    }

    /// Forgets the consumers of a channel.
    pub(super) fn remove_channel(&mut self, channel: u16) {
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|consumer| consumer.channel == channel) {
                *slot = None;
            }
        }
    }
}
