//! SEND: a frame becomes a message.
//!
//! Source: RabbitMQ 4.3; `stomp.md` §3.2 and §4 of the specification sheets.

use std::sync::Arc;

use model::{
    ExchangeName, FieldTable, FieldValue, Marks, Message, MessageParts, Properties, Refusal,
    ShortString,
};
use wire::amqp::PROPERTY_CODEC;
use wire::amqp::header::encode_properties;
use wire::stomp::Frame;

use super::destination::{Destination, missing, not_for};
use super::error::Complaint;
use super::header::integer;
use super::open::{After, Open};
use super::queue::{Purpose, Wish};
use super::reply_to::ReplyTo;
use super::subscribe::queue_name;
use super::transaction::Deferred;
use crate::action::Actions;

/// The largest `expiration`, in milliseconds: ten years. Source: RabbitMQ.
const EXPIRATION_MS_MAX: i64 = 315_360_000_000;

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
        let properties = read_properties(frame, reply_to)?;
        let message = self.message(exchange, key, &properties, frame.body)?;
        let receipt = frame.headers.get("receipt").map(|id| id.as_ref().into());
        match frame.headers.get("transaction") {
            None => self.receipts.publish(message, receipt, actions),
            Some(id) => self.transactions.defer(&id, Deferred::Publish { message, receipt })?,
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
        properties: &Properties,
        body: &[u8],
    ) -> Result<Arc<Message>, Complaint> {
        let found_bytes = body.len() as u64;
        let max_bytes = self.settings.message_bytes_max;
        if found_bytes > max_bytes {
            return Err(Complaint::refused(&Refusal::MessageTooLarge { found_bytes, max_bytes }));
        }
        let key_bytes = u8::try_from(key.len()).map_err(|_| Complaint::processing())?;
        let encoded = encode_properties(properties);
        let mut content = Vec::with_capacity(key.len() + encoded.len() + body.len());
        content.extend_from_slice(key);
        content.extend_from_slice(&encoded);
        content.extend_from_slice(body);
        Ok(Arc::new(Message::new(MessageParts {
            exchange,
            content,
            key_bytes,
            property_bytes: u32::try_from(encoded.len()).map_err(|_| Complaint::processing())?,
            codec: &PROPERTY_CODEC,
            marks: marks(properties)?,
        })))
    }
}

fn marks(properties: &Properties) -> Result<Marks, Complaint> {
    let has = |table: &FieldTable, name| table.get(name).is_some();
    Ok(Marks {
        is_persistent: properties.delivery_mode == Some(2),
        has_user_id: properties.user_id.is_some(),
        has_sender_selected: properties
            .headers
            .as_ref()
            .is_some_and(|table| has(table, "CC") || has(table, "BCC")),
        priority: properties.priority,
        expiration_ms: properties.expiration.as_ref().map(expiration_ms).transpose()?,
        ..Marks::default()
    })
}

/// Turns headers into properties; every header that is none becomes an entry of the headers table,
/// control headers such as `receipt` included.
fn read_properties(
    frame: &Frame<'_>,
    reply_to: Option<Box<[u8]>>,
) -> Result<Properties, Complaint> {
    let mut properties = Properties::default();
    let mut table = FieldTable::new();
    for header in &frame.headers {
        let value = header.value();
        let text = || short(&value).map(Some);
        match header.raw_name {
            b"destination" | b"reply-to" => {}
            b"content-type" => properties.content_type = text()?,
            b"content-encoding" => properties.content_encoding = text()?,
            b"persistent" => {
                properties.delivery_mode = matches!(&*value, b"true" | b"True").then_some(2);
            }
            b"priority" => properties.priority = Some(priority(&value)?),
            b"correlation-id" => properties.correlation_id = text()?,
            b"expiration" => properties.expiration = text()?,
            b"amqp-message-id" => properties.message_id = text()?,
            b"timestamp" => properties.timestamp = Some(timestamp(&value)?),
            b"type" => properties.message_type = text()?,
            b"user-id" => properties.user_id = text()?,
            b"app-id" => properties.app_id = text()?,
            _ => table.push(short(&header.name())?, FieldValue::string(value)),
        }
    }
    properties.reply_to = reply_to.map(|reply_to| short(&reply_to)).transpose()?;
    properties.headers = (!table.is_empty()).then_some(table);
    Ok(properties)
}

fn short(text: &[u8]) -> Result<ShortString, Complaint> {
    ShortString::parse(text).map_err(|_| Complaint::processing())
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

/// Reads an `expiration`: RabbitMQ refuses what is no number of milliseconds, and ends the
/// connection.
fn expiration_ms(found: &ShortString) -> Result<u64, Complaint> {
    let text = found.to_str_lossy();
    let refuse = |reason: String| {
        let found = text.as_ref().into();
        Complaint::refused(&Refusal::InvalidExpiration { found, reason: reason.into() })
    };
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let digits = unsigned.chars().take_while(char::is_ascii_digit).count();
    match unsigned.split_at_checked(digits) {
        None | Some(("", _)) => return Err(refuse("no_integer".to_owned())),
        Some((_, "")) => {}
        Some((_, rest)) => return Err(refuse(format!("{{leftover_string,{rest:?}}}"))),
    }
    match text.parse::<i64>() {
        Ok(value @ 0..=EXPIRATION_MS_MAX) => Ok(value.unsigned_abs()),
        Ok(value @ ..0) => Err(refuse(format!("{{value_negative,{value}}}"))),
        _ => Err(refuse(format!("{{value_too_large,{}}}", unsigned.trim_start_matches('0')))),
    }
}
