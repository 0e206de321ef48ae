//! A disk that is really full.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::channel;

use parking_lot::Mutex;

use super::super::disk::Folder;
use super::super::intake::{Failure, Ticket, Waiter};
use super::super::settings::Settings;
use super::super::store::{PageLimit, Store};
use super::*;

/// A file system in memory, of its own; gone when the test ends.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` if mounting is not allowed here.
    fn mount(megabytes: u32) -> Option<Self> {
        let path = std::env::temp_dir().join(format!("hopwire-full-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let disk = Self(path);
        let size = format!("size={megabytes}m");
        disk.run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs"]).then_some(disk)
    }

    fn grow(&self, megabytes: u32) -> bool {
        self.run("mount", &["-o", &format!("remount,size={megabytes}m")])
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let ended = Command::new(program).args(arguments).arg(&self.0).output();
        ended.is_ok_and(|ended| ended.status.success())
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.run("umount", &[]);
        let _ = std::fs::remove_dir(&self.0);
    }
}

struct Told(Mutex<std::sync::mpsc::Sender<Result<Ticket, Failure>>>);

impl Waiter for Told {
    fn synced(&self, up_to: Ticket) {
        let _ = self.0.lock().send(Ok(up_to));
    }

    fn failed(&self, failure: &Failure) {
        let _ = self.0.lock().send(Err(failure.clone()));
    }
}

fn open_store(disk: &SmallDisk) -> Store {
    let settings = Settings { segment_bytes: 4 << 20, ..Settings::default() };
    Store::open(Arc::new(Folder::open(disk.path()).unwrap()), settings).unwrap().0
}

#[test]
fn what_was_confirmed_survives_a_full_disk() {
    let Some(disk) = SmallDisk::mount(32) else {
        // Not captured: it must be seen that this was not tried.
        let notice = "a full disk was NOT tried: mounting a tmpfs is refused here";
        let _ = writeln!(std::io::stderr(), "{notice}");
        return;
    };
    let store = open_store(&disk);
    let (sender, heard) = channel();
    let waiter: Arc<dyn Waiter> = Arc::new(Told(Mutex::new(sender)));
    let mut confirmed = 0;
    let failure = loop {
        let batch = messages(QUEUE, confirmed..confirmed + 100, 1024);
        if store.append(batch, Some(Arc::clone(&waiter))).is_err() {
            break store.failure().unwrap();
        }
        match heard.recv().unwrap() {
            Ok(_) => confirmed += 100,
            Err(failure) => break failure,
        }
        assert!(confirmed < 40 << 10, "more than the disk can hold");
    };
    assert!(confirmed > 20 << 10, "{confirmed} messages filled 32 MiB");
    assert!(failure.to_string().contains("No space left on device"), "{failure}");
    assert!(!store.is_writable());
    // Consumers read on.
    let last = store.page(QUEUE, confirmed - 1, PageLimit { messages: 1, bytes: 1 }).unwrap();
    assert_eq!(last.messages[0].place.sequence, confirmed - 1);
    assert!(store.close().is_err());
    drop(store);

    assert!(disk.grow(64));
    let store = open_store(&disk);
    let kept = store.heads(QUEUE, 0, usize::MAX);
    assert!(kept.len() as u64 >= confirmed, "{} of {confirmed}", kept.len());
    assert!((0..).zip(&kept).all(|(sequence, head)| head.place.sequence == sequence));
    let next = kept.len() as u64;
    store.append(messages(QUEUE, next..next + 1, 1024), Some(waiter)).unwrap();
    heard.recv().unwrap().unwrap();
    store.close().unwrap();
    drop(store);
}
