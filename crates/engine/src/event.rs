//! What a session hears from its engine.

use std::sync::Arc;

use model::{AlarmSet, Bound, ConsumerId, DeliveryId, Message, QueueName, Refusal, Sequenced};

use crate::command::Channel;

/// What a session hears from its engine.
#[derive(Debug)]
pub enum Event {
    /// The oldest unanswered command of that channel was carried out.
    Answered(Channel, Reply),
    /// A command was refused. On a channel other than [`Channel::CONNECTION`] the channel is dead
    /// for the engine until the session closes it.
    Refused {
        /// Whose command.
        channel: Channel,
        /// Which kind of command: a publish or settle has no place in the order of answers.
        refused: Refused,
        /// Why.
        refusal: Box<Refusal>,
    },
    /// A delivery to a consumer of a queue.
    Delivered(Delivery),
    /// A topic subscription's next messages.
    Followed(Followed),
    /// The publish with that number is safe. They come one by one; a session may answer a run at
    /// once.
    Confirmed(Channel, u64),
    /// The publish with that number was turned down by a queue.
    Rejected(Channel, u64),
    /// A mandatory message went nowhere.
    Returned(Channel, Arc<Message>),
    /// The consumer has lost its queue.
    Cancelled(ConsumerId),
    /// The topic subscription has fallen behind too far and asked to be disconnected rather than
    /// lose anything.
    Overrun(ConsumerId, Bound),
    /// It has published, and these alarms are in effect: nothing more is to be read from its peer
    /// until [`Event::Released`]. Comes again when others are.
    Held(AlarmSet),
    /// All alarms are clear.
    Released,
    /// An operator or a change of rights ends the connection.
    Closed {
        /// Told to the peer.
        reason: Box<str>,
    },
}

impl Event {
    /// The channel whose commands it speaks of.
    pub(crate) fn channel(&self) -> Option<Channel> {
        match self {
            Self::Answered(channel, _)
            | Self::Refused { channel, .. }
            | Self::Confirmed(channel, _)
            | Self::Rejected(channel, _)
            | Self::Returned(channel, _) => Some(*channel),
            _ => None,
        }
    }
}

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The oldest unanswered command of the channel.
    Command,
    /// A publish.
    Publish,
    /// A settle.
    Settle,
}

/// The answer to a command.
#[derive(Debug)]
pub enum Reply {
    /// It is done.
    Done,
    /// Who it is.
    LoggedIn,
    /// The queue stands.
    QueueDeclared {
        /// Its name, also if the broker chose it.
        queue: QueueName,
        /// Ready messages.
        messages: u32,
        /// Consumers.
        consumers: u32,
    },
    /// This many messages were removed.
    Removed {
        /// Ready messages.
        messages: u32,
    },
    /// One message, or none.
    Got(Option<Box<Got>>),
}

/// What a get took.
#[derive(Debug)]
pub struct Got {
    /// To settle it by.
    pub id: DeliveryId,
    /// Whether it was delivered before.
    pub is_redelivered: bool,
    /// Ready messages left behind.
    pub messages: u32,
    /// The message.
    pub message: Arc<Message>,
}

/// Messages for a topic subscription, in order. Nothing of them is settled.
#[derive(Debug)]
pub struct Followed {
    /// Whom they are for.
    pub consumer: ConsumerId,
    /// How many messages it lost before the first of these, because it was too slow.
    pub dropped: u64,
    /// The messages, shared with the other subscriptions that read the same.
    pub messages: Arc<[Sequenced]>,
}

/// A message for a consumer.
#[derive(Debug)]
pub struct Delivery {
    /// Whom it is for.
    pub consumer: ConsumerId,
    /// To settle it by. Means nothing with automatic acknowledgement.
    pub id: DeliveryId,
    /// Whether it was delivered before.
    pub is_redelivered: bool,
    /// Whether it comes from a stream queue: the sequence in `id` is its offset, and told.
    pub has_offset: bool,
    /// The message.
    pub message: Arc<Message>,
}
