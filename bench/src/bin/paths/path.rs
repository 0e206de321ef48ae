//! The paths: what each sets up, and what of it is counted.

use crate::amqp::{self, Ack};
use crate::node::{AmqpPeer, Node, StompPeer};
use crate::{Problem, measured, stomp};

/// A path by its name.
pub(crate) struct Path {
    /// As `bench/counts.tsv` names it.
    pub(crate) name: &'static str,
    /// Runs it; how many units were measured.
    pub(crate) run: fn() -> Result<usize, Problem>,
}

/// Every path.
pub(crate) const PATHS: &[Path] = &[
    Path { name: "amqp-publish", run: || publish(Confirms::No) },
    Path { name: "amqp-confirm", run: || publish(Confirms::Yes) },
    Path { name: "amqp-deliver-auto", run: || deliver(Ack::Automatic) },
    Path { name: "amqp-deliver-ack", run: || deliver(Ack::Manual) },
    Path { name: "stomp-send", run: send },
    Path { name: "stomp-fan-out-append", run: fan_out_append },
    Path { name: "stomp-fan-out-deliver", run: || fan_out_deliver("", 128) },
    Path {
        name: "stomp-fan-out-deliver-deflate",
        run: || fan_out_deliver("permessage-deflate; client_max_window_bits", 1024),
    },
    Path { name: "route-100", run: || route(100) },
    Path { name: "route-100000", run: || route(100_000) },
    Path { name: "subscribe-100", run: || subscribe(100) },
    Path { name: "subscribe-100000", run: || subscribe(100_000) },
];

/// Messages that one read brings.
const BATCH: usize = 64;

/// Rounds before it counts: tables have grown, buffers are there.
const WARM_UP: usize = 4;

/// Rounds that count.
const ROUNDS: usize = 100;

/// Readers of one topic where the publisher's share is counted.
const CAUGHT_UP: usize = 1000;

/// Subscriptions that one page holds where there are many.
const PER_PAGE: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Confirms {
    Yes,
    No,
}

/// JSON of this many bytes, not all alike.
fn body(bytes: usize) -> String {
    let rows = (0..).map(|row| format!("{{\"row\":{row},\"value\":{}}},", row * 7919 % 1000));
    let mut text = String::new();
    for row in rows {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&row);
    }
    text.truncate(bytes);
    text
}

/// A batch of publishes with one key.
fn batch(exchange: &str, key: &str, body_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..BATCH {
        amqp::publish(&mut out, exchange, key, &body(body_bytes));
    }
    out
}

