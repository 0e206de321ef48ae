//! The writer: who waits for what, and what happens when the disk fails.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use parking_lot::Mutex;

use super::super::disk::{Disk, DiskFile, FakeDisk, Folder};
use super::super::intake::{Failure, Refused, Ticket, Waiter};
use super::super::lock::{DirectoryLock, LockError};
use super::super::operation::SequenceRange;
use super::super::settings::Settings;
use super::super::store::{PageLimit, Store};
use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// A disk whose every sync of a file waits to be let through.
#[derive(Debug)]
struct Gate {
    disk: FakeDisk,
    syncing: Sender<()>,
    go: Arc<Mutex<Receiver<()>>>,
}

#[derive(Debug)]
struct GatedFile {
    file: Arc<dyn DiskFile>,
    syncing: Sender<()>,
    go: Arc<Mutex<Receiver<()>>>,
}

/// The test's end of a gate.
struct Keeper {
    disk: FakeDisk,
    syncing: Receiver<()>,
    go: Sender<()>,
}

impl Gate {
    fn new() -> (Arc<Self>, Keeper) {
        Self::over(FakeDisk::default())
    }

    fn over(disk: FakeDisk) -> (Arc<Self>, Keeper) {
        let ((syncing, theirs), (go, wait)) = (channel(), channel());
        let gate = Self { disk: disk.clone(), syncing, go: Arc::new(Mutex::new(wait)) };
        (Arc::new(gate), Keeper { disk, syncing: theirs, go })
    }
}

impl Keeper {
    fn wait_for_sync(&self) {
        self.syncing.recv_timeout(PATIENCE).unwrap();
    }

    /// Lets one sync through, once it is there.
    fn let_sync(&self) {
        self.wait_for_sync();
        self.go.send(()).unwrap();
    }
}

