//! A stream: an append-only run of messages, read by cursors, never consumed.
//!
//! All topic subscriptions with the same exchange and binding key share one.

mod cursor;
mod retention;
mod ring;
mod run;
#[expect(clippy::module_inception, reason = "the room and its main noun share the name")]
mod stream;

pub use cursor::{Cursor, CursorSpec, CursorView, Read};
pub use retention::{CursorLimits, StreamLimits};
pub use run::RUN_MESSAGES_MAX;
pub use stream::Stream;
