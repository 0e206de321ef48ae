//! Publishing with confirms, nobody consuming: one connection, or many that share a window.

use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::{BODY_BYTES, RECORD_BYTES, Written, with_queue};
use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::disk::{Limits, Log, group_commit};
use crate::figure::Measured;
use crate::load::Delivered;
use crate::load::amqp::{Connection, persistent};
use crate::peer::Programs;
use crate::scenario::settled::amqp::AmqpPublisher;
use crate::scenario::settled::{Confirms, Publisher as _, UNCONFIRMED_MAX};
use crate::scenario::{CpuTimes, DURATION, WARM_UP, body};

/// Messages of the timed part at most: what lies on a disk is bounded by bytes, too.
const MESSAGES_MAX: u64 = 1_000_000;

/// Those of the part before it.
const WARM_UP_MESSAGES_MAX: u64 = 200_000;

/// Messages per second, confirmed, over so many connections with a window of
/// [`UNCONFIRMED_MAX`] together.
pub(in crate::scenario) fn measure(
    broker: &Broker,
    programs: &Programs,
    connections: usize,
) -> Result<Measured, Problem> {
    programs.require_one_disk()?;
    if broker.kind == Kind::Floor {
        return floor(programs);
    }
    with_queue(broker, |queue| publish(broker, queue, connections))
}

fn publish(broker: &Broker, queue: &str, connections: usize) -> Result<Measured, Problem> {
    let mut publishers = Publishers::open(broker, queue, connections)?;
    let warm_up = publishers.run(WARM_UP, WARM_UP_MESSAGES_MAX)?;
    let written = Written::read(broker)?;
    let before = CpuTimes::read(broker)?;
    let confirmed = publishers.run(DURATION, MESSAGES_MAX)?;
    let cpu = CpuTimes::read(broker)?.since(before);
    written.require(confirmed.messages)?;
    let ready = Connection::open(broker.publish)?.ready(queue)?;
    let due = warm_up.messages + confirmed.messages;
    match ready == due {
        true => Ok(cpu.measured(confirmed)),
        false => Err(format!("{ready} messages are ready, {due} were confirmed").into()),
    }
}

/// The CPU time is that of writer and producer: there is no broker.
fn floor(programs: &Programs) -> Result<Measured, Problem> {
    let bytes_max = (MESSAGES_MAX + WARM_UP_MESSAGES_MAX) * RECORD_BYTES as u64;
    let mut log = Log::create(&programs.folder, bytes_max)?;
    let record = body::plain(RECORD_BYTES);
    let window = UNCONFIRMED_MAX as u64;
    let limits = Limits { window, records_max: WARM_UP_MESSAGES_MAX, duration: WARM_UP };
    group_commit(&mut log, &record, limits)?;
    let limits = Limits { window, records_max: MESSAGES_MAX, duration: DURATION };
    let done = group_commit(&mut log, &record, limits)?;
    let messages = done.delivered.messages as f64;
    Ok(Measured {
        value: messages / done.delivered.took.as_secs_f64(),
        broker_cpu: Some(done.cpu.as_secs_f64() / messages * 1e6),
        ..Measured::default()
    })
}

/// Connections that publish to one queue, all served by one thread.
pub(super) struct Publishers {
    poll: Poll,
    members: Vec<(AmqpPublisher, Confirms)>,
    /// Publishes of each that wait for their confirm, at most.
    window: usize,
}

impl Publishers {
    pub(super) fn open(broker: &Broker, queue: &str, connections: usize) -> Result<Self, Problem> {
        let poll = Poll::new()?;
        let mut members = Vec::new();
        let body = body::plain(BODY_BYTES);
        for number in 0..connections {
            let publisher = AmqpPublisher::open(broker, queue, persistent(&body))?;
            let descriptor = publisher.stream.as_raw_fd();
            let mut source = SourceFd(&descriptor);
            poll.registry().register(&mut source, Token(number), Interest::READABLE)?;
            members.push((publisher, Confirms::default()));
        }
        Ok(Self { poll, members, window: UNCONFIRMED_MAX / connections })
    }

    /// Publishes for a while, or so many; ends when everything is confirmed.
    pub(super) fn run(&mut self, duration: Duration, most: u64) -> Result<Delivered, Problem> {
        /// No confirm takes longer.
        const PATIENCE: Duration = Duration::from_secs(60);
        let start = Instant::now();
        let mut published = 0;
        let mut events = Events::with_capacity(self.members.len());
        for member in &mut self.members {
            published += fill(member, self.window, most - published)?;
        }
        while self.members.iter().any(|(_, confirms)| confirms.waiting() > 0) {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err(format!("no confirm in {PATIENCE:?}").into());
            }
            let is_over = start.elapsed() >= duration;
            for event in &events {
                let Some(member) = self.members.get_mut(event.token().0) else { continue };
                // Readiness is told once for all that is there, and one read takes all of it: the
                // confirms of a whole window are less than the buffer.
                member.0.hear(&mut member.1)?;
                if !is_over {
                    published += fill(member, self.window, most - published)?;
                }
            }
        }
        Ok(Delivered { messages: published, took: start.elapsed() })
    }
}

/// Publishes what the window and `most` allow; returns how many.
fn fill(
    (publisher, confirms): &mut (AmqpPublisher, Confirms),
    window: usize,
    most: u64,
) -> Result<u64, Problem> {
    let room = (window - confirms.waiting()) as u64;
    let count = room.min(most);
    confirms.publish(usize::try_from(count)?);
    publisher.publish(count)?;
    Ok(count)
}
