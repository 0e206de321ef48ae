//! `hopwire`: a message broker for the web, in one binary.

mod accept;
mod arguments;
mod banner;
mod config;
mod connection;
mod directory;
mod doctor;
mod export;
mod listener;
mod logging;
mod node;
mod store;
mod tls;
mod watch;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::arguments::{Arguments, Serve, Verb};
use crate::config::{ConfigError, Entry, Origin, Settings};

fn main() -> ExitCode {
    let started = Instant::now();
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match arguments.verb {
        Some(Verb::Doctor(doctor)) => runtime.block_on(doctor::run(doctor)),
        Some(Verb::Store(task)) => store::run(&task),
        Some(Verb::Serve(serve)) => runtime.block_on(serve_until_told(serve, started)),
        None => runtime.block_on(serve_until_told(arguments.serve, started)),
    }
}

async fn serve_until_told(serve: Serve, started: Instant) -> ExitCode {
    if let Err(error) = logging::start(&serve.log) {
        return fail(&error);
    }
    let settings = match settings(&serve) {
        Ok(settings) => settings,
        Err(error) => return fail(&error),
    };
    for key in &settings.idle_keys {
        tracing::warn!(key, "this key has no effect here");
    }
    match node::run(settings, &serve, started).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// The file, then the variables, then the flags: a later one wins.
fn settings(serve: &Serve) -> Result<Settings, ConfigError> {
    let mut entries = match &serve.config {
        Some(path) => config::read_file(path)?,
        None => Vec::new(),
    };
    entries.extend(config::from_environment(std::env::vars())?);
    for assignment in &serve.set {
        let Some((key, value)) = assignment.split_once('=') else {
            let found = assignment.clone();
            return Err(ConfigError::NoAssignment { origin: Origin::Flag, found });
        };
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        entries.push(Entry { key, value, origin: Origin::Flag });
    }
    let mut settings = Settings::default();
    config::apply_all(&mut settings, &entries)?;
    Ok(settings)
}

/// One line on standard error: what is wrong, and where.
fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("hopwire: {error}");
    ExitCode::FAILURE
}
