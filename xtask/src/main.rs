//! `cargo xtask <task>`: what a developer and CI do with the project, without other tools.

mod bench;
mod broker;
mod check;
mod command;
mod counts;
mod crash;
mod failure;
mod fuzz;
mod oracle;
mod pages;
mod provision;
mod report;
mod run;
mod tally;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

use counts::Bounds;
use failure::{Failure, Outcome};

const USAGE: &str = "\
cargo xtask <task>

  check            rustfmt, clippy with warnings as errors, tidy (the rules of STYLE)
  tidy             tidy alone; takes a second
  test [filter]    install what the tests need, build, run every test
                   (with a filter: only the Rust tests and stories whose name contains it)
  run [-- args]    build the web pages when they are stale, then start the broker
  oracle start     start a private RabbitMQ to compare with; prints its addresses
  oracle stop      stop it
  counts           instructions of the message paths, held against bench/counts.tsv
  counts --write   move the bounds to what is found, on purpose
  bench [args]     measure, beside a floor, NATS, RabbitMQ and Mosquitto (--help says how)
  crash --minutes <n>
                   random histories of the store, crashed everywhere, for so long
  crash --real <n> the program, killed so often in a row, on one data directory
  fuzz [seconds]   each fuzz target for so long, 60 by default (fuzz/README.md)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match perform(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::failed(&failure);
            ExitCode::FAILURE
        }
    }
}

fn perform(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check"] => check::check(),
        ["tidy"] => tidy::tidy(),
        ["test"] => test::test(None),
        ["test", filter] => test::test(Some(filter)),
        ["run"] => run::run(&[]),
        ["run", "--", rest @ ..] | ["run", rest @ ..] => run::run(rest),
        ["oracle", "start"] => oracle::start_and_leave(),
        ["oracle", "stop"] => oracle::stop(),
        ["counts"] => counts::counts(Bounds::Hold),
        ["counts", "--write"] => counts::counts(Bounds::Write),
        ["bench", rest @ ..] => bench::bench(rest),
        ["crash", "--minutes", minutes] => crash::crash(minutes),
        ["crash", "--real", rounds] => crash::crash_real(rounds),
        ["fuzz"] => fuzz::fuzz("60"),
        ["fuzz", seconds] => fuzz::fuzz(seconds),
        [] | ["help" | "--help" | "-h", ..] => {
            report::plain(USAGE.trim_end());
            Ok(())
        }
        unknown => Err(Failure::new(
            format!("no task '{}'", unknown.join(" ")),
            format!("choose one of these:\n\n{USAGE}"),
        )),
    }
}
