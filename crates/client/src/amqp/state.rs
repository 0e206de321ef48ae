//! What a connection's two tasks and its channels share: frames to be written, answers waited for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::Properties;
use tokio::sync::{Notify, mpsc, oneshot};
use wire::amqp::encoder::{Content, encode_content, encode_method};
use wire::amqp::method::basic::{self, Basic};
use wire::amqp::method::channel::{self, Channel};
use wire::amqp::method::connection::{self, Connection};
use wire::amqp::method::queue::Queue;
use wire::amqp::method::{Arguments, Method};
use wire::amqp::shortcut::{Whole, decode_deliver};
use wire::amqp::{ContentHeader, Frame, PROPERTY_CODEC, Payload};

use super::confirms::Confirms;
use super::consumer::Delivery;
use super::publisher::Confirm;
use crate::error::Error;

/// Publishers wait while this many bytes are yet to be written.
pub(super) const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Bodies are allocated for at once up to this size, in bytes; larger ones grow as they come.
const BODY_BYTES_RESERVED_MAX: usize = 1 << 20;

/// An answer to a request.
#[derive(Debug)]
pub(super) enum Answer {
    Done,
    Queue { name: String, messages: u32, consumers: u32 },
    Removed(u32),
    Consuming(String),
    Got(Option<Box<Delivery>>),
}

type Waiting<T> = oneshot::Sender<Result<T, Error>>;

/// What the tasks and channels of one connection share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// There is something to write, or the end has come.
    pub(super) has_output: Notify,
    /// There is room for more to write, or the end has come.
    pub(super) has_room: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) output: Vec<u8>,
    pub(super) frame_bytes_max: u32,
    /// Set at the end; nothing is sent or answered after it.
    pub(super) end: Option<Error>,
    pub(super) channels: HashMap<u16, ChannelState>,
    pub(super) closing: Option<Waiting<Answer>>,
    last_channel: u16,
}

#[derive(Debug, Default)]
pub(super) struct ChannelState {
    answers: VecDeque<Waiting<Answer>>,
    pub(super) consumers: HashMap<String, mpsc::UnboundedSender<Delivery>>,
    /// Its publishes, once confirms were selected.
    pub(super) confirms: Option<Confirms>,
    content: Option<Incoming>,
    /// Why the server closed it.
    pub(super) end: Option<Error>,
}

/// A content being put together.
#[derive(Debug)]
struct Incoming {
    delivery: Delivery,
    kind: Kind,
    missing_bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Deliver,
    Get,
    Return,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request on a channel and says where its answer will come.
    pub(super) fn request<'a>(
        &self,
        channel: u16,
        method: &impl Arguments<'a>,
    ) -> Result<oneshot::Receiver<Result<Answer, Error>>, Error> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.lock();
            let state = &mut *state;
            let ours = open_channel(&mut state.channels, state.end.as_ref(), channel)?;
            ours.answers.push_back(sender);
            encode_method(&mut state.output, channel, method);
        }
        self.has_output.notify_one();
        Ok(receiver)
    }

    /// Sends a method that has no answer.
    pub(super) fn tell<'a>(&self, channel: u16, method: &impl Arguments<'a>) -> Result<(), Error> {
        {
            let mut state = self.lock();
            let state = &mut *state;
            open_channel(&mut state.channels, state.end.as_ref(), channel)?;
            encode_method(&mut state.output, channel, method);
        }
        self.has_output.notify_one();
        Ok(())
    }

    /// Sends a publish, and says where its confirm will come; `None` while there is no room.
    pub(super) fn publish(
        &self,
        channel: u16,
        method: &basic::Publish<'_>,
        content: Content<'_>,
    ) -> Result<Option<Confirm>, Error> {
        let (confirm, was_empty) = {
            let mut state = self.lock();
            let state = &mut *state;
            let ours = open_channel(&mut state.channels, state.end.as_ref(), channel)?;
            if state.output.len() >= OUTPUT_BYTES_MAX {
                return Ok(None);
            }
            let was_empty = state.output.is_empty();
            encode_content(&mut state.output, channel, method, content, state.frame_bytes_max);
            let awaited = ours.confirms.as_ref().map(|confirms| {
                let number = confirms.issue();
                (confirms.clone(), number)
            });
            (Confirm { awaited }, was_empty)
        };
        // What was there already has told the writer, or it is at work and will look again.
        if was_empty {
            self.has_output.notify_one();
        }
        Ok(Some(confirm))
    }

    /// Whether publishes must wait. After the end they need not: nothing will be written.
    pub(super) fn is_full(&self) -> bool {
        let state = self.lock();
        state.end.is_none() && state.output.len() >= OUTPUT_BYTES_MAX
    }

    /// Ends everything that waits.
    pub(super) fn fail(&self, error: &Error) {
        let mut state = self.lock();
        state.end.get_or_insert_with(|| error.clone());
        for (_, mut channel) in state.channels.drain() {
            channel.fail(error);
        }
        if let Some(closing) = state.closing.take() {
            drop(closing.send(Ok(Answer::Done)));
        }
        drop(state);
        self.has_output.notify_one();
        self.has_room.notify_waiters();
    }
}

