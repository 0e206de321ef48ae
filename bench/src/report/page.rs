//! The page's text and tables.

use std::fmt::Write as _;
use std::fs;

use super::chart;
use crate::Problem;
use crate::broker::Kind;
use crate::figure::{Figures, Metric};
use crate::peer;
use crate::scenario::Scenario;
use crate::target::{REASONS, ROWS, Row, Target};

const HEAD: &str = "# Performance\n\n\
    Written by `cargo xtask bench`. Brokers and load generator share one machine, and the\n\
    brokers take turns within each round. Numbers are medians of the rounds; ratios are taken\n\
    within each round, and the median of those is what counts. Absolute rates are this\n\
    machine's.\n\n";

const CPU: &str = "\n## CPU\n\n\
    CPU seconds per million messages delivered (or connections made). The last column says how\n\
    many cores broker + load generator kept busy, broker by broker: where their sum is below\n\
    what the machine has, neither of them was the limit, but waiting was.\n\n";

const METHOD: &str = "\n\
    ## How it is measured\n\
    \n\
    - The **floor** is a toy server (`bench/src/floor.rs`), a process of its own with\n\
    \x20 two threads: it renders one WebSocket frame per message and copies the bytes to\n\
    \x20 the sockets, one write per socket and input batch. It reads 64 KiB at a time, as\n\
    \x20 Hopwire does; how much a batch gathers is up to the publisher, which is the same\n\
    \x20 for all.\n\
    - The **load generator** is the same code for all brokers: two threads read into one\n\
    \x20 large buffer each and walk frame headers; publishers write messages that were\n\
    \x20 encoded beforehand and run ahead of the slowest receiver by a window. In fan-out\n\
    \x20 it is 100,000 deliveries, at least 64 and at most 4,000 messages (RabbitMQ 20,000\n\
    \x20 deliveries, so that a run ends): with that, NATS and the floor need the CPU time\n\
    \x20 per delivery that the targets were set beside; a larger one makes everyone's\n\
    \x20 batches larger, the floor's most: with `--ahead 1000000`, one round of fan-out to\n\
    \x20 1,000 was 0.62 × floor and 2.8 × NATS. It publishes for two seconds after a warm-up,\n\
    \x20 and the clock runs until the last message has come.\n\
    - **Checked** outside the timed part: every subscriber has exactly its messages, and\n\
    \x20 a sample of subscribers has them in order, by a number in each body.\n\
    - **CPU** is what `/proc/<pid>/task/*/schedstat` says, user and system, of the\n\
    \x20 broker's process alone.\n\
    - **Memory** is `RssAnon`, kernel buffers apart, of a process started for the\n\
    \x20 measurement, per session beyond the first 500 (RabbitMQ: of the one that runs,\n\
    \x20 with 4,000 sessions, as it closes those that are silent for a minute).\n\
    - **NATS** speaks its own protocol in WebSocket messages, and packs many messages\n\
    \x20 into one; its publisher speaks the same over TCP.\n\
    - **Start** is from the start of the process until a CONNECTED frame is read (NATS:\n\
    \x20 until its first PONG), tried every 0.2 ms; RabbitMQ's is one start, until it\n\
    \x20 listens.\n\
    - **LavinMQ** is not in Debian and not measured here: the target quotes 450,000\n\
    \x20 messages/s for its version 1.0.\n";

const METHOD_DURABLE: &str = "\
    - **Durable**: persistent messages of 1 KiB, a durable queue (RabbitMQ: classic, as it\n\
    \x20 comes). All brokers' data and the floor's file lie on one file system, which is not in\n\
    \x20 memory; both are checked. Publishing lasts two seconds or a million messages.\n\
    - The **durable floor** (`bench/src/disk/group.rs`) is no server: one thread copies\n\
    \x20 records of 1,072 bytes into a buffer, another appends whatever is there to a\n\
    \x20 preallocated file with one write, syncs (fdatasync), and says so. The first keeps\n\
    \x20 at most 1,000 records unsynced and hands over 500 as soon as there is room, so that\n\
    \x20 half is being synced while the other half arrives: in the long run a group commit\n\
    \x20 that takes what has arrived can do no better, as two batches in a row are at most\n\
    \x20 the window. Its CPU time is that of both threads.\n\
    - **Confirm latency** is from the write of a publish to the read of its confirm, one\n\
    \x20 message a millisecond. Stretches of a quarter of a second take turns with stretches\n\
    \x20 of plain append + sync of one record at the same pace, in a file whose blocks were\n\
    \x20 written before; a median in syncs is over the median of those.\n\
    - **Drain** consumes 600,000 messages (RabbitMQ: 60,000) that were confirmed before.\n\
    - **Backlog**: memory is `VmRSS`, before the kill or after the last start, whichever is\n\
    \x20 more; reopening is from the start of the process to its `ready`, with the files in\n\
    \x20 the page cache, the median of three kills; the disk is what `du` finds in the data\n\
    \x20 directory once it shrinks no more.\n\
    - **Bytes written** are `write_bytes` of `/proc/<pid>/io` of the broker: whole pages,\n\
    \x20 again whenever one is written again; the file system's journal is not among them.\n\
    - The 280,000 messages/s of LavinMQ 1.0 are the target's, not measured here.\n";

