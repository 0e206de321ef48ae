//! The broker: users, vhosts, and the ends of turns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use model::{LinkId, Refusal, UserName, VhostName};
use parking_lot::{Mutex, RwLock};

use crate::access::Access;
use crate::admission::{Admission, ConnectionLimits};
use crate::alarms::Alarms;
use crate::auth::{PasswordHash, Rights, User, UserLimits};
use crate::durability::Durability;
use crate::queue::{Queue, Totals};
use crate::settings::Settings;
use crate::stats::{Count, Counters};
use crate::stream::Budget;
use crate::timers::Timers;
use crate::turn::{FollowUp, Turn};
use crate::vhost::{Vhost, VhostMetadata};

/// The broker core of a node.
#[derive(Debug)]
pub struct Broker {
    pub(crate) settings: Settings,
    pub(crate) rights: Rights,
    pub(crate) vhosts: RwLock<BTreeMap<VhostName, Arc<Vhost>>>,
    pub(crate) counters: Arc<Counters>,
    /// What all streams hold.
    pub(crate) budget: Arc<Budget>,
    /// What went through queues that are gone.
    pub(crate) past: Mutex<Totals>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) alarms: Arc<Alarms>,
    pub(crate) timers: Timers,
    /// Whether nothing had been left for it.
    pub(crate) is_new: bool,
    /// None of a broker that keeps nothing.
    pub(crate) durability: Option<Durability>,
}

/// Credentials, and what is known about where they come from.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The user.
    pub user: &'a UserName,
    /// The password.
    pub password: &'a [u8],
    /// If given, a vhost that must exist before the password is even looked at (STOMP's order).
    pub vhost: Option<&'a VhostName>,
    /// Whether the peer is on this machine.
    pub is_loopback: bool,
}

impl std::fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", self.user).finish_non_exhaustive()
    }
}

/// Somebody whose password was right.
#[derive(Clone, Debug)]
pub struct Identity {
    user: Arc<User>,
}

impl Identity {
    /// Who it is, with the tags they had at login.
    pub fn user(&self) -> &User {
        &self.user
    }
}

impl Broker {
    /// A broker with the default vhost and user, that keeps nothing.
    pub fn new(settings: Settings) -> Arc<Self> {
        let broker = Self::empty(settings);
        broker.seed();
        Arc::new(broker)
    }

    pub(crate) fn empty(settings: Settings) -> Self {
        let counters = Arc::new(Counters::default());
        let streams = settings.streams;
        let budget = Budget::new(streams.each, streams.all, Arc::clone(&counters));
        Self {
            rights: Rights::default(),
            vhosts: RwLock::default(),
            counters,
            budget: Arc::new(budget),
            past: Mutex::default(),
            admission: Arc::default(),
            alarms: Arc::default(),
            timers: Timers::default(),
            is_new: true,
            durability: None,
            settings,
        }
    }

    pub(crate) fn seed(&self) {
        let vhost = &self.settings.default_vhost;
        let description = "Default virtual host".to_owned();
        let metadata = VhostMetadata { description, ..VhostMetadata::default() };
        let node = self.operate_as_node();
        if let Err(refusal) = node.set_vhost(vhost, metadata) {
            tracing::error!(%vhost, %refusal, "the default vhost is not there");
        }
        let Some(default) = &self.settings.default_user else { return };
        let user = User {
            name: default.name.clone(),
            password: PasswordHash::new(&default.password),
            tags: default.tags.clone(),
            limits: UserLimits::default(),
        };
        let permission = default.permission.clone();
        node.set_user(user);
        if let Err(refusal) = node.set_permission(&default.name, vhost, permission) {
            tracing::error!(user = %default.name, %refusal, "the default user has no permissions");
        }
    }

    /// The node's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What keeps publishers from publishing.
    pub fn alarms(&self) -> &Arc<Alarms> {
        &self.alarms
    }

    /// Judges credentials.
    ///
    /// # Errors
    ///
    /// - [`Refusal::NoSuchVhost`] before all, if a vhost was given.
    /// - [`Refusal::LoginRefused`], the same for an unknown user and a wrong password.
    /// - [`Refusal::LoopbackOnly`] for who may come from this machine only.
    pub fn login(&self, login: Login<'_>) -> Result<Identity, Refusal> {
        if let Some(vhost) = login.vhost {
            self.vhost(vhost)?;
        }
        let user = self.rights.authenticate(login.user, login.password)?;
        if !login.is_loopback && self.settings.loopback_users.contains(&user.name) {
            return Err(Refusal::LoopbackOnly(user.name.clone()));
        }
        Ok(Identity { user })
    }

