//! A channel: declares, binds, publishes, consumes.

use std::sync::Arc;

use model::{AckMode, Binding, Destination, ExchangeSpec, FieldTable, QueueSpec};
use tokio::sync::mpsc;
use wire::amqp::PROPERTY_CODEC;
use wire::amqp::encoder::Content;
use wire::amqp::field::{RawTable, encode_entries};
use wire::amqp::method::{Arguments, basic, channel, confirm, exchange, queue};

use super::consumer::{Consumer, Delivery};
use super::publisher::{Confirm, Publish};
use super::state::{Answer, Shared};
use crate::error::Error;

/// What a queue declare found or made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Declared {
    /// The queue's name, also if the server chose it.
    pub queue: String,
    /// Ready messages.
    pub messages: u32,
    /// Consumers.
    pub consumers: u32,
}

/// A channel. An error from the server closes it; open another.
#[derive(Clone, Debug)]
pub struct Channel {
    shared: Arc<Shared>,
    number: u16,
}

impl Channel {
    pub(super) fn new(shared: Arc<Shared>, number: u16) -> Self {
        Self { shared, number }
    }

    pub(super) async fn ask<'a>(&self, method: &impl Arguments<'a>) -> Result<Answer, Error> {
        let answer = self.shared.request(self.number, method)?;
        answer.await.unwrap_or_else(|_| Err(Error::Protocol("the answer was lost".to_owned())))
    }

    /// Declares an exchange.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if it exists otherwise, or is not allowed.
    pub async fn declare_exchange(&self, spec: &ExchangeSpec) -> Result<(), Error> {
        let arguments = encoded(&spec.arguments);
        self.ask(&exchange::Declare {
            exchange: spec.name.as_str(),
            kind: &spec.kind,
            passive: false,
            durable: spec.is_durable,
            auto_delete: spec.is_auto_delete,
            internal: spec.is_internal,
            no_wait: false,
            arguments: raw(&arguments)?,
        })
        .await?;
        Ok(())
    }

    /// Declares a queue; without a name the server chooses one.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if it exists otherwise, or is not allowed.
    pub async fn declare_queue(&self, spec: &QueueSpec) -> Result<Declared, Error> {
        let arguments = encoded(&spec.arguments);
        let declare = queue::Declare {
            queue: spec.name.as_ref().map_or("", |name| name.as_str()),
            passive: false,
            durable: spec.is_durable,
            exclusive: spec.is_exclusive,
            auto_delete: spec.is_auto_delete,
            no_wait: false,
            arguments: raw(&arguments)?,
        };
        match self.ask(&declare).await? {
            Answer::Queue { name, messages, consumers } => {
                Ok(Declared { queue: name, messages, consumers })
            }
            answer => Err(unexpected(&answer)),
        }
    }

    /// Binds a queue or an exchange to an exchange.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if one of them is missing, or it is not allowed.
    pub async fn bind(&self, binding: &Binding) -> Result<(), Error> {
        let arguments = encoded(&binding.arguments);
        let key = binding.key.to_string();
        let source = binding.source.as_str();
        let arguments = raw(&arguments)?;
        match &binding.destination {
            Destination::Queue(name) => {
                let (queue, exchange) = (name.as_str(), source);
                let routing_key = &key;
                let no_wait = false;
                self.ask(&queue::Bind { queue, exchange, routing_key, no_wait, arguments }).await?
            }
            Destination::Exchange(name) => {
                let destination = name.as_str();
                let routing_key = &key;
                let no_wait = false;
                let bind = exchange::Bind { destination, source, routing_key, no_wait, arguments };
                self.ask(&bind).await?
            }
        };
        Ok(())
    }

    /// Asks for a confirm of each publish from here on.
    ///
    /// # Errors
    ///
    /// [`Error`] if channel or connection is gone.
    pub async fn select_confirms(&self) -> Result<(), Error> {
        self.ask(&confirm::Select { no_wait: false }).await?;
        if let Some(ours) = self.shared.lock().channels.get_mut(&self.number) {
            ours.confirms.get_or_insert_default();
        }
        Ok(())
    }

    /// Publishes; waits only while too much is yet to be written. The confirm is waited for apart.
    ///
    /// # Errors
    ///
    /// [`Error`] if channel or connection is gone.
    pub async fn publish(&self, publish: Publish<'_>) -> Result<Confirm, Error> {
        let method = basic::Publish {
            exchange: publish.exchange.as_bytes(),
            routing_key: publish.key.as_bytes(),
            mandatory: publish.is_mandatory,
            immediate: false,
        };
        let properties = (PROPERTY_CODEC.encode)(publish.properties);
        let content = Content { properties: &properties, body: publish.body };
        loop {
            let published = self.shared.publish(self.number, &method, content)?;
            if let Some(confirm) = published {
                return Ok(confirm);
            }
            let room = self.shared.has_room.notified();
            let mut room = std::pin::pin!(room);
            room.as_mut().enable();
            if !self.shared.is_full() {
                continue;
            }
            room.await;
        }
    }

    /// Limits unacknowledged deliveries of consumers started after it; 0 is no limit.
    ///
    /// # Errors
    ///
    /// [`Error`] if channel or connection is gone.
    pub async fn set_prefetch(&self, prefetch_count: u16) -> Result<(), Error> {
        self.ask(&basic::Qos { prefetch_size: 0, prefetch_count, global: false }).await?;
        Ok(())
    }

    /// Starts a consumer under `tag`, which no other consumer of the channel has.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the queue is missing, or it is not allowed.
    pub async fn consume(&self, queue: &str, tag: &str, ack: AckMode) -> Result<Consumer, Error> {
        let (sender, deliveries) = mpsc::unbounded_channel();
        if let Some(ours) = self.shared.lock().channels.get_mut(&self.number) {
            ours.consumers.insert(tag.to_owned(), sender);
        }
        let consume = basic::Consume {
            queue,
            consumer_tag: tag,
            no_local: false,
            no_ack: ack == AckMode::Automatic,
            exclusive: false,
            no_wait: false,
            arguments: RawTable::default(),
        };
        match self.ask(&consume).await? {
            Answer::Consuming(tag) => Ok(Consumer { tag, deliveries }),
            answer => Err(unexpected(&answer)),
        }
    }

    /// Takes one message.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the queue is missing, or it is not allowed.
    pub async fn get(&self, queue: &str, ack: AckMode) -> Result<Option<Delivery>, Error> {
        let get = basic::Get { queue, no_ack: ack == AckMode::Automatic };
        match self.ask(&get).await? {
            Answer::Got(delivery) => Ok(delivery.map(|delivery| *delivery)),
            answer => Err(unexpected(&answer)),
        }
    }

    /// Acknowledges one delivery.
    ///
    /// # Errors
    ///
    /// [`Error`] if channel or connection is gone.
    pub fn ack(&self, delivery_tag: u64) -> Result<(), Error> {
        self.shared.tell(self.number, &basic::Ack { delivery_tag, multiple: false })
    }

    /// Acknowledges all deliveries of the channel up to that one.
    ///
    /// # Errors
    ///
    /// [`Error`] if channel or connection is gone.
    pub fn ack_up_to(&self, delivery_tag: u64) -> Result<(), Error> {
        self.shared.tell(self.number, &basic::Ack { delivery_tag, multiple: true })
    }

    /// Deletes a queue and says how many ready messages went with it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if it is not allowed.
    pub async fn delete_queue(&self, queue: &str) -> Result<u32, Error> {
        let delete = queue::Delete { queue, if_unused: false, if_empty: false, no_wait: false };
        match self.ask(&delete).await? {
            Answer::Removed(messages) => Ok(messages),
            answer => Err(unexpected(&answer)),
        }
    }

    /// Closes the channel.
    ///
    /// # Errors
    ///
    /// [`Error`] if channel or connection is gone already.
    pub async fn close(self) -> Result<(), Error> {
        let close = channel::Close { reply_code: 200, reply_text: "OK", class_id: 0, method_id: 0 };
        self.ask(&close).await?;
        Ok(())
    }
}

fn encoded(table: &FieldTable) -> Vec<u8> {
    let mut out = Vec::new();
    encode_entries(table, &mut out);
    out
}

fn raw(bytes: &[u8]) -> Result<RawTable<'_>, Error> {
    RawTable::parse(bytes).map_err(|error| Error::Protocol(format!("arguments: {error}")))
}

fn unexpected(answer: &Answer) -> Error {
    Error::Protocol(format!("an answer to another question: {answer:?}"))
}
