//! The page: tables against the targets, plots, raw lines beside.

mod chart;
mod page;
mod palette;
mod scorecard;

use std::fs;
use std::path::Path;

use crate::Problem;
use crate::figure::{Figure, Figures, HEADER};
use crate::scenario::Scenario;
pub(crate) use page::grouped;

/// Writes everything under `folder`; `file_system` held the brokers' data. What was not measured
/// this time stays as it was.
pub(crate) fn write(folder: &Path, fresh: Vec<Figure>, file_system: &str) -> Result<(), Problem> {
    let beside = folder.join("performance");
    fs::create_dir_all(&beside)?;
    let raw = beside.join("raw.tsv");
    let figures = merged(&fs::read_to_string(&raw).unwrap_or_default(), fresh);
    let lines: Vec<String> = figures.0.iter().map(Figure::line).collect();
    fs::write(raw, format!("{HEADER}\n{}\n", lines.join("\n")))?;
    for (name, svg) in chart::all(&figures) {
        fs::write(beside.join(name), svg)?;
    }
    fs::write(beside.join("targets.svg"), scorecard::svg(&figures))?;
    fs::write(folder.join("performance.md"), page::page(&figures, file_system)?)?;
    Ok(())
}

/// The figures of `raw` whose scenario and broker were not measured this time, and the fresh ones,
/// in the order of the scenarios.
fn merged(raw: &str, fresh: Vec<Figure>) -> Figures {
    let names = Scenario::ALL.map(Scenario::name);
    let place = |figure: &Figure| names.iter().position(|name| *name == figure.scenario);
    let is_measured = |old: &Figure| {
        fresh.iter().any(|new| new.scenario == old.scenario && new.broker == old.broker)
    };
    let mut all: Vec<Figure> = raw.lines().filter_map(Figure::parse).collect();
    all.retain(|figure| place(figure).is_some() && !is_measured(figure));
    all.extend(fresh);
    all.sort_by_key(|figure| (place(figure), figure.round, figure.broker as usize));
    Figures(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Kind;
    use crate::figure::Measured;

    #[test]
    fn a_partial_run_leaves_the_other_rows() {
        let figure = |scenario: &str, broker, value| Figure {
            scenario: scenario.to_owned(),
            broker,
            round: 1,
            measured: Measured { value, ..Measured::default() },
        };
        let old = [
            figure("start", Kind::Hopwire, 1.0),
            figure("start", Kind::Nats, 2.0),
            figure("no longer measured", Kind::Nats, 3.0),
            figure("connect", Kind::Hopwire, 4.0),
        ];
        let raw = old.iter().map(|figure| figure.line() + "\n").collect::<String>();
        let all = merged(&raw, vec![figure("start", Kind::Hopwire, 9.0)]);
        let values: Vec<f64> = all.0.iter().map(|figure| figure.measured.value).collect();
        assert_eq!(values, [9.0, 2.0, 4.0]);
    }
}
