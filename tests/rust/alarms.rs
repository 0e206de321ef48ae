//! Memory and disk alarms: who publishes waits, who consumes does not, and all of it ends.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::broker::{Broker, WAIT_MAX, folder};
use crate::http::Api;
use crate::oracle::Addresses;
use crate::peer::Peer;
use crate::story::{holds_here, tell};

#[test]
fn a_publisher_is_blocked_from_its_first_publish_on_and_consumers_go_on() {
    holds_here("python/blocked.py", "vm_memory_high_watermark.absolute = 1\n");
}

#[test]
fn a_backlog_that_fills_the_memory_blocks_its_publisher_until_it_is_gone() {
    holds_here("python/memory_alarm.py", "vm_memory_high_watermark.absolute = 100MB\n");
}

/// A small disk of one test's own; unmounted at its end.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// 256 MiB; `None`, with a notice, where nobody may mount anything.
    pub(crate) fn mount() -> Option<Self> {
        let folder = folder();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256m", "tmpfs"])
            .arg(&folder)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("NOTICE: this user may not mount a tmpfs: the disk alarm is not tried");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Leaves only so many bytes free.
    pub(crate) fn fill(&self, left_bytes: u64) {
        let said = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).arg(&self.0).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let free = said("df", &["--output=avail", "-B1"]);
        let free: u64 = free.lines().last().unwrap().trim().parse().unwrap();
        let length = (free - left_bytes).to_string();
        let filled = Command::new("fallocate")
            .args(["-l", &length])
            .arg(self.0.join("filler"))
            .status()
            .unwrap();
        assert!(filled.success());
    }

    pub(crate) fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn until_alarm_is(broker: &Broker, is_set: bool) {
    let begun = Instant::now();
    let status = if is_set { 503 } else { 200 };
    while Api::of(broker).ask("GET", "/api/health/checks/alarms", "", "").status != status {
        assert!(begun.elapsed() < WAIT_MAX, "the alarm is not set: {is_set}");
    }
}

/// A session with these heart-beats, rounded up to a second, that has sent these frames, too.
fn stomp(broker: &Broker, heart_beat: &str, frames: &str) -> Peer {
    let connect = format!(
        "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\
         heart-beat:{heart_beat}\n\n\0{frames}"
    );
    let mut peer = Peer::saying(broker.stomp(), connect);
    peer.hear_until(b"\0");
    peer
}

#[test]
fn a_full_disk_holds_stomp_publishers_in_silence_until_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let data = disk.path().join("data");
    let environment = [("HOPWIRE_DATA_DIR", data.to_str().unwrap())];
    let broker = Broker::with_environment("disk_free_limit.absolute = 64MB\n", &environment);
    let mut subscriber =
        stomp(&broker, "0,0", "SUBSCRIBE\nid:0\ndestination:/topic/full\nreceipt:here\n\n\0");
    subscriber.hear_until(b"receipt-id:here\n\n\0");
    disk.fill(32_000_000);
    until_alarm_is(&broker, true);
    let mut publisher = stomp(&broker, "200,200", "");

    // The first publish is read and carried out; those behind it wait in the socket.
    publisher.say("SEND\ndestination:/topic/full\nreceipt:1\n\none\0");
    publisher.hear_until(b"receipt-id:1\n\n\0");
    publisher.say("SEND\ndestination:/topic/full\nreceipt:2\n\ntwo\0");
    subscriber.hear_until(b"one\0");
    // Eight heart-beats, half a second apart: no receipt, and no end, though the peer's own
    // heart-beats are missing.
    assert_eq!(publisher.hear(8), b"\n".repeat(8));
    // Who has not published subscribes and is answered as ever.
    let mut other =
        stomp(&broker, "0,0", "SUBSCRIBE\nid:0\ndestination:/topic/more\nreceipt:r\n\n\0");
    other.hear_until(b"receipt-id:r\n\n\0");
    assert_eq!(states(&broker), ["blocked", "blocking", "blocking"]);

    disk.empty();
    publisher.hear_until(b"receipt-id:2\n\n\0");
    subscriber.hear_until(b"two\0");
    until_alarm_is(&broker, false);
}

#[test]
fn a_disk_that_runs_full_confirms_nothing_it_could_not_keep_and_blocks_who_publishes() {
    let Some(disk) = SmallDisk::mount() else { return };
    let data = disk.path().join("data");
    let environment = [("HOPWIRE_DATA_DIR", data.to_str().unwrap())];
    // Without the alarm that is there to prevent this.
    let broker = Broker::with_environment("disk_free_limit.absolute = 0\n", &environment);
    let disk = [("DISK", disk.path().to_str().unwrap())];
    tell("python/store_alarm.py", &Addresses::of(&broker), &disk);
}

fn states(broker: &Broker) -> Vec<String> {
    let listed = Api::of(broker).list("/api/connections");
    let mut states: Vec<String> =
        listed.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect();
    states.sort();
    states
}

#[test]
fn a_node_stops_though_its_publishers_are_held() {
    let mut broker = Broker::with("vm_memory_high_watermark.absolute = 1\n");
    let mut publisher = stomp(&broker, "0,0", "SEND\ndestination:/topic/x\nreceipt:1\n\none\0");
    publisher.hear_until(b"receipt-id:1\n\n\0");
    publisher.say("SEND\ndestination:/topic/x\nreceipt:2\n\ntwo\0");
    assert_eq!(states(&broker), ["blocked"]);
    broker.terminate();
    let said = publisher.hear_to_the_end();
    assert!(!String::from_utf8_lossy(&said).contains("receipt-id:2"));
    assert!(broker.wait().success());
}
