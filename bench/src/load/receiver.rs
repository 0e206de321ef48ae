//! A thread that opens its share of a crowd's connections and counts what they get.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver as Inbox, Sender};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::connection::{Connection, News};
use super::dialect::Step;
use super::framing::Walker;
use super::gauge::Gauge;

/// What a read takes at most. Large, so that one call empties a socket.
const BUFFER_BYTES: usize = 512 * 1024;

/// How often the connection that has the fewest messages is looked for.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// Connections from one source address; fewer than a host has ports.
const PER_ADDRESS: u32 = 10_000;

/// Connections of all crowds so far.
static CONNECTIONS: AtomicU32 = AtomicU32::new(0);

/// A connection to make, or one that is made.
#[derive(Debug)]
pub(super) enum Task {
    Open { place: SocketAddr, steps: Vec<Step>, walker: Walker },
    Adopt { stream: StdStream, walker: Walker },
}

/// What a receiver is asked for.
#[derive(Debug)]
pub(super) enum Request {
    /// Keep what so many connections get.
    Keep(usize),
    /// Send what was kept, and each connection's messages and bytes.
    Show(Sender<Shown>),
    Stop,
}

/// What a receiver has.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) kept: Vec<Vec<u8>>,
    pub(crate) messages: Vec<u64>,
    pub(crate) bytes: u64,
}

pub(super) const WAKER: Token = Token(usize::MAX);

/// The thread's state.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) poll: Poll,
    pub(super) inbox: Inbox<Request>,
    pub(super) gauge: Arc<Gauge>,
    pub(super) number: usize,
    pub(super) tasks: VecDeque<Task>,
    /// Connections that are being opened at one time, at most.
    pub(super) opening_max: usize,
    pub(super) connections: Vec<Connection>,
}

impl Receiver {
    pub(super) fn run(mut self) {
        if let Err(error) = self.receive() {
            self.gauge.note_failure(format!("receiver: {error}"));
        }
        // Without a reset each would leave a port in TIME-WAIT.
        for connection in &self.connections {
            let _ = socket2::SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO));
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut looked_at = Instant::now();
        let mut has_to_look = false;
        let mut opening = 0;
        loop {
            while opening < self.opening_max
                && let Some(task) = self.tasks.pop_front()
            {
                opening += usize::from(self.begin(task)?);
            }
            match self.poll.poll(&mut events, has_to_look.then_some(LOOK_EVERY)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            let mut counted = 0;
            for event in &events {
                if event.token() == WAKER {
                    if !self.serve() {
                        return Ok(());
                    }
                    continue;
                }
                let Some(connection) = self.connections.get_mut(event.token().0) else { continue };
                if event.is_writable() {
                    connection.go_on()?;
                }
                if event.is_readable() {
                    match connection.read(&mut buffer)? {
                        News::Opening => {}
                        News::Opened => {
                            opening -= 1;
                            self.gauge.note_opened();
                        }
                        News::Messages(count) => counted += count,
                    }
                }
            }
            has_to_look |= counted > 0;
            if has_to_look && looked_at.elapsed() >= LOOK_EVERY {
                self.look();
                (looked_at, has_to_look) = (Instant::now(), false);
            }
            if counted > 0 {
                self.gauge.note_messages(counted);
            }
        }
    }

    fn look(&self) {
        let counts = self.connections.iter().map(|connection| connection.walker.messages());
        self.gauge.note_fewest(self.number, counts.min().unwrap_or_default());
    }

    /// Returns whether the connection has yet to open.
    fn begin(&mut self, task: Task) -> io::Result<bool> {
        let token = Token(self.connections.len());
        let (mut connection, has_to_open) = match task {
            Task::Open { place, steps, walker } => {
                (Connection::opening(connect(place)?, steps, walker), true)
            }
            Task::Adopt { stream, walker } => {
                stream.set_nonblocking(true)?;
                self.gauge.note_opened();
                (Connection::open(TcpStream::from_std(stream), walker), false)
            }
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut connection.stream, token, both)?;
        self.connections.push(connection);
        Ok(has_to_open)
    }

    /// Answers requests; returns whether to go on.
    fn serve(&mut self) -> bool {
        while let Ok(request) = self.inbox.try_recv() {
            match request {
                Request::Stop => return false,
                Request::Keep(count) => {
                    for connection in self.connections.iter_mut().take(count) {
                        connection.kept = Some(Vec::new());
                    }
                }
                Request::Show(answer) => {
                    let all = self.connections.iter_mut();
                    let kept = all.filter_map(|connection| connection.kept.take()).collect();
                    let all = self.connections.iter();
                    let messages = all.clone().map(|one| one.walker.messages()).collect();
                    let bytes = all.map(|one| one.walker.bytes).sum();
                    // Whoever asked waits for it.
                    let _ = answer.send(Shown { kept, messages, bytes });
                }
            }
        }
        true
    }
}

/// Begins to connect, from one loopback address after the other, so that ports do not run out.
fn connect(place: SocketAddr) -> io::Result<TcpStream> {
    let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed) / PER_ADDRESS;
    let host = u8::try_from(number % 200).unwrap_or_default() + 2;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)).into())?;
    match socket.connect(&place.into()) {
        Ok(()) => {}
        // EINPROGRESS, for which there is no kind.
        Err(error) if error.raw_os_error() == Some(115) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}
