//! Headers as received: borrowed, escaped, unescaped only when asked for.
//!
//! ```text
//! header = name ':' value [CR] LF      escapes: \n LF   \r CR   \c ':'   \\ '\'
//! ```

use std::borrow::Cow;

use memchr::memchr;
use smallvec::SmallVec;

/// Distinct headers in one frame. Source: RabbitMQ 4.2.6 and later; not configurable there.
pub const HEADERS_MAX: usize = 100;

/// As many headers as a frame holds without an allocation.
const HEADERS_INLINE: usize = 16;

/// One header as received: its escapes are valid, but still escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name. An escaped name has one spelling, so that names compare as they are.
    pub raw_name: &'a [u8],
    /// The value.
    pub raw_value: &'a [u8],
}

impl<'a> Header<'a> {
    /// The name, unescaped.
    pub fn name(&self) -> Cow<'a, [u8]> {
        unescape(self.raw_name)
    }

    /// The value, unescaped.
    pub fn value(&self) -> Cow<'a, [u8]> {
        unescape(self.raw_value)
    }
}

/// The distinct headers of a frame, in the order received; of equal names the first counts.
#[derive(Clone, Debug, Default)]
pub struct Headers<'a> {
    list: SmallVec<[Header<'a>; HEADERS_INLINE]>,
}

impl<'a> Headers<'a> {
    /// The unescaped value of that name, which must need no escapes itself.
    pub fn get(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        self.list.iter().find(|header| header.raw_name == name.as_bytes()).map(Header::value)
    }

    /// All headers.
    pub fn iter(&self) -> std::slice::Iter<'_, Header<'a>> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Cuts the leading spaces of every value, as a 1.0 peer expects. Names and trailing spaces
    /// stay.
    ///
    /// Source: RabbitMQ, for sessions that negotiated 1.0.
    pub fn trim_values(&mut self) {
        for header in &mut self.list {
            let spaces = header.raw_value.iter().take_while(|byte| **byte == b' ').count();
            header.raw_value = header.raw_value.get(spaces..).unwrap_or_default();
        }
    }

    /// Takes a header unless there is one of that name; `false` if there are too many.
    pub(super) fn push(&mut self, header: Header<'a>) -> bool {
        if self.list.iter().any(|known| known.raw_name == header.raw_name) {
            return true;
        }
        if self.list.len() == HEADERS_MAX {
            return false;
        }
        self.list.push(header);
        true
    }
}

impl<'h, 'a> IntoIterator for &'h Headers<'a> {
    type Item = &'h Header<'a>;
    type IntoIter = std::slice::Iter<'h, Header<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What the escape `\code` stands for.
pub(super) fn unescape_code(code: u8) -> Option<u8> {
    match code {
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b'c' => Some(b':'),
        b'\\' => Some(b'\\'),
        _ => None,
    }
}

/// Resolves the escapes of a name or value. A `\` that begins none stays as it is.
pub fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(b'\\', raw) else {
        return Cow::Borrowed(raw);
    };
    let (plain, escaped) = raw.split_at(first);
    let mut text = Vec::with_capacity(raw.len());
    text.extend_from_slice(plain);
    let mut bytes = escaped.iter();
    while let Some(&byte) = bytes.next() {
        let code = || bytes.clone().next().copied().and_then(unescape_code);
        match (byte == b'\\').then(code).flatten() {
            Some(unescaped) => {
                bytes.next();
                text.push(unescaped);
            }
            None => text.push(byte),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved_in_one_pass() {
        for (raw, text) in [
            (r"plain", "plain"),
            (r"a\cb\nc\rd\\e", "a:b\nc\rd\\e"),
            (r"\\r", r"\r"),
            (r"\\\\n", r"\\n"),
        ] {
            assert_eq!(unescape(raw.as_bytes()), text.as_bytes(), "{raw}");
        }
        assert!(matches!(unescape(b"plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn the_first_of_equal_names_counts_and_the_101st_distinct_one_is_too_many() {
        let names: Vec<_> = (0..=HEADERS_MAX).map(|n| format!("h{n}")).collect();
        let header = |name: &'static str| Header { raw_name: name.as_bytes(), raw_value: b"1" };
        let mut headers = Headers::default();
        for name in &names[..HEADERS_MAX] {
            assert!(headers.push(Header { raw_name: name.as_bytes(), raw_value: b"first" }));
        }
        assert!(headers.push(header("h7")));
        assert_eq!(headers.get("h7").as_deref(), Some(b"first".as_slice()));
        assert_eq!(headers.len(), HEADERS_MAX);
        assert!(!headers.push(header("h100")));
    }

    #[test]
    fn trimming_cuts_leading_spaces_only() {
        let mut headers = Headers::default();
        headers.push(Header { raw_name: b" a ", raw_value: b"  b " });
        headers.trim_values();
        assert_eq!(headers.get(" a ").as_deref(), Some(b"b ".as_slice()));
    }
}
