//! The engine that is the broker itself: every command is a plain call.
//!
//! A link keeps what its session speaks of by number: consumers, and the sources of deliveries.

mod channels;
mod consume;
mod declare;
mod deliver;
mod durable;
mod hold;
mod publish;
mod sources;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use broker::inbox::{Inbound, Inbox};
use broker::turn::Turn;
use broker::{Access, Broker, Identity};
use model::{ConsumerId, Refusal};

use self::channels::Channels;
use self::consume::Consumer;
use self::durable::Awaited;
use self::publish::Run;
use self::sources::Sources;
use crate::command::{Channel, Command, Login, Peer};
use crate::connections::{Connection, Connections};
use crate::event::{Event, Refused, Reply};

/// A session's end of the embedded engine.
#[derive(Debug)]
pub struct Link {
    broker: Arc<Broker>,
    connections: Arc<Connections>,
    connection: Arc<Connection>,
    inbox: Arc<Inbox>,
    identity: Option<Identity>,
    access: Option<Access>,
    channels: Channels,
    consumers: Vec<Option<Consumer>>,
    sources: Sources,
    drained: VecDeque<Inbound>,
    ready: VecDeque<ConsumerId>,
    /// What is confirmed once the log is synced, the oldest first.
    awaited: VecDeque<Awaited>,
    /// Answers of this turn that are true once definitions are durable: where they stand among its
    /// events.
    defined: Vec<(usize, Channel)>,
    is_closed: bool,
}

/// What carrying out a command says: an answer, or why not.
type Answer = Result<Reply, Refusal>;

impl Link {
    pub(crate) fn new(broker: Arc<Broker>, connections: Arc<Connections>, peer: Peer) -> Self {
        let inbox = Arc::new(Inbox::default());
        let connection = connections.open(peer, Arc::clone(&inbox));
        Self {
            broker,
            connections,
            connection,
            inbox,
            identity: None,
            access: None,
            channels: Channels::default(),
            consumers: Vec::new(),
            sources: Sources::default(),
            drained: VecDeque::new(),
            ready: VecDeque::new(),
            awaited: VecDeque::new(),
            defined: Vec::new(),
            is_closed: false,
        }
    }

    pub(crate) fn submit(
        &mut self,
        now: Instant,
        commands: &mut Vec<Command>,
        events: &mut Vec<Event>,
    ) {
        let mut turn = Turn::new(now);
        let mut run = Run::default();
        let mut has_published = false;
        for command in commands.drain(..) {
            match command {
                Command::Publish(publish) => {
                    has_published = true;
                    if !run.takes(publish.channel) {
                        self.publish(&mut turn, &mut run, events);
                    }
                    run.add(publish);
                }
                Command::PutOff(_) => has_published = true,
                command => {
                    self.publish(&mut turn, &mut run, events);
                    self.carry_out(&mut turn, command, events);
                }
            }
        }
        self.publish(&mut turn, &mut run, events);
        self.broker.finish(&mut turn);
        self.settle_definitions(&mut turn, events);
        self.channels.report(&self.connection);
        if has_published {
            self.look_at_alarms(events);
        }
    }

    fn carry_out(&mut self, turn: &mut Turn, command: Command, events: &mut Vec<Event>) {
        match command {
            Command::Settle(channel, ids, outcome) => self.settle(turn, channel, &ids, outcome),
            Command::Written(consumer, count) => self.written(turn, consumer, count),
            Command::Login(login) => {
                let answer = self.login(&login);
                self.answer(Channel::CONNECTION, answer, events);
            }
            Command::OpenVhost(vhost) => {
                let answer = self.open_vhost(&vhost);
                self.answer(Channel::CONNECTION, answer, events);
            }
            Command::OpenChannel(channel) => {
                self.channels.open(channel, &self.connections, &self.connection);
                events.push(Event::Answered(channel, Reply::Done));
            }
            Command::Flush(channel, number) => self.flush(channel, number, events),
            Command::CloseChannel(channel, unsettled) => {
                self.awaited.retain(|awaited| awaited.channel != channel);
                self.close_channel(turn, channel, &unsettled);
                events.push(Event::Answered(channel, Reply::Done));
            }
            Command::Describe(description) => {
                self.connection.note(|details| details.description = *description);
            }
            Command::DescribeChannel(channel, description) => {
                self.connection.note_channel(channel, |record| record.description = description);
            }
            Command::Cancel(channel, consumer) if self.channels.is_alive(channel) => {
                self.cancel(turn, consumer, events);
                events.push(Event::Answered(channel, Reply::Done));
            }
            command => {
                let is_defining = command.is_defining();
                if let Some((channel, answer)) = self.ask(turn, command) {
                    if is_defining && answer.is_ok() && turn.is_awaiting() {
                        self.defined.push((events.len(), channel));
                    }
                    self.answer(channel, answer, events);
                }
            }
        }
    }

