//! Messages of which only the bounds are in memory.

use std::collections::VecDeque;

/// Messages in a row that are in the log only. Others may lie between their sequences: of another
/// priority, or handed out, but none that waits with the same priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) messages: u64,
    pub(super) body_bytes: u64,
}

/// Runs in ascending order, apart from each other.
#[derive(Debug, Default)]
pub(super) struct Runs(VecDeque<Run>);

/// The first and the last sequence of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Run {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds { first: self.first, last: self.last }
    }
}

impl Runs {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn front(&self) -> Option<&Run> {
        self.0.front()
    }

    /// Whether all of them stand behind that sequence.
    pub(super) fn are_behind(&self, sequence: u64) -> bool {
        self.0.front().is_none_or(|run| run.first > sequence)
    }

    /// Adds the newest message; `newest_held` is the newest of those in memory that have its
    /// priority.
    pub(super) fn push(&mut self, sequence: u64, body_bytes: u64, newest_held: Option<u64>) {
        match self.0.back_mut() {
            Some(run) if newest_held.is_none_or(|held| held < run.first) => {
                run.last = sequence;
                run.messages += 1;
                run.body_bytes += body_bytes;
            }
            _ => {
                let (first, last) = (sequence, sequence);
                self.0.push_back(Run { first, last, messages: 1, body_bytes });
            }
        }
    }

    /// Notes that a message of the first run is in memory, and all of it before that one.
    pub(super) fn take(&mut self, sequence: u64, body_bytes: u64) {
        let Some(run) = self.0.front_mut() else { return };
        run.messages = run.messages.saturating_sub(1);
        run.body_bytes = run.body_bytes.saturating_sub(body_bytes);
        run.first = sequence.saturating_add(1);
        if run.messages == 0 {
            self.0.pop_front();
        }
    }

    /// Gives up what is left of the first run, if that is the one that ends there.
    pub(super) fn give_up(&mut self, last: u64) -> Option<Run> {
        self.0.pop_front_if(|run| run.last == last)
    }
}
