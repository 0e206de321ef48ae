//! Conversations with other people's WebSockets: tokio-tungstenite, and yawc for compression.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use hopwire_wire::websocket::close;
use hopwire_wire::websocket::deflate::{append_head, compress_tail};
use hopwire_wire::websocket::frame::{append_client, append_server};
use hopwire_wire::websocket::handshake::{Key, Offer, Request, Upgrade};
use hopwire_wire::websocket::{
    Assembler, CloseCode, Compression, Event, Header, Inflater, Kind, Mask, Opcode, Role, Step,
    Subprotocol,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Lengths around every form of a frame's length, and beyond one read.
const LENGTHS: [usize; 8] = [0, 1, 125, 126, 65_535, 65_536, 65_537, 300_000];
const BYTES_MAX: usize = 1 << 20;
const MASK: Mask = Mask([0xA5, 0x00, 0xFF, 0x3C]);

/// What our end heard.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseCode>, String),
}

/// Our end.
struct Ours {
    stream: DuplexStream,
    unread: Vec<u8>,
    assembler: Assembler,
    inflater: Inflater,
    heard: VecDeque<Heard>,
    role: Role,
}

impl Ours {
    fn new(stream: DuplexStream, unread: Vec<u8>, role: Role, compression: Compression) -> Self {
        let assembler = Assembler::new(role, compression);
        let inflater = Inflater::new();
        Self { stream, unread, assembler, inflater, heard: VecDeque::new(), role }
    }

    /// Upgrades as a server.
    async fn accept(mut stream: DuplexStream) -> (Self, Upgrade) {
        let mut unread = Vec::new();
        let (request, taken) = loop {
            assert_ne!(stream.read_buf(&mut unread).await.unwrap(), 0);
            if let Some(found) = Request::parse(&unread).unwrap() {
                break found;
            }
        };
        unread.drain(..taken);
        assert_eq!(request.path, "/ws");
        let upgrade = Upgrade::accept(&request, &request.key().unwrap(), Compression::Deflate);
        stream.write_all(&upgrade.response).await.unwrap();
        (Self::new(stream, unread, Role::Server, upgrade.compression), upgrade)
    }

    /// Upgrades as a client.
    async fn connect(mut stream: DuplexStream) -> Self {
        let offer = Offer {
            host: "localhost",
            target: "/ws?x=1",
            key: Key::from_nonce([7; 16]),
            subprotocols: &[],
            compression: Compression::None,
            origin: None,
            authorization: None,
        };
        stream.write_all(&offer.request()).await.unwrap();
        let mut unread = Vec::new();
        let (answer, taken) = loop {
            assert_ne!(stream.read_buf(&mut unread).await.unwrap(), 0);
            if let Some(found) = offer.parse_answer(&unread).unwrap() {
                break found;
            }
        };
        unread.drain(..taken);
        Self::new(stream, unread, Role::Client, answer.compression)
    }

