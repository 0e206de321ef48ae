//! Declaring, deleting and purging queues.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{DeclareMode, ExchangeName, FieldValue, QueueName, QueueSpec, Refusal, Right};

use super::Access;
use super::exchanges::RESERVED_PREFIX;
use crate::auth::Grants;
use crate::queue::{DeleteIf, Queue};
use crate::stats::Count;
use crate::turn::Turn;

/// A queue that stands.
#[derive(Debug)]
pub struct Declared {
    /// The queue.
    pub queue: Arc<Queue>,
    /// Ready messages.
    pub messages: u32,
    /// Consumers.
    pub consumers: u32,
}

impl Declared {
    fn of(queue: Arc<Queue>) -> Self {
        let counts = queue.counts();
        Self { messages: counts.ready_u32(), consumers: counts.consumers, queue }
    }
}

impl Access {
    /// Declares a queue; without a name the broker chooses one. Passively: says whether it exists,
    /// to whoever may do anything with it.
    ///
    /// # Errors
    ///
    /// - [`Refusal::ReservedName`], [`Refusal::AccessRefused`] without configure; with a
    ///   dead-letter exchange also without read on this and write on that.
    /// - [`Refusal::Locked`], [`Refusal::Inequivalent`] if it exists and is somebody else's, or
    ///   else.
    /// - [`Refusal::InvalidArgument`], [`Refusal::PreconditionFailed`] for what cannot be.
    /// - [`Refusal::NoSuchQueue`] passively.
    pub fn declare_queue(
        &mut self,
        turn: &mut Turn,
        spec: &QueueSpec,
        mode: DeclareMode,
    ) -> Result<Declared, Refusal> {
        let grants = self.grants()?;
        if mode == DeclareMode::Passive {
            return self.find_queue(turn, &grants, spec.name.as_ref());
        }
        let name = match &spec.name {
            Some(name) => name.clone(),
            None => generated_name()?,
        };
        let is_reserved = spec.name.is_some() && name.as_str().starts_with(RESERVED_PREFIX);
        if is_reserved && self.vhost.look().queue(name.as_str()).is_none() {
            return Err(Refusal::ReservedName { kind: "queue", name: name.as_str().into() });
        }
        grants.check_queue(Right::Configure, &name)?;
        let queue = loop {
            let known = self.vhost.look().queue(name.as_str()).cloned();
            if let Some(queue) = known {
                queue.check_equivalent(Some(self.link), spec)?;
                queue.touch(turn);
                turn.awaits(self.broker.unsettled().filter(|_| queue.is_durable()));
                break queue;
            }
            if let Some(queue) = self.create_queue(turn, &grants, name.clone(), spec)? {
                self.broker.counters.add(Count::QueuesCreated, 1);
                break queue;
            }
        };
        self.broker.counters.add(Count::QueuesDeclared, 1);
        Ok(Declared::of(queue))
    }

    fn find_queue(
        &self,
        turn: &mut Turn,
        grants: &Grants,
        name: Option<&QueueName>,
    ) -> Result<Declared, Refusal> {
        let Some(name) = name else {
            return Err(Refusal::NoSuchQueue("".into(), self.vhost.name().clone()));
        };
        let rights = [Right::Configure, Right::Write, Right::Read];
        if !rights.iter().any(|right| grants.allows(*right, name.as_str())) {
            grants.check_queue(Right::Configure, name)?;
        }
        let queue = self.vhost.queue(name.as_str())?;
        queue.check_access(Some(self.link))?;
        queue.touch(turn);
        self.broker.counters.add(Count::QueuesDeclared, 1);
        Ok(Declared::of(queue))
    }

