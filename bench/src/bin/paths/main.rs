//! Runs one path of the broker's code a number of times, without sockets, for an instruction
//! counter: `cargo xtask counts` runs each under callgrind and holds the counts against
//! `bench/counts.tsv`.
//!
//! `paths` lists the paths; `paths <name>` runs one and prints how many units of it were measured.
//! Only what [`measured`] calls counts; setting up, and readers that are to catch up, do not.

mod amqp;
mod node;
mod path;
mod peer;
mod stomp;

use std::process::ExitCode;

use path::PATHS;

/// Whatever went wrong, said to a person.
type Problem = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(said) => {
            // Nobody to tell if standard output is closed.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), said.as_bytes());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("paths: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, Problem> {
    let Some(wanted) = std::env::args().nth(1) else {
        return Ok(PATHS.iter().map(|path| format!("{}\n", path.name)).collect());
    };
    let path = PATHS.iter().find(|path| path.name == wanted);
    let path = path.ok_or_else(|| format!("no path '{wanted}'"))?;
    // Sessions read tokio's clock, and arm its timers.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _entered = runtime.enter();
    let units = (path.run)()?;
    Ok(format!("units {units}\n"))
}

/// What is done in here is counted: `--toggle-collect` names this function.
#[inline(never)]
pub(crate) fn measured(work: &mut dyn FnMut() -> Result<(), Problem>) -> Result<(), Problem> {
    work()
}
