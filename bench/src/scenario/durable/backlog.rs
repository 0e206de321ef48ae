//! A million messages that nobody consumes: what they cost the broker in memory, how soon it is
//! back after it was killed, and what is left on the disk once they are consumed.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::drain;
use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::disk::used_bytes;
use crate::figure::{Measured, median};
use crate::load::amqp::Connection;
use crate::peer::{Peer, Programs};
use crate::process::{memory_bytes, resident_bytes};

const MESSAGES: u64 = 1_000_000;

/// How often it is killed and started again.
const REOPENINGS: usize = 3;

/// What filling the queue left behind is given back within this time.
const SETTLING: Duration = Duration::from_secs(2);

const MIB: f64 = (1 << 20) as f64;

/// Resident memory in MiB, beside it what of it is anonymous: whichever is more, that of the
/// process which took the messages or of the one that found them.
pub(in crate::scenario) fn measure(
    running: &Broker,
    programs: &Programs,
) -> Result<Measured, Problem> {
    programs.require_one_disk()?;
    if running.kind != Kind::Hopwire {
        return Err("only Hopwire is started anew on its data".into());
    }
    let data = programs.folder.join("backlog");
    let measured = measure_on(programs, &data);
    // A gibibyte is not left lying there until the end.
    let removed = std::fs::remove_dir_all(&data);
    let measured = measured?;
    removed?;
    Ok(measured)
}

fn measure_on(programs: &Programs, data: &Path) -> Result<Measured, Problem> {
    let queue = "backlog";
    let mut peer = Peer::hopwire_on(programs, data)?;
    Connection::open(peer.broker.publish)?.declare_durable(queue)?;
    drain::fill(&peer.broker, queue, MESSAGES)?;
    sleep(SETTLING);
    let mut resident = resident_bytes(peer.broker.pid)?;
    let mut anonymous = memory_bytes(peer.broker.pid)?;
    let mut times = Vec::new();
    for _ in 0..REOPENINGS {
        // Kills it.
        drop(peer);
        let start = Instant::now();
        peer = Peer::hopwire_on(programs, data)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        let ready = Connection::open(peer.broker.publish)?.ready(queue)?;
        if ready != MESSAGES {
            return Err(format!("{ready} of {MESSAGES} messages outlived the broker").into());
        }
    }
    resident = resident.max(resident_bytes(peer.broker.pid)?);
    anonymous = anonymous.max(memory_bytes(peer.broker.pid)?);
    let mut consumer = drain::consumer(&peer.broker, queue)?;
    let first = drain::look(&mut consumer)?;
    drain::drain(&mut consumer, MESSAGES - first)?;
    consumer.connection.ready(queue)?;
    Ok(Measured {
        value: resident / MIB,
        extra: Some(anonymous / MIB),
        reopening_ms: median(times),
        disk_mib: Some(settled_bytes(data)? / MIB),
        ..Measured::default()
    })
}

/// What a folder uses once that changes no more.
fn settled_bytes(folder: &Path) -> Result<f64, Problem> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let deadline = Instant::now() + PATIENCE;
    let mut before = used_bytes(folder)?;
    loop {
        sleep(SETTLING);
        let after = used_bytes(folder)?;
        if after >= before || Instant::now() > deadline {
            return Ok(after);
        }
        before = after;
    }
}
