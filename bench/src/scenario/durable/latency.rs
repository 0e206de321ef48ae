//! How long a confirm takes at a pace that leaves the broker idle between messages, beside what one
//! sync takes. How fast the disk syncs changes from second to second, so stretches of publishing
//! and stretches of plain syncs take turns.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{BODY_BYTES, RECORD_BYTES, Written, with_queue};
use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::disk::{Log, paced_syncs};
use crate::figure::{Measured, median, quantile};
use crate::load::amqp::persistent;
use crate::peer::Programs;
use crate::scenario::body;
use crate::scenario::settled::Confirms;
use crate::scenario::settled::amqp::AmqpPublisher;

/// From one message to the next: 1,000 a second.
const EVERY: Duration = Duration::from_millis(1);

/// Messages of a stretch, and syncs.
const STRETCH: u32 = 250;

/// Stretches of each; the first of each is not counted.
const STRETCHES: u32 = 11;

/// The median in milliseconds; beside it the 99th percentile, and the median in syncs.
pub(in crate::scenario) fn measure(
    broker: &Broker,
    programs: &Programs,
) -> Result<Measured, Problem> {
    programs.require_one_disk()?;
    match broker.kind {
        Kind::Floor => {
            let (_, synced) = take_turns(programs, || Ok(Vec::new()))?;
            figures(synced.clone(), synced)
        }
        _ => with_queue(broker, |queue| confirm(broker, programs, queue)),
    }
}

fn confirm(broker: &Broker, programs: &Programs, queue: &str) -> Result<Measured, Problem> {
    let body = body::plain(BODY_BYTES);
    let mut publisher = AmqpPublisher::open(broker, queue, persistent(&body))?;
    let mut confirms = Confirms::default();
    let written = Written::read(broker)?;
    let (confirmed, synced) = take_turns(programs, || publish(&mut publisher, &mut confirms))?;
    written.require(confirmed.len() as u64)?;
    figures(confirmed, synced)
}

/// Stretches of `publish` and of plain syncs; returns how many milliseconds each took.
fn take_turns(
    programs: &Programs,
    mut publish: impl FnMut() -> Result<Vec<Duration>, Problem>,
) -> Result<(Vec<f64>, Vec<f64>), Problem> {
    let syncs = u64::from(STRETCH * STRETCHES);
    let mut log = Log::create_zeroed(&programs.folder, syncs * RECORD_BYTES as u64)?;
    let record = body::plain(RECORD_BYTES);
    let (mut confirmed, mut synced) = (Vec::new(), Vec::new());
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    for stretch in 0..STRETCHES {
        let took = publish()?;
        let syncs = paced_syncs(&mut log, &record, STRETCH, EVERY)?;
        if stretch > 0 {
            confirmed.extend(took.into_iter().map(ms));
            synced.extend(syncs.into_iter().map(ms));
        }
    }
    Ok((confirmed, synced))
}

fn figures(confirmed: Vec<f64>, synced: Vec<f64>) -> Result<Measured, Problem> {
    let value = median(confirmed.clone()).ok_or("nothing was confirmed")?;
    Ok(Measured {
        value,
        extra: quantile(confirmed, 0.99),
        syncs: median(synced).map(|sync| value / sync),
        ..Measured::default()
    })
}

/// Publishes a stretch; returns how long each message took from its write to its confirm.
fn publish(
    publisher: &mut AmqpPublisher,
    confirms: &mut Confirms,
) -> Result<Vec<Duration>, Problem> {
    let start = Instant::now();
    // Nanoseconds since the start.
    let sent: Vec<AtomicU64> = (0..STRETCH).map(|_| AtomicU64::new(0)).collect();
    let mut writing = publisher.stream.try_clone()?;
    let (stream, tape, ear) = (&mut publisher.stream, &mut publisher.tape, &mut publisher.ear);
    confirms.publish(sent.len());
    let mut took = Vec::new();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| -> std::io::Result<()> {
            let mut due = start;
            for sent in &sent {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let now = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
                sent.store(now, Ordering::Release);
                tape.write(&mut writing, 1)?;
                due += EVERY;
            }
            Ok(())
        });
        while confirms.waiting() > 0 {
            let before = confirms.waiting();
            ear.hear(stream, confirms)?;
            let now = start.elapsed();
            for sent in sent.iter().skip(took.len()).take(before - confirms.waiting()) {
                took.push(now.saturating_sub(Duration::from_nanos(sent.load(Ordering::Acquire))));
            }
        }
        sending.join().map_err(|_| "the publisher panicked")??;
        Ok(took)
    })
}
