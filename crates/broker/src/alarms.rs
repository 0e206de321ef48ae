//! Alarms: what keeps publishers from publishing, and who is held until it is over.
//!
//! A link that has published while an alarm is in effect is held: its session reads nothing more
//! from its peer until all alarms are clear. Who only consumes is never held, so that what fills
//! the node can drain.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use foldhash::fast::RandomState;
use model::{Alarm, AlarmSet, LinkId};
use parking_lot::Mutex;

use crate::inbox::{Inbound, Inbox};
use crate::store::Store;
use crate::turn::Wakes;

/// The alarms of a node.
#[derive(Debug, Default)]
pub struct Alarms {
    /// Those in effect; changed under the lock of `held`, so that whoever is held hears of each
    /// change in order.
    current: AtomicU8,
    held: Mutex<HashMap<LinkId, Arc<Inbox>, RandomState>>,
    figures: Mutex<Figures>,
}

/// What was found at the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Memory that the node uses.
    pub memory: MemoryLevel,
    /// Room that the disk has.
    pub disk: DiskLevel,
    /// Why the store takes no more writes, if it does not.
    pub store_failure: Option<Box<str>>,
}

/// Memory that the node uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryLevel {
    /// Used, in bytes.
    pub used_bytes: u64,
    /// The alarm is in effect while more is used.
    pub limit_bytes: u64,
}

/// Room that the disk has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskLevel {
    /// Free, in bytes.
    pub free_bytes: u64,
    /// The alarm is in effect while less is free.
    pub limit_bytes: u64,
}

impl MemoryLevel {
    /// Source: RabbitMQ, `vm_memory_monitor`: at the limit is not yet above it.
    fn is_alarming(self) -> bool {
        self.used_bytes > self.limit_bytes
    }
}

impl DiskLevel {
    /// Source: RabbitMQ, `rabbit_disk_monitor`: at the limit is not yet below it.
    fn is_alarming(self) -> bool {
        self.free_bytes < self.limit_bytes
    }
}

impl Alarms {
    /// Those in effect: one relaxed load, asked for every run of publishes.
    pub fn current(&self) -> AlarmSet {
        AlarmSet::from_bits(self.current.load(Ordering::Relaxed))
    }

    /// What was found at the last look.
    pub fn figures(&self) -> Figures {
        self.figures.lock().clone()
    }

    /// Notes how much memory is used; sets or clears the alarm.
    pub fn note_memory(&self, level: MemoryLevel) {
        self.figures.lock().memory = level;
        let MemoryLevel { used_bytes, limit_bytes } = level;
        if !self.change(Alarm::Memory, level.is_alarming()) {
            return;
        }
        match level.is_alarming() {
            true => tracing::warn!(
                used_bytes,
                limit_bytes,
                "memory resource limit alarm set: publishers are blocked until less is used; \
                 let consumers drain the queues, or raise vm_memory_high_watermark"
            ),
            false => tracing::info!(
                used_bytes,
                limit_bytes,
                "memory resource limit alarm cleared: publishers go on"
            ),
        }
    }

    /// Notes how much room the disk has; sets or clears the alarm.
    pub fn note_disk(&self, level: DiskLevel) {
        self.figures.lock().disk = level;
        let DiskLevel { free_bytes, limit_bytes } = level;
        if !self.change(Alarm::Disk, level.is_alarming()) {
            return;
        }
        match level.is_alarming() {
            true => tracing::warn!(
                free_bytes,
                limit_bytes,
                "disk resource limit alarm set: publishers are blocked until more is free; \
                 make room on the disk of the data directory, or lower disk_free_limit"
            ),
            false => tracing::info!(
                free_bytes,
                limit_bytes,
                "disk resource limit alarm cleared: publishers go on"
            ),
        }
    }

    /// Looks at the store: whether too much waits for its writer, or nothing is taken any more.
    /// Two loads while all is well.
    pub fn look_at_store(self: &Arc<Self>, store: &Store) {
        if store.is_writable() {
            if store.is_full() {
                self.press(|then| store.when_room(then));
            }
        } else if !self.current().has(Alarm::Store)
            && let Some(failure) = store.failure()
        {
            self.fail_store(&failure.0);
        }
    }

    /// Notes that the store takes no more writes: until the node is restarted.
    fn fail_store(&self, failure: &dyn Display) {
        if self.change(Alarm::Store, true) {
            self.figures.lock().store_failure = Some(failure.to_string().into());
            tracing::error!(
                %failure,
                "store alarm set: publishers are blocked until the node is restarted; \
                 look at the disk first"
            );
        }
    }

