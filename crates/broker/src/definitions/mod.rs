//! Definitions: what exists besides messages, and survives a restart. Vhosts, users and their
//! rights, durable exchanges, queues and bindings, parameters.
//!
//! ```text
//! definition  one of them, and its key
//! encode      their bytes
//! database    where they are kept: redb
//! definitions changes on their way there, in the order in which memory changed
//! ```
//!
//! A change is pushed while whatever it is about is locked for it, so changes come in order;
//! pushing does not wait. What one step changes is pushed together, so that no crash leaves half of
//! it. One thread commits whatever came meanwhile in one transaction. Whoever answers for a change
//! waits for that first.
//!
//! Memory leads. If a commit fails, what it held and what was built upon it is undone in memory,
//! the last first, before those who wait hear of it; from then on every change is undone so, until
//! the node is restarted.

mod database;
mod definition;
#[expect(clippy::module_inception, reason = "the room and its main noun share the name")]
mod definitions;
mod encode;
#[cfg(test)]
pub(crate) mod image;
#[cfg(test)]
mod tests;

pub use database::OpenError;
pub(crate) use definition::{Definition, Key};
pub(crate) use definitions::{Change, Changes, Loaded, Ticket, Undo};
pub use definitions::{Definitions, Failure};
