//! The AMQP session: what it keeps, and what it hears from the engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use engine::{Channel as ChannelId, Command, Delivery, Event, Refused, Reply};
use foldhash::fast::FixedState;
use model::{AckMode, ConsumerId, Refusal};
use wire::amqp::encoder::encode_heartbeat;
use wire::amqp::frame::FRAME_BYTES_MAX_INITIAL;
use wire::amqp::method::{Arguments, basic, channel};
use wire::amqp::{MethodId, ReplyCode};

use crate::action::{Actions, Close};
use crate::amqp::channel::{Channel, Mode, Phase as ChannelPhase, say_open};
use crate::amqp::confirm::Verdict;
use crate::amqp::connection::{Connection, say};
use crate::amqp::handshake::{Client, Phase};
use crate::amqp::hold::Hold;
use crate::amqp::pulse::Pulse;
use crate::amqp::reply::{Failure, Then};
use crate::amqp::settings::Settings;
use crate::session::Session;

/// One AMQP 0-9-1 connection.
#[derive(Debug)]
pub struct AmqpSession {
    pub(super) settings: Arc<Settings>,
    pub(super) phase: Phase,
    pub(super) pulse: Pulse,
    pub(super) hold: Hold,
    pub(super) client: Box<Client>,
    pub(super) connection: Connection,
    pub(super) channel_max: u16,
    pub(super) heartbeat_seconds: u16,
    handshake_ends: Instant,
    pub(super) channels: HashMap<u16, Box<Channel>, FixedState>,
}

impl AmqpSession {
    /// A session for a peer that was accepted `now`.
    pub fn new(settings: Arc<Settings>, now: Instant) -> Self {
        Self {
            phase: Phase::Greeting,
            pulse: Pulse::new(now),
            hold: Hold::default(),
            client: Box::default(),
            connection: Connection::new(FRAME_BYTES_MAX_INITIAL, settings.message_bytes_max),
            channel_max: settings.channel_max,
            heartbeat_seconds: 0,
            handshake_ends: now + settings.handshake_timeout,
            channels: HashMap::default(),
            settings,
        }
    }

    /// Tells each publisher what was confirmed since the last time.
    pub(super) fn tell_confirms(&mut self, actions: &mut Actions) {
        for number in std::mem::take(&mut self.connection.confirming) {
            if let Some(channel) = self.channels.get_mut(&number) {
                channel.tell_confirms(actions);
            }
        }
    }

    /// Gives back everything; nothing more is said on any channel.
    pub(super) fn drop_channels(&mut self, actions: &mut Actions) {
        let mut channels: Vec<_> = std::mem::take(&mut self.channels).into_values().collect();
        channels.sort_unstable_by_key(|channel| channel.number);
        for mut channel in channels {
            channel.tell_confirms(actions);
            if channel.phase == ChannelPhase::Open {
                let none = MethodId::NONE;
                channel.let_go(&mut self.connection, actions, none, Then::ChannelDropped);
            }
        }
        self.connection.confirming.clear();
    }

    fn answered(&mut self, channel: ChannelId, reply: Reply, actions: &mut Actions) {
        let Some(awaited) = self.connection.answered(channel) else { return };
        match awaited.then {
            // The peer may have been told goodbye meanwhile.
            Then::LoggedIn if self.phase == Phase::LoggingIn => self.logged_in(actions),
            Then::Entered if self.phase == Phase::Entering => self.entered(actions),
            Then::Opened if self.channels.contains_key(&channel.0) => say_open(actions, channel.0),
            Then::ChannelDropped => self.connection.consumers.remove_channel(channel.0),
            Then::ChannelClosed => {
                self.connection.consumers.remove_channel(channel.0);
                if self.channels.remove(&channel.0).is_some() {
                    say(actions, channel.0, &channel::CloseOk {});
                }
            }
            _ => {
                if let Some(state) = self.channels.get_mut(&channel.0) {
                    state.answered(awaited, reply, &mut self.connection, actions);
                }
            }
        }
    }

    fn refused(
        &mut self,
        now: Instant,
        channel: ChannelId,
        refused: Refused,
        refusal: &Refusal,
        actions: &mut Actions,
    ) {
        let dropped = self.connection.dropped(channel);
        if channel == ChannelId::CONNECTION {
            return self.turned_away(now, refusal, actions);
        }
        let method = match refused {
            Refused::Command => dropped.unwrap_or_default(),
            Refused::Publish => basic::Publish::ID,
            Refused::Settle => basic::Ack::ID,
        };
        let phase = self.channels.get(&channel.0).map(|state| state.phase);
        if phase == Some(ChannelPhase::Open) {
            let failure = Failure::refused(refusal, method);
            self.check(now, channel.0, Err(failure), actions);
        }
    }

    fn deliver(&mut self, delivery: &Delivery, actions: &mut Actions) {
        let Some(consumer) = self.connection.consumers.get(delivery.consumer) else { return };
        let (number, ack) = (consumer.channel, consumer.ack);
        match self.channels.get_mut(&number) {
            Some(channel) if channel.phase == ChannelPhase::Open => {
                channel.deliver(delivery, &mut self.connection, actions);
            }
            // It was under way when the channel closed: back to its queue.
            Some(channel) if ack == AckMode::Manual => {
                let command = Command::CloseChannel(channel.id(), vec![delivery.id]);
                self.connection.ask(actions, MethodId::NONE, command, Then::ChannelDropped);
            }
            _ => {}
        }
    }

