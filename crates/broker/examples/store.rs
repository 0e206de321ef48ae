//! Measures the store beside its floor: the same bytes, in the same batches, written to a
//! preallocated file and synced.
//!
//! `cargo run --release -p hopwire-broker --example store -- <empty directory> [messages]`

#![expect(clippy::print_stdout, reason = "it is there to print")]

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hopwire_broker::store::disk::Folder;
use hopwire_broker::store::{
    Batch, Failure, PageLimit, Place, QueueId, SequenceRange, Settings, Store, Ticket, Waiter,
};

const BODY_BYTES: usize = 1024;
const QUEUE: QueueId = QueueId(1);
const ROUNDS: usize = 5;
/// Segments whose births and ends are measured.
const ROLLS: u64 = 40;
/// How long each measured stretch lasts.
const STRETCH: Duration = Duration::from_millis(1500);

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("which empty directory?")?);
    let messages: u64 = arguments.next().map_or(Ok(1_000_000), |it| it.parse())?;
    rolls(&directory.join("rolls"))?;
    append(&directory.join("append"))?;
    steady(&directory.join("steady"))?;
    backlog(&directory.join("backlog"), messages)
}

/// Tells a channel what the writer says.
struct Told(Mutex<Sender<Result<Ticket, Failure>>>);

impl Waiter for Told {
    fn synced(&self, up_to: Ticket) {
        self.say(Ok(up_to));
    }

    fn failed(&self, failure: &Failure) {
        self.say(Err(failure.clone()));
    }
}

impl Told {
    fn pair() -> (Arc<dyn Waiter>, Receiver<Result<Ticket, Failure>>) {
        let (sender, receiver) = channel();
        (Arc::new(Self(Mutex::new(sender))), receiver)
    }

    fn say(&self, result: Result<Ticket, Failure>) {
        if let Ok(sender) = self.0.lock() {
            let _ = sender.send(result);
        }
    }
}

/// One publisher that brings a batch and waits for its sync before the next.
struct Publisher {
    waiter: Arc<dyn Waiter>,
    told: Receiver<Result<Ticket, Failure>>,
    body: Vec<u8>,
    sequence: u64,
}

impl Publisher {
    fn new() -> Self {
        let (waiter, told) = Told::pair();
        // Not compressible, in case the disk tries.
        let body = (0..BODY_BYTES as u64).map(|at| (at.wrapping_mul(0x9E37_79B9) >> 7) as u8);
        Self { waiter, told, body: body.collect(), sequence: 0 }
    }

    fn publish(&mut self, store: &Store, messages: u64) -> Outcome {
        let ticket = self.send(store, messages)?;
        while self.told.recv()?? < ticket {}
        Ok(())
    }

    fn send(&mut self, store: &Store, messages: u64) -> Outcome<Ticket> {
        let mut batch = Batch::with_room(messages as usize * (BODY_BYTES + 64));
        for _ in 0..messages {
            let place = Place::new(QUEUE, self.sequence);
            batch.message(BODY_BYTES as u32, &[place], &[b"properties, exchange", &self.body])?;
            self.sequence += 1;
        }
        Ok(store.append(batch, Some(Arc::clone(&self.waiter)))?)
    }

    /// Sends a hundred, waiting only while more than nine hundred are not synced.
    fn keep_window(&mut self, store: &Store, synced: &mut Ticket) -> Outcome {
        let ticket = self.send(store, WINDOW_BATCH)?;
        while ticket.0 - synced.0 >= WINDOW / WINDOW_BATCH {
            *synced = self.told.recv()??;
        }
        Ok(())
    }
}

/// Messages that may be unsynced at once, and that come together.
const WINDOW: u64 = 1000;
const WINDOW_BATCH: u64 = 100;

/// The floor: a file that is written and synced.
struct Floor {
    directory: PathBuf,
    file: File,
    at: u64,
    files: u64,
}

const FLOOR_FILE_BYTES: u64 = 32 << 20;

impl Floor {
    fn new(directory: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(directory)?;
        let file = Self::file(directory, 0)?;
        Ok(Self { directory: directory.to_owned(), file, at: 0, files: 1 })
    }

    fn file(directory: &Path, number: u64) -> Outcome<File> {
        let path = directory.join(format!("floor-{number}"));
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, FLOOR_FILE_BYTES)?;
        file.sync_all()?;
        Ok(file)
    }

    fn write(&mut self, bytes: &[u8]) -> Outcome {
        if self.at + bytes.len() as u64 > FLOOR_FILE_BYTES {
            self.file = Self::file(&self.directory, self.files)?;
            std::fs::remove_file(self.directory.join(format!("floor-{}", self.files - 1)))?;
            self.files += 1;
            self.at = 0;
        }
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        self.file.sync_data()?;
        Ok(())
    }
}

