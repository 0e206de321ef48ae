//! Scripts, and random commands against what a stream promises its readers.
//!
//! A script is commands separated by `;`. What comes out is the effects in their order, then what
//! is kept. Bodies have one byte, so that a message counts as 49 bytes.
//!
//! ```text
//! stream max-bytes=98 age=50 segment=49     age in milliseconds
//! log 300                            kept in a log, at most so many bytes in memory
//! slow                               what is asked of the log comes with `read`
//! publish a b
//! read x 3 prefetch=2                of link x, from offset 3; `read` alone brings what was asked
//! ack x 2 · prefetch x 3 · cancel x · lose x · delete · wait 50
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use model::{
    AckMode, ConsumerId, ConsumerTag, FieldTable, FieldValue, Marks, Properties, SourceId,
};
use proptest::prelude::*;

use super::*;
use crate::inbox::Inbox;
use crate::queue::read_back::Read;
use crate::sample;

#[track_caller]
fn check(script: &str, expected: &str) {
    let mut bench = Bench::new(Limits::default());
    for statement in script.split(';') {
        let words: Vec<&str> = statement.split_whitespace().collect();
        bench.run(&words);
    }
    let kept: Vec<&str> = bench.names[usize::try_from(bench.state.first).unwrap()..]
        .iter()
        .map(String::as_str)
        .collect();
    bench.said.push(format!("kept {}", kept.join(" ")));
    assert_eq!(bench.said.join("; "), expected, "{script}");
}

