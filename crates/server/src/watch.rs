//! Watches memory and disk, and tells the broker's alarms what it sees.
//!
//! Source: RabbitMQ, `vm_memory_monitor` and `rabbit_disk_monitor`.

mod machine;
mod watermark;

use std::sync::Arc;
use std::time::Duration;

use broker::alarms::{DiskLevel, MemoryLevel};
use broker::{Alarms, Broker};

pub(crate) use self::machine::{Machine, System};
pub(crate) use self::watermark::{DiskLimit, MemoryLimit, Watermarks};

/// How often the used memory is looked at. Source: RabbitMQ.
const MEMORY_INTERVAL: Duration = Duration::from_millis(2500);

/// The shortest and the longest time between two looks at the disk. Source: RabbitMQ.
const DISK_INTERVAL_MIN: Duration = Duration::from_millis(100);
const DISK_INTERVAL_MAX: Duration = Duration::from_secs(10);

/// While the alarm is in effect, where RabbitMQ looks every ten seconds: it starts a program for
/// each look, here it is one call, and publishers wait.
const DISK_INTERVAL_SET: Duration = Duration::from_secs(1);

/// How fast a disk is taken to fill up, in bytes per second. Source: RabbitMQ.
const DISK_FILL_RATE: u64 = 250_000_000;

/// Looks at memory and disk until dropped. The first look has been by [`look`].
pub(crate) async fn watch(machine: impl Machine, limits: Watermarks, broker: Arc<Broker>) {
    let alarms = broker.alarms();
    let mut memory = tokio::time::interval(MEMORY_INTERVAL);
    let mut disk = Box::pin(tokio::time::sleep(Duration::ZERO));
    let mut sight = Sight::default();
    loop {
        tokio::select! {
            _ = memory.tick() => {
                sight.look_at_memory(&machine, limits, alarms);
                // Publishers look at it themselves; but it can also fail when nobody publishes.
                if let Some(log) = broker.log() {
                    alarms.look_at_store(log.store());
                }
            }
            () = disk.as_mut() => {
                let interval = sight.look_at_disk(&machine, limits, alarms);
                disk.as_mut().reset(tokio::time::Instant::now() + interval);
            }
        }
    }
}

/// Looks once: an alarm that is due at the start is set before anybody can publish.
pub(crate) fn look(machine: &impl Machine, limits: Watermarks, alarms: &Alarms) {
    let mut sight = Sight::default();
    sight.look_at_memory(machine, limits, alarms);
    sight.look_at_disk(machine, limits, alarms);
}

/// What could not be read has been said once.
#[derive(Debug, Default)]
struct Sight {
    lacks_memory: bool,
    lacks_disk: bool,
}

impl Sight {
    fn look_at_memory(&mut self, machine: &impl Machine, limits: Watermarks, alarms: &Alarms) {
        match machine.used_memory_bytes() {
            Ok(used_bytes) => {
                let limit_bytes = limits.memory_bytes;
                alarms.note_memory(MemoryLevel { used_bytes, limit_bytes });
                self.lacks_memory = false;
            }
            Err(error) if !std::mem::replace(&mut self.lacks_memory, true) => {
                tracing::warn!(%error, "cannot read how much memory is used");
            }
            Err(_) => {}
        }
    }

    /// Says when to look again.
    fn look_at_disk(
        &mut self,
        machine: &impl Machine,
        limits: Watermarks,
        alarms: &Alarms,
    ) -> Duration {
        match machine.free_disk_bytes() {
            Ok(free_bytes) => {
                let level = DiskLevel { free_bytes, limit_bytes: limits.disk_free_bytes };
                alarms.note_disk(level);
                self.lacks_disk = false;
                disk_interval(level)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.lacks_disk, true) {
                    tracing::warn!(%error, "cannot read how much of the disk is free");
                }
                DISK_INTERVAL_MAX
            }
        }
    }
}

