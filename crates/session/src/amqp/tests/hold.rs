//! While an alarm is in effect.

use std::time::Duration;

use engine::{Event, Reply};
use model::{Alarm, AlarmSet};
use wire::amqp::method::{channel, connection, tx};

use super::handshake::capabilities;
use super::peer::{Peer, message};
use crate::amqp::Settings;
use crate::session::Session;

const MEMORY: &[Alarm] = &[Alarm::Memory];

fn held(alarms: &[Alarm]) -> Event {
    Event::Held(alarms.iter().copied().collect::<AlarmSet>())
}

/// Has channel 1 open, and understands `connection.blocked`.
fn listener(heartbeat: u16) -> Peer {
    let properties = capabilities(&["connection.blocked"]);
    let mut peer = Peer::connected(Settings::default(), &properties, heartbeat);
    peer.open_channel(1);
    peer
}

#[test]
fn what_was_read_is_carried_out_and_what_comes_later_waits() {
    let mut peer = listener(0);
    peer.publish(1, b"one");
    peer.publish(1, b"two");
    peer.hear(held(MEMORY));
    assert_eq!(peer.asked(), "publish 1 / one; publish 1 / two");
    assert!(!peer.session.is_reading());
    peer.publish(1, b"three");
    assert_eq!(peer.asked(), "");
    peer.hear(Event::Released);
    assert!(peer.session.is_reading());
    assert_eq!(peer.asked(), "publish 1 / three");
}

/// As RabbitMQ 3.10 says it, `disk` first.
#[test]
fn the_reasons_are_named() {
    for (alarms, reason) in [
        (MEMORY, "low on memory"),
        (&[Alarm::Disk], "low on disk"),
        (&[Alarm::Memory, Alarm::Disk, Alarm::Pressure], "low on disk & memory"),
        (&[Alarm::Store], "the store failed"),
        (&[Alarm::Store, Alarm::Disk], "low on disk & the store failed"),
    ] {
        let mut peer = listener(0);
        peer.hear(held(alarms));
        assert_eq!(peer.heard(), format!("0 connection.Blocked {{ reason: {reason:?} }}"));
    }
}

#[test]
fn a_peer_is_told_once_and_again_when_all_is_clear() {
    let mut peer = listener(0);
    peer.hear(held(MEMORY));
    assert_eq!(peer.heard(), "0 connection.Blocked { reason: \"low on memory\" }");
    peer.hear(held(&[Alarm::Memory, Alarm::Disk]));
    peer.hear(held(&[Alarm::Disk]));
    assert_eq!(peer.heard(), "");
    peer.hear(Event::Released);
    assert_eq!(peer.heard(), "0 connection.Unblocked");
}

#[test]
fn a_peer_without_the_capability_is_told_nothing() {
    let mut peer = Peer::open();
    peer.hear(held(MEMORY));
    assert!(!peer.session.is_reading());
    peer.hear(Event::Released);
    assert_eq!(peer.heard(), "");
}

#[test]
fn pressure_holds_in_silence() {
    let mut peer = listener(0);
    peer.hear(held(&[Alarm::Pressure]));
    assert!(!peer.session.is_reading());
    assert_eq!(peer.heard(), "");
    // A real alarm comes, and goes before the pressure does.
    peer.hear(held(&[Alarm::Pressure, Alarm::Disk]));
    assert_eq!(peer.heard(), "0 connection.Blocked { reason: \"low on disk\" }");
    peer.hear(held(&[Alarm::Pressure]));
    assert_eq!(peer.heard(), "0 connection.Unblocked");
    assert!(!peer.session.is_reading());
    peer.hear(Event::Released);
    assert_eq!(peer.heard(), "");
    assert!(peer.session.is_reading());
}

#[test]
fn a_held_peer_still_hears_deliveries_and_heart_beats_and_may_be_silent() {
    let mut peer = listener(10);
    peer.say(
        1,
        &wire::amqp::method::basic::Consume { queue: "q", no_ack: true, ..Default::default() },
    );
    peer.answer(1, Reply::Done);
    peer.drain();
    peer.hear(held(MEMORY));
    peer.heard();
    for _ in 0..10 {
        peer.wait(Duration::from_secs(5));
        assert_eq!(peer.heard(), "0 heartbeat");
        assert!(!peer.is_over());
    }
    peer.deliver(0, 1, &message("k", &wire::amqp::header::NO_PROPERTIES, b"m"));
    assert!(peer.heard().contains("body m"));
    // Once it is read again, its silence counts again, from there.
    peer.wait(Duration::from_secs(4));
    peer.session.hear(peer.now, Event::Released, &mut peer.actions);
    peer.wait(Duration::from_secs(19));
    assert!(!peer.is_over());
    peer.wait(Duration::from_secs(1));
    assert!(peer.is_over());
}

#[test]
fn a_held_connection_can_be_closed_and_its_close_ok_is_read() {
    let mut peer = listener(0);
    peer.hear(held(MEMORY));
    peer.publish(1, b"never read");
    peer.drain();
    peer.hear(Event::Closed { reason: "over".into() });
    assert!(peer.heard().starts_with("0 connection.close 320"));
    assert_eq!(peer.asked(), "close 1 []");
    peer.answer(1, Reply::Done);
    peer.say(0, &connection::CloseOk {});
    assert!(peer.is_over());
}

#[test]
fn a_publish_in_a_transaction_is_announced_before_its_commit() {
    let mut peer = Peer::open();
    peer.say(1, &tx::Select {});
    peer.drain();
    peer.publish(1, b"m");
    assert_eq!(peer.asked(), "put off 1");
    peer.say(1, &tx::Commit {});
    assert_eq!(peer.asked(), "publish 1 / m confirm 1");
    peer.say(1, &channel::Close::default());
}
