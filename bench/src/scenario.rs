//! The scenarios, and how each is measured.

mod fan_out;
mod idle;
mod keyed;
mod queue;

use std::time::{Duration, Instant};

use crate::Problem;
use crate::measure::{Broker, Figure};
use crate::process::cpu_time;

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// One AMQP publisher, so many WebSocket subscribers of one topic, 128 bytes.
    FanOut(u32),
    /// The same with 1 KiB of JSON and permessage-deflate.
    FanOutDeflate(u32),
    /// One AMQP publisher, so many WebSocket subscribers with a key each, 128 bytes.
    Keyed(u32),
    /// AMQP to AMQP through a queue: confirms, prefetch 200, individual acknowledgements, 128
    /// bytes.
    Queue,
    /// Memory of so many idle WebSocket sessions with one subscription each.
    Idle(u32),
}

impl Scenario {
    pub(crate) const ALL: [Self; 6] = [
        Self::FanOut(100),
        Self::FanOut(1000),
        Self::FanOutDeflate(1000),
        Self::Keyed(1000),
        Self::Queue,
        Self::Idle(2000),
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::FanOut(count) => format!("fan-out to {count} WebSocket subscribers"),
            Self::FanOutDeflate(count) => format!("fan-out to {count}, 1 KiB JSON, deflate"),
            Self::Keyed(count) => format!("AMQP to {count} users by key"),
            Self::Queue => "AMQP queue with confirms and acks".to_owned(),
            Self::Idle(count) => format!("memory per idle session, {count} sessions"),
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Idle(_) => "bytes",
            _ => "msg/s",
        }
    }

    /// Whether less is better.
    pub(crate) fn is_cost(self) -> bool {
        matches!(self, Self::Idle(_))
    }

    pub(crate) async fn measure(self, broker: &Broker, round: usize) -> Result<Figure, Problem> {
        let outcome = match self {
            Self::FanOut(count) => fan_out::measure(broker, count, false).await?,
            Self::FanOutDeflate(count) => fan_out::measure(broker, count, true).await?,
            Self::Keyed(count) => keyed::measure(broker, count).await?,
            Self::Queue => queue::measure(broker).await?,
            Self::Idle(count) => {
                let value = idle::measure(broker, count).await?;
                let cpu_micros = None;
                return Ok(Figure {
                    scenario: self,
                    broker: broker.name,
                    round,
                    value,
                    cpu_micros,
                });
            }
        };
        Ok(Figure {
            scenario: self,
            broker: broker.name,
            round,
            value: outcome.rate(),
            cpu_micros: Some(outcome.cpu_micros()),
        })
    }
}

/// Messages delivered, and what that took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    messages: u64,
    took: Duration,
    cpu: Duration,
}

impl Outcome {
    fn rate(self) -> f64 {
        self.messages as f64 / self.took.as_secs_f64()
    }

    fn cpu_micros(self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.messages as f64
    }
}

/// Takes the time and the broker's CPU time of some work.
pub(crate) async fn timed(
    broker: &Broker,
    messages: u64,
    work: impl Future<Output = Result<(), Problem>>,
) -> Result<Outcome, Problem> {
    let cpu_before = cpu_time(broker.pid)?;
    let start = Instant::now();
    let result = tokio::time::timeout(PATIENCE, work).await;
    result.map_err(|_| format!("not done within {PATIENCE:?}"))??;
    let took = start.elapsed();
    Ok(Outcome { messages, took, cpu: cpu_time(broker.pid)?.saturating_sub(cpu_before) })
}

/// No scenario takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much of `full` a broker gets; at least one.
pub(crate) fn share(broker: &Broker, full: u64) -> u64 {
    ((full as f64 * broker.share) as u64).max(1)
}
