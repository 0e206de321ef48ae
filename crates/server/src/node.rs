//! The node: from its settings to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use broker::{Broker, End, RestoreError};
use engine::Engine;
use session::Shutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::accept::{Protocol, Serving, accept};
use crate::arguments::Serve;
use crate::banner::Banner;
use crate::config::{ConvertError, Listeners, Settings};
use crate::directory::{Directory, DirectoryError};
use crate::export;
use crate::listener::{ListenError, listen, shortened_backlog};
use crate::tls::{Acceptor, Wanted};
use crate::watch::{self, System, Watermarks};

/// How long connections may take to end when the node goes down.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Descriptors that a node would like to have, connections being one each.
const DESCRIPTORS_WANTED: u64 = 1 << 20;

/// Fewer than this are worth a warning: ten thousand browsers, and what else a node needs.
const DESCRIPTORS_MIN: u64 = 10_240;

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The configuration cannot be put into effect.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The data directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// What was kept cannot be taken up.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The system does not do its part.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// What may be listened for.
struct Service<'a> {
    /// As the start prints it.
    name: &'static str,
    /// As listings show it.
    label: &'static str,
    /// What to change if its port is taken.
    key: &'static str,
    /// What is spoken; management if nothing.
    protocol: Option<Protocol>,
    listeners: &'a Listeners,
    tls: Option<Wanted<'a>>,
}

/// A listener that is bound.
struct Bound {
    name: &'static str,
    label: &'static str,
    protocol: Option<Protocol>,
    tls: Option<Acceptor>,
    address: SocketAddr,
    listener: TcpListener,
}

/// Runs a node until it is told to stop.
///
/// # Errors
///
/// [`StartError`] if it cannot start.
pub(crate) async fn run(
    settings: Settings,
    serve: &Serve,
    started: Instant,
) -> Result<(), StartError> {
    raise_descriptor_limit();
    look_at_backlog(settings.backlog.max(settings.stomp_backlog));
    let core = settings.broker()?;
    let bound = bind_all(&settings)?;
    let limits = watermarks(&settings)?;
    let data = Directory::open(&serve.data_dir, limits.paging_bytes(), settings.store())?;
    let broker = Broker::open(core, data.durability.clone())?;
    settings.seed(&broker)?;
    broker.begin().map_err(RestoreError::from)?;
    let engine = Engine::embedded(Arc::clone(&broker));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let clock = tokio::spawn(engine.clone().keep_time());
    let keepers = [clock, watch_machine(limits, serve, &engine)];
    let (alive, mut all_gone) = mpsc::channel(1);
    let shutdown = Shutdown::default();
    let serving = Arc::new(Serving {
        engine: engine.clone(),
        shutdown: shutdown.clone(),
        amqp: Arc::new(settings.amqp()),
        stomp: Arc::new(settings.stomp()),
        websocket: settings.websocket(),
        websocket_max: settings.web_stomp.connection_max,
        is_http_auth: settings.web_stomp.is_http_auth,
        websockets: AtomicU64::new(0),
        alive,
    });
    print_banner(&settings, serve, &bound, started);
    let tasks = serve_all(bound, &serving, &settings, &engine, started);

    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = name, connections = engine.connections().len(), "going down");
    shutdown.begin();
    drop(serving);
    let drain = async {
        for task in tasks {
            // A listener that ended early has nothing more to say.
            drop(task.await);
        }
        all_gone.recv().await
    };
    let end = match tokio::time::timeout(DRAIN_TIMEOUT, drain).await {
        Ok(_) => End::Orderly,
        Err(_) => End::CutShort,
    };
    keepers.iter().for_each(JoinHandle::abort);
    close(&broker, &engine, serve, end);
    Ok(())
}

/// The last thing that a node does.
fn close(broker: &Broker, engine: &Engine, serve: &Serve, end: End) {
    if end == End::CutShort {
        let left = engine.connections().len();
        tracing::warn!(connections = left, "not all connections ended in time");
    }
    if let Err(error) = export::write(&serve.data_dir, broker) {
        tracing::warn!(%error, "the definitions could not be exported");
    }
    if let Err(error) = broker.close(end) {
        tracing::error!(%error, "not everything could be kept");
    }
    tracing::info!("down");
}

/// What the node may use of the machine.
fn watermarks(settings: &Settings) -> Result<Watermarks, StartError> {
    let total = settings.memory.total.map_or_else(System::total_memory_bytes, Ok);
    let total = total.map_err(|error| {
        let reason = format!("cannot read how much memory there is ({error}), so give it here");
        ConvertError::new("total_memory_available_override_value", reason)
    })?;
    Ok(Watermarks::new(settings.memory_limit(), settings.disk_limit(), total))
}

/// Memory and disk are looked at from before the first connection on.
fn watch_machine(limits: Watermarks, serve: &Serve, engine: &Engine) -> JoinHandle<()> {
    let (system, broker) = (System::new(&serve.data_dir), engine.broker());
    watch::look(&system, limits, broker.alarms());
    tokio::spawn(watch::watch(system, limits, Arc::clone(broker)))
}