impl Disk for Gate {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let (syncing, go) = (self.syncing.clone(), Arc::clone(&self.go));
        Ok(Arc::new(GatedFile { file: self.disk.create(name)?, syncing, go }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(name)
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        self.disk.unlink(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_names()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }
}

impl DiskFile for GatedFile {
    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn has_name(&self) -> io::Result<bool> {
        self.file.has_name()
    }

    fn preallocate(&self, bytes: u64) -> io::Result<()> {
        self.file.preallocate(bytes)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.file.truncate(bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, into)
    }

    fn sync(&self) -> io::Result<()> {
        let _ = self.syncing.send(());
        // Once the test has let go of its end, every sync goes through.
        let _ = self.go.lock().recv();
        self.file.sync()
    }
}

/// Passes on what the writer says.
struct Told(Mutex<Sender<Result<Ticket, String>>>);

impl Waiter for Told {
    fn synced(&self, up_to: Ticket) {
        self.0.lock().send(Ok(up_to)).unwrap();
    }

    fn failed(&self, failure: &Failure) {
        self.0.lock().send(Err(failure.to_string())).unwrap();
    }
}

fn told() -> (Arc<dyn Waiter>, Receiver<Result<Ticket, String>>) {
    let (sender, receiver) = channel();
    (Arc::new(Told(Mutex::new(sender))), receiver)
}

fn settings() -> Settings {
    Settings { segment_bytes: 1 << 16, ..Settings::default() }
}

fn open_store(disk: Arc<dyn Disk>) -> Store {
    Store::open(disk, settings()).unwrap().0
}

fn one(sequence: u64) -> Batch {
    messages(QUEUE, sequence..sequence + 1, 100)
}

fn settled(sequence: u64) -> Batch {
    let mut batch = Batch::new();
    batch.settle(QUEUE, &[sequence.into()]);
    batch
}

#[test]
fn what_comes_while_the_disk_syncs_goes_out_with_one_sync() {
    let (gate, keeper) = Gate::new();
    let store = open_store(gate);
    let (first, first_told) = told();
    store.append(one(0), Some(first)).unwrap();
    // The birth of the segment, then the first batch.
    keeper.let_sync();
    keeper.wait_for_sync();
    let (waiter, others_told) = told();
    for sequence in 1..100 {
        store.append(one(sequence), Some(Arc::clone(&waiter))).unwrap();
    }
    let last = store.append(one(100), Some(waiter)).unwrap();
    assert!(first_told.try_recv().is_err(), "told before the sync");
    keeper.go.send(()).unwrap();
    assert_eq!(first_told.recv_timeout(PATIENCE).unwrap(), Ok(Ticket(1)));
    keeper.wait_for_sync();
    assert!(others_told.try_recv().is_err(), "told before the sync");
    keeper.go.send(()).unwrap();
    // Once, for all of them.
    assert_eq!(others_told.recv_timeout(PATIENCE).unwrap(), Ok(last));
    assert!(others_told.try_recv().is_err());
    assert_eq!(keeper.disk.syncs(), 3);
    drop(keeper.go);
}

#[test]
fn the_next_segment_is_there_before_it_is_needed() {
    let (gate, keeper) = Gate::new();
    let store = open_store(gate);
    let (waiter, heard) = told();
    let half = messages(QUEUE, 0..40, 1 << 10);
    store.append(half, Some(Arc::clone(&waiter))).unwrap();
    // The birth of the segment, then the batch.
    keeper.let_sync();
    keeper.let_sync();
    heard.recv_timeout(PATIENCE).unwrap().unwrap();
    // Nobody asked for this one.
    keeper.wait_for_sync();
    assert!(keeper.disk.files().contains_key("0000000002.log"));
    drop(keeper.go);
    let rest = messages(QUEUE, 40..80, 1 << 10);
    store.append(rest, Some(waiter)).unwrap();
    heard.recv_timeout(PATIENCE).unwrap().unwrap();
    let index_of_last = store.page(QUEUE, 79, PageLimit { messages: 1, bytes: 1 }).unwrap();
    assert_eq!(index_of_last.messages[0].message, [79; 1 << 10]);
    store.close().unwrap();
    let files: Vec<String> = keeper.disk.files().into_keys().collect();
    assert_eq!(files, ["0000000001.log", "0000000002.log", "0000000003.log"]);
    assert!(keeper.disk.files()["0000000003.log"].len() < 200, "no more than a checkpoint");
}

#[test]
fn what_nobody_waits_for_is_synced_all_the_same() {
    let (gate, keeper) = Gate::new();
    let store = open_store(gate);
    store.append(one(0), None).unwrap();
    keeper.let_sync();
    keeper.let_sync();
    drop(keeper.go);
    drop(store);
}

#[test]
fn a_store_is_full_beyond_the_limit_and_takes_more_all_the_same() {
    let (gate, keeper) = Gate::new();
    let bytes = one(0).bytes();
    let settings = Settings { waiting_bytes_max: 3 * bytes, ..settings() };
    let (store, _) = Store::open(gate, settings).unwrap();
    let (waiter, heard) = told();
    store.append(one(0), Some(Arc::clone(&waiter))).unwrap();
    keeper.wait_for_sync();
    for sequence in 1..=3 {
        store.append(one(sequence), None).unwrap();
    }
    store.append(settled(0), None).unwrap();
    assert!(!store.is_full(), "at the limit, and what settles does not count");
    store.append(one(4), None).unwrap();
    assert!(store.is_full(), "beyond it");
    store.append(one(5), None).unwrap();
    let (room, roomy) = channel();
    store.when_room(Box::new(move || room.send(()).unwrap()));
    assert!(roomy.try_recv().is_err());
    drop(keeper.go);
    // Nothing comes any more, and nobody waits for a sync.
    roomy.recv_timeout(PATIENCE).unwrap();
    assert!(!store.is_full());
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), Ok(Ticket(1)));
    let (room, roomy) = channel();
    store.when_room(Box::new(move || room.send(()).unwrap()));
    roomy.try_recv().unwrap();
    store.close().unwrap();
    assert_eq!(store.queue(QUEUE).unwrap().messages, 5);
}

