//! Policies: what operators ask of queues and exchanges by patterns of their names.
//!
//! ```text
//! subject     what a policy can act on
//! key         what it can say, and about what
//! definition  what one says, checked
//! term        values as RabbitMQ's texts show them
//! pattern     which names it means
//! policy      one of them
//! policies    those of a vhost; which of them one object has
//! effective   what they amount to, with the arguments of a declare
//! ```
//!
//! Not here: what the outcome means to a queue ([`crate::queue`]), and who may set policies
//! ([`crate::access`]).

mod definition;
mod effective;
mod key;
mod pattern;
mod policies;
#[expect(clippy::module_inception, reason = "the room and its main noun share the name")]
mod policy;
mod subject;
mod term;
#[cfg(test)]
mod tests;

pub use definition::PolicyDefinition;
pub use effective::Effective;
pub use policies::Policies;
pub use policy::{Policy, PolicyError, PolicyKind, PolicySpec};
pub use subject::{ApplyTo, Subject};
pub use term::Term;
