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
pub(crate) const NO_PROPERTIES: &[u8] = &[0, 0];

/// The tag of the only consumer of a connection.
pub(crate) const CONSUMER_TAG: &str = "bench";

const FRAME_BYTES_MAX: u32 = 131_072;

/// No broker takes longer to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection with one open channel.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
}

impl Connection {
    /// Logs in as guest and opens the channel; without heart-beats.
    pub(crate) fn open(place: SocketAddr) -> Result<Self, Problem> {
        let stream = TcpStream::connect(place)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut connection = Self { stream, input: Vec::new() };
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
        let declare = queue::Declare {
            queue: name,
            passive: false,
            durable: false,
            exclusive: false,
            auto_delete: true,
            no_wait: false,
            arguments: RawTable::default(),
        };
        self.call(CHANNEL, &declare, queue::DeclareOk::ID)
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
                    Payload::Method(method) => method.id(),
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

/// Appends a publish with its content.
pub(crate) fn append_publish(out: &mut Vec<u8>, exchange: &str, key: &str, body: &[u8]) {
    let publish = basic::Publish {
        exchange: exchange.as_bytes(),
        routing_key: key.as_bytes(),
        mandatory: false,
        immediate: false,
    };
    let content = Content { properties: NO_PROPERTIES, body };
    encode_content(out, CHANNEL, &publish, content, FRAME_BYTES_MAX);
}

/// How many bytes a delivery from `queue` has.
pub(crate) fn delivery_bytes(queue: &str, body: &[u8]) -> u64 {
    let deliver = basic::Deliver {
        consumer_tag: CONSUMER_TAG.as_bytes(),
        delivery_tag: 0,
        redelivered: false,
        exchange: b"",
        routing_key: queue.as_bytes(),
    };
    let mut out = Vec::new();
    let content = Content { properties: NO_PROPERTIES, body };
    encode_content(&mut out, CHANNEL, &deliver, content, FRAME_BYTES_MAX);
    out.len() as u64
}
