//! A Hopwire on free loopback ports, for tests in other languages that need one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::command::root;
use crate::failure::{Failure, Outcome};

/// A running broker; it ends with its owner.
pub(crate) struct Broker {
    process: Child,
    web_stomp: String,
    /// Its data directory.
    folder: PathBuf,
}

impl Broker {
    /// Starts the binary that was built last, and waits until it is ready.
    pub(crate) fn start() -> Outcome<Self> {
        let folder = target().join("tmp").join(format!("broker-{}", std::process::id()));
        let mut process = command(&folder).spawn().map_err(|error| {
            Failure::new(format!("cannot run hopwire: {error}"), "cargo build --package hopwire")
        })?;
        let stdout = process.stdout.take();
        let mut broker = Self { process, web_stomp: String::new(), folder };
        let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
        for line in lines.map_while(Result::ok) {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("web-stomp"), Some(address)) => address.clone_into(&mut broker.web_stomp),
                (Some("ready"), _) if !broker.web_stomp.is_empty() => return Ok(broker),
                _ => {}
            }
        }
        Err(Failure::new(
            "hopwire ended before it was ready",
            "cargo run --package hopwire says why",
        ))
    }

    /// The URL of its WebSocket.
    pub(crate) fn web_socket(&self) -> String {
        format!("ws://{}/ws", self.web_stomp)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It keeps nothing that a test would miss.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(Into::into);
    target.unwrap_or_else(|| root().join("target"))
}

fn command(folder: &Path) -> Command {
    let target = target();
    let mut command = Command::new(target.join("debug/hopwire"));
    command.current_dir(&target).arg("serve").stdin(Stdio::null()).stdout(Stdio::piped());
    for key in ["listeners.tcp.default", "stomp.listeners.tcp.default"] {
        command.args(["--set", &format!("{key}=127.0.0.1:0")]);
    }
    for protocol in ["web_stomp", "management"] {
        command.args(["--set", &format!("{protocol}.tcp.listener=127.0.0.1:0")]);
    }
    command.args(["--log", "warn", "--data-dir"]).arg(folder);
    command
}
