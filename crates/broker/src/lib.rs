//! The embedded core: who may do what, where a message goes, and what holds it.
//!
//! Knows no protocol, no frame, no JSON, no socket. Everything that changes it comes in through
//! [`access::Access`], in a [`turn::Turn`].

pub mod access;
mod admission;
pub mod alarms;
pub mod auth;
pub mod broker;
mod burial;
pub mod definitions;
mod durability;
mod exchange;
pub mod inbox;
pub mod listing;
mod pattern;
pub mod policy;
pub mod queue;
mod restore;
mod routing;
#[cfg(test)]
mod sample;
pub mod settings;
pub mod stats;
pub mod store;
pub mod stream;
mod timers;
pub mod turn;
mod undo;
pub mod vhost;
pub mod view;

pub use access::{Access, Declared, Follow, Operator, Policymaker, Routed};
pub use alarms::Alarms;
pub use broker::{Broker, Identity, Login};
pub use durability::{Durability, End};
pub use queue::{DeleteIf, MessageLog};
pub use restore::{CloseError, RestoreError};
pub use settings::{DefaultUser, Settings};
