//! Class `exchange`: declares, deletes and binds exchanges.

use crate::amqp::field::RawTable;
use crate::amqp::method::argument::{Argument, ArgumentError, Bits};
use crate::amqp::method::class::{Arguments, Class, MethodId, class};
use crate::reader::Reader;

class! {
    /// Declares, deletes and binds exchanges.
    Exchange<'a> = 40;

    /// Client: creates an exchange, or checks it.
    Declare<'a> = 10, ticket {
        exchange: &'a str,
        kind: &'a str,
    } [passive, durable, auto_delete, internal, no_wait] {
        arguments: RawTable<'a>,
    }
    /// Server: it stands.
    DeclareOk = 11 {}
    /// Client: deletes an exchange.
    Delete<'a> = 20, ticket { exchange: &'a str } [if_unused, no_wait] {}
    /// Server: it is gone.
    DeleteOk = 21 {}
    /// Client: binds an exchange to an exchange.
    Bind<'a> = 30, ticket {
        destination: &'a str,
        source: &'a str,
        routing_key: &'a str,
    } [no_wait] {
        arguments: RawTable<'a>,
    }
    /// Server: they are bound.
    BindOk = 31 {}
    /// Client: ends such a binding.
    Unbind<'a> = 40, ticket {
        destination: &'a str,
        source: &'a str,
        routing_key: &'a str,
    } [no_wait] {
        arguments: RawTable<'a>,
    }
    /// Server: it is gone. The number is 51, not 41.
    UnbindOk = 51 {}
}
