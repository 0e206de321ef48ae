//! Publishes: a method, a header and a body become one message.

use std::sync::Arc;

use engine::{Command, Publish};
use model::expiration;
use model::message::BODY_BYTES_HARD_MAX;
use model::{ExchangeName, Marks, Message, MessageParts, PropertyFacts, Refusal};
use wire::amqp::encoder::Content;
use wire::amqp::header::property_facts;
use wire::amqp::method::{Arguments, basic};
use wire::amqp::shortcut::Whole;
use wire::amqp::{ContentHeader, MethodId, PROPERTY_CODEC, ReplyCode};

use crate::action::Actions;
use crate::amqp::channel::{Channel, Mode};
use crate::amqp::connection::Connection;
use crate::amqp::reply::Failure;

/// How much is reserved for a body before any of it came, in bytes: a peer's word is not enough.
const RESERVED_BYTES_MAX: u64 = 1 << 20;

const PUBLISH: MethodId = basic::Publish::ID;

/// How much of a publish has come.
#[derive(Debug)]
pub(super) enum Assembly {
    /// None: a method comes next.
    Idle,
    /// The method: a header comes next.
    Header {
        /// Where to.
        exchange: ExchangeName,
        /// The bits.
        options: Options,
    },
    /// The header: body comes next.
    Body(Partial),
}

/// The bits of a publish.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    is_mandatory: bool,
    is_immediate: bool,
}

impl Options {
    fn of(publish: &basic::Publish<'_>) -> Self {
        Self { is_mandatory: publish.mandatory, is_immediate: publish.immediate }
    }
}

/// A message whose body is coming in.
#[derive(Debug)]
pub(super) struct Partial {
    exchange: ExchangeName,
    options: Options,
    key_bytes: u8,
    property_bytes: u32,
    body_bytes: u64,
    remaining_bytes: u64,
    /// Routing key, properties, and the body so far; nothing of a body that is too large.
    content: Vec<u8>,
}

impl Assembly {
    /// Says that a method may come here.
    pub(super) fn expect_method(&self) -> Result<(), Failure> {
        match self {
            Self::Idle => Ok(()),
            Self::Header { .. } => Err(not_a_header()),
            Self::Body(_) => Err(unexpected(
                PUBLISH,
                "expected content body, got non content body frame instead",
            )),
        }
    }
}

fn unexpected(method: MethodId, explanation: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::new(ReplyCode::UnexpectedFrame, method, explanation)
}

fn not_a_header() -> Failure {
    let explanation = "expected content header for class 60, got non content header frame instead";
    unexpected(PUBLISH, explanation)
}

fn not_a_method() -> Failure {
    let explanation = "expected method frame, got non method frame instead";
    unexpected(MethodId::NONE, explanation)
}

impl Channel {
    /// Begins a publish.
    pub(super) fn publish(
        &mut self,
        publish: &basic::Publish<'_>,
        connection: &Connection,
    ) -> Result<(), Failure> {
        let exchange = self.exchange_name(publish, connection)?;
        self.key.clear();
        self.key.extend_from_slice(publish.routing_key);
        self.assembly = Assembly::Header { exchange, options: Options::of(publish) };
        Ok(())
    }

    /// Takes a publish whose frames are all there. It is no larger than allowed.
    pub(super) fn publish_whole(
        &mut self,
        publish: &Whole<'_, basic::Publish<'_>>,
        connection: &Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let Content { properties, body } = publish.content;
        let key = publish.method.routing_key;
        let mut content = Vec::with_capacity(key.len() + properties.len() + body.len());
        content.extend_from_slice(key);
        content.extend_from_slice(properties);
        content.extend_from_slice(body);
        let partial = Partial {
            exchange: self.exchange_name(&publish.method, connection)?,
            options: Options::of(&publish.method),
            key_bytes: u8::try_from(key.len()).unwrap_or(u8::MAX),
            property_bytes: u32::try_from(properties.len()).unwrap_or(u32::MAX),
            body_bytes: body.len() as u64,
            remaining_bytes: 0,
            content,
        };
        self.finish(partial, connection, actions)
    }

    /// The exchange of a publish; that of the last one shares its name.
    fn exchange_name(
        &mut self,
        publish: &basic::Publish<'_>,
        connection: &Connection,
    ) -> Result<ExchangeName, Failure> {
        match &self.exchange {
            Some(name) if name.as_str().as_bytes() == publish.exchange => Ok(name.clone()),
            _ => {
                let name = exchange_name(publish.exchange, connection)?;
                Ok(self.exchange.insert(name).clone())
            }
        }
    }

    /// Takes a content header.
    pub(super) fn take_header(
        &mut self,
        header: &ContentHeader<'_>,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let assembly = std::mem::replace(&mut self.assembly, Assembly::Idle);
        let Assembly::Header { exchange, options } = assembly else {
            assembly.expect_method()?;
            return Err(not_a_method());
        };
        if header.class_id != PUBLISH.class_id {
            let explanation = format!(
                "expected content header for class 60, got one for class {} instead",
                header.class_id
            );
            return Err(unexpected(PUBLISH, explanation));
        }
        if header.weight != 0 {
            return Err(not_a_header());
        }
        if header.body_bytes > BODY_BYTES_HARD_MAX {
            let explanation = format!(
                "content body size {} exceeds maximum allowed size {BODY_BYTES_HARD_MAX}",
                header.body_bytes
            );
            return Err(Failure::new(ReplyCode::FrameError, PUBLISH, explanation));
        }
        let is_too_large = header.body_bytes > connection.message_bytes_max;
        let reserved = if is_too_large { 0 } else { header.body_bytes.min(RESERVED_BYTES_MAX) };
        let head_bytes = self.key.len() + header.properties.len();
        let mut content = Vec::with_capacity(head_bytes + reserved as usize);
        content.extend_from_slice(&self.key);
        content.extend_from_slice(header.properties);
        let partial = Partial {
            exchange,
            options,
            key_bytes: u8::try_from(self.key.len()).unwrap_or(u8::MAX),
            property_bytes: u32::try_from(header.properties.len()).unwrap_or(u32::MAX),
            body_bytes: header.body_bytes,
            remaining_bytes: header.body_bytes,
            content,
        };
        self.continue_with(partial, connection, actions)
    }

