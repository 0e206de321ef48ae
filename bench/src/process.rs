//! The broker's process: started on free ports, watched through `/proc`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use client::Uri;

use crate::Problem;
use crate::measure::Broker;

/// A Hopwire of our own; ends with its owner.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    amqp: String,
    ws: String,
}

impl Node {
    /// Starts one on free ports and waits for its ready line.
    pub(crate) fn start(binary: Option<&Path>) -> Result<Self, Problem> {
        let binary = match binary {
            Some(binary) => binary.to_owned(),
            None => beside_us()?,
        };
        let mut command = Command::new(&binary);
        command.arg("serve").args(["--log", "error"]);
        for key in [
            "listeners.tcp.default",
            "stomp.listeners.tcp.default",
            "web_stomp.tcp.listener",
            "management.tcp.listener",
        ] {
            command.arg("--set").arg(format!("{key}=127.0.0.1:0"));
        }
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", binary.display()))?;
        let out = child.stdout.take().ok_or("no standard output")?;
        let (mut amqp, mut ws) = (None, None);
        for line in BufReader::new(out).lines() {
            let line = line?;
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("amqp"), Some(address)) => amqp = Some(address.to_owned()),
                (Some("web-stomp"), Some(address)) => ws = Some(address.to_owned()),
                (Some("ready"), _) => break,
                _ => {}
            }
        }
        Ok(Self {
            child,
            amqp: amqp.ok_or("hopwire did not say where AMQP is")?,
            ws: ws.ok_or("hopwire did not say where Web STOMP is")?,
        })
    }

    pub(crate) fn broker(&self) -> Result<Broker, Problem> {
        Ok(Broker {
            name: "Hopwire",
            version: env!("CARGO_PKG_VERSION").to_owned(),
            amqp: Uri::parse(&format!("amqp://{}", self.amqp))?,
            ws: Uri::parse(&format!("ws://{}/ws", self.ws))?,
            pid: self.child.id(),
            share: 1.0,
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may be gone already; nothing else is to be done then.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn beside_us() -> Result<PathBuf, Problem> {
    let ours = std::env::current_exe()?;
    let folder = ours.parent().ok_or("this binary has no folder")?;
    let binary = folder.join("hopwire");
    if !binary.exists() {
        return Err("no hopwire beside this binary; `cargo build --release` makes one".into());
    }
    Ok(binary)
}

/// Memory that is a process's own, in bytes: anonymous resident pages, kernel buffers apart.
pub(crate) fn memory_bytes(pid: u32) -> Result<f64, Problem> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).ok_or("no RssAnon")?;
    Ok(kib.parse::<f64>()? * 1024.0)
}

/// CPU time that a process has used, user and system.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration, Problem> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no stat")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
    // USER_HZ is 100 on every Linux there is.
    Ok(Duration::from_millis(ticks * 10))
}

/// The process that listens on a TCP port of this machine.
pub(crate) fn listener_pid(port: u16) -> Result<u32, Problem> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(std::fs::read_to_string);
    let inode = tables
        .iter()
        .flatten()
        .flat_map(|table| table.lines())
        .find_map(|line| listening_inode(line, port))
        .ok_or_else(|| format!("nobody listens on port {port}"))?;
    let wanted = format!("socket:[{inode}]");
    for process in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let mut links = descriptors.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
        if links.any(|link| link.to_str() == Some(&wanted)) {
            return Ok(pid);
        }
    }
    Err(format!("the process that listens on port {port} is not ours to see").into())
}

/// The inode of the socket of a line of `/proc/net/tcp`, if it listens on that port.
fn listening_inode(line: &str, port: u16) -> Option<&str> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace();
    let local = fields.nth(1)?;
    let is_it = u16::from_str_radix(local.rsplit(':').next()?, 16) == Ok(port);
    (is_it && fields.nth(1)? == LISTEN).then(|| fields.nth(5)).flatten()
}
