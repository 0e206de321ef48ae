//! Peers that speak wrongly, too much, or not at all: each hears why or is let go, and nobody
//! else is disturbed.

use crate::amqp_bytes as amqp;
use crate::broker::Broker;
use crate::peer::{Peer, Witness};
use crate::websocket_bytes as ws;

/// Time limits short enough to wait for, sizes small enough to break.
const STRICT: &str = "\
handshake_timeout = 300
stomp.login_timeout = 300
stomp.max_frame_size = 100000
web_stomp.ws_opts.idle_timeout = 700
";

/// Tells a story beside a witness who must not notice.
fn undisturbed(settings: &str, tell: impl FnOnce(&Broker)) {
    let broker = Broker::with(settings);
    let mut witness = Witness::at(broker.stomp());
    tell(&broker);
    witness.is_still_served();
}

#[test]
fn another_protocol_on_the_amqp_port_is_answered_with_amqps_header() {
    undisturbed("", |broker| {
        let strangers: [&[u8]; 4] = [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"AMQP\x00\x01\x00\x00",
            b"AMQP\x01\x01\x00\x0a",
            b"CONNECT\naccept-version:1.2\n\n\0",
        ];
        for stranger in strangers {
            let heard = Peer::saying(broker.amqp(), stranger).hear_to_the_end();
            assert_eq!(heard, amqp::HEADER, "to {stranger:?}");
        }
    });
}

#[test]
fn an_amqp_peer_that_never_finishes_its_login_is_let_go() {
    undisturbed(STRICT, |broker| {
        Peer::connect(broker.amqp()).hear_to_the_end();
        Peer::saying(broker.amqp(), &amqp::HEADER[..5]).hear_to_the_end();
        let heard = Peer::saying(broker.amqp(), amqp::HEADER).hear_to_the_end();
        assert_eq!(heard[..3], [1, 0, 0], "connection.start, and then the end");
    });
}

#[test]
fn malformed_amqp_frames_close_their_connection_with_501() {
    undisturbed("", |broker| {
        let mut wrong_end = amqp::frame(8, 0, b"");
        *wrong_end.last_mut().unwrap() = 0;
        let mut peer = amqp::open(broker.amqp(), 8192);
        peer.say(wrong_end);
        amqp::expect_close(peer, 501);

        let mut peer = amqp::open(broker.amqp(), 8192);
        peer.say(amqp::frame(3, 1, &[0; 8193]));
        amqp::expect_close(peer, 501);

        let mut peer = amqp::open(broker.amqp(), 8192);
        // queue.declare whose name is longer than its frame
        peer.say(amqp::method(1, 50, 10, b"\x00\x00\xffshort"));
        amqp::expect_close(peer, 501);
    });
}

#[test]
fn an_amqp_method_that_does_not_exist_is_told_so() {
    undisturbed("", |broker| {
        let mut peer = amqp::open(broker.amqp(), 8192);
        peer.say(amqp::method(1, 60, 999, b""));
        // RabbitMQ drops the connection without a word.
        let arguments = amqp::expect(&mut peer, 10, 50);
        let code = u16::from_be_bytes(arguments[..2].try_into().unwrap());
        assert!(matches!(code, 501 | 503 | 540), "{code}");
    });
}

#[test]
fn amqp_methods_at_the_wrong_time_close_with_their_code() {
    undisturbed("", |broker| {
        let mut peer = amqp::open(broker.amqp(), 8192);
        peer.say(amqp::method(5, 60, 10, &[0; 7]));
        amqp::expect_close(peer, 504);

        let mut peer = amqp::open(broker.amqp(), 8192);
        peer.say(amqp::method(1, 20, 10, b"\x00"));
        amqp::expect_close(peer, 504);

        let mut peer = amqp::open(broker.amqp(), 8192);
        // A body without the publish that announces it.
        peer.say(amqp::frame(3, 1, b"body"));
        amqp::expect_close(peer, 505);
    });
}

#[test]
fn an_amqp_peer_that_goes_in_the_middle_of_a_frame_disturbs_nobody() {
    undisturbed("", |broker| {
        let mut peer = amqp::open(broker.amqp(), 8192);
        // basic.publish, a header that announces a megabyte, half of a body frame
        peer.say(amqp::method(1, 60, 40, b"\x00\x00\x00\x01q\x00"));
        let mut header = vec![0, 60, 0, 0];
        header.extend(1_000_000_u64.to_be_bytes());
        header.extend([0, 0]);
        peer.say(amqp::frame(2, 1, &header));
        let body = amqp::frame(3, 1, &[7; 4000]);
        peer.say(&body[..body.len() / 2]);
    });
}

