//! The broker: users, vhosts, and the ends of turns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use model::{LinkId, Message, Refusal, RoutingKey, UserName, VhostName};
use parking_lot::{Mutex, RwLock};

use crate::access::Access;
use crate::admission::{Admission, ConnectionLimits};
use crate::alarms::Alarms;
use crate::auth::{PasswordHash, Rights, User, UserLimits};
use crate::definitions::{Change, Changes, Definition, Definitions, Failure, Undo};
use crate::exchange::Address;
use crate::queue::dead_letter::{self, Death};
use crate::queue::{self, Journal, MessageLog, Queue, Reader, Totals};
use crate::restore::{CloseError, RestoreError};
use crate::routing;
use crate::settings::Settings;
use crate::stats::{Count, Counters};
use crate::stream::Budget;
use crate::timers::Timers;
use crate::turn::{DeathReason, FollowUp, Turn};
use crate::vhost::{Targets, Vhost, VhostMetadata};

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
    admission: Arc<Admission>,
    alarms: Arc<Alarms>,
    timers: Timers,
    /// Whether nothing had been left for it.
    is_new: bool,
    /// None of a broker that keeps nothing.
    pub(crate) durability: Option<Durability>,
}

/// What outlives the process.
#[derive(Clone, Debug)]
pub struct Durability {
    /// What exists.
    pub definitions: Arc<Definitions>,
    /// The messages of durable queues.
    pub log: Arc<MessageLog>,
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

    fn empty(settings: Settings) -> Self {
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

    /// A broker as it was left, or with the default vhost and user if nothing was: then it
    /// [is new](Self::is_new) until [`Self::begin`].
    ///
    /// # Errors
    ///
    /// [`RestoreError`] if what was left cannot be taken up.
    pub fn open(settings: Settings, durability: Durability) -> Result<Arc<Self>, RestoreError> {
        let loaded = durability.definitions.take_loaded();
        let (is_new, was_clean) = (loaded.is_new, loaded.was_clean);
        let durability_kept = Some(durability.clone());
        let broker = Self { durability: durability_kept, is_new, ..Self::empty(settings) };
        broker.restore(loaded)?;
        if is_new {
            broker.seed();
        }
        let broker = Arc::new(broker);
        let weak = Arc::downgrade(&broker);
        durability.definitions.set_undoing(Box::new(move |undo| {
            if let Some(broker) = weak.upgrade() {
                broker.undo(undo);
            }
        }));
        Reader::start(&durability.log, Arc::downgrade(&broker))?;
        broker.recover_messages(&durability.log, was_clean);
        broker.settle_definitions()?;
        Ok(broker)
    }

    /// Whether nothing had been left for it: it is to be given what a first start gives.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Notes that it has everything that a first start gives, and waits until that is durable. From
    /// here on nothing is given again: what operators delete stays deleted.
    ///
    /// # Errors
    ///
    /// [`Failure`] if it will never be.
    pub fn begin(&self) -> Result<(), Failure> {
        if let Some(durability) = self.durability.as_ref().filter(|_| self.is_new) {
            durability.definitions.begin();
        }
        self.settle_definitions()
    }

    /// Waits until every change of definitions so far is durable.
    ///
    /// # Errors
    ///
    /// [`Failure`] if it will never be.
    pub fn settle_definitions(&self) -> Result<(), Failure> {
        self.durability.as_ref().map_or(Ok(()), |durability| durability.definitions.settle())
    }

    /// Whether every change of definitions so far is durable.
    pub fn is_settled(&self) -> bool {
        self.durability.as_ref().is_none_or(|durability| durability.definitions.is_settled())
    }

    /// Makes durable what was handed over, and notes that the node ended by itself. Nothing is kept
    /// from here on.
    ///
    /// # Errors
    ///
    /// [`CloseError`] if something could not be kept, then or before.
    pub fn close(&self) -> Result<(), CloseError> {
        let Some(Durability { definitions, log }) = &self.durability else { return Ok(()) };
        log.store().close()?;
        definitions.close()?;
        Ok(())
    }

    /// The journal of a new durable queue, if durable queues are kept.
    pub(crate) fn new_journal(&self) -> Option<Journal> {
        let Durability { definitions, log } = self.durability.as_ref()?;
        Some(Journal::new(log, definitions.next_queue()))
    }

    /// Keeps a definition in the place of another, if definitions are kept.
    pub(crate) fn define(&self, before: Option<Definition>, after: Definition) {
        if before.as_ref() == Some(&after) {
            return;
        }
        let after = Box::new(after);
        let undo = match before {
            Some(before) => Undo::Restore(Box::new(before)),
            None => Undo::Revoke(after.clone()),
        };
        self.change_definitions(Changes { changes: vec![Change::Put(after)], undo: vec![undo] });
    }

    /// Keeps these definitions no more.
    pub(crate) fn undefine(&self, gone: Vec<Definition>) {
        if gone.is_empty() {
            return;
        }
        let changes = gone.iter().map(|it| Change::Remove(it.key())).collect();
        let undo = gone.into_iter().map(|it| Undo::Restore(Box::new(it))).collect();
        self.change_definitions(Changes { changes, undo });
    }

    /// Hands changes of definitions over, if they are kept, to be durable together.
    pub(crate) fn change_definitions(&self, mut changes: Changes) {
        if let Some(durability) = &self.durability {
            durability.definitions.push_all(&mut changes);
        }
    }

    fn seed(&self) {
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

    /// The log of durable queues, if there is one.
    pub fn log(&self) -> Option<&Arc<MessageLog>> {
        self.durability.as_ref().map(|durability| &durability.log)
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
                    FollowUp::DeadLetter { queue, message, logged, reason } => {
                        self.dead_letter(turn, &queue, &message, reason);
                        // The log has the copies by now, so in a crash nothing is lost between.
                        if let Some(sequence) = logged {
                            queue.settle_logged(&[sequence.into()]);
                        }
                    }
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

    /// Publishes a dead message to the dead-letter exchange of its queue, if both are there.
    fn dead_letter(
        &self,
        turn: &mut Turn,
        queue: &Arc<Queue>,
        message: &Arc<Message>,
        reason: DeathReason,
    ) {
        let Some(to) = queue.limits().dead_letter else { return };
        let Ok(vhost) = self.vhost(queue.vhost()) else { return };
        let death = Death {
            queue: queue.name(),
            reason,
            at_unix_seconds: unix_seconds(),
            has_own_key: to.key.is_some(),
        };
        let (properties, marks) = dead_letter::death(message, death);
        let key = to.key.or_else(|| RoutingKey::parse(message.routing_key()).ok());
        let Some(key) = key else { return };
        let copy = Arc::new(message.republished(to.exchange.clone(), &key, &properties, marks));
        // What a publisher may not say has been refused when it was published.
        let further = routing::selected_keys(&copy).unwrap_or_default();
        let address = Address::new(&copy, copy.routing_key(), &further.keys);
        let targets = {
            let topology = vhost.look();
            let Some(exchange) = topology.exchange(&to.exchange) else { return };
            let targets = topology.route(exchange, &address);
            exchange.count(1, targets.len());
            targets
        };
        let Targets { mut queues, streams } = targets;
        if reason != DeathReason::Rejected {
            queues.retain(|target| !dead_letter::is_cycle(&properties, target.name()));
        }
        queue::publish_all(&mut queues, turn, std::slice::from_ref(&copy));
        for stream in streams {
            stream.publish(turn, &copy);
        }
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

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
