//! Brokers as processes of their own: started on free loopback ports, ended with their owner.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::disk;
use crate::process::listener_pid;

/// What brokers are started with.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The `hopwire` binary.
    pub(crate) hopwire: PathBuf,
    /// A running RabbitMQ: where AMQP is and where Web STOMP is.
    pub(crate) rabbitmq: Option<(SocketAddr, SocketAddr)>,
    /// Milliseconds from its start until it listened.
    pub(crate) rabbitmq_start_ms: Option<f64>,
    /// Deliveries on their way at most, in fan-out.
    pub(crate) ahead: u64,
    /// A folder for configurations and whatever brokers write.
    pub(crate) folder: PathBuf,
    /// Where that RabbitMQ keeps its data.
    pub(crate) rabbitmq_data: Option<PathBuf>,
}

impl Programs {
    /// Says why durable scenarios cannot be compared here.
    pub(crate) fn require_one_disk(&self) -> Result<(), Problem> {
        if self.rabbitmq.is_some() && self.rabbitmq_data.is_none() {
            return Err("--peer-data: nobody said where RabbitMQ keeps its data".into());
        }
        disk::require_one_disk(&self.folder, self.rabbitmq_data.as_deref())
    }
}

/// A broker and, unless someone else started it, its process.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) broker: Broker,
    child: Option<Child>,
}

/// Hopwires so far: each has a data directory of its own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// How long a broker may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

impl Peer {
    /// Starts a broker, or finds the one that runs; `None` if there is none on this machine.
    pub(crate) fn start(kind: Kind, programs: &Programs) -> Result<Option<Self>, Problem> {
        match kind {
            Kind::Hopwire => hopwire(hopwire_command(programs, 0)).map(Some),
            Kind::Floor => floor(0).map(Some),
            Kind::Nats if is_installed("nats-server") => nats(programs).map(Some),
            Kind::Mosquitto if is_installed("mosquitto") => mosquitto(programs).map(Some),
            Kind::RabbitMq => programs.rabbitmq.map(found_rabbitmq).transpose(),
            Kind::Nats | Kind::Mosquitto => Ok(None),
        }
    }

    /// Starts Hopwire on what a data directory holds.
    pub(crate) fn hopwire_on(programs: &Programs, data: &Path) -> Result<Self, Problem> {
        hopwire(hopwire_command_on(programs, data, 0))
    }

    fn of(child: Child, kind: Kind, places: Places) -> Self {
        let pid = child.id();
        let (web_socket, publish) = (places.web_socket, places.publish);
        Self { broker: Broker { kind, web_socket, publish, pid }, child: Some(child) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may be gone already; nothing else is to be done then.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Where a broker listens.
#[derive(Clone, Copy, Debug)]
struct Places {
    web_socket: SocketAddr,
    publish: SocketAddr,
}

/// What starts Hopwire with Web STOMP on a port, 0 for any.
pub(crate) fn hopwire_command(programs: &Programs, web_socket_port: u16) -> Command {
    let data = format!("hopwire-data-{}", STARTED.fetch_add(1, Ordering::Relaxed));
    hopwire_command_on(programs, &programs.folder.join(data), web_socket_port)
}

fn hopwire_command_on(programs: &Programs, data: &Path, web_socket_port: u16) -> Command {
    let mut command = Command::new(&programs.hopwire);
    command.arg("serve").args(["--log", "error", "--data-dir"]).arg(data);
    for key in ["listeners.tcp.default", "stomp.listeners.tcp.default", "management.tcp.listener"] {
        command.arg("--set").arg(format!("{key}=127.0.0.1:0"));
    }
    command.arg("--set").arg(format!("web_stomp.tcp.listener=127.0.0.1:{web_socket_port}"));
    command.stdin(Stdio::null());
    command
}

fn hopwire(mut command: Command) -> Result<Peer, Problem> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| {
        format!("cannot run {}: {error}", Path::new(command.get_program()).display())
    })?;
    let out = child.stdout.take().ok_or("no standard output")?;
    let places = read_places(out, ["web-stomp", "amqp"])?;
    Ok(Peer::of(child, Kind::Hopwire, places))
}

/// What starts the floor with its WebSocket on a port, 0 for any.
pub(crate) fn floor_command(port: u16) -> Result<Command, Problem> {
    // It may have been built anew while it runs.
    let mut command = Command::new("/proc/self/exe");
    command.arg("floor").arg("--port").arg(port.to_string()).stdin(Stdio::null());
    Ok(command)
}

fn floor(port: u16) -> Result<Peer, Problem> {
    let mut child = floor_command(port)?.stderr(Stdio::piped()).spawn()?;
    let out = child.stderr.take().ok_or("no standard error")?;
    let places = read_places(out, ["web-socket", "feed"])?;
    Ok(Peer::of(child, Kind::Floor, places))
}

/// Reads lines `<name> <address>` until `ready`.
fn read_places(out: impl std::io::Read, names: [&str; 2]) -> Result<Places, Problem> {
    let mut found = names.map(|_| None);
    for line in BufReader::new(out).lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let (name, address) = (words.next(), words.next());
        for (slot, wanted) in found.iter_mut().zip(names) {
            if name == Some(wanted) {
                *slot = address.and_then(|address| address.parse().ok());
            }
        }
        if name == Some("ready") {
            break;
        }
    }
    match found {
        [Some(web_socket), Some(publish)] => Ok(Places { web_socket, publish }),
        _ => Err("a broker did not say where it listens".into()),
    }
}

