//! A frame as received.
//!
//! ```text
//! frame = command [CR] LF  header*  [CR] LF  body  NUL  { NUL | [CR] LF }*
//! ```

use crate::stomp::command::Command;
use crate::stomp::header::Headers;

/// A frame, borrowed from the bytes it came in.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// The command; `None` if there is none of that name.
    pub command: Option<Command>,
    /// The command line as received.
    pub command_line: &'a [u8],
    /// The headers.
    pub headers: Headers<'a>,
    /// The body, without the NUL behind it.
    pub body: &'a [u8],
}
