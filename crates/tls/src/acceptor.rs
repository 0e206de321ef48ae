//! The server's end: how connections are accepted.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, UnbufferedServerConnection, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::credentials::Credentials;
use crate::stream::{ServerStream, Stream};

/// Tickets given to each client for its next handshake. A browser opens one connection at a time;
/// the ticket spares us a signature when ten thousand of them come back at once.
const TICKETS: usize = 1;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl Version {
    /// All that there are.
    pub const ALL: [Self; 2] = [Self::V1_2, Self::V1_3];

    fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::V1_2 => &rustls::version::TLS12,
            Self::V1_3 => &rustls::version::TLS13,
        }
    }
}

/// Whether clients are asked for certificates.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// They are not.
    Unasked,
    /// A client may show one, issued by one of these authorities.
    Optional(RootCertStore),
    /// A client must show one, issued by one of these authorities.
    Required(RootCertStore),
}

/// How connections are accepted.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// What is shown to clients.
    pub credentials: Credentials,
    /// What clients must show.
    pub clients: ClientCertificates,
    /// Which versions are spoken.
    pub versions: Vec<Version>,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
}

/// Accepts connections. A clone shares everything.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    handshake_timeout: Duration,
}

impl Acceptor {
    /// With these settings.
    ///
    /// # Errors
    ///
    /// No version is spoken, or there is no authority to ask for, or the system gives no
    /// randomness.
    pub fn new(settings: ServerSettings) -> Result<Self, String> {
        let said = |error: rustls::Error| error.to_string();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions: Vec<_> = settings.versions.iter().map(|one| one.supported()).collect();
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(said)?;
        let verifier = |roots: RootCertStore| {
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        };
        let verifier = match settings.clients {
            ClientCertificates::Unasked => Ok(WebPkiClientVerifier::no_client_auth()),
            ClientCertificates::Optional(roots) => verifier(roots).allow_unauthenticated().build(),
            ClientCertificates::Required(roots) => verifier(roots).build(),
        };
        let verifier = verifier.map_err(|error| error.to_string())?;
        let resolver = SingleCertAndKey::from(settings.credentials.0);
        let mut config =
            config.with_client_cert_verifier(verifier).with_cert_resolver(Arc::new(resolver));
        // What a session needs to go on is in its ticket: nothing is kept here for it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(said)?;
        config.send_tls13_tickets = TICKETS;
        Ok(Self { config: Arc::new(config), handshake_timeout: settings.handshake_timeout })
    }

    /// Shakes hands with a client. To be boxed: it is gone before the session begins.
    ///
    /// # Errors
    ///
    /// The client broke the protocol, or refused, or took too long
    /// ([`io::ErrorKind::TimedOut`]), or is gone.
    pub async fn accept<S>(&self, socket: S) -> io::Result<ServerStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let tls = UnbufferedServerConnection::new(Arc::clone(&self.config));
        let tls = tls.map_err(io::Error::other)?;
        match timeout(self.handshake_timeout, Stream::shake_hands(socket, tls)).await {
            Ok(stream) => stream,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long")),
        }
    }
}