/// Runs a round until it is warm, then measures it. `round` calls what it is given around what
/// counts.
fn repeat(
    mut round: impl FnMut(&mut Measure<'_>) -> Result<(), Problem>,
) -> Result<usize, Problem> {
    for _ in 0..WARM_UP {
        round(&mut |work| work())?;
    }
    for _ in 0..ROUNDS {
        round(&mut |work| measured(work))?;
    }
    Ok(ROUNDS)
}

/// Runs what counts.
type Measure<'a> = dyn FnMut(&mut dyn FnMut() -> Result<(), Problem>) -> Result<(), Problem> + 'a;

/// The bytes that came are at least as many as they must be.
fn at_least(found: usize, wanted: usize) -> Result<(), Problem> {
    match found >= wanted {
        true => Ok(()),
        false => Err(format!("{found} bytes came, at least {wanted} must").into()),
    }
}

/// Unit: one message of 128 bytes, decoded, routed by the default exchange, put into a queue that
/// nobody consumes; with confirms, also its confirm.
fn publish(confirms: Confirms) -> Result<usize, Problem> {
    let node = Node::start();
    let mut back_end = node.back_end()?;
    amqp::declare_queue(&mut back_end, "q")?;
    if confirms == Confirms::Yes {
        amqp::select_confirms(&mut back_end)?;
    }
    let publishes = batch("", "q", 128);
    let rounds = repeat(|measure| {
        measure(&mut || {
            let answered = back_end.say(&publishes)?;
            at_least(answered, if confirms == Confirms::Yes { 21 } else { 0 })
        })
    })?;
    Ok(rounds * BATCH)
}

/// Unit: one message of 128 bytes from its publish to its consumer's socket; with manual acks, and
/// its acknowledgement.
fn deliver(ack: Ack) -> Result<usize, Problem> {
    let node = Node::start();
    let mut back_end = node.back_end()?;
    let mut worker = node.back_end()?;
    amqp::declare_queue(&mut back_end, "q")?;
    amqp::consume(&mut worker, "q", ack)?;
    let publishes = batch("", "q", 128);
    let mut tag = 0;
    let rounds = repeat(|measure| {
        let mut acks = Vec::new();
        for _ in 0..BATCH {
            tag += 1;
            amqp::ack(&mut acks, tag);
        }
        measure(&mut || {
            back_end.say(&publishes)?;
            at_least(worker.turn()?, BATCH * 128)?;
            if let Ack::Manual = ack {
                worker.say(&acks)?;
            }
            Ok(())
        })
    })?;
    Ok(rounds * BATCH)
}

/// Unit: one SEND of 128 bytes over WebSocket into a queue that nobody consumes.
fn send() -> Result<usize, Problem> {
    let node = Node::start();
    let mut page = node.page("")?;
    amqp::declare_queue(&mut node.back_end()?, "q")?;
    let sends = stomp::send("/amq/queue/q", &body(128)).repeat(BATCH);
    let rounds = repeat(|measure| measure(&mut || page.say(&sends).map(drop)))?;
    Ok(rounds * BATCH)
}

/// Unit: one message of 128 bytes published to a topic whose thousand subscribers have read
/// everything; not their reading.
fn fan_out_append() -> Result<usize, Problem> {
    let node = Node::start();
    let mut back_end = node.back_end()?;
    let mut pages = pages(&node, "", CAUGHT_UP)?;
    let mut publishes = Vec::new();
    amqp::publish(&mut publishes, "amq.topic", "news", &body(128));
    repeat(|measure| {
        measure(&mut || back_end.say(&publishes).map(drop))?;
        pages.iter_mut().try_for_each(|page| at_least(page.turn()?, 128))
    })
}

/// Unit: one delivery, of a batch, to a subscriber that is not the first to write it.
fn fan_out_deliver(extensions: &str, body_bytes: usize) -> Result<usize, Problem> {
    let node = Node::start();
    let mut back_end = node.back_end()?;
    let mut pages = pages(&node, extensions, 2)?;
    let [first, second] = pages.as_mut_slice() else {
        return Err("two pages".into());
    };
    let publishes = batch("amq.topic", "news", body_bytes);
    let rounds = repeat(|measure| {
        back_end.say(&publishes)?;
        let bytes = first.turn()?;
        measure(&mut || at_least(second.turn()?, bytes))
    })?;
    Ok(rounds * BATCH)
}

/// Pages that are subscribed to one topic.
fn pages(node: &Node, extensions: &str, count: usize) -> Result<Vec<StompPeer>, Problem> {
    let subscribed = (0..count).map(|_| {
        let mut page = node.page(extensions)?;
        page.expect(&stomp::subscribe("0", "/topic/news"), "receipt-id:0\n")?;
        Ok(page)
    });
    subscribed.collect()
}

/// Users, each with a subscription of their own, a hundred to a page.
struct Users {
    back_end: AmqpPeer,
    pages: Vec<StompPeer>,
    count: usize,
}

impl Users {
    fn subscribe(node: &Node, count: usize) -> Result<Self, Problem> {
        let mut back_end = node.back_end()?;
        amqp::declare_topic(&mut back_end, "users")?;
        let mut users = Self { back_end, pages: Vec::new(), count: 0 };
        while users.count < count {
            let mut page = node.page("")?;
            let mut subscribes = Vec::new();
            for _ in 0..PER_PAGE {
                let user = users.count;
                let destination = format!("/exchange/users/user.{user}");
                subscribes.extend(stomp::subscribe(&user.to_string(), &destination));
                users.count += 1;
            }
            page.expect(&subscribes, format!("receipt-id:{}\n", users.count - 1))?;
            users.pages.push(page);
        }
        Ok(users)
    }

    /// Users far apart, as many as a batch has messages.
    fn sample(&self) -> Vec<usize> {
        (0..BATCH).map(|number| number * 7919 % self.count).collect()
    }
}

/// Unit: one message of 128 bytes published to one of `count` users by the key `user.<id>`.
fn route(count: usize) -> Result<usize, Problem> {
    let node = Node::start();
    let mut users = Users::subscribe(&node, count)?;
    let sample = users.sample();
    let mut publishes = Vec::new();
    for user in &sample {
        amqp::publish(&mut publishes, "users", &format!("user.{user}"), &body(128));
    }
    let rounds = repeat(|measure| {
        measure(&mut || users.back_end.say(&publishes).map(drop))?;
        let mut bytes = 0;
        let mut readers: Vec<usize> = sample.iter().map(|user| user / PER_PAGE).collect();
        readers.sort_unstable();
        readers.dedup();
        for reader in readers {
            let page = users.pages.get_mut(reader).ok_or("no such page")?;
            bytes += page.turn()?;
        }
        at_least(bytes, BATCH * 128)
    })?;
    Ok(rounds * BATCH)
}

/// Unit: one SUBSCRIBE to a key of one's own and its UNSUBSCRIBE, beside `count` others.
fn subscribe(count: usize) -> Result<usize, Problem> {
    let node = Node::start();
    let _others = Users::subscribe(&node, count)?;
    let mut page = node.page("")?;
    let frames: Vec<u8> = (0..BATCH)
        .flat_map(|number| {
            let id = format!("n{number}");
            let subscribe = stomp::subscribe(&id, &format!("/exchange/users/user.{id}"));
            [subscribe, stomp::unsubscribe(&id)].concat()
        })
        .collect();
    page.expect(&frames, format!("receipt-id:n{}\n", BATCH - 1))?;
    let receipts = BATCH * 2 * "RECEIPT\nreceipt-id:n0\n\n\0".len();
    let rounds = repeat(|measure| measure(&mut || at_least(page.say(&frames)?, receipts)))?;
    Ok(rounds * BATCH)
}
