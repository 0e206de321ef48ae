//! From the protocol header to `connection.open-ok`, and the connection's end.

use std::time::{Duration, Instant};

use engine::{Command, Description, Login, Password};
use model::{FieldTable, FieldValue, Refusal, UserName, VhostName};
use wire::amqp::field::{RawTable, encode_entries};
use wire::amqp::frame::FRAME_BYTES_MIN;
use wire::amqp::method::connection::{self, Connection as ConnectionMethod};
use wire::amqp::method::{Arguments, LongString, Method};
use wire::amqp::protocol_header::{Greeting, PROTOCOL_HEADER, greet};
use wire::amqp::sasl::Mechanism;
use wire::amqp::{Frame, MethodId, Payload, ReplyCode};

use crate::action::{Actions, Close};
use crate::amqp::connection::say;
use crate::amqp::reply::{Failure, Then};
use crate::amqp::session::AmqpSession;

/// How long a peer is left without an answer before the socket closes. Source: RabbitMQ; clients
/// take a socket closed during login for a refusal.
const SILENCE: Duration = Duration::from_secs(3);

/// The longest wait for a peer's close-ok. Source: RabbitMQ.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(30);

/// Where the conversation on channel 0 stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was said.
    Greeting,
    /// We said start.
    Starting,
    /// The engine judges the credentials.
    LoggingIn,
    /// We said tune.
    Tuning,
    /// The peer said tune-ok.
    Opening,
    /// The engine judges the vhost.
    Entering,
    /// Open.
    Running,
    /// We said close; only close and close-ok count until then.
    Closing {
        /// When the socket closes without a close-ok.
        until: Instant,
    },
    /// Nothing is said or heard any more.
    Silent {
        /// When the socket closes.
        until: Instant,
    },
    /// It is over.
    Ended,
}

/// What a client said about itself in start-ok.
#[derive(Debug, Default)]
pub(super) struct Client {
    properties: FieldTable,
    mechanism: &'static str,
    wants_login_refusal: bool,
    /// It understands a `basic.cancel` from us.
    pub(super) wants_cancel: bool,
    /// It understands `connection.blocked`.
    pub(super) wants_blocked: bool,
}

impl Client {
    fn new(properties: FieldTable, mechanism: &'static str) -> Self {
        let has = |name| {
            let capabilities = properties.get("capabilities").and_then(FieldValue::as_table);
            capabilities.and_then(|table| table.get(name)?.as_bool()).unwrap_or(false)
        };
        let wants_login_refusal = has("authentication_failure_close");
        let wants_cancel = has("consumer_cancel_notify");
        let wants_blocked = has("connection.blocked");
        Self { properties, mechanism, wants_login_refusal, wants_cancel, wants_blocked }
    }
}

impl AmqpSession {
    /// Takes the protocol header; says how many bytes that was.
    pub(super) fn greet(&mut self, input: &[u8], actions: &mut Actions) -> usize {
        match greet(input) {
            Greeting::Incomplete => 0,
            Greeting::Accepted => {
                self.start(actions);
                PROTOCOL_HEADER.len()
            }
            Greeting::Mismatch => {
                actions.outbox.buffer().extend_from_slice(&PROTOCOL_HEADER);
                self.end(actions);
                input.len()
            }
        }
    }

    fn start(&mut self, actions: &mut Actions) {
        let mut properties = Vec::new();
        encode_entries(&self.settings.server_properties(), &mut properties);
        let mechanisms = [Mechanism::Plain, Mechanism::AmqPlain].map(Mechanism::name).join(" ");
        let start = connection::Start {
            version_major: 0,
            version_minor: 9,
            server_properties: RawTable::parse(&properties).unwrap_or_default(),
            mechanisms: LongString(mechanisms.as_bytes()),
            locales: LongString(b"en_US"),
        };
        say(actions, 0, &start);
        self.phase = Phase::Starting;
    }