    /// Takes a piece of a body.
    pub(super) fn take_body(
        &mut self,
        bytes: &[u8],
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let mut partial = match std::mem::replace(&mut self.assembly, Assembly::Idle) {
            Assembly::Body(partial) => partial,
            Assembly::Header { .. } => return Err(not_a_header()),
            Assembly::Idle => return Err(not_a_method()),
        };
        let Some(remaining) = partial.remaining_bytes.checked_sub(bytes.len() as u64) else {
            let explanation = "content body frame exceeds remaining content size";
            return Err(Failure::new(ReplyCode::FrameError, PUBLISH, explanation));
        };
        partial.remaining_bytes = remaining;
        if partial.body_bytes <= connection.message_bytes_max {
            partial.content.extend_from_slice(bytes);
        }
        match remaining {
            0 => self.finish(partial, connection, actions),
            _ => {
                self.assembly = Assembly::Body(partial);
                Ok(())
            }
        }
    }

    fn continue_with(
        &mut self,
        partial: Partial,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        match partial.remaining_bytes {
            0 => self.finish(partial, connection, actions),
            _ => {
                self.assembly = Assembly::Body(partial);
                Ok(())
            }
        }
    }

    /// Publishes a message whose body is complete.
    fn finish(
        &mut self,
        partial: Partial,
        connection: &Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        if partial.options.is_immediate {
            return Err(Failure::not_implemented(PUBLISH, "immediate=true"));
        }
        let (found_bytes, max_bytes) = (partial.body_bytes, connection.message_bytes_max);
        if found_bytes > max_bytes {
            let refusal = Refusal::MessageTooLarge { found_bytes, max_bytes };
            return Err(Failure::refused(&refusal, PUBLISH));
        }
        let message = Arc::new(Message::new(MessageParts {
            marks: partial.marks()?,
            exchange: partial.exchange,
            content: partial.content,
            key_bytes: partial.key_bytes,
            property_bytes: partial.property_bytes,
            codec: &PROPERTY_CODEC,
        }));
        let mut publish = Publish {
            channel: self.id(),
            message,
            is_mandatory: partial.options.is_mandatory,
            confirm: None,
        };
        match &mut self.mode {
            Mode::Plain => {}
            Mode::Confirming(confirms) => publish.confirm = Some(confirms.issue()),
            Mode::Transactional(transaction) => {
                actions.commands.push(Command::PutOff(publish.channel));
                transaction.publish(publish);
                return Ok(());
            }
        }
        actions.commands.push(Command::Publish(publish));
        Ok(())
    }
}

impl Partial {
    /// Validates the properties and notes what the broker must know of them.
    fn marks(&self) -> Result<Marks, Failure> {
        let start = usize::from(self.key_bytes);
        let end = start + self.property_bytes as usize;
        let properties = self.content.get(start..end).unwrap_or_default();
        let facts: PropertyFacts<'_> = property_facts(properties)
            .map_err(|error| Failure::new(ReplyCode::InternalError, PUBLISH, error.to_string()))?;
        let expiration_ms = facts
            .expiration
            .map(expiration::parse)
            .transpose()
            .map_err(|refusal| Failure::refused(&refusal, PUBLISH))?;
        Ok(Marks {
            is_persistent: facts.is_persistent,
            has_user_id: facts.user_id.is_some(),
            has_sender_selected: facts.has_sender_selected,
            priority: facts.priority,
            expiration_ms,
            ..Marks::default()
        })
    }
}

fn exchange_name(bytes: &[u8], connection: &Connection) -> Result<ExchangeName, Failure> {
    let name = std::str::from_utf8(bytes).ok().and_then(|text| ExchangeName::parse(text).ok());
    name.ok_or_else(|| {
        // No exchange has a name that is not UTF-8.
        let text = String::from_utf8_lossy(bytes);
        let explanation = format!("no exchange '{text}' in vhost '{}'", connection.vhost);
        Failure::new(ReplyCode::NotFound, PUBLISH, explanation)
    })
}

#[cfg(test)]
mod tests {
    use wire::amqp::frame::FRAME_BYTES_MIN;
    use wire::amqp::header::NO_PROPERTIES;

    use super::*;

    /// A peer's word on the size is worth no memory.
    #[test]
    fn an_announced_body_reserves_little() {
        let body_bytes = RESERVED_BYTES_MAX * 16;
        let mut connection = Connection::new(FRAME_BYTES_MIN, body_bytes);
        let mut channel = Channel::new(1, 0);
        let publish = basic::Publish { routing_key: b"key", ..Default::default() };
        let header = ContentHeader {
            class_id: PUBLISH.class_id,
            weight: 0,
            body_bytes,
            properties: &NO_PROPERTIES,
        };
        let mut actions = Actions::default();
        channel.publish(&publish, &connection).unwrap();
        channel.take_header(&header, &mut connection, &mut actions).unwrap();
        let Assembly::Body(partial) = &channel.assembly else { panic!("no body is awaited") };
        assert_eq!(partial.content.capacity() as u64, RESERVED_BYTES_MAX + 5);
    }
}
