//! Streams of a vhost: one for all topic subscriptions with the same exchange and binding key.
//!
//! A stream is bound at its first follower and unbound with its last. As no stream is looked at
//! under the topology's lock, whoever unbinds one looks at it in between, and makes sure afterwards
//! that nobody has begun to follow it meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use model::{ExchangeName, RoutingKey};

use super::topology::{Target, Topology};
use crate::stream::Stream;

/// The streams of a vhost.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    by_source: HashMap<ExchangeName, HashMap<RoutingKey, Followed, RandomState>, RandomState>,
}

#[derive(Debug)]
struct Followed {
    stream: Arc<Stream>,
    /// How often somebody has begun to follow.
    begun: u64,
    /// How many of those have not subscribed yet.
    joining: u32,
}

/// What was seen of a stream that seems to be unused.
#[derive(Clone, Debug)]
pub(super) struct Sighting {
    pub(super) stream: Arc<Stream>,
    begun: u64,
}

impl Streams {
    /// All streams with the bindings that feed them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ExchangeName, &RoutingKey, &Arc<Stream>)> {
        self.by_source.iter().flat_map(|(source, by_key)| {
            by_key.iter().map(move |(key, followed)| (source, key, &followed.stream))
        })
    }

    /// Forgets the streams of an exchange that is gone; their followers hear nothing more.
    pub(super) fn forget_exchange(&mut self, name: &ExchangeName) {
        self.by_source.remove(name);
    }

    fn of(&mut self, source: &ExchangeName, key: &RoutingKey) -> Option<&mut Followed> {
        self.by_source.get_mut(source)?.get_mut(key)
    }

    fn remove(&mut self, source: &ExchangeName, key: &RoutingKey) -> Option<Followed> {
        let by_key = self.by_source.get_mut(source)?;
        let followed = by_key.remove(key)?;
        if by_key.is_empty() {
            self.by_source.remove(source);
        } else if by_key.len() * 4 <= by_key.capacity() {
            by_key.shrink_to(by_key.len() * 2);
        }
        Some(followed)
    }
}

impl Topology {
    /// All streams.
    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Begins to follow: the stream stays bound at least until [`Self::end_joining`]. A stream that
    /// does not exist is made and bound; `None` if there is no such exchange.
    pub(crate) fn begin_joining(
        &mut self,
        source: &ExchangeName,
        key: &RoutingKey,
        make: impl FnOnce() -> Stream,
    ) -> Option<Arc<Stream>> {
        let exchange = self.exchanges.get_mut(source)?;
        let by_key = match self.streams.by_source.get_mut(source) {
            Some(by_key) => by_key,
            None => self.streams.by_source.entry(source.clone()).or_default(),
        };
        let followed = by_key.entry(key.clone()).or_insert_with(|| {
            let stream = Arc::new(make());
            exchange.attach(key, Target::Stream(Arc::clone(&stream)));
            Followed { stream, begun: 0, joining: 0 }
        });
        followed.begun += 1;
        followed.joining += 1;
        Some(Arc::clone(&followed.stream))
    }

    /// Notes that somebody who began to follow that very stream has subscribed.
    pub(crate) fn end_joining(
        &mut self,
        source: &ExchangeName,
        key: &RoutingKey,
        stream: &Arc<Stream>,
    ) {
        if let Some(followed) = self.streams.of(source, key)
            && Arc::ptr_eq(&followed.stream, stream)
        {
            followed.joining = followed.joining.saturating_sub(1);
        }
    }

    /// A stream that nobody is just joining.
    pub(super) fn sight(&mut self, source: &ExchangeName, key: &RoutingKey) -> Option<Sighting> {
        let followed = self.streams.of(source, key).filter(|followed| followed.joining == 0)?;
        Some(Sighting { stream: Arc::clone(&followed.stream), begun: followed.begun })
    }

