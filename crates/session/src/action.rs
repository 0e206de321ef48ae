//! What a session wants done: commands for the engine, bytes for the peer, the end of it all.

use engine::Command;

use crate::outbox::Outbox;

/// What a session wants done after a call. The driver carries it out and empties it.
///
/// Order: first `commands` are submitted (and the events they cause are heard, which may add more),
/// then, if `close` is set, the link is closed (exclusive queues go, unsettled messages return),
/// then the outbox is written. So a goodbye that is already in the outbox leaves after all that
/// came before it.
#[derive(Debug, Default)]
pub struct Actions {
    /// For the engine, in order.
    pub commands: Vec<Command>,
    /// For the peer, in order.
    pub outbox: Outbox,
    /// Set once the connection shall end after what is in the outbox.
    pub close: Option<Close>,
}

/// How a connection ends. TCP has one way; WebSocket says a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Close {
    /// The protocol's own end: DISCONNECT, an ERROR that closes, missed heart-beats, login
    /// time-out. WebSocket: 1000 `STOMP died`.
    Orderly,
    /// The peer's bytes are no frames; the reason is the parser's term. WebSocket: 1007.
    Malformed(Box<str>),
    /// The peer broke a rule there is no frame to answer with. WebSocket: 1011.
    Broken,
    /// The node goes down. WebSocket: 1012.
    GoingDown,
}

impl Actions {
    /// Ends the connection, unless an earlier call has already said how.
    pub fn end(&mut self, close: Close) {
        self.close.get_or_insert(close);
    }

    /// Ready for the next connection: keeps the buffers, forgets what is in them.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.outbox.clear();
        self.close = None;
    }
}