struct Bench {
    now: Instant,
    state: StreamState,
    /// The bodies, by sequence.
    names: Vec<String>,
    said: Vec<String>,
    log: BTreeMap<u64, Arc<Message>>,
    asked: Vec<Wanted>,
    is_slow: bool,
    alarm: Option<Instant>,
    /// By link: from where on, the bound, what it holds, and which are not for it.
    readers: BTreeMap<u64, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    next: u64,
    prefetch: u16,
    outstanding: u32,
    is_filtered: bool,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let clock = Clock::read();
        Self {
            // Where the clock was read: a whole millisecond.
            now: clock.to_instant(0).unwrap(),
            state: StreamState::new(limits, clock),
            names: Vec::new(),
            said: Vec::new(),
            log: BTreeMap::new(),
            asked: Vec::new(),
            is_slow: false,
            alarm: None,
            readers: BTreeMap::new(),
        }
    }

    fn run(&mut self, words: &[&str]) {
        let number = |key: &str| -> Option<u64> {
            let value = |word: &&str| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok();
            words.iter().find_map(value)
        };
        let named = |at: usize| words.get(at).map(|word| link(word));
        match words[0] {
            "stream" => {
                let limits = Limits {
                    bytes_max: number("max-bytes"),
                    age_max: number("age").map(Duration::from_millis),
                    segment_bytes: number("segment"),
                    ..Limits::default()
                };
                self.apply(Command::SetLimits(Box::new(limits)));
            }
            "log" => {
                self.state.keep(0);
                self.state.set_held_bytes_max(words[1].parse().unwrap());
            }
            "slow" => self.is_slow = true,
            "publish" => words[1..].iter().for_each(|word| self.publish(word, None)),
            "read" if words.len() == 1 => self.answer(),
            "read" => {
                let prefetch = number("prefetch").map_or(1, |it| u16::try_from(it).unwrap());
                self.consume(named(1).unwrap(), words[2].parse().unwrap(), prefetch, false);
            }
            "ack" => self.credit(named(1).unwrap(), words[2].parse().unwrap()),
            "prefetch" => {
                let prefetch = words[2].parse().unwrap();
                if let Some(known) = self.readers.get_mut(&named(1).unwrap()) {
                    known.prefetch = known.prefetch.max(prefetch);
                }
                self.apply(Command::SetPrefetch(
                    LinkId(named(1).unwrap()),
                    ConsumerId(0),
                    prefetch,
                ));
            }
            "cancel" => self.apply(Command::Cancel(LinkId(named(1).unwrap()), ConsumerId(0))),
            "lose" => self.apply(Command::Lose(LinkId(named(1).unwrap()))),
            "delete" => self.apply(Command::Delete),
            "wait" => self.wait(words[1].parse().unwrap()),
            other => panic!("{other}"),
        }
    }

    fn publish(&mut self, body: &str, filter_value: Option<&str>) {
        let mut headers = FieldTable::new();
        if let Some(value) = filter_value {
            headers.set("x-stream-filter-value", FieldValue::string(value));
        }
        let properties = Properties { headers: Some(headers), ..Properties::default() };
        let message = sample::with_properties("k", body.as_bytes(), Marks::default(), &properties);
        self.names.push(body.to_owned());
        self.apply(Command::Publish(message));
    }

    fn consume(&mut self, link: u64, from: u64, prefetch: u16, is_filtered: bool) {
        let known = Known { next: from, prefetch, outstanding: 0, is_filtered };
        self.readers.insert(link, known);
        let mut arguments = FieldTable::new();
        if is_filtered {
            arguments.set("x-stream-filter", FieldValue::string("f"));
        }
        let spec = ConsumerSpec {
            inbox: Arc::new(Inbox::default()),
            link: LinkId(link),
            consumer: ConsumerId(0),
            source: SourceId(0),
            tag: ConsumerTag::parse("t").unwrap(),
            channel: 1,
            ack: AckMode::Manual,
            prefetch,
            is_exclusive: false,
            priority: 0,
            arguments,
        };
        self.apply(Command::Read(Box::new(spec), from));
    }

    fn credit(&mut self, link: u64, count: u32) {
        if let Some(known) = self.readers.get_mut(&link) {
            known.outstanding = known.outstanding.saturating_sub(count);
        }
        self.apply(Command::Credit(LinkId(link), SourceId(0), count));
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        if self.alarm.is_some_and(|at| at <= self.now) {
            self.alarm = None;
            self.apply(Command::Tick);
        }
    }

    fn apply(&mut self, command: Command<'_>) {
        let published = match &command {
            Command::Publish(message) => Some(Arc::clone(message)),
            _ => None,
        };
        let mut effects = Vec::new();
        self.state.apply(self.now, command, &mut effects);
        if let Some(changes) = self.state.changes() {
            if let (Some(came), Some(message)) = (changes.came.take(), published) {
                assert!(self.log.insert(came.sequence, message).is_none());
            }
            for range in &changes.gone {
                self.log.retain(|sequence, _| !(range.first..=range.last).contains(sequence));
            }
            changes.clear();
        }
        for effect in effects {
            self.hear(effect);
        }
        if !self.is_slow {
            self.answer();
        }
    }

    fn hear(&mut self, effect: Effect) {
        match effect {
            Effect::Deliver { consumer, sequence, is_redelivered, message } => {
                assert!(!is_redelivered);
                let body = String::from_utf8_lossy(message.body()).into_owned();
                assert_eq!(self.names[usize::try_from(sequence).unwrap()], body);
                let link = self.state.consumer(consumer).unwrap().link.0;
                self.note(link, sequence);
                self.said.push(format!("{} {body}", name(link)));
            }
            Effect::ReadBack(wanted) => {
                self.said.push(format!("ask {}-{}", wanted.first, wanted.last));
                self.asked.push(wanted);
            }
            Effect::Cancelled(spec) => self.said.push(format!("cancelled {}", name(spec.link.0))),
            Effect::Counted(count) => self.said.push(format!("counted {count}")),
            Effect::Tick(at) => self.alarm = Some(self.alarm.map_or(at, |alarm| alarm.min(at))),
            other => panic!("{other:?}"),
        }
    }

    /// What every delivery must be: the next that is kept and wanted, within the bound.
    fn note(&mut self, link: u64, sequence: u64) {
        let (first, names) = (self.state.first, &self.names);
        let known = self.readers.get_mut(&link).unwrap();
        assert!(sequence >= known.next, "{sequence} again");
        let missed = (known.next.max(first)..sequence).find(|missed| {
            !known.is_filtered || is_for_filter(&names[usize::try_from(*missed).unwrap()])
        });
        assert_eq!(missed, None, "before {sequence}");
        known.next = sequence + 1;
        known.outstanding += 1;
        assert!(known.outstanding <= u32::from(known.prefetch));
    }

    /// Brings what was asked of the log, two at a time.
    fn answer(&mut self) {
        while let Some(wanted) = self.asked.pop() {
            let mut its = self.log.range(wanted.first..=wanted.last);
            let read = |(sequence, message): (&u64, &Arc<Message>)| Read {
                message: Arc::clone(message),
                sequence: *sequence,
                deadline: None,
                returns: 0,
            };
            let messages = its.by_ref().take(2).map(read).collect();
            let has_all = its.next().is_none();
            self.apply(Command::ReadBack(ReadBack { wanted, messages, has_all }));
        }
    }

    /// Nobody with credit waits for something that is there.
    fn check_served(&self) {
        for (link, known) in &self.readers {
            let Some(from) = (known.outstanding < u32::from(known.prefetch))
                .then(|| known.next.max(self.state.first))
            else {
                continue;
            };
            let mut there = self.names.iter().enumerate().skip(usize::try_from(from).unwrap());
            let owed = there.find(|(_, name)| !known.is_filtered || is_for_filter(name));
            assert_eq!(owed, None, "link {link}");
        }
    }
}

