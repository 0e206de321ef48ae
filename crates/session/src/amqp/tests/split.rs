//! Conversations cut at any place, and bent at any place.

use engine::{Channel, Command, Event, Reply};
use model::QueueName;
use proptest::prelude::*;
use wire::amqp::encoder::{Content, encode_content, encode_method};
use wire::amqp::method::{Arguments, basic, channel, confirm, connection, queue, tx};
use wire::amqp::protocol_header::PROTOCOL_HEADER;

use super::peer::{Peer, message, start_ok};
use crate::amqp::Settings;
use crate::session::Session;

fn say<'a>(out: &mut Vec<u8>, channel: u16, method: &impl Arguments<'a>) {
    encode_method(out, channel, method);
}

/// A whole life: login, two channels, publishes with confirms, a transaction, a consumer, the end.
fn life() -> Vec<u8> {
    let mut out = PROTOCOL_HEADER.to_vec();
    say(&mut out, 0, &start_ok("PLAIN", b"\0guest\0guest", &[]));
    say(&mut out, 0, &connection::TuneOk { channel_max: 9, frame_max: 4096, heartbeat: 5 });
    say(&mut out, 0, &connection::Open { virtual_host: "/", ..Default::default() });
    say(&mut out, 1, &channel::Open::default());
    say(&mut out, 2, &channel::Open::default());
    say(&mut out, 1, &queue::Declare { queue: "q", ..Default::default() });
    say(&mut out, 1, &confirm::Select { no_wait: false });
    say(&mut out, 2, &tx::Select {});
    for channel in [1, 2] {
        let publish = basic::Publish { routing_key: b"q", ..Default::default() };
        let content = Content { properties: &[0x10, 0, 2], body: &[b'x'; 5000] };
        encode_content(&mut out, channel, &publish, content, 4096);
    }
    let publish = basic::Publish { routing_key: b"q", ..Default::default() };
    let content = Content { properties: &[0x10, 0, 2], body: b"whole" };
    encode_content(&mut out, 2, &publish, content, 4096);
    say(&mut out, 2, &tx::Commit {});
    say(&mut out, 1, &basic::Consume { queue: "q", consumer_tag: "t", ..Default::default() });
    say(&mut out, 1, &basic::Ack { delivery_tag: 0, multiple: true });
    say(&mut out, 1, &basic::Get { queue: "q", no_ack: false });
    say(&mut out, 1, &basic::Cancel { consumer_tag: "t", no_wait: false });
    say(&mut out, 2, &channel::Close::default());
    say(&mut out, 0, &connection::Close::default());
    out
}

/// An engine that does what it is asked for.
fn obey(peer: &mut Peer) -> String {
    let mut heard = Vec::new();
    loop {
        let commands: Vec<Command> = peer.actions.commands.drain(..).collect();
        if commands.is_empty() {
            break;
        }
        for command in commands {
            let channel = command.channel();
            let event = match command {
                Command::Login(_) => Event::Answered(channel, Reply::LoggedIn),
                Command::DeclareQueue(..) => {
                    let queue = QueueName::parse("q").unwrap();
                    let reply = Reply::QueueDeclared { queue, messages: 0, consumers: 0 };
                    Event::Answered(channel, reply)
                }
                Command::Get(..) => Event::Answered(channel, Reply::Got(None)),
                Command::PurgeQueue(..) | Command::DeleteQueue(..) => {
                    Event::Answered(channel, Reply::Removed { messages: 0 })
                }
                Command::Publish(publish) => match publish.confirm {
                    Some(number) => Event::Confirmed(channel, number),
                    None => continue,
                },
                Command::Flush(_, number) => Event::Confirmed(channel, number),
                Command::Settle(..)
                | Command::Written(..)
                | Command::Describe(_)
                | Command::DescribeChannel(..) => continue,
                _ => Event::Answered(channel, Reply::Done),
            };
            peer.hear(event);
        }
        peer.deliver(0, 1, &message("q", &[0, 0], b"m"));
    }
    heard.push(peer.heard());
    heard.retain(|heard| !heard.is_empty());
    heard.join("; ")
}

