//! Accepting connections: one task per listener, one per connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engine::{Engine, Peer};
use session::amqp::AmqpSession;
use session::stomp::{Carrier, Credentials, StompSession};
use session::websocket::{Admission, upgrade};
use session::{Driver, Shutdown, amqp, stomp, websocket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::connection::{Connection, Opened, Seat};
use crate::tls;

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
    /// Dropped with the last connection's hold on this: how the stop knows that all are gone.
    #[expect(dead_code, reason = "its end is what it says")]
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

/// Accepts until the node goes down; with `tls`, connections that begin with a handshake.
pub(crate) async fn accept(
    listener: TcpListener,
    protocol: Protocol,
    tls: Option<tls::Acceptor>,
    serving: Arc<Serving>,
) {
    let mut watch = serving.shutdown.watch();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = std::future::poll_fn(|context| watch.poll(context)) => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let serving = Arc::clone(&serving);
                // Two kinds of task, so that a plain connection's is no larger than it must be.
                match tls.clone() {
                    None => {
                        tokio::spawn(Connection::new(begin(stream, address, protocol, serving)));
                    }
                    Some(tls) => {
                        let begun = begin_tls(stream, tls, address, protocol, serving);
                        tokio::spawn(Connection::new(begun));
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again shortly");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What comes before a session; says why there is none.
async fn begin(
    stream: TcpStream,
    address: SocketAddr,
    protocol: Protocol,
    serving: Arc<Serving>,
) -> Option<Opened<TcpStream>> {
    let ends = Ends::of(&stream, address).map_err(|error| note_lost(address, &error)).ok()?;
    open(stream, ends, protocol, serving).await
}

/// The same over TLS, the handshake first, unless the node goes down before it is done.
async fn begin_tls(
    stream: TcpStream,
    tls: tls::Acceptor,
    address: SocketAddr,
    protocol: Protocol,
    serving: Arc<Serving>,
) -> Option<Opened<tls::Stream>> {
    let ends = Ends::of(&stream, address).map_err(|error| note_lost(address, &error)).ok()?;
    let mut watch = serving.shutdown.watch();
    let accepted = tokio::select! {
        biased;
        accepted = tls.accept(stream) => accepted,
        () = std::future::poll_fn(|context| watch.poll(context)) => return None,
    };
    drop(watch);
    let stream = accepted.map_err(|error| note_lost(address, &error)).ok()?;
    open(stream, Ends { is_tls: true, ..ends }, protocol, serving).await
}

fn note_lost(address: SocketAddr, error: &io::Error) {
    tracing::debug!(%address, %error, "connection lost");
}

/// Both ends of a connection.
#[derive(Clone, Copy)]
struct Ends {
    address: SocketAddr,
    local: SocketAddr,
    is_tls: bool,
}

impl Ends {
    fn of(stream: &TcpStream, address: SocketAddr) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { address, local: stream.local_addr()?, is_tls: false })
    }
}

/// Opens the session, behind the upgrade if there must be one.
async fn open<S>(
    stream: S,
    Ends { address, local, is_tls }: Ends,
    protocol: Protocol,
    serving: Arc<Serving>,
) -> Option<Opened<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connect = |protocol| serving.engine.connect(Peer { address, local, protocol, is_tls });
    let watch = serving.shutdown.watch();
    match protocol {
        Protocol::Amqp => {
            let session = AmqpSession::new(Arc::clone(&serving.amqp), Instant::now());
            let driver = Driver::stream(stream, session, connect("AMQP 0-9-1"), watch);
            Some(Opened::Amqp { driver: Box::new(driver), _seat: Seat::uncounted(serving) })
        }
        Protocol::Stomp => {
            let settings = Arc::clone(&serving.stomp);
            let session = StompSession::new(settings, Carrier::Tcp, Instant::now());
            let driver = Driver::stream(stream, session, connect("STOMP"), watch);
            Some(Opened::Stomp { driver, _seat: Seat::uncounted(serving) })
        }
        Protocol::WebStomp => {
            let seat = Seat::take(&serving);
            let admission = match (serving.shutdown.has_begun(), &seat) {
                (true, _) => Admission::GoingDown,
                (false, None) => Admission::Full,
                (false, Some(_)) => Admission::Open,
            };
            let upgraded = upgraded(stream, admission, &serving).await?;
            let credentials = forced_credentials(&serving, upgraded.authorization.as_deref());
            let carrier = Carrier::WebSocket { credentials: credentials.map(Box::new) };
            let settings = Arc::clone(&serving.stomp);
            let session = StompSession::new(settings, carrier, Instant::now());
            let driver = Driver::websocket(upgraded, session, connect("Web STOMP"), watch);
            Some(Opened::Stomp { driver, _seat: seat? })
        }
    }
}

/// The WebSocket, unless the request was for something else or the node goes down before it is
/// whole.
async fn upgraded<S>(
    stream: S,
    admission: Admission,
    serving: &Serving,
) -> Option<websocket::Upgraded<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
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
