//! One side of a conversation: a session, and an engine that says yes.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Channel, Command, Delivery, Event, Followed, Refused, Reply};
use model::{
    ConsumerId, DeliveryId, ExchangeName, Marks, Message, MessageParts, Properties, QueueName,
    QueueSpec, Refusal, Sequenced, SourceId,
};
use wire::amqp::PROPERTY_CODEC;
use wire::stomp::{Decoded, Decoder, Header, Role};

use crate::action::{Actions, Close};
use crate::outbox::SLICES_MAX;
use crate::session::Session;
use crate::stomp::{Carrier, Settings, StompSession};

/// A session and what its engine is going to say.
pub(super) struct Talk {
    session: StompSession,
    start: Instant,
    now: Instant,
    unread: Vec<u8>,
    session_id: String,
    refusals: VecDeque<(&'static str, Refusal)>,
    /// Answers that need not come at once are kept back.
    pub(super) holds_back: bool,
    held_back: Vec<Event>,
    sequence: u64,
}

impl Talk {
    /// A peer that has just been accepted.
    pub(super) fn with(settings: Settings, carrier: Carrier) -> Self {
        let now = Instant::now();
        Self {
            session: StompSession::new(Arc::new(settings), carrier, now),
            start: now,
            now,
            unread: Vec::new(),
            session_id: String::new(),
            refusals: VecDeque::new(),
            holds_back: false,
            held_back: Vec::new(),
            sequence: 0,
        }
    }

    /// A peer over TCP.
    pub(super) fn new() -> Self {
        Self::with(Settings::default(), Carrier::Tcp)
    }

    /// A peer over TCP that is logged in.
    pub(super) fn connected(version: &str) -> Self {
        let mut talk = Self::new();
        let connected = talk.say(&format!("CONNECT accept-version:{version}"));
        assert!(connected.contains("CONNECTED"), "{connected}");
        talk
    }

    /// The next command whose text begins like that is refused.
    pub(super) fn refuse(&mut self, command: &'static str, refusal: Refusal) {
        self.refusals.push_back((command, refusal));
    }

    /// The peer sends a frame. Says what came of it.
    pub(super) fn say(&mut self, frame: &str) -> String {
        let (head, body) = frame.split_once('|').unwrap_or((frame, ""));
        let mut words = head.split(' ').map(|word| word.replace('~', &self.session_id));
        let lines: String = words.by_ref().map(|word| word + "\n").collect();
        self.send(format!("{lines}\n{body}\0\n").as_bytes())
    }

    /// The peer sends bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) -> String {
        self.unread.extend_from_slice(bytes);
        let mut actions = Actions::default();
        let mut shown = Vec::new();
        self.feed(&mut actions, &mut shown);
        self.finish(actions, shown)
    }

    fn feed(&mut self, actions: &mut Actions, shown: &mut Vec<String>) {
        loop {
            let taken = self.session.receive(self.now, &self.unread, actions);
            self.unread.drain(..taken);
            let had_commands = !actions.commands.is_empty();
            self.carry_out(actions, shown);
            if !self.session.is_reading() || !had_commands && taken == 0 {
                return;
            }
        }
    }

    /// The engine says something.
    pub(super) fn hear(&mut self, event: Event) -> String {
        let mut actions = Actions::default();
        self.session.hear(self.now, event, &mut actions);
        self.finish(actions, Vec::new())
    }

    /// The engine says what it has kept back.
    pub(super) fn release(&mut self) -> String {
        self.holds_back = false;
        let mut actions = Actions::default();
        for event in std::mem::take(&mut self.held_back) {
            self.session.hear(self.now, event, &mut actions);
        }
        let mut shown = Vec::new();
        self.carry_out(&mut actions, &mut shown);
        self.feed(&mut actions, &mut shown);
        self.finish(actions, shown)
    }

    /// The engine delivers a message to the consumer of that number.
    pub(super) fn deliver(&mut self, consumer: u32, message: Message) -> String {
        self.sequence += 1;
        self.hear(Event::Delivered(Delivery {
            consumer: ConsumerId(consumer),
            id: DeliveryId { source: SourceId(0), sequence: self.sequence },
            is_redelivered: false,
            has_offset: false,
            message: Arc::new(message),
        }))
    }

    /// The engine brings the next messages of a topic subscription, of which some were lost before.
    pub(super) fn follow(&mut self, consumer: u32, dropped: u64, bodies: &[&str]) -> String {
        let mut sequences = self.sequence..;
        let sequenced = |(sequence, body): (u64, &&str)| Sequenced {
            sequence,
            message: Arc::new(message("amq.topic", "k", &Properties::default(), body)),
        };
        let messages: Arc<[_]> = sequences.by_ref().zip(bodies).map(sequenced).collect();
        self.sequence = sequences.start;
        let consumer = ConsumerId(consumer);
        self.hear(Event::Followed(Followed { consumer, dropped, messages }))
    }

