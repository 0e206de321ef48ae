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
    /// A time, in syncs of the same disk.
    pub(crate) syncs: Option<f64>,
    /// Milliseconds until a broker that was killed is ready again.
    pub(crate) reopening_ms: Option<f64>,
    /// What lies on the disk once everything is consumed, in MiB.
    pub(crate) disk_mib: Option<f64>,
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
    generator_cores\twire_bytes_per_message\textra\tsyncs\treopening_ms\tdisk_mib";

impl Figure {
    /// Its line, without an end.
    pub(crate) fn line(&self) -> String {
        let Measured { value, broker_cpu, generator_cores, wire_bytes, extra, .. } = self.measured;
        let Measured { syncs, reopening_ms, disk_mib, .. } = self.measured;
        let optional = |number: Option<f64>| number.map_or(String::new(), shown);
        [
            self.scenario.clone(),
            self.broker.name().to_owned(),
            self.round.to_string(),
            shown(value),
            optional(broker_cpu),
            optional(generator_cores),
            optional(wire_bytes),
            optional(extra),
            optional(syncs),
            optional(reopening_ms),
            optional(disk_mib),
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
        let (syncs, reopening_ms, disk_mib) = (next(), next(), next());
        let beside = Measured { syncs, reopening_ms, disk_mib, ..Measured::default() };
        let measured = Measured { value, broker_cpu, generator_cores, wire_bytes, extra, ..beside };
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
pub(crate) fn median(values: Vec<f64>) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which `share` of the values lie, from 0 to 1; `None` of none.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * share) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied()
}

/// What of a measurement is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Value,
    BrokerCpu,
    GeneratorCores,
    WireBytes,
    Extra,
    Syncs,
    Reopening,
    Disk,
}

/// All figures of a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(pub(crate) Vec<Figure>);

impl Figures {
    /// Round and number of each measurement.
    pub(crate) fn rounds(&self, scenario: &str, broker: Kind, metric: Metric) -> Vec<(usize, f64)> {
        let of = |figure: &Figure| match metric {
            Metric::Value => Some(figure.measured.value),
            Metric::BrokerCpu => figure.measured.broker_cpu,
            Metric::GeneratorCores => figure.measured.generator_cores,
            Metric::WireBytes => figure.measured.wire_bytes,
            Metric::Extra => figure.measured.extra,
            Metric::Syncs => figure.measured.syncs,
            Metric::Reopening => figure.measured.reopening_ms,
            Metric::Disk => figure.measured.disk_mib,
        };
        let is_it = |figure: &&Figure| figure.scenario == scenario && figure.broker == broker;
        let all = self.0.iter().filter(is_it);
        all.filter_map(|figure| Some((figure.round, of(figure)?))).collect()
    }

    /// The median of the rounds.
    pub(crate) fn median(&self, scenario: &str, broker: Kind, metric: Metric) -> Option<f64> {
        let rounds = self.rounds(scenario, broker, metric);
        median(rounds.into_iter().map(|(_, number)| number).collect())
    }

    /// The median of the ratios within each round: what disturbs a round disturbs both sides.
    pub(crate) fn ratio(
        &self,
        ours: (&str, Kind),
        theirs: (&str, Kind),
        metric: Metric,
    ) -> Option<f64> {
        let theirs = self.rounds(theirs.0, theirs.1, metric);
        let of = |round: usize| theirs.iter().find(|(other, _)| *other == round);
        let ours = self.rounds(ours.0, ours.1, metric).into_iter();
        let pairs = ours.filter_map(|(round, number)| Some((number, of(round)?.1)));
        median(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }
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
            disk_mib: Some(64.0),
            ..Measured::default()
        };
        let figure =
            Figure { scenario: "fan-out-10".to_owned(), broker: Kind::Nats, round: 2, measured };
        let line = figure.line();
        assert_eq!(line, "fan-out-10\tNATS\t2\t123456\t0.2500\t\t\t12.5\t\t\t64.0");
        let read = Figure::parse(&line).unwrap();
        assert_eq!(read.line(), line);
        assert!(Figure::parse(HEADER).is_none());
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let check = |count: u32, share, expected| {
            assert_eq!(quantile((0..count).map(f64::from).collect(), share), expected, "{count}");
        };
        check(0, 0.5, None);
        check(1, 0.99, Some(0.0));
        check(3, 0.5, Some(1.0));
        check(100, 0.99, Some(99.0));
        check(100, 1.0, Some(99.0));
    }

    #[test]
    fn a_ratio_is_taken_within_rounds() {
        let figure = |broker, round, value| Figure {
            scenario: "s".to_owned(),
            broker,
            round,
            measured: Measured { value, ..Measured::default() },
        };
        // The machine was ten times as slow in the second round.
        let figures = Figures(vec![
            figure(Kind::Hopwire, 1, 200.0),
            figure(Kind::Floor, 1, 100.0),
            figure(Kind::Hopwire, 2, 20.0),
            figure(Kind::Floor, 2, 10.0),
            figure(Kind::Hopwire, 3, 210.0),
        ]);
        let ratio = figures.ratio(("s", Kind::Hopwire), ("s", Kind::Floor), Metric::Value);
        assert_eq!(ratio, Some(2.0));
        assert_eq!(figures.median("s", Kind::Hopwire, Metric::Value), Some(200.0));
    }
}
