//! Consumers and gets: how messages are asked for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::{Command, Consume, Reply};
use model::{AckMode, ConsumerTag};
use wire::amqp::ReplyCode;
use wire::amqp::method::{Arguments, basic};

use crate::action::Actions;
use crate::amqp::channel::Channel;
use crate::amqp::connection::{Connection, Consumer, say};
use crate::amqp::reply::{Failure, Then, Wait};

/// What a consumer tag made by the server begins with. Source: RabbitMQ.
const TAG_PREFIX: &str = "amq.ctag-";

/// Random bytes in a consumer tag made by the server.
const TAG_RANDOM_BYTES: usize = 16;

impl Channel {
    /// Limits what is delivered ahead of acknowledgements.
    ///
    /// Without `global` it holds for consumers to come; with it, for each consumer at once.
    /// RabbitMQ before 4.3 shares a global limit between the consumers of a channel; here each has
    /// it.
    pub(super) fn qos(
        &mut self,
        qos: basic::Qos,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let method = basic::Qos::ID;
        if qos.prefetch_size != 0 {
            let explanation = format!("prefetch_size!=0 ({})", qos.prefetch_size);
            return Err(Failure::not_implemented(method, explanation));
        }
        self.prefetch = qos.prefetch_count;
        if qos.global {
            self.prefetch_global = qos.prefetch_count;
            let of_channel = connection.consumers.of_channel(self.number);
            let consumers: Vec<_> = of_channel.map(|(id, _)| id).collect();
            for consumer in consumers {
                let command = Command::Prefetch(self.id(), consumer, qos.prefetch_count);
                connection.ask(actions, method, command, Then::Nothing);
            }
        }
        self.describe(actions);
        say(actions, self.number, &basic::QosOk {});
        Ok(())
    }

    pub(super) fn consume(
        &mut self,
        consume: &basic::Consume<'_>,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let method = basic::Consume::ID;
        let queue = self.queue_name(consume.queue, method)?;
        if connection.consumers.find(self.number, consume.consumer_tag).is_some() {
            let explanation = format!("attempt to reuse consumer tag '{}'", consume.consumer_tag);
            return Err(Failure::new(ReplyCode::NotAllowed, method, explanation));
        }
        let tag = consumer_tag(consume.consumer_tag)
            .ok_or_else(|| Failure::new(ReplyCode::InternalError, method, "no consumer tag"))?;
        let ack = ack_mode(consume.no_ack);
        let consumer = Consumer { channel: self.number, tag: tag.clone(), ack };
        let command = Consume {
            queue,
            consumer: connection.consumers.insert(consumer),
            tag: tag.clone(),
            ack,
            prefetch: self.prefetch,
            is_exclusive: consume.exclusive,
            arguments: consume.arguments.decode(),
        };
        let then = Then::Consuming(tag, Wait::unless(consume.no_wait));
        connection.ask(actions, method, Command::Consume(self.id(), Box::new(command)), then);
        Ok(())
    }

    /// Ends a consumer; one that does not exist is already ended.
    pub(super) fn cancel(
        &mut self,
        cancel: &basic::Cancel<'_>,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let wait = Wait::unless(cancel.no_wait);
        let known = connection.consumers.find(self.number, cancel.consumer_tag);
        let Some(consumer) = known else {
            if wait == Wait::Waits {
                let cancel_ok = basic::CancelOk { consumer_tag: cancel.consumer_tag };
                say(actions, self.number, &cancel_ok);
            }
            return Ok(());
        };
        let tag = ConsumerTag::parse(cancel.consumer_tag).map_err(|error| {
            Failure::new(ReplyCode::SyntaxError, basic::Cancel::ID, error.to_string())
        })?;
        let command = Command::Cancel(self.id(), consumer);
        connection.ask(actions, basic::Cancel::ID, command, Then::Cancelled(consumer, tag, wait));
        Ok(())
    }

    pub(super) fn get(
        &mut self,
        get: &basic::Get<'_>,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        let method = basic::Get::ID;
        let queue = self.queue_name(get.queue, method)?;
        let ack = ack_mode(get.no_ack);
        connection.ask(actions, method, Command::Get(self.id(), queue, ack), Then::Got(ack));
        Ok(())
    }

    pub(super) fn got(
        &mut self,
        reply: Reply,
        ack: AckMode,
        connection: &Connection,
        actions: &mut Actions,
    ) {
        let Reply::Got(Some(got)) = reply else {
            say(actions, self.number, &basic::GetEmpty::default());
            return;
        };
        let delivery_tag = match ack {
            AckMode::Automatic => self.tags.issue_settled(),
            AckMode::Manual => self.tags.issue(got.id),
        };
        let get_ok = basic::GetOk {
            delivery_tag,
            redelivered: got.is_redelivered,
            exchange: got.message.exchange().as_str().as_bytes(),
            routing_key: got.message.routing_key(),
            message_count: got.messages,
        };
        self.write_content(&get_ok, &got.message, connection, actions);
    }
}

fn ack_mode(no_ack: bool) -> AckMode {
    match no_ack {
        true => AckMode::Automatic,
        false => AckMode::Manual,
    }
}

/// The tag asked for, or one of our own; `None` if the system has no randomness.
fn consumer_tag(asked: &str) -> Option<ConsumerTag> {
    if !asked.is_empty() {
        return ConsumerTag::parse(asked).ok();
    }
    let mut random = [0; TAG_RANDOM_BYTES];
    getrandom::fill(&mut random).ok()?;
    ConsumerTag::parse(&format!("{TAG_PREFIX}{}", URL_SAFE_NO_PAD.encode(random))).ok()
}