    /// Lets somebody into a vhost, on a connection that counts until the access is dropped.
    ///
    /// # Errors
    ///
    /// In RabbitMQ's order: [`Refusal::NodeConnectionLimit`], [`Refusal::NoSuchVhost`],
    /// [`Refusal::VhostConnectionLimit`], [`Refusal::UserConnectionLimit`],
    /// [`Refusal::VhostRefused`].
    pub fn enter(
        self: &Arc<Self>,
        identity: &Identity,
        vhost: &VhostName,
        link: LinkId,
    ) -> Result<Access, Refusal> {
        let user = &identity.user;
        let vhost = self.vhost(vhost)?;
        let limits = ConnectionLimits {
            node: self.settings.connections_max,
            vhost: vhost.metadata().limits.connections_max,
            user: user.limits.connections_max.or(self.settings.user_connections_max),
        };
        let seat = self.admission.enter(vhost.name(), &user.name, limits)?;
        Access::new(Arc::clone(self), vhost, &user.name, link, Some(seat))
    }

    /// Lets somebody into a vhost for a single request of the management API.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchVhost`], [`Refusal::VhostRefused`].
    pub fn visit(
        self: &Arc<Self>,
        identity: &Identity,
        vhost: &VhostName,
    ) -> Result<Access, Refusal> {
        let vhost = self.vhost(vhost)?;
        Access::new(Arc::clone(self), vhost, &identity.user.name, OPERATOR_LINK, None)
    }

    pub(crate) fn vhost(&self, name: &VhostName) -> Result<Arc<Vhost>, Refusal> {
        let vhost = self.vhosts.read().get(name).cloned();
        vhost.ok_or_else(|| Refusal::NoSuchVhost(name.clone()))
    }

    /// Notes that mandatory messages came back to their publisher.
    pub fn count_returned(&self, messages: u64) {
        self.counters.add(Count::Returned, messages);
    }

    /// Notes that publishes were confirmed, one way or the other.
    pub fn count_confirmed(&self, publishes: u64) {
        self.counters.add(Count::Confirmed, publishes);
    }

    /// Notes that so many messages were read from streams.
    pub fn count_followed(&self, messages: u64) {
        self.counters.add(Count::Followed, messages);
    }

    /// Carries out what follows from a turn until nothing does any more, then wakes each receiver.
    pub fn finish(&self, turn: &mut Turn) {
        while !turn.follow_ups.is_empty() {
            for follow_up in std::mem::take(&mut turn.follow_ups) {
                match follow_up {
                    FollowUp::Delete(queue) => self.forget_queue(&queue),
                    FollowUp::Tick(queue, at) => self.timers.add(at, &queue),
                    FollowUp::ReadBack(queue, wanted) => queue.ask_reader(turn, wanted),
                    FollowUp::DeadLetters(queue) => self.bury(turn, &queue),
                }
            }
        }
        turn.wakes.wake_all();
    }

    fn forget_queue(&self, queue: &Arc<Queue>) {
        let Ok(vhost) = self.vhost(queue.vhost()) else { return };
        let is_forgotten = vhost.change().forget_queue(queue);
        if is_forgotten {
            self.count_deleted(queue);
        }
    }

    /// Keeps the totals of a queue that is gone.
    pub(crate) fn count_deleted(&self, queue: &Queue) {
        let totals = queue.counts().totals;
        crate::listing::add_totals(&mut self.past.lock(), totals);
        self.counters.add(Count::QueuesDeleted, 1);
    }

    /// Does what is due: expires messages and queues.
    pub fn run_due(&self, turn: &mut Turn) {
        for queue in self.timers.due(turn.now) {
            queue.tick(turn);
        }
    }

    /// When something is due next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Ready once something is due earlier than [`Self::next_deadline`] said. Cancel-safe.
    pub fn poll_earlier_deadline(&self, context: &mut Context<'_>) -> Poll<()> {
        self.timers.poll_earlier(context)
    }
}

/// The link of those who have none: operators. No connection has this number.
pub(crate) const OPERATOR_LINK: LinkId = LinkId(0);
