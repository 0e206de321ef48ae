//! Stories over real sockets: each test's name is a claim about the `hopwire` program.
//!
//! `stories` are told by stock clients, and to a RabbitMQ too when `ORACLE_AMQP_URL` and its
//! sisters say where one is. `refusals` speak wrongly, by hand. `program` starts and stops it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of it is test")]

mod amqp_bytes;
mod broker;
mod lapin_back_end;
mod oracle;
mod peer;
mod program;
mod refusals;
mod stories;
mod story;
mod websocket_bytes;
