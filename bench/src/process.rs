//! Processes, watched through `/proc`.

use std::fs;
use std::time::Duration;

use crate::Problem;

/// Memory that is a process's own, in bytes: anonymous resident pages, kernel buffers apart.
pub(crate) fn memory_bytes(pid: u32) -> Result<f64, Problem> {
    Ok(number(&format!("/proc/{pid}/status"), "RssAnon:")? * 1024.0)
}

/// Resident memory of a process, in bytes: the binary's pages and mapped files too.
pub(crate) fn resident_bytes(pid: u32) -> Result<f64, Problem> {
    Ok(number(&format!("/proc/{pid}/status"), "VmRSS:")? * 1024.0)
}

/// Bytes that a process had written to disks so far: whole pages, once for each time they were
/// made dirty; the file system's own are not among them.
pub(crate) fn written_bytes(pid: u32) -> Result<f64, Problem> {
    number(&format!("/proc/{pid}/io"), "write_bytes:")
}

/// The number behind a name at the beginning of a line.
fn number(path: &str, name: &str) -> Result<f64, Problem> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("no {name} in {path}"))?.parse()?)
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

/// CPU time that this thread has used, user and system.
pub(crate) fn own_thread_cpu_time() -> Result<Duration, Problem> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = stat.split_whitespace().next().ok_or("no schedstat")?.parse()?;
    Ok(Duration::from_nanos(nanos))
}

/// How a child that nobody has waited for ended; `None` if it runs.
pub(crate) fn ending(pid: u32) -> Option<String> {
    ending_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Source: proc_pid_stat(5): the state behind the name in parentheses, the wait status last.
fn ending_of(stat: &str) -> Option<String> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let status: u32 = rest.strip_prefix('Z')?.split_whitespace().last()?.parse().ok()?;
    Some(match status & 0x7f {
        0 => format!("ended with code {}", status >> 8),
        signal => format!("ended by signal {signal}"),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_child_ended_is_read_off_its_last_field() {
        let check = |stat, expected: Option<&str>| {
            assert_eq!(ending_of(stat).as_deref(), expected, "{stat}");
        };
        check("7 (a ) b) S 1 7 0 9", None);
        check("7 (a ) b) Z 1 7 0 9", Some("ended by signal 9"));
        check("7 (hopwire) Z 1 7 0 256\n", Some("ended with code 1"));
        check("7 (hopwire) Z 1 7 0 0\n", Some("ended with code 0"));
    }
}
