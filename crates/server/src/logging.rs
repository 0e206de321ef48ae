//! Logs go to standard error, so that standard output is the banner's.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// Starts logging.
///
/// # Errors
///
/// What is wrong with the filter.
pub(crate) fn start(filter: &str) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(filter).map_err(|error| format!("--log: found '{filter}': {error}"))?;
    let is_coloured = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(is_coloured)
        .init();
    Ok(())
}