    /// Time goes by, up to that many milliseconds after the accept. Says what that brought.
    pub(super) fn wait_until(&mut self, milliseconds: u64) -> String {
        let end = self.start + Duration::from_millis(milliseconds);
        let mut shown = Vec::new();
        while let Some(deadline) = self.session.next_deadline().filter(|next| *next <= end) {
            self.now = deadline;
            let mut actions = Actions::default();
            self.session.expire(deadline, &mut actions);
            let at = deadline.duration_since(self.start).as_millis();
            let beat = self.finish(actions, Vec::new());
            if !beat.is_empty() {
                shown.push(format!("{at} {beat}"));
            }
        }
        self.now = end;
        shown.join("; ")
    }

    /// The node goes down.
    pub(super) fn shut_down(&mut self) -> String {
        let mut actions = Actions::default();
        self.session.shut_down(self.now, &mut actions);
        self.finish(actions, Vec::new())
    }

    /// Whether the peer is read from.
    pub(super) fn is_reading(&self) -> bool {
        self.session.is_reading()
    }

    fn finish(&mut self, mut actions: Actions, mut shown: Vec<String>) -> String {
        self.carry_out(&mut actions, &mut shown);
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = actions.outbox.slices(&mut slices);
        let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
        if !bytes.is_empty() {
            self.session.wrote(self.now);
        }
        shown.extend(self.show_frames(&bytes));
        shown.extend(actions.close.map(|close| match close {
            Close::Orderly => "closed".to_owned(),
            Close::Malformed(term) => format!("closed as malformed: {term}"),
            Close::Broken => "closed as broken".to_owned(),
            Close::GoingDown => "closed as going down".to_owned(),
        }));
        self.mask(&shown.join("; "))
    }

    /// As the driver does it.
    fn carry_out(&mut self, actions: &mut Actions, shown: &mut Vec<String>) {
        loop {
            while !actions.commands.is_empty() {
                for command in std::mem::take(&mut actions.commands) {
                    shown.extend(show_command(&command));
                    if let Some(event) = self.answer(command) {
                        self.session.hear(self.now, event, actions);
                    }
                }
            }
            self.session.settle_batch(self.now, actions);
            if actions.commands.is_empty() {
                return;
            }
        }
    }

    fn answer(&mut self, command: Command) -> Option<Event> {
        let shown = show_command(&command).unwrap_or_default();
        let channel = channel_of(&command);
        let event = match &command {
            Command::Publish(publish) => {
                publish.confirm.map(|number| Event::Confirmed(channel, number))
            }
            Command::Flush(_, number) => Some(Event::Confirmed(channel, *number)),
            Command::Settle(..)
            | Command::Written(..)
            | Command::Describe(_)
            | Command::PutOff(_) => None,
            Command::DeclareQueue(_, spec, _) => {
                let queue = spec.name.clone();
                let queue = queue.unwrap_or_else(|| QueueName::generated("token"));
                let reply = Reply::QueueDeclared { queue, messages: 0, consumers: 0 };
                Some(Event::Answered(channel, reply))
            }
            _ => Some(Event::Answered(channel, Reply::Done)),
        };
        if self.refusals.front().is_some_and(|(text, _)| shown.starts_with(text)) {
            let (_, refusal) = self.refusals.pop_front()?;
            let refused = match command {
                Command::Publish(_) => Refused::Publish,
                _ => Refused::Command,
            };
            return Some(Event::Refused { channel, refused, refusal: Box::new(refusal) });
        }
        if self.holds_back && channel != Channel::CONNECTION {
            self.held_back.extend(event);
            return None;
        }
        event
    }

    fn show_frames(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut decoder = Decoder::new(Role::Client, 1 << 24);
        let mut shown = Vec::new();
        while !bytes.is_empty() {
            let consumed = match decoder.decode(bytes).expect("frames") {
                Decoded::NeedMore => panic!("half a frame: {bytes:?}"),
                Decoded::HeartBeat { consumed } => {
                    // The first LF of what follows a frame belongs to that frame.
                    if shown.is_empty() {
                        shown.push("heart-beat".to_owned());
                    }
                    consumed
                }
                Decoded::Frame { frame, consumed } => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let header = |header: &Header<'_>| {
                        format!(" {}:{}", text(&header.name()), text(&header.value()))
                    };
                    if let Some(id) = frame.headers.get("session") {
                        self.session_id = text(&id);
                    }
                    let headers: String = frame.headers.iter().map(header).collect();
                    let body = match frame.body {
                        [] => String::new(),
                        body => format!("|{}", text(body)),
                    };
                    shown.push(format!("{}{headers}{body}", text(frame.command_line)));
                    consumed
                }
            };
            bytes = bytes.get(consumed..).unwrap_or_default();
        }
        shown
    }

    /// Puts `~` in place of random names.
    fn mask(&self, text: &str) -> String {
        let mut masked = match self.session_id.is_empty() {
            true => text.to_owned(),
            false => text.replace(&self.session_id, "~"),
        };
        if let Some((before, after)) = masked.split_once("follow stomp-subscription-") {
            let after = after.get(22..).unwrap_or_default();
            masked = format!("{before}follow ~{after}");
        }
        masked
    }
}

