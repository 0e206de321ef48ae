//! `cargo xtask fuzz`: every fuzz target in turn, for a while.

use crate::command::{cargo, is_installed, output, run};
use crate::failure::{Failure, Outcome};
use crate::report;

/// Ends at the first target that finds something.
pub(crate) fn fuzz(seconds: &str) -> Outcome {
    if !is_installed("cargo-fuzz") {
        return Err(Failure::new("cargo-fuzz is missing", "cargo install cargo-fuzz"));
    }
    // The fuzzer would take anything else for "for ever".
    let wrong = |_| Failure::new(format!("'{seconds}' are no seconds"), "cargo xtask fuzz 180");
    let time = format!("-max_total_time={}", seconds.parse::<u16>().map_err(wrong)?);
    let targets = output(&mut cargo(&["fuzz", "list"]), "look at fuzz/Cargo.toml")?;
    for target in targets.lines() {
        // Inputs may be longer than the limits that the targets set.
        let fuzzer = ["--", &time, "-max_len=16384"];
        let all = [&["fuzz", "run", "--sanitizer", "none", target], &fuzzer[..]].concat();
        report::step(&format!("fuzz {target}"), || {
            run(&mut cargo(&all), "fuzz/README.md says what to do with the input found")
        })?;
    }
    Ok(())
}
