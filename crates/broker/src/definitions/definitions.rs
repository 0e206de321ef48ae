//! Changes of definitions on their way to the disk; or back, if the disk does not take them.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use model::{Refusal, VhostName};
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
    /// A vhost is gone, with everything in it.
    RemoveVhost(VhostName),
    /// No lower queue number is given any more.
    NextQueue(u64),
    /// What a new node begins with is there.
    Begun,
}

/// What makes memory say again what it said before a change.
#[derive(Clone, Debug)]
pub(crate) enum Undo {
    /// It was there, like this.
    Restore(Box<Definition>),
    /// It was not there.
    Revoke(Box<Definition>),
}

/// What was changed together, and must be durable together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) changes: Vec<Change>,
    /// In the order of the changes; undone from the last to the first.
    pub(crate) undo: Vec<Undo>,
}

/// A change's place in their order: what is durable up to one is durable up to all before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// A commit failed: no definition is changed durably any more until the node is restarted. What
/// waited for it is undone.
#[derive(Clone, Debug, thiserror::Error)]
#[error("definitions cannot be kept: {0}; make room or repair the disk, then restart")]
pub struct Failure(Arc<redb::Error>);

impl From<Failure> for Refusal {
    /// The peer hears that it was not kept; why is in the log.
    fn from(_: Failure) -> Self {
        Self::NotKept
    }
}

/// Undoes what cannot be kept: given what undoes each change, the last first.
type Undoing = Box<dyn Fn(Vec<Undo>) + Send + Sync>;

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

struct Shared {
    state: Mutex<State>,
    /// Something was pushed, or all is over.
    pushed: Condvar,
    /// Something was committed, or failed.
    committed: Condvar,
    /// The last ticket that was given, and the last that is durable or undone: to be looked at
    /// without a lock.
    given: AtomicU64,
    settled: AtomicU64,
    /// None of those whose memory nobody else sees.
    undoing: OnceLock<Undoing>,
}

