//! `kill -9` at random moments, one life after the other on one data directory: nothing that was
//! confirmed is lost, nothing that was settled comes back, order holds.
//!
//! `CRASH_ROUNDS` says how many lives, `CRASH_SEED` which; both are printed. The ledger is kept
//! here, outside the broker.

mod actors;
mod deaths;
mod ledger;
mod stomp;

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;
use tokio::time::timeout;

use self::actors::{Actor, drain, prepare, work};
use self::ledger::{Dice, Ledger};
pub(crate) use self::stomp::Stomp;
use crate::broker::{Broker, folder};

/// Lives in an ordinary test run: some fifteen seconds.
const ROUNDS: u32 = 30;

/// How long a life may last, from its ready line.
const LIFE_MS: std::ops::Range<u64> = 50..300;

/// Files so short that some are sealed, compacted and unlinked in each life.
const SETTINGS: &str = "store.segment_bytes = 128KB\n";

/// A data directory that outlives brokers, and goes with its owner.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(folder())
    }

    /// Where the broker's files are.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Bytes of the files of the log.
    pub(crate) fn log_bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.path().join("messages")).unwrap();
        // One may go meanwhile.
        files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
    }

    /// The files of the log: how many there are, and the number of the last.
    fn segments(&self) -> String {
        let files = std::fs::read_dir(self.path().join("messages")).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        format!("{} files, the last is {:?}", names.len(), names.last())
    }

    /// A broker on it.
    pub(crate) fn start(&self, settings: &str) -> Broker {
        let directory = self.path();
        let variable = ("HOPWIRE_DATA_DIR", directory.to_str().unwrap());
        Broker::with_environment(settings, &[variable])
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if std::thread::panicking() && env::var_os("CRASH_KEEP").is_some() {
            eprintln!("the data is left in {}", self.0.display());
            return;
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn number(name: &str, default: impl FnOnce() -> u64) -> u64 {
    env::var(name).ok().map_or_else(default, |text| text.parse().expect("a number"))
}

#[test]
fn a_broker_killed_again_and_again_loses_nothing_and_repeats_nothing() {
    let rounds = u32::try_from(number("CRASH_ROUNDS", || ROUNDS.into())).unwrap();
    let seed = number("CRASH_SEED", || {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
    });
    println!("CRASH_ROUNDS={rounds} CRASH_SEED={seed}");
    let mut dice = Dice::new(seed);
    let ledger = Arc::new(Ledger::default());
    let data = Directory::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    for life in 0..rounds {
        let broker = data.start(SETTINGS);
        let ledger = Arc::clone(&ledger);
        ledger.begin_life(life);
        let length = Duration::from_millis(dice.within(LIFE_MS));
        runtime.block_on(async {
            if life == 0 {
                prepare(&broker).await.unwrap();
            }
            let mut actors = JoinSet::new();
            for actor in Actor::all(life) {
                let dice = Dice::new(dice.next());
                actors.spawn(work(actor, broker.amqp(), broker.stomp(), dice, ledger.clone()));
            }
            // Nobody ends by himself.
            let end = async { while actors.join_next().await.is_some() {} };
            let _ = timeout(length, end).await;
            // The kill.
            drop(broker);
            actors.abort_all();
            while actors.join_next().await.is_some() {}
        });
        ledger.check();
    }
    let took = begun.elapsed();
    let broker = data.start(SETTINGS);
    ledger.begin_life(rounds);
    runtime.block_on(drain(&broker, &ledger));
    ledger.check_nothing_is_lost();
    println!("{rounds} lives in {took:?}: {}", ledger.summary());
    println!("{}", data.segments());
}
