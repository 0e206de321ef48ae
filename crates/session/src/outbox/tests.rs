//! Frames in, bytes out: copied, by reference, compressed, written in parts.

use std::borrow::Cow;
use std::sync::OnceLock;

use model::message::StompTail;
use model::{ExchangeName, Marks, MessageParts};
use wire::amqp::header::PROPERTY_CODEC;
use wire::websocket::{Assembler, Compression, Event, Inflater, Kind, Role};

use super::*;

const WEBSOCKET: Framing = Framing::WebSocket { is_binary: false, deflate_above_bytes: None };

/// A message whose tail is its body.
fn message(body: &[u8]) -> Arc<Message> {
    let message = Arc::new(Message::new(MessageParts {
        exchange: ExchangeName::default_exchange(),
        content: body.to_vec(),
        key_bytes: 0,
        property_bytes: 0,
        marks: Marks::default(),
        codec: &PROPERTY_CODEC,
    }));
    let is_text = std::str::from_utf8(body).is_ok();
    let tail = StompTail { bytes: body.into(), is_text, deflated: OnceLock::new() };
    message.tails().stomp.set(tail).unwrap();
    message
}

/// What leaves, in writes of at most `bytes_max`.
fn drain(outbox: &mut Outbox, bytes_max: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while !outbox.is_empty() {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let used = outbox.slices(&mut slices);
        let all =
            slices[..used].iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<u8>>();
        assert!(!all.is_empty());
        let part = &all[..all.len().min(bytes_max)];
        out.extend_from_slice(part);
        outbox.advance(part.len());
    }
    out
}

/// What a client reads out of it.
fn read(mut bytes: Vec<u8>) -> Vec<(Kind, String)> {
    let mut assembler = Assembler::new(Role::Client, Compression::Deflate);
    let mut inflater = Inflater::new();
    let mut messages = Vec::new();
    loop {
        let step = assembler.next(&mut bytes, 1 << 20, &mut inflater).unwrap();
        let Some(event) = step.event else { break };
        let Event::Message(kind, payload) = event else { panic!("{event:?}") };
        messages.push((kind, String::from_utf8_lossy(&Cow::into_owned(payload)).into_owned()));
        let taken = step.taken_bytes;
        bytes.drain(..taken);
    }
    assert!(bytes.is_empty());
    messages
}

#[test]
fn a_stream_has_no_frames_around_frames() {
    let mut outbox = Outbox::default();
    outbox.frame(|out| out.extend_from_slice(b"one;"));
    outbox.stomp_message(&message(b"tail;"), |out| out.extend_from_slice(b"head "));
    outbox.append_body(&message(b"0123456789"), 2..5);
    assert_eq!(drain(&mut outbox, usize::MAX), b"one;head tail;234");
}

#[test]
fn each_frame_is_a_message_of_its_own() {
    for head in ["", "h", &"h".repeat(125), &"h".repeat(126), &"h".repeat(66_000)] {
        for tail in ["", "t", &"t".repeat(COPY_BYTES_MAX), &"t".repeat(COPY_BYTES_MAX + 1)] {
            let mut outbox = Outbox::default();
            outbox.set_framing(WEBSOCKET);
            outbox.frame(|out| out.extend_from_slice(head.as_bytes()));
            outbox.stomp_message(&message(tail.as_bytes()), |out| {
                out.extend_from_slice(head.as_bytes());
            });
            outbox.frame(|out| out.push(b'\n'));
            let bytes = drain(&mut outbox, usize::MAX);
            let expected = [head.to_owned(), format!("{head}{tail}"), "\n".to_owned()];
            assert_eq!(read(bytes), expected.map(|text| (Kind::Text, text)));
        }
    }
}

#[test]
fn binary_is_binary() {
    let mut outbox = Outbox::default();
    outbox.set_framing(Framing::WebSocket { is_binary: true, deflate_above_bytes: None });
    outbox.frame(|out| out.push(b'x'));
    assert_eq!(read(drain(&mut outbox, usize::MAX)), [(Kind::Binary, "x".into())]);
}

