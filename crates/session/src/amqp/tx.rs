//! Transactions: publishes and acknowledgements that wait for a commit.
//!
//! They are kept in the session. So what a publish would be refused for shows at the commit, where
//! RabbitMQ shows it at the publish.

use engine::{Command, Publish};
use model::{DeliveryId, Outcome};
use wire::amqp::MethodId;
use wire::amqp::method::{Arguments, tx};

use crate::action::Actions;
use crate::amqp::channel::{Channel, Mode};
use crate::amqp::confirm::Verdict;
use crate::amqp::connection::{Connection, say};
use crate::amqp::reply::Failure;
use crate::amqp::settle::submit_settled;

/// What waits for the commit of a channel.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    publishes: Vec<Publish>,
    settled: Vec<(Vec<(u64, DeliveryId)>, Outcome)>,
    commit: Option<Commit>,
}

/// A commit of which not everything is confirmed.
#[derive(Debug)]
struct Commit {
    unconfirmed: usize,
    has_rejected: bool,
}

/// The number by which it is heard that settlements are safe; publishes begin with 1.
const SETTLED: u64 = 0;

impl Transaction {
    /// Keeps a publish.
    pub(super) fn publish(&mut self, publish: Publish) {
        self.publishes.push(publish);
    }

    /// Keeps acknowledgements, with their tags for a rollback.
    pub(super) fn settle(&mut self, settled: Vec<(u64, DeliveryId)>, outcome: Outcome) {
        self.settled.push((settled, outcome));
    }

    /// Whether a commit waits for confirms.
    pub(super) fn is_committing(&self) -> bool {
        self.commit.is_some()
    }

    /// The deliveries whose acknowledgement was never committed.
    pub(super) fn unsettled(&self) -> impl Iterator<Item = DeliveryId> {
        self.settled.iter().flat_map(|(settled, _)| settled.iter().map(|(_, id)| *id))
    }
}

impl Channel {
    fn transaction(&mut self, method: MethodId) -> Result<&mut Transaction, Failure> {
        match &mut self.mode {
            Mode::Transactional(transaction) => Ok(transaction),
            _ => Err(Failure::precondition(method, "channel is not transactional")),
        }
    }

    pub(super) fn tx_commit(
        &mut self,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let (number, channel) = (self.number, self.id());
        let transaction = self.transaction(tx::Commit::ID)?;
        let settles = !transaction.settled.is_empty();
        let unconfirmed = transaction.publishes.len() + usize::from(settles);
        for (mut publish, confirm) in transaction.publishes.drain(..).zip(1..) {
            publish.confirm = Some(confirm);
            actions.commands.push(Command::Publish(publish));
        }
        for (settled, outcome) in transaction.settled.drain(..) {
            for (_, id) in settled {
                submit_settled(actions, channel, id, outcome);
            }
        }
        if settles {
            actions.commands.push(Command::Flush(channel, SETTLED));
        }
        match unconfirmed {
            0 => say(actions, number, &tx::CommitOk {}),
            unconfirmed => {
                transaction.commit = Some(Commit { unconfirmed, has_rejected: false });
                connection.commits += 1;
            }
        }
        Ok(())
    }

    pub(super) fn tx_rollback(&mut self, actions: &mut Actions) -> Result<(), Failure> {
        let transaction = self.transaction(tx::Rollback::ID)?;
        transaction.publishes.clear();
        let settled = std::mem::take(&mut transaction.settled);
        self.tags.restore(settled.into_iter().flat_map(|(settled, _)| settled));
        say(actions, self.number, &tx::RollbackOk {});
        Ok(())
    }

    /// A publish of a commit is safe or turned down.
    pub(super) fn tx_published(
        &mut self,
        verdict: Verdict,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let transaction = self.transaction(tx::Commit::ID)?;
        let Some(commit) = &mut transaction.commit else { return Ok(()) };
        commit.unconfirmed = commit.unconfirmed.saturating_sub(1);
        commit.has_rejected |= verdict == Verdict::Rejected;
        if commit.unconfirmed > 0 {
            return Ok(());
        }
        let has_rejected = commit.has_rejected;
        transaction.commit = None;
        connection.commits -= 1;
        match has_rejected {
            true => Err(Failure::precondition(tx::Commit::ID, "partial tx completion")),
            false => {
                say(actions, self.number, &tx::CommitOk {});
                Ok(())
            }
        }
    }
}
