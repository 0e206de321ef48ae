//! What policies amount to for one object, alone and with the arguments of its declare.

use std::sync::Arc;

use model::{ExchangeName, FieldTable, FieldValue};

use super::definition::PolicyDefinition;
use super::key::Key;
use super::policy::Policy;
use super::subject::Subject;

/// What policies amount to for one object.
#[derive(Clone, Debug)]
pub struct Effective {
    subject: Subject,
    /// The policy that applies.
    pub policy: Option<Arc<Policy>>,
    /// The operator policy that applies.
    pub operator: Option<Arc<Policy>>,
    /// What both say together.
    pub definition: PolicyDefinition,
}

impl Effective {
    pub(super) fn new(
        subject: Subject,
        policy: Option<Arc<Policy>>,
        operator: Option<Arc<Policy>>,
    ) -> Self {
        let definition = match (&policy, &operator) {
            (None, None) => PolicyDefinition::default(),
            (Some(one), None) | (None, Some(one)) => one.definition().clone(),
            (Some(policy), Some(operator)) => {
                policy.definition().under(operator.definition(), subject)
            }
        };
        Self { subject, policy, operator, definition }
    }

    /// The arguments that a queue would have to be declared with to be like one with `arguments`
    /// under these policies. What is no argument of a queue is left out.
    pub fn arguments(&self, arguments: &FieldTable) -> FieldTable {
        let mut all = arguments.clone();
        for (name, value) in self.definition.table().iter() {
            let Some(key) = Key::find(name.as_bytes()) else { continue };
            let Some(winner) = key.argument() else { continue };
            let argument = format!("x-{}", key.name);
            let value = match arguments.get(&argument) {
                Some(own) => winner.of(self.subject, own, value),
                None => value,
            };
            all.set(&argument, value.clone());
        }
        all
    }

    /// The alternate exchange of an exchange whose arguments name none.
    pub fn alternate_exchange(&self) -> Option<ExchangeName> {
        let value = self.definition.table().get("alternate-exchange");
        ExchangeName::parse(value.and_then(FieldValue::as_str)?).ok()
    }
}
