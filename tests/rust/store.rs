//! `hopwire store check | repair`: what it finds, what it keeps, and its exit status.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::broker::{folder, run};

/// A data directory with the messages that version 1 of the format wrote.
struct Stored {
    data: PathBuf,
}

impl Stored {
    fn new() -> Self {
        let data = folder();
        let messages = data.join("messages");
        fs::create_dir(&messages).unwrap();
        let fixture =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/broker/src/store/tests/version-1");
        for entry in fs::read_dir(fixture).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), messages.join(entry.file_name())).unwrap();
        }
        Self { data }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data.join("messages").join(name)
    }

    /// Changes a byte in the middle of a file.
    fn damage(&self, name: &str) -> Vec<u8> {
        let mut bytes = fs::read(self.file(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(self.file(name), &bytes).unwrap();
        bytes
    }

    /// It ends with this status and says all of these words, on either stream.
    fn says(&self, task: &str, status: i32, words: &[&str]) {
        says(&self.data, task, status, words);
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn says(data: &Path, task: &str, status: i32, words: &[&str]) {
    let (found, said, errors) = run(&["store", task, "--data-dir", data.to_str().unwrap()]);
    assert_eq!(found.code(), Some(status), "{said}\n{errors}");
    for word in words {
        assert!(said.contains(word) || errors.contains(word), "'{word}' not in: {said}\n{errors}");
    }
}

#[test]
fn a_sound_store_is_said_to_be_one_and_left_alone() {
    let stored = Stored::new();
    let before = fs::read(stored.file("0000000002.log")).unwrap();
    stored.says("check", 0, &["✓ 3 files", "everything is as it was written"]);
    stored.says("repair", 0, &["nothing to repair"]);
    assert_eq!(fs::read(stored.file("0000000002.log")).unwrap(), before);
    let mut names: Vec<_> =
        fs::read_dir(&stored.data).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["lock", "messages"], "no copy is left of what was not removed");
}

#[test]
fn damage_is_listed_with_file_and_offset_and_what_to_do() {
    let stored = Stored::new();
    stored.damage("0000000002.log");
    fs::remove_file(stored.file("0000000003.log")).unwrap();
    let repair = format!("hopwire store repair --data-dir {}", stored.data.display());
    let words = ["✗ 0000000002.log, byte ", "✗ 0000000003.log is missing", "→", &repair];
    stored.says("check", 1, &words);
}

#[test]
fn a_repair_keeps_what_can_be_read_and_a_copy_of_what_it_removes() {
    let stored = Stored::new();
    let damaged = stored.damage("0000000002.log");
    stored.says("check", 1, &["✗ 0000000002.log"]);
    let copy = stored.data.join("messages-before-repair-1");
    let told = format!("a copy of what was removed is in {}", copy.display());
    stored.says("repair", 1, &["✗ lost: message", "✓ repaired", "start the node", &told]);
    assert_eq!(fs::read(copy.join("0000000002.log")).unwrap(), damaged);
    assert!(!stored.file("0000000002.log").exists());
    stored.says("check", 0, &["✓"]);
    stored.says("repair", 0, &["nothing to repair"]);
}

#[test]
fn a_running_node_is_not_disturbed() {
    let stored = Stored::new();
    let lock = File::create(stored.data.join("lock")).unwrap();
    lock.lock().unwrap();
    for task in ["check", "repair"] {
        stored.says(task, 2, &["in use by another node", "→ stop the node"]);
    }
}

#[test]
fn a_directory_without_messages_is_fine_and_one_that_is_missing_is_named() {
    let data = folder();
    says(&data, "check", 0, &["nothing is stored"]);
    fs::remove_dir_all(&data).unwrap();
    says(&data, "check", 2, &[data.to_str().unwrap(), "--data-dir"]);
}

#[test]
fn another_version_is_refused_by_name() {
    let stored = Stored::new();
    let mut bytes = fs::read(stored.file("0000000002.log")).unwrap();
    bytes[8] = 2;
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[..20]);
    bytes[20..24].copy_from_slice(&crc.sum().to_le_bytes());
    fs::write(stored.file("0000000002.log"), bytes).unwrap();
    for task in ["check", "repair"] {
        stored.says(task, 2, &["0000000002.log", "has format version 2"]);
    }
    assert!(!stored.data.join("messages-before-repair-1").exists(), "nothing was removed");
}
