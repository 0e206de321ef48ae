//! `cargo xtask test`: everything that can fail, and one line of counts at the end.

use std::process::Command;

use crate::broker::Broker;
use crate::command::{cargo, is_installed, program, root, run, tee};
use crate::counts::{self, Bounds};
use crate::failure::{Failure, Outcome};
use crate::oracle::Oracle;
use crate::pages::Package;
use crate::provision::{VENV, provision};
use crate::report;
use crate::tally::Tally;

/// Tests that run at once. CI has two cores, and the stories bring browsers and brokers.
const PARALLEL: &str = "2";

/// Installs, builds and runs the tests whose name contains `filter`, or all of them.
pub(crate) fn test(filter: Option<&str>) -> Outcome {
    provision()?;
    let mut tests = Tests { filter, tally: Tally::default(), broken: Vec::new() };
    let oracle = report::step("start the oracle RabbitMQ in the background", Oracle::start);
    let packages = tests.pages();
    if tests.build() {
        if filter.is_none() {
            tests.javascript(&packages);
        }
        tests.rust(oracle);
        if filter.is_none() {
            tests.counts();
        }
    } else {
        drop(oracle);
    }
    tests.finish()
}

/// One run of the tests.
struct Tests<'a> {
    filter: Option<&'a str>,
    tally: Tally,
    /// What did not end well, in words.
    broken: Vec<String>,
}

impl Tests<'_> {
    /// The browser client and the web pages, installed and built: stories open them.
    fn pages(&mut self) -> Vec<Package> {
        let mut ready = Vec::new();
        for name in ["clients/js", "ui"] {
            let Some(package) = Package::find(name) else { continue };
            match package.install().and_then(|()| package.build()) {
                Ok(()) => ready.push(package),
                Err(failure) => self.break_off(name, &failure),
            }
        }
        ready
    }

    /// One build for everything that is in Rust.
    fn build(&mut self) -> bool {
        let built = report::step("build the workspace and its tests", || {
            let arguments = ["build", "--workspace", "--bins", "--tests"];
            run(&mut cargo(&arguments), "mend what the compiler names")
        });
        built.map_err(|failure| self.break_off("the build", &failure)).is_ok()
    }

    /// The tests of the packages, with a broker for those that want a real one.
    fn javascript(&mut self, packages: &[Package]) {
        let broker = match Broker::start() {
            Ok(broker) => broker,
            Err(failure) => return self.break_off("a broker for the npm tests", &failure),
        };
        for package in packages {
            let mut command = program("npm", &["test"]);
            command.current_dir(package.folder()).env("NO_COLOR", "1").env("CI", "true");
            command.env("HOPWIRE_WS_URL", broker.web_socket());
            self.count(&format!("npm test in {}", package.name()), &mut command);
        }
    }

    /// The crates and the stories.
    fn rust(&mut self, oracle: Outcome<Oracle>) {
        let ready = oracle.and_then(|mut oracle| {
            report::step("wait for the oracle", || oracle.wait()).map(|()| oracle)
        });
        let addresses = match &ready {
            Ok(oracle) => oracle.addresses().to_vec(),
            Err(failure) => {
                // The stories still tell about Hopwire itself; the run fails all the same.
                self.break_off("the oracle", failure);
                Vec::new()
            }
        };
        let mut command = self.rust_runner();
        command.env("STORIES_PYTHON", root().join(VENV).join("bin/python"));
        self.count("Rust tests and stories", command.envs(addresses));
        if self.filter.is_none() {
            let mut command = cargo(&["test", "--doc", "--workspace", "--no-fail-fast"]);
            self.count("examples in the documentation", &mut command);
        }
    }

    /// The message paths take no more instructions than they may.
    fn counts(&mut self) {
        match counts::counts(Bounds::Hold) {
            Ok(()) => self.tally += Tally::HELD,
            Err(failure) => self.break_off("instruction counts", &failure),
        }
    }

    fn rust_runner(&self) -> Command {
        let mut command = if is_installed("cargo-nextest") {
            cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--test-threads", PARALLEL])
        } else {
            report::note("no cargo-nextest here: using cargo test");
            cargo(&["test", "--workspace", "--no-fail-fast", "--bins", "--lib", "--tests"])
        };
        if let Some(filter) = self.filter {
            command.arg(filter);
        }
        if !is_installed("cargo-nextest") {
            command.args(["--", "--test-threads", PARALLEL]);
        }
        command
    }

    /// Runs one runner and adds up its closing lines.
    fn count(&mut self, name: &str, command: &mut Command) {
        let mut counted = Tally::default();
        let result = report::step(name, || {
            let ended_well = tee(command, |line| counted += Tally::read(line))?;
            if ended_well && counted != Tally::default() {
                return Ok(());
            }
            let what = format!("{name}: {counted}");
            Err(Failure::new(what, "the lines above show each failed test with its output"))
        });
        self.tally += counted;
        if let Err(failure) = result {
            if counted.failed == 0 {
                self.tally += Tally::BROKEN;
            }
            self.broken.push(failure.what);
        }
    }

    fn break_off(&mut self, name: &str, failure: &Failure) {
        report::failed(failure);
        self.tally += Tally::BROKEN;
        self.broken.push(name.to_owned());
    }

    fn finish(self) -> Outcome {
        if self.tally.skipped > 0 {
            report::note(&format!("{} tests were SKIPPED: see above", self.tally.skipped));
        }
        for broken in &self.broken {
            report::note(&format!("not well: {broken}"));
        }
        report::plain(&self.tally.to_string());
        if self.broken.is_empty() && self.tally.failed == 0 {
            return Ok(());
        }
        std::process::exit(1)
    }
}