    /// Notes that too much waits for the disk. `when_room` is given what to call once it does not.
    fn press(self: &Arc<Self>, when_room: impl FnOnce(Box<dyn FnOnce() + Send>)) {
        // Whoever set it has asked to be called already.
        if self.change(Alarm::Pressure, true) {
            let alarms = Arc::clone(self);
            when_room(Box::new(move || {
                alarms.change(Alarm::Pressure, false);
            }));
        }
    }

    /// Holds a link that has published, and says why; `None` if there is no reason any more.
    /// [`Inbound::Held`] tells it of other reasons, [`Inbound::Released`] of the end.
    pub fn hold(&self, link: LinkId, inbox: &Arc<Inbox>) -> Option<AlarmSet> {
        let mut held = self.held.lock();
        let current = self.current();
        if current.is_empty() {
            return None;
        }
        held.insert(link, Arc::clone(inbox));
        Some(current)
    }

    /// Forgets a link that ends.
    pub fn forget(&self, link: LinkId) {
        self.held.lock().remove(&link);
    }

    /// Sets or clears an alarm, and tells those who are held; whether that changed anything.
    fn change(&self, alarm: Alarm, is_set: bool) -> bool {
        let mut held = self.held.lock();
        let before = self.current();
        let after = if is_set { before.with(alarm) } else { before.without(alarm) };
        if after == before {
            return false;
        }
        self.current.store(after.bits(), Ordering::Relaxed);
        let mut wakes = Wakes::default();
        if after.is_empty() {
            for inbox in std::mem::take(&mut *held).into_values() {
                inbox.push(Inbound::Released, &mut wakes);
            }
        } else if after.announced() != before.announced() {
            held.values().for_each(|inbox| inbox.push(Inbound::Held(after), &mut wakes));
        }
        drop(held);
        wakes.wake_all();
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use super::*;
    use crate::store::disk::FakeDisk;
    use crate::store::{Batch, Failure, Place, QueueId, Settings, Ticket, Waiter};

    const LINK: LinkId = LinkId(1);

    fn memory(used_bytes: u64) -> MemoryLevel {
        MemoryLevel { used_bytes, limit_bytes: 100 }
    }

    fn disk(free_bytes: u64) -> DiskLevel {
        DiskLevel { free_bytes, limit_bytes: 100 }
    }

    fn heard(inbox: &Inbox) -> Vec<String> {
        let mut items = Vec::new();
        inbox.drain(&mut items);
        let show = |item| match item {
            Inbound::Held(alarms) => format!("held by {:?}", alarms.iter().collect::<Vec<_>>()),
            Inbound::Released => "released".to_owned(),
            other => panic!("{other:?}"),
        };
        items.into_iter().map(show).collect()
    }

    #[test]
    fn memory_at_the_limit_is_no_alarm_and_a_byte_above_is() {
        let alarms = Alarms::default();
        alarms.note_memory(memory(100));
        assert!(alarms.current().is_empty());
        alarms.note_memory(memory(101));
        assert!(alarms.current().has(Alarm::Memory));
        alarms.note_memory(memory(100));
        assert!(alarms.current().is_empty());
        assert_eq!(alarms.figures().memory, memory(100));
    }

    #[test]
    fn disk_at_the_limit_is_no_alarm_and_a_byte_below_is() {
        let alarms = Alarms::default();
        alarms.note_disk(disk(100));
        assert!(alarms.current().is_empty());
        alarms.note_disk(disk(99));
        assert!(alarms.current().has(Alarm::Disk));
        alarms.note_disk(disk(100));
        assert!(alarms.current().is_empty());
        assert_eq!(alarms.figures().disk, disk(100));
    }

    #[test]
    fn nobody_is_held_without_an_alarm() {
        let (alarms, inbox) = (Alarms::default(), Arc::new(Inbox::default()));
        assert_eq!(alarms.hold(LINK, &inbox), None);
        alarms.note_memory(memory(101));
        alarms.note_memory(memory(1));
        assert_eq!(heard(&inbox), [""; 0]);
    }

    #[test]
    fn who_is_held_hears_of_each_change_and_is_released_by_the_last() {
        let (alarms, inbox) = (Arc::new(Alarms::default()), Arc::new(Inbox::default()));
        alarms.note_memory(memory(101));
        let reason = alarms.hold(LINK, &inbox);
        assert_eq!(reason, Some(AlarmSet::NONE.with(Alarm::Memory)));
        // Nothing changes.
        alarms.note_memory(memory(102));
        assert_eq!(heard(&inbox), [""; 0]);
        alarms.note_disk(disk(1));
        alarms.note_memory(memory(1));
        assert_eq!(heard(&inbox), ["held by [Disk, Memory]", "held by [Disk]"]);
        alarms.note_disk(disk(100));
        assert_eq!(heard(&inbox), ["released"]);
        // Pressure besides is not worth a word.
        alarms.note_disk(disk(1));
        assert!(alarms.hold(LINK, &inbox).is_some());
        alarms.press(|then| then());
        assert_eq!(heard(&inbox), [""; 0]);
        alarms.note_disk(disk(100));
        assert_eq!(heard(&inbox), ["released"]);
        // It is held no more, until it publishes again.
        alarms.note_disk(disk(1));
        assert_eq!(heard(&inbox), [""; 0]);
    }

    #[test]
    fn who_ends_while_held_is_told_nothing() {
        let (alarms, inbox) = (Alarms::default(), Arc::new(Inbox::default()));
        alarms.note_disk(disk(1));
        alarms.hold(LINK, &inbox);
        alarms.forget(LINK);
        alarms.note_disk(disk(100));
        assert_eq!(heard(&inbox), [""; 0]);
    }

    #[test]
    fn pressure_ends_when_there_is_room_and_is_asked_for_once() {
        let (alarms, inbox) = (Arc::new(Alarms::default()), Arc::new(Inbox::default()));
        let mut has_room: Option<Box<dyn FnOnce() + Send>> = None;
        alarms.press(|then| has_room = Some(then));
        alarms.press(|_| panic!("it is set, and somebody will be called"));
        assert_eq!(alarms.hold(LINK, &inbox), Some(AlarmSet::NONE.with(Alarm::Pressure)));
        has_room.unwrap()();
        assert_eq!(heard(&inbox), ["released"]);
        // Room at once: the call comes before `press` returns.
        alarms.press(|then| then());
        assert!(alarms.current().is_empty());
    }

    #[test]
    fn a_failed_store_stays_failed() {
        let alarms = Alarms::default();
        alarms.fail_store(&"sync 7.log: no room");
        alarms.fail_store(&"write 8.log: no room");
        assert_eq!(alarms.figures().store_failure.as_deref(), Some("sync 7.log: no room"));
        alarms.note_disk(disk(1));
        alarms.note_disk(disk(100));
        assert_eq!(alarms.current(), AlarmSet::NONE.with(Alarm::Store));
    }

    const PATIENCE: Duration = Duration::from_secs(60);

    /// Tells whether it was synced.
    struct Told(Sender<bool>);

    impl Waiter for Told {
        fn synced(&self, _: Ticket) {
            self.0.send(true).unwrap();
        }

        fn failed(&self, _: &Failure) {
            self.0.send(false).unwrap();
        }
    }

    /// A store that is full beyond ten bytes, and syncs only if somebody waits.
    fn store(disk: &FakeDisk) -> Store {
        let settings =
            Settings { waiting_bytes_max: 10, sync_delay: PATIENCE, ..Settings::default() };
        Store::open(Arc::new(disk.clone()), settings).unwrap().0
    }

    fn message() -> Batch {
        let mut batch = Batch::new();
        batch.message(1, &[Place::new(QueueId(1), 0)], &[b"more than ten bytes"]).unwrap();
        batch
    }

    #[test]
    fn a_full_store_is_pressure_until_its_writer_has_caught_up() {
        let store = store(&FakeDisk::default());
        let (alarms, inbox) = (Arc::new(Alarms::default()), Arc::new(Inbox::default()));
        alarms.look_at_store(&store);
        assert!(alarms.current().is_empty());
        // The writer may be faster than a look.
        let is_held = (0..1000).any(|_| {
            store.append(message(), None).unwrap();
            alarms.look_at_store(&store);
            alarms.hold(LINK, &inbox) == Some(AlarmSet::NONE.with(Alarm::Pressure))
        });
        assert!(is_held);
        let (told, synced) = channel();
        store.append(Batch::new(), Some(Arc::new(Told(told)))).unwrap();
        assert!(synced.recv_timeout(PATIENCE).unwrap());
        assert_eq!(heard(&inbox), ["released"]);
        alarms.look_at_store(&store);
        assert!(alarms.current().is_empty());
    }

    #[test]
    fn a_store_whose_sync_failed_is_an_alarm() {
        let disk = FakeDisk::default();
        let (store, alarms) = (store(&disk), Arc::new(Alarms::default()));
        disk.fail_sync_after(0);
        let (told, synced) = channel();
        store.append(message(), Some(Arc::new(Told(told)))).unwrap();
        assert!(!synced.recv_timeout(PATIENCE).unwrap());
        alarms.look_at_store(&store);
        // Once is enough.
        alarms.look_at_store(&store);
        assert_eq!(alarms.current(), AlarmSet::NONE.with(Alarm::Store));
        assert!(alarms.figures().store_failure.is_some());
    }
}
