//! SEND: a frame becomes a message.
//!
//! Source: RabbitMQ 4.3; `stomp.md` §3.2 and §4 of the specification sheets.

use std::borrow::Cow;
use std::sync::Arc;

use model::expiration;
use model::{ExchangeName, Marks, Message, MessageParts, Refusal};
use wire::amqp::PROPERTY_CODEC;
use wire::amqp::field::RawTable;
use wire::amqp::raw::{RawProperties, append_text};
use wire::stomp::Frame;

use super::destination::{Destination, missing, not_for};
use super::error::Complaint;
use super::header::integer;
use super::open::{After, CHANNEL, Open};
use super::queue::{Purpose, Wish};
use super::reply_to::ReplyTo;
use super::subscribe::queue_name;
use super::transaction::Deferred;
use crate::action::Actions;

/// Room reserved for the properties of an ordinary message, in bytes.
const PROPERTY_BYTES: usize = 256;

impl Open {
    pub(super) fn send(
        &mut self,
        frame: &Frame<'_>,
        actions: &mut Actions,
    ) -> Result<After, Complaint> {
        if frame.headers.get("message-id").is_some() {
            let detail = "'message-id' is not allowed on 'SEND'.\n";
            return Err(Complaint::new("Invalid header", detail));
        }
        let text = frame.headers.get("destination").ok_or_else(|| missing("SEND"))?;
        let destination = Destination::parse(&text)?;
        let (exchange, key) = match &destination {
            Destination::TempQueue(_) => return Err(not_for("SEND", &text)),
            Destination::Queue(name)
            | Destination::AmqQueue(name)
            | Destination::ReplyQueue(name) => (self.default_exchange.clone(), name),
            Destination::Topic(key) => (self.topic_exchange.clone(), key),
            Destination::Exchange { name, key } => (self.exchange_name(name)?, key),
        };
        if let Destination::Queue(name) = &destination {
            self.declare_for_send(name, frame, actions)?;
        }
        let reply_to = match self.reply_to(frame, actions)? {
            ReplyTo::None => None,
            ReplyTo::Property(reply_to) => Some(reply_to),
            ReplyTo::Pending => return Ok(After::Again),
        };
        let message = self.message(exchange, key, reply_to, frame)?;
        let receipt = frame.headers.get("receipt").map(|id| id.as_ref().into());
        match frame.headers.get("transaction") {
            None => self.receipts.publish(message, receipt, actions),
            Some(id) => {
                self.transactions.defer(&id, Deferred::Publish { message, receipt })?;
                actions.commands.push(engine::Command::PutOff(CHANNEL));
            }
        }
        Ok(After::Nothing)
    }

    fn declare_for_send(
        &mut self,
        name: &[u8],
        frame: &Frame<'_>,
        actions: &mut Actions,
    ) -> Result<(), Complaint> {
        let is_known = std::str::from_utf8(name).is_ok_and(|name| self.declared.contains(name));
        if !is_known {
            let wish = Wish::read(frame, Purpose::Queue)?;
            self.declare_once(queue_name(name)?, wish, actions);
        }
        Ok(())
    }

    fn message(
        &self,
        exchange: ExchangeName,
        key: &[u8],
        reply_to: Option<Box<[u8]>>,
        frame: &Frame<'_>,
    ) -> Result<Arc<Message>, Complaint> {
        let found_bytes = frame.body.len() as u64;
        let max_bytes = self.settings.message_bytes_max;
        if found_bytes > max_bytes {
            return Err(Complaint::refused(&Refusal::MessageTooLarge { found_bytes, max_bytes }));
        }
        let key_bytes = u8::try_from(key.len()).map_err(|_| Complaint::processing())?;
        let mut content = Vec::with_capacity(key.len() + PROPERTY_BYTES + frame.body.len());
        content.extend_from_slice(key);
        let marks = append_properties(frame, reply_to, &mut content)?;
        let property_bytes = u32::try_from(content.len() - key.len());
        content.extend_from_slice(frame.body);
        Ok(Arc::new(Message::new(MessageParts {
            exchange,
            content,
            key_bytes,
            property_bytes: property_bytes.map_err(|_| Complaint::processing())?,
            codec: &PROPERTY_CODEC,
            marks,
        })))
    }
}

/// Turns headers into properties; every header that is none becomes an entry of the headers table,
/// control headers such as `receipt` included.
fn append_properties(
    frame: &Frame<'_>,
    reply_to: Option<Box<[u8]>>,
    out: &mut Vec<u8>,
) -> Result<Marks, Complaint> {
    let mut properties = RawProperties { reply_to: reply_to.map(owned), ..Default::default() };
    let mut marks = Marks::default();
    let mut table = Vec::with_capacity(PROPERTY_BYTES);
    for header in &frame.headers {
        let value = header.value();
        match header.raw_name {
            b"destination" | b"reply-to" => {}
            b"content-type" => properties.content_type = Some(value),
            b"content-encoding" => properties.content_encoding = Some(value),
            b"persistent" => {
                marks.is_persistent = matches!(&*value, b"true" | b"True");
                properties.delivery_mode = marks.is_persistent.then_some(2);
            }
            b"priority" => properties.priority = Some(priority(&value)?),
            b"correlation-id" => properties.correlation_id = Some(value),
            b"expiration" => {
                marks.expiration_ms = Some(
                    expiration::parse(&value).map_err(|refusal| Complaint::refused(&refusal))?,
                );
                properties.expiration = Some(value);
            }
            b"amqp-message-id" => properties.message_id = Some(value),
            b"timestamp" => properties.timestamp = Some(timestamp(&value)?),
            b"type" => properties.message_type = Some(value),
            b"user-id" => properties.user_id = Some(value),
            b"app-id" => properties.app_id = Some(value),
            name => {
                marks.has_sender_selected |= matches!(name, b"CC" | b"BCC");
                append_text(&header.name(), &value, &mut table)
                    .map_err(|_| Complaint::processing())?;
            }
        }
    }
    marks.priority = properties.priority;
    marks.has_user_id = properties.user_id.is_some();
    if !table.is_empty() {
        let table = RawTable::parse(&table).map_err(|_| Complaint::processing())?;
        properties.headers = Some(table);
    }
    properties.encode(out).map_err(|_| Complaint::processing())?;
    Ok(marks)
}

fn owned(text: Box<[u8]>) -> Cow<'static, [u8]> {
    Cow::Owned(text.into())
}

/// RabbitMQ keeps any whole number here; an octet is what it can be on the wire.
fn priority(value: &[u8]) -> Result<u8, Complaint> {
    let priority = integer(value).ok_or_else(Complaint::processing)?;
    u8::try_from(priority.clamp(0, u8::MAX.into())).map_err(|_| Complaint::processing())
}

fn timestamp(value: &[u8]) -> Result<u64, Complaint> {
    let seconds = integer(value).ok_or_else(Complaint::processing)?;
    u64::try_from(seconds).map_err(|_| Complaint::processing())
}
