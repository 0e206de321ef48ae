//! The words every room speaks: names, messages, what is declared, what is refused.
//!
//! No I/O, no clock, no byte format.

pub mod alarm;
pub mod binding;
pub mod delivery;
pub mod exchange;
pub mod expiration;
pub mod field;
pub mod message;
pub mod name;
pub mod permission;
pub mod properties;
pub mod queue;
pub mod refusal;
pub mod routing_key;
pub mod short_string;

pub use alarm::{Alarm, AlarmSet};
pub use binding::{Binding, Destination};
pub use delivery::{
    AckMode, Bound, ConsumerId, DeclareMode, DeliveryId, LinkId, Outcome, Sequenced, SourceId,
};
pub use exchange::{ExchangeKind, ExchangeSpec};
pub use field::{FieldTable, FieldValue};
pub use message::{Marks, Message, MessageParts};
pub use name::{ConsumerTag, ExchangeName, NameError, QueueName, UserName, VhostName};
pub use permission::{DestinationRule, Permission, Right, RuleEffect};
pub use properties::{Properties, PropertyCodec, PropertyError, PropertyFacts};
pub use queue::QueueSpec;
pub use refusal::{Refusal, RefusalKind, Resource};
pub use routing_key::RoutingKey;
pub use short_string::{ShortString, ShortStringError};
