//! What receivers tell those who wait for them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::Problem;

/// Counters of one crowd, and whoever waits for one of them.
#[derive(Debug)]
pub(crate) struct Gauge {
    opened: AtomicU64,
    messages: AtomicU64,
    goal: AtomicU64,
    /// The fewest messages that any connection of a receiver has; one number per receiver.
    fewest: Vec<AtomicU64>,
    noted: Mutex<Noted>,
    waiter: Thread,
}

#[derive(Debug, Default)]
struct Noted {
    goal_at: Option<Instant>,
    failure: Option<String>,
}

/// A lost wake-up costs no more than this.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Gauge {
    /// For `receivers` threads; whoever makes it is the one who waits.
    pub(super) fn new(receivers: usize) -> Self {
        Self {
            opened: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            goal: AtomicU64::new(u64::MAX),
            fewest: (0..receivers).map(|_| AtomicU64::new(0)).collect(),
            noted: Mutex::default(),
            waiter: std::thread::current(),
        }
    }

    /// Messages that came, at all connections together.
    pub(crate) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Acquire)
    }

    /// Messages that came at the connection that has the fewest.
    pub(crate) fn fewest(&self) -> u64 {
        self.fewest.iter().map(|fewest| fewest.load(Ordering::Acquire)).min().unwrap_or_default()
    }

    /// From here on the moment is noted when `goal` messages have come.
    pub(crate) fn aim(&self, goal: u64) {
        self.noted().goal_at = None;
        self.goal.store(goal, Ordering::SeqCst);
    }

    /// Waits for the goal; returns when it was reached.
    pub(crate) fn reached(&self, patience: Duration) -> Result<Instant, Problem> {
        let deadline = Instant::now() + patience;
        loop {
            self.check()?;
            let goal = self.goal.load(Ordering::SeqCst);
            if self.messages() >= goal {
                // Noted just behind the count; the difference is none.
                return Ok(self.noted().goal_at.unwrap_or_else(Instant::now));
            }
            if Instant::now() > deadline {
                let found = self.messages();
                return Err(format!("{found} of {goal} messages came in {patience:?}").into());
            }
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }

    /// Waits until so many connections are open.
    pub(super) fn all_opened(&self, count: u64, patience: Duration) -> Result<(), Problem> {
        let deadline = Instant::now() + patience;
        while self.opened.load(Ordering::Acquire) < count {
            self.check()?;
            if Instant::now() > deadline {
                let opened = self.opened.load(Ordering::Acquire);
                return Err(format!("{opened} of {count} connections in {patience:?}").into());
            }
            std::thread::park_timeout(LOOK_AGAIN);
        }
        Ok(())
    }

    /// What a receiver failed with, if one did.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        match &self.noted().failure {
            None => Ok(()),
            Some(failure) => Err(failure.clone().into()),
        }
    }

    pub(super) fn note_opened(&self) {
        self.opened.fetch_add(1, Ordering::AcqRel);
        self.waiter.unpark();
    }

    pub(super) fn note_messages(&self, count: u64) {
        let before = self.messages.fetch_add(count, Ordering::AcqRel);
        let goal = self.goal.load(Ordering::SeqCst);
        if before < goal && before + count >= goal {
            self.noted().goal_at = Some(Instant::now());
            self.waiter.unpark();
        }
    }

    pub(super) fn note_fewest(&self, receiver: usize, count: u64) {
        if let Some(fewest) = self.fewest.get(receiver) {
            fewest.store(count, Ordering::Release);
        }
    }

    pub(super) fn note_failure(&self, failure: String) {
        self.noted().failure.get_or_insert(failure);
        self.waiter.unpark();
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
