//! Messages read together, shared by all cursors that read the same.
//!
//! A thousand subscribers that wake up for the same batch stand at the same place and read the same
//! messages. The first makes the run; the others take it as it is: one counter goes up per read
//! instead of one per message, and two processors do not fight over the counter of each.

use std::sync::Arc;

use model::Sequenced;

/// The most messages in one run.
pub const RUN_MESSAGES_MAX: usize = 64;

/// No more messages in one run once their bodies have so many bytes: what a session holds of a
/// stream while its peer does not read is bounded in bytes, too.
pub(super) const RUN_BYTES_MAX: u64 = 256 * 1024;

/// Runs that a stream remembers: cursors stand in a few places at a time.
const RUNS_KEPT_MAX: usize = 8;

/// The runs that cursors may yet ask for.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Each with the position at which it begins; the one made last stands last.
    kept: Vec<(u64, Arc<[Sequenced]>)>,
}

impl Runs {
    /// The run from `position` on, unless it holds so little of the `available` messages that a
    /// longer one is worth making.
    pub(super) fn find(&self, position: u64, available: usize) -> Option<&Arc<[Sequenced]>> {
        let (_, run) = self.kept.iter().find(|(from, _)| *from == position)?;
        (run.len() * 2 >= available).then_some(run)
    }

    /// Remembers a run that begins at `position`.
    pub(super) fn keep(&mut self, position: u64, run: &Arc<[Sequenced]>) {
        self.kept.retain(|(from, _)| *from != position);
        if self.kept.len() >= RUNS_KEPT_MAX {
            self.kept.remove(0);
        }
        self.kept.push((position, Arc::clone(run)));
    }

    /// Forgets what begins before `start`: no cursor stands there any more.
    pub(super) fn forget_before(&mut self, start: u64) {
        self.kept.retain(|(from, _)| *from >= start);
    }
}
