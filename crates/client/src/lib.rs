//! A client for AMQP 0-9-1 and for STOMP over WebSocket, on the codecs of `wire`.
//!
//! Small and fast, for what Hopwire itself needs one for: the back-end crate, the connection
//! tester, the benchmarks, tests. It knows nothing of the broker.

pub mod amqp;
pub mod error;
pub mod stomp;
pub mod uri;

pub use error::Error;
pub use uri::{Scheme, Uri};
