//! The topic exchange: a trie of the words of its binding keys.
//!
//! ```text
//! a.b  a.*  #        (root) ─┬─ a ─┬─ b ●
//!                            │     └─ * ●
//!                            └─ # ●
//! ```
//! A bind or unbind touches the nodes of its own key. Source: RabbitMQ, "Topic exchange"; empty
//! words are words, and the empty key has none.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use model::{Refusal, RoutingKey};
use smallvec::SmallVec;

use super::targets::{Bindable, Found, Targets};

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
    /// What is bound by longer keys; most nodes have nothing below them.
    below: Option<Box<Below<T>>>,
}

#[derive(Debug)]
struct Below<T> {
    /// Below a word that is itself.
    words: HashMap<Box<[u8]>, Node<T>, RandomState>,
    /// Below a `*`.
    star: Option<Node<T>>,
    /// Below a `#`.
    hash: Option<Node<T>>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { targets: Targets::default(), below: None }
    }
}

impl<T> Default for Below<T> {
    fn default() -> Self {
        Self { words: HashMap::default(), star: None, hash: None }
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

impl<T: Bindable> Topic<T> {
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

impl<T: Bindable> Node<T> {
    fn child_or_new(&mut self, word: &[u8]) -> &mut Self {
        let below = self.below.get_or_insert_default();
        match word {
            b"*" => below.star.get_or_insert_default(),
            b"#" => below.hash.get_or_insert_default(),
            word => below.words.entry(word.into()).or_default(),
        }
    }

    /// Takes `target` out once below `words`, and with it what has become empty.
    fn remove(&mut self, words: &mut dyn Iterator<Item = &[u8]>, target: &T) {
        let Some(word) = words.next() else { return self.targets.remove(target) };
        let Some(below) = &mut self.below else { return };
        below.remove(word, words, target);
        if below.is_empty() {
            self.below = None;
        }
    }

    fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.below.is_none()
    }

    /// Adds what matches `words`; a target may come more than once.
    fn find<'a>(&'a self, words: &[&[u8]], found: &mut Found<'a, T>) {
        if words.is_empty() {
            self.targets.find(found);
        }
        let Some(below) = &self.below else { return };
        if let Some(hash) = &below.hash {
            hash.find_after_any(words, found);
        }
        let Some((word, rest)) = words.split_first() else { return };
        if let Some(child) = below.words.get(*word) {
            child.find(rest, found);
        }
        if let Some(star) = &below.star {
            star.find(rest, found);
        }
    }

    /// This is the node below a `#`, which takes none, one, or more of `words`.
    fn find_after_any<'a>(&'a self, words: &[&[u8]], found: &mut Found<'a, T>) {
        if self.below.is_none() {
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

impl<T: Bindable> Below<T> {
    /// Takes `target` out once below `word` and `words`, and with it what has become empty.
    fn remove(&mut self, word: &[u8], words: &mut dyn Iterator<Item = &[u8]>, target: &T) {
        let below = match word {
            b"*" => &mut self.star,
            b"#" => &mut self.hash,
            word => {
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
        self.words.is_empty() && self.star.is_none() && self.hash.is_none()
    }
}

/// Gives memory back once a table is mostly empty.
pub(super) fn shrink<K: Eq + std::hash::Hash, V>(table: &mut HashMap<K, V, RandomState>) {
    if table.len() * 4 <= table.capacity() {
        table.shrink_to(table.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule as RabbitMQ's page says it, one word at a time.
    fn is_match(pattern: &[&[u8]], key: &[&[u8]]) -> bool {
        match (pattern.split_first(), key.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some((&b"#", rest)), None) => is_match(rest, key),
            (Some((&b"#", rest)), Some((_, shorter))) => {
                is_match(rest, key) || is_match(pattern, shorter)
            }
            (Some(_), None) => false,
            (Some((wanted, rest)), Some((found, shorter))) => {
                (*wanted == b"*" || wanted == found) && is_match(rest, shorter)
            }
        }
    }

    fn key(text: &str) -> RoutingKey {
        RoutingKey::parse(text.as_bytes()).unwrap()
    }

    fn found(topic: &Topic<usize>, key: &str) -> Vec<usize> {
        let mut found = Found::new();
        topic.route(key.as_bytes(), &mut found);
        let mut found: Vec<usize> = found.into_iter().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn check(patterns: &[&str], routing_key: &str, expected: &[&str]) {
        let mut topic = Topic::default();
        for (at, pattern) in patterns.iter().enumerate() {
            topic.bind(&key(pattern), at);
        }
        let found: Vec<&str> =
            found(&topic, routing_key).into_iter().map(|at| patterns[at]).collect();
        assert_eq!(found, expected, "{routing_key}");
    }

    #[test]
    fn words_are_matched_as_rabbitmq_does() {
        let all = ["#", "*", "", "a", "#.a", "a.#", "*.b", "a.*", "#.c.#", "a..b", "*.*.*", "."];
        check(&all, "", &["#", ""]);
        check(&all, "a", &["#", "*", "a", "#.a", "a.#"]);
        check(&all, "a.b", &["#", "a.#", "*.b", "a.*"]);
        check(&all, "a..b", &["#", "a.#", "a..b", "*.*.*"]);
        check(&all, ".", &["#", "."]);
        check(&all, "x.c.y", &["#", "#.c.#", "*.*.*"]);
        check(&all, "c", &["#", "*", "#.c.#"]);
        check(&all, "A", &["#", "*"]);
        check(&["a.**", "a#", "#b.#"], "a.x", &[]);
    }

    #[test]
    fn two_hashes_are_allowed_and_three_are_not() {
        assert_eq!(check_text("#.a.#"), "ok");
        assert_eq!(
            check_text("#.a.#.#"),
            "Topic binding key '#.a.#.#' uses 3 '#' wildcards, at most 2 are allowed"
        );
    }

    fn check_text(text: &str) -> String {
        super::check(&key(text)).map_or_else(|refusal| refusal.to_string(), |()| "ok".to_owned())
    }

    #[test]
    fn a_hundred_thousand_bindings_come_and_leave_nothing() {
        let mut topic = Topic::default();
        let keys: Vec<RoutingKey> = (0..100_000).map(|user| key(&format!("user.{user}"))).collect();
        for (at, key) in keys.iter().enumerate() {
            topic.bind(key, at);
        }
        assert_eq!(found(&topic, "user.77777"), [77_777]);
        for (at, key) in keys.iter().enumerate() {
            topic.unbind(key, &at);
        }
        assert!(topic.root.is_empty());
    }

    fn words() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "", "*", "#"]), 0..5)
            .prop_map(|words| words.join("."))
    }

    proptest! {
        #[test]
        fn the_trie_finds_what_the_rule_says(
            bound in prop::collection::vec((words(), any::<bool>()), 0..12),
            routing_key in words(),
        ) {
            let mut topic = Topic::default();
            for (at, (pattern, _)) in bound.iter().enumerate() {
                topic.bind(&key(pattern), at);
            }
            for (at, (pattern, _)) in bound.iter().enumerate().filter(|(_, (_, stays))| !stays) {
                topic.unbind(&key(pattern), &at);
            }
            let key_words: Vec<&[u8]> = super::words(routing_key.as_bytes()).collect();
            let mut expected = Vec::new();
            for (at, (pattern, stays)) in bound.iter().enumerate() {
                let pattern: Vec<&[u8]> = super::words(pattern.as_bytes()).collect();
                if *stays && is_match(&pattern, &key_words) {
                    expected.push(at);
                }
            }
            prop_assert_eq!(found(&topic, &routing_key), expected);
            for (at, (pattern, _)) in bound.iter().enumerate().filter(|(_, (_, stays))| *stays) {
                topic.unbind(&key(pattern), &at);
            }
            prop_assert!(topic.root.is_empty());
        }
    }
}
