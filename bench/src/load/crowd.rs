//! Many receivers of one broker.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Poll, Waker};

use super::dialect::Browser;
use super::framing::{Counting, Walker};
use super::gauge::Gauge;
use super::receiver::{Receiver, Request, Shown, Task, WAKER};
use crate::Problem;

/// Threads that receive.
const RECEIVERS: usize = 2;

/// Connections opened at once, in all.
const OPENING_MAX: usize = 64;

/// How long all of them may take to connect.
const PATIENCE: Duration = Duration::from_secs(180);

/// A connection of the crowd.
#[derive(Debug)]
pub(crate) enum Member {
    /// A browser that subscribes to a destination; the size of one message, where it counts.
    Browser { browser: Browser, destination: String, message_bytes: u64 },
    /// A connection that is open and subscribed already.
    Open { stream: TcpStream, counting: Counting },
}

/// Receivers, connected and subscribed; gone with their owner.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) size: u64,
    /// Whether its members are browsers.
    pub(crate) is_web_socket: bool,
    /// How long it took until all were subscribed.
    pub(crate) gathering: Duration,
    threads: Vec<(Sender<Request>, Waker, JoinHandle<()>)>,
}

impl Crowd {
    /// Connects all and waits until each has its subscription confirmed.
    pub(crate) fn gather(members: impl IntoIterator<Item = Member>) -> Result<Self, Problem> {
        let mut shares: Vec<VecDeque<Task>> = (0..RECEIVERS).map(|_| VecDeque::new()).collect();
        let (mut size, mut is_web_socket) = (0, false);
        for (member, share) in members.into_iter().zip((0..RECEIVERS).cycle()) {
            size += 1;
            is_web_socket |= matches!(member, Member::Browser { .. });
            shares.get_mut(share).ok_or("no receiver")?.push_back(task(member));
        }
        let gauge = Arc::new(Gauge::new(RECEIVERS));
        let start = Instant::now();
        let mut threads = Vec::new();
        for (number, tasks) in shares.into_iter().enumerate() {
            let poll = Poll::new()?;
            let waker = Waker::new(poll.registry(), WAKER)?;
            let (requests, inbox) = channel();
            if tasks.is_empty() {
                gauge.note_fewest(number, u64::MAX);
            }
            let receiver = Receiver {
                poll,
                inbox,
                gauge: Arc::clone(&gauge),
                number,
                opening_max: OPENING_MAX / RECEIVERS,
                connections: Vec::with_capacity(tasks.len()),
                tasks,
            };
            threads.push((requests, waker, std::thread::spawn(move || receiver.run())));
        }
        let mut crowd = Self { gauge, size, is_web_socket, gathering: Duration::ZERO, threads };
        crowd.gauge.all_opened(size, PATIENCE)?;
        crowd.gathering = start.elapsed();
        Ok(crowd)
    }

    /// From here on, the payload of `count` connections per receiver is kept.
    pub(crate) fn keep(&self, count: usize) -> Result<(), Problem> {
        for (requests, waker, _) in &self.threads {
            requests.send(Request::Keep(count))?;
            waker.wake()?;
        }
        Ok(())
    }

    /// What was kept, and what each connection counted.
    pub(crate) fn show(&self) -> Result<Shown, Problem> {
        let mut all = Shown::default();
        for (requests, waker, _) in &self.threads {
            let (sender, answer) = channel();
            requests.send(Request::Show(sender))?;
            waker.wake()?;
            let shown = answer.recv_timeout(Duration::from_secs(10))?;
            all.kept.extend(shown.kept);
            all.messages.extend(shown.messages);
            all.bytes += shown.bytes;
        }
        Ok(all)
    }
}

fn task(member: Member) -> Task {
    match member {
        Member::Browser { browser, destination, message_bytes } => Task::Open {
            place: browser.place,
            steps: browser.steps(&destination),
            walker: Walker::new(browser.counting(message_bytes)),
        },
        Member::Open { stream, counting } => Task::Adopt { stream, walker: Walker::new(counting) },
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for (requests, waker, thread) in self.threads.drain(..) {
            // It may have ended by itself; nothing else is to be done then.
            drop(requests.send(Request::Stop));
            drop(waker.wake());
            drop(thread.join());
        }
    }
}
