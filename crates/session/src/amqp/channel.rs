//! A channel: what each of its methods does, and what it keeps between them.

use engine::{ChannelDescription, Command, Reply};
use model::{ExchangeName, QueueName};
use wire::amqp::method::access::{self, Access};
use wire::amqp::method::basic::{self, Basic};
use wire::amqp::method::channel::{self, Channel as ChannelMethod};
use wire::amqp::method::confirm::{self, Confirm};
use wire::amqp::method::exchange::Exchange;
use wire::amqp::method::queue;
use wire::amqp::method::tx::{self, Tx};
use wire::amqp::method::{Arguments, LongString, Method};
use wire::amqp::shortcut::Whole;
use wire::amqp::{Frame, Payload, ReplyCode};

use crate::action::Actions;
use crate::amqp::confirm::Confirms;
use crate::amqp::connection::{Connection, messages_removed, say};
use crate::amqp::content::Assembly;
use crate::amqp::reply::{Awaited, Failure, Then, Wait};
use crate::amqp::tags::Tags;
use crate::amqp::tx::Transaction;

/// A channel of a connection.
#[derive(Debug)]
pub(super) struct Channel {
    /// Its number.
    pub(super) number: u16,
    /// How far its life has come.
    pub(super) phase: Phase,
    /// The content that is coming in.
    pub(super) assembly: Assembly,
    /// The routing key of the publish whose content is coming in.
    pub(super) key: Vec<u8>,
    /// The exchange of the last publish, so that the next to the same shares its name.
    pub(super) exchange: Option<ExchangeName>,
    /// What was delivered and is not settled.
    pub(super) tags: Tags,
    /// How publishes are answered.
    pub(super) mode: Mode,
    /// The prefetch of consumers to come; 0 is no limit.
    pub(super) prefetch: u16,
    /// The prefetch set with `global`.
    pub(super) prefetch_global: u16,
    /// The queue declared last, which an empty name stands for.
    pub(super) last_queue: Option<QueueName>,
}

/// How far a channel's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It works.
    Open,
    /// We have closed it; the peer has not said close-ok. All but that is ignored.
    Failed,
    /// The peer has closed it; the engine has not answered.
    Leaving,
}

/// How publishes are answered.
#[derive(Debug)]
pub(super) enum Mode {
    /// Not at all.
    Plain,
    /// Each is acked or nacked.
    Confirming(Box<Confirms>),
    /// They wait for a commit.
    Transactional(Box<Transaction>),
}

impl Channel {
    pub(super) fn new(number: u16, prefetch: u16) -> Self {
        Self {
            number,
            phase: Phase::Open,
            assembly: Assembly::Idle,
            key: Vec::new(),
            exchange: None,
            tags: Tags::default(),
            mode: Mode::Plain,
            prefetch,
            prefetch_global: 0,
            last_queue: None,
        }
    }

    /// The engine's name for it.
    pub(super) fn id(&self) -> engine::Channel {
        engine::Channel(self.number)
    }

