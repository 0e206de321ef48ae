//! A STOMP session over a WebSocket.

use tokio::net::TcpStream;
use wire::stomp::command::Command;
use wire::stomp::decoder::{Decoded, Decoder, Role};
use wire::stomp::encoder::FrameWriter;
use wire::stomp::header::Header;

use super::socket::{Upgrade, WebSocket};
use crate::error::Error;
use crate::uri::Uri;

/// The largest frame taken, in bytes.
const FRAME_BYTES_MAX: usize = 64 << 20;

/// What CONNECT says.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The user.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
    /// The vhost.
    pub vhost: &'a str,
    /// Heart-beats: what we can send, what we want, in milliseconds.
    pub heartbeat_ms: (u32, u32),
}

/// What CONNECTED said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connected {
    /// The version agreed on.
    pub version: String,
    /// What the server says it is; empty if it says nothing.
    pub server: String,
    /// What the server will send and wants, in milliseconds.
    pub heartbeat: String,
}

/// A frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// `MESSAGE`, `RECEIPT`, `ERROR` …; empty for a heart-beat.
    pub command: String,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Received {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_it = |(found, _): &&(String, String)| found == name;
        self.headers.iter().find(is_it).map(|(_, value)| value.as_str())
    }

    /// Whether it is only a sign of life.
    pub fn is_heartbeat(&self) -> bool {
        self.command.is_empty()
    }
}

/// A STOMP session.
///
/// ```no_run
/// # async fn example() -> Result<(), hopwire_client::Error> {
/// use hopwire_client::{Uri, stomp::Connection};
///
/// let mut connection = Connection::open(&Uri::parse("ws://localhost:15674/ws")?).await?;
/// connection.subscribe("1", "/topic/news").await?;
/// connection.send("/topic/news", &[], b"hello").await?;
/// let message = connection.next().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Connection {
    socket: WebSocket,
    decoder: Decoder,
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
}

impl Connection {
    /// Connects, upgrades and logs in.
    ///
    /// # Errors
    ///
    /// [`Error`] of the step that failed.
    pub async fn open(uri: &Uri) -> Result<Self, Error> {
        let stream = TcpStream::connect((uri.host.as_str(), uri.port)).await?;
        let ask = Upgrade { is_compressing: true, origin: None, authorization: None };
        let mut ours = Self::new(WebSocket::upgrade(stream, uri, ask).await?);
        let (user, password) = (uri.user.as_str(), uri.password.as_str());
        ours.connect(Login { user, password, vhost: "/", heartbeat_ms: (0, 0) }).await?;
        Ok(ours)
    }

    /// A session that has not logged in.
    pub fn new(socket: WebSocket) -> Self {
        let decoder = Decoder::new(Role::Client, FRAME_BYTES_MAX);
        Self { socket, decoder, input: Vec::new(), taken: 0, output: Vec::new() }
    }

    /// Logs in.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the ERROR frame's text.
    pub async fn connect(&mut self, login: Login<'_>) -> Result<Connected, Error> {
        let heartbeat = format!("{},{}", login.heartbeat_ms.0, login.heartbeat_ms.1);
        self.write(Command::Connect, b"", |frame| {
            frame
                .header("accept-version", "1.2,1.1,1.0")
                .header("host", login.vhost)
                .header("login", login.user)
                .header("passcode", login.password)
                .header("heart-beat", &heartbeat)
        })
        .await?;
        let answer = self.next().await?;
        let value = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        match answer.command.as_str() {
            "CONNECTED" => Ok(Connected {
                version: value("version"),
                server: value("server"),
                heartbeat: value("heart-beat"),
            }),
            _ => Err(refused(&answer)),
        }
    }

