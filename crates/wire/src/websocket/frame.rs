//! One WebSocket frame: its header, and the mask over a client's payload.
//!
//! RFC 6455, section 5.2. Numbers are big-endian.
//!
//! ```text
//!  byte 0                         byte 1                 then                  then
//! +-----+----+----+----+--------+ +------+-------------+ +-------------------+ +-------------+
//! | FIN |RSV1|RSV2|RSV3| opcode | | MASK | payload len | | extended length   | | masking key |
//! | 1   | 1  | 1  | 1  | 4 bits | | 1    | 7 bits      | | u16, if len = 126 | | 4 bytes, if |
//! |     |    | 0  | 0  |        | |      |             | | u64, if len = 127 | | MASK = 1    |
//! +-----+----+----+----+--------+ +------+-------------+ +-------------------+ +-------------+
//! ```
//!
//! FIN: the last frame of its message. RSV1: the message is compressed (RFC 7692); set on the first
//! frame of a message only. Lengths are in bytes and written in the shortest form.

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Goes on with a message (0).
    Continuation,
    /// Begins a message of UTF-8 text (1).
    Text,
    /// Begins a message of bytes (2).
    Binary,
    /// Ends the connection (8).
    Close,
    /// Asks for a pong (9).
    Ping,
    /// Answers a ping, or is sent for its own sake (10).
    Pong,
}

/// The header of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether it is the last frame of its message.
    pub is_final: bool,
    /// RSV1: whether it begins a compressed message.
    pub is_compressed: bool,
    /// What it is for.
    pub opcode: Opcode,
    /// The key the payload is masked with: from clients always, from servers never.
    pub mask: Option<Mask>,
    /// Length of the payload in bytes.
    pub payload_bytes: u64,
}

/// A masking key. RFC 6455, section 5.3: byte `i` of the payload is XORed with byte `i mod 4` of
/// the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask(pub [u8; 4]);

/// Why bytes are no frame. All of it is a protocol error (close code 1002).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// RSV2 or RSV3 is set; no extension that we know uses them.
    #[error("reserved bits are set")]
    ReservedBits,
    /// Opcodes 3 to 7 and 11 to 15 have no meaning.
    #[error("opcode {0} is not known")]
    UnknownOpcode(u8),
    /// A control frame must be whole and uncompressed.
    #[error("a control frame is fragmented or compressed")]
    ControlSplit,
    /// A control frame carries at most 125 bytes.
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// A length must be written in the shortest form, and below 2⁶³.
    #[error("a length is not written in its shortest form")]
    LengthForm,
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const OPCODE: u8 = 0x0F;
const MASK: u8 = 0x80;
const LENGTH: u8 = 0x7F;
const LENGTH_IS_U16: u8 = 126;
const LENGTH_IS_U64: u8 = 127;
/// The shortest payload whose length takes two bytes of its own; and eight.
const LENGTH_IS_U16_FROM: u64 = 126;
const LENGTH_IS_U64_FROM: u64 = 1 << 16;

impl Opcode {
    /// Whether frames of this kind may stand between the fragments of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn from_bits(bits: u8) -> Result<Self, FrameError> {
        match bits {
            0 => Ok(Self::Continuation),
            1 => Ok(Self::Text),
            2 => Ok(Self::Binary),
            8 => Ok(Self::Close),
            9 => Ok(Self::Ping),
            10 => Ok(Self::Pong),
            _ => Err(FrameError::UnknownOpcode(bits)),
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

impl Header {
    /// The longest header, in bytes.
    pub const BYTES_MAX: usize = 14;
    /// The longest payload of a control frame, in bytes. RFC 6455, section 5.5.
    pub const CONTROL_BYTES_MAX: usize = 125;

    /// A whole, uncompressed, unmasked frame: what a server sends.
    pub fn server(opcode: Opcode, payload_bytes: u64) -> Self {
        Self { is_final: true, is_compressed: false, opcode, mask: None, payload_bytes }
    }

    /// A whole, uncompressed, masked frame: what a client sends.
    pub fn client(opcode: Opcode, mask: Mask, payload_bytes: u64) -> Self {
        Self { mask: Some(mask), ..Self::server(opcode, payload_bytes) }
    }

    /// Reads a header and says how many bytes it took; `None` if `input` ends before it does.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if these bytes, whatever follows, are no header.
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let Some((&[first, second], rest)) = input.split_first_chunk() else {
            return Ok(None);
        };
        if first & RSV2_RSV3 != 0 {
            return Err(FrameError::ReservedBits);
        }
        let opcode = Opcode::from_bits(first & OPCODE)?;
        let is_final = first & FIN != 0;
        let is_compressed = first & RSV1 != 0;
        if opcode.is_control() {
            if !is_final || is_compressed {
                return Err(FrameError::ControlSplit);
            }
            if usize::from(second & LENGTH) > Self::CONTROL_BYTES_MAX {
                return Err(FrameError::ControlTooLong);
            }
        }
        let Some((payload_bytes, rest)) = parse_length(second & LENGTH, rest)? else {
            return Ok(None);
        };
        let (mask, rest) = match (second & MASK != 0, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((&key, rest))) => (Some(Mask(key)), rest),
            (true, None) => return Ok(None),
        };
        let header = Self { is_final, is_compressed, opcode, mask, payload_bytes };
        Ok(Some((header, input.len() - rest.len())))
    }

