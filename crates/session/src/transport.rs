//! What lies between the socket's bytes and the session's: nothing (TCP, TLS), or WebSocket frames.

use std::time::Instant;

use wire::websocket::{CloseCode, Inflater, Violation};

use crate::action::Actions;
use crate::outbox::Framing;
use crate::session::Session;
use crate::websocket::WebSocket;

/// What lies between the socket's bytes and the session's.
#[derive(Debug)]
pub enum Transport {
    /// Nothing: the bytes are the session's.
    Stream,
    /// WebSocket frames.
    WebSocket(Box<WebSocket>),
}

/// What feeding took and found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fed {
    /// Bytes that are done with; the rest is to be kept.
    pub(crate) taken_bytes: usize,
    /// What else there was.
    pub(crate) found: Found,
}

/// What a transport found among the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing but the session's bytes.
    More,
    /// The peer closes its WebSocket; nothing that follows is to be read.
    PeerClosed(Option<CloseCode>),
    /// The peer broke the framing's rules.
    Violation(Violation),
}

impl Transport {
    /// How frames are put on the wire.
    pub(crate) fn framing(&self) -> Framing {
        match self {
            Self::Stream => Framing::Stream,
            Self::WebSocket(websocket) => websocket.framing(),
        }
    }

    /// Feeds the session with what `input` holds, as far as it takes it.
    pub(crate) fn feed<P: Session>(
        &mut self,
        session: &mut P,
        now: Instant,
        input: &mut [u8],
        actions: &mut Actions,
        inflater: &mut Inflater,
    ) -> Fed {
        match self {
            Self::Stream => {
                let taken_bytes = feed_all(session, now, input, actions);
                Fed { taken_bytes, found: Found::More }
            }
            Self::WebSocket(websocket) => websocket.feed(session, now, input, actions, inflater),
        }
    }

    /// Notes that bytes came.
    pub(crate) fn received(&mut self, now: Instant) {
        if let Self::WebSocket(websocket) = self {
            websocket.received(now);
        }
    }

    /// When it will have been idle for too long, if that matters to it.
    pub(crate) fn idle_deadline(&self) -> Option<Instant> {
        match self {
            Self::Stream => None,
            Self::WebSocket(websocket) => websocket.idle_deadline(),
        }
    }
}

/// Feeds the session until it takes no more, and says how much it took.
pub(crate) fn feed_all<P: Session>(
    session: &mut P,
    now: Instant,
    input: &[u8],
    actions: &mut Actions,
) -> usize {
    let mut taken = 0;
    while taken < input.len() && actions.close.is_none() && session.is_reading() {
        let rest = input.get(taken..).unwrap_or_default();
        match session.receive(now, rest, actions) {
            0 => break,
            bytes => taken += bytes,
        }
    }
    taken
}
