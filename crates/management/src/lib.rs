//! The management HTTP API, health checks, and the web pages.
//!
//! The only room that knows JSON. It reads the broker's views and changes things through
//! [`broker::Access`], [`broker::Operator`] and [`broker::Policymaker`] alone, with the rights of
//! whoever asks.

mod app;
mod auth;
mod error;
mod export;
mod json;
mod kept;
mod page;
mod rates;
mod request;
mod resource;
mod router;
mod ui;

pub use app::{Listener, Settings};
pub use export::definitions;
pub use router::serve;
