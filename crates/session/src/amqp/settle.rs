//! Acknowledgements: ack, nack, reject, recover.

use engine::Command;
use model::{DeliveryId, Outcome};
use wire::amqp::MethodId;
use wire::amqp::method::{Arguments, basic};

use crate::action::Actions;
use crate::amqp::channel::{Channel, Mode};
use crate::amqp::connection::say;
use crate::amqp::reply::Failure;
use crate::amqp::tags::UnknownTag;

/// Which deliveries an acknowledgement means.
#[derive(Clone, Copy)]
enum Extent {
    /// The one with the tag.
    One(u64),
    /// It and all before it.
    UpTo(u64),
}

impl Extent {
    fn new(tag: u64, multiple: bool) -> Self {
        match multiple {
            true => Self::UpTo(tag),
            false => Self::One(tag),
        }
    }
}

impl Channel {
    pub(super) fn ack(&mut self, ack: basic::Ack, actions: &mut Actions) -> Result<(), Failure> {
        let extent = Extent::new(ack.delivery_tag, ack.multiple);
        self.settle(extent, Outcome::Accept, basic::Ack::ID, actions)
    }

    pub(super) fn nack(&mut self, nack: basic::Nack, actions: &mut Actions) -> Result<(), Failure> {
        let extent = Extent::new(nack.delivery_tag, nack.multiple);
        self.settle(extent, refused(nack.requeue), basic::Nack::ID, actions)
    }

    pub(super) fn reject(
        &mut self,
        reject: basic::Reject,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let extent = Extent::One(reject.delivery_tag);
        self.settle(extent, refused(reject.requeue), basic::Reject::ID, actions)
    }

    pub(super) fn recover(
        &mut self,
        recover: basic::Recover,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        self.requeue_all(recover.requeue, basic::Recover::ID, actions)?;
        say(actions, self.number, &basic::RecoverOk {});
        Ok(())
    }

    pub(super) fn recover_async(
        &mut self,
        recover: basic::RecoverAsync,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        self.requeue_all(recover.requeue, basic::RecoverAsync::ID, actions)
    }

    fn requeue_all(
        &mut self,
        requeue: bool,
        method: MethodId,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        if !requeue {
            return Err(Failure::not_implemented(method, "requeue=false"));
        }
        let all = self.tags.take_all();
        if !all.is_empty() {
            actions.commands.push(Command::Settle(self.id(), all.into(), Outcome::Requeue));
        }
        Ok(())
    }

    fn settle(
        &mut self,
        extent: Extent,
        outcome: Outcome,
        method: MethodId,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let unknown =
            |UnknownTag(tag)| Failure::precondition(method, format!("unknown delivery tag {tag}"));
        let channel = self.id();
        match (&mut self.mode, extent) {
            (Mode::Transactional(transaction), Extent::One(tag)) => {
                let id = self.tags.settle(tag).map_err(unknown)?;
                transaction.settle(vec![(tag, id)], outcome);
            }
            (Mode::Transactional(transaction), Extent::UpTo(tag)) => {
                let settled = self.tags.settle_up_to(tag).map_err(unknown)?;
                transaction.settle(settled, outcome);
            }
            (_, Extent::One(tag)) => {
                let id = self.tags.settle(tag).map_err(unknown)?;
                submit_settled(actions, channel, id, outcome);
            }
            (_, Extent::UpTo(tag)) => {
                for (_, id) in self.tags.settle_up_to(tag).map_err(unknown)? {
                    submit_settled(actions, channel, id, outcome);
                }
            }
        }
        Ok(())
    }
}

/// Submits a settled delivery, together with the one before it where that keeps their order.
pub(super) fn submit_settled(
    actions: &mut Actions,
    channel: engine::Channel,
    id: DeliveryId,
    outcome: Outcome,
) {
    if let Some(Command::Settle(last_channel, ids, last_outcome)) = actions.commands.last_mut() {
        let is_next = ids.last().is_some_and(|last| last.source == id.source && *last < id);
        if *last_channel == channel && *last_outcome == outcome && is_next {
            ids.push(id);
            return;
        }
    }
    let ids = std::iter::once(id).collect();
    actions.commands.push(Command::Settle(channel, ids, outcome));
}

fn refused(requeue: bool) -> Outcome {
    match requeue {
        true => Outcome::Requeue,
        false => Outcome::Reject,
    }
}
