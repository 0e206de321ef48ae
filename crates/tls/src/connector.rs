//! The client's end: how connections are opened.

use std::io;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::stream::{ClientStream, Stream};

/// Opens connections. A clone shares everything.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
}

impl Connector {
    /// Believes servers with a certificate from one of these authorities.
    ///
    /// # Errors
    ///
    /// What rustls says about its own settings.
    pub fn new(roots: RootCertStore) -> Result<Self, String> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config) })
    }

    /// Shakes hands with the server that has this name (or address).
    ///
    /// # Errors
    ///
    /// The name is none, or the server is not to be believed, or refused, or is gone.
    pub async fn connect<S>(&self, name: &str, socket: S) -> io::Result<ClientStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let tls = UnbufferedClientConnection::new(Arc::clone(&self.config), name);
        Stream::shake_hands(socket, tls.map_err(io::Error::other)?).await
    }
}
