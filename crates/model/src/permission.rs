//! Rights: RabbitMQ's three patterns per vhost, and Hopwire's destination rules.

use std::fmt;

/// What somebody wants to do to an exchange or a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// Create, delete or alter it.
    Configure,
    /// Put messages into it.
    Write,
    /// Take messages from it.
    Read,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configure => "configure",
            Self::Write => "write",
            Self::Read => "read",
        })
    }
}

/// A user's patterns in one vhost: regular expressions searched in a resource's name.
///
/// Source: RabbitMQ, "Access Control". An empty pattern stands for `^$`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Names that may be created, deleted, altered.
    pub configure: String,
    /// Names that may be written to.
    pub write: String,
    /// Names that may be read from.
    pub read: String,
}

impl Permission {
    /// `.*` three times: everything.
    pub fn everything() -> Self {
        let all = || ".*".to_owned();
        Self { configure: all(), write: all(), read: all() }
    }
}

/// What a destination rule grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleEffect {
    /// SUBSCRIBE, consume, get, bind from.
    Read,
    /// SEND, publish.
    Write,
    /// Neither, whatever later rules say.
    Deny,
}

impl fmt::Display for RuleEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Deny => "deny",
        })
    }
}

/// One line of an ordered list of destination rules of a user or a tag.
///
/// Hopwire's own, on top of RabbitMQ's patterns: see `docs/access-control.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationRule {
    /// A destination such as `/queue/user.{username}.*`: `*` stands for any run of characters,
    /// `{username}` and `{vhost}` for the session's.
    pub pattern: String,
    /// What it grants.
    pub effect: RuleEffect,
}

impl fmt::Display for DestinationRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.effect, self.pattern)
    }
}