    /// Unbinds a stream that was found unused, unless somebody has begun to follow it since.
    pub(super) fn leave(&mut self, source: &ExchangeName, key: &RoutingKey, seen: &Sighting) {
        let Some(followed) = self.streams.of(source, key) else { return };
        if followed.begun != seen.begun || !Arc::ptr_eq(&followed.stream, &seen.stream) {
            return;
        }
        if let Some(followed) = self.streams.remove(source, key)
            && let Some(exchange) = self.exchanges.get_mut(source)
        {
            exchange.detach(key, &Target::Stream(followed.stream));
        }
        self.remove_if_unused(source);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use model::{ConsumerId, ConsumerTag, FieldTable, LinkId, Marks, QueueName, VhostName};

    use super::*;
    use crate::exchange::Address;
    use crate::inbox::Inbox;
    use crate::stream::{Cursor, CursorLimits, CursorSpec};
    use crate::turn::Turn;
    use crate::vhost::{Vhost, VhostMetadata};

    fn follow(vhost: &Arc<Vhost>, consumer: u32) -> Cursor {
        let spec = CursorSpec {
            inbox: Arc::new(Inbox::default()),
            link: LinkId(1),
            consumer: ConsumerId(consumer),
            name: QueueName::parse("stomp-subscription-x").unwrap(),
            tag: ConsumerTag::parse("T").unwrap(),
            channel: 1,
            limits: CursorLimits::default(),
            arguments: FieldTable::new(),
        };
        let source = ExchangeName::parse("amq.topic").unwrap();
        let key = RoutingKey::parse(b"k").unwrap();
        vhost.follow(Instant::now(), &Arc::default(), (&source, &key), spec).unwrap()
    }

    /// How many streams a message published with `k` goes to.
    fn streams(vhost: &Vhost) -> usize {
        let message = crate::sample::message("k", b"x", Marks::default());
        let topology = vhost.look();
        let exchange = topology.exchange(message.exchange()).unwrap();
        topology.route(exchange, &Address::new(&message, b"k", &[])).streams.len()
    }

    #[test]
    fn whoever_follows_is_reached_while_others_come_and_go() {
        let vhost = Arc::new(Vhost::new(VhostName::root(), VhostMetadata::default()));
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        drop(follow(&vhost, 1));
                    }
                });
            }
            let message = crate::sample::message("k", b"x", Marks::default());
            for _ in 0..2000 {
                let mut turn = Turn::new(Instant::now());
                let mut cursor = follow(&vhost, 2);
                let targets = {
                    let topology = vhost.look();
                    let exchange = topology.exchange(message.exchange()).unwrap();
                    topology.route(exchange, &Address::new(&message, b"k", &[]))
                };
                assert_eq!(targets.streams.len(), 1);
                targets.streams[0].publish(&mut turn, &message);
                let mut read = Vec::new();
                cursor.read(&mut turn, 1, &mut read);
                assert_eq!(read.len(), 1);
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(streams(&vhost), 0);
        assert_eq!(vhost.look().streams().iter().count(), 0);
    }

    /// In two threads, while a third reads and a fourth publishes.
    #[test]
    fn who_stays_gets_everything_in_order_while_ten_thousand_come_and_go() {
        const COMERS: u32 = 10_000;
        const STAYING: u32 = 20;
        let vhost = Arc::new(Vhost::new(VhostName::root(), VhostMetadata::default()));
        let mut staying: Vec<Cursor> = (0..STAYING).map(|it| follow(&vhost, it)).collect();
        let is_over = AtomicBool::new(false);
        let mut published = 0;
        std::thread::scope(|scope| {
            let comers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        for comer in 0..COMERS / 2 {
                            drop(follow(&vhost, comer));
                        }
                    })
                })
                .collect();
            let reader = scope.spawn(|| {
                let mut turn = Turn::new(Instant::now());
                let mut read = vec![Vec::new(); STAYING as usize];
                let mut is_last = false;
                while !is_last {
                    is_last = is_over.load(Ordering::Acquire);
                    for (cursor, read) in staying.iter_mut().zip(&mut read) {
                        assert_eq!(cursor.read(&mut turn, usize::MAX, read).dropped, 0);
                    }
                }
                read
            });
            let message = crate::sample::message("k", b"x", Marks::default());
            while comers.iter().any(|comer| !comer.is_finished()) {
                let mut turn = Turn::new(Instant::now());
                let targets = {
                    let topology = vhost.look();
                    let exchange = topology.exchange(message.exchange()).unwrap();
                    topology.route(exchange, &Address::new(&message, b"k", &[]))
                };
                targets.streams[0].publish(&mut turn, &message);
                published += 1;
                // So that the reader is never further behind than the stream holds.
                if published % 1000 == 0 {
                    while targets.streams[0].held().messages > 0 {
                        std::thread::yield_now();
                    }
                }
            }
            is_over.store(true, Ordering::Release);
            for read in reader.join().unwrap() {
                let sequences = read.iter().map(|(sequence, _)| *sequence);
                assert!(sequences.eq(0..published));
            }
        });
        drop(staying);
        assert_eq!(streams(&vhost), 0);
    }

    #[test]
    fn an_exchange_made_anew_has_no_followers_of_the_old_one() {
        let vhost = Arc::new(Vhost::new(VhostName::root(), VhostMetadata::default()));
        let old = follow(&vhost, 1);
        let name = ExchangeName::parse("amq.topic").unwrap();
        let spec = vhost.look().exchange(&name).unwrap().spec().clone();
        vhost.change().delete_exchange(&name, false, &VhostName::root()).unwrap();
        vhost.change().add_exchange(&spec, model::ExchangeKind::Topic);
        assert_eq!(streams(&vhost), 0);
        let new = follow(&vhost, 2);
        assert_eq!(streams(&vhost), 1);
        drop(old);
        assert_eq!(streams(&vhost), 1);
        drop(new);
        assert_eq!(streams(&vhost), 0);
    }
}
