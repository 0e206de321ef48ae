//! A queue as everybody holds it: locks it, applies a command, has carried out what the rules say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use model::{
    AckMode, ConsumerId, DeliveryId, FieldTable, LinkId, Outcome, QueueName, QueueSpec, Refusal,
    Resource, SourceId, VhostName,
};
use parking_lot::{Mutex, MutexGuard};

use super::answer::{Answer, DeleteIf, Got};
use super::arguments;
use super::command::Command;
use super::consumers::ConsumerSpec;
use super::deaths::Deaths;
use super::journal::{Clock, Journal};
use super::limits::{Limits, QueueKind};
use super::machine::Machine;
use super::state::QueueState;
use super::stream_state::StreamState;
use super::view::{ConsumerView, Counts};
use crate::turn::Turn;

/// A queue.
#[derive(Debug)]
pub struct Queue {
    name: QueueName,
    vhost: VhostName,
    kind: QueueKind,
    is_durable: bool,
    is_auto_delete: bool,
    owner: Option<LinkId>,
    arguments: FieldTable,
    pub(super) is_deleted: AtomicBool,
    /// The generation of the policies that it obeys; changes under the lock of its state only.
    pub(super) obeys: AtomicU64,
    /// None of a queue that does not survive a restart.
    journal: Option<Journal>,
    deaths: Deaths,
    state: Mutex<Machine>,
}

impl Queue {
    /// Makes the queue that `spec` asks for; an exclusive one belongs to `owner`.
    ///
    /// `name` is the one in `spec`, or the one that the broker chose. RabbitMQ makes no exclusive
    /// queue durable, whatever was asked.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidArgument`] and [`Refusal::PreconditionFailed`] if an argument cannot be.
    pub fn create(
        turn: &mut Turn,
        vhost: &VhostName,
        name: QueueName,
        owner: Option<LinkId>,
        spec: &QueueSpec,
        journal: Option<Journal>,
    ) -> Result<Arc<Self>, Refusal> {
        let accepted = arguments::accept(vhost, &name, spec)?;
        let mut state = match accepted.kind {
            QueueKind::Classic | QueueKind::Quorum => {
                let is_auto_delete = spec.is_auto_delete;
                Machine::Queue(QueueState::new(turn.now, accepted.limits, is_auto_delete))
            }
            QueueKind::Stream => {
                let clock = journal.as_ref().map_or_else(Clock::read, |it| it.log().clock());
                Machine::Stream(Box::new(StreamState::new(accepted.limits, clock)))
            }
        };
        let journal = journal.filter(|_| spec.is_durable && !spec.is_exclusive);
        if journal.is_some() {
            state.keep(0, accepted.kind.keeps_transient());
        }
        let queue = Arc::new(Self {
            name,
            vhost: vhost.clone(),
            kind: accepted.kind,
            is_durable: spec.is_durable && !spec.is_exclusive,
            is_auto_delete: spec.is_auto_delete,
            owner: owner.filter(|_| spec.is_exclusive),
            arguments: accepted.arguments,
            is_deleted: AtomicBool::new(false),
            obeys: AtomicU64::new(0),
            journal,
            deaths: Deaths::default(),
            state: Mutex::new(state),
        });
        queue.touch(turn);
        Ok(queue)
    }

    /// Its name.
    pub fn name(&self) -> &QueueName {
        &self.name
    }

    /// Its vhost's name.
    pub fn vhost(&self) -> &VhostName {
        &self.vhost
    }

    /// What kind it was declared as.
    pub fn kind(&self) -> QueueKind {
        self.kind
    }

    /// Whether it survives a restart.
    pub fn is_durable(&self) -> bool {
        self.is_durable
    }

    /// Whether it ends with its last consumer.
    pub fn is_auto_delete(&self) -> bool {
        self.is_auto_delete
    }

    /// The link it belongs to and ends with, if it is exclusive.
    pub fn owner(&self) -> Option<LinkId> {
        self.owner
    }

    /// What it was declared as.
    pub(crate) fn spec(&self) -> QueueSpec {
        QueueSpec {
            name: Some(self.name.clone()),
            is_durable: self.is_durable,
            is_exclusive: self.owner.is_some(),
            is_auto_delete: self.is_auto_delete,
            arguments: self.arguments.clone(),
        }
    }

    /// Its part of the log, if it has one.
    pub fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    /// What has died in it and is yet to be published.
    pub(crate) fn deaths(&self) -> &Deaths {
        &self.deaths
    }

    /// Its arguments as declared, with the resolved `x-queue-type`.
    pub fn arguments(&self) -> &FieldTable {
        &self.arguments
    }

    /// Whether it has ended. Its name may still be known for a moment, and is free.
    pub fn is_deleted(&self) -> bool {
        self.is_deleted.load(Ordering::Acquire)
    }

    /// How it holds messages.
    pub fn limits(&self) -> Limits {
        self.state.lock().limits().clone()
    }

    /// How full it is and what went through it.
    pub fn counts(&self) -> Counts {
        let mut counts = self.state.lock().counts();
        let totals = self.journal.as_ref().and_then(Journal::totals);
        if let Some(totals) = totals {
            (counts.kept, counts.kept_bytes) = (totals.messages, totals.body_bytes);
        }
        counts
    }

    /// Its consumers, in the order of their arrival.
    pub fn consumers(&self) -> Vec<ConsumerView> {
        self.state.lock().consumers()
    }

