//! The logged-in part of a session: which frame goes where, and what the engine's events mean.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use engine::{Channel, Delivery, Event, Followed, Refused, Reply};
use model::{Bound, ConsumerId, ExchangeName, QueueName, Refusal, Right};
use wire::stomp::{Command, Frame, Quoted, Version};

use super::ack::Unacked;
use super::error::Complaint;
use super::pulse::{Beat, Pulse};
use super::receipt::{Receipts, write_receipt};
use super::reply_to::TempQueues;
use super::settings::Settings;
use super::subscription::Subscriptions;
use super::transaction::Transactions;
use crate::action::{Actions, Close};

/// The one channel on which a session does everything.
pub(super) const CHANNEL: Channel = Channel(1);

/// A logged-in session.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) settings: Arc<Settings>,
    pub(super) version: Version,
    pub(super) session_id: Box<str>,
    pub(super) default_exchange: ExchangeName,
    pub(super) topic_exchange: ExchangeName,
    pub(super) subscriptions: Subscriptions,
    pub(super) unacked: Unacked,
    pub(super) receipts: Receipts,
    pub(super) transactions: Transactions,
    pub(super) temp_queues: TempQueues,
    /// Queues that a SEND or SUBSCRIBE of this session has declared.
    pub(super) declared: HashSet<QueueName, foldhash::fast::RandomState>,
    /// What the engine has still to answer, in the order asked.
    pub(super) awaited: VecDeque<Awaited>,
    /// A frame waits for an answer: no more are taken.
    pub(super) is_waiting: bool,
    /// An alarm holds the connection: no more are taken.
    is_held: bool,
    /// No more frames are taken; the session ends once nothing is owed to the peer.
    leaving: Option<Leaving>,
}

/// Why a session takes no more frames, and what it says at the end.
#[derive(Debug)]
enum Leaving {
    /// DISCONNECT, with the receipt it asked for.
    Disconnect { receipt: Option<Box<[u8]>> },
    /// A frame that cannot be answered otherwise.
    Fatal(Complaint),
    /// There is nothing to say.
    Silent(Close),
}

/// An answer that the engine owes.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) step: Step,
    /// The receipt of the frame of which this is the last step.
    pub(super) receipt: Option<Box<[u8]>>,
}

/// What was asked.
#[derive(Debug)]
pub(super) enum Step {
    /// Something of which only a refusal matters.
    Plain,
    /// A subscription to a topic, whose rights RabbitMQ's plugin checks by itself beforehand.
    PluginCheck,
    /// A queue for replies to the temporary queue of that name.
    TempQueue(Box<[u8]>),
    /// The end of a consumer.
    Cancel(ConsumerId),
}

/// What remains to be done about a frame that was carried out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Send its receipt, if it asks for one.
    Receipt,
    /// Nothing: its receipt comes with an answer.
    Nothing,
    /// It was not carried out: bring it again once the engine has answered.
    Again,
}

impl Open {
    pub(super) fn new(settings: Arc<Settings>, version: Version, session_id: String) -> Self {
        let exchange = |name: &str| ExchangeName::parse(name);
        let topic_exchange = exchange(&settings.default_topic_exchange);
        Self {
            version,
            session_id: session_id.into(),
            default_exchange: ExchangeName::default_exchange(),
            topic_exchange: topic_exchange.unwrap_or_else(|_| ExchangeName::default_exchange()),
            settings,
            subscriptions: Subscriptions::default(),
            unacked: Unacked::default(),
            receipts: Receipts::default(),
            transactions: Transactions::default(),
            temp_queues: TempQueues::default(),
            declared: HashSet::default(),
            awaited: VecDeque::new(),
            is_waiting: false,
            is_held: false,
            leaving: None,
        }
    }

    /// Whether frames are taken.
    pub(super) fn is_reading(&self) -> bool {
        !self.is_paused() && self.leaving.is_none()
    }

