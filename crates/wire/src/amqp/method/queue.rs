//! Class `queue`: declares, binds, purges and deletes queues.

use crate::amqp::field::RawTable;
use crate::amqp::method::argument::{Argument, ArgumentError, Bits};
use crate::amqp::method::class::{Arguments, Class, MethodId, class};
use crate::reader::Reader;

class! {
    /// Declares, binds, purges and deletes queues.
    Queue<'a> = 50;

    /// Client: creates a queue, or checks it.
    Declare<'a> = 10, ticket {
        queue: &'a str,
    } [passive, durable, exclusive, auto_delete, no_wait] {
        arguments: RawTable<'a>,
    }
    /// Server: it stands.
    DeclareOk<'a> = 11 { queue: &'a str, message_count: u32, consumer_count: u32 }
    /// Client: binds a queue to an exchange.
    Bind<'a> = 20, ticket {
        queue: &'a str,
        exchange: &'a str,
        routing_key: &'a str,
    } [no_wait] {
        arguments: RawTable<'a>,
    }
    /// Server: they are bound.
    BindOk = 21 {}
    /// Client: drops the ready messages.
    Purge<'a> = 30, ticket { queue: &'a str } [no_wait] {}
    /// Server: they are gone.
    PurgeOk = 31 { message_count: u32 }
    /// Client: deletes a queue.
    Delete<'a> = 40, ticket { queue: &'a str } [if_unused, if_empty, no_wait] {}
    /// Server: it is gone.
    DeleteOk = 41 { message_count: u32 }
    /// Client: ends a binding. There is no `no_wait`.
    Unbind<'a> = 50, ticket {
        queue: &'a str,
        exchange: &'a str,
        routing_key: &'a str,
        arguments: RawTable<'a>,
    }
    /// Server: it is gone.
    UnbindOk = 51 {}
}
