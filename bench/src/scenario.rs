//! The scenarios, and how each is measured.

mod body;
mod broadcast;
mod check;
mod connect;
mod durable;
mod fan_out;
mod feed;
mod idle;
mod keyed;
mod pairs;
mod settled;
mod start;

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
    /// The same with 1 KiB of JSON.
    FanOutJson(u32),
    /// The same, and permessage-deflate.
    FanOutDeflate(u32),
    /// One publisher, so many WebSocket subscribers with a key each, 128 bytes.
    Keyed(u32),
    /// 20 broadcasts a second to so many subscribers: milliseconds until the last one has it.
    Broadcast(u32),
    /// AMQP point to point, so many pairs, automatic acknowledgements.
    Pairs(u32),
    /// AMQP point to point with confirms and individual acknowledgements.
    SettledAmqp,
    /// STOMP point to point with receipts and individual acknowledgements.
    SettledStomp,
    /// Bytes of memory per idle session, with so many of them.
    Idle(u32),
    /// The same, with as many as the limit of descriptors allows.
    IdleMost,
    /// Persistent messages to a durable queue over so many connections, confirmed; nobody consumes.
    Durable(usize),
    /// Milliseconds until a persistent message is confirmed, at 1,000 a second.
    ConfirmLatency,
    /// Consumes such messages with individual acknowledgements.
    Drain,
    /// A million of them: MiB of memory, time to open, disk once they are consumed.
    Backlog,
    /// Bytes written to the disk over bytes published, while they are consumed.
    Amplification,
    /// Connections per second.
    Connect,
    /// Milliseconds from start to the first CONNECTED.
    Start,
}

impl Scenario {
    pub(crate) const ALL: [Self; 23] = [
        Self::Start,
        Self::FanOut(10),
        Self::FanOut(100),
        Self::FanOut(1000),
        Self::FanOut(5000),
        Self::FanOutLarge(1000),
        Self::FanOutJson(1000),
        Self::FanOutDeflate(1000),
        Self::Keyed(1000),
        Self::Broadcast(1000),
        Self::Pairs(1),
        Self::Pairs(10),
        Self::SettledAmqp,
        Self::SettledStomp,
        Self::Durable(1),
        Self::Durable(50),
        Self::ConfirmLatency,
        Self::Drain,
        Self::Backlog,
        Self::Amplification,
        Self::Connect,
        Self::Idle(10_000),
        Self::IdleMost,
    ];

    /// As raw lines say it; `--only` looks for a part of it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::FanOut(count) => format!("fan-out-{count}"),
            Self::FanOutLarge(count) => format!("fan-out-{count}-1KiB"),
            Self::FanOutJson(count) => format!("fan-out-{count}-json"),
            Self::FanOutDeflate(count) => format!("fan-out-{count}-deflate"),
            Self::Keyed(count) => format!("keyed-{count}"),
            Self::Broadcast(count) => format!("broadcast-{count}"),
            Self::Pairs(count) => format!("amqp-pairs-{count}"),
            Self::SettledAmqp => "amqp-settled".to_owned(),
            Self::SettledStomp => "stomp-settled".to_owned(),
            Self::Durable(connections) => format!("durable-publish-{connections}"),
            Self::ConfirmLatency => "durable-latency".to_owned(),
            Self::Drain => "durable-drain".to_owned(),
            Self::Backlog => "durable-backlog".to_owned(),
            Self::Amplification => "durable-amplification".to_owned(),
            Self::Idle(count) => format!("idle-{count}"),
            Self::IdleMost => "idle-most".to_owned(),
            Self::Connect => "connect".to_owned(),
            Self::Start => "start".to_owned(),
        }
    }

    /// What its values count.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Idle(_) | Self::IdleMost => "bytes",
            Self::Broadcast(_) | Self::Start | Self::ConfirmLatency => "ms",
            Self::Backlog => "MiB",
            Self::Amplification => "×",
            Self::Connect => "conn/s",
            _ => "msg/s",
        }
    }

    /// The brokers that are compared in it.
    pub(crate) fn brokers(self) -> &'static [Kind] {
        use Kind::{Floor, Hopwire, Nats, RabbitMq};
        match self {
            Self::FanOut(5000..) | Self::FanOutLarge(_) => &[Hopwire, Floor, Nats],
            Self::FanOutJson(_) | Self::FanOutDeflate(_) | Self::Backlog => &[Hopwire],
            Self::Durable(1) | Self::ConfirmLatency => &[Hopwire, Floor, RabbitMq],
            Self::Pairs(_)
            | Self::SettledAmqp
            | Self::SettledStomp
            | Self::Durable(_)
            | Self::Drain
            | Self::Amplification => &[Hopwire, RabbitMq],
            Self::Idle(_) => &Kind::ALL,
            // RabbitMQ and Mosquitto take minutes to accept so many.
            Self::IdleMost => &[Hopwire, Floor, Nats],
            Self::FanOut(_) | Self::Keyed(_) | Self::Broadcast(_) | Self::Connect | Self::Start => {
                &[Hopwire, Floor, Nats, RabbitMq]
            }
        }
    }

    pub(crate) fn measure(self, broker: &Broker, programs: &Programs) -> Result<Measured, Problem> {
        match self {
            Self::FanOut(count) => {
                fan_out::measure(broker, count, &body::plain(128), programs.ahead)
            }
            Self::FanOutLarge(count) => {
                fan_out::measure(broker, count, &body::plain(1024), programs.ahead)
            }
            Self::FanOutJson(count) => {
                fan_out::measure(broker, count, &body::json(1024), programs.ahead)
            }
            Self::FanOutDeflate(count) => {
                fan_out::measure_compressed(broker, count, &body::json(1024), programs.ahead)
            }
            Self::Keyed(count) => keyed::measure(broker, count),
            Self::Broadcast(count) => broadcast::measure(broker, count),
            Self::Pairs(count) => pairs::measure(broker, count),
            Self::SettledAmqp => settled::amqp(broker),
            Self::SettledStomp => settled::stomp(broker),
            Self::Idle(count) => idle::measure(broker, programs, count),
            Self::IdleMost => idle::measure(broker, programs, idle::sessions_max()?),
            Self::Durable(connections) => durable::publish(broker, programs, connections),
            Self::ConfirmLatency => durable::latency(broker, programs),
            Self::Drain => durable::drain(broker, programs),
            Self::Backlog => durable::backlog(broker, programs),
            Self::Amplification => durable::amplification(broker, programs),
            Self::Connect => connect::measure(broker),
            Self::Start => start::measure(broker, programs),
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
