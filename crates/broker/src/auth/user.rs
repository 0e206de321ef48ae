//! A user: password, tags, limits.

use std::fmt;

use model::UserName;

use super::password::PasswordHash;

/// A tag of a user. Free text; some mean something.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Box<str>);

impl Tag {
    /// May do everything over the management API.
    pub const ADMINISTRATOR: &'static str = "administrator";
    /// May see everything over the management API.
    pub const MONITORING: &'static str = "monitoring";
    /// May set policies and parameters.
    pub const POLICYMAKER: &'static str = "policymaker";
    /// May use the management API.
    pub const MANAGEMENT: &'static str = "management";
    /// May publish with somebody else's `user_id`.
    pub const IMPERSONATOR: &'static str = "impersonator";

    /// A tag.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their name.
    pub name: UserName,
    /// `None` cannot log in by password.
    pub password: Option<PasswordHash>,
    /// Their tags, in the order given.
    pub tags: Vec<Tag>,
    /// Their limits.
    pub limits: UserLimits,
}

/// A user's limits; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserLimits {
    /// Connections at a time.
    pub connections_max: Option<u64>,
    /// Channels at a time.
    pub channels_max: Option<u64>,
}

impl User {
    /// Whether they have that very tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own.as_str() == tag)
    }

    /// Whether they may do everything over the management API.
    pub fn is_administrator(&self) -> bool {
        self.has_tag(Tag::ADMINISTRATOR)
    }

    /// Whether they may see everything over the management API.
    pub fn is_monitoring(&self) -> bool {
        self.is_administrator() || self.has_tag(Tag::MONITORING)
    }

    /// Whether they may set policies and parameters.
    pub fn is_policymaker(&self) -> bool {
        self.is_administrator() || self.has_tag(Tag::POLICYMAKER)
    }

    /// Whether they may use the management API at all.
    pub fn is_management(&self) -> bool {
        self.is_monitoring() || self.is_policymaker() || self.has_tag(Tag::MANAGEMENT)
    }

    /// Whether they may publish with somebody else's `user_id`.
    pub fn is_impersonator(&self) -> bool {
        self.has_tag(Tag::IMPERSONATOR)
    }
}
