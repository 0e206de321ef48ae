//! The page: a table of medians, a plot, the machine, and how to measure again.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Problem;
use crate::measure::{Broker, Figure, median};
use crate::plot;
use crate::scenario::Scenario;

/// Writes the page, the plot and the raw lines into `folder`.
pub(crate) fn write(folder: &Path, figures: &[Figure], brokers: &[Broker]) -> Result<(), Problem> {
    let mut page = String::from(HEAD);
    writeln!(page, "{}\n", machine())?;
    for broker in brokers {
        writeln!(page, "- {} {}", broker.name, broker.version)?;
    }
    page.push_str("\n## Medians\n\n| Scenario |");
    for broker in brokers {
        write!(page, " {} |", broker.name)?;
    }
    page.push_str(" ratio | CPU per message, µs |\n| --- |");
    page.push_str(&" ---: |".repeat(brokers.len() + 2));
    page.push('\n');
    let mut bars = Vec::new();
    for scenario in Scenario::ALL {
        let values: Vec<f64> =
            brokers.iter().map(|broker| of(figures, scenario, broker.name)).collect();
        if values.iter().all(|value| *value == 0.0) {
            continue;
        }
        write!(page, "| {} |", scenario.name())?;
        for value in &values {
            write!(page, " {} {} |", grouped(*value), scenario.unit())?;
        }
        let ratio = match values.as_slice() {
            [ours, theirs, ..] if scenario.is_cost() => theirs / ours.max(1.0),
            [ours, theirs, ..] => ours / theirs.max(1.0),
            _ => 1.0,
        };
        let cpu: Vec<String> =
            brokers.iter().map(|broker| cpu_of(figures, scenario, broker.name)).collect();
        writeln!(page, " {ratio:.1} × | {} |", cpu.join(" / "))?;
        bars.push(plot::Bar { label: scenario.name(), ratio });
    }
    page.push_str(TAIL);
    fs::create_dir_all(folder.join("performance"))?;
    fs::write(folder.join("performance.md"), page)?;
    fs::write(folder.join("performance/ratios.svg"), plot::svg(&bars))?;
    fs::write(folder.join("performance/raw.tsv"), raw(figures))?;
    Ok(())
}

const HEAD: &str = "# Performance\n\n\
    Written by `cargo xtask bench`: server and load generator on one machine, brokers taking\n\
    turns within each round, the median of the rounds. Ratios are the evidence; absolute rates\n\
    are this machine's. Where less is better (memory), the ratio is turned round, so that more is\n\
    always better for Hopwire.\n\n";

const TAIL: &str = "\nRaw figures: [raw.tsv](performance/raw.tsv).\n\n\
    ![How many times RabbitMQ](performance/ratios.svg)\n\n\
    The message rate counts deliveries at the subscribers. RabbitMQ gets a twentieth of the\n\
    messages, so that a run ends; its rates vary more between rounds (raw.tsv). Memory is\n\
    anonymous resident\n\
    memory (`RssAnon`), kernel buffers apart. The client of the benchmark is Hopwire's own\n\
    (`crates/client`), against both brokers. On two cores the load generator\n\
    is often the limit (in the queue scenario Hopwire uses less than half a core); the CPU time\n\
    per message says more.\n";

fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown processor");
    format!("Machine: {cpus} × {model}.")
}

fn of(figures: &[Figure], scenario: Scenario, broker: &str) -> f64 {
    let is_it = |figure: &&Figure| figure.scenario == scenario && figure.broker == broker;
    let mut values: Vec<f64> = figures.iter().filter(is_it).map(|figure| figure.value).collect();
    median(&mut values)
}

fn cpu_of(figures: &[Figure], scenario: Scenario, broker: &str) -> String {
    let is_it = |figure: &&Figure| figure.scenario == scenario && figure.broker == broker;
    let cpu = figures.iter().filter(is_it).filter_map(|figure| figure.cpu_micros);
    let mut cpu: Vec<f64> = cpu.collect();
    if cpu.is_empty() {
        return "–".to_owned();
    }
    format!("{:.2}", median(&mut cpu))
}

/// A number with thousands apart.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn raw(figures: &[Figure]) -> String {
    let mut text = String::from("scenario\tbroker\tround\tvalue\tunit\tcpu_micros_per_message\n");
    for figure in figures {
        let cpu = figure.cpu_micros.map_or_else(String::new, |cpu| format!("{cpu:.3}"));
        let (name, unit) = (figure.scenario.name(), figure.scenario.unit());
        let line = format!(
            "{name}\t{}\t{}\t{:.1}\t{unit}\t{cpu}\n",
            figure.broker, figure.round, figure.value
        );
        text.push_str(&line);
    }
    text
}
