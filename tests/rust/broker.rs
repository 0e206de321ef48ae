//! One `hopwire` process on free loopback ports, which ends with its owner.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How long a start or a stop may take before the test gives up.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(20);

/// Free ports on loopback for everything that listens.
const LISTENERS: &str = "\
listeners.tcp.default = 127.0.0.1:0
stomp.listeners.tcp.default = 127.0.0.1:0
web_stomp.tcp.listener = 127.0.0.1:0
management.tcp.ip = 127.0.0.1
management.tcp.port = 0
";

/// A running broker.
pub(crate) struct Broker {
    process: Child,
    addresses: HashMap<String, SocketAddr>,
    ready_line: String,
    folder: PathBuf,
    /// What it says after its ready line, and in the end everything it logged.
    log: Receiver<String>,
}

impl Broker {
    /// A broker with nothing configured but free ports and the stories' users.
    pub(crate) fn start() -> Self {
        Self::with(include_str!("../users.conf"))
    }

    /// A broker with more settings, in the syntax of `rabbitmq.conf`.
    pub(crate) fn with(settings: &str) -> Self {
        Self::with_environment(settings, &[])
    }

    /// A broker with more settings, and more in its environment.
    pub(crate) fn with_environment(settings: &str, environment: &[(&str, &str)]) -> Self {
        let folder = folder();
        let path = folder.join("hopwire.conf");
        fs::write(&path, format!("{LISTENERS}{settings}")).unwrap();
        let mut process = program(&folder, &["serve", "--config", path.to_str().unwrap()])
            .envs(environment.iter().copied())
            .spawn()
            .expect("the hopwire binary starts");
        let log = lines(&mut process);
        let mut addresses = HashMap::new();
        let mut said = String::new();
        let ready_line = loop {
            let Ok(line) = log.recv_timeout(WAIT_MAX) else {
                let _ = process.kill();
                panic!("no ready line; it said:\n{said}");
            };
            said.push_str(&line);
            said.push('\n');
            if line.trim_start().starts_with("ready") {
                break line;
            }
            if let Some((protocol, address)) = listener(&line) {
                addresses.insert(protocol, address);
            }
        };
        Self { process, addresses, ready_line, folder, log }
    }

    /// The last line of its start.
    pub(crate) fn ready_line(&self) -> &str {
        &self.ready_line
    }

    /// Where AMQP is spoken.
    pub(crate) fn amqp(&self) -> SocketAddr {
        self.address("amqp")
    }

    /// Where STOMP is spoken.
    pub(crate) fn stomp(&self) -> SocketAddr {
        self.address("stomp")
    }

    /// Where STOMP over WebSocket is spoken.
    pub(crate) fn web_stomp(&self) -> SocketAddr {
        self.address("web-stomp")
    }

    /// Where the management API answers.
    pub(crate) fn management(&self) -> SocketAddr {
        self.address("management")
    }

    /// Memory of its own that it takes, in bytes: not its program, which is mapped.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).unwrap();
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        kibibytes.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Where a protocol is spoken, by the name that the start prints.
    pub(crate) fn address(&self, protocol: &str) -> SocketAddr {
        let found = self.addresses.get(protocol);
        *found.unwrap_or_else(|| panic!("no '{protocol}' among {:?}", self.addresses))
    }

    /// Its number in the system.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) fn terminate(&self) {
        let process = self.process.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &process]).status().unwrap();
        assert!(sent.success());
    }

    /// How it ended, after [`Self::terminate`].
    pub(crate) fn wait(&mut self) -> ExitStatus {
        // Its outputs end when it does.
        loop {
            match self.log.recv_timeout(WAIT_MAX) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return self.process.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => panic!("it did not end"),
            }
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            let log: Vec<String> = self.log.iter().collect();
            eprintln!("the broker said:\n{}", log.join("\n"));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs the program to its end; its status and what it said on standard error.
pub(crate) fn run(arguments: &[&str]) -> (ExitStatus, String, String) {
    let folder = folder();
    let mut process = program(&folder, arguments).spawn().expect("the hopwire binary starts");
    let (mut stdout, mut stderr) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
    let (ended, end) = channel();
    let printed = thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        let _ = ended.send(());
        text
    });
    if end.recv_timeout(WAIT_MAX).is_err() {
        let _ = process.kill();
        panic!("`hopwire {}` did not end", arguments.join(" "));
    }
    let mut errors = String::new();
    stderr.read_to_string(&mut errors).unwrap();
    let _ = fs::remove_dir_all(&folder);
    (process.wait().unwrap(), printed.join().unwrap(), errors)
}

/// A new, empty folder of this test.
pub(crate) fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("hopwire-story-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .current_dir(folder)
        // Data that the program keeps stays in the test's folder.
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder)
        .env("HOPWIRE_DATA_DIR", folder.join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// `STORIES_BINARY`, or the binary that the same build put beside this test.
fn binary() -> PathBuf {
    if let Some(binary) = env::var_os("STORIES_BINARY") {
        return binary.into();
    }
    let test = env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap().join("hopwire");
    assert!(built.is_file(), "no {}: run `cargo build --package hopwire`", built.display());
    built
}

/// Both outputs of a process, line by line.
fn lines(process: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    let outputs: [Box<dyn Read + Send>; 2] =
        [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
    for output in outputs {
        let sender = sender.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    receiver
}

/// `amqp 127.0.0.1:34567` as its parts.
fn listener(line: &str) -> Option<(String, SocketAddr)> {
    let mut words = line.split_whitespace();
    let protocol = words.next()?.to_owned();
    let address = words.next()?.parse().ok()?;
    Some((protocol, address))
}
