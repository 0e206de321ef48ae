//! While an alarm is in effect: who publishes is read no more, and is told so if it wants.
//!
//! Source: RabbitMQ, "Blocked Connection Notifications", and `rabbit_reader`.

use std::time::Instant;

use model::{Alarm, AlarmSet};
use wire::amqp::method::connection;

use crate::action::Actions;
use crate::amqp::connection::say;
use crate::amqp::handshake::Phase;
use crate::amqp::session::AmqpSession;

/// Whether an alarm holds the connection, and whether its peer knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hold {
    is_held: bool,
    is_told: bool,
}

impl AmqpSession {
    /// Whether an alarm keeps us from reading. A connection that closes reads on for the close-ok;
    /// nothing else of it counts.
    pub(super) fn is_held(&self) -> bool {
        self.hold.is_held && self.phase == Phase::Running
    }

    /// These alarms hold the connection. It is told once, not of each further alarm; and of
    /// pressure, which is soon over, not at all.
    pub(super) fn held(&mut self, alarms: AlarmSet, actions: &mut Actions) {
        self.hold.is_held = true;
        if alarms.announced().is_empty() {
            return self.tell_unblocked(actions);
        }
        if self.client.wants_blocked && !self.hold.is_told && self.phase == Phase::Running {
            self.hold.is_told = true;
            say(actions, 0, &connection::Blocked { reason: &reason(alarms) });
        }
    }

    /// All alarms are clear. Whatever the peer has sent meanwhile was not read, and so its silence
    /// counts from here.
    pub(super) fn released(&mut self, now: Instant, actions: &mut Actions) {
        self.hold.is_held = false;
        self.pulse.received(now);
        self.tell_unblocked(actions);
    }

    fn tell_unblocked(&mut self, actions: &mut Actions) {
        if std::mem::take(&mut self.hold.is_told) && self.phase == Phase::Running {
            say(actions, 0, &connection::Unblocked {});
        }
    }
}

/// Source: RabbitMQ; the failed store is ours.
fn reason(alarms: AlarmSet) -> String {
    let low: Vec<_> = (alarms.iter())
        .filter_map(|alarm| match alarm {
            Alarm::Disk => Some("disk"),
            Alarm::Memory => Some("memory"),
            Alarm::Store | Alarm::Pressure => None,
        })
        .collect();
    let mut words = Vec::new();
    if !low.is_empty() {
        words.push(format!("low on {}", low.join(" & ")));
    }
    if alarms.has(Alarm::Store) {
        words.push("the store failed".to_owned());
    }
    words.join(" & ")
}
