//! Broadcasts at a low fixed rate: how long until the last receiver has each.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{CpuTimes, body, check, fan_out};
use crate::Problem;
use crate::broker::Broker;
use crate::figure::Measured;
use crate::load::AHEAD_DEFAULT;

/// The pause from one to the next, unless a broker takes longer.
const PERIOD: Duration = Duration::from_millis(50);

/// Broadcasts that count.
const COUNT: usize = 100;

/// Broadcasts before them.
const WARM_UP: usize = 5;

/// The median in milliseconds, and the 99th percentile.
pub(super) fn measure(broker: &Broker, subscribers: u32) -> Result<Measured, Problem> {
    let mut pump =
        fan_out::pump(broker, broker.browser(), subscribers, &body::plain(128), AHEAD_DEFAULT)?;
    let mut times = Vec::new();
    let mut before = CpuTimes::read(broker)?;
    for number in 0..WARM_UP + COUNT {
        if number == WARM_UP {
            before = CpuTimes::read(broker)?;
        }
        let start = Instant::now();
        let reached = pump.send(1)?;
        times.push((reached - start).as_secs_f64() * 1e3);
        sleep(PERIOD.saturating_sub(start.elapsed()));
    }
    let cpu = CpuTimes::read(broker)?.since(before);
    check::check(&mut pump, 1)?;
    let mut times = times.split_off(WARM_UP);
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times.get((part * times.len() as f64) as usize).copied();
    let deliveries = COUNT as f64 * f64::from(subscribers);
    Ok(Measured {
        value: at(0.5).unwrap_or_default(),
        extra: at(0.99),
        broker_cpu: Some(cpu.broker.as_secs_f64() / deliveries * 1e6),
        ..Measured::default()
    })
}
