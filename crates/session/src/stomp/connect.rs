//! CONNECT: who is it, where to, in which version.
//!
//! Source: RabbitMQ 4.3; `stomp.md` §2 of the specification sheets. A refusal leaves the connection
//! open: the peer may try again.

use std::borrow::Cow;

use engine::{Command, Description, Login, Password};
use model::{FieldTable, FieldValue, Refusal, ShortString, UserName, VhostName};
use wire::stomp::{self, Frame, FrameWriter, HeartBeat, Version};

use super::error::Complaint;
use super::header::lossy;
use super::settings::{Carrier, Credentials, Settings};
use crate::action::Actions;

/// The RabbitMQ whose name clients get to see; some act on it.
const SERVER: &str = "RabbitMQ/4.2.0";

/// A login under way.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) version: Version,
    /// As the server sees it: what it sends, and what it wants to hear.
    pub(super) heart_beat: HeartBeat,
    pub(super) vhost: VhostName,
    /// No CONNECT brought it: nothing is said about its success.
    pub(super) is_implicit: bool,
    /// The user is known; the vhost is being entered.
    pub(super) is_logged_in: bool,
}

impl Attempt {
    /// Reads a CONNECT and asks the engine to judge it; `None` logs the default user in.
    ///
    /// # Errors
    ///
    /// No common version, no credentials, a heart-beat that is none.
    pub(super) fn begin(
        frame: Option<&mut Frame<'_>>,
        settings: &Settings,
        carrier: &Carrier,
        actions: &mut Actions,
    ) -> Result<Self, Complaint> {
        let is_implicit = frame.is_none();
        let accept = frame.as_ref().and_then(|frame| frame.headers.get("accept-version"));
        let version = Version::negotiate(accept.as_deref()).ok_or_else(|| {
            let supported = Version::SUPPORTED;
            Complaint::new("Version mismatch", format!("Supported versions are {supported}\n"))
        })?;
        let headers = frame.map(|frame| {
            if version == Version::V1_0 {
                frame.headers.trim_values();
            }
            &frame.headers
        });
        let header = |name: &'static str| headers.and_then(|headers| headers.get(name));
        let Chosen { login, passcode, mechanism } = choose(header, settings, carrier)?;
        let host = header("host");
        let host = host.as_deref().unwrap_or(settings.default_vhost.as_bytes());
        let vhost = parse_vhost(host)?;
        let user = parse_user(&login)?;
        let heart_beat = match header("heart-beat") {
            None => HeartBeat::default(),
            Some(wish) => HeartBeat::parse(&wish).map_err(|_| Complaint::processing())?,
        };
        actions.commands.push(Command::Login(Box::new(Login {
            user,
            password: Password(passcode.as_ref().into()),
            vhost: Some(vhost.clone()),
            mechanism,
        })));
        let heart_beat = heart_beat.in_whole_seconds().mirrored();
        Ok(Self { version, heart_beat, vhost, is_implicit, is_logged_in: false })
    }

    /// What the peer is told when the engine says no.
    pub(super) fn refused(&self, refusal: &Refusal) -> Complaint {
        let complaint = match refusal {
            Refusal::LoginRefused(_) | Refusal::LoopbackOnly(_) => bad(refusal.to_string()),
            Refusal::NoSuchVhost(..) | Refusal::VhostRefused(..) => {
                vhost_denied(self.vhost.as_str())
            }
            // The words of RabbitMQ 4.4; before, it says of a user's or a vhost's limit only that
            // the vhost is denied.
            Refusal::VhostConnectionLimit(..) => {
                bad("Connection refused: vhost connection limit reached")
            }
            Refusal::UserConnectionLimit(..) => {
                bad("Connection refused: user connection limit reached")
            }
            Refusal::NodeConnectionLimit(_) => {
                bad("Connection refused: node connection limit reached")
            }
            _ => Complaint::processing(),
        };
        match self.is_implicit {
            true => complaint.into_fatal(),
            false => complaint,
        }
    }

    /// Writes CONNECTED.
    pub(super) fn write_connected(
        &self,
        session_id: &str,
        settings: &Settings,
        actions: &mut Actions,
    ) {
        if self.is_implicit {
            return;
        }
        actions.outbox.frame(|out| {
            let mut frame = FrameWriter::begin(out, stomp::Command::Connected);
            if !settings.is_server_hidden {
                frame = frame.header("server", SERVER);
            }
            frame
                .header("session", session_id)
                .header("heart-beat", self.heart_beat.to_header())
                .header("version", self.version.as_str())
                .finish(b"");
        });
    }

    /// What listings shall say.
    pub(super) fn describe(&self, carrier: &Carrier) -> Description {
        let product = (ShortString::truncated("product"), FieldValue::string("STOMP client"));
        let client_properties = FieldTable::from_iter([product]);
        let timeout = self.heart_beat.wants.map_or(0, |period| period.as_secs());
        Description {
            protocol: format!("{} {}", carrier.protocol(), self.version).into(),
            client_properties,
            timeout_seconds: u32::try_from(timeout).unwrap_or(u32::MAX),
            frame_bytes_max: 0,
            channel_max: 1,
        }
    }
}

/// Who logs in, by what, and how listings call that.
struct Chosen<'a> {
    login: Cow<'a, [u8]>,
    passcode: Cow<'a, [u8]>,
    mechanism: &'static str,
}

impl<'a> Chosen<'a> {
    fn of(credentials: &'a Credentials, mechanism: &'static str) -> Self {
        let Credentials { login, passcode } = credentials;
        Self { login: Cow::Borrowed(login), passcode: Cow::Borrowed(passcode), mechanism }
    }
}

/// The upgrade's credentials where the operator wants those, else the frame's, else the default
/// ones.
fn choose<'a>(
    header: impl Fn(&'static str) -> Option<Cow<'a, [u8]>>,
    settings: &'a Settings,
    carrier: &'a Carrier,
) -> Result<Chosen<'a>, Complaint> {
    if let Carrier::WebSocket { credentials: Some(forced) } = carrier {
        return Ok(Chosen::of(forced, "http_basic"));
    }
    let default = settings.default_credentials.as_ref();
    let found = match header("login") {
        None => default.map(|default| Chosen::of(default, "config")),
        Some(login) => {
            let default = default.map(|default| Cow::Borrowed(&*default.passcode));
            let passcode = header("passcode").or(default);
            passcode.map(|passcode| Chosen { login, passcode, mechanism: "stomp_headers" })
        }
    };
    found.ok_or_else(|| bad("Missing login or passcode header(s)"))
}

fn parse_user(login: &[u8]) -> Result<UserName, Complaint> {
    let name = std::str::from_utf8(login).ok().and_then(|text| UserName::parse(text).ok());
    name.ok_or_else(|| bad(format!("Access refused for user '{}'", lossy(login))))
}

fn parse_vhost(host: &[u8]) -> Result<VhostName, Complaint> {
    let name = std::str::from_utf8(host).ok().and_then(|text| VhostName::parse(text).ok());
    name.ok_or_else(|| vhost_denied(&lossy(host)))
}

fn bad(detail: impl Into<Cow<'static, str>>) -> Complaint {
    Complaint::new("Bad CONNECT", detail)
}

fn vhost_denied(vhost: &str) -> Complaint {
    bad(format!("Virtual host '{vhost}' access denied"))
}
