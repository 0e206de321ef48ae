//! Class `basic`: messages, from publish to acknowledgement.
//!
//! RabbitMQ does not check the strings of publish, return, deliver and get-ok for UTF-8; they are
//! bytes here.

use crate::amqp::field::RawTable;
use crate::amqp::method::argument::{Argument, ArgumentError, Bits};
use crate::amqp::method::class::{Arguments, Class, MethodId, class};
use crate::reader::Reader;

class! {
    /// Messages, from publish to acknowledgement.
    Basic<'a> = 60;

    /// Client: limits what is delivered ahead of acknowledgements.
    Qos = 10 { prefetch_size: u32, prefetch_count: u16 } [global] {}
    /// Server: so be it.
    QosOk = 11 {}
    /// Client: begins to consume.
    Consume<'a> = 20, ticket {
        queue: &'a str,
        consumer_tag: &'a str,
    } [no_local, no_ack, exclusive, no_wait] {
        arguments: RawTable<'a>,
    }
    /// Server: deliveries may follow.
    ConsumeOk<'a> = 21 { consumer_tag: &'a str }
    /// Client: ends a consumer. Server: a consumer has ended.
    Cancel<'a> = 30 { consumer_tag: &'a str } [no_wait] {}
    /// Either: the answer to it.
    CancelOk<'a> = 31 { consumer_tag: &'a str }
    /// Client: publishes; content follows.
    Publish<'a> = 40, ticket {
        exchange: &'a [u8],
        routing_key: &'a [u8],
    } [mandatory, immediate] {}
    /// Server: a mandatory message comes back; content follows.
    Return<'a> = 50 {
        reply_code: u16,
        reply_text: &'a [u8],
        exchange: &'a [u8],
        routing_key: &'a [u8],
    }
    /// Server: a message for a consumer; content follows.
    Deliver<'a> = 60 {
        consumer_tag: &'a [u8],
        delivery_tag: u64,
    } [redelivered] {
        exchange: &'a [u8],
        routing_key: &'a [u8],
    }
    /// Client: takes one message.
    Get<'a> = 70, ticket { queue: &'a str } [no_ack] {}
    /// Server: here it is; content follows.
    GetOk<'a> = 71 {
        delivery_tag: u64,
    } [redelivered] {
        exchange: &'a [u8],
        routing_key: &'a [u8],
        message_count: u32,
    }
    /// Server: there is none.
    GetEmpty<'a> = 72 { cluster_id: &'a [u8] }
    /// Client: deliveries are done with. Server: publishes are safe.
    Ack = 80 { delivery_tag: u64 } [multiple] {}
    /// Client: a delivery is not wanted.
    Reject = 90 { delivery_tag: u64 } [requeue] {}
    /// Client: wants everything again, and no answer.
    RecoverAsync = 100 {} [requeue] {}
    /// Client: wants everything again.
    Recover = 110 {} [requeue] {}
    /// Server: it goes out again.
    RecoverOk = 111 {}
    /// Client: deliveries are not wanted. Server: publishes were turned down.
    Nack = 120 { delivery_tag: u64 } [multiple, requeue] {}
    /// Private to RabbitMQ's AMQP 1.0; never handled.
    Credit<'a> = 200 { consumer_tag: &'a str, credit: u32 } [drain] {}
    /// Private to RabbitMQ's AMQP 1.0; never handled.
    CreditOk = 201 { available: u32 }
    /// Private to RabbitMQ's AMQP 1.0; never handled.
    CreditDrained<'a> = 202 { consumer_tag: &'a str, credit_drained: u32 }
}
