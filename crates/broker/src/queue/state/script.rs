//! The little language in which the rules of a queue are tested.
//!
//! A script is commands separated by `;`. What comes out is the effects in their order, then what
//! is left: `ready …`, the next first, `*` for redelivered; and `unacked …` by age.
//!
//! ```text
//! queue auto-delete ttl=5 expires=5 max-length=2 max-bytes=9 overflow=reject-publish dlx
//!       priorities=9 single-active delivery-limit=2
//! enqueue a b/7 c~50 d:9             b of priority 7, c with 50 ms to live, d of 9 bytes
//! consume x prefetch=2 priority=5 auto exclusive        of link x
//! get l auto                         by link l
//! ack x a b · requeue x a · reject x a · written x 2 · prefetch x 3
//! cancel x · lose x · purge · delete · touch · wait 50
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{
    AckMode, ConsumerId, ConsumerTag, ExchangeName, FieldTable, LinkId, Marks, Message, Outcome,
    SourceId,
};

use super::QueueState;
use crate::inbox::Inbox;
use crate::queue::command::Command;
use crate::queue::consumers::ConsumerSpec;
use crate::queue::effect::Effect;
use crate::queue::limits::{DeadLetterTarget, Limits, Overflow};
use crate::sample;

/// Runs `script` and compares what came out.
#[track_caller]
pub(super) fn check(script: &str, expected: &str) {
    let mut bench = Bench::new();
    for statement in script.split(';') {
        let words: Vec<&str> = statement.split_whitespace().collect();
        bench.run(&words);
        bench.check_invariants();
    }
    assert_eq!(bench.outcome(), expected, "{script}");
}

struct Bench {
    now: Instant,
    state: QueueState,
    /// The names of messages by sequence.
    names: Vec<String>,
    alarms: BTreeSet<Instant>,
    log: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            state: QueueState::new(now, Limits::default(), false),
            names: Vec::new(),
            alarms: BTreeSet::new(),
            log: Vec::new(),
        }
    }

    fn run(&mut self, words: &[&str]) {
        let (verb, rest) = words.split_first().unwrap();
        let link = || link(rest[0]);
        let consumer = ConsumerId(0);
        match *verb {
            "queue" => self.declare(rest),
            "enqueue" => rest.iter().for_each(|word| self.enqueue(word)),
            "consume" => {
                let spec = spec(rest);
                match self.state.admits(spec.is_exclusive) {
                    true => self.apply(Command::Consume(Box::new(spec))),
                    false => self.log.push(format!("refused {}", rest[0])),
                }
            }
            "get" => {
                let is_auto = rest.contains(&"auto");
                let ack = if is_auto { AckMode::Automatic } else { AckMode::Manual };
                self.apply(Command::Get(link(), ack));
            }
            "ack" => self.settle(rest, Outcome::Accept),
            "requeue" => self.settle(rest, Outcome::Requeue),
            "reject" => self.settle(rest, Outcome::Reject),
            "written" => {
                self.apply(Command::Written(link(), consumer, rest[1].parse().unwrap()));
            }
            "prefetch" => {
                self.apply(Command::SetPrefetch(link(), consumer, rest[1].parse().unwrap()));
            }
            "cancel" => self.apply(Command::Cancel(link(), consumer)),
            "lose" => self.apply(Command::Lose(link())),
            "purge" => self.apply(Command::Purge),
            "delete" => self.apply(Command::Delete),
            "touch" => self.apply(Command::Touch),
            "limit" => self.apply(Command::SetLimits(Box::new(limits(rest)))),
            "wait" => self.wait(Duration::from_millis(rest[0].parse().unwrap())),
            other => panic!("no such command: {other}"),
        }
    }

    fn declare(&mut self, words: &[&str]) {
        self.state = QueueState::new(self.now, limits(words), words.contains(&"auto-delete"));
        self.apply(Command::Touch);
    }

    fn enqueue(&mut self, word: &str) {
        let message = message(word);
        let name = String::from_utf8_lossy(message.routing_key()).into_owned();
        assert_eq!(self.names.len() as u64, self.state.next_sequence);
        self.names.push(name);
        self.apply(Command::Publish(message));
        // One that was turned down has no place.
        self.names.truncate(usize::try_from(self.state.next_sequence).unwrap());
    }

    fn settle(&mut self, words: &[&str], outcome: Outcome) {
        let (who, names) = words.split_first().unwrap();
        let sequence =
            |name: &&str| self.names.iter().position(|known| known == name).unwrap() as u64;
        let sequences: Vec<u64> = names.iter().map(sequence).collect();
        self.apply(Command::Settle(link(who), &sequences, outcome));
    }

    /// Lets time pass, and every alarm ring on its way.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.alarms.first().copied().filter(|at| *at <= end) {
            self.alarms.remove(&at);
            self.now = self.now.max(at);
            self.apply(Command::Tick);
        }
        self.now = end;
    }

    fn apply(&mut self, command: Command<'_>) {
        let settles = match command {
            Command::Settle(_, sequences, _) => Some(u32::try_from(sequences.len()).unwrap()),
            _ => None,
        };
        let mut effects = Vec::new();
        self.state.apply(self.now, command, &mut effects);
        for effect in effects {
            match effect {
                Effect::Tick(at) => drop(self.alarms.insert(at)),
                Effect::Counted(known) if settles == Some(known) => {}
                effect => self.log.push(self.show(&effect)),
            }
        }
    }

    fn show(&self, effect: &Effect) -> String {
        let star = |is_redelivered: &bool| if *is_redelivered { "*" } else { "" };
        match effect {
            Effect::Deliver { consumer, sequence, is_redelivered, message } => {
                assert_eq!(self.names[usize::try_from(*sequence).unwrap()], name(message));
                let tag = &self.state.consumer(*consumer).unwrap().tag;
                format!("deliver {tag} {}{}", name(message), star(is_redelivered))
            }
            Effect::Got { message, is_redelivered, .. } => {
                format!("got {}{}", name(message), star(is_redelivered))
            }
            Effect::Rejected => "turned down".to_owned(),
            Effect::Counted(count) => format!("count {count}"),
            Effect::DeadLetter { message, reason, .. } => {
                format!("dead {} {}", name(message), reason.as_str())
            }
            Effect::Cancelled(spec) => format!("cancelled {}", spec.tag),
            Effect::Ended => "ended".to_owned(),
            Effect::ReadBack(_) | Effect::Tick(_) => String::new(),
        }
    }

    fn check_invariants(&self) {
        let counts = self.state.counts();
        let is_idle = counts.ready == 0 || !self.state.consumers.is_any_ready();
        assert!(is_idle, "a message is ready and a consumer could take it");
        assert_eq!(counts.ready, self.ready().len() as u64);
        assert_eq!(counts.ready == 0, self.state.ready.head().is_none());
    }

    fn ready(&self) -> Vec<String> {
        let entries = self.state.ready.iter();
        entries
            .map(|(entry, returns)| {
                format!("{}{}", name(&entry.message), if returns > 0 { "*" } else { "" })
            })
            .collect()
    }

    fn outcome(mut self) -> String {
        let ready = self.ready();
        if !ready.is_empty() {
            self.log.push(format!("ready {}", ready.join(" ")));
        }
        let unacked: Vec<&str> = self
            .state
            .unacked
            .sequences()
            .into_iter()
            .map(|sequence| self.names[usize::try_from(sequence).unwrap()].as_str())
            .collect();
        if !unacked.is_empty() {
            self.log.push(format!("unacked {}", unacked.join(" ")));
        }
        self.log.join("; ")
    }
}

