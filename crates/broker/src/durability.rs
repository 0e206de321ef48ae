//! What outlives the process: definitions and the log, and a broker on both.

use std::sync::Arc;

use crate::broker::Broker;
use crate::definitions::{Change, Changes, Definition, Definitions, Failure, Undo};
use crate::queue::{Journal, MessageLog, Reader};
use crate::restore::{CloseError, RestoreError};
use crate::settings::Settings;

/// What outlives the process.
#[derive(Clone, Debug)]
pub struct Durability {
    /// What exists.
    pub definitions: Arc<Definitions>,
    /// The messages of durable queues.
    pub log: Arc<MessageLog>,
}

/// How a node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All connections have ended, so what they had not settled was given back.
    Orderly,
    /// Some have not: what was handed out to them is not known to the log.
    CutShort,
}

impl Broker {
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

    /// The log of durable queues, if there is one.
    pub fn log(&self) -> Option<&Arc<MessageLog>> {
        self.durability.as_ref().map(|durability| &durability.log)
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

    /// Makes durable what was handed over, and notes that the node ended by itself, if it did in
    /// order; else the next start suspects that everything was handed out. Nothing is kept from
    /// here on.
    ///
    /// # Errors
    ///
    /// [`CloseError`] if something could not be kept, then or before.
    pub fn close(&self, end: End) -> Result<(), CloseError> {
        let Some(Durability { definitions, log }) = &self.durability else { return Ok(()) };
        log.store().close()?;
        match end {
            End::Orderly => definitions.close()?,
            End::CutShort => definitions.settle()?,
        }
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
}
