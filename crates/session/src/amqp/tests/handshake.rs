//! From the protocol header to open-ok, and how a connection ends.

use std::time::Duration;

use engine::{Command, Event, Reply};
use model::{FieldTable, FieldValue, Refusal, UserName, VhostName};
use wire::amqp::field::encode_entries;
use wire::amqp::frame::FRAME_END;
use wire::amqp::method::{Method, connection, queue};
use wire::amqp::protocol_header::PROTOCOL_HEADER;
use wire::amqp::sasl::{Credentials, Mechanism};
use wire::amqp::{Payload, decode};

use super::peer::{Peer, start_ok};
use crate::action::Close;
use crate::amqp::Settings;
use crate::session::Session;

pub(super) fn capabilities(names: &[&str]) -> Vec<u8> {
    let mut table = FieldTable::new();
    for name in names {
        table.set(name, FieldValue::Bool(true));
    }
    let mut properties = FieldTable::new();
    properties.set("capabilities", FieldValue::Table(table));
    let mut entries = Vec::new();
    encode_entries(&properties, &mut entries);
    entries
}

/// §13, 1 and 3.
#[test]
fn the_server_says_what_it_is() {
    let mut peer = Peer::new(Settings::default());
    peer.send(&PROTOCOL_HEADER[..5]);
    assert!(peer.bytes().is_empty());
    peer.send(&PROTOCOL_HEADER[5..]);
    let bytes = peer.bytes();
    let (frame, _) = decode(&bytes, 0).unwrap().unwrap();
    let Payload::Method(Method::Connection(connection::Connection::Start(start))) = frame.payload
    else {
        panic!("no start: {frame:?}");
    };
    assert_eq!((start.version_major, start.version_minor), (0, 9));
    assert_eq!(start.mechanisms.0, b"PLAIN AMQPLAIN");
    assert_eq!(start.locales.0, b"en_US");
    let properties = start.server_properties.decode();
    let names: Vec<String> = properties.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(
        names.join(" "),
        "capabilities cluster_name copyright information platform product version"
    );
    let text = |name| properties.get(name).and_then(FieldValue::as_str).unwrap_or_default();
    assert_eq!(text("product"), "RabbitMQ");
    assert!(text("version").starts_with("4.2.") && text("platform").starts_with("Hopwire "));
    let capabilities = properties.get("capabilities").and_then(FieldValue::as_table).unwrap();
    assert_eq!(capabilities.len(), 8);
    assert!(capabilities.iter().all(|(_, value)| *value == FieldValue::Bool(true)));
}

/// §13, 2.
#[test]
fn another_protocol_is_answered_with_the_header() {
    for input in
        [b"GET / HTTP/1.1\r\n".as_slice(), b"AMQP\x03\x01\x00\x00", b"AMQP\x00\x00\x08\x00"]
    {
        let mut peer = Peer::new(Settings::default());
        peer.send(input);
        assert_eq!(peer.bytes(), PROTOCOL_HEADER);
        assert!(peer.is_over());
    }
}

/// §13, 4 and 8.
#[test]
fn both_mechanisms_log_in_and_agree_on_limits() {
    let guest =
        Credentials { user: b"guest".as_slice().into(), password: b"secret".as_slice().into() };
    for mechanism in [Mechanism::Plain, Mechanism::AmqPlain] {
        let mut peer = Peer::new(Settings::default());
        peer.send(&PROTOCOL_HEADER);
        peer.drain();
        peer.say(0, &start_ok(mechanism.name(), &mechanism.write(&guest), &[]));
        assert_eq!(peer.asked(), format!("login guest secret {}", mechanism.name()));
        assert!(!peer.session.is_reading());
        peer.answer(0, Reply::LoggedIn);
        assert_eq!(
            peer.heard(),
            "0 connection.Tune { channel_max: 2047, frame_max: 131072, heartbeat: 60 }"
        );
        peer.say(0, &connection::TuneOk { channel_max: 2047, frame_max: 4096, heartbeat: 600 });
        peer.say(0, &connection::Open { virtual_host: "/", ..Default::default() });
        assert_eq!(peer.asked(), "enter /");
        peer.answer(0, Reply::Done);
        assert_eq!(peer.heard(), "0 connection.OpenOk { known_hosts: [] }");
        let Some(Command::Describe(description)) = peer.actions.commands.pop() else {
            panic!("not described");
        };
        assert_eq!(description.frame_bytes_max, 4096);
        assert_eq!((description.channel_max, description.timeout_seconds), (2047, 600));
    }
}