    async fn hear(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            loop {
                let step = self.assembler.next(&mut self.unread, BYTES_MAX, &mut self.inflater);
                let Step { taken_bytes, event } = step.unwrap();
                let is_done = event.is_none();
                self.heard.extend(event.map(|event| match event {
                    Event::Message(kind, payload) => Heard::Message(kind, payload.into_owned()),
                    Event::Ping(payload) => Heard::Ping(payload.into()),
                    Event::Pong(payload) => Heard::Pong(payload.into()),
                    Event::Close(code, reason) => Heard::Close(code, reason.into()),
                }));
                self.unread.drain(..taken_bytes);
                if is_done {
                    break;
                }
            }
            if self.heard.is_empty() {
                assert_ne!(self.stream.read_buf(&mut self.unread).await.unwrap(), 0);
            }
        }
    }

    async fn say(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut out = Vec::new();
        match self.role {
            Role::Server => append_server(&mut out, opcode, payload),
            Role::Client => append_client(&mut out, opcode, MASK, payload),
        }
        self.stream.write_all(&out).await.unwrap();
    }

    /// Says `head` and `tail` as one compressed message.
    async fn say_spliced(&mut self, head: &[u8], tail: &[u8]) {
        let mut payload = Vec::new();
        append_head(&mut payload, head);
        payload.extend(compress_tail(tail));
        let mut header = Header::server(Opcode::Text, payload.len() as u64);
        header.is_compressed = true;
        if self.role == Role::Client {
            header.mask = Some(MASK);
            MASK.apply(0, &mut payload);
        }
        let mut out = Vec::new();
        header.append_to(&mut out);
        out.extend_from_slice(&payload);
        self.stream.write_all(&out).await.unwrap();
    }

    /// Gives messages and pings back until the peer closes.
    async fn echo(mut self) {
        loop {
            match self.hear().await {
                Heard::Message(Kind::Text, payload) => self.say(Opcode::Text, &payload).await,
                Heard::Message(Kind::Binary, payload) => self.say(Opcode::Binary, &payload).await,
                Heard::Ping(payload) => self.say(Opcode::Pong, &payload).await,
                Heard::Pong(_) => {}
                Heard::Close(code, _) => {
                    let payload = code.map(|code| close::encode(code, "bye")).unwrap_or_default();
                    return self.say(Opcode::Close, &payload).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn tungstenite_as_a_client_understands_us() {
    let (ours, theirs) = duplex(1000);
    let server = tokio::spawn(async {
        let (ours, upgrade) = Ours::accept(ours).await;
        assert_eq!(upgrade.subprotocol, Some(Subprotocol::V12));
        assert_eq!(upgrade.compression, Compression::None);
        ours.echo().await;
    });

    let request = tokio_tungstenite::tungstenite::ClientRequestBuilder::new(
        "ws://localhost/ws/".parse().unwrap(),
    );
    let request = request.with_sub_protocol("v11.stomp").with_sub_protocol("v12.stomp");
    let (mut client, response) = tokio_tungstenite::client_async(request, theirs).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "v12.stomp");

    for bytes in LENGTHS {
        for message in [Message::text("é".repeat(bytes / 2)), Message::binary(vec![0xFF; bytes])] {
            client.send(message.clone()).await.unwrap();
            assert_eq!(client.next().await.unwrap().unwrap(), message);
        }
    }
    client.send(Message::Ping("are you there".into())).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("are you there".into()));
    let close = CloseFrame { code: 3001.into(), reason: "done".into() };
    client.close(Some(close)).await.unwrap();
    let answer = CloseFrame { code: 3001.into(), reason: "bye".into() };
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Close(Some(answer)));
    server.await.unwrap();
}

#[tokio::test]
async fn tungstenite_as_a_server_understands_us() {
    let (ours, theirs) = duplex(1000);
    let server = tokio::spawn(async {
        let mut server = tokio_tungstenite::accept_async(theirs).await.unwrap();
        while let Some(Ok(message)) = server.next().await {
            if message.is_text() || message.is_binary() {
                server.send(message).await.unwrap();
            }
        }
    });

    let mut ours = Ours::connect(ours).await;
    for bytes in LENGTHS {
        let payload = vec![b'x'; bytes];
        for (opcode, kind) in [(Opcode::Text, Kind::Text), (Opcode::Binary, Kind::Binary)] {
            ours.say(opcode, &payload).await;
            assert_eq!(ours.hear().await, Heard::Message(kind, payload.clone()));
        }
    }
    ours.say(Opcode::Ping, b"p").await;
    assert_eq!(ours.hear().await, Heard::Pong(b"p".to_vec()));
    ours.say(Opcode::Close, &close::encode(CloseCode::NORMAL, "done")).await;
    assert_eq!(ours.hear().await, Heard::Close(Some(CloseCode::NORMAL), "done".into()));
    drop(ours);
    server.await.unwrap();
}

/// Text of about `bytes` bytes that compresses, and differs from one number to the next.
fn text(number: usize, bytes: usize) -> String {
    let word = format!("{{\"number\":{number},\"kind\":\"info\"}},");
    word.repeat(bytes / word.len() + 1)
}

const DEFLATED_BYTES: [usize; 6] = [0, 10, 1000, 8000, 40_000, 200_000];

/// yawc keeps its inflater's window between messages: what is shared must not depend on it.
#[tokio::test]
async fn yawc_as_a_client_inflates_spliced_messages_and_is_inflated() {
    let (ours, theirs) = duplex(100_000);
    let server = tokio::spawn(async {
        let (mut ours, upgrade) = Ours::accept(ours).await;
        assert_eq!(upgrade.compression, Compression::Deflate);
        for number in 0..60 {
            let expected = text(number, DEFLATED_BYTES[number % 6]).into_bytes();
            assert_eq!(ours.hear().await, Heard::Message(Kind::Text, expected.clone()));
            ours.say_spliced(format!("MESSAGE\nsubscription:{number}\n").as_bytes(), &expected)
                .await;
            ours.say(Opcode::Text, b"between").await;
        }
    });

    let options = yawc::Options::default().with_balanced_compression();
    let options = options.with_limits(BYTES_MAX, BYTES_MAX * 2);
    let url = "ws://localhost/ws".parse().unwrap();
    let mut client = yawc::WebSocket::handshake(url, theirs, options).await.unwrap();
    for number in 0..60 {
        let body = text(number, DEFLATED_BYTES[number % 6]);
        client.send(yawc::Frame::text(body.clone())).await.unwrap();
        let expected = format!("MESSAGE\nsubscription:{number}\n{body}");
        assert_eq!(client.next_frame().await.unwrap().as_str(), expected);
        assert_eq!(client.next_frame().await.unwrap().as_str(), "between");
    }
    server.await.unwrap();
}

#[tokio::test]
async fn yawc_as_a_server_inflates_us_and_is_inflated() {
    let (ours, theirs) = duplex(100_000);
    let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let server = tokio::spawn(async move {
        let options = yawc::Options::default().with_balanced_compression();
        let options = options.with_limits(BYTES_MAX, BYTES_MAX * 2);
        let mut server = yawc::WebSocket::from_stream_with_extensions(
            theirs,
            yawc::Role::Server,
            Some(agreed),
            options,
        )
        .unwrap();
        for _ in 0..60 {
            let frame = server.next_frame().await.unwrap();
            server.send(yawc::Frame::text(frame.into_payload())).await.unwrap();
        }
    });

    let mut ours = Ours::new(ours, Vec::new(), Role::Client, Compression::Deflate);
    for number in 0..60 {
        let body = text(number, DEFLATED_BYTES[number % 6]);
        ours.say_spliced(b"SEND\n", body.as_bytes()).await;
        let expected = [b"SEND\n", body.as_bytes()].concat();
        assert_eq!(ours.hear().await, Heard::Message(Kind::Text, expected));
    }
    server.await.unwrap();
}