fn channel_of(command: &Command) -> Channel {
    match command {
        Command::Login(_) | Command::OpenVhost(_) | Command::Describe(_) => Channel::CONNECTION,
        _ => Channel(1),
    }
}

/// A command in a few words; `None` for those that would only be noise.
fn show_command(command: &Command) -> Option<String> {
    Some(match command {
        Command::Login(login) => {
            let password = String::from_utf8_lossy(&login.password.0);
            let vhost = login.vhost.as_ref().map_or("", |vhost| vhost.as_str());
            format!("login {} {password} {vhost} by {}", login.user, login.mechanism)
        }
        Command::OpenVhost(_) | Command::OpenChannel(_) | Command::Describe(_) => return None,
        Command::PutOff(_) => "put off".to_owned(),
        Command::DeclareQueue(_, spec, _) => format!("declare {}", show_queue(spec)),
        Command::Consume(_, consume) => {
            let mut shown =
                format!("consume {} as {} {:?}", consume.queue, consume.tag, consume.ack);
            if consume.prefetch > 0 {
                shown += &format!(" prefetch {}", consume.prefetch);
            }
            shown + &show_arguments(&consume.arguments)
        }
        Command::Follow(_, follow) => format!(
            "follow {} {} {} as {}{}",
            follow.queue,
            follow.exchange,
            follow.key,
            follow.tag,
            show_arguments(&follow.arguments),
        ),
        Command::Bind(_, binding) => {
            let model::Destination::Queue(queue) = &binding.destination else {
                panic!("{binding:?}");
            };
            format!("bind {queue} to {} by {}", binding.source, binding.key)
        }
        Command::Publish(publish) => {
            let message = &publish.message;
            let key = String::from_utf8_lossy(message.routing_key());
            let body = String::from_utf8_lossy(message.body());
            let confirm = if publish.confirm.is_some() { " confirmed" } else { "" };
            format!("publish {:?} {key}{confirm}|{body}", message.exchange().as_str())
        }
        Command::Settle(_, ids, outcome) => {
            let ids: Vec<_> = ids.iter().map(|id| id.sequence.to_string()).collect();
            format!("settle {} {outcome:?}", ids.join(","))
        }
        Command::Flush(..) => "flush".to_owned(),
        Command::Cancel(_, consumer) => format!("cancel {}", consumer.0),
        Command::DeleteQueue(_, queue, _) => format!("delete {queue}"),
        Command::Written(consumer, count) => format!("written {}x{count}", consumer.0),
        other => panic!("{other:?}"),
    })
}

fn show_queue(spec: &QueueSpec) -> String {
    let flag = |is_set, flag| if is_set { flag } else { "-" };
    format!(
        "{} {}{}{}{}",
        spec.name.as_ref().map_or("", |name| name.as_str()),
        flag(spec.is_durable, "D"),
        flag(spec.is_auto_delete, "A"),
        flag(spec.is_exclusive, "X"),
        show_arguments(&spec.arguments),
    )
}

fn show_arguments(arguments: &model::FieldTable) -> String {
    arguments.iter().map(|(name, value)| format!(" {name}={value}")).collect()
}

/// A message as somebody published it.
pub(super) fn message(exchange: &str, key: &str, properties: &Properties, body: &str) -> Message {
    let encoded = (PROPERTY_CODEC.encode)(properties);
    let content = [key.as_bytes(), &encoded, body.as_bytes()].concat();
    Message::new(MessageParts {
        exchange: ExchangeName::parse(exchange).unwrap(),
        content,
        key_bytes: key.len().try_into().unwrap(),
        property_bytes: encoded.len().try_into().unwrap(),
        codec: &PROPERTY_CODEC,
        marks: Marks::default(),
    })
}

/// A message without properties.
pub(super) fn plain(key: &str, body: &str) -> Message {
    message("", key, &Properties::default(), body)
}

/// Each line is a frame of the peer, and what it brings; over one connection of version 1.2.
pub(super) fn check(conversation: &[(&str, &str)]) {
    let mut talk = Talk::connected("1.2");
    for (frame, expected) in conversation {
        assert_eq!(talk.say(frame), *expected, "{frame}");
    }
}

/// An ERROR frame as it is shown here.
pub(super) fn error(message: &str, detail: &str) -> String {
    let length = detail.len();
    format!(
        "ERROR message:{message} content-type:text/plain version:1.0,1.1,1.2 \
         content-length:{length}|{detail}"
    )
}