#[derive(Debug, Default)]
struct State {
    pending: Changes,
    last: u64,
    /// Up to here everything is durable.
    durable: u64,
    /// Up to here everything is durable or undone.
    settled: u64,
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
        Self::of(Database::open(path, QUEUE_BLOCK)?)
    }

    /// Opens a file of a test.
    #[cfg(test)]
    pub(crate) fn on(image: super::image::Image) -> Result<Self, OpenError> {
        Self::of(Database::on(image, QUEUE_BLOCK)?)
    }

    fn of((database, contents): (Database, Contents)) -> Result<Self, OpenError> {
        let Contents { definitions, is_new, next_queue, was_clean } = contents;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            pushed: Condvar::new(),
            committed: Condvar::new(),
            given: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            undoing: OnceLock::new(),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("definitions".to_owned());
        let writer = thread.spawn(move || theirs.write(&database))?;
        Ok(Self {
            shared,
            loaded: Mutex::new(Some(Loaded { definitions, is_new, was_clean })),
            queues: Mutex::new(QueueNumbers { next: next_queue, noted: next_queue + QUEUE_BLOCK }),
            writer: Mutex::new(Some(writer)),
        })
    }

    /// What was found at the opening; once.
    pub(crate) fn take_loaded(&self) -> Loaded {
        self.loaded.lock().take().unwrap_or_default()
    }

    /// Sets who undoes what cannot be kept; once.
    pub(crate) fn set_undoing(&self, undoing: Undoing) {
        // There is one broker for the life of its definitions.
        let _ = self.shared.undoing.set(undoing);
    }

    /// Hands a change over; does not wait.
    pub(crate) fn push(&self, change: Change) -> Ticket {
        self.push_all(&mut Changes { changes: vec![change], undo: Vec::new() })
    }

    /// Hands changes over, to be durable together; does not wait.
    pub(crate) fn push_all(&self, changes: &mut Changes) -> Ticket {
        let mut state = self.shared.state.lock();
        state.pending.append(changes);
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
        self.push(Change::Begun);
    }

    /// A number that no queue ever had.
    pub(crate) fn next_queue(&self) -> QueueId {
        let mut queues = self.queues.lock();
        let number = queues.next;
        queues.next += 1;
        // Early, so that they are durable before the first of them is given; at the latest with
        // the definition of the queue that has it.
        if queues.next + QUEUE_BLOCK / 2 > queues.noted {
            queues.noted += QUEUE_BLOCK;
            self.push(Change::NextQueue(queues.noted));
        }
        QueueId(number)
    }

    /// Whether everything that was handed over is durable, or undone.
    pub fn is_settled(&self) -> bool {
        self.shared.given.load(Ordering::Acquire) == self.shared.settled.load(Ordering::Acquire)
    }

    /// The last change, if it is not settled yet.
    pub(crate) fn unsettled(&self) -> Option<Ticket> {
        let state = self.shared.state.lock();
        (state.settled < state.last).then_some(Ticket(state.last))
    }

    /// Waits until a change is durable.
    ///
    /// # Errors
    ///
    /// [`Failure`] if it cannot be; it is undone by then.
    pub(crate) fn wait(&self, ticket: Ticket) -> Result<(), Failure> {
        let mut state = self.shared.state.lock();
        while state.settled < ticket.0 {
            if state.is_over {
                return Err(Failure(Arc::new(redb::Error::DatabaseClosed)));
            }
            match &state.failure {
                // Of a queue that is not kept.
                Some(failure) if ticket.0 > state.last => return Err(failure.clone()),
                _ => self.shared.committed.wait(&mut state),
            }
        }
        match &state.failure {
            Some(failure) if state.durable < ticket.0 => Err(failure.clone()),
            _ => Ok(()),
        }
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
            if state.settled < state.last {
                let (changes, last) = (std::mem::take(&mut state.pending), state.last);
                let has_failed = state.failure.is_some();
                drop(state);
                let committed = if has_failed { Ok(()) } else { database.commit(&changes.changes) };
                match committed {
                    Ok(()) if !has_failed => self.note_durable(last),
                    Ok(()) => self.take_back(changes, None),
                    Err(error) => self.take_back(changes, Some(error)),
                }
                state = self.state.lock();
            } else if state.is_closing {
                if state.failure.is_none()
                    && let Err(error) = database.mark(true)
                {
                    state.failure = Some(Failure::of(error));
                }
                return;
            } else {
                self.pushed.wait(&mut state);
            }
        }
    }

    fn note_durable(&self, last: u64) {
        let mut state = self.state.lock();
        (state.durable, state.settled) = (last, last);
        state.commits += 1;
        self.settled.store(last, Ordering::Release);
        self.committed.notify_all();
    }

    /// Undoes what could not be committed, and everything that was built upon it meanwhile.
    fn take_back(&self, mut changes: Changes, error: Option<redb::Error>) {
        let last = {
            let mut state = self.state.lock();
            if let Some(error) = error {
                state.failure = Some(Failure::of(error));
            }
            changes.append(&mut state.pending);
            state.last
        };
        changes.undo.reverse();
        if let Some(undoing) = self.undoing.get() {
            undoing(changes.undo);
        }
        let mut state = self.state.lock();
        state.settled = last;
        self.settled.store(last, Ordering::Release);
        self.committed.notify_all();
    }
}

impl Failure {
    /// Said once, as nothing is tried after it.
    fn of(error: redb::Error) -> Self {
        let failure = Self(Arc::new(error));
        tracing::error!(%failure);
        failure
    }
}

impl Changes {
    fn append(&mut self, later: &mut Self) {
        self.changes.append(&mut later.changes);
        self.undo.append(&mut later.undo);
    }
}

impl Ticket {
    /// That of what cannot become durable before a restart.
    pub(crate) const NEVER: Self = Self(u64::MAX);
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}