fn name(message: &Message) -> String {
    String::from_utf8_lossy(message.routing_key()).into_owned()
}

/// A link has the name of its one consumer.
fn link(name: &str) -> LinkId {
    LinkId(name.bytes().fold(0, |number, byte| number * 256 + u64::from(byte)))
}

fn value<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

fn spec(words: &[&str]) -> ConsumerSpec {
    let is_auto = words.contains(&"auto");
    ConsumerSpec {
        inbox: Arc::new(Inbox::default()),
        link: link(words[0]),
        consumer: ConsumerId(0),
        source: SourceId(0),
        tag: ConsumerTag::parse(words[0]).unwrap(),
        channel: 1,
        ack: if is_auto { AckMode::Automatic } else { AckMode::Manual },
        prefetch: value(words, "prefetch").map_or(0, |it| it.parse().unwrap()),
        is_exclusive: words.contains(&"exclusive"),
        priority: value(words, "priority").map_or(0, |it| it.parse().unwrap()),
        arguments: FieldTable::new(),
    }
}

fn limits(words: &[&str]) -> Limits {
    let number = |key| value(words, key).map(|it| it.parse::<u64>().unwrap());
    let target = || DeadLetterTarget { exchange: ExchangeName::default_exchange(), key: None };
    Limits {
        message_ttl: number("ttl").map(Duration::from_millis),
        lease: number("expires").map(Duration::from_millis),
        messages_max: number("max-length"),
        bytes_max: number("max-bytes"),
        overflow: value(words, "overflow")
            .map_or(Overflow::DropHead, |it| Overflow::parse(it).unwrap()),
        dead_letter: words.contains(&"dlx").then(target),
        priority_max: number("priorities").map(|max| u8::try_from(max).unwrap()),
        is_single_active: words.contains(&"single-active"),
        returns_max: number("delivery-limit").map(|max| u32::try_from(max).unwrap()),
        ..Limits::default()
    }
}

/// `name[/priority][~ttl][:bytes]`
fn message(word: &str) -> Arc<Message> {
    let (word, bytes) = word.split_once(':').unwrap_or((word, "1"));
    let (word, ttl) = word.split_once('~').map_or((word, None), |(word, ttl)| (word, Some(ttl)));
    let (name, priority) =
        word.split_once('/').map_or((word, None), |(word, level)| (word, Some(level)));
    let marks = Marks {
        priority: priority.map(|it| it.parse().unwrap()),
        expiration_ms: ttl.map(|it| it.parse().unwrap()),
        ..Marks::default()
    };
    sample::message(name, &vec![b'.'; bytes.parse().unwrap()], marks)
}
