//! The policies of a vhost, and how they act on what exists there.

use std::sync::Arc;

use super::topology::Topology;
use super::vhost::Vhost;
use crate::policy::{Policies, Policy, PolicyKind, Subject};
use crate::queue::Queue;
use crate::turn::Turn;

impl Topology {
    /// Its policies as they are.
    pub(crate) fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Adds or replaces a policy; whether there was none by that name. Exchanges obey it at once;
    /// queues once [`Vhost::govern_all`] was called.
    pub(crate) fn set_policy(&mut self, kind: PolicyKind, policy: &Arc<Policy>) -> bool {
        let before = self.policies.set(kind, Arc::clone(policy));
        let is_new = before.is_none();
        if let Some(keeper) = &mut self.keeper {
            keeper.put_policy(kind, policy, before);
        }
        self.govern_exchanges();
        is_new
    }

    /// Takes a policy away; whether there was one by that name. See [`Self::set_policy`].
    pub(crate) fn remove_policy(&mut self, kind: PolicyKind, name: &str) -> bool {
        let Some(gone) = self.policies.remove(kind, name) else { return false };
        if let Some(keeper) = &mut self.keeper {
            keeper.remove_policy(kind, &gone);
        }
        self.govern_exchanges();
        true
    }

    fn govern_exchanges(&mut self) {
        for exchange in self.exchanges.values_mut() {
            let name = exchange.spec().name.as_str();
            let effective = self.policies.effective(Subject::Exchange, name);
            exchange.set_alternate(effective.alternate_exchange());
        }
    }
}

impl Vhost {
    /// Its policies as they are.
    pub(crate) fn policies(&self) -> Policies {
        self.look().policies().clone()
    }

    /// Has a queue obey the policies. Called before others see it, and again once they do: so it
    /// misses no change, and no message goes by older ones.
    pub(crate) fn govern(&self, turn: &mut Turn, queue: &Arc<Queue>) {
        queue.govern(turn, &self.policies());
    }

    /// Has all queues obey the policies. Of two that do so at once, the later ones count.
    pub(crate) fn govern_all(&self, turn: &mut Turn) {
        let (policies, queues) = {
            let topology = self.look();
            (topology.policies().clone(), topology.queues().cloned().collect::<Vec<_>>())
        };
        for queue in queues {
            queue.govern(turn, &policies);
        }
    }
}
