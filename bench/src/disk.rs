//! The disk of the durable scenarios: which file system it is, how much lies there, and the floor,
//! which writes and syncs and does nothing else.

mod group;
mod log;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::Problem;
pub(crate) use group::{Limits, group_commit};
pub(crate) use log::{Log, paced_syncs};

/// Bytes of a block, as file metadata counts them.
const BLOCK_BYTES: u64 = 512;

/// Those that keep files in memory: a sync there costs nothing.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// The type of the file system that holds a folder.
pub(crate) fn file_system(folder: &Path) -> Result<String, Problem> {
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let found = mounted_at(&mounts, &folder).ok_or("no mount holds the folder")?;
    Ok(found.to_owned())
}

/// The type of the last mount with the longest path that leads to `folder`.
fn mounted_at<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let of = |line: &'a str| {
        let mut fields = line.split_whitespace().skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        folder.starts_with(place).then_some((place.len(), kind))
    };
    mounts.lines().filter_map(of).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

/// Says why syncs of files in `folder` and in `other` cannot be compared.
pub(crate) fn require_one_disk(folder: &Path, other: Option<&Path>) -> Result<(), Problem> {
    let kind = file_system(folder)?;
    if IN_MEMORY.contains(&kind.as_str()) {
        return Err(format!("{} lies in memory ({kind})", folder.display()).into());
    }
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev());
    match other {
        Some(other) if device(other)? != device(folder)? => {
            let (one, two) = (folder.display(), other.display());
            Err(format!("{one} and {two} lie on different file systems").into())
        }
        _ => Ok(()),
    }
}

/// Bytes on disk of all files under `folder`, as `du` counts them: holes are not among them,
/// preallocated blocks are.
pub(crate) fn used_bytes(folder: &Path) -> Result<f64, Problem> {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            // A segment may go while we look.
            let Ok(found) = entry.metadata() else { continue };
            bytes += found.blocks() * BLOCK_BYTES;
            if found.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_that_leads_to_a_folder_holds_it() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/deep xfs rw 0 0\n";
        let check = |folder, expected| {
            assert_eq!(mounted_at(mounts, Path::new(folder)), Some(expected), "{folder}");
        };
        check("/home", "ext4");
        check("/tmp", "tmpfs");
        check("/tmpfile", "ext4");
        check("/tmp/deep/er", "xfs");
    }
}
