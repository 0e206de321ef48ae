//! RECEIPT frames, and publishes whose receipts wait for a confirm.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::Publish;
use model::Message;
use wire::stomp::{Command, FrameWriter};

use super::error::Complaint;
use super::open::CHANNEL;
use crate::action::Actions;

/// Publishes of one connection that may wait for a confirm; then it is not read any more. Ours.
pub(super) const UNCONFIRMED_MAX: usize = 16_384;

/// Writes a RECEIPT.
pub(super) fn write_receipt(id: &[u8], actions: &mut Actions) {
    actions.outbox.frame(|out| {
        FrameWriter::begin(out, Command::Receipt).header("receipt-id", id).finish(b"");
    });
}

/// Receipts that wait for the confirms of their messages, in the order published.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    last: u64,
    waiting: VecDeque<(u64, Box<[u8]>)>,
}

impl Receipts {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= UNCONFIRMED_MAX
    }

    /// Publishes; with a receipt, it asks for a confirm.
    pub(super) fn publish(
        &mut self,
        message: Arc<Message>,
        receipt: Option<Box<[u8]>>,
        actions: &mut Actions,
    ) {
        let confirm = receipt.map(|receipt| {
            self.last += 1;
            self.waiting.push_back((self.last, receipt));
            self.last
        });
        actions.commands.push(engine::Command::Publish(Publish {
            channel: CHANNEL,
            message,
            is_mandatory: false,
            confirm,
        }));
    }

    /// The receipt leaves once all that was sent before is safe.
    pub(super) fn flush(&mut self, receipt: &[u8], actions: &mut Actions) {
        self.last += 1;
        self.waiting.push_back((self.last, receipt.into()));
        actions.commands.push(engine::Command::Flush(CHANNEL, self.last));
    }

    /// A message is safe: its receipt leaves.
    pub(super) fn confirm(&mut self, number: u64, actions: &mut Actions) {
        if let Some(receipt) = self.take(number) {
            write_receipt(&receipt, actions);
        }
    }

    /// A queue has turned a message down. RabbitMQ 4.3 crashes here; the peer hears what was lost.
    pub(super) fn reject(&mut self, number: u64) -> Result<(), Complaint> {
        let receipt = self.take(number).unwrap_or_default();
        let receipt = String::from_utf8_lossy(&receipt);
        let detail = format!("The message of receipt '{receipt}' was rejected by a queue.\n");
        Err(Complaint::fatal("Message rejected", detail))
    }

    fn take(&mut self, number: u64) -> Option<Box<[u8]>> {
        let at = self.waiting.binary_search_by_key(&number, |(known, _)| *known).ok()?;
        self.waiting.remove(at).map(|(_, receipt)| receipt)
    }
}
