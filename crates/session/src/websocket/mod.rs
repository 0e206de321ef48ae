//! STOMP over WebSocket: the upgrade on the accepted socket, and the messages behind it.

pub mod transport;
pub mod upgrade;

pub use transport::WebSocket;
pub use upgrade::{Admission, NotUpgraded, Settings, Upgraded, upgrade};
pub use wire::websocket::Compression;
