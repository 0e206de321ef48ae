//! AMQP 0-9-1 as RabbitMQ speaks it: frames, methods, properties, both directions.

pub mod decoder;
pub mod encoder;
pub mod field;
pub mod frame;
pub mod header;
pub mod method;
pub mod protocol_header;
pub mod raw;
pub mod reply_code;
pub mod sasl;
pub mod shortcut;

#[cfg(test)]
mod oracle;

pub use decoder::decode;
pub use frame::{ContentHeader, Frame, FrameError, Payload};
pub use header::PROPERTY_CODEC;
pub use method::{Method, MethodId};
pub use reply_code::ReplyCode;
