//! What goes out: deliveries, returns, confirms.

use std::borrow::Cow;
use std::sync::Arc;

use engine::Delivery;
use model::{AckMode, Message};
use wire::amqp::encoder::{
    Content, body_bytes_per_frame, encode_body_start, encode_content, encode_deliver,
    encode_header, encode_method,
};
use wire::amqp::frame::FRAME_END;
use wire::amqp::header::{NO_PROPERTIES, encode_properties, with_long_header};
use wire::amqp::method::{Arguments, basic};
use wire::amqp::{PROPERTY_CODEC, ReplyCode};

use crate::action::Actions;
use crate::amqp::channel::{Channel, Mode};
use crate::amqp::confirm::Verdict;
use crate::amqp::connection::{Connection, say};
use crate::outbox::COPY_BYTES_MAX;

impl Channel {
    /// Writes a delivery to a consumer of this channel.
    pub(super) fn deliver(
        &mut self,
        delivery: &Delivery,
        connection: &mut Connection,
        actions: &mut Actions,
    ) {
        let Some(consumer) = connection.consumers.get(delivery.consumer) else { return };
        let delivery_tag = match consumer.ack {
            AckMode::Manual => self.tags.issue(delivery.id),
            AckMode::Automatic => {
                connection.written.add(delivery.consumer);
                self.tags.issue_settled()
            }
        };
        let message = &delivery.message;
        let deliver = basic::Deliver {
            consumer_tag: consumer.tag.as_str().as_bytes(),
            delivery_tag,
            redelivered: delivery.is_redelivered,
            exchange: message.exchange().as_str().as_bytes(),
            routing_key: message.routing_key(),
        };
        let offset = delivery.has_offset.then_some(delivery.id.sequence);
        let properties = match offset {
            None => property_bytes(message),
            Some(offset) => with_offset(property_bytes(message), offset),
        };
        let body = message.body();
        if body.len() > COPY_BYTES_MAX {
            let parts = (message, &*properties);
            return self.write_parts(&deliver, parts, connection, actions);
        }
        let content = Content { properties: &properties, body };
        let (out, frame_bytes_max) = (actions.outbox.buffer(), connection.frame_bytes_max);
        encode_deliver(out, self.number, &deliver, content, frame_bytes_max);
    }

    /// Writes a mandatory message that went nowhere.
    pub(super) fn return_message(
        &self,
        message: &Arc<Message>,
        connection: &Connection,
        actions: &mut Actions,
    ) {
        let returned = basic::Return {
            reply_code: ReplyCode::NoRoute.code(),
            reply_text: ReplyCode::NoRoute.name().as_bytes(),
            exchange: message.exchange().as_str().as_bytes(),
            routing_key: message.routing_key(),
        };
        self.write_content(&returned, message, connection, actions);
    }

    /// Writes a method and a message behind it. A large body is not copied.
    pub(super) fn write_content<'a>(
        &self,
        method: &impl Arguments<'a>,
        message: &Arc<Message>,
        connection: &Connection,
        actions: &mut Actions,
    ) {
        let properties = property_bytes(message);
        self.write_parts(method, (message, &properties), connection, actions);
    }

    /// The same with properties that are not the message's own.
    fn write_parts<'a>(
        &self,
        method: &impl Arguments<'a>,
        (message, properties): (&Arc<Message>, &[u8]),
        connection: &Connection,
        actions: &mut Actions,
    ) {
        let (body, frame_bytes_max) = (message.body(), connection.frame_bytes_max);
        let out = actions.outbox.buffer();
        if body.len() <= COPY_BYTES_MAX {
            let content = Content { properties, body };
            return encode_content(out, self.number, method, content, frame_bytes_max);
        }
        encode_method(out, self.number, method);
        encode_header(out, self.number, properties, body.len() as u64);
        let piece_bytes = body_bytes_per_frame(frame_bytes_max);
        for start in (0..body.len()).step_by(piece_bytes) {
            let end = body.len().min(start.saturating_add(piece_bytes));
            encode_body_start(actions.outbox.buffer(), self.number, end - start);
            actions.outbox.append_body(message, start..end);
            actions.outbox.buffer().push(FRAME_END);
        }
    }

    /// Tells the publisher what was confirmed since the last time.
    pub(super) fn tell_confirms(&mut self, actions: &mut Actions) {
        let number = self.number;
        let Mode::Confirming(confirms) = &mut self.mode else { return };
        confirms.flush(|answer| {
            let (delivery_tag, multiple) = (answer.number, answer.is_multiple);
            match answer.verdict {
                Verdict::Confirmed => say(actions, number, &basic::Ack { delivery_tag, multiple }),
                Verdict::Rejected => {
                    // RabbitMQ leaves `requeue` at its default, which is set; clients ignore it.
                    let nack = basic::Nack { delivery_tag, multiple, requeue: true };
                    say(actions, number, &nack);
                }
            }
        });
    }
}

/// The properties of a stream's message, told its offset. Source: RabbitMQ, "Streams".
fn with_offset(properties: Cow<'_, [u8]>, offset: u64) -> Cow<'_, [u8]> {
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    // A session lets no message in whose properties it cannot read.
    with_long_header(&properties, "x-stream-offset", offset).map_or(properties, Cow::Owned)
}

/// The properties as AMQP bytes: untouched if they came that way, without `BCC`.
fn property_bytes(message: &Message) -> Cow<'_, [u8]> {
    let is_ours = std::ptr::eq(message.codec(), &PROPERTY_CODEC);
    if is_ours && !message.marks().has_sender_selected {
        return message.property_bytes().into();
    }
    // A session lets no message in whose properties it cannot read.
    let Ok(mut properties) = message.properties() else {
        return NO_PROPERTIES.as_slice().into();
    };
    // Source: RabbitMQ, "Sender-selected Distribution": receivers do not see BCC.
    let was_last = properties
        .headers
        .as_mut()
        .is_some_and(|headers| headers.remove("BCC").is_some() && headers.is_empty());
    if was_last {
        properties.headers = None;
    }
    encode_properties(&properties).into()
}
