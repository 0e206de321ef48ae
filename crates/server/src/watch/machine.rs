//! What Linux says about memory and disk.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

/// Where the readings come from; tests have another.
pub(crate) trait Machine: Send + Sync {
    /// Memory of this process that is in use (RSS), in bytes.
    fn used_memory_bytes(&self) -> io::Result<u64>;

    /// What the disk of the data directory can still take, in bytes.
    fn free_disk_bytes(&self) -> io::Result<u64>;
}

/// The machine that this runs on.
#[derive(Debug)]
pub(crate) struct System {
    data_dir: PathBuf,
}

impl System {
    /// With the node's files there.
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned() }
    }

    /// The memory that the node may have, in bytes: the machine's, or less if a control group says
    /// so.
    pub(crate) fn total_memory_bytes() -> io::Result<u64> {
        let meminfo = std::fs::read_to_string("/proc/meminfo")?;
        let of_machine = kibibytes(&meminfo, "MemTotal:").ok_or(io::ErrorKind::InvalidData)?;
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let limits = limit_files(&groups).into_iter().filter_map(|file| {
            // `max` is no limit, and neither is a file that is not there.
            std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok()
        });
        Ok(limits.fold(of_machine, u64::min))
    }
}

impl Machine for System {
    fn used_memory_bytes(&self) -> io::Result<u64> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        kibibytes(&status, "VmRSS:").ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn free_disk_bytes(&self) -> io::Result<u64> {
        // Before the node has written anything, the directory may not be there.
        let there = self.data_dir.ancestors().find(|ancestor| ancestor.exists());
        let found = statvfs(there.unwrap_or(Path::new(".")))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// `VmRSS:      1234 kB`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

/// The files that may limit this process's memory, by `/proc/self/cgroup`: those of its group and
/// of all above it, in both versions of control groups. In a container the group's path may be one
/// of the host; then the root is the container's own.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|it| it == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let group = Path::new(group.trim_start_matches('/'));
        files.extend(group.ancestors().map(|group| Path::new(root).join(group).join(file)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_kernel_are_read() {
        let status = "Name:\thopwire\nVmRSS:\t    1234 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(1234 * 1024));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
        assert_eq!(kibibytes("VmRSS: 12 MB", "VmRSS:"), None);
    }

    #[test]
    fn limits_of_a_group_and_all_above_it_count() {
        let shown = |groups: &str| -> Vec<String> {
            limit_files(groups).iter().map(|file| file.display().to_string()).collect()
        };
        assert_eq!(
            shown("0::/a/b\n"),
            [
                "/sys/fs/cgroup/a/b/memory.max",
                "/sys/fs/cgroup/a/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            shown("8:pids:/x\n4:cpu,memory:/x\n"),
            [
                "/sys/fs/cgroup/memory/x/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ]
        );
        assert_eq!(shown("nonsense"), [""; 0]);
    }

    #[test]
    fn this_machine_answers() {
        let system = System::new(Path::new("/nowhere/at/all"));
        let used = system.used_memory_bytes().unwrap();
        assert!(used > 0 && used < System::total_memory_bytes().unwrap());
        assert!(system.free_disk_bytes().is_ok());
    }
}
