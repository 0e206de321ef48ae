//! The writer: one thread that writes what everybody left meanwhile, and syncs once for all.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::error::DiskError;
use super::intake::{Failure, Intake, Leftover, Next, Waiter, Work};
use super::log::{Counts, Log};

/// What the writer shares with the store's callers.
pub(super) struct Shared {
    pub(super) intake: Intake,
    pub(super) counts: Mutex<Counts>,
}

/// Writes until the store is closed or the disk fails.
pub(super) fn run(mut log: Log, shared: &Shared) {
    let mut waiters = Vec::new();
    let worked = catch_unwind(AssertUnwindSafe(|| work(&mut log, shared, &mut waiters)));
    // Nobody must wait for a writer that is gone.
    let panicked = |_| Err(DiskError::new("go on with", ".", io::Error::other("a bug: panicked")));
    if let Err(error) = worked.unwrap_or_else(panicked) {
        let failure = Failure(Arc::new(error));
        // Refuses first, so that nobody leaves anything that is never told.
        let left = shared.intake.fail(&failure);
        tell(waiters.into_iter().chain(left.waiters), |waiter| waiter.failed(&failure));
        left.room.into_iter().for_each(|then| then());
    }
    *shared.counts.lock() = log.counts;
}

/// `waiters` are those who were not told yet.
fn work(
    log: &mut Log,
    shared: &Shared,
    waiters: &mut Vec<Arc<dyn Waiter>>,
) -> Result<(), DiskError> {
    // Recovery may have left something to give back.
    let mut leftover = Leftover { dirty_since: None, can_reclaim: true };
    loop {
        match shared.intake.next(leftover) {
            Next::Sync(work) => write(log, work, waiters)?,
            Next::Reclaim => {}
            Next::Close(work) => {
                write(log, work, waiters)?;
                return log.close();
            }
        }
        leftover.can_reclaim = log.reclaim()?;
        leftover.dirty_since = match log.is_dirty() {
            true => leftover.dirty_since.or_else(|| Some(Instant::now())),
            false => None,
        };
        *shared.counts.lock() = log.counts;
    }
}

/// Writes everything, syncs once, and tells everybody.
fn write(log: &mut Log, work: Work, waiters: &mut Vec<Arc<dyn Waiter>>) -> Result<(), DiskError> {
    waiters.extend(work.waiters);
    work.room.into_iter().for_each(|then| then());
    work.batches.into_iter().try_for_each(|batch| log.append(batch))?;
    log.sync()?;
    if let Some(last) = work.last {
        tell(waiters.drain(..), |waiter| waiter.synced(last));
    }
    Ok(())
}

/// Tells each waiter once.
fn tell(waiters: impl IntoIterator<Item = Arc<dyn Waiter>>, say: impl Fn(&dyn Waiter)) {
    let mut told: HashMap<usize, Arc<dyn Waiter>, RandomState> = HashMap::default();
    for waiter in waiters {
        told.insert(Arc::as_ptr(&waiter).cast::<()>() as usize, waiter);
    }
    for waiter in told.values() {
        // One that panics, which it must not, harms none of the others.
        let _ = catch_unwind(AssertUnwindSafe(|| say(&**waiter)));
    }
}
