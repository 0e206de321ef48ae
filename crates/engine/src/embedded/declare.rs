//! Topology commands: exchanges, queues, bindings.

use broker::turn::Turn;
use model::{Binding, DeclareMode, ExchangeName, ExchangeSpec, QueueName, QueueSpec};

use super::{Answer, Link};
use crate::command::DeleteIf;
use crate::event::Reply;

impl Link {
    pub(super) fn declare_exchange(
        &mut self,
        turn: &mut Turn,
        spec: &ExchangeSpec,
        mode: DeclareMode,
    ) -> Answer {
        self.access()?.declare_exchange(turn, spec, mode)?;
        Ok(Reply::Done)
    }

    pub(super) fn delete_exchange(
        &mut self,
        turn: &mut Turn,
        name: &ExchangeName,
        only_if: DeleteIf,
    ) -> Answer {
        self.access()?.delete_exchange(turn, name, delete_if(only_if))?;
        Ok(Reply::Done)
    }

    pub(super) fn bind(&mut self, turn: &mut Turn, binding: &Binding) -> Answer {
        self.access()?.bind(turn, binding)?;
        Ok(Reply::Done)
    }

    pub(super) fn unbind(&mut self, turn: &mut Turn, binding: &Binding) -> Answer {
        self.access()?.unbind(turn, binding)?;
        Ok(Reply::Done)
    }

    pub(super) fn declare_queue(
        &mut self,
        turn: &mut Turn,
        spec: &QueueSpec,
        mode: DeclareMode,
    ) -> Answer {
        let declared = self.access()?.declare_queue(turn, spec, mode)?;
        Ok(Reply::QueueDeclared {
            queue: declared.queue.name().clone(),
            messages: declared.messages,
            consumers: declared.consumers,
        })
    }

    pub(super) fn delete_queue(
        &mut self,
        turn: &mut Turn,
        name: &QueueName,
        only_if: DeleteIf,
    ) -> Answer {
        let messages = self.access()?.delete_queue(turn, name, delete_if(only_if))?;
        Ok(Reply::Removed { messages })
    }

    pub(super) fn purge_queue(&mut self, turn: &mut Turn, name: &QueueName) -> Answer {
        let messages = self.access()?.purge_queue(turn, name)?;
        Ok(Reply::Removed { messages })
    }
}

fn delete_if(only_if: DeleteIf) -> broker::DeleteIf {
    broker::DeleteIf { is_unused: only_if.is_unused, is_empty: only_if.is_empty }
}
