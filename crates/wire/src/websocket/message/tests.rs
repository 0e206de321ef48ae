//! Scripts of frames in, messages or violations out.

use proptest::prelude::*;

use super::*;
use crate::websocket::deflate::{compress_tail, splice};
use crate::websocket::frame::{self, Mask};

const BYTES_MAX: usize = 70_000;
const MASK: Mask = Mask([1, 2, 3, 4]);

/// A frame that a test sends.
#[derive(Clone, Debug)]
struct Sent {
    header: Header,
    payload: Vec<u8>,
}

impl Sent {
    fn new(opcode: Opcode, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref().to_vec();
        Self { header: Header::client(opcode, MASK, payload.len() as u64), payload }
    }

    fn more(mut self) -> Self {
        self.header.is_final = false;
        self
    }

    fn compressed(mut self) -> Self {
        self.header.is_compressed = true;
        self
    }

    fn unmasked(mut self) -> Self {
        self.header.mask = None;
        self
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.header.append_to(out);
        let start = out.len();
        out.extend_from_slice(&self.payload);
        if let Some(mask) = self.header.mask {
            mask.apply(0, &mut out[start..]);
        }
    }
}

/// What a test heard, owned.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Violation(Violation),
}

impl From<Event<'_>> for Heard {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(kind, payload) => Self::Message(kind, payload.into_owned()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(code, reason) => Self::Close(code.map(|code| code.0), reason.into()),
        }
    }
}

/// Feeds `bytes` as a driver does, in reads that end at `cuts`.
fn hear(assembler: &mut Assembler, bytes: &[u8], cuts: &[usize]) -> Vec<Heard> {
    let mut inflater = Inflater::new();
    let mut heard = Vec::new();
    let mut unread = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        unread.extend_from_slice(&bytes[from..cut.max(from)]);
        from = cut.max(from);
        loop {
            match assembler.next(&mut unread, BYTES_MAX, &mut inflater) {
                Err(violation) => {
                    heard.push(Heard::Violation(violation));
                    return heard;
                }
                Ok(Step { taken_bytes, event }) => {
                    let is_done = event.is_none();
                    heard.extend(event.map(Heard::from));
                    unread.drain(..taken_bytes);
                    if is_done {
                        break;
                    }
                }
            }
        }
    }
    heard
}

fn check(frames: &[Sent], expected: &[Heard]) {
    let mut bytes = Vec::new();
    frames.iter().for_each(|frame| frame.write(&mut bytes));
    let every_byte: Vec<usize> = (0..bytes.len()).collect();
    for cuts in [&[][..], &every_byte] {
        let mut assembler = Assembler::new(Role::Server, Compression::Deflate);
        assert_eq!(hear(&mut assembler, &bytes, cuts), expected, "{frames:?}");
    }
}

fn text(payload: impl AsRef<[u8]>) -> Heard {
    Heard::Message(Kind::Text, payload.as_ref().to_vec())
}

#[test]
fn a_fragmented_message_is_heard_once_and_pings_between() {
    check(
        &[
            Sent::new(Opcode::Text, "a").more(),
            Sent::new(Opcode::Ping, "p"),
            Sent::new(Opcode::Continuation, "").more(),
            Sent::new(Opcode::Continuation, "b").more(),
            Sent::new(Opcode::Pong, ""),
            Sent::new(Opcode::Continuation, "c"),
            Sent::new(Opcode::Binary, [0xFF]),
            Sent::new(Opcode::Close, [3, 0xE8, b'o', b'k']),
        ],
        &[
            Heard::Ping(b"p".to_vec()),
            Heard::Pong(Vec::new()),
            text("abc"),
            Heard::Message(Kind::Binary, vec![0xFF]),
            Heard::Close(Some(1000), "ok".into()),
        ],
    );
}

