//! `reply-to:/temp-queue/…`: a queue of the session's own, made at first use, and its subscription.

use engine::{Command, Consume};
use model::{AckMode, ConsumerId, DeclareMode, FieldTable, QueueName, QueueSpec};
use wire::stomp::Frame;

use super::destination::Destination;
use super::error::Complaint;
use super::open::{CHANNEL, Open, Step};
use super::subscribe::TEMP_QUEUE_PREFIX;
use super::subscription::{Mode, Subscription, Tag};
use crate::action::Actions;

/// The temporary queues of a session, by their name in `reply-to`.
#[derive(Debug, Default)]
pub(super) struct TempQueues {
    list: Vec<TempQueue>,
}

#[derive(Debug)]
struct TempQueue {
    name: Box<[u8]>,
    queue: QueueName,
    consumer: ConsumerId,
}

impl TempQueues {
    /// Forgets the queue that had that consumer.
    pub(super) fn forget(&mut self, consumer: ConsumerId) {
        self.list.retain(|known| known.consumer != consumer);
    }

    fn find(&self, name: &[u8]) -> Option<&QueueName> {
        self.list.iter().find(|known| *known.name == *name).map(|known| &known.queue)
    }
}

/// What a SEND says about replies.
pub(super) enum ReplyTo {
    /// Nothing.
    None,
    /// The property.
    Property(Box<[u8]>),
    /// A temporary queue that is not there yet; the frame has to come again.
    Pending,
}

impl Open {
    /// Reads `reply-to`. A temporary queue becomes the queue behind it; other destinations stay as
    /// they are.
    pub(super) fn reply_to(
        &mut self,
        frame: &Frame<'_>,
        actions: &mut Actions,
    ) -> Result<ReplyTo, Complaint> {
        let Some(text) = frame.headers.get("reply-to") else {
            return Ok(ReplyTo::None);
        };
        let destination = Destination::parse(&text).map_err(|_| Complaint::processing())?;
        let Destination::TempQueue(name) = destination else {
            return Ok(ReplyTo::Property(text.as_ref().into()));
        };
        if let Some(queue) = self.temp_queues.find(&name) {
            return Ok(ReplyTo::Property(queue.as_str().as_bytes().into()));
        }
        let tag = temp_tag(&name);
        tag.to_engine()?;
        self.subscriptions.expect_room(&tag)?;
        let spec = QueueSpec {
            name: None,
            is_durable: false,
            is_exclusive: true,
            is_auto_delete: true,
            arguments: FieldTable::new(),
        };
        let declare = Command::DeclareQueue(CHANNEL, Box::new(spec), DeclareMode::Active);
        actions.commands.push(declare);
        self.await_step(Step::TempQueue(name.as_ref().into()));
        self.is_waiting = true;
        Ok(ReplyTo::Pending)
    }

    /// The queue stands: consumes from it and lets the waiting frame come again.
    pub(super) fn open_temp_queue(
        &mut self,
        name: Box<[u8]>,
        queue: QueueName,
        actions: &mut Actions,
    ) -> Result<(), Complaint> {
        self.is_waiting = false;
        let tag = temp_tag(&name);
        let listed_tag = tag.to_engine()?;
        let mut subscription = Subscription::new(tag, Mode::Auto, &self.session_id);
        subscription.counts_written = true;
        let consumer = self.subscriptions.insert(subscription);
        self.temp_queues.list.push(TempQueue { name, queue: queue.clone(), consumer });
        let consume = Box::new(Consume {
            queue,
            consumer,
            tag: listed_tag,
            ack: AckMode::Automatic,
            prefetch: 0,
            is_exclusive: false,
            arguments: FieldTable::new(),
        });
        actions.commands.push(Command::Consume(CHANNEL, consume));
        self.await_step(Step::Plain);
        Ok(())
    }
}

fn temp_tag(name: &[u8]) -> Tag {
    Tag::of_id(&[TEMP_QUEUE_PREFIX, name].concat())
}