/// §13, 5 and 6.
#[test]
fn a_refused_login_is_told_to_who_can_hear_it() {
    let refusal = || Refusal::LoginRefused(UserName::parse("guest").unwrap());
    for (capabilities, goodbye) in [
        (
            capabilities(&["authentication_failure_close"]),
            "0 connection.close 403 0.0 ACCESS_REFUSED - Login was refused using authentication \
             mechanism PLAIN. For details see the broker logfile.",
        ),
        (Vec::new(), ""),
    ] {
        let mut peer = Peer::new(Settings::default());
        peer.send(&PROTOCOL_HEADER);
        peer.drain();
        peer.say(0, &start_ok("PLAIN", b"\0guest\0wrong", &capabilities));
        peer.refuse(0, engine::Refused::Command, refusal());
        assert_eq!(peer.heard(), goodbye);
        assert!(!peer.is_over());
        peer.wait(Duration::from_millis(2999));
        assert!(!peer.is_over());
        peer.wait(Duration::from_millis(1));
        assert!(peer.is_over());
    }
}

#[test]
fn what_goes_wrong_before_the_end_of_login_is_met_with_silence() {
    let plain = start_ok("PLAIN", b"guest", &[]);
    let external = start_ok("EXTERNAL", b"", &[]);
    let not_text = start_ok("PLAIN", b"\0\xFF\0x", &[]);
    for start_ok in [plain, external, not_text] {
        let mut peer = Peer::new(Settings::default());
        peer.send(&PROTOCOL_HEADER);
        peer.drain();
        peer.say(0, &start_ok);
        // Nothing that follows is looked at.
        peer.say(0, &connection::Close::default());
        assert_eq!((peer.heard(), peer.asked()), (String::new(), String::new()));
        peer.wait(Duration::from_secs(3));
        assert!(peer.is_over());
    }
}

/// §13, 8.
#[test]
fn limits_out_of_range_are_met_with_silence() {
    for (channel_max, frame_max, is_good) in [
        (2047, 131_072, true),
        (1, 4096, true),
        (0, 131_072, false),
        (2048, 131_072, false),
        (2047, 0, false),
        (2047, 4095, false),
        (2047, 262_144, false),
    ] {
        let mut peer = Peer::logged_in(Settings::default(), &[]);
        peer.drain();
        peer.say(0, &connection::TuneOk { channel_max, frame_max, heartbeat: 0 });
        peer.say(0, &connection::Open { virtual_host: "/", ..Default::default() });
        let asked = if is_good { "enter /" } else { "" };
        assert_eq!(peer.asked(), asked, "{channel_max} {frame_max}");
        assert_eq!(peer.heard(), "");
    }
}

/// §13, 7.
#[test]
fn a_vhost_that_cannot_be_entered_is_named() {
    let vhost = VhostName::parse("x").unwrap();
    let guest = UserName::parse("guest").unwrap();
    for (refusal, text) in [
        (Refusal::NoSuchVhost(vhost.clone()), "vhost x not found"),
        (Refusal::VhostRefused(vhost, guest), "access to vhost 'x' refused for user 'guest'"),
    ] {
        let mut peer = Peer::logged_in(Settings::default(), &[]);
        peer.say(0, &connection::TuneOk { channel_max: 1, frame_max: 4096, heartbeat: 10 });
        peer.say(0, &connection::Open { virtual_host: "x", ..Default::default() });
        peer.drain();
        peer.refuse(0, engine::Refused::Command, refusal);
        assert_eq!(peer.heard(), format!("0 connection.close 530 10.40 NOT_ALLOWED - {text}"));
        assert!(!peer.is_over());
        peer.say(0, &connection::CloseOk {});
        assert!(peer.is_over());
    }
}

/// §13, 9 and 10.
#[test]
fn heart_beats_go_out_and_a_silent_peer_is_given_up() {
    let mut peer = Peer::connected(Settings::default(), &[], 1);
    peer.wait(Duration::from_millis(499));
    assert_eq!(peer.heard(), "");
    peer.wait(Duration::from_millis(1));
    assert_eq!(peer.heard(), "0 heartbeat");
    peer.session.wrote(peer.now);
    peer.wait(Duration::from_millis(500));
    assert_eq!(peer.heard(), "0 heartbeat");
    // A heart-beat of the peer counts as well as anything.
    peer.send(&[8, 0, 0, 0, 0, 0, 0, FRAME_END]);
    peer.wait(Duration::from_millis(1999));
    assert!(!peer.is_over());
    peer.wait(Duration::from_millis(1));
    assert!(peer.is_over());

    let peer = Peer::connected(Settings::default(), &[], 0);
    assert_eq!(peer.session.next_deadline(), None);
}

/// §13, 11 and 12.
#[test]
fn a_close_is_answered_and_is_the_end() {
    let mut peer = Peer::open();
    let close = connection::Close { reply_code: 200, reply_text: "OK", class_id: 0, method_id: 0 };
    peer.say(0, &close);
    peer.say(0, &close);
    assert_eq!(peer.heard(), "0 connection.CloseOk");
    assert_eq!(peer.actions.close, Some(Close::Orderly));
}

