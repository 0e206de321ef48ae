//! `cargo xtask crash --minutes N`: the store's crash test with fresh histories for that long.

use crate::command::{cargo, run};
use crate::failure::{Failure, Outcome};
use crate::report;

/// What the test is called.
const TEST: &str = "store::crash";

/// Ends at the first history that loses something.
pub(crate) fn crash(minutes: &str) -> Outcome {
    let wrong =
        |_| Failure::new(format!("'{minutes}' are no minutes"), "cargo xtask crash --minutes 10");
    let minutes: u16 = minutes.parse().map_err(wrong)?;
    report::step(&format!("crash the store, {minutes} min"), || {
        // Optimised, for more histories.
        let mut test = cargo(&["test", "--release", "-p", "hopwire-broker", "--lib", TEST]);
        test.env("HOPWIRE_CRASH_MINUTES", minutes.to_string());
        run(&mut test, "the smallest history that fails is above: make it a test")
    })
}
