//! The methods that an AMQP peer's script names, with arguments from a small choice: so that a
//! script meets itself, and consumes from the queue that it has declared.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use wire::amqp::encoder::encode_method;
use wire::amqp::field::RawTable;
use wire::amqp::method::{
    Arguments, access, basic, channel, confirm, connection, exchange, queue, tx,
};

/// Queues and exchanges.
pub(crate) const NAMES: [&str; 8] =
    ["", "q", "r", "amq.topic", "amq.fanout", "amq.headers", "e", "amq.q"];

/// Routing and binding keys.
pub(crate) const KEYS: [&str; 8] = ["", "q", "r", "a.b", "a.*", "#", "a.#.b", "*"];

const KINDS: [&str; 6] = ["direct", "topic", "fanout", "headers", "", "x-unknown"];

const TAGS: [&str; 4] = ["", "t", "u", "v"];

/// Arguments that change what a queue, a binding or a consumer does, as the bytes of a table.
const TABLES: [&[u8]; 10] = [
    b"",
    b"\x0cx-max-lengthI\0\0\0\x01\x0ax-overflowS\0\0\0\x0ereject-publish",
    b"\x0cx-max-lengthI\0\0\0\x01\x16x-dead-letter-exchangeS\0\0\0\0\
      \x19x-dead-letter-routing-keyS\0\0\0\x01q",
    b"\x0dx-message-ttlI\0\0\0\x00\x16x-dead-letter-exchangeS\0\0\0\x09amq.topic",
    b"\x0ex-max-priorityI\0\0\0\x05",
    b"\x18x-single-active-consumert\x01",
    b"\x09x-expiresI\0\0\0\x64",
    b"\x0cx-queue-typeS\0\0\0\x06stream",
    b"\x07x-matchS\0\0\0\x03any\x01nI\0\0\0\x01",
    b"\x0ax-priorityI\0\0\0\x07",
];

/// A method, named.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Said {
    ChannelOpen,
    ChannelClose,
    ChannelCloseOk,
    ChannelFlow,
    ConnectionClose,
    ConnectionCloseOk,
    Access,
    ExchangeDeclare,
    ExchangeDelete,
    ExchangeBind,
    ExchangeUnbind,
    QueueDeclare,
    QueueBind,
    QueueUnbind,
    QueuePurge,
    QueueDelete,
    Qos,
    Consume,
    Cancel,
    Get,
    Ack,
    Nack,
    Reject,
    Recover,
    Confirm,
    TxSelect,
    TxCommit,
    TxRollback,
    UpdateSecret,
}

/// What a method's arguments are chosen by.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct With {
    name: u8,
    other: u8,
    number: u8,
    flags: u8,
}

/// One of `choices`.
pub(crate) fn pick<T: Copy>(choices: &[T], choice: u8) -> T {
    choices[usize::from(choice) % choices.len()]
}

impl With {
    fn flag(self, bit: u8) -> bool {
        self.flags & (1 << bit) != 0
    }

    fn no_wait(self) -> bool {
        self.flag(7)
    }

    fn name(self) -> &'static str {
        pick(&NAMES, self.name)
    }

    fn exchange(self) -> &'static str {
        pick(&NAMES, self.other)
    }

    fn key(self) -> &'static str {
        pick(&KEYS, self.number)
    }

    fn arguments(self) -> RawTable<'static> {
        RawTable::parse(pick(&TABLES, self.number)).unwrap_or_default()
    }
}

fn put<'a>(out: &mut Vec<u8>, channel: u16, method: impl Arguments<'a>) {
    encode_method(out, channel, &method);
}

impl Said {
    /// Appends the method's frame.
    pub(crate) fn write(self, out: &mut Vec<u8>, on: u16, with: With) {
        let no_wait = with.no_wait();
        match self {
            Self::ChannelOpen => put(out, on, channel::Open::default()),
            Self::ChannelClose => put(out, on, channel::Close::default()),
            Self::ChannelCloseOk => put(out, on, channel::CloseOk {}),
            Self::ChannelFlow => put(out, on, channel::Flow { active: with.flag(0) }),
            Self::ConnectionClose => put(out, 0, connection::Close::default()),
            Self::ConnectionCloseOk => put(out, 0, connection::CloseOk {}),
            Self::UpdateSecret => put(out, 0, connection::UpdateSecret::default()),
            Self::Access => put(out, on, access::Request::default()),
            Self::Confirm => put(out, on, confirm::Select { no_wait }),
            Self::TxSelect => put(out, on, tx::Select {}),
            Self::TxCommit => put(out, on, tx::Commit {}),
            Self::TxRollback => put(out, on, tx::Rollback {}),
            Self::ExchangeDeclare
            | Self::ExchangeDelete
            | Self::ExchangeBind
            | Self::ExchangeUnbind => self.write_exchange(out, on, with),
            Self::QueueDeclare
            | Self::QueueBind
            | Self::QueueUnbind
            | Self::QueuePurge
            | Self::QueueDelete => self.write_queue(out, on, with),
            _ => self.write_basic(out, on, with),
        }
    }

