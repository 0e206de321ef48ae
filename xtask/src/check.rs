//! `cargo xtask check`: what must hold before a change lands.

use crate::command::{cargo, run};
use crate::failure::{Failure, Outcome};
use crate::{report, tidy};

/// Runs every check, also after one failed, so that one run shows everything.
pub(crate) fn check() -> Outcome {
    let results = [
        report::step("rustfmt", || {
            run(&mut cargo(&["fmt", "--all", "--check"]), "cargo fmt --all")
        }),
        report::step("clippy, warnings as errors", || clippy(&["--workspace"])),
        report::step("clippy, no features", || {
            clippy(&["--package", "hopwire", "--no-default-features"])
        }),
        tidy::tidy(),
    ];
    let mut failures: Vec<Failure> = results.into_iter().filter_map(Result::err).collect();
    let Some(last) = failures.pop() else {
        return Ok(());
    };
    for failure in &failures {
        report::failed(failure);
    }
    Err(last)
}

fn clippy(which: &[&str]) -> Outcome {
    let every = ["--all-targets", "--", "-D", "warnings"];
    let arguments = [&["clippy"], which, &every].concat();
    run(&mut cargo(&arguments), "mend what clippy names; bend a rule only by #[expect(…, reason)]")
}
