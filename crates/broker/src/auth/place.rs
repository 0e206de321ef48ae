//! A place that destination rules judge, spelled as a STOMP client would.

use model::{ExchangeKind, ExchangeName};
use smallvec::{SmallVec, smallvec};

use super::wildcard::{Wildcard, escape};

/// The exchange behind `/topic/…`.
const TOPIC_EXCHANGE: &str = "amq.topic";

/// Where somebody wants to read from or write to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// A queue.
    Queue(&'a str),
    /// An exchange, by a routing or binding key.
    Exchange {
        /// Its name.
        name: &'a ExchangeName,
        /// How it routes.
        kind: ExchangeKind,
        /// The key.
        key: &'a [u8],
    },
}

/// A destination without and with its key.
struct Spelling {
    /// `/topic/`, `/exchange/x/`, or the whole if there is no key.
    prefix: String,
    key: String,
}

impl Spelling {
    fn whole(prefix: String) -> Self {
        Self { prefix, key: String::new() }
    }

    fn text(&self) -> String {
        format!("{}{}", self.prefix, escape(&self.key))
    }
}

impl Place<'_> {
    /// Every way to write it; a rule that means one of them means the place.
    fn spellings(self) -> SmallVec<[Spelling; 2]> {
        match self {
            Self::Queue(queue) => queue_spellings(queue),
            Self::Exchange { name, key, .. } if name.is_default() => {
                queue_spellings(&String::from_utf8_lossy(key))
            }
            Self::Exchange { name, kind, key } => {
                let prefix = format!("/exchange/{}", escape(name.as_str()));
                let key = String::from_utf8_lossy(key).into_owned();
                let bare = Spelling::whole(prefix.clone());
                if key.is_empty() {
                    return smallvec![bare];
                }
                let with_key = Spelling { prefix: format!("{prefix}/"), key: key.clone() };
                match kind {
                    _ if name.as_str() == TOPIC_EXCHANGE => {
                        smallvec![Spelling { prefix: "/topic/".to_owned(), key }, with_key]
                    }
                    ExchangeKind::Direct | ExchangeKind::Topic => smallvec![with_key],
                    // The key means nothing to these: it is the same place whatever is in it.
                    ExchangeKind::Fanout | ExchangeKind::Headers => smallvec![with_key, bare],
                }
            }
        }
    }

    /// The place as refusals name it.
    pub(super) fn name(self) -> Box<str> {
        let spellings = self.spellings();
        spellings.first().map(Spelling::text).unwrap_or_default().into()
    }

    /// Whether a rule's pattern means this place.
    pub(super) fn is_meant_by(self, pattern: &Wildcard) -> bool {
        self.spellings().iter().any(|spelling| pattern.matches(&spelling.text()))
    }

    /// Whether a rule's pattern means something that a subscription to this place could bring.
    pub(super) fn brings_what_is_meant_by(self, pattern: &Wildcard) -> bool {
        match self {
            Self::Exchange { kind: ExchangeKind::Topic, .. } => self
                .spellings()
                .iter()
                .any(|spelling| pattern.overlaps_topic(&spelling.prefix, &spelling.key)),
            place => place.is_meant_by(pattern),
        }
    }
}

fn queue_spellings(queue: &str) -> SmallVec<[Spelling; 2]> {
    let queue = escape(queue);
    smallvec![
        Spelling::whole(format!("/queue/{queue}")),
        Spelling::whole(format!("/amq/queue/{queue}")),
    ]
}
