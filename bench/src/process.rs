//! Processes, watched through `/proc`.

use std::fs;
use std::time::Duration;

use crate::Problem;

/// Memory that is a process's own, in bytes: anonymous resident pages, kernel buffers apart.
pub(crate) fn memory_bytes(pid: u32) -> Result<f64, Problem> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).ok_or("no RssAnon")?;
    Ok(kib.parse::<f64>()? * 1024.0)
}

/// CPU time that the threads of a process have used, user and system, to the nanosecond.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration, Problem> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may have ended meanwhile; what it used is lost.
        let Ok(stat) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanos += stat.split_whitespace().next().ok_or("no schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// The process that listens on a TCP port of this machine.
pub(crate) fn listener_pid(port: u16) -> Result<u32, Problem> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let inode = tables
        .iter()
        .flatten()
        .flat_map(|table| table.lines())
        .find_map(|line| listening_inode(line, port))
        .ok_or_else(|| format!("nobody listens on port {port}"))?;
    let wanted = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        let mut links = descriptors.flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
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
