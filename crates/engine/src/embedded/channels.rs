//! A link's channels: which are open, which are dead, and what each has carried.

use smallvec::SmallVec;

use crate::command::Channel;
use crate::connections::{Connection, Connections};

/// A link's channels. Nearly always one or two, so a list.
#[derive(Debug, Default)]
pub(super) struct Channels {
    open: SmallVec<[State; 1]>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    channel: Channel,
    is_dead: bool,
    has_news: bool,
    tally: Tally,
}

/// What a channel has carried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) published: u64,
    pub(super) delivered: u64,
    pub(super) settled: u64,
    pub(super) unacked: u64,
    pub(super) consumers: u32,
}

impl Channels {
    pub(super) fn open(&mut self, channel: Channel, all: &Connections, connection: &Connection) {
        self.forget(channel);
        let tally = Tally::default();
        self.open.push(State { channel, is_dead: false, has_news: false, tally });
        connection.note(|details| details.open_channel(channel));
        all.count_channel(true);
    }

    pub(super) fn close(&mut self, channel: Channel, all: &Connections, connection: &Connection) {
        if self.forget(channel) {
            connection.note(|details| details.close_channel(channel));
            all.count_channel(false);
        }
    }

    fn forget(&mut self, channel: Channel) -> bool {
        let before = self.open.len();
        self.open.retain(|state| state.channel != channel);
        self.open.len() < before
    }

    /// Whether commands for that channel are carried out.
    pub(super) fn is_alive(&self, channel: Channel) -> bool {
        self.open.iter().any(|state| state.channel == channel && !state.is_dead)
    }

    /// From here on commands for that channel are dropped.
    pub(super) fn kill(&mut self, channel: Channel) {
        for state in self.open.iter_mut().filter(|state| state.channel == channel) {
            state.is_dead = true;
        }
    }

    /// Counts something on a channel.
    pub(super) fn count(&mut self, channel: Channel, count: impl FnOnce(&mut Tally)) {
        if let Some(state) = self.open.iter_mut().find(|state| state.channel == channel) {
            count(&mut state.tally);
            state.has_news = true;
        }
    }

    /// Shows to listings what was counted since the last call.
    pub(super) fn report(&mut self, connection: &Connection) {
        for state in self.open.iter_mut().filter(|state| state.has_news) {
            state.has_news = false;
            let tally = state.tally;
            connection.note_channel(state.channel, |record| {
                record.published = tally.published;
                record.delivered = tally.delivered;
                record.settled = tally.settled;
                record.unacked = tally.unacked;
                record.consumers = tally.consumers;
            });
        }
    }
}