    /// Subscribes with automatic acknowledgement and waits for the receipt; messages that come
    /// before it are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the ERROR frame's text.
    pub async fn subscribe(&mut self, id: &str, destination: &str) -> Result<(), Error> {
        let receipt = format!("subscribe-{id}");
        self.write(Command::Subscribe, b"", |frame| {
            frame.header("id", id).header("destination", destination).header("receipt", &receipt)
        })
        .await?;
        loop {
            let answer = self.next().await?;
            match answer.command.as_str() {
                "RECEIPT" if answer.header("receipt-id") == Some(&receipt) => return Ok(()),
                "ERROR" => return Err(refused(&answer)),
                _ => {}
            }
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`].
    pub async fn send(
        &mut self,
        destination: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(), Error> {
        self.write(Command::Send, body, |frame| {
            let frame = frame.header("destination", destination);
            headers.iter().fold(frame, |frame, (name, value)| frame.header(name, value))
        })
        .await
    }

    /// Sends a heart-beat.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`].
    pub async fn send_heartbeat(&mut self) -> Result<(), Error> {
        self.socket.send(wire::stomp::encoder::HEART_BEAT).await
    }

    async fn write(
        &mut self,
        command: Command,
        body: &[u8],
        headers: impl for<'a> FnOnce(FrameWriter<'a>) -> FrameWriter<'a>,
    ) -> Result<(), Error> {
        self.output.clear();
        headers(FrameWriter::begin(&mut self.output, command)).finish(body);
        self.socket.send(&self.output).await
    }

    /// The next frame that is no heart-beat.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::Lost`], [`Error::Protocol`].
    pub async fn next(&mut self) -> Result<Received, Error> {
        loop {
            let received = self.next_or_heartbeat().await?;
            if !received.is_heartbeat() {
                return Ok(received);
            }
        }
    }

    /// The next frame or heart-beat.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::Lost`], [`Error::Protocol`].
    pub async fn next_or_heartbeat(&mut self) -> Result<Received, Error> {
        loop {
            let is_behind_frame = self.taken > 0;
            match self.decode()? {
                Some(received) if received.is_heartbeat() && is_behind_frame => {}
                Some(received) => return Ok(received),
                None => {
                    self.input.drain(..self.taken);
                    self.taken = 0;
                    self.socket.read(&mut self.input).await?;
                }
            }
        }
    }

    /// Decodes what was read. The LF behind a frame shows as a heart-beat that is none: it is part
    /// of RabbitMQ's frame end.
    fn decode(&mut self) -> Result<Option<Received>, Error> {
        let rest = self.input.get(self.taken..).unwrap_or_default();
        let decoded = self.decoder.decode(rest);
        let decoded = decoded.map_err(|error| Error::Protocol(error.to_string()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (received, consumed) = match decoded {
            Decoded::NeedMore => return Ok(None),
            Decoded::HeartBeat { consumed } => (
                Received { command: String::new(), headers: Vec::new(), body: Vec::new() },
                consumed,
            ),
            Decoded::Frame { frame, consumed } => {
                let pair = |header: &Header<'_>| (text(&header.name()), text(&header.value()));
                let command = text(frame.command_line);
                let headers = frame.headers.iter().map(pair).collect();
                (Received { command, headers, body: frame.body.to_vec() }, consumed)
            }
        };
        self.taken += consumed;
        Ok(Some(received))
    }

    /// The WebSocket under it.
    pub fn socket(&self) -> &WebSocket {
        &self.socket
    }

    /// Says DISCONNECT, waits for its receipt, and closes.
    ///
    /// # Errors
    ///
    /// [`Error`] if the server does not answer.
    pub async fn disconnect(mut self) -> Result<(), Error> {
        self.write(Command::Disconnect, b"", |frame| frame.header("receipt", "bye")).await?;
        while self.next().await?.header("receipt-id") != Some("bye") {}
        self.socket.close().await
    }
}

fn refused(frame: &Received) -> Error {
    let text = String::from_utf8_lossy(&frame.body);
    let message = frame.header("message").unwrap_or(&frame.command);
    Error::Refused { code: 0, text: format!("{message}: {}", text.trim_end()) }
}
