//! What comes from the peer: each frame goes to its channel.

use std::time::Instant;

use engine::Command;
use wire::amqp::decoder::{decode, frame_bytes};
use wire::amqp::method::Method;
use wire::amqp::method::channel::{self, Channel as ChannelMethod};
use wire::amqp::shortcut::{ACK_BYTES, decode_ack, decode_publish};
use wire::amqp::{Frame, MethodId, Payload, ReplyCode};

use crate::action::Actions;
use crate::amqp::channel::{Channel, Phase as ChannelPhase};
use crate::amqp::connection::say;
use crate::amqp::handshake::Phase;
use crate::amqp::reply::{Failure, Then};
use crate::amqp::session::AmqpSession;

impl AmqpSession {
    /// Takes one frame at the front of `input`; 0 if more bytes must come.
    pub(super) fn step(&mut self, now: Instant, input: &[u8], actions: &mut Actions) -> usize {
        match self.phase {
            Phase::Silent { .. } | Phase::Ended => return input.len(),
            Phase::Greeting => return self.greet(input, actions),
            _ => {}
        }
        if let Some(bytes) = self.take_shortcut(now, input, actions) {
            return bytes;
        }
        match decode(input, self.connection.frame_bytes_max) {
            Ok(None) => 0,
            Ok(Some((frame, bytes))) => {
                self.take(now, &frame, actions);
                bytes
            }
            Err(error) if error.loses_framing() => {
                self.fail_deaf(now, &error.into(), actions);
                input.len()
            }
            Err(error) => {
                self.fail(now, &error.into(), actions);
                frame_bytes(input).unwrap_or(input.len()).min(input.len())
            }
        }
    }

    /// Takes a whole publish or an ack, if one of them is next, comes on an open channel that is in
    /// the middle of nothing, and could not be refused for how its frames are made.
    fn take_shortcut(
        &mut self,
        now: Instant,
        input: &[u8],
        actions: &mut Actions,
    ) -> Option<usize> {
        if self.phase != Phase::Running {
            return None;
        }
        let connection = &mut self.connection;
        let (number, bytes, taken) = match decode_publish(input, connection.frame_bytes_max) {
            Some(publish) => {
                let channel = self.channels.get_mut(&publish.channel)?;
                let taken = channel.take_whole(&publish, connection, actions)?;
                (publish.channel, publish.bytes, taken)
            }
            None => {
                let (number, ack) = decode_ack(input)?;
                let channel = self.channels.get_mut(&number)?;
                (number, ACK_BYTES, channel.take_ack(ack, actions)?)
            }
        };
        if taken.is_err() {
            self.check(now, number, taken, actions);
        }
        Some(bytes)
    }

    fn take(&mut self, now: Instant, frame: &Frame<'_>, actions: &mut Actions) {
        let taken = match (frame.channel, self.phase) {
            (0, _) => self.converse(now, frame, actions),
            (_, Phase::Running) => return self.take_on_channel(now, frame, actions),
            (_, Phase::Closing { .. }) => Ok(()),
            _ => Err(frame.unexpected().into()),
        };
        if let Err(failure) = taken {
            self.fail(now, &failure, actions);
        }
    }

    fn take_on_channel(&mut self, now: Instant, frame: &Frame<'_>, actions: &mut Actions) {
        let number = frame.channel;
        let Some(channel) = self.channels.get_mut(&number) else {
            if let Err(failure) = self.open_channel(frame, actions) {
                self.fail(now, &failure, actions);
            }
            return;
        };
        match (channel.phase, frame.payload) {
            (ChannelPhase::Failed, Payload::Method(Method::Channel(ChannelMethod::Close(_)))) => {
                say(actions, number, &channel::CloseOk {});
            }
            (ChannelPhase::Failed, Payload::Method(Method::Channel(ChannelMethod::CloseOk(_)))) => {
                self.channels.remove(&number);
            }
            _ => {
                let taken = channel.take(frame, &mut self.connection, actions);
                if taken.is_err() {
                    self.check(now, number, taken, actions);
                }
            }
        }
    }

    /// The first frame of a channel, which must open it.
    fn open_channel(&mut self, frame: &Frame<'_>, actions: &mut Actions) -> Result<(), Failure> {
        let Payload::Method(method) = frame.payload else {
            let explanation = "expected 'channel.open'";
            return Err(Failure::new(ReplyCode::ChannelError, MethodId::NONE, explanation));
        };
        if !matches!(method, Method::Channel(ChannelMethod::Open(_))) {
            let explanation = "expected 'channel.open'";
            return Err(Failure::new(ReplyCode::ChannelError, method.id(), explanation));
        }
        let (opened, channel_max) = (self.channels.len(), usize::from(self.channel_max));
        if channel_max != 0 && opened >= channel_max {
            let explanation = format!(
                "number of channels opened ({opened}) has reached \
                 the negotiated channel_max ({channel_max})"
            );
            return Err(Failure::new(ReplyCode::NotAllowed, method.id(), explanation));
        }
        let channel = Box::new(Channel::new(frame.channel, self.settings.prefetch));
        let command = Command::OpenChannel(channel.id());
        self.channels.insert(frame.channel, channel);
        self.connection.ask(actions, method.id(), command, Then::Opened);
        Ok(())
    }

    /// Closes the channel, or the connection, if something failed.
    pub(super) fn check(
        &mut self,
        now: Instant,
        number: u16,
        outcome: Result<(), Failure>,
        actions: &mut Actions,
    ) {
        match (outcome, self.channels.get_mut(&number)) {
            (Ok(()), _) => {}
            (Err(failure), Some(channel)) if !failure.code.is_hard() => {
                channel.fail(&failure, &mut self.connection, actions);
            }
            (Err(failure), _) => self.fail(now, &failure, actions),
        }
    }
}
