//! The policies of a vhost, and which of them one object has.

use std::sync::Arc;

use super::effective::Effective;
use super::policy::{Policy, PolicyKind};
use super::subject::Subject;

/// The policies of a vhost. Cheap to clone; a clone stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// How often they have changed.
    generation: u64,
    /// The one that counts first: by priority, then by name.
    policies: Arc<[Arc<Policy>]>,
    operator: Arc<[Arc<Policy>]>,
}

impl Policies {
    /// How often they have changed: of two clones of the same vhost, the one with more is later.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there are none of either kind.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.operator.is_empty()
    }

    /// Those of one kind, the one that counts first at the front.
    pub fn of(&self, kind: PolicyKind) -> &[Arc<Policy>] {
        match kind {
            PolicyKind::Policy => &self.policies,
            PolicyKind::Operator => &self.operator,
        }
    }

    /// One by its name.
    pub fn find(&self, kind: PolicyKind, name: &str) -> Option<&Arc<Policy>> {
        self.of(kind).iter().find(|policy| policy.name() == name)
    }

    /// Adds a policy, in the place of the one by that name, which is given back.
    pub(crate) fn set(&mut self, kind: PolicyKind, policy: Arc<Policy>) -> Option<Arc<Policy>> {
        let before = self.find(kind, policy.name()).cloned();
        let others = self.of(kind).iter().filter(|it| it.name() != policy.name()).cloned();
        let mut all: Vec<_> = others.chain([Arc::clone(&policy)]).collect();
        all.sort_by(|one, other| {
            let by_priority = other.priority().cmp(&one.priority());
            by_priority.then_with(|| one.name().cmp(other.name()))
        });
        self.replace(kind, all.into());
        before
    }

    /// Takes a policy away and gives it back, if there is one by that name.
    pub(crate) fn remove(&mut self, kind: PolicyKind, name: &str) -> Option<Arc<Policy>> {
        let gone = self.find(kind, name).cloned()?;
        let others = self.of(kind).iter().filter(|it| it.name() != name).cloned().collect();
        self.replace(kind, others);
        Some(gone)
    }

    fn replace(&mut self, kind: PolicyKind, all: Arc<[Arc<Policy>]>) {
        self.generation += 1;
        match kind {
            PolicyKind::Policy => self.policies = all,
            PolicyKind::Operator => self.operator = all,
        }
    }

    /// What they amount to for an object: one policy and one operator policy at most.
    pub fn effective(&self, subject: Subject, name: &str) -> Effective {
        let first =
            |kind| self.of(kind).iter().find(|policy| policy.applies_to(subject, name)).cloned();
        Effective::new(subject, first(PolicyKind::Policy), first(PolicyKind::Operator))
    }
}
