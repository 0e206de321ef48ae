//! Vhosts: exchanges, queues, streams, and what is bound to what.
//!
//! One lock guards a vhost's topology. A change holds it for the length of its own path; a publish
//! reads it, collects its targets, and lets go before it touches any of them. No other lock is
//! taken under it but the leaf under which changes of definitions are handed over.

mod bindings;
mod keeper;
mod policies;
mod predeclared;
mod routing;
mod streams;
mod topology;
#[expect(clippy::module_inception, reason = "the room is named after its main noun")]
mod vhost;

pub(crate) use keeper::Changing;
pub(crate) use routing::Targets;
pub(crate) use topology::{Target, Topology};
pub(crate) use vhost::Vhost;
pub use vhost::{VhostLimits, VhostMetadata};