#[test]
fn bodies_over_the_threshold_are_compressed_once_for_all() {
    let framing = Framing::WebSocket { is_binary: false, deflate_above_bytes: Some(1000) };
    let body = "{\"a\":1},".repeat(125);
    for (cut, is_compressed) in [(1, false), (0, true)] {
        let body = &body[cut..];
        let message = message(body.as_bytes());
        for subscriber in ["sub-0", "sub-1"] {
            let mut outbox = Outbox::default();
            outbox.set_framing(framing);
            outbox.frame(|out| out.extend_from_slice(b"before"));
            outbox.stomp_message(&message, |out| out.extend_from_slice(subscriber.as_bytes()));
            let bytes = drain(&mut outbox, usize::MAX);
            assert_eq!(bytes.len() < body.len() / 2, is_compressed);
            let expected = ["before".to_owned(), format!("{subscriber}{body}")];
            assert_eq!(read(bytes), expected.map(|text| (Kind::Text, text)));
        }
        assert_eq!(message.tails().stomp.get().unwrap().deflated.get().is_some(), is_compressed);
    }
}

#[test]
fn what_does_not_compress_goes_out_plain() {
    let mut outbox = Outbox::default();
    outbox.set_framing(Framing::WebSocket { is_binary: true, deflate_above_bytes: Some(0) });
    outbox.stomp_message(&message(b"~"), |out| out.extend_from_slice(b"head"));
    assert_eq!(drain(&mut outbox, usize::MAX), b"\x82\x05head~");
}

#[test]
fn a_head_that_fills_no_stored_block_goes_out_plain() {
    let head = "h".repeat(STORED_BYTES_MAX + 1);
    let tail = "t".repeat(2000);
    let mut outbox = Outbox::default();
    outbox.set_framing(Framing::WebSocket { is_binary: false, deflate_above_bytes: Some(0) });
    outbox.stomp_message(&message(tail.as_bytes()), |out| out.extend_from_slice(head.as_bytes()));
    let expected = [(Kind::Text, format!("{head}{tail}"))];
    assert_eq!(read(drain(&mut outbox, usize::MAX)), expected);
}

#[test]
fn writes_may_end_anywhere() {
    for bytes_max in [1, 7, 4096, 5000, 100_000] {
        let mut outbox = Outbox::default();
        let mut expected = Vec::new();
        let parts = if bytes_max < 100 { 2 } else { 100 };
        for number in 0..parts {
            let body = vec![b'a' + (number % 26) as u8; 1 + number % 3 * COPY_BYTES_MAX];
            expected.extend_from_slice(b"head");
            expected.extend_from_slice(&body);
            outbox.stomp_message(&message(&body), |out| out.extend_from_slice(b"head"));
        }
        assert_eq!(outbox.len(), expected.len());
        assert!(drain(&mut outbox, bytes_max) == expected, "{bytes_max}");
    }
}

#[test]
fn a_peer_that_reads_slowly_does_not_make_it_grow() {
    let mut outbox = Outbox::default();
    let shared = message(&[b's'; 10_000]);
    let mut written = 0;
    for _ in 0..1000 {
        outbox.stomp_message(&shared, |out| out.extend_from_slice(&[b'h'; 1000]));
        if outbox.len() > 100_000 {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let used = outbox.slices(&mut slices);
            let bytes = slices[..used].iter().map(|slice| slice.len()).sum::<usize>().min(30_000);
            outbox.advance(bytes);
            written += bytes;
        }
        assert!(outbox.scratch.len() < 100_000, "{}", outbox.scratch.len());
        assert!(outbox.splices.len() < 100);
    }
    assert_eq!(written + drain(&mut outbox, usize::MAX).len(), 1000 * 11_000);
    assert_eq!(Arc::strong_count(&shared), 1);
}

#[test]
fn a_body_that_is_no_text_goes_to_a_text_client_in_a_binary_message() {
    let mut outbox = Outbox::default();
    outbox.set_framing(WEBSOCKET);
    outbox.stomp_message(&message("grüß".as_bytes()), |head| head.extend_from_slice(b"a:"));
    outbox.stomp_message(&message(b"\x78\x9c\xff"), |head| head.extend_from_slice(b"b:"));
    outbox.frame(|frame| frame.extend_from_slice(b"c\xff"));
    let kinds: Vec<Kind> =
        read(drain(&mut outbox, usize::MAX)).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Text, Kind::Binary, Kind::Binary]);
}