/// Twice as long as a fast disk would take to fill up to the limit.
fn disk_interval(DiskLevel { free_bytes, limit_bytes }: DiskLevel) -> Duration {
    let Some(distance_bytes) = free_bytes.checked_sub(limit_bytes) else {
        return DISK_INTERVAL_SET;
    };
    let ideal = Duration::from_millis(distance_bytes / (DISK_FILL_RATE / 2000));
    ideal.clamp(DISK_INTERVAL_MIN, DISK_INTERVAL_MAX)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};

    use model::{Alarm, AlarmSet};
    use tokio::time::{Instant, advance};

    use super::*;

    const LIMITS: Watermarks = Watermarks { memory_bytes: 100, disk_free_bytes: 1_000_000 };

    #[derive(Clone, Default)]
    struct Fake(Arc<Readings>);

    /// [`u64::MAX`] cannot be read.
    #[derive(Default)]
    struct Readings {
        used_memory: AtomicU64,
        free_disk: AtomicU64,
    }

    fn reading(value: &AtomicU64) -> io::Result<u64> {
        match value.load(Ordering::SeqCst) {
            u64::MAX => Err(io::ErrorKind::NotFound.into()),
            value => Ok(value),
        }
    }

    impl Machine for Fake {
        fn used_memory_bytes(&self) -> io::Result<u64> {
            reading(&self.0.used_memory)
        }

        fn free_disk_bytes(&self) -> io::Result<u64> {
            reading(&self.0.free_disk)
        }
    }

    fn start(used_memory: u64, free_disk: u64) -> (Fake, Arc<Alarms>) {
        let (fake, broker) = (Fake::default(), Broker::new(broker::Settings::default()));
        let alarms = Arc::clone(broker.alarms());
        fake.0.used_memory.store(used_memory, Ordering::SeqCst);
        fake.0.free_disk.store(free_disk, Ordering::SeqCst);
        tokio::spawn(watch(fake.clone(), LIMITS, broker));
        (fake, alarms)
    }

    /// How far the clock moves at a time; timers are as coarse as a millisecond.
    const STEP: Duration = Duration::from_millis(10);
    const TOLERANCE: Duration = Duration::from_millis(20);

    /// How long it takes until these alarms are in effect.
    async fn until(alarms: &Alarms, wanted: AlarmSet) -> Duration {
        let begun = Instant::now();
        while alarms.current() != wanted {
            assert!(begun.elapsed() < Duration::from_secs(30), "not within 30 s: {wanted:?}");
            advance(STEP).await;
        }
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_seen_within_two_and_a_half_seconds() {
        let (fake, alarms) = start(100, u64::MAX);
        advance(Duration::from_secs(5)).await;
        assert!(alarms.current().is_empty());
        fake.0.used_memory.store(101, Ordering::SeqCst);
        let memory = AlarmSet::NONE.with(Alarm::Memory);
        assert!(until(&alarms, memory).await <= MEMORY_INTERVAL + TOLERANCE);
        // What cannot be read changes nothing.
        fake.0.used_memory.store(u64::MAX, Ordering::SeqCst);
        advance(Duration::from_secs(5)).await;
        assert_eq!(alarms.current(), memory);
        fake.0.used_memory.store(100, Ordering::SeqCst);
        assert!(until(&alarms, AlarmSet::NONE).await <= MEMORY_INTERVAL + TOLERANCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_near_its_limit_is_looked_at_often_and_a_full_one_every_second() {
        let (fake, alarms) = start(0, 1_000_000);
        let disk = AlarmSet::NONE.with(Alarm::Disk);
        advance(Duration::from_secs(1)).await;
        fake.0.free_disk.store(999_999, Ordering::SeqCst);
        assert!(until(&alarms, disk).await <= DISK_INTERVAL_MIN + TOLERANCE);
        fake.0.free_disk.store(1_000_000, Ordering::SeqCst);
        assert!(until(&alarms, AlarmSet::NONE).await <= DISK_INTERVAL_SET + TOLERANCE);
    }

    #[test]
    fn the_further_the_limit_the_rarer_the_look() {
        let interval = |free_bytes| {
            let level = DiskLevel { free_bytes, limit_bytes: 1_000_000_000 };
            disk_interval(level).as_millis()
        };
        assert_eq!(interval(999_999_999), 1000);
        assert_eq!(interval(1_000_000_000), 100);
        assert_eq!(interval(1_012_500_000), 100);
        assert_eq!(interval(1_125_000_000), 1000);
        assert_eq!(interval(2_250_000_000), 10_000);
        assert_eq!(interval(u64::MAX), 10_000);
    }

    #[test]
    fn the_first_look_sets_what_is_due() {
        let (fake, alarms) = (Fake::default(), Alarms::default());
        fake.0.used_memory.store(101, Ordering::SeqCst);
        look(&fake, LIMITS, &alarms);
        assert_eq!(alarms.current(), AlarmSet::NONE.with(Alarm::Memory).with(Alarm::Disk));
        assert_eq!(alarms.figures().memory, MemoryLevel { used_bytes: 101, limit_bytes: 100 });
    }
}
