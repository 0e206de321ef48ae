//! One publisher, many WebSocket subscribers with a key each.

use super::{CpuTimes, DURATION, WARM_UP, body, check, fan_out, feed};
use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::figure::Measured;
use crate::load::{Crowd, Member, Pump, Window};

/// Messages on their way at most.
const WINDOW: u64 = 100_000;

/// The same for RabbitMQ.
const WINDOW_SMALL: u64 = 10_000;

pub(super) fn measure(broker: &Broker, users: u32) -> Result<Measured, Problem> {
    let body = body::plain(128);
    // All of one length, as the counting of NATS's messages asks.
    let keys: Vec<String> = (0..users).map(|user| format!("user.{:05}", user)).collect();
    let browser = broker.browser();
    let crowd = Crowd::gather(keys.iter().map(|key| Member::Browser {
        browser,
        destination: broker.kind.destination(key),
        message_bytes: fan_out::nats_message_bytes(key, &body),
    }))?;
    let window = match broker.kind {
        Kind::RabbitMq => WINDOW_SMALL,
        _ => WINDOW,
    };
    let feed = feed::open(broker, &keys, &body)?;
    let mut pump = Pump::new(crowd, vec![feed], Window::Total(window), 1);
    pump.run(WARM_UP)?;
    let before = CpuTimes::read(broker)?;
    let delivered = pump.run(DURATION)?;
    let cpu = CpuTimes::read(broker)?.since(before);
    check::check(&mut pump, u64::from(users))?;
    Ok(cpu.measured(delivered))
}