    /// Whether frames wait for the engine.
    fn is_paused(&self) -> bool {
        self.is_waiting || self.is_held || self.receipts.is_full()
    }

    /// Looks at the clock. A peer that we do not read from cannot be heard, so it is not given up
    /// either.
    pub(super) fn beat(&self, pulse: &mut Pulse, now: Instant) -> Beat {
        if self.is_paused() {
            pulse.heard();
        }
        pulse.beat(now)
    }

    /// Carries out a frame. `false`: not yet, bring it again.
    pub(super) fn take(
        &mut self,
        frame: &mut Frame<'_>,
        actions: &mut Actions,
    ) -> Result<bool, Complaint> {
        if self.version == Version::V1_0 {
            frame.headers.trim_values();
        }
        match self.carry_out(frame, actions)? {
            After::Again => return Ok(false),
            After::Nothing => {}
            After::Receipt => {
                if let Some(receipt) = frame.headers.get("receipt") {
                    write_receipt(&receipt, actions);
                }
            }
        }
        Ok(true)
    }

    fn carry_out(&mut self, frame: &Frame<'_>, actions: &mut Actions) -> Result<After, Complaint> {
        match frame.command {
            Some(Command::Send) => self.send(frame, actions),
            Some(Command::Subscribe) => self.subscribe(frame, actions),
            Some(Command::Unsubscribe) => self.unsubscribe(frame, actions),
            Some(command @ (Command::Ack | Command::Nack)) => self.ack(command, frame, actions),
            Some(Command::Begin) => self.begin(frame),
            Some(Command::Commit) => self.commit(frame, actions),
            Some(Command::Abort) => self.abort(frame),
            Some(Command::Disconnect) => {
                let receipt = frame.headers.get("receipt").map(|id| id.as_ref().into());
                self.leaving = Some(Leaving::Disconnect { receipt });
                Ok(After::Nothing)
            }
            Some(Command::Connect | Command::Stomp) => {
                Err(Complaint::fatal("Illegal command", "You are already connected"))
            }
            _ => Err(Complaint::new(
                "Bad command",
                format!("Could not interpret command {}\n", Quoted(frame.command_line)),
            )),
        }
    }

    /// Ends once nothing is owed to the peer: receipts of what came before still leave.
    pub(super) fn leave(&mut self, close: Close) {
        self.leaving.get_or_insert(Leaving::Silent(close));
    }

    /// As [`Self::leave`], with a last word.
    pub(super) fn leave_with(&mut self, complaint: Complaint) {
        self.leaving.get_or_insert(Leaving::Fatal(complaint));
    }

    /// Notes that the channel is being opened.
    pub(super) fn await_open(&mut self) {
        self.await_step(Step::Plain);
    }

    /// Notes that the engine owes an answer.
    pub(super) fn await_step(&mut self, step: Step) {
        self.awaited.push_back(Awaited { step, receipt: None });
    }

    /// Sends `frame`'s receipt with the answer asked for last.
    pub(super) fn receipt_with_last_answer(&mut self, frame: &Frame<'_>) {
        if let Some(last) = self.awaited.back_mut() {
            last.receipt = frame.headers.get("receipt").map(|id| id.as_ref().into());
        }
    }

    /// Hears an event of the engine.
    pub(super) fn hear(&mut self, event: Event, actions: &mut Actions) -> Result<(), Complaint> {
        match event {
            Event::Delivered(delivery) => self.deliver(delivery, actions),
            Event::Followed(followed) => self.follow(&followed, actions),
            Event::Confirmed(CHANNEL, number) => self.receipts.confirm(number, actions),
            Event::Rejected(CHANNEL, number) => return self.receipts.reject(number),
            Event::Answered(CHANNEL, reply) => return self.answered(reply, actions),
            Event::Refused { refused, refusal, .. } => {
                return Err(self.refused(refused, &refusal));
            }
            Event::Cancelled(consumer) => return self.cancelled(consumer),
            Event::Overrun(consumer, bound) => return self.overrun(consumer, bound),
            // STOMP has no word for it: the peer's writes wait.
            Event::Held(_) => self.is_held = true,
            Event::Released => self.is_held = false,
            Event::Closed { reason } => return Err(Complaint::forced(&reason)),
            Event::Confirmed(..) | Event::Rejected(..) | Event::Answered(..) => {}
            // Nothing is ever sent mandatory.
            Event::Returned(..) => {}
        }
        Ok(())
    }

