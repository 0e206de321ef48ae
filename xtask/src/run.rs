//! `cargo xtask run`: fresh web pages, then the broker.

use crate::command::{cargo, is_installed, run as finish};
use crate::failure::Outcome;
use crate::pages::Package;
use crate::report;

/// Builds the pages when they are stale and there is a Node, then runs the broker with `arguments`.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    if let Err(failure) = build_pages() {
        report::failed(&failure);
        report::note("going on without fresh web pages; the broker does not need them");
    }
    let mut all = vec!["run", "--release", "--package", "hopwire", "--"];
    all.extend(arguments);
    finish(&mut cargo(&all), "the line above says why the broker did not start")
}

fn build_pages() -> Outcome {
    if !is_installed("npm") {
        report::note("no Node here: going on without web pages (Node 20 or later builds them)");
        return Ok(());
    }
    for name in ["clients/js", "ui"] {
        if let Some(package) = Package::find(name) {
            package.install()?;
            package.build()?;
        }
    }
    Ok(())
}