    fn write_exchange(self, out: &mut Vec<u8>, on: u16, with: With) {
        let (destination, source, routing_key) = (with.name(), with.exchange(), with.key());
        let (no_wait, arguments) = (with.no_wait(), with.arguments());
        match self {
            Self::ExchangeDeclare => {
                let declare = exchange::Declare {
                    exchange: with.name(),
                    kind: pick(&KINDS, with.other),
                    passive: with.flag(0),
                    durable: with.flag(1),
                    auto_delete: with.flag(3),
                    internal: with.flag(4),
                    no_wait,
                    arguments,
                };
                put(out, on, declare);
            }
            Self::ExchangeDelete => {
                let if_unused = with.flag(0);
                put(out, on, exchange::Delete { exchange: with.name(), if_unused, no_wait });
            }
            Self::ExchangeBind => {
                let bind = exchange::Bind { destination, source, routing_key, no_wait, arguments };
                put(out, on, bind);
            }
            _ => {
                let unbind =
                    exchange::Unbind { destination, source, routing_key, no_wait, arguments };
                put(out, on, unbind);
            }
        }
    }

    fn write_queue(self, out: &mut Vec<u8>, on: u16, with: With) {
        let (queue, exchange, routing_key) = (with.name(), with.exchange(), with.key());
        let (no_wait, arguments) = (with.no_wait(), with.arguments());
        match self {
            Self::QueueDeclare => {
                let declare = queue::Declare {
                    queue,
                    passive: with.flag(0),
                    durable: with.flag(1),
                    exclusive: with.flag(2),
                    auto_delete: with.flag(3),
                    no_wait,
                    arguments,
                };
                put(out, on, declare);
            }
            Self::QueueBind => {
                put(out, on, queue::Bind { queue, exchange, routing_key, no_wait, arguments });
            }
            Self::QueueUnbind => {
                put(out, on, queue::Unbind { queue, exchange, routing_key, arguments });
            }
            Self::QueuePurge => put(out, on, queue::Purge { queue, no_wait }),
            _ => {
                let (if_unused, if_empty) = (with.flag(0), with.flag(1));
                put(out, on, queue::Delete { queue, if_unused, if_empty, no_wait });
            }
        }
    }

    fn write_basic(self, out: &mut Vec<u8>, on: u16, with: With) {
        let (queue, no_wait) = (with.name(), with.no_wait());
        let consumer_tag = pick(&TAGS, with.other);
        let delivery_tag = u64::from(with.number % 8);
        let (multiple, requeue) = (with.flag(0), with.flag(1));
        match self {
            Self::Qos => {
                let prefetch_count = u16::from(with.number % 8);
                let global = with.flag(0);
                put(out, on, basic::Qos { prefetch_size: 0, prefetch_count, global });
            }
            Self::Consume => {
                let consume = basic::Consume {
                    queue,
                    consumer_tag,
                    no_local: with.flag(4),
                    no_ack: with.flag(0),
                    exclusive: with.flag(2),
                    no_wait,
                    arguments: with.arguments(),
                };
                put(out, on, consume);
            }
            Self::Cancel => put(out, on, basic::Cancel { consumer_tag, no_wait }),
            Self::Get => put(out, on, basic::Get { queue, no_ack: with.flag(0) }),
            Self::Ack => put(out, on, basic::Ack { delivery_tag, multiple }),
            Self::Nack => put(out, on, basic::Nack { delivery_tag, multiple, requeue }),
            Self::Reject => put(out, on, basic::Reject { delivery_tag, requeue }),
            _ => put(out, on, basic::Recover { requeue }),
        }
    }
}