#[test]
fn an_amqp_login_frame_without_end_is_refused_before_it_fills_memory() {
    undisturbed("", |broker| {
        let mut peer = Peer::saying(broker.amqp(), amqp::HEADER);
        amqp::expect(&mut peer, 10, 10);
        peer.say(b"\x01\x00\x00\x7f\xff\xff\xff");
        for _ in 0..64 {
            peer.say([0; 16 * 1024]);
        }
        peer.hear_to_the_end();
    });
}

const CONNECT: &str = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0";

#[test]
fn malformed_stomp_frames_are_told_and_closed() {
    undisturbed("", |broker| {
        for malformed in [
            "SEND\nno colon here\n\n\0",
            "SEND\ndestination:\\t\n\n\0",
            "SEND\rdestination:/queue/a\n\n\0",
            "SEND\ndestination:/topic/a\ncontent-length:2\n\ntoo long\0",
            "SEND\ndestination:/topic/a\ncontent-length:-1\n\nx\0",
        ] {
            let mut peer = Peer::saying(broker.stomp(), CONNECT);
            assert!(peer.hear_until(b"\0").starts_with(b"CONNECTED"));
            peer.say(malformed);
            let heard = String::from_utf8_lossy(&peer.hear_to_the_end()).into_owned();
            assert!(heard.trim_start().starts_with("ERROR\n"), "{malformed:?}: {heard:?}");
        }
    });
}

#[test]
fn wrong_stomp_commands_are_answered_and_the_session_goes_on() {
    undisturbed("", |broker| {
        let mut peer = Peer::saying(broker.stomp(), CONNECT);
        peer.hear_until(b"\0");
        for (wrong, message) in [
            ("JUMP\n\n\0", "Bad command"),
            ("SEND\n\nx\0", "Missing destination"),
            ("SEND\ndestination:/nowhere/x\n\nx\0", "Unknown destination"),
            ("SEND\ndestination:/queue/a/b\n\nx\0", "Invalid destination"),
            ("ACK\nid:1\n\n\0", "Invalid header"),
            ("UNSUBSCRIBE\nid:9\n\n\0", "No subscription found"),
        ] {
            peer.say(wrong);
            let heard = String::from_utf8_lossy(&peer.hear_until(b"\0")).into_owned();
            assert!(heard.contains("ERROR\n"), "{wrong:?}: {heard}");
            assert!(heard.contains(&format!("message:{message}\n")), "{wrong:?}: {heard}");
        }
        peer.say("SEND\ndestination:/topic/a\nreceipt:alive\n\nx\0");
        peer.hear_until(b"receipt-id:alive\n\n\0");
    });
}

#[test]
fn oversized_stomp_frames_end_their_connection_only() {
    undisturbed(STRICT, |broker| {
        // Before login 64 KiB, after it what is configured; a frame may never end.
        let endless = format!("CONNECT\nlogin:{}", "x".repeat(70_000));
        Peer::saying(broker.stomp(), endless).hear_to_the_end();

        let mut peer = Peer::saying(broker.stomp(), CONNECT);
        peer.hear_until(b"\0");
        peer.say("SEND\ndestination:/topic/a\nreceipt:fits\n\n");
        peer.say("x".repeat(90_000));
        peer.say("\0");
        peer.hear_until(b"receipt-id:fits\n\n\0");
        peer.say("SEND\ndestination:/topic/a\n\n");
        peer.say("x".repeat(100_001));
        peer.hear_to_the_end();

        let mut many = String::from("SEND\ndestination:/topic/a\n");
        for number in 0..200 {
            many.push_str(&format!("h{number}:x\n"));
        }
        let mut peer = Peer::saying(broker.stomp(), CONNECT);
        peer.hear_until(b"\0");
        peer.say(many + "\nx\0");
        peer.hear_to_the_end();
    });
}

