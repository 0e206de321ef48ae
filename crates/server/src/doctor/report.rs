//! How the tester speaks: a tick or a cross per step, its time, and what to do.

use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use client::Uri;

/// What the tester says.
#[derive(Debug)]
pub(super) struct Report {
    is_coloured: bool,
    failed: u32,
    passed: u32,
}

impl Report {
    pub(super) fn new() -> Self {
        let is_coloured = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { is_coloured, failed: 0, passed: 0 }
    }

    /// The endpoint cannot even be tried.
    pub(super) fn unusable(mut self, reason: &str) -> ExitCode {
        self.failed("address", None, reason, "mend the URL and try again");
        ExitCode::from(2)
    }

    pub(super) fn begin(&self, uri: &Uri, user: &str) {
        self.say(&format!("Testing {uri} as {user}\n"));
    }

    /// A step that went well, and what was seen.
    pub(super) fn passed(&mut self, step: &str, took: Duration, seen: &str) {
        self.passed += 1;
        self.line("\u{1b}[32m", '✓', step, Some(took), seen);
    }

    /// A step that went well but could be better.
    pub(super) fn warned(&mut self, step: &str, took: Duration, seen: &str, advice: &str) {
        self.passed += 1;
        self.line("\u{1b}[33m", '!', step, Some(took), seen);
        self.say(&format!("    → {advice}"));
    }

    /// A step that failed, and what to do about it.
    pub(super) fn failed(&mut self, step: &str, took: Option<Duration>, found: &str, advice: &str) {
        self.failed += 1;
        self.line("\u{1b}[31m", '✗', step, took, found);
        self.say(&format!("    → {advice}"));
    }

    pub(super) fn end(self) -> ExitCode {
        match self.failed {
            0 => {
                self.say(&format!("\nAll {} steps went well.", self.passed));
                ExitCode::SUCCESS
            }
            failed => {
                let steps = if failed == 1 { "step" } else { "steps" };
                self.say(&format!("\n{failed} {steps} failed, {} went well.", self.passed));
                ExitCode::FAILURE
            }
        }
    }

    fn line(&self, colour: &str, mark: char, step: &str, took: Option<Duration>, text: &str) {
        let (on, off) = if self.is_coloured { (colour, "\u{1b}[0m") } else { ("", "") };
        let took = took.map_or_else(String::new, |took| format!("{:.1} ms", millis(took)));
        self.say(&format!("{on}{mark}{off} {step:<14} {took:>10}  {text}"));
    }

    fn say(&self, text: &str) {
        // Nobody reads on if standard output is closed; the exit status still tells.
        drop(writeln!(stdout(), "{text}"));
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
