//! A queue under policies.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::arguments;
use super::command::Command;
use super::handle::Queue;
use crate::policy::Policies;
use crate::turn::Turn;

impl Queue {
    /// From here on holds messages as its arguments and these policies ask, unless it obeys later
    /// ones already.
    ///
    /// Source: RabbitMQ, "Policies": at once, also for messages that are there, but for a time to
    /// live, which a message is given when it comes. A new lease begins at once.
    pub(crate) fn govern(self: &Arc<Self>, turn: &mut Turn, policies: &Policies) {
        if self.obeys.load(Ordering::Relaxed) >= policies.generation() {
            return;
        }
        let effective = policies.effective(self.kind().subject(), self.name().as_str());
        let limits = arguments::limits(self.kind(), &effective.arguments(self.arguments()));
        let mut state = self.lock();
        if self.obeys.load(Ordering::Relaxed) >= policies.generation() {
            return;
        }
        self.obeys.store(policies.generation(), Ordering::Relaxed);
        if *state.limits() == limits {
            return;
        }
        if state.limits().lease != limits.lease {
            self.apply_locked(turn, &mut state, Command::Touch);
        }
        self.apply_locked(turn, &mut state, Command::SetLimits(Box::new(limits)));
    }
}