#[test]
fn a_stomp_peer_that_never_logs_in_is_let_go() {
    undisturbed(STRICT, |broker| {
        Peer::connect(broker.stomp()).hear_to_the_end();
        Peer::saying(broker.stomp(), "CONN").hear_to_the_end();
        Peer::saying(broker.stomp(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n").hear_to_the_end();
        Peer::saying(broker.stomp(), amqp::HEADER).hear_to_the_end();
        let (peer, head) = ws::ask(broker.web_stomp(), &ws::request("/ws", ""));
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        ws::expect_close(peer, 1000);
    });
}

#[test]
fn a_websocket_peer_that_never_finishes_its_upgrade_is_let_go() {
    undisturbed(STRICT, |broker| {
        let silent = Peer::connect(broker.web_stomp());
        let half = Peer::saying(broker.web_stomp(), "GET /ws HTTP/1.1\r\nHost:");
        silent.hear_to_the_end();
        half.hear_to_the_end();
    });
}

#[test]
fn requests_that_are_no_upgrade_get_a_status() {
    undisturbed("", |broker| {
        let no_key = ws::request("/ws", "").replace("Sec-WebSocket-Key", "X-Key");
        let old = ws::request("/ws", "").replace("Version: 13", "Version: 6");
        for (request, status) in [
            ("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", 426),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            (&ws::request("/elsewhere", ""), 404),
            (&no_key, 400),
            (&old, 400),
            ("this is no HTTP\r\n\r\n", 400),
        ] {
            let (_, head) = ws::ask(broker.web_stomp(), request);
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {head}");
        }
    });
}

#[test]
fn an_unknown_subprotocol_is_not_confirmed_and_the_best_known_one_is() {
    undisturbed("", |broker| {
        for (offered, chosen) in [
            ("mqtt", None),
            ("v11.stomp, v10.stomp", Some("v11.stomp")),
            ("v10.stomp, v12.stomp, v11.stomp", Some("v12.stomp")),
        ] {
            let offer = format!("Sec-WebSocket-Protocol: {offered}\r\n");
            let (_, head) = ws::ask(broker.web_stomp(), &ws::request("/ws", &offer));
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            let head = head.to_lowercase();
            let line = head.lines().find_map(|line| line.strip_prefix("sec-websocket-protocol: "));
            assert_eq!(line, chosen, "{offered}");
        }
    });
}

#[test]
fn broken_websocket_frames_are_closed_with_their_code() {
    undisturbed("", |broker| {
        let closes: [(&str, Vec<u8>, u16); 6] = [
            ("unmasked", ws::unmasked(ws::TEXT, b"\n"), 1002),
            ("reserved opcode", ws::masked(3, b""), 1002),
            ("a fragment of nothing", ws::masked(0, b"x"), 1002),
            ("a long ping", ws::masked(9, &[0; 126]), 1002),
            ("invalid UTF-8", ws::masked(ws::TEXT, b"\xff\xfe"), 1007),
            ("malformed STOMP", ws::masked(ws::TEXT, b"SEND\nno colon\n\n\0"), 1007),
        ];
        for (what, bytes, code) in closes {
            let mut peer = ws::session(broker.web_stomp());
            peer.say(bytes);
            let said = ws::expect_close(peer, code);
            // RabbitMQ gives its own term as the reason of the close, and no ERROR before it.
            let is_told = !said.is_empty() || code == 1002 || what == "invalid UTF-8";
            assert!(is_told, "{what} is closed with {code} without a reason");
        }
    });
}

#[test]
fn oversized_websocket_messages_are_closed_before_they_fill_memory() {
    undisturbed("", |broker| {
        let mut peer = ws::open(broker.web_stomp());
        peer.say(ws::masked(ws::TEXT, &[b'\n'; 70_000]));
        ws::expect_close(peer, 1009);

        // A length that no frame may have, and none of its bytes.
        let mut peer = ws::session(broker.web_stomp());
        peer.say(ws::head(ws::TEXT, usize::MAX >> 1, 0x80));
        peer.say([1, 2, 3, 4]);
        ws::expect_close(peer, 1009);
    });
}

#[test]
fn a_silent_websocket_is_closed_after_its_idle_time() {
    undisturbed(STRICT, |broker| {
        let peer = ws::session(broker.web_stomp());
        ws::expect_close(peer, 1000);
    });
}

#[test]
fn a_second_connect_ends_the_session_and_no_other() {
    undisturbed("", |broker| {
        let mut peer = Peer::saying(broker.stomp(), CONNECT);
        peer.hear_until(b"\0");
        peer.say(CONNECT);
        peer.hear_to_the_end();
    });
}

#[test]
fn connection_limits_refuse_clearly() {
    undisturbed("user_connection_max = 2", |broker| {
        let _second = ws::session(broker.web_stomp());
        let heard = {
            let mut third = Peer::saying(broker.stomp(), CONNECT);
            String::from_utf8(third.hear_until(b"\0")).unwrap()
        };
        assert!(heard.starts_with("ERROR\n"), "{heard}");
        assert!(heard.contains("message:Bad CONNECT\n"), "{heard}");
    });
}

#[test]
fn the_management_port_survives_what_is_not_http() {
    undisturbed("", |broker| {
        for garbage in ["\0\0\0\0\r\n\r\n", "CONNECT\n\n\0\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
            let heard = Peer::saying(broker.management(), garbage).hear_to_the_end();
            let heard = String::from_utf8_lossy(&heard);
            assert!(heard.is_empty() || heard.starts_with("HTTP/1."), "{garbage:?}: {heard}");
        }
        let request = "GET /api/whoami HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                       Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n";
        let heard = Peer::saying(broker.management(), request).hear_to_the_end();
        assert!(heard.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&heard));
    });
}