    /// Commands that are answered or refused on a channel that must be alive for them.
    fn ask(&mut self, turn: &mut Turn, command: Command) -> Option<(Channel, Answer)> {
        let channel = command.channel();
        if !self.channels.is_alive(channel) {
            return None;
        }
        let answer = match command {
            Command::DeclareExchange(_, spec, mode) => self.declare_exchange(turn, &spec, mode),
            Command::DeleteExchange(_, name, only_if) => self.delete_exchange(turn, &name, only_if),
            Command::Bind(_, binding) => self.bind(turn, &binding),
            Command::Unbind(_, binding) => self.unbind(turn, &binding),
            Command::DeclareQueue(_, spec, mode) => self.declare_queue(turn, &spec, mode),
            Command::DeleteQueue(_, name, only_if) => self.delete_queue(turn, &name, only_if),
            Command::PurgeQueue(_, name) => self.purge_queue(turn, &name),
            Command::Consume(_, consume) => self.consume(turn, channel, &consume),
            Command::Follow(_, follow) => self.follow(turn, channel, &follow),
            Command::Prefetch(_, consumer, prefetch) => self.set_prefetch(turn, consumer, prefetch),
            Command::Get(_, queue, ack) => self.get(turn, channel, &queue, ack),
            _ => return None,
        };
        Some((channel, answer))
    }

    fn answer(&mut self, channel: Channel, answer: Answer, events: &mut Vec<Event>) {
        match answer {
            Ok(reply) => events.push(Event::Answered(channel, reply)),
            Err(refusal) => self.refuse(channel, Refused::Command, refusal, events),
        }
    }

    fn refuse(
        &mut self,
        channel: Channel,
        refused: Refused,
        refusal: Refusal,
        events: &mut Vec<Event>,
    ) {
        self.channels.kill(channel);
        events.push(Event::Refused { channel, refused, refusal: Box::new(refusal) });
    }

    fn login(&mut self, login: &Login) -> Answer {
        let is_loopback = self.connection.peer.address.ip().to_canonical().is_loopback();
        let identity = self.broker.login(broker::Login {
            user: &login.user,
            password: &login.password.0,
            vhost: login.vhost.as_ref(),
            is_loopback,
        })?;
        self.connection.note(|details| {
            details.user = Some(login.user.clone());
            details.mechanism = login.mechanism;
        });
        self.identity = Some(identity);
        Ok(Reply::LoggedIn)
    }

    fn open_vhost(&mut self, vhost: &model::VhostName) -> Answer {
        let identity = self.identity.as_ref().ok_or(Refusal::Internal)?;
        self.access = Some(self.broker.enter(identity, vhost, self.connection.id)?);
        self.connection.note(|details| details.vhost = Some(vhost.clone()));
        Ok(Reply::Done)
    }

    /// The rights this session works with; an unopened vhost is our own mistake, not the peer's.
    fn access(&mut self) -> Result<&mut Access, Refusal> {
        self.access.as_mut().ok_or(Refusal::Internal)
    }

    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.drained.is_empty() && self.ready.is_empty() {
            true => self.inbox.poll_ready(context),
            false => Poll::Ready(()),
        }
    }

    pub(crate) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.inbox.poll_end(context)
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    pub(crate) fn close(&mut self, now: Instant) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        let mut turn = Turn::new(now);
        self.consumers.clear();
        let link = self.connection.id;
        if !self.connection.held_by().is_empty() {
            self.broker.alarms().forget(link);
        }
        for queue in self.sources.drain() {
            queue.lose(&mut turn, link);
        }
        if let Some(access) = self.access.take() {
            access.leave(&mut turn);
        }
        self.broker.finish(&mut turn);
        self.connections.close(&self.connection);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close(Instant::now());
    }
}

/// Lets the broker do what is due, whenever something is.
pub(crate) async fn keep_time(broker: Arc<Broker>) {
    loop {
        let now = Instant::now();
        let mut turn = Turn::new(now);
        broker.run_due(&mut turn);
        broker.finish(&mut turn);
        let earlier = poll_fn(|context| broker.poll_earlier_deadline(context));
        match broker.next_deadline() {
            Some(deadline) => {
                tokio::select! {
                    () = tokio::time::sleep_until(deadline.into()) => {}
                    () = earlier => {}
                }
            }
            None => earlier.await,
        }
    }
}

#[cfg(test)]
mod tests;
