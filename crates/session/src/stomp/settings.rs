//! What an operator can change about STOMP sessions, and what carries one.

use std::fmt;
use std::time::Duration;

/// What an operator can change about STOMP sessions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Used where CONNECT has no `login`, or no `passcode`; `None` asks every peer for both.
    /// Default guest/guest (RabbitMQ `stomp.default_user`, `stomp.default_pass`).
    pub default_credentials: Option<Credentials>,
    /// Used where CONNECT has no `host`. Default `/` (RabbitMQ `stomp.default_vhost`).
    pub default_vhost: Box<str>,
    /// The exchange behind `/topic/`. Default `amq.topic` (RabbitMQ
    /// `stomp.default_topic_exchange`).
    pub default_topic_exchange: Box<str>,
    /// Whether a NACK without `requeue` requeues. Default true (RabbitMQ
    /// `stomp.default_nack_requeue`).
    pub is_nack_requeued: bool,
    /// Whether the first frame over TCP may be another than CONNECT. Default false (RabbitMQ
    /// `stomp.implicit_connect`).
    pub is_connect_implicit: bool,
    /// How long a peer may take from the accept to its login. Default 10 s (RabbitMQ
    /// `stomp.login_timeout`).
    pub login_timeout: Duration,
    /// Whether CONNECTED keeps silent about the server. Default false (RabbitMQ
    /// `stomp.hide_server_info`).
    pub is_server_hidden: bool,
    /// The largest frame, in bytes. Default 4 MiB (RabbitMQ `stomp.max_frame_size`).
    pub frame_bytes_max: usize,
    /// The largest frame before the login, in bytes. Default 64 KiB (RabbitMQ
    /// `stomp.max_frame_size_unauthenticated`; there for WebSocket only, here for both).
    pub frame_bytes_max_before_login: usize,
    /// The largest body, in bytes. Default 16 MiB (RabbitMQ `max_message_size`).
    pub message_bytes_max: u64,
    /// The prefetch of a subscription that asks for none; 0 is no limit. Default 0 (RabbitMQ
    /// `default_consumer_prefetch`).
    pub prefetch: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_credentials: Some(Credentials {
                login: b"guest".as_slice().into(),
                passcode: b"guest".as_slice().into(),
            }),
            default_vhost: "/".into(),
            default_topic_exchange: "amq.topic".into(),
            is_nack_requeued: true,
            is_connect_implicit: false,
            login_timeout: Duration::from_secs(10),
            is_server_hidden: false,
            frame_bytes_max: 4_194_304,
            frame_bytes_max_before_login: 65_536,
            message_bytes_max: 16_777_216,
            prefetch: 0,
        }
    }
}

/// A user and a password as a peer gives them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub login: Box<[u8]>,
    /// The password; never logged.
    pub passcode: Box<[u8]>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("login", &String::from_utf8_lossy(&self.login))
            .finish_non_exhaustive()
    }
}

/// What carries a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// TCP, with or without TLS.
    Tcp,
    /// WebSocket.
    WebSocket {
        /// Who the upgrade request said it is, where the operator wants that instead of CONNECT's
        /// word (RabbitMQ `web_stomp.use_http_auth`).
        credentials: Option<Box<Credentials>>,
    },
}

impl Carrier {
    /// What RabbitMQ adds to every limit of a frame over WebSocket, in bytes.
    pub(super) const WEB_EXTRA_BYTES: usize = 4096;

    pub(super) fn is_web(&self) -> bool {
        matches!(self, Self::WebSocket { .. })
    }

    /// The largest frame where an operator allows `bytes`.
    pub(super) fn frame_bytes_max(&self, bytes: usize) -> usize {
        match self {
            Self::Tcp => bytes,
            Self::WebSocket { .. } => bytes.saturating_add(Self::WEB_EXTRA_BYTES),
        }
    }

    /// As listings name the protocol, without its version.
    pub(super) fn protocol(&self) -> &'static str {
        match self {
            Self::Tcp => "STOMP",
            Self::WebSocket { .. } => "Web STOMP",
        }
    }
}