fn is_for_filter(body: &str) -> bool {
    body == "f"
}

fn link(name: &str) -> u64 {
    name.bytes().next().unwrap().into()
}

fn name(link: u64) -> char {
    char::from(u8::try_from(link).unwrap())
}

#[test]
fn everybody_reads_everything_from_where_they_like() {
    check(
        "publish a b c; read x 0 prefetch=9; read y 2 prefetch=9; read z 3 prefetch=9; publish d",
        "x a; x b; x c; y c; x d; y d; z d; kept a b c d",
    );
}

#[test]
fn an_acknowledgement_returns_credit_and_takes_nothing_out() {
    check(
        "publish a b c; read x 0 prefetch=2; ack x 1; ack x 5; publish d e f",
        "x a; x b; x c; x d; x e; kept a b c d e f",
    );
    check(
        "publish a b c d; read x 0; prefetch x 3; prefetch x 0; prefetch x 1; ack x 2; ack x 1",
        "x a; x b; x c; x d; kept a b c d",
    );
}

#[test]
fn an_offset_beyond_the_end_waits_for_its_message() {
    check("read x 2 prefetch=9; publish a b c", "x c; kept a b c");
}

#[test]
fn who_is_cancelled_or_lost_hears_no_more_and_is_no_longer_known() {
    check(
        "read x 0 prefetch=9; read y 0 prefetch=9; publish a; cancel x; publish b; lose y; \
         publish c; ack x 1",
        "x a; y a; y b; kept a b c",
    );
    check(
        "read x 0; read y 0; publish a b; delete; publish c",
        "x a; y a; counted 2; cancelled x; cancelled y; kept a b c",
    );
}

#[test]
fn what_left_memory_is_read_from_the_log_and_shared_by_who_wants_the_same() {
    // A message takes 265 bytes in memory: one stays.
    check(
        "log 300; publish a b c d; slow; read x 0 prefetch=2; read y 0 prefetch=3; read; read",
        "ask 0-2; x a; x b; y a; y b; ask 2-2; y c; kept a b c d",
    );
    // What was read ahead needs no second look, and the tail none at all.
    check(
        "log 300; publish a b c; read x 0; ack x 1; ack x 1; publish d; ack x 1",
        "ask 0-1; x a; x b; x c; x d; kept a b c d",
    );
}

#[test]
fn what_was_read_for_a_consumer_that_is_gone_is_nobodys() {
    check(
        "log 300; publish a b c; slow; read x 0; cancel x; read y 0 prefetch=2; read",
        "ask 0-1; ask 0-1; y a; y b; kept a b c",
    );
}

#[test]
fn retention_drops_whole_granules_and_who_is_behind_goes_on_with_the_first_that_is_kept() {
    check(
        "stream max-bytes=196 segment=98; publish a b c d; read x 0; publish e; ack x 1; \
         publish f g",
        "x a; x c; kept e f g",
    );
    check(
        "log 300; stream max-bytes=98 segment=49; publish a b; slow; read x 0; publish c d; read",
        "ask 0-0; ask 2-2; x c; kept c d",
    );
}

#[test]
fn retention_by_age_needs_no_publisher() {
    check("stream age=50 segment=98; publish a b c; wait 49", "kept a b c");
    check("stream age=50 segment=98; publish a b c; wait 50", "kept c");
    check("stream age=50 segment=49; publish a; wait 30; publish b c; wait 20", "kept b c");
}

