//! A backlog that is consumed with an acknowledgement for each message.

use std::time::{Duration, Instant};

use super::publish::Publishers;
use super::{BODY_BYTES, Written, with_queue};
use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::figure::Measured;
use crate::load::amqp::{Connection, persistent};
use crate::load::{Delivered, sequences};
use crate::peer::Programs;
use crate::scenario::settled::Consumer as _;
use crate::scenario::settled::amqp::AmqpConsumer;
use crate::scenario::{CpuTimes, body};

/// Messages that are looked at, before those that are timed.
const LOOKED_AT: u64 = 2_000;

/// How long a backlog may take to come about.
const PATIENCE: Duration = Duration::from_secs(300);

/// Messages per second.
pub(in crate::scenario) fn measure(
    broker: &Broker,
    programs: &Programs,
) -> Result<Measured, Problem> {
    programs.require_one_disk()?;
    let backlog = match broker.kind {
        Kind::RabbitMq => 60_000,
        _ => 600_000,
    };
    with_queue(broker, |queue| consume(broker, queue, backlog))
}

fn consume(broker: &Broker, queue: &str, backlog: u64) -> Result<Measured, Problem> {
    fill(broker, queue, backlog)?;
    let mut consumer = consumer(broker, queue)?;
    let first = look(&mut consumer)?;
    let before = CpuTimes::read(broker)?;
    let start = Instant::now();
    let messages = drain(&mut consumer, backlog - first)?;
    let took = start.elapsed();
    let cpu = CpuTimes::read(broker)?.since(before);
    // The answer comes when the acknowledgements before it are done with.
    consumer.connection.ready(queue)?;
    drop(consumer);
    match Connection::open(broker.publish)?.ready(queue)? {
        0 => Ok(cpu.measured(Delivered { messages, took })),
        left => Err(format!("{left} messages are left of {backlog}").into()),
    }
}

/// Publishes so many persistent messages to a durable queue; all are confirmed.
pub(super) fn fill(broker: &Broker, queue: &str, messages: u64) -> Result<(), Problem> {
    let written = Written::read(broker)?;
    let confirmed = Publishers::open(broker, queue, 1)?.run(PATIENCE, messages)?.messages;
    match confirmed == messages {
        true => written.require(messages),
        false => Err(format!("{confirmed} of {messages} confirmed in {PATIENCE:?}").into()),
    }
}

/// One that acknowledges each message, of those that `fill` makes.
pub(super) fn consumer(broker: &Broker, queue: &str) -> Result<AmqpConsumer, Problem> {
    let body = body::plain(BODY_BYTES);
    AmqpConsumer::new(Connection::open(broker.publish)?, queue, persistent(&body))
}

/// Consumes the first messages and looks whether they are in order; returns how many they were.
pub(super) fn look(consumer: &mut AmqpConsumer) -> Result<u64, Problem> {
    let (mut taken, mut payload) = (0, Vec::new());
    while taken < LOOKED_AT {
        taken += consumer.take(Some(&mut payload))?;
    }
    // The last one may not be all there.
    let numbers = sequences(&payload);
    let is_ordered = numbers.iter().zip(0..).all(|(number, expected)| *number == expected);
    match is_ordered && numbers.len() as u64 >= taken {
        true => Ok(taken),
        false => Err(format!("{} of {taken} messages in order", numbers.len()).into()),
    }
}

/// Consumes so many; returns how many came.
pub(super) fn drain(consumer: &mut AmqpConsumer, messages: u64) -> Result<u64, Problem> {
    let mut taken = 0;
    while taken < messages {
        taken += consumer.take(None)?;
    }
    match taken == messages {
        true => Ok(taken),
        false => Err(format!("{taken} messages came, {messages} were due").into()),
    }
}
