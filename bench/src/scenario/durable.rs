//! Persistent messages of 1 KiB and durable queues, over AMQP: what a broker makes of its disk.
//! The floor is `disk/group.rs`; nothing here goes before it was checked that the disk is one, and
//! the same for all.

mod amplification;
mod backlog;
mod drain;
mod latency;
mod publish;

use crate::Problem;
use crate::broker::Broker;
use crate::figure::Measured;
use crate::load::amqp::Connection;
use crate::process::written_bytes;

pub(super) use amplification::measure as amplification;
pub(super) use backlog::measure as backlog;
pub(super) use drain::measure as drain;
pub(super) use latency::measure as latency;
pub(super) use publish::measure as publish;

/// Bytes of each body.
const BODY_BYTES: usize = 1024;

/// Bytes that the floor appends for each: a body, and the least that tells whose it is: a head with
/// length and checksum, the queue's number and the message's, exchange, routing key and properties.
const RECORD_BYTES: usize = BODY_BYTES + 48;

/// Measures with an empty durable queue, which is deleted whatever happened: what a failure leaves
/// behind would be another's burden.
fn with_queue(
    broker: &Broker,
    measure: impl FnOnce(&str) -> Result<Measured, Problem>,
) -> Result<Measured, Problem> {
    let queue = format!("bench-{}-durable", std::process::id());
    Connection::open(broker.publish)?.declare_durable(&queue)?;
    let measured = measure(&queue);
    let deleted = Connection::open(broker.publish).and_then(|mut open| open.delete(&queue));
    let measured = measured?;
    deleted?;
    Ok(measured)
}

/// What a broker had written before it was published to: figures of one that confirms what it has
/// not written are none.
struct Written {
    pid: u32,
    before: f64,
}

impl Written {
    fn read(broker: &Broker) -> Result<Self, Problem> {
        Ok(Self { pid: broker.pid, before: written_bytes(broker.pid)? })
    }

    /// Bytes since then.
    fn bytes(&self) -> Result<f64, Problem> {
        Ok(written_bytes(self.pid)? - self.before)
    }

    /// Fails if that is less than so many confirmed messages have in their bodies.
    fn require(&self, messages: u64) -> Result<(), Problem> {
        let (bytes, due) = (self.bytes()?, messages as f64 * BODY_BYTES as f64);
        match bytes >= due {
            true => Ok(()),
            false => Err(format!("{bytes} bytes were written, {due} were confirmed").into()),
        }
    }
}
