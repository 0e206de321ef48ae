//! One publisher, many WebSocket subscribers of one topic.

use super::{CpuTimes, DURATION, WARM_UP, check, feed};
use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::figure::Measured;
use crate::load::{Browser, Crowd, Member, Pump, Window};

const KEY: &str = "bench.all";

/// Messages that any one subscriber may be behind, at most.
const WINDOW_MAX: u64 = 4_000;

pub(super) fn measure(
    broker: &Broker,
    subscribers: u32,
    body: &[u8],
    ahead: u64,
) -> Result<Measured, Problem> {
    let mut pump = pump(broker, broker.browser(), subscribers, body, ahead)?;
    run(broker, &mut pump)
}

/// The same for subscribers that ask for permessage-deflate.
pub(super) fn measure_compressed(
    broker: &Broker,
    subscribers: u32,
    body: &[u8],
    ahead: u64,
) -> Result<Measured, Problem> {
    let browser = Browser { is_compressing: true, ..broker.browser() };
    let mut pump = pump(broker, browser, subscribers, body, ahead)?;
    run(broker, &mut pump)
}

/// Warms up, measures, and checks.
fn run(broker: &Broker, pump: &mut Pump) -> Result<Measured, Problem> {
    pump.run(WARM_UP)?;
    let bytes_before = pump.crowd.show()?.bytes;
    let before = CpuTimes::read(broker)?;
    let delivered = pump.run(DURATION)?;
    let cpu = CpuTimes::read(broker)?.since(before);
    let bytes = pump.crowd.show()?.bytes - bytes_before;
    check::check(pump, 1)?;
    let messages = delivered.messages as f64;
    Ok(Measured { wire_bytes: Some(bytes as f64 / messages), ..cpu.measured(delivered) })
}

/// Subscribers, and a publisher for all of them.
pub(super) fn pump(
    broker: &Broker,
    browser: Browser,
    subscribers: u32,
    body: &[u8],
    ahead: u64,
) -> Result<Pump, Problem> {
    let message_bytes = nats_message_bytes(KEY, body);
    let crowd = Crowd::gather((0..subscribers).map(|_| Member::Browser {
        browser,
        destination: broker.kind.destination(KEY),
        message_bytes,
    }))?;
    let feed = feed::open(broker, &[KEY.to_owned()], body)?;
    let receivers = u64::from(subscribers);
    let least = if broker.kind == Kind::RabbitMq { 4 } else { 64 };
    let window = (broker.kind.share_of(ahead) / receivers).clamp(least, WINDOW_MAX);
    Ok(Pump::new(crowd, vec![feed], Window::Fewest(window), receivers))
}

/// What a message of NATS has: `MSG <subject> <sid> <bytes>`, the body, and two line ends.
pub(super) fn nats_message_bytes(subject: &str, body: &[u8]) -> u64 {
    (format!("MSG {subject} 1 {}\r\n\r\n", body.len()).len() + body.len()) as u64
}
