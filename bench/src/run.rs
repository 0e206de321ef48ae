//! The rounds: each scenario, each round, each broker in turn.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::broker::Kind;
use crate::figure::Figure;
use crate::peer::{Peer, Programs};
use crate::process::{cpu_time, ending};
use crate::progress::Progress;
use crate::scenario::Scenario;
use crate::{Measure, Problem, disk, report};

/// Measures what `arguments` ask for.
pub(crate) fn run(arguments: &Measure) -> Result<(), Problem> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let programs = programs(arguments)?;
    let scenarios: Vec<Scenario> = Scenario::ALL
        .into_iter()
        .filter(|scenario| {
            arguments.only.as_ref().is_none_or(|only| scenario.name().contains(only))
        })
        .collect();
    let mut peers = Vec::new();
    for kind in wanted(&arguments.brokers)? {
        if scenarios.iter().any(|scenario| scenario.brokers().contains(&kind)) {
            peers.extend(Peer::start(kind, &programs)?);
        }
    }
    let compared = |scenario: Scenario| {
        peers.iter().filter(move |peer| scenario.brokers().contains(&peer.broker.kind))
    };
    let turns: usize = scenarios.iter().map(|scenario| compared(*scenario).count()).sum();
    let mut progress = Progress::new(turns * arguments.rounds);
    let (mut figures, mut failures) = (Vec::new(), 0);
    for scenario in scenarios {
        for round in 1..=arguments.rounds {
            progress.round(scenario, round);
            for peer in compared(scenario) {
                let broker = peer.broker.kind;
                quiet(&peers)?;
                progress.turn(broker);
                match scenario.measure(&peer.broker, &programs) {
                    Ok(measured) => {
                        progress.result(scenario, broker, &measured);
                        figures.push(Figure { scenario: scenario.name(), broker, round, measured });
                    }
                    Err(problem) => {
                        let ending = ending(peer.broker.pid);
                        let ending = ending.map_or(String::new(), |how| format!(" (it {how})"));
                        progress.failure(broker, &format!("{problem}{ending}"));
                        failures += 1;
                    }
                }
            }
        }
    }
    drop(peers);
    let file_system = disk::file_system(&programs.folder)?;
    // Nothing there is of use to anyone.
    let _ = std::fs::remove_dir_all(&programs.folder);
    if let Some(out) = &arguments.out {
        report::write(out, figures, &file_system)?;
    }
    match failures {
        0 => Ok(()),
        _ => Err(format!("{failures} measurements failed").into()),
    }
}

fn programs(arguments: &Measure) -> Result<Programs, Problem> {
    let hopwire = match &arguments.hopwire {
        Some(binary) => std::path::absolute(binary)?,
        None => {
            let ours = std::env::current_exe()?;
            let binary = ours.parent().ok_or("this binary has no folder")?.join("hopwire");
            if !binary.exists() {
                let next = "cargo build --release --package hopwire makes one";
                return Err(format!("no hopwire beside this binary; {next}").into());
            }
            binary
        }
    };
    // The folder for temporary files often lies in memory; that of the build does not.
    let data = match &arguments.data {
        Some(data) => data.clone(),
        None => std::env::current_exe()?.parent().ok_or("this binary has no folder")?.into(),
    };
    let folder = data.join(format!("hopwire-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let rabbitmq = arguments.peer.as_deref().map(parse_peer).transpose()?;
    Ok(Programs {
        hopwire,
        rabbitmq,
        rabbitmq_start_ms: arguments.peer_start_ms,
        ahead: arguments.ahead,
        folder,
        rabbitmq_data: arguments.peer_data.clone(),
    })
}

/// Reads `amqp://…,ws://…`.
fn parse_peer(text: &str) -> Result<(SocketAddr, SocketAddr), Problem> {
    let wanted = || format!("--peer: found '{text}', wanted amqp://…,ws://…");
    let (amqp, web_socket) = text.split_once(',').ok_or_else(wanted)?;
    let place = |url: &str| {
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split('/').next()?;
        authority.rsplit('@').next()?.parse().ok()
    };
    Ok((place(amqp).ok_or_else(wanted)?, place(web_socket).ok_or_else(wanted)?))
}

fn wanted(names: &[String]) -> Result<Vec<Kind>, Problem> {
    if names.is_empty() {
        return Ok(Kind::ALL.to_vec());
    }
    let of = |name: &String| {
        let found = Kind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| format!("no broker '{name}'").into())
    };
    names.iter().map(of).collect()
}

/// Waits until no broker has anything left to do: one's turn is not paid for by another.
fn quiet(peers: &[Peer]) -> Result<(), Problem> {
    const STEP: Duration = Duration::from_millis(50);
    /// CPU time of all of them within a step.
    const QUIET: Duration = Duration::from_millis(5);
    const PATIENCE: Duration = Duration::from_secs(15);
    let total = || -> Result<Duration, Problem> {
        peers.iter().map(|peer| cpu_time(peer.broker.pid)).sum()
    };
    let start = Instant::now();
    let mut before = total()?;
    while start.elapsed() < PATIENCE {
        std::thread::sleep(STEP);
        let after = total()?;
        if after.saturating_sub(before) < QUIET {
            break;
        }
        before = after;
    }
    Ok(())
}
