//! Channels: opening, closing, failing; exchanges and queues; small methods.

use engine::{Command, Refused, Reply};
use model::{DeclareMode, Destination, QueueName, Refusal, VhostName};
use wire::amqp::method::{access, basic, channel, confirm, exchange, queue, tx};

use super::peer::Peer;
use crate::session::Session;

fn no_queue() -> Refusal {
    Refusal::NoSuchQueue("q".into(), VhostName::root())
}

fn declared(name: &str) -> Reply {
    Reply::QueueDeclared { queue: QueueName::parse(name).unwrap(), messages: 3, consumers: 1 }
}

/// §13, 16 and 17.
#[test]
fn a_channel_is_opened_first_and_once() {
    let mut peer = Peer::open();
    peer.say(5, &queue::Declare::default());
    assert_eq!(
        peer.heard(),
        "0 connection.close 504 50.10 CHANNEL_ERROR - expected 'channel.open'"
    );
    let mut peer = Peer::open();
    peer.say(1, &channel::Open::default());
    assert_eq!(
        peer.heard(),
        "0 connection.close 504 20.10 CHANNEL_ERROR - second 'channel.open' seen"
    );
}

/// §13, 18. The peer has agreed on three channels; any number may name them.
#[test]
fn no_more_channels_than_agreed() {
    let mut peer = Peer::open();
    peer.open_channel(900);
    peer.say(3, &channel::Open::default());
    assert_eq!(peer.asked(), "open 3");
    peer.answer(3, Reply::Done);
    assert_eq!(peer.heard(), "3 channel.OpenOk { channel_id: LongString([]) }");
    peer.say(4, &channel::Open::default());
    assert_eq!(
        peer.heard(),
        "0 connection.close 530 20.10 NOT_ALLOWED - \
         number of channels opened (3) has reached the negotiated channel_max (3)"
    );
    assert_eq!(peer.asked(), "close 1 []; close 3 []; close 900 []");
}

#[test]
fn a_closed_channel_gives_back_and_its_number_is_free() {
    let mut peer = Peer::open();
    peer.say(1, &channel::Close::default());
    assert_eq!(peer.asked(), "close 1 []");
    assert_eq!(peer.heard(), "");
    peer.answer(1, Reply::Done);
    assert_eq!(peer.heard(), "1 channel.CloseOk");
    peer.open_channel(1);
}

/// §13, 23, 24 and 25.
#[test]
fn a_soft_error_closes_only_its_channel() {
    let mut peer = Peer::open();
    peer.open_channel(2);
    peer.say(1, &queue::Purge { queue: "q", no_wait: false });
    peer.drain();
    peer.refuse(1, Refused::Command, no_queue());
    assert_eq!(peer.heard(), "1 close 404 50.30 NOT_FOUND - no queue 'q' in vhost '/'");
    assert_eq!(peer.asked(), "close 1 []");
    peer.answer(1, Reply::Done);

    peer.publish(1, b"ignored");
    peer.say(1, &queue::Declare::default());
    assert_eq!((peer.heard(), peer.asked()), (String::new(), String::new()));
    peer.publish(2, b"heard");
    assert_eq!(peer.asked(), "publish 2 / heard");

    // Two closes that crossed: the peer's is answered, ours still waits.
    peer.say(1, &channel::Close::default());
    assert_eq!(peer.heard(), "1 channel.CloseOk");
    peer.say(1, &channel::CloseOk {});
    peer.open_channel(1);
}

#[test]
fn what_was_pipelined_behind_a_refused_publish_is_dropped() {
    let mut peer = Peer::open();
    peer.publish(1, b"m");
    peer.say(1, &queue::Purge { queue: "q", no_wait: false });
    peer.drain();
    let refusal =
        Refusal::NoSuchExchange(model::ExchangeName::parse("x").unwrap(), VhostName::root());
    peer.refuse(1, Refused::Publish, refusal);
    assert_eq!(peer.heard(), "1 close 404 60.40 NOT_FOUND - no exchange 'x' in vhost '/'");
    assert!(!peer.session.is_reading());
    peer.answer(1, Reply::Done);
    assert!(peer.session.is_reading());
}

#[test]
fn methods_are_carried_out_one_after_the_other() {
    let mut peer = Peer::open();
    peer.say(1, &queue::Declare { queue: "q", ..Default::default() });
    peer.say(1, &basic::Qos { prefetch_size: 0, prefetch_count: 5, global: false });
    assert_eq!(peer.heard(), "");
    peer.answer(1, declared("q"));
    assert_eq!(
        peer.heard(),
        "1 queue.DeclareOk { queue: \"q\", message_count: 3, consumer_count: 1 }; 1 basic.QosOk"
    );
}

/// §13, 26 and 27.
#[test]
fn small_methods_are_answered() {
    let mut peer = Peer::open();
    peer.say(1, &access::Request { realm: "/data", ..Default::default() });
    peer.say(1, &channel::Flow { active: true });
    peer.say(1, &channel::FlowOk { active: true });
    peer.say(1, &basic::CancelOk { consumer_tag: "t" });
    assert_eq!(peer.heard(), "1 access.RequestOk { ticket: 1 }; 1 channel.FlowOk { active: true }");
    peer.say(1, &channel::Flow { active: false });
    assert_eq!(peer.heard(), "0 connection.close 540 20.20 NOT_IMPLEMENTED - active=false");
    let mut peer = Peer::open();
    peer.say(1, &basic::Deliver::default());
    assert_eq!(peer.heard(), "0 connection.close 503 60.60 COMMAND_INVALID - unimplemented method");
}