/// Every service, plain and over TLS, with the key that names its listener.
fn services(settings: &Settings) -> [Service<'_>; 7] {
    let plain = |name, label, key, protocol, listeners| Service {
        name,
        label,
        key,
        protocol,
        listeners,
        tls: None,
    };
    let tls = |name, label, key, protocol, listeners, (prefix, options)| {
        let handshake_timeout = settings.tls_handshake_timeout;
        let tls = Wanted { listener_key: key, prefix, options, handshake_timeout };
        Service { name, label, key, protocol, listeners, tls: Some(tls) }
    };
    let (amqp, stomp) = (Some(Protocol::Amqp), Some(Protocol::Stomp));
    let web = Some(Protocol::WebStomp);
    let (core, own) = (("ssl_options", &settings.tls), ("web_stomp.ssl", &settings.web_stomp_tls));
    let s = settings;
    [
        plain("amqp", "amqp", "listeners.tcp.default", amqp, &s.amqp_listeners),
        plain("stomp", "stomp", "stomp.listeners.tcp.default", stomp, &s.stomp_listeners),
        plain("web-stomp", "http/web-stomp", "web_stomp.tcp.port", web, &s.web_stomp_listeners),
        plain("management", "http", "management.tcp.port", None, &s.management_listeners),
        tls("amqps", "amqp/ssl", "listeners.ssl.default", amqp, &s.amqp_tls_listeners, core),
        tls(
            "stomps",
            "stomp/ssl",
            "stomp.listeners.ssl.default",
            stomp,
            &s.stomp_tls_listeners,
            core,
        ),
        tls(
            "web-stomps",
            "https/web-stomp",
            "web_stomp.ssl.port",
            web,
            &s.web_stomp_tls_listeners,
            own,
        ),
    ]
}

fn bind_all(settings: &Settings) -> Result<Vec<Bound>, StartError> {
    let mut bound = Vec::new();
    for Service { name, label, key, protocol, listeners, tls } in services(settings) {
        let is_stomp = protocol == Some(Protocol::Stomp);
        let backlog = if is_stomp { settings.stomp_backlog } else { settings.backlog };
        let endpoints = listeners.endpoints();
        let tls = match tls {
            Some(wanted) if !endpoints.is_empty() => Some(Acceptor::new(wanted)?),
            _ => None,
        };
        for endpoint in endpoints {
            let listener = listen(name, key, endpoint, backlog)?;
            let wanted = SocketAddr::new(endpoint.ip, endpoint.port);
            let address = listener.local_addr().unwrap_or(wanted);
            bound.push(Bound { name, label, protocol, tls: tls.clone(), address, listener });
        }
    }
    Ok(bound)
}

fn serve_all(
    bound: Vec<Bound>,
    serving: &Arc<Serving>,
    settings: &Settings,
    engine: &Engine,
    started: Instant,
) -> Vec<JoinHandle<()>> {
    let listeners: Vec<_> = (bound.iter())
        .map(|bound| management::Listener { protocol: bound.label, address: bound.address })
        .collect();
    let mut tasks = Vec::new();
    for Bound { protocol, tls, listener, .. } in bound {
        if let Some(protocol) = protocol {
            tasks.push(tokio::spawn(accept(listener, protocol, tls, Arc::clone(serving))));
            continue;
        }
        let settings = management::Settings {
            node_name: settings.node_name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            listeners: listeners.clone(),
            started,
        };
        let mut watch = serving.shutdown.watch();
        let stop = std::future::poll_fn(move |context| watch.poll(context));
        let served = management::serve(listener, engine.clone(), settings, stop);
        tasks.push(tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the management listener ended");
            }
        }));
    }
    tasks
}

fn print_banner(settings: &Settings, serve: &Serve, bound: &[Bound], started: Instant) {
    let listeners: Vec<_> = bound.iter().map(|bound| (bound.name, bound.address)).collect();
    let is_local_only =
        settings.loopback_users.get(&settings.default_user).copied().unwrap_or(false);
    Banner {
        listeners: &listeners,
        user: &settings.default_user,
        is_local_only,
        ws_path: &settings.web_stomp.path,
        data_dir: &serve.data_dir,
        took: started.elapsed(),
    }
    .print();
}

/// Browsers that come back all at once wait in the backlog: a word if the system cuts it.
fn look_at_backlog(wanted: u16) {
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    if let Some(warning) = shortened_backlog(wanted, &allowed) {
        tracing::warn!("{warning}");
    }
}

/// One descriptor per connection: as many as the system gives, and a word if they are few.
fn raise_descriptor_limit() {
    match rlimit::increase_nofile_limit(DESCRIPTORS_WANTED) {
        Ok(limit) if limit >= DESCRIPTORS_MIN => tracing::debug!(limit, "descriptors"),
        Ok(limit) => tracing::warn!(
            limit,
            "few descriptors, one per connection; raise the limit (ulimit -n, LimitNOFILE=)"
        ),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of descriptors"),
    }
}
