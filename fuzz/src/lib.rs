//! What the targets share: a conversation without a socket, and the scripts of its peers.

mod amqp;
mod amqp_method;
mod conversation;
mod stomp;
mod store;
mod websocket;

pub use amqp::{AMQP_FRAME_BYTES_MAX, AmqpPiece, AmqpStart};
pub use conversation::{Conversation, broker, peer};
pub use stomp::{STOMP_PRELUDE, StompPiece, StompReader};
pub use store::{StoreSegment, claim_opens_alike, store_files, store_settings};
pub use websocket::{Form, UPGRADE_REQUEST, WebSocketPiece};
