//! BEGIN, COMMIT, ABORT: publishes and settlements put off, then carried out one by one.
//!
//! Not atomic, as in RabbitMQ: what a frame asks for is checked when it comes, only its effect
//! waits.

use std::sync::Arc;

use model::{Message, Outcome};
use wire::stomp::{Frame, Quoted};

use super::error::Complaint;
use super::open::{After, Open};
use crate::action::Actions;

/// Open transactions of one connection. Source: RabbitMQ 4.4.
pub(super) const TRANSACTIONS_MAX: usize = 16;

/// Actions in one transaction. Source: RabbitMQ 4.4.
pub(super) const ACTIONS_MAX: usize = 1024;

/// Bytes of the messages that all open transactions of one connection hold. Ours.
pub(super) const HELD_BYTES_MAX: usize = 64 << 20;

/// An effect put off.
#[derive(Debug)]
pub(super) enum Deferred {
    /// A SEND.
    Publish { message: Arc<Message>, receipt: Option<Box<[u8]>> },
    /// An ACK or NACK of the delivery with that number.
    Settle { number: u64, outcome: Outcome },
}

impl Deferred {
    fn held_bytes(&self) -> usize {
        match self {
            Self::Publish { message, .. } => message.body().len() + message.property_bytes().len(),
            Self::Settle { .. } => 0,
        }
    }
}

/// The open transactions of a connection.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    open: Vec<Transaction>,
    held_bytes: usize,
}

#[derive(Debug)]
struct Transaction {
    id: Box<[u8]>,
    deferred: Vec<Deferred>,
}

impl Transactions {
    /// Opens one; an open one of that id begins anew.
    fn begin(&mut self, id: &[u8]) -> Result<(), Complaint> {
        if self.take(id).is_none() && self.open.len() >= TRANSACTIONS_MAX {
            return Err(Complaint::new(
                "Transaction limit exceeded",
                format!("Too many concurrent transactions (limit {TRANSACTIONS_MAX})"),
            ));
        }
        self.open.push(Transaction { id: id.into(), deferred: Vec::new() });
        Ok(())
    }

    /// Puts an effect off.
    pub(super) fn defer(&mut self, id: &[u8], deferred: Deferred) -> Result<(), Complaint> {
        let bytes = deferred.held_bytes();
        let known = self.open.iter_mut().find(|known| *known.id == *id);
        let transaction = known.ok_or_else(|| bad(id))?;
        let too_large = |detail| Err(Complaint::new("Transaction too large", detail));
        if transaction.deferred.len() >= ACTIONS_MAX {
            return too_large(format!("Too many actions in transaction (limit {ACTIONS_MAX})"));
        }
        if self.held_bytes + bytes > HELD_BYTES_MAX {
            return too_large(format!("Too many bytes in transactions (limit {HELD_BYTES_MAX})"));
        }
        self.held_bytes += bytes;
        transaction.deferred.push(deferred);
        Ok(())
    }

    /// Closes one and gives what it has put off.
    fn take(&mut self, id: &[u8]) -> Option<Vec<Deferred>> {
        let at = self.open.iter().position(|known| *known.id == *id)?;
        let deferred = self.open.swap_remove(at).deferred;
        self.held_bytes -= deferred.iter().map(Deferred::held_bytes).sum::<usize>();
        Some(deferred)
    }
}

impl Open {
    pub(super) fn begin(&mut self, frame: &Frame<'_>) -> Result<After, Complaint> {
        self.transactions.begin(&required("BEGIN", frame)?)?;
        Ok(After::Receipt)
    }

    pub(super) fn abort(&mut self, frame: &Frame<'_>) -> Result<After, Complaint> {
        let id = required("ABORT", frame)?;
        self.transactions.take(&id).ok_or_else(|| bad(&id))?;
        Ok(After::Receipt)
    }

    pub(super) fn commit(
        &mut self,
        frame: &Frame<'_>,
        actions: &mut Actions,
    ) -> Result<After, Complaint> {
        let id = required("COMMIT", frame)?;
        for deferred in self.transactions.take(&id).ok_or_else(|| bad(&id))? {
            match deferred {
                Deferred::Publish { message, receipt } => {
                    self.receipts.publish(message, receipt, actions);
                }
                Deferred::Settle { number, outcome } => {
                    self.unacked.settle(number, outcome, actions)?;
                }
            }
        }
        if let Some(receipt) = frame.headers.get("receipt") {
            self.receipts.flush(&receipt, actions);
        }
        Ok(After::Nothing)
    }
}

fn required<'a>(command: &str, frame: &Frame<'a>) -> Result<std::borrow::Cow<'a, [u8]>, Complaint> {
    frame.headers.get("transaction").ok_or_else(|| {
        Complaint::new(
            "Missing transaction",
            format!("\"{command}\" must include a 'transaction' header\n"),
        )
    })
}

fn bad(id: &[u8]) -> Complaint {
    Complaint::new("Bad transaction", format!("Invalid transaction identifier: {}\n", Quoted(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Deferred = Deferred::Settle { number: 1, outcome: Outcome::Accept };

    #[test]
    fn as_many_transactions_as_the_limit_and_no_more() {
        let mut all = Transactions::default();
        for n in 0..TRANSACTIONS_MAX {
            assert_eq!(all.begin(n.to_string().as_bytes()), Ok(()));
        }
        let text = "Too many concurrent transactions (limit 16)";
        let refused = Complaint::new("Transaction limit exceeded", text);
        assert_eq!(all.begin(b"more"), Err(refused));
        // One that is open may begin anew.
        assert_eq!(all.begin(b"3"), Ok(()));
    }

    #[test]
    fn as_many_actions_as_the_limit_and_no_more() {
        let mut all = Transactions::default();
        all.begin(b"t").unwrap();
        for _ in 0..ACTIONS_MAX {
            assert_eq!(all.defer(b"t", SETTLE), Ok(()));
        }
        let text = "Too many actions in transaction (limit 1024)";
        let refused = Complaint::new("Transaction too large", text);
        assert_eq!(all.defer(b"t", SETTLE), Err(refused));
        assert_eq!(all.take(b"t").map(|deferred| deferred.len()), Some(ACTIONS_MAX));
    }

    #[test]
    fn as_many_bytes_as_the_limit_and_no_more() {
        let publish = |bytes: usize| Deferred::Publish {
            message: Arc::new(Message::new(model::MessageParts {
                exchange: model::ExchangeName::default_exchange(),
                content: vec![0; bytes],
                key_bytes: 0,
                property_bytes: 0,
                codec: &wire::amqp::PROPERTY_CODEC,
                marks: model::Marks::default(),
            })),
            receipt: None,
        };
        let mut all = Transactions::default();
        all.begin(b"a").unwrap();
        all.begin(b"b").unwrap();
        assert_eq!(all.defer(b"a", publish(HELD_BYTES_MAX)), Ok(()));
        assert!(all.defer(b"b", publish(1)).is_err());
        all.take(b"a");
        assert_eq!(all.defer(b"b", publish(1)), Ok(()));
    }
}
