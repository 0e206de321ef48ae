//! TLS 1.2 and 1.3 as a byte stream that holds no buffers while it is idle.
//!
//! rustls' unbuffered connections do the cryptography; the buffers belong to the thread. Knows
//! neither protocols nor configuration keys.

mod acceptor;
mod connector;
mod credentials;
mod records;
mod scratch;
mod side;
mod stream;
#[cfg(test)]
mod testing;

pub use acceptor::{Acceptor, ClientCertificates, ServerSettings, Version};
pub use connector::Connector;
pub use credentials::{Credentials, FileError, Role, read_authorities};
pub use side::Side;
pub use stream::{ClientStream, ServerStream, Stream, WRITE_BYTES_MAX};
