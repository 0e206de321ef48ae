//! A queue: competing consumers, acknowledgements, limits, dead letters.
//!
//! [`handle::Queue`] is what the rest of the broker holds: it locks, applies, and hands out.
//! [`state::QueueState`] is the rules, and pure.

mod age;
mod answer;
mod arguments;
mod carry_out;
mod changes;
mod command;
mod consumers;
pub mod dead_letter;
mod deaths;
mod effect;
mod equivalence;
mod expiry;
mod govern;
mod handle;
mod journal;
mod limits;
mod machine;
mod publish;
mod read_back;
mod ready;
mod recovery;
mod runs;
mod state;
mod stored;
mod stream_queue;
mod stream_start;
mod stream_state;
mod unacked;
mod view;

pub use answer::{Accepted, DeleteIf, Got, Positions, Published};
pub use consumers::{AUTOMATIC_CREDIT_MESSAGES, ConsumerSpec};
pub use handle::Queue;
pub use journal::{Journal, MessageLog};
pub use limits::{DeadLetterTarget, Limits, Overflow, QueueKind};
pub use view::{ConsumerView, Counts, Totals};

pub(crate) use deaths::Dead;
pub(crate) use effect::Effect;
pub(crate) use publish::publish_all;
pub(crate) use read_back::{Reader, Wanted};
