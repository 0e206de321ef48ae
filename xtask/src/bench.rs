//! `cargo xtask bench`: the `bench` package in release, beside a RabbitMQ of its own; NATS and
//! Mosquitto are started by the benchmark itself.

use std::time::Instant;

use crate::command::{cargo, run};
use crate::failure::Outcome;
use crate::oracle::{self, Oracle};
use crate::{provision, report};

/// Runs the measurements with `arguments`.
pub(crate) fn bench(arguments: &[&str]) -> Outcome {
    run(
        &mut cargo(&["build", "--release", "--package", "hopwire", "--package", "hopwire-bench"]),
        "mend what does not compile",
    )?;
    let mut all = vec!["run", "--release", "--package", "hopwire-bench", "--", "--out", "docs"];
    all.extend(arguments);
    if arguments.contains(&"--help") {
        return run(&mut cargo(&all), "");
    }
    provision::install_peers()?;
    let (oracle, start_ms) = report::step("start the RabbitMQ to compare with", || {
        let start = Instant::now();
        let mut oracle = Oracle::start()?;
        oracle.wait()?;
        Ok((oracle, start.elapsed().as_millis()))
    })?;
    let addresses = oracle.addresses();
    let of = |name: &str| addresses.iter().find(|(known, _)| *known == name).map(|(_, url)| url);
    let peer = [of("ORACLE_AMQP_URL"), of("ORACLE_WS_URL")].into_iter().flatten();
    let peer = peer.cloned().collect::<Vec<_>>().join(",");
    let measured = run(
        cargo(&all)
            .env("BENCH_PEER", peer)
            .env("BENCH_PEER_START_MS", start_ms.to_string())
            .env("BENCH_PEER_DATA", oracle::folder()),
        "cargo xtask bench --help lists what can be measured",
    );
    drop(oracle);
    measured
}
