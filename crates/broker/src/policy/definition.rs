//! What a policy says: known keys with values they can have.

use model::{FieldTable, FieldValue};

use super::key::Key;
use super::policy::{PolicyError, PolicyKind};
use super::subject::Subject;
use super::term::Term;

/// What a policy says: known keys with values they can have, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyDefinition(FieldTable);

impl PolicyDefinition {
    /// Checks what a policy is to say.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if it says nothing, a value cannot be, or a key is not known or has no place
    /// in a policy of that kind. RabbitMQ judges values first.
    pub(super) fn parse(kind: PolicyKind, mut table: FieldTable) -> Result<Self, PolicyError> {
        table.sort();
        if table.is_empty() {
            return Err(PolicyError::new("no policy provided"));
        }
        let known = |name: &[u8]| {
            let key = Key::find(name)?;
            (kind == PolicyKind::Policy || key.operator().is_some()).then_some(key)
        };
        let mut unknown = Vec::new();
        for (name, value) in table.iter() {
            match known(name.as_bytes()) {
                Some(key) => key.check(value).map_err(PolicyError::new)?,
                None => {
                    unknown.push(format!("{{<<\"{}\">>,{}}}", name.to_str_lossy(), Term(value)));
                }
            }
        }
        if !unknown.is_empty() {
            let text = format!("[{}] are not recognised policy settings", unknown.join(","));
            return Err(PolicyError::new(text));
        }
        Ok(Self(table))
    }

    /// What was kept, by a version that may have known other keys.
    pub(super) fn kept(table: FieldTable) -> Self {
        Self(table)
    }

    /// Its keys and values.
    pub fn table(&self) -> &FieldTable {
        &self.0
    }

    /// Whether every key can apply to that; an exchange does not mind keys of queues.
    pub(super) fn suits(&self, subject: Subject) -> bool {
        let suits = |name: &[u8]| Key::find(name).is_none_or(|key| key.suits(subject));
        subject == Subject::Exchange || self.0.iter().all(|(name, _)| suits(name.as_bytes()))
    }

    /// What it says together with an operator policy.
    pub(super) fn under(&self, operator: &Self, subject: Subject) -> Self {
        let mut merged = self.0.clone();
        for (name, value) in operator.0.iter() {
            let merge = |key: &Key, own: &FieldValue| {
                key.operator().map(|winner| winner.of(subject, own, value).clone())
            };
            let own = merged.get(&name.to_str_lossy());
            let key = Key::find(name.as_bytes());
            let both = key.zip(own).and_then(|(key, own)| merge(key, own));
            merged.set(&name.to_str_lossy(), both.unwrap_or_else(|| value.clone()));
        }
        merged.sort();
        Self(merged)
    }
}
