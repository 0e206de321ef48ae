//! What clients know: what they published, what was confirmed, what they saw and acknowledged.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

/// A message: its publisher, and its number among the publisher's.
pub(super) type Id = (u8, u64);

/// A linear congruential generator with a scrambled output: the same numbers for a seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        mixed ^ (mixed >> 33)
    }

    pub(super) fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

/// A message on the wire: `<publisher>:<number>:`, then padding.
pub(super) fn body((publisher, number): Id, dice: &mut Dice) -> String {
    let padding = "x".repeat(dice.within(100..3000) as usize);
    format!("{publisher}:{number}:{padding}")
}

pub(super) fn id(body: &[u8]) -> Id {
    let text = std::str::from_utf8(body).unwrap();
    let mut words = text.split(':');
    let publisher = words.next().unwrap().parse().unwrap();
    (publisher, words.next().unwrap().parse().unwrap())
}

/// The queues that a message goes to: by the bindings that [`super::actors::prepare`] makes.
pub(super) fn route((publisher, number): Id) -> Vec<&'static str> {
    let mut queues = vec!["all"];
    queues.push(if number % 2 == 0 { "even" } else { "odd" });
    if publisher == 0 {
        queues.push("slow");
    }
    if number % 2 == 0 && publisher < 2 {
        queues.push("some");
    }
    queues
}

#[derive(Default)]
pub(super) struct Ledger(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    life: u32,
    /// By publisher: the next number.
    next: BTreeMap<u8, u64>,
    confirmed: HashSet<Id>,
    queues: HashMap<&'static str, QueueTable>,
    counts: Counts,
    violations: Vec<String>,
}

#[derive(Default)]
struct QueueTable {
    /// Handed out in any life.
    seen: HashSet<Id>,
    /// Handed out in this life; again only once given back.
    seen_now: HashSet<Id>,
    /// Given back in this life and not seen since.
    returned: HashSet<Id>,
    /// The last that was handed out for the first time in this life, by publisher.
    last: BTreeMap<u8, u64>,
    /// An ack was written.
    acked: HashSet<Id>,
    /// ... and known to be durable.
    settled: HashSet<Id>,
    /// Confirmed, not acknowledged, not seen in this life, by publisher.
    expected: BTreeMap<u8, BTreeSet<u64>>,
}

#[derive(Default)]
struct Counts {
    confirms: u64,
    deliveries: u64,
    redelivered: u64,
    acks: u64,
    returned: u64,
    /// Messages that came again though an ack had been written, which had not been synced.
    repeated: u64,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap()
    }

    pub(super) fn begin_life(&self, life: u32) {
        let tables = &mut *self.lock();
        tables.life = life;
        for table in tables.queues.values_mut() {
            table.seen_now.clear();
            table.returned.clear();
            table.last.clear();
            table.expected.clear();
        }
        for (publisher, number) in &tables.confirmed {
            for queue in route((*publisher, *number)) {
                let table = tables.queues.entry(queue).or_default();
                if !table.acked.contains(&(*publisher, *number)) {
                    table.expected.entry(*publisher).or_default().insert(*number);
                }
            }
        }
    }

    /// A message that is about to be published.
    pub(super) fn publish(&self, publisher: u8) -> Id {
        let tables = &mut *self.lock();
        let next = tables.next.entry(publisher).or_default();
        *next += 1;
        (publisher, *next)
    }

    pub(super) fn confirm(&self, ids: &[Id]) {
        let tables = &mut *self.lock();
        for id in ids {
            tables.counts.confirms += 1;
            tables.confirmed.insert(*id);
            for queue in route(*id) {
                let table = tables.queues.entry(queue).or_default();
                if !table.acked.contains(id) && !table.seen_now.contains(id) {
                    table.expected.entry(id.0).or_default().insert(id.1);
                }
            }
        }
    }

    /// A message was handed out.
    pub(super) fn deliver(&self, queue: &'static str, id: Id, is_redelivered: bool) {
        let tables = &mut *self.lock();
        let life = tables.life;
        let mut wrong = Vec::new();
        if tables.next.get(&id.0).is_none_or(|last| id.1 > *last) || !route(id).contains(&queue) {
            wrong.push("was never published there".to_owned());
        }
        let table = tables.queues.entry(queue).or_default();
        tables.counts.deliveries += 1;
        tables.counts.redelivered += u64::from(is_redelivered);
        if table.settled.contains(&id) {
            wrong.push(format!("was settled and synced; redelivered {is_redelivered}"));
        } else if table.acked.contains(&id) {
            tables.counts.repeated += 1;
        }
        if !table.seen.insert(id) && !is_redelivered {
            wrong.push("came again and does not say so".to_owned());
        }
        let is_first = table.seen_now.insert(id);
        if !is_first && !table.returned.remove(&id) {
            wrong.push("came twice in a life".to_owned());
        }
        if is_first {
            if let Some(last) = table.last.insert(id.0, id.1).filter(|last| *last > id.1) {
                wrong.push(format!("came behind {last}"));
            }
            let expected = table.expected.entry(id.0).or_default();
            expected.remove(&id.1);
            let skipped: Vec<_> = expected.range(..id.1).copied().collect();
            if !skipped.is_empty() {
                wrong.push(format!("came although {skipped:?} before it had not"));
                expected.retain(|number| *number > id.1);
            }
        }
        let text = |wrong| format!("life {life}, queue {queue}: {id:?} {wrong}");
        tables.violations.extend(wrong.into_iter().map(text));
    }

    /// An ack is about to be written.
    pub(super) fn ack(&self, queue: &'static str, id: Id) {
        let tables = &mut *self.lock();
        tables.counts.acks += 1;
        tables.queues.entry(queue).or_default().acked.insert(id);
    }

    /// A message is about to be given back.
    pub(super) fn give_back(&self, queue: &'static str, id: Id) {
        let tables = &mut *self.lock();
        tables.counts.returned += 1;
        tables.queues.entry(queue).or_default().returned.insert(id);
    }

    /// Acks are known to be durable: something that was written behind them was confirmed.
    pub(super) fn settle(&self, queue: &'static str, ids: &[Id]) {
        self.lock().queues.entry(queue).or_default().settled.extend(ids);
    }

    pub(super) fn violate(&self, what: String) {
        let tables = &mut *self.lock();
        let life = tables.life;
        tables.violations.push(format!("life {life}: {what}"));
    }

    /// Fails if anything was wrong so far.
    pub(super) fn check(&self) {
        let violations = self.lock().violations.clone();
        assert!(violations.is_empty(), "{}\n{}", violations.join("\n"), self.summary());
    }

    /// After everything was drained.
    pub(super) fn check_nothing_is_lost(&self) {
        self.check();
        let tables = self.lock();
        for (queue, table) in &tables.queues {
            let lost: Vec<_> = table.expected.iter().filter(|(_, left)| !left.is_empty()).collect();
            assert!(lost.is_empty(), "queue {queue} lost {lost:?}");
        }
        assert!(tables.counts.confirms > 0 && tables.counts.acks > 0);
    }

    pub(super) fn summary(&self) -> String {
        let tables = self.lock();
        let Counts { confirms, deliveries, redelivered, acks, returned, repeated } = tables.counts;
        let published: u64 = tables.next.values().sum();
        let settled: usize = tables.queues.values().map(|table| table.settled.len()).sum();
        format!(
            "{published} published, {confirms} confirmed; {deliveries} deliveries, {redelivered} \
             of them again; {returned} given back, {acks} acks, {settled} known to be durable, \
             {repeated} in vain"
        )
    }
}