    /// Makes a queue; `None` if somebody else was faster.
    fn create_queue(
        &self,
        turn: &mut Turn,
        grants: &Grants,
        name: QueueName,
        spec: &QueueSpec,
    ) -> Result<Option<Arc<Queue>>, Refusal> {
        self.check_dead_letters(grants, &name, spec)?;
        let vhost = self.vhost.name();
        let is_kept = spec.is_durable && !spec.is_exclusive;
        let journal = if is_kept { self.broker.new_journal() } else { None };
        let queue = Queue::create(turn, vhost, name.clone(), Some(self.link), spec, journal)?;
        if let Some(limit) = self.vhost.metadata().limits.queues_max
            && self.vhost.look().queue_count() as u64 >= limit
        {
            let text = format!(
                "cannot declare queue '{name}': queue limit in vhost '{vhost}' ({limit}) is reached"
            );
            return Err(Refusal::PreconditionFailed(text.into()));
        }
        self.vhost.govern(turn, &queue);
        let mut topology = self.vhost.change();
        let is_added = topology.add_queue(&queue);
        turn.awaits(topology.done());
        self.vhost.govern(turn, &queue);
        Ok(is_added.then_some(queue))
    }

    /// Asks for the rights to send dead messages on. What is no name is refused by the queue.
    fn check_dead_letters(
        &self,
        grants: &Grants,
        name: &QueueName,
        spec: &QueueSpec,
    ) -> Result<(), Refusal> {
        let argument = |key| spec.arguments.get(key).and_then(FieldValue::as_str);
        let exchange = argument("x-dead-letter-exchange");
        let Some(exchange) = exchange.and_then(|name| ExchangeName::parse(name).ok()) else {
            return Ok(());
        };
        grants.check_queue(Right::Read, name)?;
        grants.check_exchange(Right::Write, &exchange)?;
        let key = argument("x-dead-letter-routing-key").unwrap_or_default();
        self.check_feeding(grants, &exchange, key.as_bytes())
    }

    /// Deletes a queue; gives the number of ready messages that went with it. One that does not
    /// exist is as good as deleted. For an operator, a topic subscription listed under that name is
    /// ended.
    ///
    /// # Errors
    ///
    /// [`Refusal::AccessRefused`] without configure, [`Refusal::Locked`], [`Refusal::NotEmpty`],
    /// [`Refusal::InUse`].
    pub fn delete_queue(
        &mut self,
        turn: &mut Turn,
        name: &QueueName,
        only_if: DeleteIf,
    ) -> Result<u32, Refusal> {
        self.grants()?.check_queue(Right::Configure, name)?;
        let Ok(queue) = self.vhost.queue(name.as_str()) else {
            self.end_subscription(turn, name);
            return Ok(0);
        };
        queue.check_access(Some(self.link))?;
        if queue.is_durable() {
            // Its messages would not come back.
            self.broker.check_keeping()?;
        }
        let messages = queue.delete(turn, only_if)?;
        let mut topology = self.vhost.change();
        let is_forgotten = topology.forget_queue(&queue);
        turn.awaits(topology.done());
        if is_forgotten {
            self.broker.count_deleted(&queue);
        }
        Ok(messages)
    }

    /// Ends the topic subscription that is listed as a queue of that name. Operators only: they see
    /// it as a queue, and looking for it looks at every stream.
    fn end_subscription(&self, turn: &mut Turn, name: &QueueName) {
        if self.seat.is_some() {
            return;
        }
        for stream in self.vhost.streams() {
            if stream.cancel(turn, name) {
                return;
            }
        }
    }

    /// Drops the ready messages of a queue; gives their number.
    ///
    /// # Errors
    ///
    /// [`Refusal::AccessRefused`] or [`Refusal::DestinationRefused`] without read,
    /// [`Refusal::NoSuchQueue`], [`Refusal::Locked`], [`Refusal::NotImplemented`] of a stream.
    pub fn purge_queue(&mut self, turn: &mut Turn, name: &QueueName) -> Result<u32, Refusal> {
        self.queue_to_read(name)?.purge(turn)
    }
}

/// A name of 16 random bytes.
fn generated_name() -> Result<QueueName, Refusal> {
    let mut token = [0; 16];
    getrandom::fill(&mut token).map_err(|error| {
        tracing::error!(%error, "the operating system gives no random bytes");
        Refusal::Internal
    })?;
    Ok(QueueName::generated(&URL_SAFE_NO_PAD.encode(token)))
}
