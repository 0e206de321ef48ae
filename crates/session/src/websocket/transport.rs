//! A WebSocket between the socket and a session: messages in, as one stream of bytes, pings
//! answered.

use std::time::{Duration, Instant};

use wire::websocket::frame::append_server;
use wire::websocket::{
    Assembler, CloseCode, Compression, Event, Inflater, Opcode, Role, Step, close,
};

use crate::action::{Actions, Close};
use crate::outbox::Framing;
use crate::session::Session;
use crate::transport::{Fed, Found, feed_all};
use crate::websocket::upgrade::Settings;

/// RabbitMQ's reason for every orderly end.
const REASON_ORDERLY: &str = "STOMP died";

/// One WebSocket, upgraded.
#[derive(Debug)]
pub struct WebSocket {
    assembler: Assembler,
    /// What the messages so far said and the session has not taken yet.
    decoded: Vec<u8>,
    framing: Framing,
    idle_timeout: Duration,
    received_at: Instant,
}

impl WebSocket {
    /// Begins behind the upgrade.
    pub fn new(now: Instant, compression: Compression, settings: &Settings) -> Self {
        let deflate_above_bytes = match compression {
            Compression::None => None,
            Compression::Deflate => Some(settings.deflate_above_bytes),
        };
        Self {
            assembler: Assembler::new(Role::Server, compression),
            decoded: Vec::new(),
            framing: Framing::WebSocket { is_binary: settings.is_binary, deflate_above_bytes },
            idle_timeout: settings.idle_timeout,
            received_at: now,
        }
    }

    /// How frames are put on the wire.
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// Notes that bytes came, of whatever kind.
    pub(crate) fn received(&mut self, now: Instant) {
        self.received_at = now;
    }

    /// When it will have been idle for too long.
    pub(crate) fn idle_deadline(&self) -> Option<Instant> {
        self.received_at.checked_add(self.idle_timeout)
    }

    /// Feeds the session with the messages in `input`, and answers pings.
    pub(crate) fn feed<P: Session>(
        &mut self,
        session: &mut P,
        now: Instant,
        input: &mut [u8],
        actions: &mut Actions,
        inflater: &mut Inflater,
    ) -> Fed {
        self.feed_decoded(session, now, actions);
        let mut rest = input;
        let mut taken_bytes = 0;
        let found = loop {
            if actions.close.is_some() || !session.is_reading() {
                break Found::More;
            }
            let bytes_max = session.message_bytes_max();
            let step = match self.assembler.next(rest, bytes_max, inflater) {
                Ok(step) => step,
                Err(violation) => break Found::Violation(violation),
            };
            let Step { taken_bytes: step_bytes, event } = step;
            match event {
                Some(Event::Message(_, payload)) if self.decoded.is_empty() => {
                    let used = feed_all(session, now, &payload, actions);
                    self.decoded.extend_from_slice(payload.get(used..).unwrap_or_default());
                }
                Some(Event::Message(_, payload)) => {
                    self.decoded.extend_from_slice(&payload);
                    self.feed_decoded(session, now, actions);
                }
                Some(Event::Ping(payload)) => {
                    append_server(actions.outbox.buffer(), Opcode::Pong, payload);
                }
                Some(Event::Pong(_)) => {}
                Some(Event::Close(code, _)) => break Found::PeerClosed(code),
                None => {
                    taken_bytes += step_bytes;
                    break Found::More;
                }
            }
            taken_bytes += step_bytes;
            rest = rest.get_mut(step_bytes..).unwrap_or_default();
        };
        Fed { taken_bytes, found }
    }

    fn feed_decoded<P: Session>(&mut self, session: &mut P, now: Instant, actions: &mut Actions) {
        if self.decoded.is_empty() || actions.close.is_some() {
            return;
        }
        let used = feed_all(session, now, &self.decoded, actions);
        // What is left is small, or will soon grow: a buffer of its own size either way.
        if used > 0 {
            self.decoded = self.decoded.get(used..).unwrap_or_default().to_vec();
        }
    }

    /// Whether the peer's answer to our Close is in `input`, or what makes waiting for it
    /// pointless; and how many bytes were looked at.
    pub(crate) fn has_answered(
        &mut self,
        input: &mut [u8],
        bytes_max: usize,
        inflater: &mut Inflater,
    ) -> (usize, bool) {
        let mut rest = input;
        let mut taken = 0;
        loop {
            let Ok(Step { taken_bytes, event }) = self.assembler.next(rest, bytes_max, inflater)
            else {
                return (taken, true);
            };
            taken += taken_bytes;
            match event {
                Some(Event::Close(..)) => return (taken, true),
                None => return (taken, false),
                Some(_) => rest = rest.get_mut(taken_bytes..).unwrap_or_default(),
            }
        }
    }
}

/// Appends the Close frame for an end that is ours.
pub(crate) fn append_goodbye(out: &mut Vec<u8>, close: &Close) {
    let (code, reason) = match close {
        Close::Orderly => (CloseCode::NORMAL, REASON_ORDERLY),
        Close::Malformed(reason) => (CloseCode::INVALID_DATA, &**reason),
        Close::Broken => (CloseCode::INTERNAL, ""),
        Close::GoingDown => (CloseCode::RESTART, ""),
    };
    append_close(out, Some(code), reason);
}

/// Appends a Close frame.
pub(crate) fn append_close(out: &mut Vec<u8>, code: Option<CloseCode>, reason: &str) {
    let payload = code.map(|code| close::encode(code, reason)).unwrap_or_default();
    append_server(out, Opcode::Close, &payload);
}
