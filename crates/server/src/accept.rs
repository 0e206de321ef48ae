//! Accepting connections: one task per listener, one per connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engine::{Engine, Peer};
use session::amqp::AmqpSession;
use session::stomp::{Carrier, Credentials, StompSession};
use session::websocket::{Admission, upgrade};
use session::{Driver, Shutdown, amqp, stomp, websocket};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// After a failed accept (no descriptors left, say) the next one waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every connection needs.
#[derive(Debug)]
pub(crate) struct Serving {
    /// What serves sessions.
    pub(crate) engine: Engine,
    /// Says that the node goes down.
    pub(crate) shutdown: Shutdown,
    /// Of AMQP sessions.
    pub(crate) amqp: Arc<amqp::Settings>,
    /// Of STOMP sessions.
    pub(crate) stomp: Arc<stomp::Settings>,
    /// Of the WebSocket endpoint.
    pub(crate) websocket: websocket::Settings,
    /// WebSockets at a time; `None` is no limit.
    pub(crate) websocket_max: Option<u64>,
    /// Whether the upgrade's credentials replace CONNECT's.
    pub(crate) is_http_auth: bool,
    /// WebSockets now.
    pub(crate) websockets: AtomicU64,
    /// Dropped by the last connection: how the stop knows that all are gone.
    pub(crate) alive: mpsc::Sender<()>,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AMQP 0-9-1.
    Amqp,
    /// STOMP over TCP.
    Stomp,
    /// STOMP over WebSocket.
    WebStomp,
}

/// Accepts until the node goes down.
pub(crate) async fn accept(listener: TcpListener, protocol: Protocol, serving: Arc<Serving>) {
    let mut watch = serving.shutdown.watch();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = std::future::poll_fn(|context| watch.poll(context)) => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let (serving, alive) = (Arc::clone(&serving), serving.alive.clone());
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, address, protocol, &serving).await {
                        tracing::debug!(%address, %error, "connection lost");
                    }
                    drop(alive);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again shortly");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    protocol: Protocol,
    serving: &Serving,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let peer = |protocol| Peer { address, local, protocol };
    let watch = serving.shutdown.watch();
    match protocol {
        Protocol::Amqp => {
            let session = AmqpSession::new(Arc::clone(&serving.amqp), Instant::now());
            let link = serving.engine.connect(peer("AMQP 0-9-1"));
            Driver::stream(stream, session, link, watch).await;
        }
        Protocol::Stomp => {
            let settings = Arc::clone(&serving.stomp);
            let session = StompSession::new(settings, Carrier::Tcp, Instant::now());
            let link = serving.engine.connect(peer("STOMP"));
            Driver::stream(stream, session, link, watch).await;
        }
        Protocol::WebStomp => {
            let seat = Seat::take(&serving.websockets, serving.websocket_max);
            let admission = match (serving.shutdown.has_begun(), &seat) {
                (true, _) => Admission::GoingDown,
                (false, None) => Admission::Full,
                (false, Some(_)) => Admission::Open,
            };
            let Some(upgraded) = Box::pin(upgraded(stream, admission, serving)).await else {
                return Ok(());
            };
            let credentials = forced_credentials(serving, upgraded.authorization.as_deref());
            let carrier = Carrier::WebSocket { credentials };
            let settings = Arc::clone(&serving.stomp);
            let session = StompSession::new(settings, carrier, Instant::now());
            let link = serving.engine.connect(peer("Web STOMP"));
            Driver::websocket(upgraded, session, link, watch).await;
        }
    }
    Ok(())
}

/// The WebSocket, unless the request was for something else or the node goes down before it is
/// whole.
async fn upgraded(
    stream: TcpStream,
    admission: Admission,
    serving: &Serving,
) -> Option<websocket::Upgraded<TcpStream>> {
    let mut watch = serving.shutdown.watch();
    let upgraded = tokio::select! {
        biased;
        upgraded = upgrade(stream, &serving.websocket, admission) => upgraded,
        () = std::future::poll_fn(|context| watch.poll(context)) => return None,
    };
    match upgraded {
        Ok(upgraded) => Some(upgraded),
        Err(error) => {
            tracing::debug!(%error, "no WebSocket");
            None
        }
    }
}

/// What `use_http_auth` makes of the upgrade's `Authorization`: the header's user, or the default
/// one.
fn forced_credentials(serving: &Serving, authorization: Option<&str>) -> Option<Credentials> {
    if !serving.is_http_auth {
        return None;
    }
    let Some(authorization) = authorization else {
        return serving.stomp.default_credentials.clone();
    };
    let decoded = authorization.split_once(' ').and_then(|(scheme, encoded)| {
        let is_basic = scheme.eq_ignore_ascii_case("basic");
        BASE64_STANDARD.decode(encoded.trim()).ok().filter(|_| is_basic)
    });
    let decoded = decoded.unwrap_or_default();
    let mut parts = decoded.splitn(2, |byte| *byte == b':');
    let mut part = || parts.next().unwrap_or_default().into();
    Some(Credentials { login: part(), passcode: part() })
}

/// Counts a WebSocket while it is there. Who is refused has no seat, however long it lingers.
struct Seat<'a>(&'a AtomicU64);

impl<'a> Seat<'a> {
    /// A seat, unless all `max` are taken.
    fn take(count: &'a AtomicU64, max: Option<u64>) -> Option<Self> {
        let one_more = |taken: u64| max.is_none_or(|max| taken < max).then_some(taken + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(count))
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
