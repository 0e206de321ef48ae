//! Frames whole and in pieces, limits, and bytes that are no frames.

use proptest::prelude::*;

use super::*;
use crate::stomp::encoder::FrameWriter;

/// Large enough for every frame here.
const ROOMY: usize = 1 << 20;

/// A frame with nothing borrowed: command line, headers, body.
#[derive(Clone, Debug, PartialEq)]
struct Owned(Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>);

/// Feeds `input` in pieces that end at `ends`; what comes out, and the error that ended it.
fn decode_pieces(
    role: Role,
    max: usize,
    input: &[u8],
    ends: impl IntoIterator<Item = usize>,
) -> (Vec<Owned>, Option<DecodeError>) {
    let mut decoder = Decoder::new(role, max);
    let (mut frames, mut at) = (Vec::new(), 0);
    for end in ends.into_iter().chain([input.len()]) {
        loop {
            let given = &input[at..end.max(at)];
            match decoder.decode(given) {
                Ok(Decoded::NeedMore) => break,
                Ok(Decoded::HeartBeat { consumed }) => {
                    assert!(consumed > 0 && consumed <= given.len());
                    at += consumed;
                }
                Ok(Decoded::Frame { frame, consumed }) => {
                    assert!(consumed > 0 && consumed <= given.len());
                    at += consumed;
                    let header = |h: &Header<'_>| (h.name().into_owned(), h.value().into_owned());
                    let headers = frame.headers.iter().map(header).collect();
                    frames.push(Owned(frame.command_line.into(), headers, frame.body.into()));
                }
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// Shows what `input` decodes to, one frame after the other, then the error.
fn show(role: Role, max: usize, input: &[u8]) -> String {
    let (frames, error) = decode_pieces(role, max, input, []);
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let mut shown: Vec<_> = frames
        .iter()
        .map(|Owned(command, headers, body)| {
            let headers = headers.iter().map(|(n, v)| format!(" {}={}", text(n), text(v)));
            format!("{}{} |{}", text(command), headers.collect::<String>(), text(body))
        })
        .collect();
    shown.extend(error.map(|error| format!("! {error}")));
    shown.join("; ")
}

fn check(input: &str, expected: &str) {
    assert_eq!(show(Role::Server, ROOMY, input.as_bytes()), expected, "{input:?}");
}

#[test]
fn frames_are_read_as_the_table_says() {
    // Spec §11: 1, 2, 7, 8.
    check("SEND\na:b\n\nbody\0", "SEND a=b |body");
    check("\n\r\n\0\nSEND\n\n\0\n\n", "SEND |");
    check("SEND\r\na:b\r\n\r\nx\r\ny\0", "SEND a=b |x\\r\\ny");
    check("SEND\na:b:c\n\n\0", "SEND a=b:c |");
    check("SEND\na:1\na:2\nb:3\n\n\0", "SEND a=1 b=3 |");
    check("SEND\n:v\nn:\n\n\0", "SEND =v n= |");
    check("SEND\n foo : bar \n\n\0", "SEND  foo = bar  |");
    check("send me\\n\n\n\0", "send me\\\\n |");
    check("SEND\na\\cb:c\\nd\\\\e\\rf\n\n\0", "SEND a:b=c\\nd\\\\e\\rf |");
    check("SEND\na:\\\\r\n\n\0", "SEND a=\\\\r |");
    check("A\n\n1\0\nB\n\n2\0", "A |1; B |2");
}

#[test]
fn a_nul_does_not_end_a_frame_without_a_blank_line() {
    check("DISCONNECT\nreceipt:1\n\0", "");
    check("DISCONNECT\nreceipt:1\n\0:x\n\n\0", "DISCONNECT receipt=1 \\x00=x |");
}

#[test]
fn content_length_counts_where_the_role_says() {
    // Spec §11: 12 to 15.
    check("SEND\ncontent-length:3\n\na\0b\0", "SEND content-length=3 |a\\x00b");
    check("SEND\ncontent-length: 3 \n\na\0b\0", "SEND content-length= 3  |a\\x00b");
    check("SEND\ncontent-length:+0\n\n\0", "SEND content-length=+0 |");
    check("SUBSCRIBE\ncontent-length:3\n\n\0", "SUBSCRIBE content-length=3 |");
    check("MESSAGE\ncontent-length:3\n\na\0b:1\n", "MESSAGE content-length=3 |a");
    let message = b"MESSAGE\ncontent-length:3\n\na\0b\0\n";
    assert_eq!(show(Role::Client, ROOMY, message), "MESSAGE content-length=3 |a\\x00b");
    let receipt = b"RECEIPT\ncontent-length:3\n\n\0\n";
    assert_eq!(show(Role::Client, ROOMY, receipt), "RECEIPT content-length=3 |");
}

#[test]
fn errors_show_as_rabbitmqs_parser_shows_them() {
    // Spec §11: 3 to 6, 14.
    check("\rSEND", r#"! {unexpected_chars_between_frames,"\rS"}"#);
    check("\r\r\n", r#"! {unexpected_chars_between_frames,"\r\r"}"#);
    check("SE\rND\n", r#"! {unexpected_chars_in_command,"\rN"}"#);
    check("SEND\r\r\n", r#"! {unexpected_chars_in_command,"\r\r"}"#);
    check("SEND\na:b\rc\n", r#"! {unexpected_chars_in_header,"\rc"}"#);
    check("SEND\n\r\r\n", r#"! {unexpected_chars_in_header,"\r\r"}"#);
    check("SEND\na:b\\t\n", r#"! {bad_escape,"\\t"}"#);
    check("SEND\na:b\\\n", r#"! {bad_escape,"\\\n"}"#);
    check("SEND\na:b\\\r\n", r#"! {bad_escape,"\\\r"}"#);
    check("SEND\na\\:b\n", r#"! {bad_escape,"\\:"}"#);
    check("SEND\nabc\n", r#"! {header_no_value,"abc"}"#);
    check("SEND\na\\cc\n", r#"! {header_no_value,"a:c"}"#);
    check("SEND\ncontent-length:1\n\nab\0", "! missing_body_terminator");
    check("SEND\ncontent-length:-1\n\n\0", r#"! {bad_content_length,"-1"}"#);
    check("SEND\ncontent-length:\n\n\0", r#"! {bad_content_length,""}"#);
    check("SEND\ncontent-length:1x\n\n\0", r#"! {bad_content_length,"1x"}"#);
    check("A\n\n\0SEND\nabc\n", r#"A |; ! {header_no_value,"abc"}"#);
}

#[test]
fn a_hundred_distinct_headers_are_the_limit() {
    // Spec §11: 9, 10.
    let head = |distinct: usize| {
        let lines: String = (0..distinct).map(|n| format!("h{n}:v\nh{n}:again\n")).collect();
        format!("SEND\n{lines}\n\0")
    };
    let (frames, error) = decode_pieces(Role::Server, ROOMY, head(100).as_bytes(), []);
    assert_eq!((frames[0].1.len(), error), (100, None));
    let (_, error) = decode_pieces(Role::Server, ROOMY, head(101).as_bytes(), []);
    assert_eq!(error, Some(DecodeError::TooManyHeaders));
}

#[test]
fn a_frame_may_have_so_many_bytes_and_no_more() {
    // Spec §11: 20. Eleven bytes with the NUL.
    let frame = b"\n\nSEND\na:b\n\n\0";
    assert_eq!(show(Role::Server, 11, frame), "SEND a=b |");
    assert_eq!(show(Role::Server, 10, frame), "! {frame_too_big,{11,10}}");
    assert_eq!(show(Role::Server, 10, b"SEND\na:b"), "");
    assert_eq!(show(Role::Server, 10, b"SEND\na:bcde"), "! {frame_too_big,{11,10}}");
    let announced = b"SEND\ncontent-length:99999999999999999999999\n\n";
    let whole = format!("! {{frame_too_big,{{{},100}}}}", usize::MAX);
    assert_eq!(show(Role::Server, 100, announced), whole);
}

#[test]
fn a_quiet_peers_heart_beats_do_not_add_up() {
    let mut decoder = Decoder::new(Role::Server, 8);
    for _ in 0..100 {
        let decoded = decoder.decode(b"\n\r\n");
        assert!(matches!(decoded, Ok(Decoded::HeartBeat { consumed: 3 })));
    }
    assert!(matches!(decoder.decode(b"\r"), Ok(Decoded::NeedMore)));
    assert!(matches!(decoder.decode(b"\n\r"), Ok(Decoded::HeartBeat { consumed: 1 })));
}

#[test]
fn noise_before_an_unfinished_frame_is_consumed_first() {
    let mut decoder = Decoder::new(Role::Server, ROOMY);
    assert!(matches!(decoder.decode(b"\n\nSEN"), Ok(Decoded::HeartBeat { consumed: 2 })));
    assert!(matches!(decoder.decode(b"SEN"), Ok(Decoded::NeedMore)));
    let decoded = decoder.decode(b"SEND\n\n\0\n");
    assert!(matches!(decoded, Ok(Decoded::Frame { consumed: 7, .. })));
}

#[test]
fn every_split_gives_the_same_frames() {
    // Spec §11: 11.
    let input =
        b"\r\n\nCONNECT\r\nlogin:a\\\\b\r\n\r\n\0\r\nSEND\ncontent-length:4\nx:\\n\n\n\0\r\n\0\0\
                  SEND\n\nno length\0\nBEGIN\ntransaction:1\n\n\0";
    let whole = decode_pieces(Role::Server, ROOMY, input, []);
    assert_eq!((whole.0.len(), &whole.1), (4, &None));
    for first in 0..input.len() {
        for second in first..input.len() {
            let pieces = decode_pieces(Role::Server, ROOMY, input, [first, second]);
            assert_eq!(pieces, whole, "{first} {second}");
        }
    }
    let bytewise = decode_pieces(Role::Server, ROOMY, input, 0..input.len());
    assert_eq!(bytewise, whole);
}

/// Bytes that look like frames often enough to get far into the decoder.
fn frame_like() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(b"SEND\n".to_vec()),
        Just(b"MESSAGE\r\n".to_vec()),
        Just(b"content-length:3\n".to_vec()),
        Just(b"content-length:".to_vec()),
        Just(b"a:b\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"\\".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"xyz".to_vec()),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    proptest::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(
        headers in proptest::collection::btree_map(
            proptest::collection::vec(any::<u8>(), 0..12),
            proptest::collection::vec(any::<u8>(), 0..24),
            0..20,
        ),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        // Which command, for which reader: both take the length from the header.
        (command, role) in prop_oneof![
            Just((Command::Send, Role::Server)),
            Just((Command::Message, Role::Client)),
            Just((Command::Error, Role::Client)),
        ],
    ) {
        let mut out = Vec::new();
        let mut writer = FrameWriter::begin(&mut out, command);
        let mut expected = Vec::new();
        for (name, value) in &headers {
            prop_assume!(name != b"content-length");
            writer = writer.header(name, value);
            expected.push((name.clone(), value.clone()));
        }
        writer.finish(&body);
        if !body.is_empty() {
            expected.push((b"content-length".to_vec(), body.len().to_string().into_bytes()));
        }
        let (frames, error) = decode_pieces(role, ROOMY, &out, []);
        prop_assert_eq!(error, None);
        prop_assert_eq!(frames, vec![Owned(command.as_str().into(), expected, body)]);
    }

    #[test]
    fn any_split_of_anything_gives_the_same_frames_or_the_same_end(
        input in frame_like(),
        ends in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let whole = decode_pieces(Role::Server, 64, &input, []);
        let mut ends: Vec<_> = ends.iter().map(|end| end.index(input.len() + 1)).collect();
        ends.sort_unstable();
        let pieces = decode_pieces(Role::Server, 64, &input, ends);
        prop_assert_eq!(&pieces.0, &whole.0);
        // A frame that grows too big piece by piece is found out earlier than as a whole.
        if !matches!(pieces.1, Some(DecodeError::FrameTooBig { .. })) {
            prop_assert_eq!(pieces.1, whole.1);
        } else {
            prop_assert!(whole.1.is_some());
        }
    }

    #[test]
    fn garbage_never_panics(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        decode_pieces(Role::Client, 128, &input, [input.len() / 2]);
    }
}
