//! What a measurement gives, and the line that keeps it.

use crate::broker::Kind;

/// What one measurement gave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// In the scenario's unit.
    pub(crate) value: f64,
    /// CPU seconds of the broker per million units of work.
    pub(crate) broker_cpu: Option<f64>,
    /// Cores that the load generator kept busy.
    pub(crate) generator_cores: Option<f64>,
    /// Bytes on the wire per message at a receiver.
    pub(crate) wire_bytes: Option<f64>,
    /// What else there is: the 99th percentile beside a median, the sessions that memory was
    /// measured with.
    pub(crate) extra: Option<f64>,
}

/// One figure of one round.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) scenario: String,
    pub(crate) broker: Kind,
    pub(crate) round: usize,
    pub(crate) measured: Measured,
}

/// The first line of the raw lines.
pub(crate) const HEADER: &str = "scenario\tbroker\tround\tvalue\tbroker_cpu_s_per_million\t\
    generator_cores\twire_bytes_per_message\textra";

impl Figure {
    /// Its line, without an end.
    pub(crate) fn line(&self) -> String {
        let Measured { value, broker_cpu, generator_cores, wire_bytes, extra } = self.measured;
        let optional = |number: Option<f64>| number.map_or(String::new(), |number| shown(number));
        [
            self.scenario.clone(),
            self.broker.name().to_owned(),
            self.round.to_string(),
            shown(value),
            optional(broker_cpu),
            optional(generator_cores),
            optional(wire_bytes),
            optional(extra),
        ]
        .join("\t")
    }

    /// Reads a line; `None` if it is none.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let scenario = fields.next()?.to_owned();
        let name = fields.next()?;
        let broker = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
        let round = fields.next()?.parse().ok()?;
        let value = fields.next()?.parse().ok()?;
        let mut next = || fields.next().and_then(|field| field.parse().ok());
        let (broker_cpu, generator_cores) = (next(), next());
        let (wire_bytes, extra) = (next(), next());
        let measured = Measured { value, broker_cpu, generator_cores, wire_bytes, extra };
        Some(Self { scenario, broker, round, measured })
    }
}

/// Four significant digits at least, no more than three behind the point.
fn shown(number: f64) -> String {
    match number.abs() {
        1000.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.4}"),
    }
}

/// The median of some values; `None` of none.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_the_figure_says() {
        let measured = Measured {
            value: 123_456.0,
            broker_cpu: Some(0.25),
            extra: Some(12.5),
            ..Measured::default()
        };
        let figure =
            Figure { scenario: "fan-out-10".to_owned(), broker: Kind::Nats, round: 2, measured };
        let line = figure.line();
        assert_eq!(line, "fan-out-10\tNATS\t2\t123456\t0.2500\t\t\t12.5");
        let read = Figure::parse(&line).unwrap();
        assert_eq!(read.line(), line);
        assert!(Figure::parse(HEADER).is_none());
    }
}
