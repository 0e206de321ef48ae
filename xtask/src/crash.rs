//! `cargo xtask crash --minutes N`: the store's crash test with fresh histories for that long.
//! `cargo xtask crash --real N`: the program, killed N times in a row.

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

/// What the story is called.
const STORY: &str = "crash::a_broker_killed";

/// Ends at the first thing that is lost or repeated.
pub(crate) fn crash_real(rounds: &str) -> Outcome {
    let wrong =
        |_| Failure::new(format!("'{rounds}' is no number"), "cargo xtask crash --real 100");
    let rounds: u32 = rounds.parse().map_err(wrong)?;
    report::step(&format!("kill the broker {rounds} times"), || {
        run(&mut cargo(&["build", "-p", "hopwire"]), "fix what does not compile")?;
        let mut test = cargo(&["test", "-p", "hopwire-tests", STORY, "--", "--nocapture"]);
        test.env("CRASH_ROUNDS", rounds.to_string());
        run(&mut test, "CRASH_SEED, printed above, kills it at the same moments again")
    })
}
