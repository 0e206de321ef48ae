//! Totals of the node: messages and changes, counted where they happen.
//!
//! What queues count themselves is not counted again here; see [`crate::view`].

mod counters;

pub use counters::Count;
pub(crate) use counters::Counters;
