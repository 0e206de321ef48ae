//! The STOMP session as its driver sees it: from the accept through the login to the end.

use std::sync::Arc;
use std::time::Instant;

use engine::{Channel, Command, Event};
use model::Refusal;
use wire::stomp::encoder::HEART_BEAT;
use wire::stomp::{self, DecodeError, Decoded, Decoder, Frame, Role};

use super::connect::Attempt;
use super::error::Complaint;
use super::open::{CHANNEL, Open};
use super::pulse::{Beat, Pulse};
use super::settings::{Carrier, Settings};
use super::token;
use crate::action::{Actions, Close};
use crate::session::Session;

/// The first byte of a TLS handshake: somebody speaks TLS to a plain port.
const TLS_HANDSHAKE: u8 = 0x16;

/// One STOMP peer.
#[derive(Debug)]
pub struct StompSession {
    settings: Arc<Settings>,
    carrier: Carrier,
    decoder: Decoder,
    frame_bytes_max: usize,
    login_deadline: Instant,
    pulse: Pulse,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Nobody is logged in.
    Greeting,
    /// The engine judges a login.
    LoggingIn(Box<Attempt>),
    /// Somebody is.
    Open(Box<Open>),
    /// The connection ends; whatever comes is of no interest.
    Ended,
}

impl StompSession {
    /// A session for a peer that has just been accepted.
    pub fn new(settings: Arc<Settings>, carrier: Carrier, now: Instant) -> Self {
        let before_login = settings.frame_bytes_max_before_login.min(settings.frame_bytes_max);
        let frame_bytes_max = carrier.frame_bytes_max(before_login);
        Self {
            decoder: Decoder::new(Role::Server, frame_bytes_max),
            frame_bytes_max,
            login_deadline: now + settings.login_timeout,
            pulse: Pulse::default(),
            phase: Phase::Greeting,
            carrier,
            settings,
        }
    }

    /// Carries out a frame. `false`: bring it again once the engine has answered.
    fn take(&mut self, frame: &mut Frame<'_>, actions: &mut Actions) -> Result<bool, Complaint> {
        let is_connect =
            matches!(frame.command, Some(stomp::Command::Connect | stomp::Command::Stomp));
        match &mut self.phase {
            Phase::Open(open) => open.take(frame, actions),
            Phase::Greeting if is_connect => {
                self.log_in(Some(frame), actions)?;
                Ok(true)
            }
            Phase::Greeting if self.settings.is_connect_implicit && !self.carrier.is_web() => {
                self.log_in(None, actions).map_err(Complaint::into_fatal)?;
                Ok(false)
            }
            Phase::Greeting => {
                Err(Complaint::new("Illegal command", "You must log in using CONNECT first"))
            }
            Phase::LoggingIn(_) | Phase::Ended => Ok(false),
        }
    }

    fn log_in(
        &mut self,
        frame: Option<&mut Frame<'_>>,
        actions: &mut Actions,
    ) -> Result<(), Complaint> {
        let attempt = Attempt::begin(frame, &self.settings, &self.carrier, actions)?;
        self.phase = Phase::LoggingIn(Box::new(attempt));
        Ok(())
    }

    /// The engine has judged a step of the login.
    fn judged(
        &mut self,
        verdict: Result<(), Box<Refusal>>,
        now: Instant,
        actions: &mut Actions,
    ) -> Result<(), Complaint> {
        let Phase::LoggingIn(mut attempt) = std::mem::replace(&mut self.phase, Phase::Greeting)
        else {
            return Ok(());
        };
        verdict.map_err(|refusal| attempt.refused(&refusal))?;
        if !attempt.is_logged_in {
            attempt.is_logged_in = true;
            actions.commands.push(Command::OpenVhost(attempt.vhost.clone()));
            self.phase = Phase::LoggingIn(attempt);
            return Ok(());
        }
        let session_id = format!("session-{}", token::name(token::random()?));
        attempt.write_connected(&session_id, &self.settings, actions);
        let description = Box::new(attempt.describe(&self.carrier));
        actions.commands.push(Command::Describe(description));
        actions.commands.push(Command::OpenChannel(CHANNEL));
        let mut open = Open::new(Arc::clone(&self.settings), attempt.version, session_id);
        open.await_open();
        self.pulse = Pulse::new(attempt.heart_beat, now);
        self.frame_bytes_max = self.carrier.frame_bytes_max(self.settings.frame_bytes_max);
        self.decoder.set_frame_bytes_max(self.frame_bytes_max);
        self.phase = Phase::Open(Box::new(open));
        Ok(())
    }

