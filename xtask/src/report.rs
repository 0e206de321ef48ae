//! What the tasks say: one line when a step begins, one with ✓ or ✗ and its time when it ends.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};

/// Runs one step under its name, and says how it went and how long it took.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    line(&paint(Colour::Bold, &format!("▸ {name}")));
    let begun = Instant::now();
    let result = work();
    let time = seconds(begun.elapsed());
    match &result {
        Ok(_) => line(&format!("{} {name} {time}", paint(Colour::Green, "✓"))),
        Err(_) => line(&format!("{} {name} {time}", paint(Colour::Red, "✗"))),
    }
    result
}

/// Something worth knowing that is neither success nor failure.
pub(crate) fn note(text: &str) {
    line(&format!("{} {text}", paint(Colour::Yellow, "·")));
}

/// A failure and its way out.
pub(crate) fn failed(failure: &Failure) {
    line(&format!("{} {}", paint(Colour::Red, "✗"), failure.what));
    line(&format!("  {} {}", paint(Colour::Bold, "next:"), failure.next));
}

/// Text as it is.
pub(crate) fn plain(text: &str) {
    line(text);
}

fn line(text: &str) {
    // A closed pipe is the reader's choice; the task goes on.
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn seconds(time: Duration) -> String {
    paint(Colour::Dim, &format!("({:.1} s)", time.as_secs_f64()))
}

#[derive(Clone, Copy)]
enum Colour {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

fn paint(colour: Colour, text: &str) -> String {
    if !io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some() {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Bold => 1,
        Colour::Dim => 2,
        Colour::Red => 31,
        Colour::Green => 32,
        Colour::Yellow => 33,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
