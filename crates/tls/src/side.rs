//! The two ends of a connection, which rustls gives two types without a common trait.

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::UnbufferedStatus;

/// One end of a TLS connection.
pub trait Side: Send + Unpin {
    /// What rustls keeps for this end.
    type Own;

    /// Goes on with what was received; `incoming` begins where the last call's discard ended.
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8])
    -> UnbufferedStatus<'c, 'i, Self::Own>;

    /// Whether the handshake still goes on.
    fn is_handshaking(&self) -> bool;

    /// Whether messages of the protocol itself wait to be encoded.
    fn has_more_to_say(&self) -> bool;
}

impl Side for UnbufferedServerConnection {
    type Own = ServerConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Own> {
        self.process_tls_records(incoming)
    }

    fn is_handshaking(&self) -> bool {
        (**self).is_handshaking()
    }

    fn has_more_to_say(&self) -> bool {
        self.wants_write()
    }
}

impl Side for UnbufferedClientConnection {
    type Own = ClientConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Own> {
        self.process_tls_records(incoming)
    }

    fn is_handshaking(&self) -> bool {
        (**self).is_handshaking()
    }

    fn has_more_to_say(&self) -> bool {
        self.wants_write()
    }
}
