//! SUBSCRIBE: declare, consume, bind; or one topic subscription in place of the three.
//!
//! Source: RabbitMQ 4.3; `stomp.md` §3.3, §3.7 and §5 of the specification sheets.

use engine::{Command, Consume, Follow};
use model::{
    Binding, ConsumerTag, DeclareMode, ExchangeName, FieldTable, FieldValue, QueueName, RoutingKey,
};
use wire::stomp::{Frame, Headers};

use super::destination::{Destination, missing, not_for};
use super::error::Complaint;
use super::header::{integer, optional_integer, optional_truth, text};
use super::open::{After, CHANNEL, Open, Step};
use super::queue::{Purpose, Wish, subscription_name};
use super::subscription::{Mode, Subscription, Tag};
use crate::action::Actions;

/// Remembered names of declared queues. A session that has more forgets them all and declares again
/// what it uses, which changes nothing for queues that still are as they were declared.
pub(super) const DECLARED_MAX: usize = 4096;

/// The name with which ids of subscriptions for replies begin.
pub(super) const TEMP_QUEUE_PREFIX: &[u8] = b"/temp-queue/";

/// What a SUBSCRIBE asks for, whatever the destination.
struct Request<'a, 'f> {
    frame: &'a Frame<'f>,
    tag: Tag,
    listed_tag: ConsumerTag,
    mode: Mode,
    prefetch: u16,
    arguments: FieldTable,
}

impl Open {
    pub(super) fn subscribe(
        &mut self,
        frame: &Frame<'_>,
        actions: &mut Actions,
    ) -> Result<After, Complaint> {
        check_durable_id(frame)?;
        let text = frame.headers.get("destination").ok_or_else(|| missing("SUBSCRIBE"))?;
        let destination = Destination::parse(&text)?;
        if let Destination::TempQueue(_) = destination {
            return Err(not_for("SUBSCRIBE", &text));
        }
        let prefetch = self.prefetch(frame)?;
        let mode = Mode::parse(frame.headers.get("ack").as_deref())?;
        let tag = subscription_tag(frame, &text)?;
        let listed_tag = tag.to_engine()?;
        let arguments = consumer_arguments(&frame.headers)?;
        self.subscriptions.expect_room(&tag)?;
        let request = Request { frame, tag, listed_tag, mode, prefetch, arguments };
        match destination {
            Destination::Queue(name) => {
                let queue = queue_name(&name)?;
                let wish = Wish::read(frame, Purpose::Queue)?;
                self.declare_once(queue.clone(), wish, actions);
                self.consume(request, queue, None, actions);
            }
            Destination::Topic(key) => {
                let exchange = self.topic_exchange.clone();
                self.attach(request, Purpose::Topic, exchange, &key, actions)?;
            }
            Destination::Exchange { name, key } => {
                let exchange = self.exchange_name(&name)?;
                self.attach(request, Purpose::Exchange, exchange, &key, actions)?;
            }
            Destination::AmqQueue(name)
            | Destination::ReplyQueue(name)
            | Destination::TempQueue(name) => {
                self.consume(request, queue_name(&name)?, None, actions);
            }
        }
        self.receipt_with_last_answer(frame);
        Ok(After::Nothing)
    }

    /// `prefetch-count`, or what a subscription has without one. RabbitMQ 4.3 would take the value
    /// last set on the connection, which surprises; 4.4 no longer does.
    fn prefetch(&self, frame: &Frame<'_>) -> Result<u16, Complaint> {
        match optional_integer(&frame.headers, "prefetch-count")? {
            None => Ok(self.settings.prefetch),
            Some(count @ 0..) => Ok(u16::try_from(count).unwrap_or(u16::MAX)),
            Some(_) => Err(Complaint::processing()),
        }
    }

    /// Declares a queue at its first use in this session.
    pub(super) fn declare_once(&mut self, queue: QueueName, wish: Wish, actions: &mut Actions) {
        if self.declared.contains(&queue) {
            return;
        }
        if self.declared.len() >= DECLARED_MAX {
            self.declared.clear();
        }
        self.declared.insert(queue.clone());
        self.declare(queue, wish, actions);
    }

    fn declare(&mut self, queue: QueueName, wish: Wish, actions: &mut Actions) {
        let spec = Box::new(wish.into_spec(queue));
        actions.commands.push(Command::DeclareQueue(CHANNEL, spec, DeclareMode::Active));
        self.await_step(Step::Plain);
    }

    /// Consumes from a queue.
    fn consume(
        &mut self,
        request: Request<'_, '_>,
        queue: QueueName,
        durable_queue: Option<QueueName>,
        actions: &mut Actions,
    ) {
        let mut subscription = Subscription::new(request.tag, request.mode, &self.session_id);
        subscription.durable_queue = durable_queue;
        subscription.counts_written = request.mode == Mode::Auto;
        let consume = Box::new(Consume {
            queue,
            consumer: self.subscriptions.insert(subscription),
            tag: request.listed_tag,
            ack: request.mode.to_engine(),
            prefetch: request.prefetch,
            is_exclusive: false,
            arguments: request.arguments,
        });
        actions.commands.push(Command::Consume(CHANNEL, consume));
        self.await_step(Step::Plain);
    }

