//! Class `confirm`: RabbitMQ's publisher confirms.

use crate::amqp::method::argument::{ArgumentError, Bits};
use crate::amqp::method::class::{Arguments, Class, MethodId, class};
use crate::reader::Reader;

class! {
    /// RabbitMQ's publisher confirms.
    Confirm = 85;

    /// Client: wants every publish answered.
    Select = 10 {} [no_wait] {}
    /// Server: so be it.
    SelectOk = 11 {}
}