/// What starts NATS with its WebSocket on a port.
pub(crate) fn nats_command(
    programs: &Programs,
    web_socket_port: u16,
    port: u16,
) -> Result<Command, Problem> {
    // Without the PINGs that would be counted as messages.
    let settings = format!(
        "listen: \"127.0.0.1:{port}\"\nping_interval: \"2h\"\nmax_connections: 1000000\n\
         websocket {{ listen: \"127.0.0.1:{web_socket_port}\"\n no_tls: true }}\n"
    );
    let path = programs.folder.join(format!("nats-{port}.conf"));
    std::fs::write(&path, settings)?;
    let mut command = Command::new("nats-server");
    command.arg("-c").arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

fn nats(programs: &Programs) -> Result<Peer, Problem> {
    let (web_socket, publish) = (free_place()?, free_place()?);
    let child = nats_command(programs, web_socket.port(), publish.port())?.spawn()?;
    let peer = Peer::of(child, Kind::Nats, Places { web_socket, publish });
    listening(&[web_socket, publish])?;
    Ok(peer)
}

fn mosquitto(programs: &Programs) -> Result<Peer, Problem> {
    let (web_socket, publish) = (free_place()?, free_place()?);
    let settings = format!(
        "allow_anonymous true\nmax_connections -1\nlistener {} 127.0.0.1\n\
         listener {} 127.0.0.1\nprotocol websockets\n",
        publish.port(),
        web_socket.port()
    );
    let path = programs.folder.join("mosquitto.conf");
    std::fs::write(&path, settings)?;
    let mut command = Command::new("mosquitto");
    command.arg("-c").arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let places = Places { web_socket, publish };
    let peer = Peer::of(command.spawn()?, Kind::Mosquitto, places);
    listening(&[web_socket, publish])?;
    Ok(peer)
}

fn found_rabbitmq((publish, web_socket): (SocketAddr, SocketAddr)) -> Result<Peer, Problem> {
    let pid = listener_pid(publish.port())?;
    let broker = Broker { kind: Kind::RabbitMq, web_socket, publish, pid };
    Ok(Peer { broker, child: None })
}

/// The version of a broker on this machine.
pub(crate) fn version_of(kind: Kind) -> Option<String> {
    match kind {
        Kind::Hopwire => Some(env!("CARGO_PKG_VERSION").to_owned()),
        Kind::Floor => None,
        Kind::Nats => version("nats-server"),
        Kind::RabbitMq => version("rabbitmq-server"),
        Kind::Mosquitto => version("mosquitto"),
    }
}

/// The version of a Debian package, without Debian's part.
fn version(package: &str) -> Option<String> {
    let query = ["-W", "-f", "${Version}", package];
    let out = Command::new("dpkg-query").args(query).output().ok()?.stdout;
    let version = String::from_utf8_lossy(&out).into_owned();
    let upstream = version.split(['-', '+']).next().unwrap_or_default();
    (!upstream.is_empty()).then(|| upstream.to_owned())
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder: PathBuf| Path::new(&folder).join(program).is_file())
}

/// A loopback port that is free at this moment.
pub(crate) fn free_place() -> Result<SocketAddr, Problem> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn listening(places: &[SocketAddr]) -> Result<(), Problem> {
    let deadline = Instant::now() + PATIENCE;
    for place in places {
        while TcpStream::connect(place).is_err() {
            if Instant::now() > deadline {
                return Err(format!("nobody listens at {place} after {PATIENCE:?}").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(())
}
