//! Who is connected: what listings show of each connection, and how one is told to end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use broker::inbox::{End, Inbox};
use broker::turn::Wakes;
use model::{AlarmSet, LinkId, UserName, VhostName};
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;

use crate::command::{Channel, ChannelDescription, Description, Peer};

/// Every connection of the node.
#[derive(Debug, Default)]
pub struct Connections {
    next_id: AtomicU64,
    closed: AtomicU64,
    opened_channels: AtomicU64,
    closed_channels: AtomicU64,
    open: RwLock<BTreeMap<LinkId, Arc<Connection>>>,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// Its number.
    pub id: LinkId,
    /// Who is at the socket.
    pub peer: Peer,
    /// Since when.
    pub connected_at: SystemTime,
    /// Bytes and reads, kept by the driver.
    pub meter: Meter,
    held_by: AtomicU8,
    state: Mutex<Details>,
    inbox: Arc<Inbox>,
}

/// What a connection has carried.
#[derive(Debug, Default)]
pub struct Meter {
    /// Bytes read from the socket.
    pub received_bytes: AtomicU64,
    /// Reads that brought something.
    pub reads: AtomicU64,
    /// Bytes written to the socket.
    pub sent_bytes: AtomicU64,
    /// Writes.
    pub writes: AtomicU64,
}

/// What became known about a connection after the accept.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// Who logged in.
    pub user: Option<UserName>,
    /// Where to.
    pub vhost: Option<VhostName>,
    /// How: `PLAIN`, `stomp_headers` …
    pub mechanism: &'static str,
    /// What the session said.
    pub description: Description,
    /// Its channels, in the order of their numbers.
    pub channels: SmallVec<[(Channel, ChannelRecord); 1]>,
}

/// What is known of a channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChannelRecord {
    /// What the session said.
    pub description: ChannelDescription,
    /// Consumers.
    pub consumers: u32,
    /// Deliveries that wait to be settled.
    pub unacked: u64,
    /// Messages published.
    pub published: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Deliveries settled.
    pub settled: u64,
    /// Since when nothing has happened.
    pub idle_since: Option<Instant>,
}

impl Connections {
    /// Notes a new connection.
    pub(crate) fn open(&self, peer: Peer, inbox: Arc<Inbox>) -> Arc<Connection> {
        let id = LinkId(self.next_id.fetch_add(1, Ordering::Relaxed) + 1);
        let connection = Arc::new(Connection {
            id,
            peer,
            connected_at: SystemTime::now(),
            meter: Meter::default(),
            held_by: AtomicU8::new(0),
            state: Mutex::default(),
            inbox,
        });
        self.open.write().insert(id, Arc::clone(&connection));
        connection
    }

    /// Forgets a connection.
    pub(crate) fn close(&self, connection: &Connection) {
        if self.open.write().remove(&connection.id).is_some() {
            let channels = connection.state.lock().channels.len() as u64;
            self.closed_channels.fetch_add(channels, Ordering::Relaxed);
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes a channel opened or closed, for the churn rates.
    pub(crate) fn count_channel(&self, is_opened: bool) {
        let counter = if is_opened { &self.opened_channels } else { &self.closed_channels };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All connections that have logged in, in the order of their accept.
    pub fn list(&self) -> Vec<Arc<Connection>> {
        let open = self.open.read();
        open.values().filter(|connection| connection.state.lock().user.is_some()).cloned().collect()
    }

    /// The connection with that number, if it has logged in and is still there.
    pub fn find(&self, id: LinkId) -> Option<Arc<Connection>> {
        let found = self.open.read().get(&id).cloned();
        found.filter(|connection| connection.state.lock().user.is_some())
    }

    /// How many sockets are open, logged in or not.
    pub fn len(&self) -> usize {
        self.open.read().len()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Totals since the start: connections and channels, opened and closed.
    pub fn churn(&self) -> Churn {
        Churn {
            connections_opened: self.next_id.load(Ordering::Relaxed),
            connections_closed: self.closed.load(Ordering::Relaxed),
            channels_opened: self.opened_channels.load(Ordering::Relaxed),
            channels_closed: self.closed_channels.load(Ordering::Relaxed),
        }
    }
}

impl Details {
    /// Notes a channel just opened.
    pub(crate) fn open_channel(&mut self, channel: Channel) {
        self.close_channel(channel);
        if let Err(at) = self.place_of(channel) {
            self.channels.insert(at, (channel, ChannelRecord::default()));
        }
    }

    /// Forgets a channel.
    pub(crate) fn close_channel(&mut self, channel: Channel) {
        if let Ok(at) = self.place_of(channel) {
            self.channels.remove(at);
        }
    }

    /// Where a channel is, or would be.
    fn place_of(&self, channel: Channel) -> Result<usize, usize> {
        self.channels.binary_search_by_key(&channel, |(number, _)| *number)
    }
}

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Churn {
    /// Connections accepted.
    pub connections_opened: u64,
    /// Connections gone.
    pub connections_closed: u64,
    /// Channels opened.
    pub channels_opened: u64,
    /// Channels closed.
    pub channels_closed: u64,
}

impl Connection {
    /// Its name in listings and logs: `peer:port -> host:port`.
    pub fn name(&self) -> String {
        format!("{} -> {}", show(self.peer.address), show(self.peer.local))
    }

    /// When it was accepted, in milliseconds since 1970.
    pub fn connected_at_unix_ms(&self) -> u64 {
        let since = self.connected_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// What became known about it after the accept.
    pub fn details(&self) -> Details {
        self.state.lock().clone()
    }

    /// The alarms that hold it; none if it is not held.
    pub fn held_by(&self) -> AlarmSet {
        AlarmSet::from_bits(self.held_by.load(Ordering::Relaxed))
    }

    pub(crate) fn note_held_by(&self, alarms: AlarmSet) {
        self.held_by.store(alarms.bits(), Ordering::Relaxed);
    }

    /// Tells its session to end, and the peer why.
    pub fn close(&self, reason: &str) {
        let mut wakes = Wakes::default();
        self.inbox.end(End::Closed { reason: reason.into() }, &mut wakes);
        wakes.wake_all();
    }

    /// Changes what is known about it.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Details)) {
        change(&mut self.state.lock());
    }

    /// Changes what is known about one of its channels.
    pub(crate) fn note_channel(&self, channel: Channel, change: impl FnOnce(&mut ChannelRecord)) {
        let mut details = self.state.lock();
        if let Ok(at) = details.place_of(channel)
            && let Some((_, record)) = details.channels.get_mut(at)
        {
            change(record);
        }
    }
}

/// An address as RabbitMQ shows it: a mapped IPv4 address as IPv4.
fn show(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