#[test]
fn a_log_that_failed_leaves_who_wants_more_waiting() {
    let mut bench = Bench::new(Limits::default());
    bench.state.keep(0);
    bench.state.set_held_bytes_max(300);
    bench.is_slow = true;
    ["a", "b"].iter().for_each(|body| bench.publish(body, None));
    bench.consume(link("x"), 0, 1, false);
    let wanted = bench.asked.pop().unwrap();
    bench.apply(Command::ReadBack(ReadBack { wanted, messages: Vec::new(), has_all: false }));
    assert_eq!((bench.asked.len(), bench.said.last().unwrap().as_str()), (0, "ask 0-0"));
}

#[derive(Clone, Debug)]
enum Step {
    Publish { is_for_filter: bool },
    Consume { link: u64, from: u64, prefetch: u16, is_filtered: bool },
    Cancel { link: u64 },
    Credit { link: u64, count: u32 },
    Prefetch { link: u64, prefetch: u16 },
    Wait { ms: u64 },
    ToggleSlow,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let link = || 0_u64..3;
    let step = prop_oneof![
        6 => any::<bool>().prop_map(|is_for_filter| Step::Publish { is_for_filter }),
        2 => (link(), 0_u64..12, 1_u16..5, any::<bool>()).prop_map(
            |(link, from, prefetch, is_filtered)| {
                Step::Consume { link, from, prefetch, is_filtered }
            }
        ),
        1 => link().prop_map(|link| Step::Cancel { link }),
        4 => (link(), 1_u32..4).prop_map(|(link, count)| Step::Credit { link, count }),
        1 => (link(), 1_u16..5).prop_map(|(link, prefetch)| Step::Prefetch { link, prefetch }),
        1 => (0_u64..20).prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::ToggleSlow),
    ];
    proptest::collection::vec(step, 0..80)
}

fn limits() -> impl Strategy<Value = Limits> {
    let some = |range| proptest::option::weighted(0.5, range);
    (some(0_u64..500), some(0_u64..50), some(0_u64..200)).prop_map(|(bytes, age_ms, segment)| {
        Limits {
            bytes_max: bytes,
            age_max: age_ms.map(Duration::from_millis),
            segment_bytes: segment,
            ..Limits::default()
        }
    })
}

impl Bench {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Publish { is_for_filter: true } => self.publish("f", Some("f")),
            Step::Publish { is_for_filter: false } => self.publish("g", None),
            Step::Consume { link, from, prefetch, is_filtered } => {
                self.consume(link, from, prefetch, is_filtered);
            }
            Step::Cancel { link } => {
                self.readers.remove(&link);
                self.apply(Command::Cancel(LinkId(link), ConsumerId(0)));
            }
            Step::Credit { link, count } => {
                let held = self.readers.get(&link).map_or(0, |known| known.outstanding);
                self.credit(link, count.min(held));
            }
            Step::Prefetch { link, prefetch } => {
                // A consumer may hold more than it may have from here on.
                if let Some(known) = self.readers.get_mut(&link)
                    && known.outstanding <= prefetch.into()
                {
                    known.prefetch = prefetch;
                    self.apply(Command::SetPrefetch(LinkId(link), ConsumerId(0), prefetch));
                }
            }
            Step::Wait { ms } => self.wait(ms),
            Step::ToggleSlow => self.is_slow = !self.is_slow,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Each reader gets what it wants of what is kept, in order, once, within its bound, and as
    /// soon as the log has it; the log holds what the stream keeps; memory stays within its bound.
    #[test]
    fn readers_get_everything_that_is_kept(
        limits in limits(),
        held_bytes_max in proptest::option::of(0_u64..2_000),
        steps in steps(),
    ) {
        let mut bench = Bench::new(limits);
        if let Some(bytes) = held_bytes_max {
            bench.state.keep(0);
            bench.state.set_held_bytes_max(bytes);
        }
        for step in &steps {
            bench.step(step);
            let state = &bench.state;
            prop_assert_eq!(state.next, bench.names.len() as u64);
            if let Some(bytes) = held_bytes_max {
                prop_assert!(bench.log.keys().copied().eq(state.first..state.next));
                prop_assert!(state.tail.bytes() <= bytes);
            }
            if !bench.is_slow && bench.asked.is_empty() {
                bench.check_served();
            }
        }
        bench.is_slow = false;
        bench.answer();
        bench.check_served();
        for link in 0..3 {
            bench.apply(Command::Lose(LinkId(link)));
        }
        prop_assert_eq!(bench.state.ahead_bytes, 0);
        prop_assert_eq!(bench.state.readers.len(), 0);
    }
}
