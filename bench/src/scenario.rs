//! The scenarios, and how each is measured.

mod body;
mod check;
mod fan_out;
mod feed;
mod keyed;

use std::time::Duration;

use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::figure::Measured;
use crate::load::Delivered;
use crate::peer::Programs;
use crate::process::cpu_time;

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// One publisher, so many WebSocket subscribers of one topic, 128 bytes.
    FanOut(u32),
    /// The same with 1 KiB.
    FanOutLarge(u32),
    /// One publisher, so many WebSocket subscribers with a key each, 128 bytes.
    Keyed(u32),
}

impl Scenario {
    pub(crate) const ALL: [Self; 6] = [
        Self::FanOut(10),
        Self::FanOut(100),
        Self::FanOut(1000),
        Self::FanOut(5000),
        Self::FanOutLarge(1000),
        Self::Keyed(1000),
    ];

    /// As raw lines say it; `--only` looks for a part of it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::FanOut(count) => format!("fan-out-{count}"),
            Self::FanOutLarge(count) => format!("fan-out-{count}-1KiB"),
            Self::Keyed(count) => format!("keyed-{count}"),
        }
    }

    /// The brokers that are compared in it.
    pub(crate) fn brokers(self) -> &'static [Kind] {
        const ALL: &[Kind] = &[Kind::Hopwire, Kind::Floor, Kind::Nats, Kind::RabbitMq];
        const FAST: &[Kind] = &[Kind::Hopwire, Kind::Floor, Kind::Nats];
        match self {
            Self::FanOut(5000..) | Self::FanOutLarge(_) => FAST,
            Self::FanOut(_) | Self::Keyed(_) => ALL,
        }
    }

    pub(crate) fn measure(
        self,
        broker: &Broker,
        _programs: &Programs,
    ) -> Result<Measured, Problem> {
        match self {
            Self::FanOut(count) => fan_out::measure(broker, count, &body::plain(128)),
            Self::FanOutLarge(count) => fan_out::measure(broker, count, &body::plain(1024)),
            Self::Keyed(count) => keyed::measure(broker, count),
        }
    }
}

/// How long the timed part publishes.
const DURATION: Duration = Duration::from_secs(2);

/// How long the part before it does, which is not timed.
const WARM_UP: Duration = Duration::from_millis(300);

/// CPU time of a broker and of ourselves.
#[derive(Clone, Copy, Debug)]
struct CpuTimes {
    broker: Duration,
    generator: Duration,
}

impl CpuTimes {
    fn read(broker: &Broker) -> Result<Self, Problem> {
        Ok(Self { broker: cpu_time(broker.pid)?, generator: cpu_time(std::process::id())? })
    }

    fn since(self, before: Self) -> Self {
        Self {
            broker: self.broker.saturating_sub(before.broker),
            generator: self.generator.saturating_sub(before.generator),
        }
    }

    /// A rate, and what it cost.
    fn measured(self, delivered: Delivered) -> Measured {
        let (messages, seconds) = (delivered.messages as f64, delivered.took.as_secs_f64());
        Measured {
            value: messages / seconds,
            broker_cpu: Some(self.broker.as_secs_f64() / messages * 1e6),
            generator_cores: Some(self.generator.as_secs_f64() / seconds),
            ..Measured::default()
        }
    }
}
