//! Configuration: `rabbitmq.conf` syntax, `HOPWIRE_*` variables and flags, into one [`Settings`].
//!
//! The only room that reads files, environment and arguments; every other has settings of its own.

mod convert;
mod key;
mod keys;
mod parse;
mod settings;
mod tls;
mod value;

pub(crate) use convert::ConvertError;
pub(crate) use key::{ConfigError, Origin, apply_all, from_environment};
#[cfg(test)]
pub(crate) use parse::parse;
pub(crate) use parse::{Entry, read_file};
pub(crate) use settings::{Endpoint, Listeners, Settings};
pub(crate) use tls::Tls;
#[cfg(feature = "tls")]
pub(crate) use tls::TlsVersion;