/// The CPU time of this process so far, in nanoseconds of user and system together.
fn cpu_ns() -> Outcome<f64> {
    let mut ns = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split_whitespace().next().unwrap_or_default();
        ns += first.parse::<f64>()?;
    }
    Ok(ns)
}

/// Messages a second while `act` brings `messages` each time, and CPU time of each.
fn rate(messages: u64, mut act: impl FnMut() -> Outcome) -> Outcome<(f64, f64)> {
    let (start, cpu) = (Instant::now(), cpu_ns()?);
    let mut done = 0;
    while start.elapsed() < STRETCH {
        act()?;
        done += messages;
    }
    let rate = done as f64 / start.elapsed().as_secs_f64();
    Ok((rate, (cpu_ns()? - cpu) / done as f64))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn open(directory: &Path) -> Outcome<(Store, hopwire_broker::store::Report)> {
    let disk = Arc::new(Folder::open(directory)?);
    Ok(Store::open(disk, Settings::default())?)
}

/// Append and sync in batches, taking turns with the floor.
fn append(directory: &Path) -> Outcome {
    println!("append + sync, 1 KiB: messages/s, median of {ROUNDS} rounds that take turns");
    println!(
        "{:>6} {:>12} {:>12} {:>8} {:>14} {:>14}",
        "batch", "floor", "store", "share", "floor CPU ns", "store CPU ns"
    );
    let (store, _) = open(directory)?;
    let mut floor = Floor::new(&directory.join("floor"))?;
    let mut publisher = Publisher::new();
    for batch in [1, 100, 1000] {
        let bytes = publisher.body.repeat(batch as usize);
        let (mut floors, mut stores, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        let (mut floor_ns, mut store_ns) = (Vec::new(), Vec::new());
        let mut windows = Vec::new();
        for _ in 0..ROUNDS {
            let (one, one_ns) = rate(batch, || floor.write(&bytes))?;
            let (other, other_ns) = rate(batch, || publisher.publish(&store, batch))?;
            floors.push(one);
            stores.push(other);
            shares.push(other / one);
            floor_ns.push(one_ns);
            store_ns.push(other_ns);
            if batch == WINDOW {
                let mut synced = Ticket(0);
                let act = || publisher.keep_window(&store, &mut synced);
                windows.push(rate(WINDOW_BATCH, act)?.0 / one);
                while publisher.told.recv_timeout(Duration::from_millis(300)).is_ok() {}
            }
            store.append(purge(publisher.sequence), None)?;
        }
        let (floor, store, share) = (median(floors), median(stores), median(shares));
        let (floor_ns, store_ns) = (median(floor_ns), median(store_ns));
        println!(
            "{batch:>6} {floor:>12.0} {store:>12.0} {share:>8.2} {floor_ns:>14.0} {store_ns:>14.0}"
        );
        if batch == WINDOW {
            println!("{:>32} {:>8.2}", "the same as a sliding window", median(windows));
        }
    }
    Ok(())
}

/// How long a confirm takes, over the births and the ends of many segments.
fn rolls(directory: &Path) -> Outcome {
    // One after the other: the file system's bookkeeping for one would hold up the other.
    let mut floor = Floor::new(&directory.join("floor"))?;
    let mut publisher = Publisher::new();
    let bytes = publisher.body.repeat(WINDOW_BATCH as usize);
    let mut floors = Vec::new();
    while floor.files <= ROLLS {
        let start = Instant::now();
        floor.write(&bytes)?;
        floors.push(start.elapsed());
    }
    let (store, _) = open(directory)?;
    let mut stores = Vec::new();
    while store.usage().counts.unlinked_segments < ROLLS {
        let first = publisher.sequence;
        let start = Instant::now();
        publisher.publish(&store, WINDOW_BATCH)?;
        stores.push(start.elapsed());
        let last = publisher.sequence - 1;
        let mut batch = Batch::new();
        batch.settle(QUEUE, &[SequenceRange { first, last }]);
        store.append(batch, None)?;
    }
    println!("100 of 1 KiB and a sync, over {ROLLS} segments that come and go: ms");
    println!("{:>6} {:>8} {:>8} {:>8} {:>8}", "", "p50", "p99", "p99.9", "max");
    for (name, mut took) in [("floor", floors), ("store", stores)] {
        took.sort_unstable();
        let at = |share: f64| {
            let took = took.get((took.len() as f64 * share) as usize).or(took.last());
            took.map_or(0.0, |it| it.as_secs_f64() * 1e3)
        };
        let [half, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(at);
        println!("{name:>6} {half:>8.2} {p99:>8.2} {p999:>8.2} {max:>8.2}");
    }
    println!();
    Ok(())
}

fn purge(next_sequence: u64) -> Batch {
    let mut batch = Batch::new();
    batch.settle(QUEUE, &[SequenceRange { first: 0, last: next_sequence }]);
    batch
}

/// Publish a batch, settle one message by one: a queue that stays short.
fn steady(directory: &Path) -> Outcome {
    let (store, _) = open(directory)?;
    println!("\npublish + sync, then settle each by itself");
    for messages in [1, 100, 1000] {
        let mut publisher = Publisher::new();
        publisher.sequence = store.queue(QUEUE).map_or(0, |queue| queue.next_sequence);
        let before = store.usage().counts;
        let start = publisher.sequence;
        let (rate, ns) = rate(messages, || {
            let first = publisher.sequence;
            publisher.publish(&store, messages)?;
            for sequence in first..publisher.sequence {
                let mut batch = Batch::new();
                batch.settle(QUEUE, &[sequence.into()]);
                store.append(batch, None)?;
            }
            Ok(())
        })?;
        publisher.publish(&store, 1)?;
        let after = store.usage().counts;
        let payload = (publisher.sequence - start) * BODY_BYTES as u64;
        let written = (after.written_bytes - before.written_bytes) as f64 / payload as f64;
        println!("{messages:>6} {rate:>12.0}/s, {ns:.0} ns CPU, written / bodies {written:.3}");
    }
    Ok(())
}

fn backlog(directory: &Path, messages: u64) -> Outcome {
    println!("\n{messages} messages of 1 KiB in one queue");
    let (store, _) = open(directory)?;
    let mut publisher = Publisher::new();
    let start = Instant::now();
    while publisher.sequence < messages {
        publisher.publish(&store, 1000)?;
    }
    println!("fill            {:>10.0}/s", messages as f64 / start.elapsed().as_secs_f64());
    let usage = store.usage();
    println!("index           {:>10.1} bytes each", usage.memory_bytes as f64 / messages as f64);
    println!(
        "disk            {:>10.3} × bodies",
        usage.disk_bytes as f64 / (messages * 1024) as f64
    );
    // As if the process had been killed: nothing is closed.
    std::mem::forget(store);

    for _ in 0..3 {
        let (start, cpu) = (Instant::now(), cpu_ns()?);
        let (store, report) = open(directory)?;
        let (took, cpu) = (start.elapsed(), cpu_ns()? - cpu);
        assert_eq!(report.messages, messages, "all are there");
        println!(
            "open            {:>10.1} ms, {:.1} ms CPU, {} segments",
            took.as_secs_f64() * 1e3,
            cpu / 1e6,
            report.segments
        );
        std::mem::forget(store);
    }
    println!("RssAnon         {:>10} kB (with the indexes of four opens)", anonymous_kb()?);

    let (store, _) = open(directory)?;
    let limit = PageLimit { messages: 200, bytes: 1 << 20 };
    let (start, cpu, mut next) = (Instant::now(), cpu_ns()?, 0);
    while next < messages {
        let page = store.page(QUEUE, next, limit)?;
        for read in &page.messages {
            next = read.place.sequence + 1;
            let mut batch = Batch::new();
            batch.settle(QUEUE, &[read.place.sequence.into()]);
            store.append(batch, None)?;
        }
    }
    println!(
        "read and settle {:>10.0}/s, {:.0} ns CPU, 200 a page, each settled by itself",
        messages as f64 / start.elapsed().as_secs_f64(),
        (cpu_ns()? - cpu) / messages as f64
    );
    publisher.publish(&store, 1)?;
    store.append(purge(u64::MAX), None)?;
    while store.usage().segments > 1 {
        publisher.publish(&store, 1)?;
        store.append(purge(u64::MAX), None)?;
    }
    println!("disk drained    {:>10} MiB", store.usage().disk_bytes >> 20);
    store.close()?;
    Ok(())
}

fn anonymous_kb() -> Outcome<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap_or_default();
    Ok(line.split_whitespace().nth(1).unwrap_or_default().to_owned())
}
