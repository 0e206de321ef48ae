//! Exchanges: one file per kind, each a table that finds targets for a message.
//!
//! Generic over what is bound, so that nothing here knows a queue or a stream. Not here: the
//! default exchange's lookup, alternate exchanges and chains of exchanges, which need the vhost.

mod address;
mod direct;
#[expect(clippy::module_inception, reason = "the room is named after its main noun")]
mod exchange;
mod fanout;
mod headers;
mod targets;
mod topic;

pub(crate) use address::{Address, array_of_keys};
pub(crate) use exchange::{Exchange, Unbound};
pub(crate) use targets::Found;
