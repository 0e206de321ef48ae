//! `hopwire doctor <ws-url>`: tests the path to a broker step by step and says what to do when one
//! fails.
//!
//! Works against any broker that speaks STOMP over WebSocket.

mod report;
mod steps;

use std::process::ExitCode;
use std::time::Duration;

use client::{Scheme, Uri};

use self::report::Report;
use self::steps::Patient;

/// What to test, and as whom.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The endpoint: ws://host:15674/ws
    pub(crate) url: String,
    /// The user
    #[arg(long, default_value = "guest")]
    pub(crate) user: String,
    /// The password (or the variable HOPWIRE_PASSWORD, which process lists do not show)
    #[arg(long, env = "HOPWIRE_PASSWORD", default_value = "guest", hide_env_values = true)]
    pub(crate) pass: String,
    /// The vhost
    #[arg(long, default_value = "/")]
    pub(crate) vhost: String,
    /// How long each step may take, in seconds
    #[arg(long, default_value_t = 10)]
    pub(crate) timeout: u64,
}

/// Tests the path; the exit status is 0 if every step went well.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let mut report = Report::new();
    let uri = match Uri::parse(&arguments.url) {
        Ok(uri) if uri.scheme == Scheme::WebSocket => uri,
        Ok(_) => return report.unusable("wanted a WebSocket URL such as ws://localhost:15674/ws"),
        Err(error) => return report.unusable(&error.to_string()),
    };
    report.begin(&uri, &arguments.user);
    let patience = Duration::from_secs(arguments.timeout.max(1));
    let patient = Patient { uri: &uri, arguments: &arguments, patience };
    patient.examine(&mut report).await;
    report.end()
}
