//! A peer to talk with a session, and an engine that says what the test says.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Channel, Command, Delivery, Event, Refused, Reply};
use model::{
    AckMode, ConsumerId, DeliveryId, ExchangeName, Marks, Message, MessageParts, Outcome, Refusal,
    SourceId,
};
use wire::amqp::encoder::{Content, encode_content, encode_method};
use wire::amqp::frame::FRAME_OVERHEAD_BYTES;
use wire::amqp::header::NO_PROPERTIES;
use wire::amqp::method::basic::{self, Basic};
use wire::amqp::method::{Arguments, LongString, Method, channel, connection};
use wire::amqp::protocol_header::PROTOCOL_HEADER;
use wire::amqp::{Frame, PROPERTY_CODEC, Payload, decode};

use crate::action::Actions;
use crate::amqp::{AmqpSession, Settings};
use crate::outbox::SLICES_MAX;
use crate::session::Session;

/// A peer, its session, and the session's engine.
pub(super) struct Peer {
    pub(super) session: AmqpSession,
    pub(super) now: Instant,
    pub(super) actions: Actions,
    unread: Vec<u8>,
}

impl Peer {
    /// Has just been accepted.
    pub(super) fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let session = AmqpSession::new(Arc::new(settings), now);
        Self { session, now, actions: Actions::default(), unread: Vec::new() }
    }

    /// Has said start-ok with good credentials and these properties.
    pub(super) fn logged_in(settings: Settings, properties: &[u8]) -> Self {
        let mut peer = Self::new(settings);
        peer.send(&PROTOCOL_HEADER);
        peer.say(0, &start_ok("PLAIN", b"\0guest\0guest", properties));
        peer.answer(0, Reply::LoggedIn);
        peer.drain();
        peer
    }

    /// Has its connection open, with frames of 4096 bytes and three channels.
    pub(super) fn connected(settings: Settings, properties: &[u8], heartbeat: u16) -> Self {
        let mut peer = Self::logged_in(settings, properties);
        peer.say(0, &connection::TuneOk { channel_max: 3, frame_max: 4096, heartbeat });
        peer.say(0, &connection::Open { virtual_host: "/", ..Default::default() });
        peer.answer(0, Reply::Done);
        peer.drain();
        peer
    }

    /// Has channel 1 open.
    pub(super) fn open() -> Self {
        Self::open_with(Settings::default())
    }

    pub(super) fn open_with(settings: Settings) -> Self {
        let mut peer = Self::connected(settings, &[], 0);
        peer.open_channel(1);
        peer
    }

    pub(super) fn open_channel(&mut self, number: u16) {
        self.say(number, &channel::Open::default());
        self.answer(number, Reply::Done);
        self.drain();
    }

    /// Sends bytes; what the session does not take waits, as in the driver.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        let taken = self.session.receive(self.now, &self.unread, &mut self.actions);
        self.unread.drain(..taken);
    }

    /// Sends a method.
    pub(super) fn say<'a>(&mut self, channel: u16, method: &impl Arguments<'a>) {
        let mut bytes = Vec::new();
        encode_method(&mut bytes, channel, method);
        self.send(&bytes);
    }

    /// Publishes by the default exchange.
    pub(super) fn publish(&mut self, channel: u16, body: &[u8]) {
        self.publish_with(channel, &NO_PROPERTIES, body, Default::default());
    }

    pub(super) fn publish_with(
        &mut self,
        channel: u16,
        properties: &[u8],
        body: &[u8],
        publish: basic::Publish<'_>,
    ) {
        let mut bytes = Vec::new();
        encode_content(&mut bytes, channel, &publish, Content { properties, body }, 4096);
        self.send(&bytes);
    }

    /// The engine says something.
    pub(super) fn hear(&mut self, event: Event) {
        self.session.hear(self.now, event, &mut self.actions);
        self.send(&[]);
    }

    pub(super) fn answer(&mut self, channel: u16, reply: Reply) {
        self.hear(Event::Answered(Channel(channel), reply));
    }

    pub(super) fn refuse(&mut self, channel: u16, refused: Refused, refusal: Refusal) {
        let refusal = Box::new(refusal);
        self.hear(Event::Refused { channel: Channel(channel), refused, refusal });
    }

    /// The engine delivers a message, numbered `sequence` in its queue.
    pub(super) fn deliver(&mut self, consumer: u32, sequence: u64, message: &Arc<Message>) {
        self.hear(Event::Delivered(Delivery {
            consumer: ConsumerId(consumer),
            id: id(sequence),
            is_redelivered: false,
            has_offset: false,
            message: Arc::clone(message),
        }));
    }

    /// The same from a stream queue, in which `offset` is the message's place.
    pub(super) fn deliver_from_stream(&mut self, offset: u64, message: &Arc<Message>) {
        self.hear(Event::Delivered(Delivery {
            consumer: ConsumerId(0),
            id: id(offset),
            is_redelivered: false,
            has_offset: true,
            message: Arc::clone(message),
        }));
    }

    /// Some time goes by, and the driver keeps the deadline.
    pub(super) fn wait(&mut self, duration: Duration) {
        self.now += duration;
        if self.session.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.session.expire(self.now, &mut self.actions);
        }
    }

    /// The bytes that the session has written.
    pub(super) fn bytes(&mut self) -> Vec<u8> {
        self.session.settle_batch(self.now, &mut self.actions);
        let mut bytes = Vec::new();
        while !self.actions.outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.actions.outbox.slices(&mut slices);
            let before = bytes.len();
            slices[..count].iter().for_each(|slice| bytes.extend_from_slice(slice));
            self.actions.outbox.advance(bytes.len() - before);
        }
        bytes
    }

    /// The frames that the session has written, as text.
    pub(super) fn heard(&mut self) -> String {
        let bytes = self.bytes();
        let mut rest = bytes.as_slice();
        let mut shown = Vec::new();
        while let Some((frame, bytes)) = decode(rest, 0).expect("we write frames") {
            shown.push(show_frame(&frame));
            rest = &rest[bytes..];
        }
        assert!(rest.is_empty(), "we write whole frames");
        shown.join("; ")
    }

    /// The commands that the session has submitted, as text.
    pub(super) fn asked(&mut self) -> String {
        self.session.settle_batch(self.now, &mut self.actions);
        let shown: Vec<String> = self.actions.commands.drain(..).map(show_command).collect();
        shown.join("; ")
    }

    /// Whether the connection is over.
    pub(super) fn is_over(&self) -> bool {
        self.actions.close.is_some()
    }

    pub(super) fn drain(&mut self) {
        self.heard();
        self.asked();
    }
}