impl State {
    /// A channel number that is free.
    pub(super) fn new_channel(&mut self, channel_max: u16) -> Result<u16, Error> {
        if let Some(end) = &self.end {
            return Err(end.clone());
        }
        let max = if channel_max == 0 { u16::MAX } else { channel_max };
        let candidates = (0..max).map(|step| self.last_channel.wrapping_add(step) % max + 1);
        let mut candidates = candidates.filter(|number| !self.channels.contains_key(number));
        let number = candidates
            .next()
            .ok_or_else(|| Error::Protocol(format!("all {max} channels are in use")))?;
        self.last_channel = number;
        self.channels.insert(number, ChannelState::default());
        Ok(number)
    }

    /// Takes a whole delivery at the front of the input, if one is next that nothing is in the way
    /// of; how many bytes that was.
    pub(super) fn take_shortcut(&mut self, input: &[u8], frame_bytes_max: u32) -> Option<usize> {
        let whole = decode_deliver(input, frame_bytes_max)?;
        let ours = self.channels.get_mut(&whole.channel).filter(|ours| ours.content.is_none())?;
        ours.take_whole(&whole);
        Some(whole.bytes)
    }

    /// Takes one frame from the server; an error ends the connection.
    pub(super) fn take(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        match frame.payload {
            Payload::Heartbeat => Ok(()),
            Payload::Method(Method::Connection(method)) => self.take_connection(&method),
            Payload::Method(method) => self.take_method(frame.channel, &method),
            Payload::Header(header) => self.with(frame.channel, |ours| ours.take_header(&header)),
            Payload::Body(body) => self.with(frame.channel, |ours| ours.take_body(body)),
        }
    }

    fn with(&mut self, channel: u16, take: impl FnOnce(&mut ChannelState)) -> Result<(), Error> {
        if let Some(ours) = self.channels.get_mut(&channel) {
            take(ours);
        }
        Ok(())
    }