    /// Subscribes to an exchange by a key: by a queue of its own, or by a topic subscription where
    /// nothing could tell the difference.
    fn attach(
        &mut self,
        request: Request<'_, '_>,
        purpose: Purpose,
        exchange: ExchangeName,
        key: &[u8],
        actions: &mut Actions,
    ) -> Result<(), Complaint> {
        let wish = Wish::read(request.frame, purpose)?;
        let queue = subscription_name(request.frame, key, wish.wants_durable)?;
        let key = RoutingKey::parse(key).map_err(|_| Complaint::processing())?;
        let is_named = wish.wants_durable || request.frame.headers.get("x-queue-name").is_some();
        if request.mode == Mode::Auto && !is_named && wish.is_ephemeral() {
            let subscription = Subscription::new(request.tag, request.mode, &self.session_id);
            let follow = Box::new(Follow {
                exchange,
                key,
                queue,
                consumer: self.subscriptions.insert(subscription),
                tag: request.listed_tag,
                arguments: wish.arguments,
            });
            actions.commands.push(Command::Follow(CHANNEL, follow));
            self.await_step(match purpose {
                Purpose::Topic => Step::PluginCheck,
                Purpose::Queue | Purpose::Exchange => Step::Plain,
            });
            return Ok(());
        }
        let durable_queue = (is_named && purpose == Purpose::Topic).then(|| queue.clone());
        self.declare(queue.clone(), wish, actions);
        self.consume(request, queue.clone(), durable_queue, actions);
        let binding = Box::new(Binding {
            source: exchange,
            destination: model::Destination::Queue(queue.clone()),
            key,
            arguments: FieldTable::new(),
        });
        actions.commands.push(Command::Bind(CHANNEL, binding));
        self.await_step(match purpose {
            Purpose::Topic => Step::PluginCheck,
            Purpose::Queue | Purpose::Exchange => Step::Plain,
        });
        Ok(())
    }

    /// An exchange as a destination names it; wherever `amq.topic` comes out, the configured
    /// exchange is meant.
    pub(super) fn exchange_name(&self, name: &[u8]) -> Result<ExchangeName, Complaint> {
        match name {
            b"amq.topic" => Ok(self.topic_exchange.clone()),
            _ => ExchangeName::parse(text(name)?).map_err(|_| Complaint::processing()),
        }
    }
}

/// A durable subscription is found again by its id, so that it must have one.
///
/// # Errors
///
/// `durable:true` or `persistent:true` without `id`.
pub(super) fn check_durable_id(frame: &Frame<'_>) -> Result<(), Complaint> {
    let is_true = |name| frame.headers.get(name).as_deref() == Some(b"true");
    let is_durable = is_true("durable") || is_true("persistent");
    match is_durable && frame.headers.get("id").is_none() {
        true => Err(Complaint::new(
            "Missing Header",
            "Header 'id' is required for durable subscriptions",
        )),
        false => Ok(()),
    }
}

fn subscription_tag(frame: &Frame<'_>, destination: &[u8]) -> Result<Tag, Complaint> {
    match frame.headers.get("id") {
        None => Ok(Tag::of_destination(destination)),
        Some(id) if id.starts_with(TEMP_QUEUE_PREFIX) => Err(Complaint::processing()),
        Some(id) => Ok(Tag::of_id(&id)),
    }
}

/// A queue as a destination names it.
pub(super) fn queue_name(name: &[u8]) -> Result<QueueName, Complaint> {
    QueueName::parse(text(name)?).map_err(|_| Complaint::processing())
}

/// `x-priority` and what streams want to know.
fn consumer_arguments(headers: &Headers<'_>) -> Result<FieldTable, Complaint> {
    let mut arguments = FieldTable::new();
    if let Some(priority) = optional_integer(headers, "x-priority")? {
        arguments.set("x-priority", FieldValue::I64(priority));
    }
    if let Some(offset) = headers.get("x-stream-offset")
        && let Some(offset) = stream_offset(&offset)?
    {
        arguments.set("x-stream-offset", offset);
    }
    if let Some(filter) = headers.get("x-stream-filter") {
        let values = filter.split(|byte| *byte == b',').map(FieldValue::string);
        arguments.set("x-stream-filter", FieldValue::Array(values.collect()));
    }
    if let Some(matches) = optional_truth(headers, "x-stream-match-unfiltered") {
        arguments.set("x-stream-match-unfiltered", FieldValue::Bool(matches));
    }
    Ok(arguments)
}

/// Where in a stream to begin; `None` for a word that RabbitMQ does not know and ignores.
fn stream_offset(text: &[u8]) -> Result<Option<FieldValue>, Complaint> {
    let number = |digits: &[u8]| integer(digits).ok_or_else(Complaint::processing);
    if let Some(digits) = text.strip_prefix(b"offset=") {
        return Ok(Some(FieldValue::I64(number(digits)?)));
    }
    if let Some(digits) = text.strip_prefix(b"timestamp=") {
        let seconds = u64::try_from(number(digits)?).map_err(|_| Complaint::processing())?;
        return Ok(Some(FieldValue::Timestamp(seconds)));
    }
    let is_known = matches!(text, b"first" | b"last" | b"next");
    Ok(is_known.then(|| FieldValue::string(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_offset_is_a_word_a_number_or_a_time() {
        // Spec §11: 108.
        for (text, offset) in [
            ("first", Ok(Some(FieldValue::string("first")))),
            ("last", Ok(Some(FieldValue::string("last")))),
            ("next", Ok(Some(FieldValue::string("next")))),
            ("offset=5", Ok(Some(FieldValue::I64(5)))),
            ("timestamp=1700000000", Ok(Some(FieldValue::Timestamp(1_700_000_000)))),
            ("middle", Ok(None)),
            ("offset=x", Err(Complaint::processing())),
            ("timestamp=-1", Err(Complaint::processing())),
        ] {
            assert_eq!(stream_offset(text.as_bytes()), offset, "{text}");
        }
    }
}
