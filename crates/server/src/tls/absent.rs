//! A build without TLS says so to whoever wants a TLS listener.

use std::convert::Infallible;
use std::io;

use tokio::net::TcpStream;

use super::Wanted;
use crate::config::ConvertError;

/// Never there.
pub(crate) type Stream = TcpStream;

/// There is none.
#[derive(Clone, Debug)]
pub(crate) struct Acceptor(Infallible);

impl Acceptor {
    /// Fails.
    ///
    /// # Errors
    ///
    /// Always: names the listener's key.
    pub(crate) fn new(wanted: Wanted<'_>) -> Result<Self, ConvertError> {
        let reason = "this hopwire was built without TLS (cargo feature 'tls')";
        Err(ConvertError::new(wanted.listener_key, reason))
    }

    /// Never called, as there is no acceptor to call it on.
    pub(crate) async fn accept(&self, _: TcpStream) -> io::Result<Stream> {
        match self.0 {}
    }
}
