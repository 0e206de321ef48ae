//! Views as JSON: the shapes of RabbitMQ's management API.

pub(crate) mod connection;
pub(crate) mod object;
pub(crate) mod table;
