//! ERROR frames: RabbitMQ's texts, and which of them end the connection.
//!
//! Source: RabbitMQ 4.3; `stomp.md` §6.4 of the specification sheets.

use std::borrow::Cow;

use model::{Refusal, RefusalKind};
use wire::amqp::ReplyCode;
use wire::stomp::{Command, FrameWriter, Version};

use crate::action::{Actions, Close};

/// Something a peer is told in an ERROR frame.
#[derive(Debug, PartialEq)]
pub(super) struct Complaint {
    message: Cow<'static, str>,
    detail: Cow<'static, str>,
    subscription: Option<Box<[u8]>>,
    is_fatal: bool,
}

impl Complaint {
    /// Told; the connection stays.
    pub(super) fn new(
        message: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { message: message.into(), detail: detail.into(), subscription: None, is_fatal: false }
    }

    /// Told, then the connection ends.
    pub(super) fn fatal(
        message: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { is_fatal: true, ..Self::new(message, detail) }
    }

    /// A frame that cannot be carried out as it is: a header that is no number, a name that is too
    /// long.
    pub(super) fn processing() -> Self {
        Self::new("Processing error", "Processing error")
    }

    /// Names the subscription it is about.
    pub(super) fn about(mut self, subscription: &[u8]) -> Self {
        self.subscription = Some(subscription.into());
        self
    }

    /// The engine refused something: the channel is lost, and with it the connection.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let code = reply_code(refusal.kind());
        Self::fatal(code.name().to_ascii_lowercase(), code.text(&refusal.to_string()).to_string())
    }

    /// As [`Self::refused`], without the reply name before the explanation: how RabbitMQ's STOMP
    /// plugin words the check that it makes itself.
    pub(super) fn refused_by_plugin(refusal: &Refusal) -> Self {
        let code = reply_code(refusal.kind());
        Self::fatal(code.name().to_ascii_lowercase(), refusal.to_string())
    }

    /// An operator ends the connection.
    pub(super) fn forced(reason: &str) -> Self {
        let code = ReplyCode::ConnectionForced;
        Self::fatal(code.name().to_ascii_lowercase(), code.text(reason).to_string())
    }

    pub(super) fn is_fatal(&self) -> bool {
        self.is_fatal
    }

    /// Makes it end the connection.
    pub(super) fn into_fatal(mut self) -> Self {
        self.is_fatal = true;
        self
    }

    /// Tells the peer, and ends the connection if it is fatal.
    pub(super) fn tell(&self, actions: &mut Actions) {
        actions.outbox.frame(|out| {
            let mut frame = FrameWriter::begin(out, Command::Error)
                .header("message", &*self.message)
                .header("content-type", "text/plain")
                .header("version", Version::SUPPORTED);
            if let Some(subscription) = &self.subscription {
                frame = frame.header("subscription", subscription);
            }
            frame.finish(self.detail.as_bytes());
        });
        if self.is_fatal {
            actions.end(Close::Orderly);
        }
    }
}

fn reply_code(kind: RefusalKind) -> ReplyCode {
    match kind {
        RefusalKind::AccessRefused => ReplyCode::AccessRefused,
        RefusalKind::NotFound => ReplyCode::NotFound,
        RefusalKind::ResourceLocked => ReplyCode::ResourceLocked,
        RefusalKind::PreconditionFailed => ReplyCode::PreconditionFailed,
        RefusalKind::NotAllowed => ReplyCode::NotAllowed,
        RefusalKind::NotImplemented => ReplyCode::NotImplemented,
        RefusalKind::Internal => ReplyCode::InternalError,
    }
}

#[cfg(test)]
mod tests {
    use model::{ExchangeName, VhostName};

    use super::*;

    #[test]
    fn a_refusal_becomes_a_reply_name_in_lower_case_and_its_text() {
        let refusal = Refusal::NoSuchExchange(ExchangeName::parse("x").unwrap(), VhostName::root());
        let text = "no exchange 'x' in vhost '/'";
        let told = Complaint::fatal("not_found", format!("NOT_FOUND - {text}"));
        assert_eq!(Complaint::refused(&refusal), told);
        assert_eq!(Complaint::refused_by_plugin(&refusal), Complaint::fatal("not_found", text));
        let ours = Complaint::fatal("internal_error", "INTERNAL_ERROR");
        assert_eq!(Complaint::refused(&Refusal::Internal), ours);
    }
}
