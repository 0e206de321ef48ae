//! TLS in front of sessions, if this build has it: two files behind one interface.

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod present;

#[cfg(not(feature = "tls"))]
pub(crate) use absent::{Acceptor, Stream};
#[cfg(feature = "tls")]
pub(crate) use present::{Acceptor, Stream};

use std::time::Duration;

use crate::config::Tls;

/// What an acceptor is made from.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "read by builds that have TLS"))]
pub(crate) struct Wanted<'a> {
    /// The key that names the listener.
    pub(crate) listener_key: &'static str,
    /// What keys of the options begin with.
    pub(crate) prefix: &'static str,
    /// The options.
    pub(crate) options: &'a Tls,
    /// How long a handshake may take.
    pub(crate) handshake_timeout: Duration,
}