/// The whole page; `file_system` held the brokers' data.
pub(super) fn page(figures: &Figures, file_system: &str) -> Result<String, Problem> {
    let mut page = String::from(HEAD);
    writeln!(page, "{} Brokers' data lie on {file_system}.\n", machine())?;
    for kind in Kind::ALL {
        if let Some(version) = peer::version_of(kind) {
            writeln!(page, "- {} {version}", kind.name())?;
        }
    }
    page.push_str("\n![Targets](performance/targets.svg)\n\n## Against the targets\n\n");
    targets(&mut page, figures)?;
    reasons(&mut page, figures)?;
    page.push_str("\n## Plots\n");
    for (file, title) in chart::titles(figures) {
        write!(page, "\n![{title}](performance/{file})\n")?;
    }
    page.push_str(CPU);
    costs(&mut page, figures)?;
    page.push_str("\n## On the wire\n\n");
    wire(&mut page, figures)?;
    durable(&mut page, figures)?;
    page.push_str(METHOD);
    page.push_str(METHOD_DURABLE);
    page.push_str("\nRaw figures: [raw.tsv](performance/raw.tsv).\n");
    Ok(page)
}

fn targets(page: &mut String, figures: &Figures) -> Result<(), Problem> {
    head(page, &["Scenario"], &["Target", "Found"])?;
    for row in &ROWS {
        let name = row.scenario.name();
        if figures.median(&name, Kind::Hopwire, row.metric).is_none() {
            continue;
        }
        write!(page, "| {}, {} |", row.title, row.unit())?;
        for kind in Kind::ALL {
            let own = kind == Kind::Hopwire;
            match figures.median(&name, kind, row.metric) {
                Some(value) if own => write!(page, " **{}** |", grouped(value))?,
                Some(value) => write!(page, " {} |", grouped(value))?,
                None => page.push_str(" |"),
            }
        }
        let verdicts = row.verdicts(figures);
        let asked: Vec<String> =
            verdicts.iter().map(|verdict| asked(&verdict.target, row)).collect();
        let found = verdicts.iter().map(|verdict| {
            let mark = if verdict.is_met() { "✓" } else { "✗" };
            match verdict.target {
                Target::Least(_) | Target::Most(_) => mark.to_owned(),
                _ => format!("{mark} {:.2} ×", verdict.found),
            }
        });
        let found: Vec<String> = found.collect();
        writeln!(page, " {} | {} |", asked.join("<br>"), found.join("<br>"))?;
    }
    Ok(())
}

/// What a target asks, in words.
pub(super) fn asked(target: &Target, row: &Row) -> String {
    match target {
        Target::Times(times, kind) => format!("≥ {times} × {}", kind.name()),
        Target::MostTimes(times, kind) => format!("≤ {times} × {}", kind.name()),
        Target::TimesOwn(times, _, name) => format!("≥ {times} × {name}"),
        Target::TimesQuoted(times, quoted, name) => {
            format!("≥ {times} × {} ({name}, as quoted)", grouped(*quoted))
        }
        Target::Least(least) => format!("≥ {} {}", grouped(*least), row.unit()),
        Target::Most(most) => format!("≤ {} {}", grouped(*most), row.unit()),
    }
}

fn reasons(page: &mut String, figures: &Figures) -> Result<(), Problem> {
    let missed =
        ROWS.iter().filter(|row| row.verdicts(figures).iter().any(|verdict| !verdict.is_met()));
    let missed: Vec<&Row> = missed.collect();
    if missed.is_empty() {
        return Ok(());
    }
    page.push_str("\nWhat misses its target, and why:\n\n");
    for row in missed {
        let name = row.scenario.name();
        let known = REASONS.iter().find(|(scenario, _)| *scenario == name);
        let reason = known.map_or("no profile was taken", |(_, reason)| reason);
        writeln!(page, "- *{}*: {reason}.", row.title)?;
    }
    Ok(())
}

