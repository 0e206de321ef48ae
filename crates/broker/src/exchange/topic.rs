//! The topic exchange: a trie of the words of its binding keys.
//!
//! ```text
//! a.b  a.*  #        (root) ─┬─ a ─┬─ b ●
//!                            │     └─ * ●
//!                            └─ # ●
//! ```
//! A bind or unbind touches the nodes of its own key. Source: RabbitMQ, "Topic exchange"; empty words
//! are words, and the empty key has none.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use model::{Refusal, RoutingKey};
use smallvec::SmallVec;

use super::targets::{Found, Targets};

/// How many words `#` a binding key may have: each multiplies the ways a key can match.
/// Source: RabbitMQ 4.3.5.
pub(super) const HASHES_MAX: usize = 2;

/// Targets by binding key.
#[derive(Debug)]
pub(super) struct Topic<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    /// What is bound by the key that ends here.
    targets: Targets<T>,
    /// Below a word that is itself.
    words: HashMap<Box<[u8]>, Node<T>, RandomState>,
    /// Below a `*`.
    star: Option<Box<Node<T>>>,
    /// Below a `#`.
    hash: Option<Box<Node<T>>>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { targets: Targets::default(), words: HashMap::default(), star: None, hash: None }
    }
}

impl<T> Default for Topic<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

/// Refuses a binding key that would be too dear to match.
pub(super) fn check(key: &RoutingKey) -> Result<(), Refusal> {
    let hashes = words(key.as_bytes()).filter(|word| *word == b"#").count();
    match hashes {
        0..=HASHES_MAX => Ok(()),
        _ => Err(Refusal::InvalidBinding(
            format!(
                "Topic binding key '{key}' uses {hashes} '#' wildcards, at most {HASHES_MAX} are \
                 allowed"
            )
            .into(),
        )),
    }
}

/// The words of a key; the empty key has none.
fn words(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(|byte| *byte == b'.').filter(move |_| !key.is_empty())
}

impl<T: PartialEq> Topic<T> {
    pub(super) fn bind(&mut self, key: &RoutingKey, target: T) {
        let mut node = &mut self.root;
        for word in words(key.as_bytes()) {
            node = node.child_or_new(word);
        }
        node.targets.add(target);
    }

    pub(super) fn unbind(&mut self, key: &RoutingKey, target: &T) {
        self.root.remove(&mut words(key.as_bytes()), target);
    }

    pub(super) fn route<'a>(&'a self, key: &[u8], found: &mut Found<'a, T>) {
        let words: SmallVec<[&[u8]; WORDS_USUAL]> = words(key).collect();
        self.root.find(&words, found);
    }
}

/// Keys with up to this many words are matched without allocating.
const WORDS_USUAL: usize = 16;

impl<T: PartialEq> Node<T> {
    fn child_or_new(&mut self, word: &[u8]) -> &mut Self {
        match word {
            b"*" => self.star.get_or_insert_default(),
            b"#" => self.hash.get_or_insert_default(),
            word => self.words.entry(word.into()).or_default(),
        }
    }

    /// Takes `target` out once below `words`, and with it what has become empty.
    fn remove<'w>(&mut self, words: &mut dyn Iterator<Item = &'w [u8]>, target: &T) {
        let below = match words.next() {
            None => return self.targets.remove(target),
            Some(b"*") => &mut self.star,
            Some(b"#") => &mut self.hash,
            Some(word) => {
                let Some(child) = self.words.get_mut(word) else { return };
                child.remove(words, target);
                if child.is_empty() {
                    self.words.remove(word);
                    shrink(&mut self.words);
                }
                return;
            }
        };
        if let Some(child) = below {
            child.remove(words, target);
            if child.is_empty() {
                *below = None;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.targets.is_empty()
            && self.words.is_empty()
            && self.star.is_none()
            && self.hash.is_none()
    }

    /// Adds what matches `words`; a target may come more than once.
    fn find<'a>(&'a self, words: &[&[u8]], found: &mut Found<'a, T>) {
        if let Some(hash) = &self.hash {
            hash.find_after_any(words, found);
        }
        let Some((word, rest)) = words.split_first() else {
            self.targets.find(found);
            return;
        };
        if let Some(child) = self.words.get(*word) {
            child.find(rest, found);
        }
        if let Some(star) = &self.star {
            star.find(rest, found);
        }
    }

    /// This is the node below a `#`, which takes none, one, or more of `words`.
    fn find_after_any<'a>(&'a self, words: &[&[u8]], found: &mut Found<'a, T>) {
        let is_last = self.words.is_empty() && self.star.is_none() && self.hash.is_none();
        if is_last {
            self.targets.find(found);
            return;
        }
        let mut rest = words;
        loop {
            self.find(rest, found);
            match rest.split_first() {
                Some((_, shorter)) => rest = shorter,
                None => return,
            }
        }
    }
}

/// Gives memory back once a table is mostly empty.
pub(super) fn shrink<K: Eq + std::hash::Hash, V>(table: &mut HashMap<K, V, RandomState>) {
    if table.len() * 4 <= table.capacity() {
        table.shrink_to(table.len() * 2);
    }
}