/// All that is said to a peer who says `pieces`, and whether the connection is over.
///
/// Without the number of deliveries, which depends on how often the engine was asked.
fn answers(pieces: &[&[u8]]) -> (String, bool) {
    let mut peer = Peer::new(Settings::default());
    let mut heard = Vec::new();
    for piece in pieces {
        peer.send(piece);
        let said = obey(&mut peer);
        let said = said.split("; ").filter(|said| !said.is_empty() && !is_delivery(said));
        heard.extend(said.map(str::to_owned));
    }
    (heard.join("; "), peer.is_over())
}

fn is_delivery(said: &str) -> bool {
    ["1 deliver", "1 header", "1 body"].iter().any(|start| said.starts_with(start))
}

/// The start is shown as bytes of its table; what matters here comes behind it.
fn behind_start(answers: &str) -> &str {
    answers.split_once("0 connection.Tune ").map_or(answers, |(_, behind)| behind)
}

#[test]
fn a_whole_life() {
    let (said, is_over) = answers(&[&life()]);
    assert_eq!(
        behind_start(&said),
        "{ channel_max: 2047, frame_max: 131072, heartbeat: 60 }; \
         0 connection.OpenOk { known_hosts: [] }; \
         1 channel.OpenOk { channel_id: LongString([]) }; \
         2 channel.OpenOk { channel_id: LongString([]) }; \
         1 queue.DeclareOk { queue: \"q\", message_count: 0, consumer_count: 0 }; \
         1 confirm.SelectOk; 2 tx.SelectOk; 2 tx.CommitOk; \
         1 basic.ConsumeOk { consumer_tag: \"t\" }; 1 basic.GetEmpty { cluster_id: [] }; \
         1 basic.CancelOk { consumer_tag: \"t\" }; 2 channel.CloseOk; 1 ack #1; \
         0 connection.CloseOk"
    );
    assert!(is_over);
}

/// Confirms are told at the end of a batch, so their place depends on the cut; nothing else does.
fn without_confirms(said: &str) -> String {
    behind_start(said).replace("; 1 ack #1", "")
}

proptest! {
    #[test]
    fn any_cut_says_the_same(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9)) {
        let life = life();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(life.len())).collect();
        ends.extend([0, life.len()]);
        ends.sort_unstable();
        let pieces: Vec<&[u8]> = ends.windows(2).map(|ends| &life[ends[0]..ends[1]]).collect();
        let (said, is_over) = answers(&pieces);
        prop_assert!(is_over);
        prop_assert_eq!(without_confirms(&said), without_confirms(&answers(&[&life]).0));
        prop_assert!(said.contains("1 ack #1"));
    }

    #[test]
    fn a_bent_life_never_panics(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut life = life();
        // Another protocol's header is answered with bytes that are no frame; `handshake` tests it.
        let start = PROTOCOL_HEADER.len();
        let at = start + at.index(life.len() - start);
        life[at] = byte;
        let (front, back) = life.split_at(cut.index(life.len()));
        answers(&[front, back]);
    }

    #[test]
    fn events_out_of_the_blue_never_panic(number in 0_u16..4, which in 0_u8..7) {
        let mut peer = Peer::open();
        let channel = Channel(number);
        peer.hear(match which {
            0 => Event::Answered(channel, Reply::Done),
            1 => Event::Answered(channel, Reply::LoggedIn),
            2 => Event::Confirmed(channel, 7),
            3 => Event::Rejected(channel, 0),
            4 => Event::Returned(channel, message("k", &[0, 0], b"m")),
            5 => Event::Cancelled(model::ConsumerId(7)),
            _ => Event::Refused {
                channel,
                refused: engine::Refused::Settle,
                refusal: Box::new(model::Refusal::Internal),
            },
        });
        peer.drain();
        prop_assert!(peer.session.next_deadline().is_none() || which == 6);
    }
}
