//! Who may set policies, and setting them.

use std::sync::Arc;

use model::{Refusal, VhostName};

use crate::broker::{Broker, Identity};
use crate::policy::{Policy, PolicyKind};
use crate::turn::Turn;
use crate::vhost::Vhost;

/// Somebody who may set policies of one kind in one vhost.
#[derive(Debug)]
pub struct Policymaker {
    vhost: Arc<Vhost>,
    kind: PolicyKind,
}

impl Broker {
    /// Lets somebody see one by one, set and delete the policies of a vhost.
    ///
    /// # Errors
    ///
    /// - [`Refusal::NotAllowed`] without the tag `policymaker` or permissions in the vhost;
    ///   administrators need neither, and operator policies need an administrator.
    /// - [`Refusal::NoSuchVhost`].
    pub fn make_policies(
        &self,
        identity: &Identity,
        vhost: &VhostName,
        kind: PolicyKind,
    ) -> Result<Policymaker, Refusal> {
        let name = &identity.user().name;
        let user = self.rights.read().users.get(name).cloned();
        let is_allowed = user.is_some_and(|user| match kind {
            PolicyKind::Operator => user.is_administrator(),
            PolicyKind::Policy if user.is_administrator() => true,
            PolicyKind::Policy => {
                let is_inside = || self.rights.grants(name, vhost).is_ok();
                // That there is no such vhost is said below.
                user.is_policymaker() && (self.vhost(vhost).is_err() || is_inside())
            }
        });
        match (is_allowed, kind) {
            (true, _) => Ok(Policymaker { vhost: self.vhost(vhost)?, kind }),
            (false, PolicyKind::Operator) => {
                Err(Refusal::NotAllowed("Not administrator user".into()))
            }
            (false, PolicyKind::Policy) => {
                Err(Refusal::NotAllowed("User not authorised to access object".into()))
            }
        }
    }
}

impl Policymaker {
    /// Adds or replaces a policy; whether it is new. What is there obeys it at once.
    pub fn set(&self, turn: &mut Turn, policy: Policy) -> bool {
        let mut topology = self.vhost.change();
        let is_new = topology.set_policy(self.kind, &Arc::new(policy));
        turn.awaits(topology.done());
        self.vhost.govern_all(turn);
        is_new
    }

    /// Deletes a policy; whether there was one by that name.
    pub fn delete(&self, turn: &mut Turn, name: &str) -> bool {
        let mut topology = self.vhost.change();
        let was_there = topology.remove_policy(self.kind, name);
        turn.awaits(topology.done());
        self.vhost.govern_all(turn);
        was_there
    }
}
