//! Changes of definitions on their way to the disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use model::VhostName;
use parking_lot::{Condvar, Mutex};

use super::database::{Contents, Database, OpenError};
use super::definition::{Definition, Key};
use crate::store::QueueId;

/// Queue numbers are noted as given in blocks of so many: one commit for all of them.
const QUEUE_BLOCK: u64 = 1024;

/// A change of definitions.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// It is there, like this.
    Put(Box<Definition>),
    /// It is gone.
    Remove(Key),
    /// Everything is gone whose key begins like that.
    RemoveAll(Key),
    /// A vhost is gone, with everything in it.
    RemoveVhost(VhostName),
    /// No lower queue number is given any more.
    NextQueue(u64),
}

/// A change's place in their order: what is durable up to one is durable up to all before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// A commit failed: no definition is changed durably any more until the node is restarted.
#[derive(Clone, Debug, thiserror::Error)]
#[error("definitions cannot be kept: {0}; make room or repair the disk, then restart")]
pub struct Failure(Arc<redb::Error>);

/// What was kept.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) definitions: Vec<Definition>,
    /// Whether nothing was kept there since [`Definitions::begin`].
    pub(crate) is_new: bool,
    /// Whether the node ended by itself.
    pub(crate) was_clean: bool,
}

/// What exists besides messages, and survives a restart.
#[derive(Debug)]
pub struct Definitions {
    shared: Arc<Shared>,
    /// What was found, until somebody takes it.
    loaded: Mutex<Option<Loaded>>,
    queues: Mutex<QueueNumbers>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something was pushed, or all is over.
    pushed: Condvar,
    /// Something was committed, or failed.
    committed: Condvar,
    /// The last ticket that was given, and the last that is durable: to be looked at without a
    /// lock.
    given: AtomicU64,
    durable: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    changes: Vec<Change>,
    last: u64,
    durable: u64,
    commits: u64,
    is_closing: bool,
    is_abandoned: bool,
    /// Nothing is committed any more.
    is_over: bool,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct QueueNumbers {
    next: u64,
    /// Below this one, all are noted as given.
    noted: u64,
}

impl Definitions {
    /// Opens or creates the file.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if it cannot be had, or was written by a later version.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (database, contents) = Database::open(path)?;
        let Contents { definitions, next_queue, was_clean } = contents;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            pushed: Condvar::new(),
            committed: Condvar::new(),
            given: AtomicU64::new(0),
            durable: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("definitions".to_owned());
        let writer = thread.spawn(move || theirs.write(&database))?;
        let next = next_queue.unwrap_or(1);
        let is_new = next_queue.is_none();
        Ok(Self {
            shared,
            loaded: Mutex::new(Some(Loaded { definitions, is_new, was_clean })),
            queues: Mutex::new(QueueNumbers { next, noted: next }),
            writer: Mutex::new(Some(writer)),
        })
    }

    /// What was found at the opening; once.
    pub(crate) fn take_loaded(&self) -> Loaded {
        self.loaded.lock().take().unwrap_or_default()
    }

    /// Hands a change over; does not wait.
    pub(crate) fn push(&self, change: Change) -> Ticket {
        let mut state = self.shared.state.lock();
        state.changes.push(change);
        state.last += 1;
        let ticket = Ticket(state.last);
        self.shared.given.store(state.last, Ordering::Release);
        drop(state);
        self.shared.pushed.notify_one();
        ticket
    }

    /// Hands over what is there, like this.
    pub(crate) fn put(&self, definition: Definition) -> Ticket {
        self.push(Change::Put(Box::new(definition)))
    }

    /// Notes that something is kept from here on: the next opening finds it no longer new.
    pub(crate) fn begin(&self) {
        let queues = self.queues.lock();
        self.push(Change::NextQueue(queues.noted));
    }

    /// A number that no queue ever had.
    pub(crate) fn next_queue(&self) -> QueueId {
        let mut queues = self.queues.lock();
        let number = queues.next;
        queues.next += 1;
        if queues.next > queues.noted {
            queues.noted = queues.next + QUEUE_BLOCK;
            // Comes before the definition of any queue with one of them.
            self.push(Change::NextQueue(queues.noted));
        }
        QueueId(number)
    }

    /// Whether everything that was handed over is durable.
    pub fn is_settled(&self) -> bool {
        self.shared.given.load(Ordering::Acquire) == self.shared.durable.load(Ordering::Acquire)
    }

    /// Waits until a change is durable.
    ///
    /// # Errors
    ///
    /// [`Failure`] if it will never be.
    pub(crate) fn wait(&self, ticket: Ticket) -> Result<(), Failure> {
        let mut state = self.shared.state.lock();
        while state.durable < ticket.0 {
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            if state.is_over {
                return Err(Failure(Arc::new(redb::Error::DatabaseClosed)));
            }
            self.shared.committed.wait(&mut state);
        }
        Ok(())
    }

    /// Waits until everything that was handed over so far is durable.
    ///
    /// # Errors
    ///
    /// [`Failure`] if it will never be.
    pub fn settle(&self) -> Result<(), Failure> {
        let last = Ticket(self.shared.state.lock().last);
        self.wait(last)
    }

    /// How many transactions there were.
    #[cfg(test)]
    pub(crate) fn commits(&self) -> u64 {
        self.shared.state.lock().commits
    }

    /// Why nothing is kept any more, if so.
    pub fn failure(&self) -> Option<Failure> {
        self.shared.state.lock().failure.clone()
    }

    /// Makes everything durable, notes that the node ended by itself, and closes the file.
    ///
    /// # Errors
    ///
    /// [`Failure`] if a commit failed, then or before.
    pub fn close(&self) -> Result<(), Failure> {
        self.shared.state.lock().is_closing = true;
        self.shared.pushed.notify_one();
        if let Some(writer) = self.writer.lock().take() {
            // What went wrong is noted.
            let _ = writer.join();
        }
        self.failure().map_or(Ok(()), Err)
    }
}

impl Drop for Definitions {
    /// Leaves what a crash would leave, unless [`Definitions::close`] was called.
    fn drop(&mut self) {
        self.shared.state.lock().is_abandoned = true;
        self.shared.pushed.notify_one();
        if let Some(writer) = self.writer.lock().take() {
            let _ = writer.join();
        }
    }
}

impl Shared {
    /// Commits whatever came meanwhile, until the end. Nobody waits for it beyond that.
    fn write(&self, database: &Database) {
        self.write_until_end(database);
        self.state.lock().is_over = true;
        self.committed.notify_all();
    }

    fn write_until_end(&self, database: &Database) {
        let mut state = self.state.lock();
        while !state.is_abandoned {
            if !state.changes.is_empty() && state.failure.is_none() {
                let (changes, last) = (std::mem::take(&mut state.changes), state.last);
                drop(state);
                let committed = database.commit(&changes);
                state = self.state.lock();
                self.note(&mut state, last, committed);
            } else if state.is_closing {
                if state.failure.is_none() {
                    let last = state.last;
                    self.note(&mut state, last, database.mark(true));
                }
                return;
            } else {
                state.changes.clear();
                self.pushed.wait(&mut state);
            }
        }
    }

    fn note(&self, state: &mut State, last: u64, committed: Result<(), redb::Error>) {
        match committed {
            Ok(()) => {
                state.durable = last;
                state.commits += 1;
                self.durable.store(last, Ordering::Release);
            }
            Err(error) => {
                let failure = Failure(Arc::new(error));
                tracing::error!(%failure);
                state.failure = Some(failure);
            }
        }
        self.committed.notify_all();
    }
}
