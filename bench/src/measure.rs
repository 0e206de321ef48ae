//! What is measured, and of whom.

use client::Uri;

use crate::Problem;
use crate::process::listener_pid;
use crate::scenario::Scenario;

/// A broker under measurement.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) amqp: Uri,
    pub(crate) ws: Uri,
    /// The process whose memory and CPU time count.
    pub(crate) pid: u32,
    /// How much of a scenario's work it gets: the slower broker less, so that a run ends.
    pub(crate) share: f64,
}

impl Broker {
    /// Reads `amqp://…,ws://…`; the process is the one that listens there.
    pub(crate) fn parse_peer(text: &str) -> Result<Self, Problem> {
        let wanted = || format!("--peer: found '{text}', wanted amqp://…,ws://…");
        let (amqp, ws) = text.split_once(',').ok_or_else(wanted)?;
        let amqp = Uri::parse(amqp)?;
        Ok(Self {
            name: "RabbitMQ",
            version: "3.10.8".to_owned(),
            pid: listener_pid(amqp.port)?,
            amqp,
            ws: Uri::parse(ws)?,
            share: 0.05,
        })
    }
}

/// One figure of one round.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) scenario: Scenario,
    pub(crate) broker: &'static str,
    pub(crate) round: usize,
    pub(crate) value: f64,
    /// CPU time the broker used per unit of work, in microseconds; `None` where it says nothing.
    pub(crate) cpu_micros: Option<f64>,
}

/// The median of the values of one scenario and broker.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
