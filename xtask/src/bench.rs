//! `cargo xtask bench`: the `bench` package, in release.

use crate::command::{cargo, root, run};
use crate::failure::{Failure, Outcome};

/// Runs the measurements with `arguments`.
pub(crate) fn bench(arguments: &[&str]) -> Outcome {
    if !root().join("bench/Cargo.toml").is_file() {
        return Err(Failure::new(
            "bench/ is not a package in this checkout",
            "take a checkout that has bench/Cargo.toml",
        ));
    }
    let mut all = vec!["run", "--release", "--package", "hopwire-bench", "--"];
    all.extend(arguments);
    run(&mut cargo(&all), "cargo xtask bench --help lists what can be measured")
}
