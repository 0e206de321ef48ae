//! A private RabbitMQ to compare with: Debian's package, on free loopback ports, with its own
//! node name, port mapper and folder under the target directory.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{program, root};
use crate::failure::{Failure, Outcome};
use crate::report;

/// Debian's script that starts the node as whoever calls it.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// How long a RabbitMQ may take to accept connections; it takes ten seconds on two cores.
const START_TIME_MAX: Duration = Duration::from_secs(120);
/// How long it may take to close its tables after SIGTERM.
const STOP_TIME_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// The ports of one oracle.
#[derive(Clone, Copy)]
struct Ports {
    amqp: u16,
    stomp: u16,
    web_stomp: u16,
    management: u16,
    distribution: u16,
    epmd: u16,
}

/// A running oracle; it ends with its owner.
pub(crate) struct Oracle {
    process: Child,
    ports: Ports,
}

impl Oracle {
    /// Starts a RabbitMQ without waiting for it.
    pub(crate) fn start() -> Outcome<Self> {
        if folder().join("pid").exists() {
            stop()?;
        }
        let ports = Ports::free()?;
        prepare(ports)?;
        let mut command = server(ports)?;
        let process = command.spawn().map_err(|error| {
            Failure::new(format!("cannot run {SERVER}: {error}"), "apt-get install rabbitmq-server")
        })?;
        let oracle = Self { process, ports };
        let running = format!("{} {}\n", oracle.process.id(), ports.epmd);
        write("pid", &running)?;
        Ok(oracle)
    }

    /// Waits until every listener accepts.
    pub(crate) fn wait(&mut self) -> Outcome {
        let deadline = Instant::now() + START_TIME_MAX;
        let ports = self.ports;
        for port in [ports.amqp, ports.stomp, ports.web_stomp, ports.management] {
            while TcpStream::connect(loopback(port)).is_err() {
                let has_ended = self.process.try_wait().is_ok_and(|status| status.is_some());
                if has_ended || Instant::now() > deadline {
                    return Err(Failure::new(
                        "the oracle RabbitMQ did not start",
                        format!("read {}", folder().join("log/console").display()),
                    ));
                }
                thread::sleep(POLL);
            }
        }
        Ok(())
    }

    /// Where the stories find it: names and values of environment variables.
    pub(crate) fn addresses(&self) -> [(&'static str, String); 4] {
        let Ports { amqp, stomp, web_stomp, management, .. } = self.ports;
        [
            ("ORACLE_AMQP_URL", format!("amqp://guest:guest@127.0.0.1:{amqp}")),
            ("ORACLE_STOMP_ADDRESS", format!("127.0.0.1:{stomp}")),
            ("ORACLE_WS_URL", format!("ws://127.0.0.1:{web_stomp}/ws")),
            ("ORACLE_HTTP_URL", format!("http://127.0.0.1:{management}")),
        ]
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        if let Err(failure) = stop() {
            report::failed(&failure);
        }
        // Ends at once: `stop` saw the process go, or killed it.
        let _ = self.process.wait();
    }
}

/// Starts an oracle that outlives this task.
pub(crate) fn start_and_leave() -> Outcome {
    report::step("start the oracle RabbitMQ", || {
        let mut oracle = Oracle::start()?;
        oracle.wait()?;
        for (name, value) in oracle.addresses() {
            report::plain(&format!("export {name}={value}"));
        }
        std::mem::forget(oracle);
        Ok(())
    })
}

/// Stops the oracle that was started last from this checkout, if one runs.
pub(crate) fn stop() -> Outcome {
    let noted = folder().join("pid");
    let Ok(running) = fs::read_to_string(&noted) else {
        report::note("no oracle runs");
        return Ok(());
    };
    let (process, epmd) = running.trim().split_once(' ').unwrap_or((running.trim(), ""));
    // The script passes the signal on to the node, and ends after it.
    let _ = program("kill", &["-TERM", process]).output();
    let deadline = Instant::now() + STOP_TIME_MAX;
    while is_oracle(process) {
        if Instant::now() > deadline {
            // The script leads a process group of its own, with the node in it.
            let _ = program("kill", &["-KILL", "--", &format!("-{process}")]).output();
            break;
        }
        thread::sleep(POLL);
    }
    let _ = program("epmd", &["-port", epmd, "-kill"]).output();
    fs::remove_file(&noted).map_err(|error| Failure::at(&noted, &error))
}

/// Is the process still there, not a zombie, and a node of ours rather than a reused number?
fn is_oracle(process: &str) -> bool {
    let command = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    command.contains("hopwire-oracle") || command.contains("rabbitmq-server")
}

impl Ports {
    /// Ports that are free right now; held together so that they differ.
    fn free() -> Outcome<Self> {
        let bind = || TcpListener::bind(loopback(0));
        let cannot = |error: io::Error| {
            Failure::new(format!("no free loopback port: {error}"), "is there a loopback device?")
        };
        let held: Vec<TcpListener> =
            (0..6).map(|_| bind()).collect::<io::Result<_>>().map_err(cannot)?;
        let ports: Vec<u16> = held
            .iter()
            .map(|listener| Ok(listener.local_addr()?.port()))
            .collect::<io::Result<_>>()
            .map_err(cannot)?;
        let [amqp, stomp, web_stomp, management, distribution, epmd] = ports[..] else {
            return Err(Failure::new("six ports were asked for", "this is a bug in xtask"));
        };
        Ok(Self { amqp, stomp, web_stomp, management, distribution, epmd })
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Where it keeps everything.
pub(crate) fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| root().join("target")).join("oracle")
}

/// An empty node folder with its configuration.
fn prepare(ports: Ports) -> Outcome {
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| Failure::at(&folder, &error))?;
    }
    for part in ["mnesia", "log"] {
        let part = folder.join(part);
        fs::create_dir_all(&part).map_err(|error| Failure::at(&part, &error))?;
    }
    write("enabled_plugins", "[rabbitmq_management,rabbitmq_stomp,rabbitmq_web_stomp].\n")?;
    let Ports { amqp, stomp, web_stomp, management, .. } = ports;
    let settings = format!(
        "listeners.tcp.default = 127.0.0.1:{amqp}\n\
         stomp.listeners.tcp.default = 127.0.0.1:{stomp}\n\
         web_stomp.tcp.ip = 127.0.0.1\n\
         web_stomp.tcp.port = {web_stomp}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {management}\n\
         log.console = true\n"
    );
    write("rabbitmq.conf", &settings)
}

fn write(name: &str, text: &str) -> Outcome {
    let path = folder().join(name);
    fs::write(&path, text).map_err(|error| Failure::at(&path, &error))
}

fn server(ports: Ports) -> Outcome<Command> {
    let folder = folder();
    let console = folder.join("log/console");
    let log = File::create(&console).map_err(|error| Failure::at(&console, &error))?;
    let errors = log.try_clone().map_err(|error| Failure::at(&console, &error))?;
    let at = |part: &str| folder.join(part);
    let mut command = program(SERVER, &[]);
    command
        .env("RABBITMQ_NODENAME", "hopwire-oracle@localhost")
        .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
        .env("RABBITMQ_LOG_BASE", at("log"))
        .env("RABBITMQ_CONF_ENV_FILE", at("none"))
        .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .env("ERL_EPMD_PORT", ports.epmd.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("HOME", &folder)
        .stdout(log)
        .stderr(errors);
    leave_terminal(&mut command);
    Ok(command)
}

/// Ctrl+C in a terminal goes to the task, which then stops the node in order.
fn leave_terminal(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}
