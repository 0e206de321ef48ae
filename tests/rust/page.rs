//! A light STOMP page: says frames as they are written, and hears frames with little ado, so that
//! hundreds of them fit into one test.

use std::collections::VecDeque;
use std::net::SocketAddr;

use client::Error;
use client::Uri;
use client::stomp::{Upgrade, WebSocket};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::broker::WAIT_MAX;

/// What a page has the kernel keep of what it has not read, in bytes: more than one segment on
/// loopback, and little, so that one that reads nothing is felt by the broker.
const RECEIVE_BUFFER_BYTES: u32 = 256 * 1024;

/// A page that is logged in as guest.
pub(crate) struct Page {
    socket: WebSocket,
    input: Vec<u8>,
    taken: usize,
    /// Heard while something else was awaited.
    early: VecDeque<Frame>,
}

/// A frame from the broker.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Command and headers.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Frame {
    /// The command.
    pub(crate) fn command(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1);
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }

    /// Which subscription it is for.
    pub(crate) fn subscription(&self) -> &str {
        assert_eq!(self.command(), "MESSAGE", "{}", self.shown());
        self.header("subscription").unwrap()
    }

    /// How many messages the subscription lost since its last MESSAGE.
    pub(crate) fn dropped(&self) -> u64 {
        self.header("x-dropped").map_or(0, |count| count.parse().unwrap())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn shown(&self) -> String {
        format!("{}\n\n{}", self.head, String::from_utf8_lossy(&self.body))
    }
}

impl Page {
    /// Connects to a Web STOMP listener and logs in.
    pub(crate) async fn at(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).unwrap();
        let stream = socket.connect(address).await.unwrap();
        let uri = Uri::parse(&format!("ws://{address}/ws")).unwrap();
        let ask = Upgrade { is_compressing: false, origin: None, authorization: None };
        let socket = WebSocket::upgrade(stream, &uri, ask).await.unwrap();
        let mut page = Self { socket, input: Vec::new(), taken: 0, early: VecDeque::new() };
        page.say("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0").await;
        let connected = page.next().await;
        assert_eq!(connected.command(), "CONNECTED", "{}", connected.shown());
        page
    }

    /// Sends frames as they are, as one message.
    pub(crate) async fn say(&mut self, frames: impl AsRef<[u8]>) {
        self.socket.send(frames.as_ref()).await.unwrap();
    }

    /// Subscribes with more header lines, each ending in a line feed, and awaits the receipt.
    pub(crate) async fn subscribe(&mut self, id: &str, destination: &str, more: &str) {
        let subscribe =
            format!("SUBSCRIBE\nid:{id}\ndestination:{destination}\nreceipt:+{id}\n{more}\n\0");
        self.say(subscribe).await;
        self.receipt(&format!("+{id}")).await;
    }

    /// Awaits a receipt; messages that come before it are kept for [`Self::next`].
    pub(crate) async fn receipt(&mut self, receipt: &str) {
        loop {
            let frame = self.read().await.unwrap_or_else(|error| panic!("{receipt}: {error}"));
            match frame.command() {
                "MESSAGE" => self.early.push_back(frame),
                "RECEIPT" if frame.header("receipt-id") == Some(receipt) => return,
                _ => panic!("wanted receipt {receipt}, heard {}", frame.shown()),
            }
        }
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Frame {
        match self.early.pop_front() {
            Some(frame) => frame,
            None => self.read().await.unwrap(),
        }
    }

    /// The next frame off the socket.
    pub(crate) async fn read(&mut self) -> Result<Frame, Error> {
        loop {
            if let Some(frame) = self.parse() {
                return Ok(frame);
            }
            self.input.drain(..self.taken);
            self.taken = 0;
            let read = self.socket.read(&mut self.input);
            timeout(WAIT_MAX, read).await.expect("a frame in time")?;
        }
    }

    /// A frame, if a whole one is there: messages of a WebSocket hold whole frames only.
    fn parse(&mut self) -> Option<Frame> {
        let rest = &self.input[self.taken..];
        let start = rest.iter().position(|byte| *byte != b'\n')?;
        let rest = &rest[start..];
        let end = rest.windows(2).position(|pair| pair == b"\n\n").expect("a head");
        let head = String::from_utf8(rest[..end].to_vec()).unwrap();
        let mut frame = Frame { head, body: Vec::new() };
        let body = &rest[end + 2..];
        let bytes = match frame.header("content-length") {
            Some(length) => length.parse().unwrap(),
            None => body.iter().position(|byte| *byte == 0).expect("an end"),
        };
        frame.body = body[..bytes].to_vec();
        assert_eq!(body[bytes], 0, "a frame ends in NUL");
        self.taken += start + end + 2 + bytes + 1;
        Some(frame)
    }
}
