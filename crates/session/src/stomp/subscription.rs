//! A session's subscriptions, by the number under which the engine knows them.

use engine::Command;
use model::{AckMode, Bound, ConsumerId, ConsumerTag, QueueName};
use wire::stomp::encoder::{append_decimal, append_escaped};
use wire::stomp::{self, FrameWriter, Quoted};

use super::error::Complaint;
use super::header::text;
use super::heads::Heads;

/// Subscriptions of one connection, those for replies included. Ours; RabbitMQ has no limit.
pub(super) const SUBSCRIPTIONS_MAX: usize = 4096;

/// How a subscription acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Delivered is settled.
    Auto,
    /// An ACK settles everything before it, too.
    Client,
    /// An ACK settles one delivery.
    Individual,
}

impl Mode {
    /// Reads the `ack` header; without one it is automatic.
    pub(super) fn parse(header: Option<&[u8]>) -> Result<Self, Complaint> {
        match header {
            None | Some(b"auto") => Ok(Self::Auto),
            Some(b"client") => Ok(Self::Client),
            Some(b"client-individual") => Ok(Self::Individual),
            Some(_) => Err(Complaint::processing()),
        }
    }

    pub(super) fn to_engine(self) -> AckMode {
        match self {
            Self::Auto => AckMode::Automatic,
            Self::Client | Self::Individual => AckMode::Manual,
        }
    }
}

/// A subscription's tag: `T_` and the id, or `Q_` and the destination where there is no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag(pub(super) Box<[u8]>);

impl Tag {
    pub(super) fn of_id(id: &[u8]) -> Self {
        Self([b"T_", id].concat().into())
    }

    pub(super) fn of_destination(destination: &[u8]) -> Self {
        Self([b"Q_", destination].concat().into())
    }

    /// The id, if the peer gave one.
    pub(super) fn id(&self) -> Option<&[u8]> {
        self.0.strip_prefix(b"T_")
    }

    /// The id, or the destination.
    pub(super) fn subject(&self) -> &[u8] {
        self.0.get(2..).unwrap_or_default()
    }

    /// As error texts name it: `id='1'` or `destination='/queue/x'`.
    pub(super) fn describe(&self) -> String {
        let kind = if self.id().is_some() { "id" } else { "destination" };
        format!("{kind}='{}'", String::from_utf8_lossy(self.subject()))
    }

    /// For the engine's listings.
    pub(super) fn to_engine(&self) -> Result<ConsumerTag, Complaint> {
        ConsumerTag::parse(text(&self.0)?).map_err(|_| Complaint::processing())
    }
}

/// A subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) consumer: ConsumerId,
    pub(super) tag: Tag,
    pub(super) mode: Mode,
    /// The queue that an UNSUBSCRIBE with `durable:true` deletes.
    pub(super) durable_queue: Option<QueueName>,
    /// It reads a queue and does not acknowledge: the engine wants to know what was written.
    pub(super) counts_written: bool,
    /// Its UNSUBSCRIBE is under way.
    pub(super) is_ending: bool,
    /// A MESSAGE up to the number in its `message-id`.
    head: Box<[u8]>,
    /// Where in `head` the value of `message-id` begins.
    id_at: usize,
}

impl Subscription {
    pub(super) fn new(tag: Tag, mode: Mode, session_id: &str) -> Self {
        let mut head = Vec::new();
        let mut frame = FrameWriter::begin(&mut head, stomp::Command::Message);
        if let Some(id) = tag.id() {
            frame = frame.header("subscription", id);
        }
        frame.leave_open();
        head.extend_from_slice(b"message-id:");
        let id_at = head.len();
        append_escaped(&mut head, &tag.0);
        head.extend_from_slice(b"@@");
        head.extend_from_slice(session_id.as_bytes());
        head.extend_from_slice(b"@@");
        Self {
            consumer: ConsumerId(0),
            tag,
            mode,
            durable_queue: None,
            counts_written: false,
            is_ending: false,
            head: head.into(),
            id_at,
        }
    }

    /// Writes what of a MESSAGE is this subscription's own.
    pub(super) fn write_head(&self, out: &mut Vec<u8>, head: Head) {
        out.extend_from_slice(&self.head);
        append_decimal(out, head.number);
        out.extend_from_slice(match head.is_redelivered {
            true => b"\nredelivered:true\n".as_slice(),
            false => b"\nredelivered:false\n",
        });
        if head.has_ack {
            out.extend_from_slice(b"ack:");
            out.extend_from_slice(self.head.get(self.id_at..).unwrap_or_default());
            append_decimal(out, head.number);
            out.push(b'\n');
        }
        if let Some(offset) = head.offset {
            out.extend_from_slice(b"x-stream-offset:");
            append_decimal(out, offset);
            out.push(b'\n');
        }
        if head.dropped > 0 {
            out.extend_from_slice(b"x-dropped:");
            append_decimal(out, head.dropped);
            out.push(b'\n');
        }
    }

    /// The heads of its messages from `number` on, if they are delivered for the first time and not
    /// acknowledged.
    pub(super) fn heads(&self, number: u64) -> Heads {
        Heads::new(&self.head, number)
    }

