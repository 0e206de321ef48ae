//! Counts messages in a stream of bytes without looking at more than frame headers.

/// What a message is, in a stream of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// A WebSocket frame of data each.
    Frames,
    /// So many bytes of WebSocket payload each.
    Payload(u64),
    /// So many bytes each, without WebSocket.
    Raw(u64),
}

/// The longest header of a server's frame: two bytes and a 64-bit length.
const HEADER_BYTES_MAX: usize = 10;

/// Where in the stream we are, and what was counted.
#[derive(Clone, Debug)]
pub(crate) struct Walker {
    counting: Counting,
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: u8,
    is_data: bool,
    /// Payload of this frame that has yet to come.
    left: u64,
    frames: u64,
    payload: u64,
    /// Everything, headers too.
    pub(crate) bytes: u64,
}

impl Walker {
    pub(crate) fn new(counting: Counting) -> Self {
        Self {
            counting,
            header: [0; HEADER_BYTES_MAX],
            header_bytes: 0,
            is_data: false,
            left: 0,
            frames: 0,
            payload: 0,
            bytes: 0,
        }
    }

    /// Whole messages so far.
    pub(crate) fn messages(&self) -> u64 {
        match self.counting {
            Counting::Frames => self.frames,
            Counting::Payload(bytes) | Counting::Raw(bytes) => self.payload / bytes.max(1),
        }
    }

    /// Whether a frame ends here.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.left == 0 && self.header_bytes == 0
    }

    /// What was counted so far is not counted again.
    pub(crate) fn reset(&mut self) {
        (self.frames, self.payload, self.bytes) = (0, 0, 0);
    }

    /// Counts `input`; what is payload of data frames goes to `payload` as well.
    pub(crate) fn walk(&mut self, input: &[u8], mut payload: Option<&mut Vec<u8>>) {
        self.bytes += input.len() as u64;
        if matches!(self.counting, Counting::Raw(_)) {
            self.payload += input.len() as u64;
            if let Some(payload) = payload {
                payload.extend_from_slice(input);
            }
            return;
        }
        let mut rest = input;
        loop {
            if self.left > 0 {
                let here =
                    usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
                let (data, behind) = rest.split_at(here);
                if let Some(payload) = payload.as_deref_mut().filter(|_| self.is_data) {
                    payload.extend_from_slice(data);
                }
                self.pass(here as u64);
                rest = behind;
            }
            let Some(next) = self.header(rest) else { return };
            rest = next;
        }
    }

    fn pass(&mut self, bytes: u64) {
        self.left -= bytes;
        if self.is_data {
            self.payload += bytes;
            self.frames += u64::from(self.left == 0);
        }
    }

    /// Reads the next frame's header; `None` if `input` ends before it does.
    fn header<'a>(&mut self, input: &'a [u8]) -> Option<&'a [u8]> {
        // The common case first: a whole header of up to four bytes.
        if self.header_bytes == 0
            && let Some((&[first, second, b0, b1], behind)) = input.split_first_chunk::<4>()
            && second & 0x7F == 126
        {
            self.begin(first, u64::from(u16::from_be_bytes([b0, b1])));
            return Some(behind);
        }
        let mut rest = input;
        while let Some((byte, behind)) = rest.split_first() {
            rest = behind;
            *self.header.get_mut(usize::from(self.header_bytes))? = *byte;
            self.header_bytes += 1;
            let [first, second, b @ ..] = self.header;
            let (bytes_wanted, length) = match second & 0x7F {
                126 => (4, u64::from(u16::from_be_bytes([b[0], b[1]]))),
                127 => (10, u64::from_be_bytes(b)),
                short => (2, u64::from(short)),
            };
            if self.header_bytes >= 2 && self.header_bytes == bytes_wanted {
                self.header_bytes = 0;
                self.header = [0; HEADER_BYTES_MAX];
                self.begin(first, length);
                return Some(rest);
            }
        }
        None
    }

    fn begin(&mut self, first: u8, length: u64) {
        // Opcodes from 8 are control frames.
        self.is_data = first & 0x08 == 0;
        self.left = length;
        if length == 0 {
            self.frames += u64::from(self.is_data);
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::websocket::frame::{Opcode, append_server};

    use super::*;

    #[test]
    fn frames_are_counted_however_the_bytes_are_cut() {
        let mut stream = Vec::new();
        for bytes in [0, 1, 125, 126, 127, 65_535, 65_536] {
            append_server(&mut stream, Opcode::Text, &vec![0x82; bytes]);
            append_server(&mut stream, Opcode::Ping, b"are you there");
        }
        for piece in [1, 2, 3, 7, 1000, stream.len()] {
            let mut walker = Walker::new(Counting::Frames);
            let mut payload = Vec::new();
            for part in stream.chunks(piece) {
                walker.walk(part, Some(&mut payload));
            }
            assert_eq!(walker.messages(), 7, "in pieces of {piece}");
            assert_eq!(payload.len(), 125 + 126 + 127 + 1 + 65_535 + 65_536);
            assert!(walker.is_between_frames());
            assert_eq!(walker.bytes, stream.len() as u64);
        }
    }

    #[test]
    fn messages_of_a_known_size_are_counted_across_frames() {
        let mut stream = Vec::new();
        append_server(&mut stream, Opcode::Binary, &[b'x'; 25]);
        append_server(&mut stream, Opcode::Binary, &[b'x'; 15]);
        let mut walker = Walker::new(Counting::Payload(10));
        walker.walk(&stream, None);
        assert_eq!(walker.messages(), 4);
    }
}
