//! A stream: an append-only run of messages, read by cursors, never consumed.
//!
//! All topic subscriptions with the same exchange and binding key share one.

mod budget;
mod cursor;
mod place;
mod retention;
mod ring;
mod run;
mod state;
#[expect(clippy::module_inception, reason = "the room and its main noun share the name")]
mod stream;
mod watch;

pub use budget::{Budget, Held};
pub use cursor::{Cursor, CursorSpec, CursorView, Read, StreamTotals};
pub use retention::{CursorLimits, Overflow, StreamLimits, StreamSettings, TotalLimits};
pub use run::RUN_MESSAGES_MAX;
pub use stream::Stream;