    /// What a peer is told when the subscription's queue is gone.
    pub(super) fn lost(&self) -> Complaint {
        let detail = format!(
            "The server has canceled a subscription.\n\
             No more messages will be delivered for {}.\n",
            Quoted(self.tag.describe().as_bytes()),
        );
        Complaint::new("Server cancelled subscription", detail).about(self.tag.subject())
    }

    /// What a peer is told last that asked for `x-overflow:disconnect` and has fallen behind by
    /// more than `bound`. Hopwire's own.
    pub(super) fn too_slow(&self, bound: Bound) -> Complaint {
        let detail = format!(
            "The subscription {} has fallen behind by more than {bound}.\n",
            Quoted(self.tag.describe().as_bytes()),
        );
        Complaint::fatal("Subscription too slow", detail).about(self.tag.subject())
    }
}

/// What differs between the MESSAGEs of one subscription.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// The delivery's number in this connection.
    pub(super) number: u64,
    pub(super) is_redelivered: bool,
    /// Whether there is an `ack` header.
    pub(super) has_ack: bool,
    /// Its offset, if it comes from a stream queue.
    pub(super) offset: Option<u64>,
    /// Messages that this subscriber lost before this one, told as `x-dropped`. Hopwire's own.
    pub(super) dropped: u64,
}

/// The subscriptions of a connection.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    slots: Vec<Option<Box<Subscription>>>,
    count: usize,
}

impl Subscriptions {
    pub(super) fn get(&self, consumer: ConsumerId) -> Option<&Subscription> {
        self.slots.get(consumer.0 as usize)?.as_deref()
    }

    /// The subscription of that tag, unless it is ending.
    pub(super) fn find(&self, tag: &[u8]) -> Option<&Subscription> {
        let mut known = self.slots.iter().flatten();
        known.find(|known| *known.tag.0 == *tag && !known.is_ending).map(|known| &**known)
    }

    /// Says whether one more may come, by that tag.
    ///
    /// # Errors
    ///
    /// The tag is taken, or there are too many.
    pub(super) fn expect_room(&self, tag: &Tag) -> Result<(), Complaint> {
        if self.find(&tag.0).is_some() {
            let tag = String::from_utf8_lossy(&tag.0);
            return Err(Complaint::fatal(
                "Duplicated subscription identifier",
                format!("A subscription identified by '{tag}' already exists."),
            ));
        }
        if self.count >= SUBSCRIPTIONS_MAX {
            return Err(Complaint::new(
                "Subscription limit exceeded",
                format!("Too many subscriptions (limit {SUBSCRIPTIONS_MAX})"),
            ));
        }
        Ok(())
    }

    /// Keeps a subscription and gives it a number that no other has.
    pub(super) fn insert(&mut self, mut subscription: Subscription) -> ConsumerId {
        let free = match self.count == self.slots.len() {
            true => self.slots.len(),
            false => self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len()),
        };
        if free == self.slots.len() {
            self.slots.push(None);
        }
        // Bounded by SUBSCRIPTIONS_MAX.
        let consumer = ConsumerId(u32::try_from(free).unwrap_or(u32::MAX));
        subscription.consumer = consumer;
        self.put_back(consumer, Box::new(subscription));
        consumer
    }

    /// Marks it as ending, so that its tag is free, and asks the engine to end it.
    pub(super) fn end(&mut self, consumer: ConsumerId, commands: &mut Vec<Command>) {
        if let Some(Some(subscription)) = self.slots.get_mut(consumer.0 as usize) {
            subscription.is_ending = true;
            commands.push(Command::Cancel(super::open::CHANNEL, consumer));
        }
    }

    pub(super) fn take(&mut self, consumer: ConsumerId) -> Option<Box<Subscription>> {
        let taken = self.slots.get_mut(consumer.0 as usize)?.take()?;
        self.count -= 1;
        Some(taken)
    }

    pub(super) fn put_back(&mut self, consumer: ConsumerId, subscription: Box<Subscription>) {
        if let Some(slot) = self.slots.get_mut(consumer.0 as usize) {
            *slot = Some(subscription);
            self.count += 1;
        }
    }

    pub(super) fn remove(&mut self, consumer: ConsumerId) {
        self.take(consumer);
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_subscriptions_as_the_limit_and_no_more() {
        let mut all = Subscriptions::default();
        let tag = |n: usize| Tag::of_id(n.to_string().as_bytes());
        for n in 0..SUBSCRIPTIONS_MAX {
            assert_eq!(all.expect_room(&tag(n)), Ok(()));
            let number = all.insert(Subscription::new(tag(n), Mode::Auto, "s"));
            assert_eq!(number.0 as usize, n);
        }
        let refused = all.expect_room(&tag(SUBSCRIPTIONS_MAX)).unwrap_err();
        assert!(!refused.is_fatal());
        all.remove(ConsumerId(7));
        assert_eq!(all.expect_room(&tag(SUBSCRIPTIONS_MAX)), Ok(()));
        let next = Subscription::new(tag(SUBSCRIPTIONS_MAX), Mode::Auto, "s");
        assert_eq!(all.insert(next), ConsumerId(7));
    }
}