pub(super) fn start_ok<'a>(
    mechanism: &'a str,
    response: &'a [u8],
    properties: &'a [u8],
) -> connection::StartOk<'a> {
    connection::StartOk {
        client_properties: wire::amqp::field::RawTable::parse(properties).unwrap(),
        mechanism,
        response: LongString(response),
        locale: "en_US",
    }
}

pub(super) fn id(sequence: u64) -> DeliveryId {
    DeliveryId { source: SourceId(0), sequence }
}

pub(super) fn message(key: &str, properties: &[u8], body: &[u8]) -> Arc<Message> {
    Arc::new(Message::new(MessageParts {
        exchange: ExchangeName::parse("x").unwrap(),
        content: [key.as_bytes(), properties, body].concat(),
        key_bytes: key.len() as u8,
        property_bytes: properties.len() as u32,
        codec: &PROPERTY_CODEC,
        marks: Marks::default(),
    }))
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// `1 queue.BindOk`, `1 body 3`.
fn show_frame(frame: &Frame<'_>) -> String {
    let shown = match frame.payload {
        Payload::Method(method) => show_method(&method),
        Payload::Header(header) => {
            format!("header {} {:?}", header.body_bytes, header.properties)
        }
        Payload::Body(bytes) if bytes.len() > 16 => format!("body {} bytes", bytes.len()),
        Payload::Body(bytes) => format!("body {}", text(bytes)),
        Payload::Heartbeat => "heartbeat".to_owned(),
    };
    assert!(frame.octets.len() + FRAME_OVERHEAD_BYTES <= 131_072);
    format!("{} {shown}", frame.channel)
}

fn show_method(method: &Method<'_>) -> String {
    match method {
        Method::Basic(Basic::Deliver(deliver)) => format!(
            "deliver {} #{}{} {}/{}",
            text(deliver.consumer_tag),
            deliver.delivery_tag,
            if deliver.redelivered { "*" } else { "" },
            text(deliver.exchange),
            text(deliver.routing_key),
        ),
        Method::Basic(Basic::GetOk(got)) => format!(
            "get-ok #{}{} {}/{} {} left",
            got.delivery_tag,
            if got.redelivered { "*" } else { "" },
            text(got.exchange),
            text(got.routing_key),
            got.message_count,
        ),
        Method::Basic(Basic::Return(returned)) => format!(
            "return {} {} {}/{}",
            returned.reply_code,
            text(returned.reply_text),
            text(returned.exchange),
            text(returned.routing_key),
        ),
        Method::Basic(Basic::Ack(ack)) => {
            format!("ack #{}{}", ack.delivery_tag, if ack.multiple { " multiple" } else { "" })
        }
        Method::Connection(connection::Connection::Close(close)) => format!(
            "connection.close {} {}.{} {}",
            close.reply_code, close.class_id, close.method_id, close.reply_text
        ),
        Method::Channel(channel::Channel::Close(close)) => format!(
            "close {} {}.{} {}",
            close.reply_code, close.class_id, close.method_id, close.reply_text
        ),
        method => {
            // `Queue(BindOk(BindOk))` becomes `queue.BindOk`.
            let shown = format!("{method:?}");
            let mut parts = shown.splitn(3, '(');
            let class = parts.next().unwrap_or_default().to_lowercase();
            let arguments = parts.nth(1).unwrap_or_default().trim_end_matches("))");
            format!("{class}.{arguments}")
        }
    }
}

fn sequences(ids: &[DeliveryId]) -> String {
    let shown: Vec<String> = ids.iter().map(|id| id.sequence.to_string()).collect();
    format!("[{}]", shown.join(" "))
}

/// `open 1`, `settle 1 [7] Accept`; what is rare as `Debug` shows it.
fn show_command(command: Command) -> String {
    match command {
        Command::Login(login) => {
            format!("login {} {} {}", login.user, text(&login.password.0), login.mechanism)
        }
        Command::OpenVhost(vhost) => format!("enter {vhost}"),
        Command::OpenChannel(channel) => format!("open {}", channel.0),
        Command::CloseChannel(channel, ids) => format!("close {} {}", channel.0, sequences(&ids)),
        Command::Settle(channel, ids, outcome) => {
            let outcome = match outcome {
                Outcome::Accept => "accept",
                Outcome::Requeue => "requeue",
                Outcome::Reject => "reject",
            };
            format!("{outcome} {} {}", channel.0, sequences(&ids))
        }
        Command::Flush(channel, number) => format!("flush {} {number}", channel.0),
        Command::Publish(publish) => format!(
            "publish {} {}/{} {}{}{}",
            publish.channel.0,
            publish.message.exchange(),
            text(publish.message.routing_key()),
            match publish.message.body() {
                body if body.len() > 16 => format!("{} bytes", body.len()),
                body => text(body).into_owned(),
            },
            if publish.is_mandatory { " mandatory" } else { "" },
            publish.confirm.map(|number| format!(" confirm {number}")).unwrap_or_default(),
        ),
        Command::Consume(channel, consume) => format!(
            "consume {} {} as {} {}{}{} prefetch {}",
            channel.0,
            consume.queue,
            consume.consumer.0,
            consume.tag,
            if consume.ack == AckMode::Automatic { " no-ack" } else { "" },
            if consume.is_exclusive { " exclusive" } else { "" },
            consume.prefetch,
        ),
        Command::DescribeChannel(..) | Command::Describe(_) => "describe".to_owned(),
        Command::PutOff(channel) => format!("put off {}", channel.0),
        command => format!("{command:?}"),
    }
}
