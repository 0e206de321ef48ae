//! The embedded engine, and peers that are connected to it without a socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::Broker;
use engine::Engine;
use session::amqp::AmqpSession;
use session::stomp::{Carrier, StompSession};
use session::websocket::{Admission, Settings, upgrade};
use session::{Driver, Shutdown};

use crate::Problem;
use crate::peer::{Peer, Socket, finish};
use crate::{amqp, stomp};

/// An engine, and what sessions share.
pub(crate) struct Node {
    engine: Engine,
    shutdown: Shutdown,
    amqp: Arc<session::amqp::Settings>,
    stomp: Arc<session::stomp::Settings>,
    websocket: Settings,
}

/// A peer that speaks AMQP.
pub(crate) type AmqpPeer = Peer<AmqpSession>;
/// A peer that speaks STOMP over WebSocket.
pub(crate) type StompPeer = Peer<StompSession>;

impl Node {
    /// With everything as it comes, but nobody is let go for being idle: a counter runs slowly.
    pub(crate) fn start() -> Self {
        let day = Duration::from_secs(86_400);
        let amqp = session::amqp::Settings { handshake_timeout: day, ..Default::default() };
        let stomp = session::stomp::Settings { login_timeout: day, ..Default::default() };
        let websocket = Settings { idle_timeout: day, ..Default::default() };
        Self {
            engine: Engine::embedded(Broker::new(broker::Settings::default())),
            shutdown: Shutdown::default(),
            amqp: Arc::new(amqp),
            stomp: Arc::new(stomp),
            websocket,
        }
    }

    /// A back end that has opened channel 1.
    pub(crate) fn back_end(&self) -> Result<AmqpPeer, Problem> {
        let (socket, far) = Socket::pair();
        let session = AmqpSession::new(Arc::clone(&self.amqp), Instant::now());
        let link = self.engine.connect(address("AMQP 0-9-1"));
        let mut peer = Peer::new(Driver::stream(socket, session, link, self.shutdown.watch()), far);
        amqp::log_in(&mut peer)?;
        Ok(peer)
    }

    /// A page that has logged in. `extensions` is what its WebSocket offers.
    pub(crate) fn page(&self, extensions: &str) -> Result<StompPeer, Problem> {
        let (socket, far) = Socket::pair();
        far.say(stomp::upgrade_request(extensions).as_bytes());
        let upgraded = finish(upgrade(socket, &self.websocket, Admission::Open))??;
        let carrier = Carrier::WebSocket { credentials: None };
        let session = StompSession::new(Arc::clone(&self.stomp), carrier, Instant::now());
        let link = self.engine.connect(address("Web STOMP"));
        let driver = Driver::websocket(upgraded, session, link, self.shutdown.watch());
        let mut peer = Peer::new(driver, far);
        let connect = "CONNECT\naccept-version:1.2\nhost:/\nheart-beat:0,0\n\n\0";
        peer.expect(&stomp::message(connect), "CONNECTED\n")?;
        Ok(peer)
    }
}

fn address(protocol: &'static str) -> engine::Peer {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    engine::Peer { address: local, local, protocol, is_tls: false }
}
