//! A blocking AMQP 0-9-1 client, as small as the benchmark needs: log in, one channel, a few
//! methods; what follows is written and read as bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use wire::amqp::encoder::{Content, encode_content, encode_method};
use wire::amqp::field::RawTable;
use wire::amqp::method::{
    Arguments, LongString, Method, basic, channel, confirm, connection, queue,
};
use wire::amqp::protocol_header::PROTOCOL_HEADER;
use wire::amqp::sasl::{Credentials, Mechanism};
use wire::amqp::{MethodId, Payload, decode};

use crate::Problem;

/// The channel that everything is on.
pub(crate) const CHANNEL: u16 = 1;

/// No properties: the flags alone.
const NO_PROPERTIES: &[u8] = &[0, 0];

/// Delivery mode 2, persistent: the flags and the value.
const PERSISTENT: &[u8] = &[0x10, 0, 2];

/// The tag of the only consumer of a connection.
pub(crate) const CONSUMER_TAG: &str = "bench";

const FRAME_BYTES_MAX: u32 = 131_072;

/// No broker takes longer to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection with one open channel.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// What was read behind the last answer.
    pub(crate) input: Vec<u8>,
    /// What the last answer to a declare said.
    ready: u64,
}

impl Connection {
    /// Logs in as guest and opens the channel; without heart-beats.
    pub(crate) fn open(place: SocketAddr) -> Result<Self, Problem> {
        let stream = TcpStream::connect(place)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut connection = Self { stream, input: Vec::new(), ready: 0 };
        connection.stream.write_all(&PROTOCOL_HEADER)?;
        connection.wait_for(connection::Start::ID)?;
        let response = Mechanism::Plain
            .write(&Credentials { user: b"guest".into(), password: b"guest".into() });
        let start_ok = connection::StartOk {
            client_properties: RawTable::default(),
            mechanism: Mechanism::Plain.name(),
            response: LongString(&response),
            locale: "en_US",
        };
        connection.call(0, &start_ok, connection::Tune::ID)?;
        let tune_ok =
            connection::TuneOk { channel_max: 10, frame_max: FRAME_BYTES_MAX, heartbeat: 0 };
        connection.send(0, &tune_ok)?;
        let open = connection::Open { virtual_host: "/", capabilities: b"", insist: false };
        connection.call(0, &open, connection::OpenOk::ID)?;
        connection.call(CHANNEL, &channel::Open { out_of_band: b"" }, channel::OpenOk::ID)?;
        Ok(connection)
    }

    /// A transient queue, gone with its last consumer.
    pub(crate) fn declare(&mut self, name: &str) -> Result<(), Problem> {
        let declare = queue::Declare { auto_delete: true, ..declare(name) };
        self.call(CHANNEL, &declare, queue::DeclareOk::ID)
    }

    /// A durable queue; an empty one if it was there.
    pub(crate) fn declare_durable(&mut self, name: &str) -> Result<(), Problem> {
        self.delete(name)?;
        let declare = queue::Declare { durable: true, ..declare(name) };
        self.call(CHANNEL, &declare, queue::DeclareOk::ID)
    }

    /// How many messages of a queue are ready.
    pub(crate) fn ready(&mut self, name: &str) -> Result<u64, Problem> {
        let declare = queue::Declare { passive: true, ..declare(name) };
        self.call(CHANNEL, &declare, queue::DeclareOk::ID)?;
        Ok(self.ready)
    }

    /// Deletes a queue, if there is one.
    pub(crate) fn delete(&mut self, name: &str) -> Result<(), Problem> {
        let delete =
            queue::Delete { queue: name, if_unused: false, if_empty: false, no_wait: false };
        self.call(CHANNEL, &delete, queue::DeleteOk::ID)
    }

    /// Consumes with automatic acknowledgements.
    pub(crate) fn consume_all(&mut self, queue: &str) -> Result<(), Problem> {
        self.consume(queue, true)
    }

