//! Reply codes: why a message came back, why a channel or a connection closes.

use model::ShortString;

/// A reply code with its name. Source: AMQP 0-9-1, "Constants"; RabbitMQ's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum ReplyCode {
    /// A normal close.
    Success = 200,
    /// Never sent by RabbitMQ.
    ContentTooLarge = 311,
    /// A mandatory message found no queue.
    NoRoute = 312,
    /// Never sent by RabbitMQ.
    NoConsumers = 313,
    /// An operator closed the connection.
    ConnectionForced = 320,
    /// Never sent by RabbitMQ.
    InvalidPath = 402,
    /// The user lacks the right.
    AccessRefused = 403,
    /// No such exchange or queue.
    NotFound = 404,
    /// Exclusive to somebody else.
    ResourceLocked = 405,
    /// A condition of the method does not hold.
    PreconditionFailed = 406,
    /// Bytes that are no frame.
    FrameError = 501,
    /// A field with an illegal value.
    SyntaxError = 502,
    /// A method that cannot be sent here.
    CommandInvalid = 503,
    /// A channel that is not as the method needs it.
    ChannelError = 504,
    /// A frame that cannot come at this point.
    UnexpectedFrame = 505,
    /// Out of resources.
    ResourceError = 506,
    /// Not allowed, whoever asks.
    NotAllowed = 530,
    /// A part of the protocol that is not implemented.
    NotImplemented = 540,
    /// Our fault.
    InternalError = 541,
}

impl ReplyCode {
    /// The number on the wire.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// The standard's name in capitals, with which a reply text begins.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::ContentTooLarge => "CONTENT_TOO_LARGE",
            Self::NoRoute => "NO_ROUTE",
            Self::NoConsumers => "NO_CONSUMERS",
            Self::ConnectionForced => "CONNECTION_FORCED",
            Self::InvalidPath => "INVALID_PATH",
            Self::AccessRefused => "ACCESS_REFUSED",
            Self::NotFound => "NOT_FOUND",
            Self::ResourceLocked => "RESOURCE_LOCKED",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::FrameError => "FRAME_ERROR",
            Self::SyntaxError => "SYNTAX_ERROR",
            Self::CommandInvalid => "COMMAND_INVALID",
            Self::ChannelError => "CHANNEL_ERROR",
            Self::UnexpectedFrame => "UNEXPECTED_FRAME",
            Self::ResourceError => "RESOURCE_ERROR",
            Self::NotAllowed => "NOT_ALLOWED",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }

    /// Whether it closes the connection, not only the channel.
    pub fn is_hard(self) -> bool {
        matches!(self.code(), 320 | 402 | 501..)
    }

    /// The reply text: `NAME - explanation`, at most 255 bytes, ending in `...` when cut.
    ///
    /// An internal error says only its name.
    pub fn text(self, explanation: &str) -> ShortString {
        if self == Self::InternalError || explanation.is_empty() {
            return ShortString::truncated(self.name());
        }
        let mut text = format!("{} - {explanation}", self.name());
        if text.len() > ShortString::BYTES_MAX {
            text.truncate(text.floor_char_boundary(ShortString::BYTES_MAX - 3));
            text.push_str("...");
        }
        ShortString::truncated(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_text_names_the_code_and_fits() {
        let text = ReplyCode::NotFound.text("no queue 'q' in vhost '/'");
        assert_eq!(text.to_str(), Some("NOT_FOUND - no queue 'q' in vhost '/'"));
        let text = ReplyCode::NotFound.text(&"x".repeat(300));
        assert_eq!(text.as_bytes().len(), 255);
        assert!(text.as_bytes().ends_with(b"x..."));
        assert_eq!(ReplyCode::NotFound.text(&"x".repeat(243)).as_bytes().last(), Some(&b'x'));
        assert_eq!(ReplyCode::InternalError.text("/secret/path").to_str(), Some("INTERNAL_ERROR"));
    }

    #[test]
    fn hard_codes_close_the_connection() {
        assert!(!ReplyCode::PreconditionFailed.is_hard());
        assert!(!ReplyCode::NoRoute.is_hard());
        assert!(ReplyCode::ConnectionForced.is_hard());
        assert!(ReplyCode::InternalError.is_hard());
    }
}