#[test]
fn whoever_waits_for_room_hears_of_a_failure() {
    let disk = FakeDisk::default();
    let (gate, keeper) = Gate::over(disk.clone());
    let (store, _) = Store::open(gate, Settings { waiting_bytes_max: 1, ..settings() }).unwrap();
    store.append(one(0), Some(told().0)).unwrap();
    keeper.wait_for_sync();
    store.append(one(1), None).unwrap();
    assert!(store.is_full());
    let (room, roomy) = channel();
    store.when_room(Box::new(move || room.send(()).unwrap()));
    disk.fail_writes_after(0);
    drop(keeper.go);
    roomy.recv_timeout(PATIENCE).unwrap();
    assert!(store.close().is_err());
    assert!(!store.is_writable());
}

#[test]
fn an_empty_batch_is_a_barrier() {
    let (gate, keeper) = Gate::new();
    let store = open_store(gate);
    let (waiter, heard) = told();
    // Nothing is dirty: no sync, as a gate that is shut shows.
    let first = store.append(Batch::new(), Some(Arc::clone(&waiter))).unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), Ok(first));
    store.append(one(0), None).unwrap();
    let second = store.append(Batch::new(), Some(waiter)).unwrap();
    keeper.let_sync();
    keeper.wait_for_sync();
    assert!(heard.try_recv().is_err(), "told before what came before is durable");
    drop(keeper.go);
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), Ok(second));
    assert_eq!(keeper.disk.syncs(), 2, "the birth of the segment, and the message");
}

#[test]
fn a_store_is_writable_until_it_is_closed() {
    let store = open_store(Arc::new(FakeDisk::default()));
    assert!(store.is_writable());
    store.close().unwrap();
    assert!(!store.is_writable());
    assert!(matches!(store.append(one(0), None), Err(Refused::Closed)));
}

fn check_failure(fail: impl FnOnce(&FakeDisk), text: &str) {
    let disk = FakeDisk::default();
    let store = open_store(Arc::new(disk.clone()));
    let (waiter, heard) = told();
    store.append(one(0), Some(Arc::clone(&waiter))).unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), Ok(Ticket(1)));
    fail(&disk);
    // It may be refused already if it comes behind the failure.
    store.append(one(1), Some(Arc::clone(&waiter))).unwrap();
    let said = heard.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(said.contains(text), "{said}");
    let operations = disk.operations();
    let Err(Refused::Failed(failure)) = store.append(settled(0), Some(waiter)) else {
        panic!("taken after a failure");
    };
    assert!(failure.to_string().contains(text), "{failure}");
    assert!(store.close().is_err());
    assert_eq!(disk.operations(), operations, "written after a failure");
    // What was confirmed can be read, then and after a restart.
    let limit = PageLimit { messages: 10, bytes: 1 << 20 };
    assert_eq!(store.page(QUEUE, 0, limit).unwrap().messages[0].message, [0; 100]);
    let again = disk.crashed(disk.operations(), super::super::disk::Crash::LosesAll);
    assert_eq!(sequences(&super::open(&again, 1 << 16), QUEUE), [0]);
}

#[test]
fn after_a_failed_write_nothing_is_taken_and_nothing_confirmed_is_lost() {
    check_failure(|disk| disk.fail_writes_after(0), "cannot write '0000000001.log'");
}

#[test]
fn after_a_failed_sync_nothing_is_taken_and_nothing_confirmed_is_lost() {
    check_failure(|disk| disk.fail_sync_after(0), "cannot sync '0000000001.log'");
}

