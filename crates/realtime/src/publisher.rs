//! One connection with one confirming channel, and the exchanges it has declared.

use std::collections::HashSet;
use std::time::Duration;

use client::Uri;
use client::amqp::{Channel, Connection, Publish};
use model::{ExchangeName, ExchangeSpec, FieldTable};
use tokio::time::{Instant, timeout};

use crate::envelope::Envelope;
use crate::error::Error;

/// A publisher.
#[derive(Debug)]
pub(crate) struct Publisher {
    connection: Connection,
    channel: Channel,
    declared: HashSet<&'static str>,
    opened: Instant,
    patience: Duration,
    is_broken: bool,
}

impl Publisher {
    pub(crate) async fn open(uri: &Uri, patience: Duration) -> Result<Self, Error> {
        let opening = async {
            let connection = Connection::open(uri).await?;
            let channel = connection.open_channel().await?;
            channel.select_confirms().await?;
            Ok::<_, client::Error>((connection, channel))
        };
        let opened = timeout(patience, opening).await;
        let (connection, channel) = opened.map_err(|_| client::Error::TimedOut(patience))??;
        let declared = HashSet::new();
        let opened = Instant::now();
        Ok(Self { connection, channel, declared, opened, patience, is_broken: false })
    }

    /// When it was connected.
    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    /// Whether it can publish no more.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken || self.connection.is_closed()
    }

    /// Publishes and waits for the confirm.
    pub(crate) async fn publish(&mut self, envelope: &Envelope) -> Result<(), Error> {
        let patience = self.patience;
        // Broken until shown to be well: a call that is given up half-way leaves answers behind.
        self.is_broken = true;
        let result = timeout(patience, self.publish_now(envelope)).await;
        let result = result.unwrap_or(Err(client::Error::TimedOut(patience)));
        self.is_broken = matches!(&result, Err(error) if !matches!(error, client::Error::Rejected));
        Ok(result?)
    }

    async fn publish_now(&mut self, envelope: &Envelope) -> Result<(), client::Error> {
        if !self.declared.contains(envelope.exchange) {
            let name = ExchangeName::parse(envelope.exchange)
                .map_err(|error| client::Error::Protocol(error.to_string()))?;
            let spec = ExchangeSpec {
                name,
                kind: "topic".into(),
                is_durable: true,
                is_auto_delete: false,
                is_internal: false,
                arguments: FieldTable::default(),
            };
            self.channel.declare_exchange(&spec).await?;
            self.declared.insert(envelope.exchange);
        }
        let publish = Publish {
            exchange: envelope.exchange,
            key: &envelope.key,
            properties: &envelope.properties,
            body: &envelope.body,
            is_mandatory: false,
        };
        self.channel.publish(publish).await?.confirmed().await
    }
}