    /// Takes one frame.
    pub(super) fn take(
        &mut self,
        frame: &Frame<'_>,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        if self.phase != Phase::Open {
            return Ok(());
        }
        match frame.payload {
            Payload::Method(method) => {
                self.assembly.expect_method()?;
                self.carry_out(&method, connection, actions)
            }
            Payload::Header(header) => self.take_header(&header, connection, actions),
            Payload::Body(bytes) => self.take_body(bytes, connection, actions),
            Payload::Heartbeat => Ok(()),
        }
    }

    /// Whether a method may come next, and is looked at.
    fn expects_method(&self) -> bool {
        self.phase == Phase::Open && matches!(self.assembly, Assembly::Idle)
    }

    /// Takes an ack; `None` if it is none of this channel's business at the moment.
    pub(super) fn take_ack(
        &mut self,
        ack: basic::Ack,
        actions: &mut Actions,
    ) -> Option<Result<(), Failure>> {
        self.expects_method().then(|| self.ack(ack, actions))
    }

    /// Takes the frames of a publish together; `None` if one of them must be looked at by itself.
    pub(super) fn take_whole(
        &mut self,
        publish: &Whole<'_, basic::Publish<'_>>,
        connection: &Connection,
        actions: &mut Actions,
    ) -> Option<Result<(), Failure>> {
        let is_allowed = publish.content.body.len() as u64 <= connection.message_bytes_max;
        (is_allowed && self.expects_method())
            .then(|| self.publish_whole(publish, connection, actions))
    }

    fn carry_out(
        &mut self,
        method: &Method<'_>,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        match method {
            Method::Basic(Basic::Publish(publish)) => self.publish(publish, connection),
            Method::Basic(method) => self.basic(method, connection, actions),
            Method::Channel(ChannelMethod::Close(_)) => {
                self.close(connection, actions);
                Ok(())
            }
            Method::Channel(ChannelMethod::Flow(flow)) => self.flow(*flow, actions),
            Method::Channel(ChannelMethod::FlowOk(_) | ChannelMethod::CloseOk(_)) => Ok(()),
            Method::Channel(ChannelMethod::Open(_)) => {
                let explanation = "second 'channel.open' seen";
                Err(Failure::new(ReplyCode::ChannelError, method.id(), explanation))
            }
            Method::Access(Access::Request(_)) => {
                // The ticket means nothing; RabbitMQ always says 1.
                say(actions, self.number, &access::RequestOk { ticket: 1 });
                Ok(())
            }
            Method::Exchange(
                method @ (Exchange::Declare(_)
                | Exchange::Delete(_)
                | Exchange::Bind(_)
                | Exchange::Unbind(_)),
            ) => self.exchange(method, connection, actions),
            Method::Queue(method) => self.queue(method, connection, actions),
            Method::Confirm(Confirm::Select(select)) => self.confirm_select(*select, actions),
            Method::Tx(Tx::Select(_)) => self.tx_select(actions),
            Method::Tx(Tx::Commit(_)) => self.tx_commit(connection, actions),
            Method::Tx(Tx::Rollback(_)) => self.tx_rollback(actions),
            method => Err(unimplemented_method(method)),
        }
    }

    fn basic(
        &mut self,
        method: &Basic<'_>,
        connection: &mut Connection,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        match method {
            Basic::Ack(ack) => self.ack(*ack, actions),
            Basic::Nack(nack) => self.nack(*nack, actions),
            Basic::Reject(reject) => self.reject(*reject, actions),
            Basic::Recover(recover) => self.recover(*recover, actions),
            Basic::RecoverAsync(recover) => self.recover_async(*recover, actions),
            Basic::Qos(qos) => self.qos(*qos, connection, actions),
            Basic::Consume(consume) => self.consume(consume, connection, actions),
            Basic::Cancel(cancel) => self.cancel(cancel, connection, actions),
            // The answer to a cancel of ours.
            Basic::CancelOk(_) => Ok(()),
            Basic::Get(get) => self.get(get, connection, actions),
            method => Err(unimplemented_method(&Method::Basic(*method))),
        }
    }

    /// Hears the answer to one of its commands.
    pub(super) fn answered(
        &mut self,
        awaited: Awaited,
        reply: Reply,
        connection: &mut Connection,
        actions: &mut Actions,
    ) {
        let number = self.number;
        match awaited.then {
            Then::Nothing | Then::LoggedIn | Then::Entered | Then::Opened => {}
            Then::ChannelDropped | Then::ChannelClosed => {}
            Then::Say(write) => write(actions.outbox.buffer(), number),
            Then::QueueDeclared(wait) => self.queue_declared(reply, wait, actions),
            Then::QueuePurged(Wait::Waits) => {
                say(actions, number, &queue::PurgeOk { message_count: messages_removed(&reply) });
            }
            Then::QueueDeleted(Wait::Waits) => {
                say(actions, number, &queue::DeleteOk { message_count: messages_removed(&reply) });
            }
            Then::Consuming(tag, Wait::Waits) => {
                say(actions, number, &basic::ConsumeOk { consumer_tag: tag.as_str() });
            }
            Then::Cancelled(id, tag, wait) => {
                connection.consumers.remove(id);
                if wait == Wait::Waits {
                    say(actions, number, &basic::CancelOk { consumer_tag: tag.as_str() });
                }
            }
            Then::Got(ack) => self.got(reply, ack, connection, actions),
            Then::QueuePurged(Wait::GoesOn)
            | Then::QueueDeleted(Wait::GoesOn)
            | Then::Consuming(_, Wait::GoesOn) => {}
        }
    }

    /// The peer closes the channel.
    fn close(&mut self, connection: &mut Connection, actions: &mut Actions) {
        self.tell_confirms(actions);
        self.phase = Phase::Leaving;
        self.let_go(connection, actions, channel::Close::ID, Then::ChannelClosed);
    }

    /// We close the channel and say why.
    pub(super) fn fail(
        &mut self,
        failure: &Failure,
        connection: &mut Connection,
        actions: &mut Actions,
    ) {
        self.tell_confirms(actions);
        let text = failure.code.text(&failure.explanation);
        let close = channel::Close {
            reply_code: failure.code.code(),
            reply_text: &text.to_str_lossy(),
            class_id: failure.method.class_id,
            method_id: failure.method.method_id,
        };
        say(actions, self.number, &close);
        self.phase = Phase::Failed;
        self.let_go(connection, actions, failure.method, Then::ChannelDropped);
    }

    /// Gives back what is unsettled, ends the consumers, and forgets what was half done.
    pub(super) fn let_go(
        &mut self,
        connection: &mut Connection,
        actions: &mut Actions,
        method: wire::amqp::MethodId,
        then: Then,
    ) {
        let mut unsettled = self.tags.take_all();
        if let Mode::Transactional(transaction) = std::mem::replace(&mut self.mode, Mode::Plain) {
            connection.commits -= usize::from(transaction.is_committing());
            unsettled.extend(transaction.unsettled());
            unsettled.sort_unstable();
        }
        self.assembly = Assembly::Idle;
        connection.ask(actions, method, Command::CloseChannel(self.id(), unsettled), then);
    }

    fn flow(&mut self, flow: channel::Flow, actions: &mut Actions) -> Result<(), Failure> {
        match flow.active {
            true => {
                say(actions, self.number, &channel::FlowOk { active: true });
                Ok(())
            }
            false => Err(Failure::not_implemented(channel::Flow::ID, "active=false")),
        }
    }

    fn confirm_select(
        &mut self,
        select: confirm::Select,
        actions: &mut Actions,
    ) -> Result<(), Failure> {
        match self.mode {
            Mode::Transactional(_) => {
                let explanation = "cannot switch from tx to confirm mode";
                return Err(Failure::precondition(confirm::Select::ID, explanation));
            }
            Mode::Confirming(_) => {}
            Mode::Plain => self.mode = Mode::Confirming(Box::default()),
        }
        self.describe(actions);
        if !select.no_wait {
            say(actions, self.number, &confirm::SelectOk {});
        }
        Ok(())
    }

    fn tx_select(&mut self, actions: &mut Actions) -> Result<(), Failure> {
        match self.mode {
            Mode::Confirming(_) => {
                let explanation = "cannot switch from confirm to tx mode";
                return Err(Failure::precondition(tx::Select::ID, explanation));
            }
            Mode::Transactional(_) => {}
            Mode::Plain => self.mode = Mode::Transactional(Box::default()),
        }
        self.describe(actions);
        say(actions, self.number, &tx::SelectOk {});
        Ok(())
    }

    /// Says what listings show of it.
    pub(super) fn describe(&self, actions: &mut Actions) {
        let description = ChannelDescription {
            is_confirming: matches!(self.mode, Mode::Confirming(_)),
            is_transactional: matches!(self.mode, Mode::Transactional(_)),
            prefetch: self.prefetch,
            prefetch_global: self.prefetch_global,
        };
        actions.commands.push(Command::DescribeChannel(self.id(), description));
    }
}

/// Says that a channel is open.
pub(super) fn say_open(actions: &mut Actions, number: u16) {
    say(actions, number, &channel::OpenOk { channel_id: LongString(b"") });
}

/// A method that servers say, or nobody handles.
pub(super) fn unimplemented_method(method: &Method<'_>) -> Failure {
    Failure::new(ReplyCode::CommandInvalid, method.id(), "unimplemented method")
}
