//! A server that says what a test tells it to.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wire::amqp::encoder::{encode_heartbeat, encode_method};
use wire::amqp::field::RawTable;
use wire::amqp::method::{Arguments, LongString, channel, connection};
use wire::amqp::{MethodId, Payload, decode};

/// Frames are no larger, in bytes.
const FRAME_BYTES_MAX: u32 = 131_072;

/// What a server proposes in `tune`.
#[derive(Clone, Copy)]
pub(crate) struct Tune {
    pub(crate) channel_max: u16,
    pub(crate) heartbeat_seconds: u16,
}

/// The server's end of one connection.
pub(crate) struct Server {
    stream: TcpStream,
    input: Vec<u8>,
}

/// What a client said.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Method(u16, MethodId),
    Header,
    Body(Vec<u8>),
    Heartbeat,
}

pub(crate) async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

impl Server {
    /// Takes a client as far as the protocol header.
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut header = [0; 8];
        stream.read_exact(&mut header).await.unwrap();
        assert_eq!(&header, b"AMQP\x00\x00\x09\x01");
        Self { stream, input: Vec::new() }
    }

    /// Logs the client in.
    pub(crate) async fn let_in(mut self, tune: Tune) -> Self {
        self.say(
            0,
            &connection::Start {
                version_major: 0,
                version_minor: 9,
                server_properties: RawTable::default(),
                mechanisms: LongString(b"AMQPLAIN PLAIN"),
                locales: LongString(b"en_US"),
            },
        )
        .await;
        self.expect(0, connection::StartOk::ID).await;
        let Tune { channel_max, heartbeat_seconds: heartbeat } = tune;
        self.say(0, &connection::Tune { channel_max, frame_max: FRAME_BYTES_MAX, heartbeat }).await;
        self.expect(0, connection::TuneOk::ID).await;
        self.expect(0, connection::Open::ID).await;
        self.say(0, &connection::OpenOk { known_hosts: b"" }).await;
        self
    }

    /// Answers the opening of a channel.
    pub(crate) async fn open_channel(&mut self, number: u16) {
        self.expect(number, channel::Open::ID).await;
        self.say(number, &channel::OpenOk { channel_id: LongString(b"") }).await;
    }

    pub(crate) async fn say<'a>(&mut self, channel: u16, method: &impl Arguments<'a>) {
        let mut out = Vec::new();
        encode_method(&mut out, channel, method);
        self.say_bytes(&out).await;
    }

    pub(crate) async fn say_heartbeat(&mut self) {
        let mut out = Vec::new();
        encode_heartbeat(&mut out);
        self.say_bytes(&out).await;
    }

    pub(crate) async fn say_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next frame, whatever it is. Cancel-safe.
    pub(crate) async fn hear(&mut self) -> Heard {
        loop {
            if let Some((frame, used)) = decode(&self.input, FRAME_BYTES_MAX).unwrap() {
                let heard = match frame.payload {
                    Payload::Method(method) => Heard::Method(frame.channel, method.id()),
                    Payload::Header(_) => Heard::Header,
                    Payload::Body(body) => Heard::Body(body.to_vec()),
                    Payload::Heartbeat => Heard::Heartbeat,
                };
                self.input.drain(..used);
                return heard;
            }
            let read = self.stream.read_buf(&mut self.input).await.unwrap();
            assert_ne!(read, 0, "the client closed the connection");
        }
    }

    /// The next frame is this method.
    pub(crate) async fn expect(&mut self, channel: u16, method: MethodId) {
        assert_eq!(self.hear().await, Heard::Method(channel, method));
    }
}
