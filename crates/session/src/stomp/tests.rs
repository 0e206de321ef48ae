//! Conversations without sockets: frames and events in, commands and frames out.
//!
//! A frame is written `SEND destination:/queue/a receipt:1|body`, a command of the session in a few
//! words. The engine of these tests says yes to everything unless told otherwise. Random names are
//! shown as `~`.

mod bent;
mod connect;
mod errors;
mod held;
mod messages;
mod send;
mod settle;
mod subscribe;
mod talk;
mod transactions;
