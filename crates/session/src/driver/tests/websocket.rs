//! The same session behind a WebSocket, and a client that says what it likes.

use wire::websocket::frame::append_client;
use wire::websocket::{
    Assembler, Compression, Event as Incoming, Inflater, Mask, Opcode, Role, close,
};

use super::*;
use crate::websocket::{Settings, WebSocket};

const MASK: Mask = Mask([9, 8, 7, 6]);

/// The client's end.
struct Client {
    stream: DuplexStream,
    unread: Vec<u8>,
    assembler: Assembler,
}

impl Client {
    fn start(session: Lines, shutdown: &Shutdown) -> (Self, Running) {
        let (ours, stream) = duplex(100_000);
        let settings = Settings::default();
        let websocket = WebSocket::new(now(), Compression::None, &settings);
        let upgraded = Upgraded {
            stream: ours,
            transport: Transport::WebSocket(Box::new(websocket)),
            unread: Vec::new(),
            authorization: None,
        };
        let driver = Driver::websocket(upgraded, session, link(), shutdown.watch());
        let assembler = Assembler::new(Role::Client, Compression::None);
        (Self { stream, unread: Vec::new(), assembler }, tokio::spawn(driver))
    }

    async fn say(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut out = Vec::new();
        append_client(&mut out, opcode, MASK, payload);
        self.stream.write_all(&out).await.unwrap();
    }

    /// What comes next: a text, `pong …`, `close <code> <reason>`, or `end`.
    async fn hear(&mut self) -> String {
        let mut inflater = Inflater::new();
        loop {
            let step = self.assembler.next(&mut self.unread, 1 << 20, &mut inflater).unwrap();
            let text = |payload: &[u8]| String::from_utf8_lossy(payload).into_owned();
            let heard = step.event.map(|event| match event {
                Incoming::Message(_, payload) => text(&payload),
                Incoming::Ping(payload) => format!("ping {}", text(payload)),
                Incoming::Pong(payload) => format!("pong {}", text(payload)),
                Incoming::Close(None, _) => "close".into(),
                Incoming::Close(Some(code), reason) => format!("close {code} {reason}"),
            });
            let taken = step.taken_bytes;
            self.unread.drain(..taken);
            if let Some(heard) = heard {
                return heard;
            }
            if self.stream.read_buf(&mut self.unread).await.unwrap() == 0 {
                return "end".into();
            }
        }
    }
}

#[tokio::test]
async fn messages_are_one_stream_and_frames_one_message_each() {
    let (mut client, _running) = Client::start(Lines::default(), &Shutdown::default());
    client.say(Opcode::Text, b"one\ntwo\nth").await;
    client.say(Opcode::Ping, b"?").await;
    client.say(Opcode::Binary, b"re").await;
    client.say(Opcode::Text, b"e\nfour\nask\nfive\n").await;
    for expected in ["one\n", "two\n", "pong ?", "three\n", "four\n", "answered\n", "five\n"] {
        assert_eq!(client.hear().await, expected);
    }
}

#[tokio::test]
async fn each_end_has_its_close_code() {
    let check = async |order: &[u8], expected: &str| {
        let (mut client, running) = Client::start(Lines::default(), &Shutdown::default());
        client.say(Opcode::Text, order).await;
        let mut heard = client.hear().await;
        if heard == "so long\n" {
            heard = client.hear().await;
        }
        assert_eq!(heard, expected);
        client.say(Opcode::Text, b"unheard\n").await;
        client.say(Opcode::Close, &close::encode(CloseCode::NORMAL, "")).await;
        assert_eq!(client.hear().await, "end");
        drop(client);
        running.await.unwrap();
    };
    check(b"quit\n", "close 1000 STOMP died").await;
    check(b"bad\n", "close 1007 {bad}").await;
    check(b"crash\n", "close 1011 ").await;
    check(b"\xFF", "close 1007 ").await;
    check(&[b'x'; 1001], "close 1009 ").await;
}

#[tokio::test]
async fn a_broken_frame_is_a_protocol_error() {
    let (mut client, running) = Client::start(Lines::default(), &Shutdown::default());
    client.stream.write_all(b"\x81\x02hi").await.unwrap();
    assert_eq!(client.hear().await, "close 1002 ");
    assert_eq!(client.hear().await, "end");
    drop(client);
    running.await.unwrap();
}

#[tokio::test]
async fn a_client_that_closes_hears_its_code_again() {
    for (payload, expected) in
        [(close::encode(CloseCode(3000), "bye"), "close 3000 "), (Vec::new(), "close")]
    {
        let (mut client, running) = Client::start(Lines::default(), &Shutdown::default());
        client.say(Opcode::Text, b"last\n").await;
        client.say(Opcode::Close, &payload).await;
        assert_eq!(client.hear().await, "last\n");
        assert_eq!(client.hear().await, expected);
        assert_eq!(client.hear().await, "end");
        running.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_for_a_minute_is_let_go() {
    let (mut client, running) = Client::start(Lines::default(), &Shutdown::default());
    let started = TestInstant::now();
    tokio::time::advance(Duration::from_secs(59)).await;
    client.say(Opcode::Pong, b"").await;
    assert_eq!(client.hear().await, "close 1000 ");
    let waited = started.elapsed();
    let expected = Duration::from_secs(119);
    assert!(waited >= expected && waited < expected + TOLERANCE, "{waited:?}");
    client.say(Opcode::Close, b"").await;
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_our_close_is_left() {
    let (mut client, running) = Client::start(Lines::default(), &Shutdown::default());
    let started = TestInstant::now();
    client.say(Opcode::Text, b"crash\n").await;
    assert_eq!(client.hear().await, "close 1011 ");
    assert_eq!(client.hear().await, "end");
    running.await.unwrap();
    let waited = started.elapsed();
    assert!(waited >= CLOSE_TIMEOUT && waited < CLOSE_TIMEOUT + TOLERANCE, "{waited:?}");
}

#[tokio::test]
async fn browsers_hear_that_the_node_restarts() {
    let shutdown = Shutdown::default();
    let (mut client, _running) = Client::start(Lines::default(), &shutdown);
    settle().await;
    shutdown.begin();
    assert_eq!(client.hear().await, "going down\n");
    assert_eq!(client.hear().await, "close 1012 ");
}

/// A peer that an alarm holds is not read, so nobody knows whether it was silent.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_read_is_not_idle() {
    let session = Lines { is_waiting: true, beat_at: Some(now() + BEAT), ..Lines::default() };
    let (mut client, _running) = Client::start(session, &Shutdown::default());
    let started = TestInstant::now();
    // Three minutes of heart-beats: no close among them.
    while started.elapsed() < Duration::from_secs(180) {
        assert_eq!(client.hear().await, "\n");
    }
}
