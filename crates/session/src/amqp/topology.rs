//! Exchanges and queues: declare, bind, purge, delete.

use std::borrow::Cow;

use engine::{Command, DeleteIf, Reply};
use model::{
    Binding, DeclareMode, Destination, ExchangeName, ExchangeSpec, NameError, QueueName, QueueSpec,
    Refusal, RoutingKey,
};
use wire::amqp::method::exchange::{self, Exchange};
use wire::amqp::method::queue::{self, Queue};
use wire::amqp::method::{Arguments, Method};
use wire::amqp::{MethodId, ReplyCode};

use crate::action::Actions;
use crate::amqp::channel::{Channel, unimplemented_method};
use crate::amqp::connection::{Connection, say};
use crate::amqp::reply::{Failure, Then, Wait};

impl Channel {
    pub(super) fn exchange(
        &mut self,
        method: &Exchange<'_>,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let (command, then) = match method {
            Exchange::Declare(declare) => self.declare_exchange(declare)?,
            Exchange::Delete(delete) => {
                let name = exchange_name(&clean(delete.exchange), exchange::Delete::ID)?;
                let only_if = DeleteIf { is_unused: delete.if_unused, is_empty: false };
                let then = Wait::unless(delete.no_wait).then_say::<exchange::DeleteOk>();
                (Command::DeleteExchange(self.id(), name, only_if), then)
            }
            Exchange::Bind(bind) => {
                let method = exchange::Bind::ID;
                let destination = exchange_name(&clean(bind.destination), method)?;
                let binding = Binding {
                    source: exchange_name(&clean(bind.source), method)?,
                    destination: Destination::Exchange(destination),
                    key: routing_key(bind.routing_key, method)?,
                    arguments: bind.arguments.decode(),
                };
                let then = Wait::unless(bind.no_wait).then_say::<exchange::BindOk>();
                (Command::Bind(self.id(), Box::new(binding)), then)
            }
            Exchange::Unbind(unbind) => {
                let method = exchange::Unbind::ID;
                let destination = exchange_name(&clean(unbind.destination), method)?;
                let binding = Binding {
                    source: exchange_name(&clean(unbind.source), method)?,
                    destination: Destination::Exchange(destination),
                    key: routing_key(unbind.routing_key, method)?,
                    arguments: unbind.arguments.decode(),
                };
                let then = Wait::unless(unbind.no_wait).then_say::<exchange::UnbindOk>();
                (Command::Unbind(self.id(), Box::new(binding)), then)
            }
            method => return Err(unimplemented_method(&Method::Exchange(*method))),
        };
        connection.ask(actions, Method::Exchange(*method).id(), command, then);
        Ok(())
    }

    fn declare_exchange(
        &self,
        declare: &exchange::Declare<'_>,
    ) -> Result<(Command, Then), Failure> {
        let spec = ExchangeSpec {
            name: exchange_name(&clean(declare.exchange), exchange::Declare::ID)?,
            kind: declare.kind.into(),
            is_durable: declare.durable,
            is_auto_delete: declare.auto_delete,
            is_internal: declare.internal,
            arguments: declare.arguments.decode(),
        };
        let command =
            Command::DeclareExchange(self.id(), Box::new(spec), declare_mode(declare.passive));
        Ok((command, Wait::unless(declare.no_wait).then_say::<exchange::DeclareOk>()))
    }

    pub(super) fn queue(
        &mut self,
        method: &Queue<'_>,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let (command, then) = match method {
            Queue::Declare(declare) => self.declare_queue(declare, connection)?,
            Queue::Bind(bind) => {
                let binding = self.binding(
                    Ends { queue: bind.queue, exchange: bind.exchange, key: bind.routing_key },
                    bind.arguments,
                    queue::Bind::ID,
                )?;
                let then = Wait::unless(bind.no_wait).then_say::<queue::BindOk>();
                (Command::Bind(self.id(), Box::new(binding)), then)
            }
            Queue::Unbind(unbind) => {
                let binding = self.binding(
                    Ends {
                        queue: unbind.queue,
                        exchange: unbind.exchange,
                        key: unbind.routing_key,
                    },
                    unbind.arguments,
                    queue::Unbind::ID,
                )?;
                let then = Wait::Waits.then_say::<queue::UnbindOk>();
                (Command::Unbind(self.id(), Box::new(binding)), then)
            }
            Queue::Purge(purge) => {
                let name = self.queue_name(purge.queue, queue::Purge::ID)?;
                let then = Then::QueuePurged(Wait::unless(purge.no_wait));
                (Command::PurgeQueue(self.id(), name), then)
            }
            Queue::Delete(delete) => {
                let name = self.queue_name(&clean(delete.queue), queue::Delete::ID)?;
                let only_if = DeleteIf { is_unused: delete.if_unused, is_empty: delete.if_empty };
                let then = Then::QueueDeleted(Wait::unless(delete.no_wait));
                (Command::DeleteQueue(self.id(), name, only_if), then)
            }
            method => return Err(unimplemented_method(&Method::Queue(*method))),
        };
        connection.ask(actions, Method::Queue(*method).id(), command, then);
        Ok(())
    }

    fn declare_queue(
        &self,
        declare: &queue::Declare<'_>,
        connection: &Connection,
    ) -> Result<(Command, Then), Failure> {
        let method = queue::Declare::ID;
        let name = match &*clean(declare.queue) {
            "" if declare.passive => {
                // Source: RabbitMQ. A passive declare does not stand for the last queue.
                let refusal = Refusal::NoSuchQueue("".into(), connection.vhost.clone());
                return Err(Failure::refused(&refusal, method));
            }
            "" => None,
            name => Some(QueueName::parse(name).map_err(|error| bad_name(error, method))?),
        };
        let spec = QueueSpec {
            name,
            is_durable: declare.durable,
            is_exclusive: declare.exclusive,
            is_auto_delete: declare.auto_delete,
            arguments: declare.arguments.decode(),
        };
        let command =
            Command::DeclareQueue(self.id(), Box::new(spec), declare_mode(declare.passive));
        Ok((command, Then::QueueDeclared(Wait::unless(declare.no_wait))))
    }

    pub(super) fn queue_declared(&mut self, reply: Reply, wait: Wait, actions: &mut Actions) {
        let Reply::QueueDeclared { queue, messages, consumers } = reply else { return };
        if wait == Wait::Waits {
            let declare_ok = queue::DeclareOk {
                queue: queue.as_str(),
                message_count: messages,
                consumer_count: consumers,
            };
            say(actions, self.number, &declare_ok);
        }
        self.last_queue = Some(queue);
    }

    fn binding(
        &self,
        ends: Ends<'_>,
        arguments: wire::amqp::field::RawTable<'_>,
        method: MethodId,
    ) -> Result<Binding, Failure> {
        let queue = self.queue_name(&clean(ends.queue), method)?;
        // Source: RabbitMQ. Without a queue and a key, the key is the last queue's name.
        let key = match (ends.queue, ends.key) {
            ("", "") => routing_key(queue.as_str(), method)?,
            (_, key) => routing_key(key, method)?,
        };
        Ok(Binding {
            source: exchange_name(&clean(ends.exchange), method)?,
            destination: Destination::Queue(queue),
            key,
            arguments: arguments.decode(),
        })
    }

    /// The queue of that name; the empty name is the queue declared last on this channel.
    pub(super) fn queue_name(&self, name: &str, method: MethodId) -> Result<QueueName, Failure> {
        match name {
            "" => self.last_queue.clone().ok_or_else(|| {
                Failure::new(ReplyCode::NotFound, method, "no previously declared queue")
            }),
            name => QueueName::parse(name).map_err(|error| bad_name(error, method)),
        }
    }
}

/// What a queue binding binds.
struct Ends<'a> {
    queue: &'a str,
    exchange: &'a str,
    key: &'a str,
}

fn declare_mode(passive: bool) -> DeclareMode {
    match passive {
        true => DeclareMode::Passive,
        false => DeclareMode::Active,
    }
}

/// A name without line ends. Source: RabbitMQ strips them in declare, delete, bind and unbind.
fn clean(name: &str) -> Cow<'_, str> {
    match name.contains(['\r', '\n']) {
        true => name.replace(['\r', '\n'], "").into(),
        false => name.into(),
    }
}

fn exchange_name(name: &str, method: MethodId) -> Result<ExchangeName, Failure> {
    ExchangeName::parse(name).map_err(|error| bad_name(error, method))
}

fn routing_key(key: &str, method: MethodId) -> Result<RoutingKey, Failure> {
    RoutingKey::parse(key.as_bytes()).map_err(|error| bad_name(error, method))
}

/// A short string cannot hold what is no name; kept as an error because the types say so.
fn bad_name(error: NameError, method: MethodId) -> Failure {
    Failure::new(ReplyCode::SyntaxError, method, error.to_string())
}