    /// Consumes with acknowledgements by hand, at most `prefetch` unacknowledged.
    pub(crate) fn consume_some(&mut self, queue: &str, prefetch: u16) -> Result<(), Problem> {
        let qos = basic::Qos { prefetch_size: 0, prefetch_count: prefetch, global: false };
        self.call(CHANNEL, &qos, basic::QosOk::ID)?;
        self.consume(queue, false)
    }

    pub(crate) fn select_confirms(&mut self) -> Result<(), Problem> {
        self.call(CHANNEL, &confirm::Select { no_wait: false }, confirm::SelectOk::ID)
    }

    fn consume(&mut self, queue: &str, no_ack: bool) -> Result<(), Problem> {
        let consume = basic::Consume {
            queue,
            consumer_tag: CONSUMER_TAG,
            no_local: false,
            no_ack,
            exclusive: false,
            no_wait: false,
            arguments: RawTable::default(),
        };
        self.call(CHANNEL, &consume, basic::ConsumeOk::ID)
    }

    fn call<'a>(
        &mut self,
        channel: u16,
        method: &impl Arguments<'a>,
        answer: MethodId,
    ) -> Result<(), Problem> {
        self.send(channel, method)?;
        self.wait_for(answer)
    }

    fn send<'a>(&mut self, channel: u16, method: &impl Arguments<'a>) -> Result<(), Problem> {
        let mut out = Vec::new();
        encode_method(&mut out, channel, method);
        Ok(self.stream.write_all(&out)?)
    }

    fn wait_for(&mut self, wanted: MethodId) -> Result<(), Problem> {
        loop {
            if let Some((frame, used)) = decode(&self.input, FRAME_BYTES_MAX)? {
                let found = match frame.payload {
                    Payload::Method(Method::Connection(connection::Connection::Close(close))) => {
                        return Err(close.reply_text.into());
                    }
                    Payload::Method(Method::Channel(channel::Channel::Close(close))) => {
                        return Err(close.reply_text.into());
                    }
                    Payload::Method(method) => {
                        if let Method::Queue(queue::Queue::DeclareOk(answer)) = &method {
                            self.ready = u64::from(answer.message_count);
                        }
                        method.id()
                    }
                    _ => MethodId::NONE,
                };
                self.input.drain(..used);
                if found == wanted {
                    return Ok(());
                }
                continue;
            }
            let mut piece = [0; 4096];
            let bytes = self.stream.read(&mut piece)?;
            if bytes == 0 {
                return Err("the broker closed the connection during login".into());
            }
            self.input.extend_from_slice(piece.get(..bytes).unwrap_or_default());
        }
    }
}

/// The declaration of a queue that has no property yet.
fn declare(queue: &str) -> queue::Declare<'_> {
    queue::Declare {
        queue,
        passive: false,
        durable: false,
        exclusive: false,
        auto_delete: false,
        no_wait: false,
        arguments: RawTable::default(),
    }
}

/// Content that goes with its broker.
pub(crate) fn transient(body: &[u8]) -> Content<'_> {
    Content { properties: NO_PROPERTIES, body }
}

/// Content that a durable queue keeps.
pub(crate) fn persistent(body: &[u8]) -> Content<'_> {
    Content { properties: PERSISTENT, body }
}

/// Appends a publish with its content.
pub(crate) fn append_publish(out: &mut Vec<u8>, exchange: &str, key: &str, content: Content<'_>) {
    let publish = basic::Publish {
        exchange: exchange.as_bytes(),
        routing_key: key.as_bytes(),
        mandatory: false,
        immediate: false,
    };
    encode_content(out, CHANNEL, &publish, content, FRAME_BYTES_MAX);
}

/// How many bytes a delivery from `queue` has.
pub(crate) fn delivery_bytes(queue: &str, content: Content<'_>) -> u64 {
    let deliver = basic::Deliver {
        consumer_tag: CONSUMER_TAG.as_bytes(),
        delivery_tag: 0,
        redelivered: false,
        exchange: b"",
        routing_key: queue.as_bytes(),
    };
    let mut out = Vec::new();
    encode_content(&mut out, CHANNEL, &deliver, content, FRAME_BYTES_MAX);
    out.len() as u64
}