/// §13, 13, 14 and 21.
#[test]
fn bytes_that_are_no_frame_end_the_connection() {
    let too_large = [3, 0, 1, 0, 0, 0x10, 1].to_vec();
    let bad_end = [8, 0, 0, 0, 0, 0, 0, 9].to_vec();
    for (input, text) in [
        (too_large, "type 3, all octets = <<>>: {frame_too_large,4097,4088}"),
        (bad_end, "type 8, all octets = <<>>: {invalid_frame_end_marker,9}"),
    ] {
        let mut peer = Peer::open();
        peer.send(&input);
        assert_eq!(peer.heard(), format!("0 connection.close 501 0.0 FRAME_ERROR - {text}"));
        peer.answer(1, Reply::Done);
        // Nothing can be found behind it.
        peer.say(0, &connection::CloseOk {});
        assert!(!peer.is_over());
        peer.wait(Duration::from_secs(3));
        assert!(peer.is_over());
    }
    let mut peer = Peer::open();
    peer.send(&[1, 0, 1, 0, 0, 0, 5, 0, 20, 0, 41, 9, FRAME_END]);
    assert_eq!(peer.heard(), "0 connection.close 501 20.41 FRAME_ERROR - cannot decode <<9>>");
    peer.answer(1, Reply::Done);
    peer.say(0, &connection::CloseOk {});
    assert!(peer.is_over());
}

/// §13, 19.
#[test]
fn a_handshake_may_take_ten_seconds() {
    let mut peer = Peer::new(Settings::default());
    peer.send(&PROTOCOL_HEADER);
    peer.wait(Duration::from_millis(9999));
    assert!(!peer.is_over());
    peer.wait(Duration::from_millis(1));
    assert!(peer.is_over());
}

/// §13, 20.
#[test]
fn a_second_open_is_out_of_place() {
    let mut peer = Peer::open();
    peer.say(0, &connection::Open { virtual_host: "/", ..Default::default() });
    assert_eq!(
        peer.heard(),
        "0 connection.close 504 10.40 CHANNEL_ERROR - \
         unexpected method in connection state running"
    );
    assert_eq!(peer.asked(), "close 1 []");
    // While closing, all but close and close-ok is ignored.
    peer.answer(1, Reply::Done);
    peer.say(1, &queue::Declare::default());
    peer.say(0, &connection::Close::default());
    assert_eq!(peer.heard(), "0 connection.CloseOk");
    assert_eq!(peer.asked(), "");
}

#[test]
fn a_method_before_its_time_or_on_the_wrong_channel_is_unexpected() {
    let mut peer = Peer::open();
    peer.say(0, &queue::Declare::default());
    assert_eq!(
        peer.heard(),
        "0 connection.close 504 50.10 CHANNEL_ERROR - \
         unexpected method in connection state running"
    );
    let mut peer = Peer::logged_in(Settings::default(), &[]);
    peer.say(0, &connection::TuneOk { channel_max: 1, frame_max: 4096, heartbeat: 0 });
    peer.drain();
    peer.say(1, &queue::DeclareOk::default());
    assert_eq!(
        peer.heard(),
        "0 connection.close 505 0.0 UNEXPECTED_FRAME - type 1, all octets = \
         <<0,50,0,11,0,0,0,0,0,0,0,0,0>>"
    );
}

/// §13, 22.
#[test]
fn a_shutdown_is_told() {
    let mut peer = Peer::open();
    peer.session.shut_down(peer.now, &mut peer.actions);
    assert_eq!(
        peer.heard(),
        "0 connection.close 320 0.0 CONNECTION_FORCED - \
         broker forced connection closure with reason 'shutdown'"
    );
    peer.answer(1, Reply::Done);
    peer.say(0, &connection::CloseOk {});
    assert!(peer.is_over());

    let mut peer = Peer::new(Settings::default());
    peer.session.shut_down(peer.now, &mut peer.actions);
    assert_eq!(peer.actions.close, Some(Close::GoingDown));
}

#[test]
fn a_peer_that_does_not_answer_a_close_is_waited_for_in_vain() {
    let mut peer = Peer::open();
    peer.hear(Event::Closed { reason: "Closed via management plugin".into() });
    assert_eq!(
        peer.heard(),
        "0 connection.close 320 0.0 CONNECTION_FORCED - Closed via management plugin"
    );
    peer.wait(Duration::from_millis(29_999));
    assert!(!peer.is_over());
    peer.wait(Duration::from_millis(1));
    assert!(peer.is_over());
}

#[test]
fn a_fresh_secret_is_taken() {
    let mut peer = Peer::open();
    peer.say(0, &connection::UpdateSecret::default());
    assert_eq!(peer.heard(), "0 connection.UpdateSecretOk");
}
