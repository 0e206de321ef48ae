//! Measures Hopwire against a RabbitMQ in the same run, interleaved, and writes a table and plots.
//!
//! All traffic stays on loopback and is bounded in count; nothing here is a test.

mod measure;
mod plot;
mod process;
mod report;
mod scenario;
mod subscriber;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::measure::{Broker, Figure};
use crate::process::Node;
use crate::scenario::Scenario;

/// Measures Hopwire against a RabbitMQ in the same run.
#[derive(Debug, Parser)]
struct Arguments {
    /// The `hopwire` binary; built beside this one by default
    #[arg(long, env = "HOPWIRE_BIN")]
    hopwire: Option<PathBuf>,
    /// A running RabbitMQ on this machine: amqp://…,ws://…; without it, Hopwire alone
    #[arg(long, env = "BENCH_PEER")]
    peer: Option<String>,
    /// Rounds of each scenario; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only scenarios whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Where the page, the plots and the raw lines go
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whatever went wrong, said to a person.
type Problem = Box<dyn std::error::Error + Send + Sync>;

async fn run(arguments: &Arguments) -> Result<(), Problem> {
    let node = Node::start(arguments.hopwire.as_deref())?;
    let mut brokers = vec![node.broker()?];
    if let Some(peer) = &arguments.peer {
        brokers.push(Broker::parse_peer(peer)?);
    }
    let wanted = |scenario: &&Scenario| {
        arguments.only.as_deref().is_none_or(|only| scenario.name().contains(only))
    };
    let mut figures: Vec<Figure> = Vec::new();
    for scenario in Scenario::ALL.iter().filter(wanted) {
        for round in 1..=arguments.rounds {
            for broker in &brokers {
                eprint!("{:<44} round {round}  {:<9}", scenario.name(), broker.name);
                let figure = scenario.measure(broker, round).await?;
                eprintln!("{:>12.0} {}", figure.value, scenario.unit());
                figures.push(figure);
            }
        }
    }
    report::write(&arguments.out, &figures, &brokers)?;
    Ok(())
}
