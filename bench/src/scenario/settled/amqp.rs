//! AMQP: confirms, and `basic.ack` for each delivery.
//!
//! ```text
//! basic.ack = 1 channel:u16 13:u32 60:u16 80:u16 tag:u64 multiple:u8 206    21 bytes
//! ```

use std::io::{Read, Write};
use std::net::TcpStream;

use wire::amqp::encoder::{Content, encode_method};
use wire::amqp::method::basic;

use super::{Confirms, Consumer, PREFETCH, Publisher};
use crate::Problem;
use crate::broker::Broker;
use crate::load::Tape;
use crate::load::amqp::{
    CHANNEL, Connection, append_publish, delivery_bytes, persistent, transient,
};

const ACK_BYTES: usize = 21;

/// The frame and method before a confirm's tag.
const ACK_HEAD: [u8; 11] = [1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 80];

const READ_BYTES: usize = 256 * 1024;

/// Of a transient queue, which goes with its consumer.
pub(super) fn open(broker: &Broker, body: &[u8]) -> Result<(AmqpPublisher, AmqpConsumer), Problem> {
    let queue = format!("bench-{}-settled", std::process::id());
    let mut connection = Connection::open(broker.publish)?;
    connection.declare(&queue)?;
    let consumer = AmqpConsumer::new(connection, &queue, transient(body))?;
    Ok((AmqpPublisher::open(broker, &queue, transient(body))?, consumer))
}

/// Persistent messages through a durable queue.
pub(in crate::scenario) fn open_durable(
    broker: &Broker,
    queue: &str,
    body: &[u8],
) -> Result<(AmqpPublisher, AmqpConsumer), Problem> {
    let consumer = AmqpConsumer::new(Connection::open(broker.publish)?, queue, persistent(body))?;
    Ok((AmqpPublisher::open(broker, queue, persistent(body))?, consumer))
}

fn buffer() -> Box<[u8]> {
    vec![0; READ_BYTES].into()
}

/// A connection that publishes to one queue, with confirms.
pub(in crate::scenario) struct AmqpPublisher {
    pub(in crate::scenario) stream: TcpStream,
    pub(in crate::scenario) tape: Tape,
    pub(in crate::scenario) ear: Ear,
}

/// Reads confirms.
pub(in crate::scenario) struct Ear {
    input: Vec<u8>,
    buffer: Box<[u8]>,
}

impl AmqpPublisher {
    pub(in crate::scenario) fn open(
        broker: &Broker,
        queue: &str,
        content: Content<'_>,
    ) -> Result<Self, Problem> {
        let mut connection = Connection::open(broker.publish)?;
        connection.select_confirms()?;
        let keys = [queue.to_owned()];
        let tape = Tape::new(&keys, |out, key| append_publish(out, "", key, content));
        let ear = Ear { input: Vec::new(), buffer: buffer() };
        Ok(Self { stream: connection.stream, tape, ear })
    }
}

impl Publisher for AmqpPublisher {
    fn publish(&mut self, count: u64) -> Result<(), Problem> {
        Ok(self.tape.write(&mut self.stream, count)?)
    }

    fn hear(&mut self, confirms: &mut Confirms) -> Result<(), Problem> {
        self.ear.hear(&mut self.stream, confirms)
    }
}

impl Ear {
    /// Reads once; notes what is confirmed.
    pub(in crate::scenario) fn hear(
        &mut self,
        stream: &mut impl Read,
        confirms: &mut Confirms,
    ) -> Result<(), Problem> {
        let bytes = stream.read(&mut self.buffer)?;
        if bytes == 0 {
            return Err("the broker closed the connection".into());
        }
        self.input.extend_from_slice(self.buffer.get(..bytes).unwrap_or_default());
        let (acks, rest) = self.input.as_chunks::<ACK_BYTES>();
        for ack in acks {
            let [head @ .., t0, t1, t2, t3, t4, t5, t6, t7, multiple, _] = ack;
            if *head != ACK_HEAD {
                return Err(format!("no confirm: {ack:?}").into());
            }
            let tag = u64::from_be_bytes([*t0, *t1, *t2, *t3, *t4, *t5, *t6, *t7]);
            match multiple {
                0 => confirms.one(tag),
                _ => confirms.up_to(tag),
            }
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        Ok(())
    }
}

/// A connection that consumes from one queue and acknowledges each message by itself.
pub(in crate::scenario) struct AmqpConsumer {
    pub(in crate::scenario) connection: Connection,
    delivery_bytes: u64,
    came_bytes: u64,
    acknowledged: u64,
    acks: Vec<u8>,
    buffer: Box<[u8]>,
}

impl AmqpConsumer {
    /// Consumes with a prefetch of [`PREFETCH`].
    pub(in crate::scenario) fn new(
        mut connection: Connection,
        queue: &str,
        content: Content<'_>,
    ) -> Result<Self, Problem> {
        connection.consume_some(queue, PREFETCH)?;
        Ok(Self {
            delivery_bytes: delivery_bytes(queue, content),
            came_bytes: 0,
            acknowledged: 0,
            acks: Vec::new(),
            buffer: buffer(),
            connection,
        })
    }
}

impl Consumer for AmqpConsumer {
    fn take(&mut self, payload: Option<&mut Vec<u8>>) -> Result<u64, Problem> {
        let Connection { stream, input, .. } = &mut self.connection;
        let bytes = stream.read(&mut self.buffer)?;
        if bytes == 0 {
            return Err("the broker closed the connection".into());
        }
        // The first deliveries may have come with the answer to consume.
        self.came_bytes += (input.len() + bytes) as u64;
        if let Some(payload) = payload {
            payload.extend_from_slice(input);
            payload.extend_from_slice(self.buffer.get(..bytes).unwrap_or_default());
        }
        input.clear();
        let came = self.came_bytes / self.delivery_bytes;
        let count = came - self.acknowledged;
        self.acks.clear();
        // Tags count from 1: nothing is redelivered here.
        for delivery_tag in self.acknowledged + 1..=came {
            encode_method(&mut self.acks, CHANNEL, &basic::Ack { delivery_tag, multiple: false });
        }
        stream.write_all(&self.acks)?;
        self.acknowledged = came;
        Ok(count)
    }
}
