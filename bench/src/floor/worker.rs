//! One thread of the floor: its share of the sockets, and perhaps the feed.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::batch::Batch;
use super::browser::Browser;

pub(super) const WAKER: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);
const FEED_LISTENER: Token = Token(usize::MAX - 2);
const FEED: Token = Token(usize::MAX - 3);

/// What one read takes at most: the input batch.
const READ_BYTES: usize = 64 * 1024;

/// Where another worker takes batches.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) batches: Sender<Arc<Batch>>,
    pub(super) waker: Arc<Waker>,
}

/// The publishers' side; the worker that has it renders for all.
#[derive(Debug)]
struct Feed {
    listener: TcpListener,
    posts: Vec<Post>,
    stream: Option<TcpStream>,
    is_readable: bool,
    input: Vec<u8>,
    number: u64,
}

/// A socket of a browser.
#[derive(Debug)]
struct Peer {
    stream: TcpStream,
    browser: Browser,
    key: Option<Box<[u8]>>,
    /// Collected for this batch, or what the socket did not take.
    unsent: Vec<u8>,
}

/// One thread of the floor.
#[derive(Debug)]
pub(super) struct Worker {
    poll: Poll,
    listener: TcpListener,
    inbox: Receiver<Arc<Batch>>,
    feed: Option<Feed>,
    peers: Slab<Peer>,
    routes: HashMap<Box<[u8]>, Vec<usize>, foldhash::fast::RandomState>,
    scratch: Box<[u8]>,
}

impl Worker {
    pub(super) fn new(
        poll: Poll,
        listener: StdListener,
        inbox: Receiver<Arc<Batch>>,
    ) -> io::Result<Self> {
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let scratch = vec![0; READ_BYTES].into();
        let routes = HashMap::default();
        Ok(Self { poll, listener, inbox, feed: None, peers: Slab::new(), routes, scratch })
    }

    pub(super) fn take_feed(&mut self, feed: StdListener, posts: Vec<Post>) -> io::Result<()> {
        let mut listener = TcpListener::from_std(feed);
        self.poll.registry().register(&mut listener, FEED_LISTENER, Interest::READABLE)?;
        self.feed = Some(Feed {
            listener,
            posts,
            stream: None,
            is_readable: false,
            input: Vec::new(),
            number: 0,
        });
        Ok(())
    }

    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let is_busy = self.feed.as_ref().is_some_and(|feed| feed.is_readable);
            match self.poll.poll(&mut events, is_busy.then_some(Duration::ZERO)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    FEED_LISTENER => self.accept_feed()?,
                    FEED => {
                        if let Some(feed) = &mut self.feed {
                            feed.is_readable = true;
                        }
                    }
                    WAKER => self.take_posted(),
                    Token(peer) => self.attend(peer, event),
                }
            }
            self.read_feed()?;
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((mut stream, _)) => {
                    stream.set_nodelay(true)?;
                    let entry = self.peers.vacant_entry();
                    let both = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(&mut stream, Token(entry.key()), both)?;
                    let browser = Browser::default();
                    entry.insert(Peer { stream, browser, key: None, unsent: Vec::new() });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn accept_feed(&mut self) -> io::Result<()> {
        let Some(feed) = &mut self.feed else { return Ok(()) };
        // One publisher at a time; a new one takes the place of the last.
        while let Ok((mut stream, _)) = feed.listener.accept() {
            self.poll.registry().register(&mut stream, FEED, Interest::READABLE)?;
            feed.stream = Some(stream);
            feed.is_readable = true;
            feed.input.clear();
        }
        Ok(())
    }

    /// One read, one batch, one write per socket.
    fn read_feed(&mut self) -> io::Result<()> {
        let Some(feed) = self.feed.as_mut().filter(|feed| feed.is_readable) else {
            return Ok(());
        };
        let Some(stream) = &mut feed.stream else {
            feed.is_readable = false;
            return Ok(());
        };
        match stream.read(&mut self.scratch) {
            Ok(0) => {
                feed.stream = None;
                feed.is_readable = false;
                return Ok(());
            }
            Ok(bytes) => {
                feed.is_readable = bytes == self.scratch.len();
                feed.input.extend_from_slice(self.scratch.get(..bytes).unwrap_or_default());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                feed.is_readable = false;
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(_) => {
                feed.stream = None;
                feed.is_readable = false;
                return Ok(());
            }
        }
        let (batch, used) = Batch::render(&feed.input, &mut feed.number);
        feed.input.drain(..used);
        let batch = Arc::new(batch);
        for post in &feed.posts {
            // The other worker lives as long as the process.
            let _ = post.batches.send(Arc::clone(&batch));
            post.waker.wake()?;
        }
        self.deliver(&batch);
        Ok(())
    }

    fn take_posted(&mut self) {
        while let Ok(batch) = self.inbox.try_recv() {
            self.deliver(&batch);
        }
    }

    fn deliver(&mut self, batch: &Batch) {
        if let Some(key) = batch.only_key() {
            for peer in self.routes.get(key).into_iter().flatten() {
                if let Some(peer) = self.peers.get_mut(*peer) {
                    peer.send(&batch.frames);
                }
            }
            return;
        }
        let mut written_to = Vec::new();
        for (key, frame) in batch.messages() {
            for index in self.routes.get(key).into_iter().flatten() {
                let Some(peer) = self.peers.get_mut(*index) else { continue };
                if peer.unsent.is_empty() {
                    written_to.push(*index);
                }
                peer.unsent.extend_from_slice(frame);
            }
        }
        for peer in written_to {
            if let Some(peer) = self.peers.get_mut(peer) {
                peer.flush();
            }
        }
    }

    fn attend(&mut self, index: usize, event: &Event) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        if event.is_writable() && !peer.unsent.is_empty() {
            peer.flush();
        }
        if !event.is_readable() {
            return;
        }
        loop {
            match peer.stream.read(&mut self.scratch) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => return self.forget(index),
                Ok(bytes) => {
                    let mut answer = Vec::new();
                    let input = self.scratch.get(..bytes).unwrap_or_default();
                    if let Some(key) = peer.browser.hear(input, &mut answer) {
                        self.routes.entry(key.clone()).or_default().push(index);
                        peer.key = Some(key);
                    }
                    peer.send(&answer);
                    if bytes < READ_BYTES && !event.is_read_closed() {
                        return;
                    }
                }
            }
        }
    }

    fn forget(&mut self, index: usize) {
        let Some(peer) = self.peers.try_remove(index) else { return };
        let Some(key) = peer.key else { return };
        let Some(route) = self.routes.get_mut(&key) else { return };
        if let Some(place) = route.iter().position(|other| *other == index) {
            route.swap_remove(place);
        }
        if route.is_empty() {
            self.routes.remove(&key);
        }
    }
}

impl Peer {
    fn send(&mut self, bytes: &[u8]) {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return;
        }
        let sent = if bytes.is_empty() { 0 } else { self.stream.write(bytes).unwrap_or(0) };
        self.unsent.extend_from_slice(bytes.get(sent..).unwrap_or_default());
    }

    fn flush(&mut self) {
        let sent = self.stream.write(&self.unsent).unwrap_or(0);
        self.unsent.drain(..sent);
        if self.unsent.is_empty() {
            self.unsent = Vec::new();
        }
    }
}
