//! A policy.

use model::FieldTable;

use super::definition::PolicyDefinition;
use super::pattern::NamePattern;
use super::subject::{ApplyTo, Subject};

/// The longest name, in bytes; ours.
const NAME_BYTES_MAX: usize = 255;

/// Whose word it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyKind {
    /// A policy: of those who may set policies in the vhost.
    Policy,
    /// An operator policy: caps what policies and arguments ask for.
    Operator,
}

impl PolicyKind {
    /// The component of RabbitMQ's parameters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Operator => "operator_policy",
        }
    }

    /// Reads a component.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Policy, Self::Operator].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a policy is to be.
#[derive(Clone, Debug, Default)]
pub struct PolicySpec {
    /// Its name, unique among those of its kind in a vhost.
    pub name: String,
    /// The names it means.
    pub pattern: String,
    /// What it wants to act on.
    pub apply_to: ApplyTo,
    /// Of several that mean an object, the one with the highest priority counts.
    pub priority: i64,
    /// What it asks for.
    pub definition: FieldTable,
}

/// A policy, checked.
#[derive(Clone, Debug)]
pub struct Policy {
    name: Box<str>,
    pattern: NamePattern,
    apply_to: ApplyTo,
    priority: i64,
    definition: PolicyDefinition,
}

/// Why there cannot be such a policy, in RabbitMQ's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Validation failed\n\n{0}\n")]
pub struct PolicyError(Box<str>);

impl PolicyError {
    pub(super) fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }
}

impl Policy {
    /// Checks a policy.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if its name is none, its pattern cannot be searched for, or its definition
    /// says nothing or what cannot be.
    pub fn parse(kind: PolicyKind, spec: PolicySpec) -> Result<Self, PolicyError> {
        if spec.name.is_empty() || spec.name.len() > NAME_BYTES_MAX {
            let found = spec.name.len();
            let text = format!("name has {found} bytes, wanted 1 to {NAME_BYTES_MAX}");
            return Err(PolicyError::new(text));
        }
        let pattern = compile(&spec.pattern)?;
        let definition = PolicyDefinition::parse(kind, spec.definition)?;
        let PolicySpec { name, apply_to, priority, .. } = spec;
        Ok(Self { name: name.into(), pattern, apply_to, priority, definition })
    }

    /// A policy that was kept; its definition is taken as it is.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if its pattern cannot be searched for.
    pub(crate) fn kept(spec: PolicySpec) -> Result<Self, PolicyError> {
        let pattern = compile(&spec.pattern)?;
        let definition = PolicyDefinition::kept(spec.definition);
        let PolicySpec { name, apply_to, priority, .. } = spec;
        Ok(Self { name: name.into(), pattern, apply_to, priority, definition })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names it means, as a regular expression.
    pub fn pattern(&self) -> &str {
        self.pattern.source()
    }

    /// What it wants to act on.
    pub fn apply_to(&self) -> ApplyTo {
        self.apply_to
    }

    /// Of several that mean an object, the one with the highest priority counts.
    pub fn priority(&self) -> i64 {
        self.priority
    }

    /// What it asks for.
    pub fn definition(&self) -> &PolicyDefinition {
        &self.definition
    }

    /// Whether it applies to an object. One with a key that a queue's type does not have does not
    /// apply to it at all.
    pub(super) fn applies_to(&self, subject: Subject, name: &str) -> bool {
        self.apply_to.means(subject)
            && self.definition.suits(subject)
            && self.pattern.is_found_in(name)
    }
}

impl PartialEq for Policy {
    /// Whether both were asked for in the same words.
    fn eq(&self, other: &Self) -> bool {
        let words = |it: &Self| (it.name.clone(), it.apply_to, it.priority);
        words(self) == words(other)
            && self.pattern() == other.pattern()
            && self.definition == other.definition
    }
}

fn compile(pattern: &str) -> Result<NamePattern, PolicyError> {
    NamePattern::compile(pattern).map_err(|error| {
        let text = format!("pattern should be regular expression but is invalid: {error}");
        PolicyError::new(text)
    })
}
