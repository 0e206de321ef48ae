//! Who may do what: users, RabbitMQ's patterns, and destination rules.
//!
//! Not here: where a right is asked for; that is [`crate::access`], and nowhere else.

mod grants;
mod password;
mod place;
mod rights;
mod rules;
mod user;
mod wildcard;

pub(crate) use grants::Grants;
pub use password::{HashAlgorithm, HashError, PasswordHash};
pub(crate) use place::Place;
pub use rights::TopicPermission;
pub(crate) use rights::{Rights, Tables};
pub use rules::RuleSubject;
pub use user::{Tag, User, UserLimits};
