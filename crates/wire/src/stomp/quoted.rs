//! Bytes of a peer as RabbitMQ's texts show them: an Erlang string in double quotes.

use std::fmt::{self, Write};

/// Shows bytes as `"text"`, with backslashes, quotes and control characters escaped; bytes that are
/// not UTF-8 as a list of numbers, `[255,0]`.
///
/// Source: Erlang's `~tp`. Error texts and close reasons carry peers' bytes this way.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(text) = std::str::from_utf8(self.0) else {
            return list(self.0, f);
        };
        if text.chars().any(|c| c.is_control() && escape(c).is_none()) {
            return list(self.0, f);
        }
        f.write_char('"')?;
        for c in text.chars() {
            match escape(c) {
                Some(code) => {
                    f.write_char('\\')?;
                    f.write_char(code)?;
                }
                None => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

fn escape(c: char) -> Option<char> {
    Some(match c {
        '"' => '"',
        '\\' => '\\',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\u{8}' => 'b',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\u{1b}' => 'e',
        _ => return None,
    })
}

fn list(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('[')?;
    for (index, byte) in bytes.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(f, "{comma}{byte}")?;
    }
    f.write_char(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_show_as_erlang_shows_them() {
        for (bytes, shown) in [
            (b"FOO".as_slice(), r#""FOO""#),
            (b"", r#""""#),
            (b"\\t", r#""\\t""#),
            (b"a\"b\r\n", r#""a\"b\r\n""#),
            ("é".as_bytes(), r#""é""#),
            (b"a\0", "[97,0]"),
            (b"\xFF", "[255]"),
        ] {
            assert_eq!(Quoted(bytes).to_string(), shown);
        }
    }
}