fn costs(page: &mut String, figures: &Figures) -> Result<(), Problem> {
    head(page, &["Scenario"], &["Cores busy"])?;
    for scenario in Scenario::ALL {
        let name = scenario.name();
        if figures.median(&name, Kind::Hopwire, Metric::BrokerCpu).is_none() {
            continue;
        }
        write!(page, "| {name} |")?;
        for kind in Kind::ALL {
            cell(page, figures.median(&name, kind, Metric::BrokerCpu))?;
        }
        let cores = Kind::ALL.into_iter().filter_map(|kind| {
            let rate = figures.median(&name, kind, Metric::Value)?;
            let broker = figures.median(&name, kind, Metric::BrokerCpu)? * rate / 1e6;
            let generator = figures.median(&name, kind, Metric::GeneratorCores)?;
            Some(format!("{broker:.1} + {generator:.1}"))
        });
        let cores: Vec<String> = cores.collect();
        writeln!(page, " {} |", cores.join(", "))?;
    }
    Ok(())
}

fn wire(page: &mut String, figures: &Figures) -> Result<(), Problem> {
    page.push_str("Bytes per message at a subscriber, frame headers too.\n\n");
    head(page, &["Scenario"], &[])?;
    for scenario in Scenario::ALL {
        let name = scenario.name();
        if figures.median(&name, Kind::Hopwire, Metric::WireBytes).is_none() {
            continue;
        }
        write!(page, "| {name} |")?;
        for kind in Kind::ALL {
            cell(page, figures.median(&name, kind, Metric::WireBytes))?;
        }
        page.push('\n');
    }
    let name = Scenario::Broadcast(1000).name();
    let late = Kind::ALL.into_iter().filter_map(|kind| {
        let late = figures.median(&name, kind, Metric::Extra)?;
        Some(format!("{} {late:.1}", kind.name()))
    });
    let late: Vec<String> = late.collect();
    if !late.is_empty() {
        let list = late.join(", ");
        write!(page, "\nBroadcast, 99th percentile in milliseconds: {list}.\n")?;
    }
    let name = Scenario::IdleMost.name();
    if let Some(most) = figures.median(&name, Kind::Hopwire, Metric::Extra) {
        write!(page, "\nAs many sessions as descriptors allow: {} here.\n", grouped(most))?;
    }
    Ok(())
}

/// What stands beside the numbers of the durable scenarios.
fn durable(page: &mut String, figures: &Figures) -> Result<(), Problem> {
    let beside = [
        (Scenario::ConfirmLatency, "Confirm latency, 99th percentile in milliseconds"),
        (Scenario::Backlog, "Backlog of a million, anonymous memory in MiB"),
        (Scenario::Amplification, "Published and acknowledged meanwhile, messages per second"),
    ];
    let mut lines = String::new();
    for (scenario, title) in beside {
        let name = scenario.name();
        let each = Kind::ALL.into_iter().filter_map(|kind| {
            let number = figures.median(&name, kind, Metric::Extra)?;
            Some(format!("{} {}", kind.name(), grouped(number)))
        });
        let each: Vec<String> = each.collect();
        if !each.is_empty() {
            writeln!(lines, "- {title}: {}.", each.join(", "))?;
        }
    }
    if !lines.is_empty() {
        write!(page, "\n## On the disk\n\n{lines}")?;
    }
    Ok(())
}

fn head(page: &mut String, before: &[&str], after: &[&str]) -> Result<(), Problem> {
    let names = Kind::ALL.map(Kind::name);
    let all: Vec<&str> = before.iter().chain(&names).chain(after).copied().collect();
    writeln!(page, "| {} |", all.join(" | "))?;
    let rest = all.len() - before.len();
    writeln!(page, "|{}{}", " --- |".repeat(before.len()), " ---: |".repeat(rest))?;
    Ok(())
}

fn cell(page: &mut String, value: Option<f64>) -> Result<(), Problem> {
    match value {
        Some(value) => write!(page, " {} |", grouped(value))?,
        None => page.push_str(" |"),
    }
    Ok(())
}

/// Thousands set apart; two digits behind the point where there are few before it.
pub(crate) fn grouped(number: f64) -> String {
    match number.abs() {
        100.0.. => {}
        10.0.. => return format!("{number:.1}").trim_end_matches(".0").to_owned(),
        _ => {
            let text = format!("{number:.2}");
            return text.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown processor");
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = release.trim().split('-').next().unwrap_or_default();
    format!("Machine: {cpus} × {}, Linux {kernel}.", model.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let check = |number, expected: &str| assert_eq!(grouped(number), expected);
        check(1_822_690.4, "1,822,690");
        check(900_000.0, "900,000");
        check(100.0, "100");
        check(62.34, "62.3");
        check(0.4, "0.4");
        check(20.0, "20");
    }
}
