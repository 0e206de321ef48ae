//! A session and the embedded engine without a driver: the rules that a driver relies on, asserted.

use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use broker::Broker;
use broker::turn::Turn;
use engine::{Engine, Event, Link, Peer};
use model::RefusalKind;
use session::outbox::SLICES_MAX;
use session::{Actions, Session};

/// Events heard at once, as in the driver.
const EVENTS_MAX: usize = 256;

/// More rounds than any script here needs until nothing moves any more.
const ROUNDS_MAX: usize = 10_000;

/// A session that talks with the embedded engine, and with a peer that is a script.
#[derive(Debug)]
pub struct Conversation<P> {
    session: P,
    link: Link,
    broker: Arc<Broker>,
    now: Instant,
    actions: Actions,
    events: Vec<Event>,
    unread: Vec<u8>,
    said: Vec<u8>,
    unread_bytes_max: usize,
    is_going_down: bool,
    is_over: bool,
}

impl<P: Session> Conversation<P> {
    /// Begins. A session that waits for more never leaves more than `unread_bytes_max` untaken.
    pub fn new(unread_bytes_max: usize, session: impl FnOnce(Instant) -> P) -> Self {
        let broker = broker();
        let now = Instant::now();
        Self {
            session: session(now),
            link: Engine::embedded(Arc::clone(&broker)).connect(peer()),
            broker,
            now,
            actions: Actions::default(),
            events: Vec::new(),
            unread: Vec::new(),
            said: Vec::new(),
            unread_bytes_max,
            is_going_down: false,
            is_over: false,
        }
    }

    /// Sends bytes, in pieces of `piece_bytes`.
    pub fn send(&mut self, bytes: &[u8], piece_bytes: usize) {
        for piece in bytes.chunks(piece_bytes.max(1)) {
            if self.is_over {
                return;
            }
            self.unread.extend_from_slice(piece);
            self.run();
        }
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        if self.is_over {
            return;
        }
        self.now += time;
        let mut turn = Turn::new(self.now);
        self.broker.run_due(&mut turn);
        self.broker.finish(&mut turn);
        if self.session.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.session.expire(self.now, &mut self.actions);
        }
        self.carry_out();
        self.run();
    }

    /// The node goes down.
    pub fn shut_down(&mut self) {
        if !self.is_over && !self.is_going_down {
            self.is_going_down = true;
            self.session.shut_down(self.now, &mut self.actions);
            self.carry_out();
            self.run();
        }
    }

    /// Whether the session has ended the connection.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// What the session said since the last call.
    pub fn take_said(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.said)
    }

    /// Until nothing moves any more.
    fn run(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let has_moved = self.hear() | self.feed();
            self.carry_out();
            self.write();
            if self.actions.close.is_some() {
                self.link.close(self.now);
                self.is_over = true;
                return;
            }
            if !has_moved {
                return self.check_wait();
            }
        }
        panic!("the session and its engine never come to rest");
    }

    /// The engine owes nothing: a session that does not end must read, within its limit.
    fn check_wait(&self) {
        assert!(self.is_going_down || self.session.is_reading(), "waits for an engine at rest");
        let unread_bytes = self.unread.len();
        assert!(
            unread_bytes <= self.unread_bytes_max || !self.session.is_reading(),
            "leaves {unread_bytes} bytes, and wants more"
        );
    }

    fn hear(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        if self.link.poll_ready(&mut context).is_pending() {
            return false;
        }
        self.link.receive(self.now, EVENTS_MAX, &mut self.events);
        self.hear_events()
    }

    fn hear_events(&mut self) -> bool {
        let has_any = !self.events.is_empty();
        for event in self.events.drain(..) {
            if let Event::Refused { refusal, .. } = &event {
                assert_ne!(refusal.kind(), RefusalKind::Internal, "the engine breaks: {refusal}");
            }
            self.session.hear(self.now, event, &mut self.actions);
        }
        has_any
    }

    fn feed(&mut self) -> bool {
        let mut taken = 0;
        while taken < self.unread.len() && self.actions.close.is_none() && self.session.is_reading()
        {
            let rest = &self.unread[taken..];
            let bytes = self.session.receive(self.now, rest, &mut self.actions);
            assert!(bytes <= rest.len(), "takes {bytes} of {} bytes", rest.len());
            if bytes == 0 {
                break;
            }
            taken += bytes;
        }
        self.unread.drain(..taken);
        taken > 0
    }

    fn carry_out(&mut self) {
        for _ in 0..ROUNDS_MAX {
            while !self.actions.commands.is_empty() {
                self.link.submit(self.now, &mut self.actions.commands, &mut self.events);
                self.hear_events();
            }
            self.session.settle_batch(self.now, &mut self.actions);
            if self.actions.commands.is_empty() {
                return;
            }
        }
        panic!("the session has another command after each answer");
    }

    /// Writes everything, as a socket does that takes everything.
    fn write(&mut self) {
        let outbox = &mut self.actions.outbox;
        while !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let used = outbox.slices(&mut slices);
            let before = self.said.len();
            slices[..used].iter().for_each(|slice| self.said.extend_from_slice(slice));
            let bytes = self.said.len() - before;
            assert!(bytes > 0, "bytes wait, but none are shown");
            outbox.advance(bytes);
            self.session.wrote(self.now);
        }
    }
}

/// A broker of its own for one script.
pub fn broker() -> Arc<Broker> {
    Broker::new(broker::Settings { message_bytes_max: 65_536, ..broker::Settings::default() })
}

/// A peer on this machine, so that guest may log in.
pub fn peer() -> Peer {
    let address = ([127, 0, 0, 1], 1).into();
    Peer { address, local: address, protocol: "fuzz", is_tls: false }
}
