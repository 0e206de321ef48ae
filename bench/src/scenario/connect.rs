//! Connections per second: upgrade, CONNECT, SUBSCRIBE, RECEIPT; 64 at once.

use super::{CpuTimes, idle};
use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::figure::Measured;
use crate::load::Delivered;

/// Connections before those that count.
const WARM_UP: u32 = 300;

pub(super) fn measure(broker: &Broker) -> Result<Measured, Problem> {
    let count = match broker.kind {
        Kind::RabbitMq => 1_000,
        _ => 8_000,
    };
    let first = idle::crowd(broker, 0..WARM_UP)?;
    let before = CpuTimes::read(broker)?;
    let crowd = idle::crowd(broker, WARM_UP..WARM_UP + count)?;
    let cpu = CpuTimes::read(broker)?.since(before);
    drop(first);
    Ok(cpu.measured(Delivered { messages: crowd.size, took: crowd.gathering }))
}