    fn confirmed(
        &mut self,
        now: Instant,
        channel: ChannelId,
        number: u64,
        verdict: Verdict,
        actions: &mut Actions,
    ) {
        let Some(state) = self.channels.get_mut(&channel.0) else { return };
        match &mut state.mode {
            Mode::Plain => {}
            Mode::Confirming(confirms) => {
                if confirms.note(number, verdict) {
                    self.connection.confirming.push(channel.0);
                }
            }
            Mode::Transactional(_) => {
                let told = state.tx_published(verdict, &mut self.connection, actions);
                self.check(now, channel.0, told, actions);
            }
        }
    }

    /// A consumer has lost its queue.
    fn cancelled(&mut self, consumer: ConsumerId, actions: &mut Actions) {
        let Some(lost) = self.connection.consumers.remove(consumer) else { return };
        if self.client.wants_cancel {
            let cancel = basic::Cancel { consumer_tag: lost.tag.as_str(), no_wait: true };
            say(actions, lost.channel, &cancel);
        }
    }

    fn force_closed(&mut self, now: Instant, reason: &str, actions: &mut Actions) {
        let code = ReplyCode::ConnectionForced;
        self.fail(now, &Failure::new(code, MethodId::NONE, reason.to_owned()), actions);
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Running => self.pulse.deadline(),
            Phase::Closing { until } | Phase::Silent { until } => Some(until),
            Phase::Ended => None,
            _ => Some(
                self.pulse.deadline().map_or(self.handshake_ends, |at| at.min(self.handshake_ends)),
            ),
        }
    }
}

impl Session for AmqpSession {
    fn receive(&mut self, now: Instant, input: &[u8], actions: &mut Actions) -> usize {
        self.pulse.received(now);
        let mut taken = 0;
        while self.is_reading() {
            let rest = input.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            match self.step(now, rest, actions) {
                0 => break,
                bytes => taken += bytes,
            }
        }
        taken
    }

    fn hear(&mut self, now: Instant, event: Event, actions: &mut Actions) {
        match event {
            Event::Delivered(delivery) => self.deliver(&delivery, actions),
            // An AMQP session subscribes to queues alone.
            Event::Followed(_) => {}
            Event::Confirmed(channel, number) => {
                self.confirmed(now, channel, number, Verdict::Confirmed, actions);
            }
            Event::Rejected(channel, number) => {
                self.confirmed(now, channel, number, Verdict::Rejected, actions);
            }
            Event::Answered(channel, reply) => self.answered(channel, reply, actions),
            Event::Refused { channel, refused, refusal } => {
                self.refused(now, channel, refused, &refusal, actions);
            }
            Event::Returned(channel, message) => {
                if let Some(channel) = self.channels.get(&channel.0) {
                    channel.return_message(&message, &self.connection, actions);
                }
            }
            Event::Cancelled(consumer) => self.cancelled(consumer, actions),
            Event::Held(alarms) => self.held(alarms, actions),
            Event::Released => self.released(now, actions),
            Event::Closed { reason } => self.force_closed(now, &reason, actions),
            // There are no topic subscriptions here.
            Event::Overrun(..) => {}
        }
    }

    fn settle_batch(&mut self, _now: Instant, actions: &mut Actions) {
        self.tell_confirms(actions);
        self.connection.written.report(actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadline()
    }

    fn expire(&mut self, now: Instant, actions: &mut Actions) {
        match self.phase {
            Phase::Closing { until } | Phase::Silent { until } if until <= now => {
                self.end(actions);
            }
            Phase::Closing { .. } | Phase::Silent { .. } | Phase::Ended => {}
            Phase::Running => {}
            _ if self.handshake_ends <= now => self.end(actions),
            _ => {}
        }
        if matches!(self.phase, Phase::Opening | Phase::Entering | Phase::Running) {
            if !self.is_reading() {
                // Whom we do not read from we cannot hear, and do not give up either.
                self.pulse.received(now);
            }
            if self.pulse.is_lost(now) {
                // Source: RabbitMQ. A dead peer is not told.
                return self.end(actions);
            }
            if self.pulse.is_due(now) {
                encode_heartbeat(actions.outbox.buffer());
                self.pulse.sent(now);
            }
        }
    }

    fn shut_down(&mut self, now: Instant, actions: &mut Actions) {
        let reason = "broker forced connection closure with reason 'shutdown'";
        match self.phase {
            Phase::Opening | Phase::Entering | Phase::Running => {
                self.force_closed(now, reason, actions);
            }
            Phase::Closing { .. } => {}
            _ => {
                self.phase = Phase::Ended;
                actions.end(Close::GoingDown);
            }
        }
    }

    fn is_reading(&self) -> bool {
        !self.connection.is_waiting() && !self.is_held()
    }

    fn wrote(&mut self, now: Instant) {
        self.pulse.sent(now);
    }
}