    /// Appends the header.
    #[inline]
    pub fn append_to(self, out: &mut Vec<u8>) {
        let fin = if self.is_final { FIN } else { 0 };
        let rsv1 = if self.is_compressed { RSV1 } else { 0 };
        let first = fin | rsv1 | self.opcode.bits();
        let mask = if self.mask.is_some() { MASK } else { 0 };
        match self.payload_bytes {
            short @ 0..LENGTH_IS_U16_FROM => out.extend_from_slice(&[first, mask | short as u8]),
            length @ LENGTH_IS_U16_FROM..LENGTH_IS_U64_FROM => {
                let [high, low] = (length as u16).to_be_bytes();
                out.extend_from_slice(&[first, mask | LENGTH_IS_U16, high, low]);
            }
            length => {
                out.extend_from_slice(&[first, mask | LENGTH_IS_U64]);
                out.extend_from_slice(&length.to_be_bytes());
            }
        }
        if let Some(Mask(key)) = self.mask {
            out.extend_from_slice(&key);
        }
    }
}

fn parse_length(length: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, FrameError> {
    let (length, shortest, rest) = match length {
        LENGTH_IS_U16 => match rest.split_first_chunk() {
            Some((&length, rest)) => {
                (u64::from(u16::from_be_bytes(length)), LENGTH_IS_U16_FROM, rest)
            }
            None => return Ok(None),
        },
        LENGTH_IS_U64 => match rest.split_first_chunk() {
            Some((&length, rest)) => (u64::from_be_bytes(length), LENGTH_IS_U64_FROM, rest),
            None => return Ok(None),
        },
        length => (u64::from(length), 0, rest),
    };
    match length < shortest || length > i64::MAX as u64 {
        true => Err(FrameError::LengthForm),
        false => Ok(Some((length, rest))),
    }
}

impl Mask {
    /// Masks or unmasks `bytes`, which begin at `offset` of the payload.
    pub fn apply(self, offset: usize, bytes: &mut [u8]) {
        let mut key = self.0;
        key.rotate_left(offset % 4);
        let [a, b, c, d] = key;
        let key = [a, b, c, d, a, b, c, d];
        let word_key = u64::from_ne_bytes(key);
        let (words, rest) = bytes.as_chunks_mut::<8>();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ word_key).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}

/// Appends a whole frame as a server sends it.
pub fn append_server(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    Header::server(opcode, payload.len() as u64).append_to(out);
    out.extend_from_slice(payload);
}

/// Appends a whole frame as a client sends it. The key must not be foreseeable for whoever chose
/// the payload (RFC 6455, section 10.3).
pub fn append_client(out: &mut Vec<u8>, opcode: Opcode, mask: Mask, payload: &[u8]) {
    Header::client(opcode, mask, payload.len() as u64).append_to(out);
    let start = out.len();
    out.extend_from_slice(payload);
    mask.apply(0, out.get_mut(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: Mask = Mask([0x37, 0xfa, 0x21, 0x3d]);

    fn encode(header: Header) -> Vec<u8> {
        let mut out = Vec::new();
        header.append_to(&mut out);
        out
    }

    /// RFC 6455, section 5.7.
    #[test]
    fn the_standards_examples_are_read_and_written() {
        let mut server = Vec::new();
        append_server(&mut server, Opcode::Text, b"Hello");
        assert_eq!(server, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);

        let mut client = Vec::new();
        append_client(&mut client, Opcode::Text, KEY, b"Hello");
        assert_eq!(client, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);

        let encoded = |bytes| encode(Header::server(Opcode::Binary, bytes));
        assert_eq!(encoded(256), [0x82, 0x7E, 0x01, 0x00]);
        assert_eq!(encoded(65536), [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn each_broken_rule_is_named() {
        let check =
            |input: &[u8], error| assert_eq!(Header::parse(input), Err(error), "{input:x?}");
        check(&[0xA1, 0x80], FrameError::ReservedBits);
        check(&[0x91, 0x80], FrameError::ReservedBits);
        check(&[0x83, 0x80], FrameError::UnknownOpcode(3));
        check(&[0x8F, 0x80], FrameError::UnknownOpcode(15));
        check(&[0x09, 0x80], FrameError::ControlSplit);
        check(&[0xC9, 0x80], FrameError::ControlSplit);
        check(&[0x88, 0xFE], FrameError::ControlTooLong);
        check(&[0x82, 126, 0, 125], FrameError::LengthForm);
        check(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], FrameError::LengthForm);
        check(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], FrameError::LengthForm);
    }

    fn header() -> impl Strategy<Value = Header> {
        let length = prop_oneof![0..=125_u64, 126..=65_535_u64, 65_536..=i64::MAX as u64];
        let opcode = prop_oneof![
            Just(Opcode::Continuation),
            Just(Opcode::Text),
            Just(Opcode::Binary),
            Just(Opcode::Close),
            Just(Opcode::Ping),
            Just(Opcode::Pong),
        ];
        let mask = any::<Option<[u8; 4]>>();
        (opcode, length, mask, any::<bool>(), any::<bool>()).prop_map(
            |(opcode, length, mask, is_final, is_compressed)| Header {
                is_final: is_final || opcode.is_control(),
                is_compressed: is_compressed && !opcode.is_control(),
                opcode,
                mask: mask.map(Mask),
                payload_bytes: if opcode.is_control() { length % 126 } else { length },
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_a_part_of_it_asks_for_more(header in header()) {
            let bytes = encode(header);
            prop_assert_eq!(Header::parse(&bytes), Ok(Some((header, bytes.len()))));
            for end in 0..bytes.len() {
                prop_assert_eq!(Header::parse(&bytes[..end]), Ok(None));
            }
        }

        #[test]
        fn a_mask_can_be_applied_in_parts(key: [u8; 4], bytes: Vec<u8>, cut: prop::sample::Index) {
            let plain: Vec<u8> =
                bytes.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            let cut = cut.index(bytes.len() + 1);
            let mut parts = bytes;
            Mask(key).apply(0, &mut parts[..cut]);
            Mask(key).apply(cut, &mut parts[cut..]);
            prop_assert_eq!(parts, plain);
        }
    }
}
