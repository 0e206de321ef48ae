//! A WebSocket, client's end, over TCP.

use std::borrow::Cow;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::websocket::close::{self, CloseCode};
use wire::websocket::deflate::Inflater;
use wire::websocket::frame::{Mask, Opcode, append_client};
use wire::websocket::handshake::{Answer, HEAD_BYTES_MAX, Key, Offer};
use wire::websocket::message::{Assembler, Compression, Event, Role};
use wire::websocket::subprotocol::Subprotocol;

use crate::error::Error;
use crate::uri::Uri;

/// The largest message taken, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Masks fetched from the system at once.
const MASKS_AT_ONCE: usize = 64;

/// What to ask for in the upgrade.
#[derive(Clone, Copy, Debug)]
pub struct Upgrade<'a> {
    /// Whether to offer permessage-deflate.
    pub is_compressing: bool,
    /// `Origin`, to look like a browser.
    pub origin: Option<&'a str>,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
}

/// A WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    stream: TcpStream,
    assembler: Assembler,
    inflater: Inflater,
    input: Vec<u8>,
    output: Vec<u8>,
    masks: Vec<[u8; 4]>,
    answer: Answer,
    received_bytes: u64,
    has_said_close: bool,
    /// How the peer ended it; told once all that came before has been.
    end: Option<Error>,
}

impl WebSocket {
    /// Asks for an upgrade on a fresh TCP connection.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] if the answer is no upgrade, with its status; [`Error::Lost`].
    pub async fn upgrade(
        mut stream: TcpStream,
        uri: &Uri,
        ask: Upgrade<'_>,
    ) -> Result<Self, Error> {
        stream.set_nodelay(true)?;
        let mut nonce = [0; 16];
        fill(&mut nonce)?;
        let offer = Offer {
            host: &uri.place(),
            target: &uri.path,
            key: Key::from_nonce(nonce),
            subprotocols: &Subprotocol::ALL,
            compression: match ask.is_compressing {
                true => Compression::Deflate,
                false => Compression::None,
            },
            origin: ask.origin,
            authorization: ask.authorization,
        };
        stream.write_all(&offer.request()).await?;
        let mut input = Vec::new();
        let (answer, taken) = loop {
            let answer = offer.parse_answer(&input);
            match answer.map_err(|error| Error::Protocol(error.to_string()))? {
                Some(answer) => break answer,
                None if input.len() > HEAD_BYTES_MAX => {
                    return Err(Error::Protocol("the answer's head is too long".to_owned()));
                }
                None => {}
            }
            if stream.read_buf(&mut input).await? == 0 {
                return Err(eof());
            }
        };
        input.drain(..taken);
        Ok(Self {
            stream,
            assembler: Assembler::new(Role::Client, answer.compression),
            inflater: Inflater::new(),
            input,
            output: Vec::new(),
            masks: Vec::new(),
            answer,
            received_bytes: 0,
            has_said_close: false,
            end: None,
        })
    }

    /// The subprotocol that the server confirmed, by name.
    pub fn subprotocol(&self) -> Option<&'static str> {
        self.answer.subprotocol.map(Subprotocol::name)
    }

    /// Whether the server may compress.
    pub fn is_compressing(&self) -> bool {
        self.answer.compression == Compression::Deflate
    }

    /// Bytes read from the socket after the upgrade, frames and all.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Sends one text message.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`].
    pub async fn send(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(Opcode::Text, payload)?;
        self.flush().await
    }

    fn queue(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Error> {
        if self.masks.is_empty() {
            let mut bytes = [0; MASKS_AT_ONCE * 4];
            fill(&mut bytes)?;
            let (masks, _) = bytes.as_chunks::<4>();
            self.masks.extend_from_slice(masks);
        }
        let mask = Mask(self.masks.pop().unwrap_or_default());
        append_client(&mut self.output, opcode, mask, payload);
        Ok(())
    }

    /// Says goodbye, unless that was said.
    fn queue_close(&mut self, code: CloseCode) -> Result<(), Error> {
        if self.has_said_close {
            return Ok(());
        }
        self.has_said_close = true;
        self.queue(Opcode::Close, &close::encode(code, ""))
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    /// Appends the payloads of all messages that one read brings, at least one. Pings are answered.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] with the peer's code if it closes, [`Error::Lost`], [`Error::Protocol`].
    pub async fn read(&mut self, payloads: &mut Vec<u8>) -> Result<(), Error> {
        while self.end.is_none() {
            let found = self.take_messages(payloads)?;
            if !self.output.is_empty() {
                let flushed = self.flush().await;
                // The peer that said goodbye need not hear ours.
                if self.end.is_none() {
                    flushed?;
                }
            }
            if found {
                return Ok(());
            }
            if self.end.is_some() {
                break;
            }
            match self.stream.read_buf(&mut self.input).await? {
                0 => return Err(eof()),
                bytes => self.received_bytes += bytes as u64,
            }
        }
        Err(self.end.clone().unwrap_or_else(eof))
    }

    fn take_messages(&mut self, payloads: &mut Vec<u8>) -> Result<bool, Error> {
        let mut input = std::mem::take(&mut self.input);
        let mut taken = 0;
        let mut found = false;
        loop {
            let rest = input.get_mut(taken..).unwrap_or_default();
            let step = self.assembler.next(rest, MESSAGE_BYTES_MAX, &mut self.inflater);
            let step = step.map_err(|violation| Error::Protocol(violation.to_string()))?;
            taken += step.taken_bytes;
            let pong = match step.event {
                None => break,
                Some(Event::Message(_, payload)) => {
                    found = true;
                    payloads.extend_from_slice(&payload);
                    continue;
                }
                Some(Event::Pong(_)) => continue,
                Some(Event::Close(code, reason)) => {
                    let text = reason.to_owned();
                    self.queue_close(code.unwrap_or(CloseCode::NORMAL))?;
                    let code = code.map_or(1005, |CloseCode(code)| code);
                    self.end = Some(Error::Closed { code, text });
                    break;
                }
                Some(Event::Ping(payload)) => Cow::Borrowed(payload).into_owned(),
            };
            self.queue(Opcode::Pong, &pong)?;
        }
        input.drain(..taken);
        self.input = input;
        Ok(found)
    }

    /// Says goodbye and waits for the peer's.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] if it is gone already.
    pub async fn close(mut self) -> Result<(), Error> {
        self.queue_close(CloseCode::NORMAL)?;
        if self.end.is_none() {
            self.flush().await?;
        }
        let mut ignored = Vec::new();
        loop {
            match self.read(&mut ignored).await {
                Ok(()) => ignored.clear(),
                Err(Error::Closed { .. } | Error::Lost(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|error| io::Error::other(error.to_string()).into())
}

fn eof() -> Error {
    io::Error::from(io::ErrorKind::UnexpectedEof).into()
}
