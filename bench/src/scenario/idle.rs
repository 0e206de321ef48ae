//! Memory of idle WebSocket sessions with one subscription each, of its own key.

use std::ops::Range;
use std::thread::sleep;
use std::time::Duration;

use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::figure::Measured;
use crate::load::{Crowd, Member};
use crate::peer::{Peer, Programs};
use crate::process::memory_bytes;

/// Sessions that are there before memory is read: what every process has is not theirs.
const BASE: u32 = 500;

/// RabbitMQ's sessions: it closes a WebSocket that says nothing for a minute, and takes longer
/// than that to accept ten thousand on a busy machine.
const SESSIONS_RABBITMQ: u32 = 4_000;

/// What handshakes left behind is given back within this time.
const SETTLING: Duration = Duration::from_secs(2);

/// Descriptors that are not sessions': listeners, logs, the peers' pipes.
const OTHER_DESCRIPTORS: u64 = 200;

/// More sessions are not tried, whatever the limit.
const SESSIONS_MAX: u64 = 100_000;

/// Sessions beside the base that a process may have at most, by the limit of descriptors.
pub(super) fn sessions_max() -> Result<u32, Problem> {
    let (_, hard) = rlimit::Resource::NOFILE.get()?;
    let sessions = hard.saturating_sub(OTHER_DESCRIPTORS + u64::from(BASE)).min(SESSIONS_MAX);
    Ok(u32::try_from(sessions)?)
}

/// Bytes per session of a process that was started for this.
pub(super) fn measure(
    running: &Broker,
    programs: &Programs,
    sessions: u32,
) -> Result<Measured, Problem> {
    let fresh = match running.kind {
        // Takes seconds to start.
        Kind::RabbitMq => None,
        kind => Peer::start(kind, programs)?,
    };
    let broker = fresh.as_ref().map_or(running, |peer| &peer.broker);
    let sessions = match broker.kind {
        Kind::RabbitMq => sessions.min(SESSIONS_RABBITMQ),
        _ => sessions,
    };
    let base = crowd(broker, 0..BASE)?;
    sleep(SETTLING);
    let before = memory_bytes(broker.pid)?;
    let more = crowd(broker, BASE..BASE + sessions)?;
    sleep(SETTLING);
    let after = memory_bytes(broker.pid)?;
    for crowd in [&base, &more] {
        crowd.gauge.check()?;
    }
    let value = (after - before) / f64::from(sessions);
    Ok(Measured { value, extra: Some(f64::from(sessions)), ..Measured::default() })
}

pub(super) fn crowd(broker: &Broker, users: Range<u32>) -> Result<Crowd, Problem> {
    Crowd::gather(users.map(|user| Member::Browser {
        browser: broker.browser(),
        destination: broker.kind.destination(&format!("idle.{user}")),
        message_bytes: 1,
    }))
}