    fn hear_event(
        &mut self,
        now: Instant,
        event: Event,
        actions: &mut Actions,
    ) -> Result<(), Complaint> {
        match (&mut self.phase, event) {
            (Phase::Ended, _) => Ok(()),
            (Phase::LoggingIn(_), Event::Answered(Channel::CONNECTION, _)) => {
                self.judged(Ok(()), now, actions)
            }
            (Phase::LoggingIn(_), Event::Refused { channel: Channel::CONNECTION, refusal, .. }) => {
                self.judged(Err(refusal), now, actions)
            }
            (Phase::Open(open), event) => open.hear(event, actions),
            (_, Event::Closed { reason }) => Err(Complaint::forced(&reason)),
            _ => Ok(()),
        }
    }

    /// Tells the peer what went wrong, if anything did.
    fn report(&mut self, outcome: Result<(), Complaint>, actions: &mut Actions) {
        let Err(complaint) = outcome else { return };
        complaint.tell(actions);
        if complaint.is_fatal() {
            self.phase = Phase::Ended;
        }
    }

    /// As [`Self::report`] for a frame: what came before it is answered first.
    fn report_frame(&mut self, outcome: Result<(), Complaint>, actions: &mut Actions) {
        match (outcome, &mut self.phase) {
            (Err(complaint), Phase::Open(open)) if complaint.is_fatal() => {
                open.leave_with(complaint);
            }
            (outcome, _) => self.report(outcome, actions),
        }
    }

    /// The peer's bytes are no frames. Over WebSocket the close frame says so; over TCP, where
    /// RabbitMQ would only close, an ERROR does.
    fn malformed(&mut self, error: &DecodeError, actions: &mut Actions) {
        let close = match self.carrier.is_web() {
            true if error.is_crash() => Close::Broken,
            true => Close::Malformed(error.to_string().into()),
            false => {
                let complaint = Complaint::fatal("Malformed frame", format!("{error}\n"));
                return self.report_frame(Err(complaint), actions);
            }
        };
        match &mut self.phase {
            Phase::Open(open) => open.leave(close),
            _ => {
                self.phase = Phase::Ended;
                actions.end(close);
            }
        }
    }
}

impl Session for StompSession {
    fn receive(&mut self, _now: Instant, input: &[u8], actions: &mut Actions) -> usize {
        self.pulse.heard();
        if matches!(self.phase, Phase::Greeting)
            && !self.carrier.is_web()
            && input.first() == Some(&TLS_HANDSHAKE)
        {
            self.phase = Phase::Ended;
            actions.end(Close::Orderly);
        }
        let mut taken = 0;
        while self.is_reading() {
            match self.decoder.decode(input.get(taken..).unwrap_or_default()) {
                Ok(Decoded::NeedMore) => break,
                Ok(Decoded::HeartBeat { consumed }) => taken += consumed,
                Ok(Decoded::Frame { mut frame, consumed }) => {
                    let outcome = self.take(&mut frame, actions);
                    if outcome != Ok(false) {
                        taken += consumed;
                    }
                    self.report_frame(outcome.map(drop), actions);
                }
                Err(error) => self.malformed(&error, actions),
            }
        }
        match self.phase {
            Phase::Ended => input.len(),
            _ => taken,
        }
    }

    fn hear(&mut self, now: Instant, event: Event, actions: &mut Actions) {
        let outcome = self.hear_event(now, event, actions);
        self.report(outcome, actions);
    }

    fn settle_batch(&mut self, _now: Instant, actions: &mut Actions) {
        if let Phase::Open(open) = &mut self.phase {
            open.settle_batch(actions);
        }
        if actions.close.is_some() {
            self.phase = Phase::Ended;
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Greeting | Phase::LoggingIn(_) => Some(self.login_deadline),
            Phase::Open(_) => self.pulse.deadline(),
            Phase::Ended => None,
        }
    }

    fn expire(&mut self, now: Instant, actions: &mut Actions) {
        let is_over = match &self.phase {
            Phase::Greeting | Phase::LoggingIn(_) => self.login_deadline <= now,
            Phase::Open(open) => match open.beat(&mut self.pulse, now) {
                Beat::Quiet => false,
                Beat::Lost => true,
                Beat::Due => {
                    actions.outbox.frame(|out| out.extend_from_slice(HEART_BEAT));
                    false
                }
            },
            Phase::Ended => false,
        };
        if is_over {
            self.phase = Phase::Ended;
            actions.end(Close::Orderly);
        }
    }

    fn shut_down(&mut self, _now: Instant, actions: &mut Actions) {
        match &mut self.phase {
            Phase::Open(open) => open.leave(Close::GoingDown),
            _ => actions.end(Close::GoingDown),
        }
    }

    fn is_reading(&self) -> bool {
        match &self.phase {
            Phase::Greeting => true,
            Phase::LoggingIn(_) | Phase::Ended => false,
            Phase::Open(open) => open.is_reading(),
        }
    }

    fn message_bytes_max(&self) -> usize {
        self.frame_bytes_max
    }

    fn wrote(&mut self, _now: Instant) {
        self.pulse.wrote();
    }
}
