//! Stories over real sockets: each test's name is a claim about the `hopwire` program.
//!
//! `stories` are told by stock clients, and to a RabbitMQ too when `ORACLE_AMQP_URL` and its
//! sisters say where one is. `refusals` speak wrongly, by hand. `program` starts and stops it.
//! `tls` tells some of them again over TLS. The others ask Hopwire's own clients, and what only
//! Hopwire promises.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of it is test")]

mod alarms;
mod amqp_bytes;
mod broker;
mod client_amqp;
mod client_stomp;
mod crash;
mod doctor;
mod durable;
mod fan_out;
mod http;
mod lapin_back_end;
mod limits;
mod management;
mod oracle;
mod page;
mod peer;
mod program;
mod realtime;
mod refusals;
mod stopping;
mod store;
mod stories;
mod story;
mod streams;
mod tls;
mod websocket_bytes;