    /// Refuses anybody but its owner.
    ///
    /// # Errors
    ///
    /// [`Refusal::Locked`] if it belongs to another link.
    pub fn check_access(&self, link: Option<LinkId>) -> Result<(), Refusal> {
        match self.owner {
            Some(_) if self.owner != link => {
                Err(Refusal::Locked(self.name.clone(), self.vhost.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Notes that it was declared again (also passively): its lease starts anew.
    pub fn touch(self: &Arc<Self>, turn: &mut Turn) {
        self.apply(turn, Command::Touch);
    }

    /// Serves a consumer.
    ///
    /// # Errors
    ///
    /// - [`Refusal::InExclusiveUse`] if it cannot be alone but must, or somebody else is.
    /// - [`Refusal::NoSuchQueue`] if the queue has ended.
    /// - [`Refusal::PreconditionFailed`], [`Refusal::InvalidArgument`] for arguments that cannot
    ///   be; of a stream also without a prefetch, and [`Refusal::NotImplemented`] without
    ///   acknowledgements.
    pub fn consume(self: &Arc<Self>, turn: &mut Turn, spec: ConsumerSpec) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        self.check_alive(&state)?;
        let command = self.admit(turn, &state, spec)?;
        self.apply_locked(turn, &mut state, command);
        Ok(())
    }

    /// Serves a consumer no longer. What it has not settled stays outstanding for its link.
    pub fn cancel(self: &Arc<Self>, turn: &mut Turn, link: LinkId, consumer: ConsumerId) {
        self.apply(turn, Command::Cancel(link, consumer));
    }

    /// Changes how many unacknowledged deliveries a consumer may hold; 0 is no limit.
    pub fn set_prefetch(
        self: &Arc<Self>,
        turn: &mut Turn,
        link: LinkId,
        consumer: ConsumerId,
        prefetch: u16,
    ) {
        self.apply(turn, Command::SetPrefetch(link, consumer, prefetch));
    }

    /// Takes one message out; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchQueue`] if the queue has ended, [`Refusal::NotImplemented`] of a stream.
    pub fn get(
        self: &Arc<Self>,
        turn: &mut Turn,
        link: LinkId,
        source: SourceId,
        ack: AckMode,
    ) -> Result<Option<Got>, Refusal> {
        self.check_no_stream("basic.get")?;
        let mut state = self.state.lock();
        self.check_alive(&state)?;
        self.read_to_get(turn, &mut state);
        let answer = self.apply_locked(turn, &mut state, Command::Get(link, ack));
        Ok(answer.got.map(|(sequence, is_redelivered, message)| Got {
            id: DeliveryId { source, sequence },
            is_redelivered,
            messages: state.counts().ready_u32(),
            message,
        }))
    }

    /// Settles deliveries, in the given order, and says how many were outstanding for the link. The
    /// others are passed over: whether a delivery tag is known is for the session to judge.
    pub fn settle(
        self: &Arc<Self>,
        turn: &mut Turn,
        link: LinkId,
        sequences: &[u64],
        outcome: Outcome,
    ) -> u32 {
        self.apply(turn, Command::Settle(link, sequences, outcome)).count
    }

    /// Notes that deliveries of a consumer that does not acknowledge were written to its socket, so
    /// that it may have more.
    pub fn written(
        self: &Arc<Self>,
        turn: &mut Turn,
        link: LinkId,
        consumer: ConsumerId,
        count: u32,
    ) {
        self.apply(turn, Command::Written(link, consumer, count));
    }

    /// Notes that a link is gone: its consumers end, and what it has not settled regains its place.
    pub fn lose(self: &Arc<Self>, turn: &mut Turn, link: LinkId) {
        self.apply(turn, Command::Lose(link));
    }

    /// Drops the ready messages and says how many there were.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotImplemented`] of a stream.
    pub fn purge(self: &Arc<Self>, turn: &mut Turn) -> Result<u32, Refusal> {
        self.check_no_stream("queue.purge")?;
        Ok(self.apply(turn, Command::Purge).count)
    }

    /// Ends it, if the conditions hold, and says how many ready messages went with it. Its
    /// consumers are told. The caller forgets its name; no [`FollowUp::Delete`] comes.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotEmpty`], else [`Refusal::InUse`], if a condition does not hold.
    pub fn delete(self: &Arc<Self>, turn: &mut Turn, only_if: DeleteIf) -> Result<u32, Refusal> {
        let mut state = self.state.lock();
        let counts = state.counts();
        if only_if.is_empty && counts.ready > 0 {
            return Err(Refusal::NotEmpty(self.name.clone(), self.vhost.clone()));
        }
        if only_if.is_unused && counts.consumers > 0 {
            return Err(Refusal::InUse(Resource::Queue(self.name.clone()), self.vhost.clone()));
        }
        self.is_deleted.store(true, Ordering::Release);
        Ok(self.apply_locked(turn, &mut state, Command::Delete).count)
    }

    /// Expires what is due. Called when a [`FollowUp::Tick`] asked for it; early or late does no
    /// harm.
    pub fn tick(self: &Arc<Self>, turn: &mut Turn) {
        self.apply(turn, Command::Tick);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Machine> {
        self.state.lock()
    }

    fn check_alive(&self, state: &Machine) -> Result<(), Refusal> {
        match state.is_ended() {
            false => Ok(()),
            true => Err(Refusal::NoSuchQueue(self.name.as_str().into(), self.vhost.clone())),
        }
    }

    pub(super) fn apply(self: &Arc<Self>, turn: &mut Turn, command: Command<'_>) -> Answer {
        self.apply_locked(turn, &mut self.state.lock(), command)
    }

    pub(super) fn apply_locked(
        self: &Arc<Self>,
        turn: &mut Turn,
        state: &mut Machine,
        command: Command<'_>,
    ) -> Answer {
        let mut effects = std::mem::take(&mut turn.effects);
        state.apply(turn.now, command, &mut effects);
        if let Some(journal) = &self.journal {
            journal.tell(state);
        }
        self.carry_out_all(turn, state, effects)
    }
}

#[cfg(test)]
mod tests;
