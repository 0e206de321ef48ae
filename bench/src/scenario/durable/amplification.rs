//! What is written to the disk for each byte that is published, while a consumer keeps up.

use std::thread::sleep;
use std::time::Duration;

use super::{BODY_BYTES, Written, with_queue};
use crate::Problem;
use crate::broker::Broker;
use crate::figure::Measured;
use crate::peer::Programs;
use crate::scenario::settled::{Confirms, amqp, run};
use crate::scenario::{DURATION, WARM_UP, body};

/// What is written without anybody waiting for it is written within this time.
const SETTLING: Duration = Duration::from_secs(1);

/// Bytes written over bytes of bodies; beside it messages per second.
pub(in crate::scenario) fn measure(
    broker: &Broker,
    programs: &Programs,
) -> Result<Measured, Problem> {
    programs.require_one_disk()?;
    with_queue(broker, |queue| settle(broker, queue))
}

fn settle(broker: &Broker, queue: &str) -> Result<Measured, Problem> {
    let body = body::plain(BODY_BYTES);
    let (mut publisher, mut consumer) = amqp::open_durable(broker, queue, &body)?;
    let mut confirms = Confirms::default();
    run(&mut publisher, &mut consumer, &mut confirms, WARM_UP, None)?;
    sleep(SETTLING);
    let written = Written::read(broker)?;
    let settled = run(&mut publisher, &mut consumer, &mut confirms, DURATION, None)?;
    sleep(SETTLING);
    let bytes = written.bytes()?;
    // A message that is acknowledged soon enough need not be written, but some are not.
    if bytes <= 0.0 {
        return Err("nothing was written".into());
    }
    let messages = settled.messages as f64;
    Ok(Measured {
        value: bytes / (messages * BODY_BYTES as f64),
        extra: Some(messages / settled.took.as_secs_f64()),
        ..Measured::default()
    })
}
