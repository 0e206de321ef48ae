//! Methods: one file per class, one struct per method, borrowing from the input.

mod argument;
mod class;

pub mod access;
pub mod basic;
pub mod channel;
pub mod confirm;
pub mod connection;
pub mod exchange;
pub mod queue;
pub mod tx;

pub use argument::{Argument, ArgumentError, LongString};
pub use class::{Arguments, Method, MethodId};
