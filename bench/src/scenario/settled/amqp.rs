//! AMQP: confirms, and `basic.ack` for each delivery.
//!
//! ```text
//! basic.ack = 1 channel:u16 13:u32 60:u16 80:u16 tag:u64 multiple:u8 206    21 bytes
//! ```

use std::io::{Read, Write};
use std::net::TcpStream;

use wire::amqp::encoder::encode_method;
use wire::amqp::method::basic;

use super::{Confirms, Consumer, PREFETCH, Publisher};
use crate::Problem;
use crate::broker::Broker;
use crate::load::Tape;
use crate::load::amqp::{CHANNEL, Connection, append_publish, delivery_bytes};

const ACK_BYTES: usize = 21;

/// The frame and method before a confirm's tag.
const ACK_HEAD: [u8; 11] = [1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 80];

const READ_BYTES: usize = 256 * 1024;

pub(super) fn open(broker: &Broker, body: &[u8]) -> Result<(AmqpPublisher, AmqpConsumer), Problem> {
    let queue = format!("bench-{}-settled", std::process::id());
    let mut consumer = Connection::open(broker.publish)?;
    consumer.declare(&queue)?;
    consumer.consume_some(&queue, PREFETCH)?;
    let mut publisher = Connection::open(broker.publish)?;
    publisher.select_confirms()?;
    let delivery_bytes = delivery_bytes(&queue, body);
    let tape = Tape::new(&[queue], |out, key| append_publish(out, "", key, body));
    let publisher =
        AmqpPublisher { stream: publisher.stream, tape, input: Vec::new(), buffer: buffer() };
    let consumer = AmqpConsumer {
        stream: consumer.stream,
        delivery_bytes,
        came_bytes: 0,
        acknowledged: 0,
        acks: Vec::new(),
        buffer: buffer(),
    };
    Ok((publisher, consumer))
}

fn buffer() -> Box<[u8]> {
    vec![0; READ_BYTES].into()
}

pub(super) struct AmqpPublisher {
    stream: TcpStream,
    tape: Tape,
    input: Vec<u8>,
    buffer: Box<[u8]>,
}

impl Publisher for AmqpPublisher {
    fn publish(&mut self, count: u64) -> Result<(), Problem> {
        Ok(self.tape.write(&mut self.stream, count)?)
    }

    fn hear(&mut self, confirms: &mut Confirms) -> Result<(), Problem> {
        let bytes = self.stream.read(&mut self.buffer)?;
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

pub(super) struct AmqpConsumer {
    stream: TcpStream,
    delivery_bytes: u64,
    came_bytes: u64,
    acknowledged: u64,
    acks: Vec<u8>,
    buffer: Box<[u8]>,
}

impl Consumer for AmqpConsumer {
    fn take(&mut self, payload: Option<&mut Vec<u8>>) -> Result<u64, Problem> {
        let bytes = self.stream.read(&mut self.buffer)?;
        if bytes == 0 {
            return Err("the broker closed the connection".into());
        }
        self.came_bytes += bytes as u64;
        if let Some(payload) = payload {
            payload.extend_from_slice(self.buffer.get(..bytes).unwrap_or_default());
        }
        let came = self.came_bytes / self.delivery_bytes;
        let count = came - self.acknowledged;
        self.acks.clear();
        // Tags count from 1: nothing is redelivered here.
        for delivery_tag in self.acknowledged + 1..=came {
            encode_method(&mut self.acks, CHANNEL, &basic::Ack { delivery_tag, multiple: false });
        }
        self.stream.write_all(&self.acks)?;
        self.acknowledged = came;
        Ok(count)
    }
}