    /// Takes a frame of channel 0.
    pub(super) fn converse(
        &mut self,
        now: Instant,
        frame: &Frame<'_>,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let method = match frame.payload {
            Payload::Heartbeat => return Ok(()),
            Payload::Method(method) => method,
            Payload::Header(_) | Payload::Body(_) => return Err(frame.unexpected().into()),
        };
        let unexpected = |state: &str| {
            let explanation = format!("unexpected method in connection state {state}");
            Err(Failure::new(ReplyCode::ChannelError, method.id(), explanation))
        };
        let Method::Connection(said) = method else {
            return match self.phase {
                Phase::Running => unexpected("running"),
                _ => unexpected("opening"),
            };
        };
        match (self.phase, said) {
            (Phase::Closing { .. }, ConnectionMethod::CloseOk(_)) => self.end(actions),
            (Phase::Closing { .. }, ConnectionMethod::Close(_)) => {
                say(actions, 0, &connection::CloseOk {});
            }
            (Phase::Closing { .. }, _) => {}
            (Phase::Opening | Phase::Running, ConnectionMethod::Close(_)) => {
                self.tell_confirms(actions);
                say(actions, 0, &connection::CloseOk {});
                self.end(actions);
            }
            (Phase::Starting, ConnectionMethod::StartOk(start_ok)) => {
                self.start_ok(now, &start_ok, actions);
            }
            (Phase::Tuning, ConnectionMethod::TuneOk(tune_ok)) => self.tune_ok(now, tune_ok),
            (Phase::Opening, ConnectionMethod::Open(open)) => self.open(open, actions)?,
            (Phase::Running, ConnectionMethod::UpdateSecret(_)) => {
                // Passwords do not expire, so any fresh secret will do.
                say(actions, 0, &connection::UpdateSecretOk {});
            }
            (Phase::Running, _) => return unexpected("running"),
            _ => return unexpected("opening"),
        }
        Ok(())
    }

    fn start_ok(
        &mut self,
        now: Instant,
        start_ok: &connection::StartOk<'_>,
        actions: &mut Actions,
    ) {
        let mechanism = Mechanism::parse(start_ok.mechanism);
        let credentials = mechanism.and_then(|mechanism| mechanism.read(start_ok.response.0));
        let (Some(mechanism), Some(credentials)) = (mechanism, credentials) else {
            return self.fall_silent(now);
        };
        let user = std::str::from_utf8(&credentials.user).ok();
        let Some(user) = user.and_then(|user| UserName::parse(user).ok()) else {
            return self.fall_silent(now);
        };
        let properties = start_ok.client_properties.decode();
        *self.client = Client::new(properties, mechanism.name());
        let login = Login {
            user,
            password: Password(credentials.password.as_ref().into()),
            vhost: None,
            mechanism: mechanism.name(),
        };
        self.phase = Phase::LoggingIn;
        let command = Command::Login(Box::new(login));
        self.connection.ask(actions, connection::StartOk::ID, command, Then::LoggedIn);
    }

    /// The credentials are good: proposes limits.
    pub(super) fn logged_in(&mut self, actions: &mut Actions) {
        let tune = connection::Tune {
            channel_max: self.settings.channel_max,
            frame_max: self.settings.frame_bytes_max,
            heartbeat: self.settings.heartbeat_seconds,
        };
        say(actions, 0, &tune);
        self.phase = Phase::Tuning;
    }

    fn tune_ok(&mut self, now: Instant, tune_ok: connection::TuneOk) {
        let is_within = |value: u32, min: u32, max: u32| match max {
            0 => value == 0 || value >= min,
            max => (min..=max).contains(&value),
        };
        let settings = &self.settings;
        let frame_max = tune_ok.frame_max;
        let is_good = is_within(tune_ok.channel_max.into(), 1, settings.channel_max.into())
            && is_within(frame_max, FRAME_BYTES_MIN, settings.frame_bytes_max);
        if !is_good {
            tracing::info!(?tune_ok, "the client's limits are out of range");
            return self.fall_silent(now);
        }
        self.connection.frame_bytes_max = frame_max;
        self.channel_max = tune_ok.channel_max;
        self.heartbeat_seconds = tune_ok.heartbeat;
        self.pulse.agree(Duration::from_secs(tune_ok.heartbeat.into()), now);
        self.phase = Phase::Opening;
    }

    fn open(&mut self, open: connection::Open<'_>, actions: &mut Actions) -> Result<(), Failure> {
        let method = connection::Open::ID;
        let vhost = VhostName::parse(open.virtual_host).map_err(|_| {
            let explanation = format!("vhost {} not found", open.virtual_host);
            Failure::new(ReplyCode::NotAllowed, method, explanation)
        })?;
        self.connection.vhost = vhost.clone();
        self.phase = Phase::Entering;
        self.connection.ask(actions, method, Command::OpenVhost(vhost), Then::Entered);
        Ok(())
    }

    /// The vhost is entered: the connection is open.
    pub(super) fn entered(&mut self, actions: &mut Actions) {
        say(actions, 0, &connection::OpenOk::default());
        self.phase = Phase::Running;
        let description = Description {
            protocol: "AMQP 0-9-1".into(),
            client_properties: std::mem::take(&mut self.client.properties),
            timeout_seconds: self.heartbeat_seconds.into(),
            frame_bytes_max: self.connection.frame_bytes_max,
            channel_max: self.channel_max,
        };
        actions.commands.push(Command::Describe(Box::new(description)));
    }

    /// The login or the vhost was refused.
    pub(super) fn turned_away(&mut self, now: Instant, refusal: &Refusal, actions: &mut Actions) {
        match self.phase {
            Phase::LoggingIn if self.client.wants_login_refusal => {
                let explanation = format!(
                    "Login was refused using authentication mechanism {}. \
                     For details see the broker logfile.",
                    self.client.mechanism
                );
                let code = ReplyCode::AccessRefused;
                self.say_close(&Failure::new(code, MethodId::NONE, explanation), actions);
                self.phase = Phase::Closing { until: now + SILENCE };
            }
            Phase::LoggingIn => self.fall_silent(now),
            _ => self.fail(now, &Failure::refused(refusal, connection::Open::ID), actions),
        }
    }

    /// Ends the connection for a reason: as the protocol says once it got so far, else silently.
    pub(super) fn fail(&mut self, now: Instant, failure: &Failure, actions: &mut Actions) {
        match self.phase {
            Phase::Opening | Phase::Entering | Phase::Running => {
                self.say_close(failure, actions);
                let wait = match self.heartbeat_seconds {
                    0 => CLOSE_WAIT_MAX,
                    seconds => CLOSE_WAIT_MAX.min(Duration::from_secs(seconds.into())),
                };
                self.phase = Phase::Closing { until: now + wait };
            }
            Phase::Closing { .. } | Phase::Silent { .. } | Phase::Ended => {}
            _ => self.fall_silent(now),
        }
    }

    /// Bytes that are no frames, so that no later frame can be found either.
    pub(super) fn fail_deaf(&mut self, now: Instant, failure: &Failure, actions: &mut Actions) {
        self.fail(now, failure, actions);
        self.fall_silent(now);
    }

    fn say_close(&mut self, failure: &Failure, actions: &mut Actions) {
        self.drop_channels(actions);
        let text = failure.code.text(&failure.explanation);
        let close = connection::Close {
            reply_code: failure.code.code(),
            reply_text: &text.to_str_lossy(),
            class_id: failure.method.class_id,
            method_id: failure.method.method_id,
        };
        say(actions, 0, &close);
    }

    fn fall_silent(&mut self, now: Instant) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Silent { until: now + SILENCE };
        }
    }

    /// The connection is over once what is in the outbox is written.
    pub(super) fn end(&mut self, actions: &mut Actions) {
        self.phase = Phase::Ended;
        actions.end(Close::Orderly);
    }
}
