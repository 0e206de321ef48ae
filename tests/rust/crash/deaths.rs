//! Messages that die while the broker is killed again and again: rejected, expired, pushed out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicNackOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Confirmation};
use tokio::time::timeout;

use super::actors::{Outcome, begin, channel, next, send};
use super::ledger::Dice;
use super::{Directory, SETTINGS, number};
use crate::broker::{Broker, WAIT_MAX};

/// Where messages die, and of what.
const MORTAL: [&str; 3] = ["expiring", "rejecting", "short"];

/// Where all of them go.
const DEAD: &str = "dead";

/// What publishers and consumers of the dead know.
#[derive(Default)]
struct Known {
    next: u64,
    confirmed: BTreeSet<u64>,
    /// How often each was seen dead.
    seen: BTreeMap<u64, u32>,
}

fn home(number: u64) -> &'static str {
    MORTAL[(number % 3) as usize]
}

async fn declare(broker: &Broker) -> Outcome {
    let (_connection, channel) = channel(broker.amqp()).await?;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(DEAD.into(), durable, FieldTable::default()).await?;
    for queue in MORTAL {
        let mut table = FieldTable::default();
        let text = |text: &str| AMQPValue::LongString(text.into());
        table.insert("x-dead-letter-exchange".into(), text(""));
        table.insert("x-dead-letter-routing-key".into(), text(DEAD));
        match queue {
            "expiring" => drop(table.insert("x-message-ttl".into(), AMQPValue::LongInt(30))),
            "short" => drop(table.insert("x-max-length".into(), AMQPValue::LongInt(20))),
            _ => {}
        }
        channel.queue_declare(queue.into(), durable, table).await?;
    }
    Ok(())
}

async fn publish(broker: &Broker, known: &RefCell<Known>) -> Outcome {
    let (_connection, channel) = channel(broker.amqp()).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut open = VecDeque::new();
    loop {
        while open.len() < 60 {
            let number = {
                let mut known = known.borrow_mut();
                known.next += 1;
                known.next
            };
            let body = format!("{number} {}", "x".repeat(900));
            open.push_back((number, send(&channel, "", home(number), &body).await?));
        }
        for (number, confirm) in open.drain(..30) {
            if let Confirmation::Ack(_) = confirm.await? {
                known.borrow_mut().confirmed.insert(number);
            }
        }
    }
}

async fn reject(broker: &Broker) -> Outcome {
    let (_connection, channel) = channel(broker.amqp()).await?;
    let mut consumer = begin(&channel, "rejecting").await?;
    loop {
        let options = BasicNackOptions { requeue: false, multiple: false };
        next(&mut consumer).await?.nack(options).await?;
    }
}

/// Takes note of one that is dead, if there is one.
async fn see(channel: &Channel, known: &RefCell<Known>) -> lapin::Result<bool> {
    let Some(got) = channel.basic_get(DEAD.into(), BasicGetOptions::default()).await? else {
        return Ok(false);
    };
    let text = String::from_utf8_lossy(&got.data).into_owned();
    let number: u64 = text.split_once(' ').unwrap().0.parse().unwrap();
    assert!(number <= known.borrow().next, "{number} was never published");
    *known.borrow_mut().seen.entry(number).or_default() += 1;
    got.ack(BasicAckOptions::default()).await?;
    Ok(true)
}

async fn mourn(broker: &Broker, known: &RefCell<Known>) -> Outcome {
    let (_connection, channel) = channel(broker.amqp()).await?;
    loop {
        if !see(&channel, known).await? {
            tokio::task::yield_now().await;
        }
    }
}

#[test]
fn whatever_dies_reaches_the_dead_letter_queue_though_the_broker_is_killed() {
    let seed = number("CRASH_SEED", || std::process::id().into());
    println!("CRASH_SEED={seed}");
    let mut dice = Dice::new(seed);
    // One for all lives: the client has threads that must not outlive it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (directory, known) = (Directory::new(), RefCell::new(Known::default()));
    for life in 0..number("CRASH_ROUNDS", || 15) {
        let broker = directory.start(SETTINGS);
        let length = Duration::from_millis(dice.within(50..250));
        runtime.block_on(async {
            if life == 0 {
                declare(&broker).await.unwrap();
            }
            let work = async {
                tokio::join!(publish(&broker, &known), reject(&broker), mourn(&broker, &known))
            };
            // Nobody ends by himself.
            let _ = timeout(length, work).await;
        });
        drop(broker);
    }
    let broker = directory.start(SETTINGS);
    runtime.block_on(async {
        let (_connection, channel) = channel(broker.amqp()).await.unwrap();
        // The newest of the short queue live.
        let mut living = BTreeSet::new();
        let short = BasicGetOptions { no_ack: true };
        while let Some(got) = channel.basic_get("short".into(), short).await.unwrap() {
            let text = String::from_utf8_lossy(&got.data).into_owned();
            living.insert(text.split_once(' ').unwrap().0.parse::<u64>().unwrap());
        }
        assert!(living.len() <= 20, "{living:?}");
        let missing = || {
            let known = known.borrow();
            let is_missing = |it: &&u64| !known.seen.contains_key(it) && !living.contains(it);
            known.confirmed.iter().filter(is_missing).copied().collect::<Vec<_>>()
        };
        let all_dead = async {
            while see(&channel, &known).await.unwrap() || !missing().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let found = async {
            tokio::select! {
                end = reject(&broker) => panic!("{end:?}"),
                () = all_dead => {}
            }
        };
        let in_time = timeout(WAIT_MAX, found).await;
        assert!(in_time.is_ok(), "confirmed, and neither dead nor alive: {:?}", missing());
    });
    let known = known.borrow();
    let twice = known.seen.values().filter(|times| **times > 1).count();
    let (published, confirmed, dead) = (known.next, known.confirmed.len(), known.seen.len());
    println!("{published} published, {confirmed} confirmed, {dead} seen dead, {twice} repeatedly");
    assert!(dead > 0);
}
