//! Memory of idle WebSocket sessions with one subscription each, of its own key.

use std::time::Duration;

use crate::Problem;
use crate::measure::Broker;
use crate::process::memory_bytes;
use crate::subscriber::Crowd;

/// What was left behind by the handshakes is given back within this time.
const SETTLING: Duration = Duration::from_secs(2);

pub(super) async fn measure(broker: &Broker, sessions: u32) -> Result<f64, Problem> {
    // The first thousand warm the allocator up: what they leave behind serves the next.
    drop(crowd(broker, 1000).await?);
    tokio::time::sleep(SETTLING).await;
    let base = crowd(broker, 1000).await?;
    tokio::time::sleep(SETTLING).await;
    let before = memory_bytes(broker.pid)?;
    let more = crowd(broker, sessions).await?;
    tokio::time::sleep(SETTLING).await;
    let after = memory_bytes(broker.pid)?;
    drop((base, more));
    Ok((after - before).max(0.0) / f64::from(sessions))
}

async fn crowd(broker: &Broker, sessions: u32) -> Result<Crowd, Problem> {
    let destinations = (0..sessions).map(|user| format!("/exchange/amq.topic/idle.{user}"));
    Crowd::gather(&broker.ws, destinations, false).await
}
