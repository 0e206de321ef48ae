//! What is seen on the terminal while it runs.

use std::io::{IsTerminal, Write, stderr};
use std::time::Instant;

use crate::broker::Kind;
use crate::figure::Measured;
use crate::report::grouped;
use crate::scenario::Scenario;

/// Steps done, and what is left.
#[derive(Debug)]
pub(crate) struct Progress {
    start: Instant,
    done: usize,
    steps: usize,
    is_terminal: bool,
}

impl Progress {
    pub(crate) fn new(steps: usize) -> Self {
        Self { start: Instant::now(), done: 0, steps, is_terminal: stderr().is_terminal() }
    }

    /// A line for the brokers of a scenario and round.
    pub(crate) fn round(&self, scenario: Scenario, round: usize) {
        let name = self.bold(&scenario.name());
        let (part, total) = (self.done, self.steps);
        eprintln!("{name}  round {round}  {}", self.dim(&format!("{part}/{total}{}", self.left())));
    }

    /// It is a broker's turn.
    pub(crate) fn turn(&self, kind: Kind) {
        if self.is_terminal {
            eprint!("  {} …", self.coloured(kind));
            // Nothing is lost if it is not seen.
            let _ = stderr().flush();
        }
    }

    /// What it gave.
    pub(crate) fn result(&mut self, scenario: Scenario, kind: Kind, measured: &Measured) {
        self.done += 1;
        let mut line = format!("{:>12} {}", grouped(measured.value), scenario.unit());
        if let Some(cpu) = measured.broker_cpu {
            line += &self.dim(&format!("   CPU {} s/M", grouped(cpu)));
        }
        if let Some(cores) = measured.generator_cores {
            line += &self.dim(&format!("   generator {cores:.2} cores"));
        }
        if let Some(bytes) = measured.wire_bytes {
            line += &self.dim(&format!("   {} B each", grouped(bytes)));
        }
        if let Some(extra) = measured.extra {
            line += &self.dim(&format!("   beside {}", grouped(extra)));
        }
        if let Some(syncs) = measured.syncs {
            line += &self.dim(&format!("   {syncs:.2} syncs"));
        }
        if let Some(ms) = measured.reopening_ms {
            line += &self.dim(&format!("   open in {} ms", grouped(ms)));
        }
        if let Some(mib) = measured.disk_mib {
            line += &self.dim(&format!("   {} MiB on disk", grouped(mib)));
        }
        let back = if self.is_terminal { "\r\x1b[K" } else { "" };
        eprintln!("{back}  {}{line}", self.coloured(kind));
    }

    /// It failed.
    pub(crate) fn failure(&mut self, kind: Kind, problem: &str) {
        self.done += 1;
        let back = if self.is_terminal { "\r\x1b[K" } else { "" };
        eprintln!("{back}  {}{}", self.coloured(kind), self.paint("31", problem));
    }

    fn left(&self) -> String {
        if self.done == 0 {
            return String::new();
        }
        let each = self.start.elapsed().as_secs_f64() / self.done as f64;
        let seconds = each * (self.steps - self.done) as f64;
        format!(", {:.0} min left", (seconds / 60.0).ceil())
    }

    fn coloured(&self, kind: Kind) -> String {
        let code = match kind {
            Kind::Hopwire => "36;1",
            Kind::Floor => "37",
            Kind::Nats => "34",
            Kind::RabbitMq => "33",
            Kind::Mosquitto => "35",
        };
        self.paint(code, &format!("{:<10}", kind.name()))
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.is_terminal {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}
