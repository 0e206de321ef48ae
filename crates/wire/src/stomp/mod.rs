//! STOMP 1.0, 1.1 and 1.2, as RabbitMQ speaks them: bytes to frames and back, for either end.
//!
//! One grammar serves all versions: the decoder does not know what was negotiated. Not here: what a
//! frame means (that is `session`'s and `client`'s).

pub mod command;
pub mod decoder;
pub mod encoder;
pub mod error;
pub mod frame;
pub mod header;
pub mod heartbeat;
pub mod quoted;
pub mod version;

pub use command::Command;
pub use decoder::{Decoded, Decoder, Role};
pub use encoder::FrameWriter;
pub use error::DecodeError;
pub use frame::Frame;
pub use header::{Header, Headers};
pub use heartbeat::HeartBeat;
pub use quoted::Quoted;
pub use version::Version;
