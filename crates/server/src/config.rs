//! Configuration: `rabbitmq.conf` syntax, `HOPWIRE_*` variables and flags, into one [`Settings`].
//!
//! The only room that reads files, environment and arguments; every other has settings of its own.

mod convert;
mod key;
mod keys;
mod parse;
mod settings;
mod value;

pub use convert::ConvertError;
pub use key::{ConfigError, Origin, apply_all, from_environment};
pub use parse::{Entry, read_file};
#[cfg(test)]
pub(crate) use parse::parse;
pub use settings::{Endpoint, Listeners, Settings};