    fn answered(&mut self, reply: Reply, actions: &mut Actions) -> Result<(), Complaint> {
        let Some(Awaited { step, receipt }) = self.awaited.pop_front() else {
            return Ok(());
        };
        if self.awaited.is_empty() {
            // An idle session keeps no room for questions.
            self.awaited = VecDeque::new();
        }
        match (step, reply) {
            (Step::TempQueue(name), Reply::QueueDeclared { queue, .. }) => {
                self.open_temp_queue(name, queue, actions)?;
            }
            (Step::Cancel(consumer), _) => self.subscriptions.remove(consumer),
            _ => {}
        }
        if let Some(receipt) = receipt {
            write_receipt(&receipt, actions);
        }
        Ok(())
    }

    fn refused(&mut self, refused: Refused, refusal: &Refusal) -> Complaint {
        let asked = match refused {
            Refused::Command => self.awaited.pop_front().map(|awaited| awaited.step),
            Refused::Publish | Refused::Settle => None,
        };
        match (asked, refusal) {
            (Some(Step::PluginCheck), Refusal::TopicRefused { right: Right::Read, .. }) => {
                Complaint::refused_by_plugin(refusal)
            }
            _ => Complaint::refused(refusal),
        }
    }

    fn deliver(&mut self, delivery: Delivery, actions: &mut Actions) {
        match self.subscriptions.get(delivery.consumer) {
            Some(subscription) => {
                self.unacked.deliver(subscription, delivery, self.version, actions);
            }
            None => tracing::debug!(?delivery.consumer, "a delivery for no subscription"),
        }
    }

    fn follow(&mut self, followed: &Followed, actions: &mut Actions) {
        match self.subscriptions.get(followed.consumer) {
            Some(subscription) => self.unacked.follow(subscription, followed, actions),
            None => tracing::debug!(?followed.consumer, "messages for no subscription"),
        }
    }

    /// The engine has lost a consumer's queue.
    fn cancelled(&mut self, consumer: ConsumerId) -> Result<(), Complaint> {
        self.temp_queues.forget(consumer);
        match self.subscriptions.take(consumer) {
            // Its own cancel crossed with this; that one's answer frees its number.
            Some(subscription) if subscription.is_ending => {
                self.subscriptions.put_back(consumer, subscription);
                Ok(())
            }
            Some(subscription) => Err(subscription.lost()),
            None => Ok(()),
        }
    }

    /// A topic subscription that wants to be disconnected rather than lose anything is too slow.
    fn overrun(&self, consumer: ConsumerId, bound: Bound) -> Result<(), Complaint> {
        match self.subscriptions.get(consumer) {
            Some(subscription) => Err(subscription.too_slow(bound)),
            None => Ok(()),
        }
    }

    /// What one batch has to say at its end.
    pub(super) fn settle_batch(&mut self, actions: &mut Actions) {
        self.unacked.report_written(actions);
        if !self.awaited.is_empty() || !self.receipts.is_empty() {
            return;
        }
        match self.leaving.take() {
            None => {}
            Some(Leaving::Disconnect { receipt }) => {
                if let Some(receipt) = receipt {
                    write_receipt(&receipt, actions);
                }
                actions.end(Close::Orderly);
            }
            Some(Leaving::Fatal(complaint)) => complaint.tell(actions),
            Some(Leaving::Silent(close)) => actions.end(close),
        }
    }
}
