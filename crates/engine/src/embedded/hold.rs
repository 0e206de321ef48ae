//! Alarms hold the links that publish.

use model::AlarmSet;

use super::Link;
use crate::event::Event;

impl Link {
    /// After a batch that published: holds the link if there is a reason to.
    pub(super) fn look_at_alarms(&mut self, events: &mut Vec<Event>) {
        let alarms = self.broker.alarms();
        if let Some(log) = self.broker.log() {
            alarms.look_at_store(log.store());
        }
        if alarms.current().is_empty() || !self.connection.held_by().is_empty() {
            return;
        }
        if let Some(current) = alarms.hold(self.connection.id, &self.inbox) {
            events.push(self.hold(current));
        }
    }

    pub(super) fn hold(&self, alarms: AlarmSet) -> Event {
        self.connection.note_held_by(alarms);
        Event::Held(alarms)
    }

    pub(super) fn release(&self) -> Event {
        self.connection.note_held_by(AlarmSet::NONE);
        Event::Released
    }
}
