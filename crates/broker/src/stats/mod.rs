//! Totals of the node: messages and changes, counted where they happen.
//!
//! What queues count themselves is not counted again here; see [`crate::view`].

mod counters;

pub(crate) use counters::Counters;
pub use counters::Count;
