//! Publishes in a row do what they do one by one, whatever they are grouped by on the way.

use model::{AckMode, LinkId, SourceId, VhostName};
use proptest::prelude::*;

use super::*;
use crate::queue::Positions;

/// Publishes in a row that each go where the topology says, or are refused.
const TOPOLOGY: [&str; 16] = [
    "user ann",
    "permit ann .* .* .*",
    "topic ann t ^k .*",
    "guest exchange d type=direct",
    "guest exchange t type=topic",
    "guest exchange h type=headers",
    "guest queue a x-max-length:3 x-overflow:reject-publish",
    "guest queue b x-max-length:4",
    "guest queue c",
    "guest bind d a k",
    "guest bind d b k",
    "guest bind d b l",
    "guest bind t b k.#",
    "guest bind t c #",
    "guest bind h c - x-match:any h:yes",
    // What goes through `d` by `k` is looked at for its headers, too.
    "guest bind d >h k",
];

/// A world in which Ann publishes, and what her publishes answered.
struct Publisher {
    world: World,
    answers: Vec<String>,
}

impl Publisher {
    fn new() -> Self {
        let mut world = World::new();
        for line in TOPOLOGY {
            let answer = world.hear(line);
            assert!(matches!(answer.as_str(), "ok" | "0 0"), "{line}: {answer}");
        }
        world.hear("ann publish - nowhere");
        Self { world, answers: Vec::new() }
    }

    /// Publishes all of it; after a refusal goes on behind the refused one.
    fn publish(&mut self, messages: &[Arc<Message>]) {
        let World { links, turn, broker, .. } = &mut self.world;
        let access = links.get_mut("ann").unwrap();
        let mut rest = messages;
        while !rest.is_empty() {
            let mut told = 0;
            let answers = &mut self.answers;
            let outcome = access.publish_all(turn, rest.iter().cloned(), |routed| {
                told += 1;
                answers.push(format!("{routed:?}"));
            });
            let Err(refusal) = outcome else {
                assert_eq!(told, rest.len());
                break;
            };
            answers.push(refusal.to_string());
            rest = &rest[told + 1..];
        }
        broker.finish(turn);
    }

    /// What was answered, what is in the queues, and what the exchanges have counted.
    fn outcome(mut self) -> (Vec<String>, Vec<String>, Vec<(u64, u64)>) {
        let mut contents = Vec::new();
        for name in ["a", "b", "c"] {
            let queue = self.world.links["guest"].vhost.queue(name).unwrap();
            let turn = &mut self.world.turn;
            let mut next = || queue.get(turn, LinkId(9), SourceId(0), AckMode::Automatic).unwrap();
            while let Some(got) = next() {
                let key = String::from_utf8_lossy(got.message.routing_key()).into_owned();
                let properties = got.message.properties().unwrap();
                contents.push(format!("{name} {key} {:?} {properties:?}", got.message.body()));
            }
        }
        let exchanges = self.world.broker.list_exchanges(&VhostName::root()).unwrap();
        let counted = exchanges.iter().map(|it| (it.published_in, it.published_out)).collect();
        (self.answers, contents, counted)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    })]

    #[test]
    fn publishes_in_a_row_do_what_they_do_one_by_one(
        steps in proptest::collection::vec(
            (0_usize..9, 0_usize..5, 0_usize..14, 1_usize..9),
            1..30,
        ),
    ) {
        let (mut together, mut apart) = (Publisher::new(), Publisher::new());
        let mut messages = Vec::new();
        for (to, by, rest, times) in steps {
            let to = ["-", "-", "d", "d", "t", "t", "h", "amq.rabbitmq.trace", "x"][to];
            let by = ["k", "l", "a", "b", "nothing"][by];
            let rest = *["h=yes", "user=ann", "user=bob", "cc=l", "bcc=k", "cc=!text", "size=101"]
                .get(rest)
                .unwrap_or(&"");
            for _ in 0..times {
                let size = format!("size={}", messages.len() % 100);
                messages.push(message(to, by, &[rest, &size]));
            }
        }
        together.publish(&messages);
        messages.iter().for_each(|message| apart.publish(std::slice::from_ref(message)));
        prop_assert_eq!(together.outcome(), apart.outcome());
    }
}

/// A queue is locked for so many messages at a time; the position of each that it turns down is
/// told right on either side of that limit.
#[test]
fn a_long_run_is_told_message_by_message() {
    for length in [Positions::MESSAGES_MAX, Positions::MESSAGES_MAX + 1, 200] {
        let mut publisher = Publisher::new();
        let messages: Vec<_> = (0..length).map(|_| message("-", "a", &[])).collect();
        publisher.publish(&messages);
        let rejected = publisher.answers.iter().map(|answer| answer.contains("rejected: true"));
        let expected = (0..length).map(|at| at >= 3);
        assert!(rejected.eq(expected), "{:?}", publisher.answers);
    }
}
