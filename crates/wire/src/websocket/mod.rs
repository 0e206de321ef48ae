//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692): bytes to messages and back, no I/O.
//!
//! One side reads the upgrade by [`handshake`], then feeds what it reads to a
//! [`message::Assembler`], and writes frames by [`frame::Header`]. Context takeover is never used,
//! in neither direction: so no connection keeps an inflater or a compressor, and one compressed
//! text serves every receiver ([`deflate::splice`]).

pub mod close;
pub mod deflate;
pub mod extension;
pub mod frame;
pub mod handshake;
pub mod message;
pub mod subprotocol;

pub use close::CloseCode;
pub use deflate::Inflater;
pub use frame::{Header, Mask, Opcode};
pub use message::{Assembler, Compression, Event, Kind, Role, Step, Violation};
pub use subprotocol::Subprotocol;