#[test]
fn text_is_checked_across_fragments() {
    let [first, second] = [0xC3, 0xA9];
    let e_acute =
        [Sent::new(Opcode::Text, [first]).more(), Sent::new(Opcode::Continuation, [second])];
    check(&e_acute, &[text("é")]);
    let cut_short = [Sent::new(Opcode::Text, [first])];
    check(&cut_short, &[Heard::Violation(Violation::NotUtf8)]);
}

#[test]
fn compressed_messages_are_inflated_whole_or_in_fragments() {
    let payload = splice(b"head ", &compress_tail(b"tail tail tail tail"));
    let (left, right) = payload.split_at(7);
    check(
        &[
            Sent::new(Opcode::Text, &payload).compressed(),
            Sent::new(Opcode::Text, left).compressed().more(),
            Sent::new(Opcode::Ping, ""),
            Sent::new(Opcode::Continuation, right),
        ],
        &[
            text("head tail tail tail tail"),
            Heard::Ping(Vec::new()),
            text("head tail tail tail tail"),
        ],
    );
}

#[test]
fn each_violation_has_its_close_code() {
    let check = |frames: &[Sent], violation: Violation, code| {
        check(frames, &[Heard::Violation(violation)]);
        assert_eq!(violation.close_code(), CloseCode(code));
    };
    let hi = |opcode| Sent::new(opcode, "hi");
    let too_long = Violation::TooLong { bytes_max: BYTES_MAX };
    check(&[hi(Opcode::Text).unmasked()], Violation::NotMasked, 1002);
    check(&[hi(Opcode::Continuation)], Violation::NothingToContinue, 1002);
    check(&[hi(Opcode::Text).more(), hi(Opcode::Binary)], Violation::NotContinued, 1002);
    check(
        &[hi(Opcode::Text).more(), hi(Opcode::Continuation).compressed()],
        Violation::Compressed,
        1002,
    );
    check(&[Sent::new(Opcode::Close, [3])], Violation::Close(CloseError::Incomplete), 1002);
    check(&[Sent::new(Opcode::Close, [3, 0xE8, 0xFF])], Violation::Close(CloseError::Reason), 1007);
    check(&[Sent::new(Opcode::Text, [0xFF])], Violation::NotUtf8, 1007);
    check(&[Sent::new(Opcode::Text, [0xFF; 9]).compressed()], Violation::NotDeflate, 1007);
    check(&[Sent::new(Opcode::Text, vec![b'x'; BYTES_MAX + 1])], too_long, 1009);
    let half = vec![b'x'; BYTES_MAX / 2 + 1];
    let halves =
        [Sent::new(Opcode::Text, &half).more(), Sent::new(Opcode::Continuation, &half).more()];
    check(&halves, too_long, 1009);
    let bomb = compress_tail(&vec![0; BYTES_MAX + 1]);
    check(&[Sent::new(Opcode::Binary, bomb).compressed()], too_long, 1009);
}

#[test]
fn the_limit_itself_is_allowed() {
    let payload = vec![b'x'; BYTES_MAX];
    let mut bytes = Vec::new();
    Sent::new(Opcode::Text, &payload).write(&mut bytes);
    Sent::new(Opcode::Text, compress_tail(&payload)).compressed().write(&mut bytes);
    let mut assembler = Assembler::new(Role::Server, Compression::Deflate);
    assert_eq!(hear(&mut assembler, &bytes, &[]), [text(&payload), text(&payload)]);
}

#[test]
fn a_frame_over_the_limit_is_turned_down_before_it_comes() {
    let mut header = Vec::new();
    Header::client(Opcode::Binary, MASK, u64::MAX >> 1).append_to(&mut header);
    let mut assembler = Assembler::new(Role::Server, Compression::None);
    let expected = Heard::Violation(Violation::TooLong { bytes_max: BYTES_MAX });
    assert_eq!(hear(&mut assembler, &header, &[]), [expected]);
}

