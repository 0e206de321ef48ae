//! Measures Hopwire beside a floor, NATS, RabbitMQ and Mosquitto in the same run, the brokers
//! taking turns, and writes a page with tables and plots.
//!
//! All traffic stays on loopback and is bounded in count and time; nothing here is a test.

mod broker;
mod disk;
mod figure;
mod floor;
mod load;
mod peer;
mod process;
mod progress;
mod report;
mod run;
mod scenario;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures Hopwire beside other brokers in the same run.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    measure: Measure,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serves as the floor; the benchmark starts it itself
    Floor {
        /// Where WebSockets connect; any free port by default
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
}

#[derive(Debug, clap::Args)]
struct Measure {
    /// The `hopwire` binary; the one beside this one by default
    #[arg(long, env = "HOPWIRE_BIN")]
    hopwire: Option<PathBuf>,
    /// A running RabbitMQ on this machine: amqp://…,ws://…; without it, none is measured
    #[arg(long, env = "BENCH_PEER")]
    peer: Option<String>,
    /// How long that RabbitMQ took to start, in milliseconds
    #[arg(long, env = "BENCH_PEER_START_MS")]
    peer_start_ms: Option<f64>,
    /// Where that RabbitMQ keeps its data: durable scenarios want it on the disk of the others
    #[arg(long, env = "BENCH_PEER_DATA")]
    peer_data: Option<PathBuf>,
    /// Where the other brokers' data lie; beside this binary by default
    #[arg(long)]
    data: Option<PathBuf>,
    /// Rounds of each scenario; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only scenarios whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Only these brokers: hopwire, floor, nats, rabbitmq, mosquitto
    #[arg(long, value_delimiter = ',')]
    brokers: Vec<String>,
    /// Deliveries on their way at most, in fan-out
    #[arg(long, default_value_t = load::AHEAD_DEFAULT)]
    ahead: u64,
    /// Where the page, the plots and the raw lines go; nothing is written by default
    #[arg(long, overrides_with = "out")]
    out: Option<PathBuf>,
}

/// Whatever went wrong, said to a person.
type Problem = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.verb {
        Some(Verb::Floor { port }) => floor::serve(port),
        None => run::run(&arguments.measure),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
