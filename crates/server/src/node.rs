//! The node: from its settings to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use broker::Broker;
use engine::Engine;
use session::Shutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::accept::{Protocol, Serving, accept};
use crate::arguments::Serve;
use crate::banner::Banner;
use crate::config::{ConvertError, Endpoint, Settings};
use crate::listener::{ListenError, listen, shortened_backlog};

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
    /// The system does not do its part.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// A listener that is bound.
struct Bound {
    name: &'static str,
    label: &'static str,
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
    let broker = Broker::new(settings.broker()?);
    settings.seed(&broker)?;
    let engine = Engine::embedded(broker);
    let bound = bind_all(&settings)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let clock = tokio::spawn(engine.clone().keep_time());
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
    if tokio::time::timeout(DRAIN_TIMEOUT, drain).await.is_err() {
        let left = engine.connections().len();
        tracing::warn!(connections = left, "not all connections ended in time");
    }
    clock.abort();
    tracing::info!("down");
    Ok(())
}

fn bind_all(settings: &Settings) -> Result<Vec<Bound>, ListenError> {
    let web = &settings.web_stomp_listeners;
    let wanted: [(&str, &str, &str, Vec<Endpoint>); 4] = [
        ("amqp", "amqp", "listeners.tcp.default", settings.amqp_listeners.endpoints()),
        ("stomp", "stomp", "stomp.listeners.tcp.default", settings.stomp_listeners.endpoints()),
        ("web-stomp", "http/web-stomp", "web_stomp.tcp.port", web.endpoints()),
        ("management", "http", "management.tcp.port", settings.management_listeners.endpoints()),
    ];
    let mut bound = Vec::new();
    for (name, label, key, endpoints) in wanted {
        let backlog = if name == "stomp" { settings.stomp_backlog } else { settings.backlog };
        for endpoint in endpoints {
            let listener = listen(name, key, endpoint, backlog)?;
            let wanted = SocketAddr::new(endpoint.ip, endpoint.port);
            let address = listener.local_addr().unwrap_or(wanted);
            bound.push(Bound { name, label, address, listener });
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
    for Bound { name, listener, .. } in bound {
        let protocol = match name {
            "amqp" => Protocol::Amqp,
            "stomp" => Protocol::Stomp,
            "web-stomp" => Protocol::WebStomp,
            _ => {
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
                continue;
            }
        };
        tasks.push(tokio::spawn(accept(listener, protocol, Arc::clone(serving))));
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
