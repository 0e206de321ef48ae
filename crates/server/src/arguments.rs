//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{doctor, store};

/// A message broker for the web: STOMP over WebSocket, STOMP, AMQP 0-9-1.
#[derive(Debug, Parser)]
#[command(name = "hopwire", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
    /// How to serve, if nothing is said.
    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Starts the broker (the default)
    Serve(Serve),
    /// Tests the path to a broker step by step and says what to do
    Doctor(doctor::Arguments),
    /// Looks at the stored messages of a node that is down, and repairs them
    Store(store::Arguments),
}

/// How to serve.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Serve {
    /// A file in rabbitmq.conf syntax
    #[arg(long, value_name = "FILE", env = "HOPWIRE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// One setting, as in the file; may be given more than once, and wins over the file
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Where the broker keeps its files
    #[arg(
        long,
        value_name = "DIRECTORY",
        env = "HOPWIRE_DATA_DIR",
        default_value = "hopwire-data"
    )]
    pub(crate) data_dir: PathBuf,
    /// What to log: error, warn, info, debug, or filters such as session=debug
    #[arg(long, value_name = "LEVEL", env = "HOPWIRE_LOG", default_value = "info")]
    pub(crate) log: String,
}