#[test]
fn a_waiter_that_panics_harms_none_of_the_others() {
    struct Wrong;
    impl Waiter for Wrong {
        fn synced(&self, _: Ticket) {
            panic!("a waiter must not");
        }

        fn failed(&self, _: &Failure) {}
    }
    let store = open_store(Arc::new(FakeDisk::default()));
    store.append(one(0), Some(Arc::new(Wrong))).unwrap();
    let (waiter, heard) = told();
    let ticket = store.append(one(1), Some(waiter)).unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), Ok(ticket));
    store.close().unwrap();
}

#[test]
fn a_closed_store_has_everything_and_takes_nothing() {
    let disk = FakeDisk::default();
    let store = open_store(Arc::new(disk.clone()));
    store.append(one(0), None).unwrap();
    store.append(one(1), None).unwrap();
    store.append(settled(0), None).unwrap();
    store.close().unwrap();
    assert!(matches!(store.append(one(2), None), Err(Refused::Closed)));
    let lost = disk.crashed(disk.operations(), super::super::disk::Crash::LosesAll);
    let (store, report) = Store::open(Arc::new(lost), settings()).unwrap();
    assert_eq!((report.cut, report.messages), (None, 1));
    assert_eq!(store.queue(QUEUE).unwrap().next_sequence, 2);
}

#[test]
fn pages_are_read_in_order_and_end_at_their_limits() {
    let store = open_store(Arc::new(FakeDisk::default()));
    let (waiter, heard) = told();
    store.append(messages(QUEUE, 0..2_000, 100), Some(Arc::clone(&waiter))).unwrap();
    heard.recv_timeout(PATIENCE).unwrap().unwrap();
    let mut batch = Batch::new();
    batch.settle(QUEUE, &[SequenceRange { first: 3, last: 1_500 }]);
    store.append(batch, Some(waiter)).unwrap();
    heard.recv_timeout(PATIENCE).unwrap().unwrap();
    let page = |from, messages, bytes| -> Vec<u64> {
        let page = store.page(QUEUE, from, PageLimit { messages, bytes }).unwrap();
        page.messages.iter().map(|it| it.place.sequence).collect()
    };
    assert_eq!(page(1, 4, 1 << 20), [1, 2, 1_501, 1_502]);
    assert_eq!(page(0, 1, 1 << 20), [0]);
    assert_eq!(page(0, 10, 0), [0], "at least one");
    assert_eq!(page(0, 10, 250), [0, 1, 2]);
    assert_eq!(page(1_999, 10, 1 << 20), [1_999]);
    assert_eq!(page(2_000, 10, 1 << 20), []);
    let read = store.read(QUEUE, &[1_700, 5, 0]).unwrap();
    let found: Vec<u64> = read.messages.iter().map(|it| it.place.sequence).collect();
    assert_eq!(found, [1_700, 0]);
    assert_eq!(store.heads(QUEUE, 2, 2).iter().map(|it| it.place.sequence).max(), Some(1_501));
}

#[test]
fn a_directory_has_one_node_and_keeps_its_messages() {
    let name = format!("hopwire-store-{}", std::process::id());
    let directory = std::env::temp_dir().join(name).join("messages");
    let disk = Arc::new(Folder::open(&directory).unwrap());
    let lock = DirectoryLock::take(&directory).unwrap();
    assert!(matches!(DirectoryLock::take(&directory), Err(LockError::Held)));
    let store = open_store(disk.clone());
    assert!(store.free_bytes().unwrap() > 0);
    store.append(messages(QUEUE, 0..100, 1_000), None).unwrap();
    store.close().unwrap();
    drop(store);
    drop(lock);
    let lock = DirectoryLock::take(&directory).unwrap();
    let store = open_store(disk);
    let page = store.page(QUEUE, 99, PageLimit { messages: 1, bytes: 1 }).unwrap();
    assert_eq!(page.messages[0].message, [99; 1_000]);
    drop((store, lock));
    std::fs::remove_dir_all(directory.parent().unwrap()).unwrap();
}