/// §13, 44: and each answer is its method's own.
#[test]
fn exchange_methods_become_commands() {
    let mut peer = Peer::open();
    peer.say(
        1,
        &exchange::Declare {
            exchange: "e\r\n",
            kind: "topic",
            durable: true,
            passive: true,
            ..Default::default()
        },
    );
    let Some(Command::DeclareExchange(_, spec, DeclareMode::Passive)) = peer.actions.commands.pop()
    else {
        panic!("no declare");
    };
    assert_eq!((spec.name.as_str(), &*spec.kind, spec.is_durable), ("e", "topic", true));
    peer.answer(1, Reply::Done);
    peer.say(1, &exchange::Delete { exchange: "e", if_unused: true, no_wait: false });
    peer.answer(1, Reply::Done);
    let ends = exchange::Bind { destination: "d", source: "s", ..Default::default() };
    peer.say(1, &ends);
    peer.answer(1, Reply::Done);
    peer.say(1, &exchange::Bind { no_wait: true, ..ends });
    peer.answer(1, Reply::Done);
    peer.say(1, &exchange::Unbind { destination: "d", source: "s", ..Default::default() });
    let Some(Command::Unbind(_, binding)) = peer.actions.commands.pop() else {
        panic!("no unbind");
    };
    assert_eq!(binding.source.as_str(), "s");
    assert!(matches!(&binding.destination, Destination::Exchange(name) if name.as_str() == "d"));
    peer.answer(1, Reply::Done);
    assert_eq!(
        peer.heard(),
        "1 exchange.DeclareOk; 1 exchange.DeleteOk; 1 exchange.BindOk; 1 exchange.UnbindOk"
    );
}

/// §13, 45 and 46.
#[test]
fn an_empty_name_is_the_queue_declared_last() {
    let mut peer = Peer::open();
    peer.say(1, &queue::Declare { exclusive: true, ..Default::default() });
    let Some(Command::DeclareQueue(_, spec, DeclareMode::Active)) = peer.actions.commands.pop()
    else {
        panic!("no declare");
    };
    assert!(spec.name.is_none() && spec.is_exclusive);
    peer.answer(1, declared("amq.gen-1"));
    peer.drain();
    for (key, expected) in [("", "amq.gen-1"), ("k", "k")] {
        let bind = queue::Bind { exchange: "amq.topic", routing_key: key, ..Default::default() };
        peer.say(1, &bind);
        let Some(Command::Bind(_, binding)) = peer.actions.commands.pop() else {
            panic!("no bind");
        };
        assert_eq!(binding.key.as_bytes(), expected.as_bytes());
        assert!(
            matches!(&binding.destination, Destination::Queue(name) if name.as_str() == "amq.gen-1")
        );
        peer.answer(1, Reply::Done);
    }
    assert_eq!(peer.heard(), "1 queue.BindOk; 1 queue.BindOk");

    peer.open_channel(2);
    peer.say(2, &queue::Delete::default());
    assert_eq!(peer.heard(), "2 close 404 50.40 NOT_FOUND - no previously declared queue");
    peer.answer(2, Reply::Done);
    peer.say(1, &queue::Declare { passive: true, ..Default::default() });
    assert_eq!(peer.heard(), "1 close 404 50.10 NOT_FOUND - no queue '' in vhost '/'");
}

/// §13, 52 and 53.
#[test]
fn removed_messages_are_counted_to_the_peer() {
    let mut peer = Peer::open();
    peer.say(1, &queue::Purge { queue: "q", no_wait: false });
    peer.answer(1, Reply::Removed { messages: 7 });
    peer.say(1, &queue::Delete { queue: "q", if_empty: true, ..Default::default() });
    peer.answer(1, Reply::Removed { messages: 8 });
    peer.say(1, &queue::Unbind { queue: "q", ..Default::default() });
    peer.answer(1, Reply::Done);
    peer.say(1, &queue::Delete { queue: "q", no_wait: true, ..Default::default() });
    peer.answer(1, Reply::Removed { messages: 9 });
    assert_eq!(
        peer.heard(),
        "1 queue.PurgeOk { message_count: 7 }; 1 queue.DeleteOk { message_count: 8 }; \
         1 queue.UnbindOk"
    );
}

/// §13, 105.
#[test]
fn confirms_and_transactions_exclude_each_other() {
    let mut peer = Peer::open();
    peer.say(1, &confirm::Select { no_wait: true });
    peer.say(1, &confirm::Select { no_wait: false });
    assert_eq!(peer.heard(), "1 confirm.SelectOk");
    peer.say(1, &tx::Select {});
    assert_eq!(
        peer.heard(),
        "1 close 406 90.10 PRECONDITION_FAILED - cannot switch from confirm to tx mode"
    );
    let mut peer = Peer::open();
    peer.say(1, &tx::Select {});
    peer.say(1, &confirm::Select { no_wait: false });
    assert_eq!(
        peer.heard(),
        "1 tx.SelectOk; \
         1 close 406 85.10 PRECONDITION_FAILED - cannot switch from tx to confirm mode"
    );
    for commit in [true, false] {
        let mut peer = Peer::open();
        match commit {
            true => peer.say(1, &tx::Commit {}),
            false => peer.say(1, &tx::Rollback {}),
        }
        let method = if commit { 20 } else { 30 };
        assert_eq!(
            peer.heard(),
            format!("1 close 406 90.{method} PRECONDITION_FAILED - channel is not transactional")
        );
    }
}