    fn take_connection(&mut self, method: &Connection<'_>) -> Result<(), Error> {
        match method {
            Connection::Close(close) => {
                let close_ok = connection::CloseOk {};
                encode_method(&mut self.output, 0, &close_ok);
                let text = close.reply_text.to_owned();
                Err(Error::Closed { code: close.reply_code, text })
            }
            Connection::CloseOk(_) => {
                Err(Error::Closed { code: 200, text: "closed by us".to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn take_method(&mut self, number: u16, method: &Method<'_>) -> Result<(), Error> {
        let Some(ours) = self.channels.get_mut(&number) else {
            return Ok(());
        };
        match method {
            Method::Channel(Channel::Close(close)) => {
                let error =
                    Error::Refused { code: close.reply_code, text: close.reply_text.to_owned() };
                encode_method(&mut self.output, number, &channel::CloseOk {});
                ours.fail(&error);
                ours.end = Some(error);
            }
            Method::Channel(Channel::CloseOk(_)) => {
                ours.answer(Answer::Done);
                if let Some(mut ours) = self.channels.remove(&number) {
                    ours.fail(&Error::Rejected);
                }
            }
            Method::Basic(basic) => ours.take_basic(basic),
            Method::Queue(Queue::DeclareOk(ok)) => ours.answer(Answer::Queue {
                name: ok.queue.to_owned(),
                messages: ok.message_count,
                consumers: ok.consumer_count,
            }),
            Method::Queue(Queue::PurgeOk(ok)) => ours.answer(Answer::Removed(ok.message_count)),
            Method::Queue(Queue::DeleteOk(ok)) => ours.answer(Answer::Removed(ok.message_count)),
            _ => ours.answer(Answer::Done),
        }
        Ok(())
    }
}

impl ChannelState {
    fn answer(&mut self, answer: Answer) {
        if let Some(waiting) = self.answers.pop_front() {
            // Nobody listens if the request was given up; the answer is then of no use.
            drop(waiting.send(Ok(answer)));
        }
    }

    /// Ends everything that waits, and the consumers.
    fn fail(&mut self, error: &Error) {
        let ended = std::mem::take(self);
        for waiting in ended.answers {
            drop(waiting.send(Err(error.clone())));
        }
        if let Some(confirms) = ended.confirms {
            confirms.fail(error);
        }
    }

    fn take_basic(&mut self, method: &Basic<'_>) {
        match method {
            Basic::Ack(ack) => self.confirm(ack.delivery_tag, ack.multiple, &Ok(())),
            Basic::Nack(nack) => {
                self.confirm(nack.delivery_tag, nack.multiple, &Err(Error::Rejected));
            }
            Basic::Cancel(cancel) => {
                self.consumers.remove(cancel.consumer_tag);
            }
            Basic::ConsumeOk(ok) => self.answer(Answer::Consuming(ok.consumer_tag.to_owned())),
            Basic::GetEmpty(_) => self.answer(Answer::Got(None)),
            Basic::Deliver(deliver) => {
                self.expect(Kind::Deliver, delivered(deliver));
            }
            Basic::GetOk(ok) => {
                let mut delivery = Delivery::of(ok.exchange, ok.routing_key);
                delivery.tag = ok.delivery_tag;
                delivery.is_redelivered = ok.redelivered;
                self.expect(Kind::Get, delivery);
            }
            Basic::Return(back) => {
                self.expect(Kind::Return, Delivery::of(back.exchange, back.routing_key));
            }
            _ => self.answer(Answer::Done),
        }
    }

    fn confirm(&mut self, number: u64, is_multiple: bool, result: &Result<(), Error>) {
        if let Some(confirms) = &self.confirms {
            confirms.answer(number, is_multiple, result);
        }
    }

    /// Takes a delivery that came in one piece.
    fn take_whole(&mut self, whole: &Whole<'_, basic::Deliver<'_>>) {
        let mut delivery = delivered(&whole.method);
        delivery.properties = decoded(whole.content.properties);
        delivery.body = whole.content.body.to_vec();
        self.hand_over(delivery);
    }

    fn hand_over(&self, delivery: Delivery) {
        if let Some(consumer) = self.consumers.get(&delivery.consumer) {
            // A consumer that was dropped no longer listens; its messages return at its end.
            drop(consumer.send(delivery));
        }
    }

    fn expect(&mut self, kind: Kind, delivery: Delivery) {
        self.content = Some(Incoming { delivery, kind, missing_bytes: None });
    }

    fn take_header(&mut self, header: &ContentHeader<'_>) {
        if let Some(content) = &mut self.content {
            content.delivery.properties = decoded(header.properties);
            let bytes = usize::try_from(header.body_bytes).unwrap_or(usize::MAX);
            content.delivery.body.reserve(bytes.min(BODY_BYTES_RESERVED_MAX));
            content.missing_bytes = Some(header.body_bytes);
            self.finish_content();
        }
    }

    fn take_body(&mut self, body: &[u8]) {
        if let Some(Incoming { delivery, missing_bytes: Some(missing), .. }) = &mut self.content {
            delivery.body.extend_from_slice(body);
            *missing = missing.saturating_sub(body.len() as u64);
            self.finish_content();
        }
    }

    fn finish_content(&mut self) {
        let is_whole = |content: &mut Incoming| content.missing_bytes == Some(0);
        let Some(content) = self.content.take_if(is_whole) else {
            return;
        };
        match content.kind {
            Kind::Deliver => self.hand_over(content.delivery),
            Kind::Get => self.answer(Answer::Got(Some(Box::new(content.delivery)))),
            Kind::Return => {}
        }
    }
}

fn delivered(deliver: &basic::Deliver<'_>) -> Delivery {
    let mut delivery = Delivery::of(deliver.exchange, deliver.routing_key);
    delivery.tag = deliver.delivery_tag;
    delivery.is_redelivered = deliver.redelivered;
    delivery.consumer = String::from_utf8_lossy(deliver.consumer_tag).into_owned();
    delivery
}

fn decoded(properties: &[u8]) -> Properties {
    (PROPERTY_CODEC.decode)(properties).unwrap_or_else(|_| Properties::default())
}

fn open_channel<'a>(
    channels: &'a mut HashMap<u16, ChannelState>,
    end: Option<&Error>,
    number: u16,
) -> Result<&'a mut ChannelState, Error> {
    if let Some(end) = end {
        return Err(end.clone());
    }
    let closed = || Error::Protocol(format!("channel {number} is closed"));
    let ours = channels.get_mut(&number).ok_or_else(closed)?;
    match &ours.end {
        Some(end) => Err(end.clone()),
        None => Ok(ours),
    }
}
