//! Class `access`: abandoned by the standard, still asked for by old clients.

use crate::amqp::method::argument::{Argument, ArgumentError, Bits};
use crate::amqp::method::class::{Arguments, Class, MethodId, class};
use crate::reader::Reader;

class! {
    /// Abandoned by the standard, still asked for by old clients.
    Access<'a> = 30;

    /// Client: asks for a ticket.
    Request<'a> = 10 { realm: &'a str } [exclusive, passive, active, write, read] {}
    /// Server: a ticket, which means nothing.
    RequestOk = 11 { ticket: u16 }
}
