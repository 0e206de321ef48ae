//! The upgrade from HTTP/1.1 to a WebSocket, both ends. RFC 6455, sections 4.1 and 4.2.

mod accept;
pub mod client;
pub mod request;
pub mod response;

pub use accept::Key;
pub use client::{Answer, ClientError, Offer};
pub use request::{Request, RequestError, UpgradeError};
pub use response::{Status, Upgrade};

/// The longest HTTP head that is read, in bytes. Browsers send well below 2 KiB, cookies apart.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The most headers in an HTTP head.
pub const HEADERS_MAX: usize = 64;