#[test]
fn compression_must_have_been_agreed() {
    let mut bytes = Vec::new();
    Sent::new(Opcode::Text, compress_tail(b"x")).compressed().write(&mut bytes);
    let mut assembler = Assembler::new(Role::Server, Compression::None);
    assert_eq!(hear(&mut assembler, &bytes, &[]), [Heard::Violation(Violation::Compressed)]);
}

#[test]
fn a_client_takes_no_masks() {
    let mut bytes = Vec::new();
    frame::append_server(&mut bytes, Opcode::Text, b"plain");
    Sent::new(Opcode::Text, "masked").write(&mut bytes);
    let mut assembler = Assembler::new(Role::Client, Compression::None);
    let heard = hear(&mut assembler, &bytes, &[]);
    assert_eq!(heard, [text("plain"), Heard::Violation(Violation::Masked)]);
}

#[test]
fn a_usual_message_is_a_slice_of_the_input() {
    let mut bytes = Vec::new();
    Sent::new(Opcode::Text, "hello").write(&mut bytes);
    let (from, to) = (bytes.as_ptr().addr(), bytes.as_ptr().addr() + bytes.len());
    let mut inflater = Inflater::new();
    let mut assembler = Assembler::new(Role::Server, Compression::Deflate);
    let step = assembler.next(&mut bytes, BYTES_MAX, &mut inflater).unwrap();
    match step.event {
        Some(Event::Message(Kind::Text, Cow::Borrowed(payload))) => {
            assert_eq!(payload, b"hello");
            assert!((from..to).contains(&payload.as_ptr().addr()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_idle_assembler_is_small() {
    assert!(size_of::<Assembler>() <= 16);
}

/// A message and where to cut it into fragments.
fn message() -> impl Strategy<Value = (Kind, bool, Vec<u8>, Vec<prop::sample::Index>)> {
    let cuts = || prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    prop_oneof![
        (Just(Kind::Text), any::<bool>(), "\\PC{0,300}".prop_map(String::into_bytes), cuts()),
        (Just(Kind::Binary), any::<bool>(), any::<Vec<u8>>(), cuts()),
    ]
}

fn fragments(
    (kind, is_compressed, plain, cuts): &(Kind, bool, Vec<u8>, Vec<prop::sample::Index>),
) -> Vec<Sent> {
    let payload = if *is_compressed { compress_tail(plain) } else { plain.clone() };
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
    ends.push(payload.len());
    ends.sort_unstable();
    let mut opcode = if *kind == Kind::Text { Opcode::Text } else { Opcode::Binary };
    let mut from = 0;
    let mut frames = Vec::new();
    for end in ends {
        let mut frame = Sent::new(opcode, &payload[from..end]).more();
        frame.header.is_compressed = *is_compressed && opcode != Opcode::Continuation;
        frames.push(frame);
        opcode = Opcode::Continuation;
        from = end;
    }
    frames.last_mut().unwrap().header.is_final = true;
    frames
}

proptest! {
    #[test]
    fn any_messages_survive_any_fragments_and_any_reads(
        messages in prop::collection::vec(message(), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut bytes = Vec::new();
        messages.iter().flat_map(fragments).for_each(|frame| frame.write(&mut bytes));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut assembler = Assembler::new(Role::Server, Compression::Deflate);
        let expected: Vec<Heard> = messages
            .into_iter()
            .map(|(kind, _, plain, _)| Heard::Message(kind, plain))
            .collect();
        prop_assert_eq!(hear(&mut assembler, &bytes, &cuts), expected);
    }

    #[test]
    fn garbage_is_heard_the_same_however_it_is_read(
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(0x81), Just(0x80), Just(0x01)],
            0..200,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        for role in [Role::Server, Role::Client] {
            let whole = hear(&mut Assembler::new(role, Compression::Deflate), &bytes, &[]);
            let parts = hear(&mut Assembler::new(role, Compression::Deflate), &bytes, &cuts);
            prop_assert_eq!(whole, parts);
        }
    }
}
