//! What a driver feeds: one state machine per peer, without socket, clock or `await`.

use std::time::Instant;

use engine::Event;

use crate::action::Actions;

/// The longest WebSocket message unless a session says otherwise: RabbitMQ's `stomp.max_frame_size`
/// by default, and the 4096 that it adds for the frame around the body.
pub const MESSAGE_BYTES_MAX: usize = 4_194_304 + 4096;

/// One peer's protocol state.
pub trait Session {
    /// Takes what it can of `input`, the peer's bytes not yet taken, and says how many that was.
    ///
    /// Called again with the rest and more behind it; a session copies nothing that it does not
    /// need. What it has not understood yet it leaves, up to its limits.
    fn receive(&mut self, now: Instant, input: &[u8], actions: &mut Actions) -> usize;

    /// Hears one event of its link.
    fn hear(&mut self, now: Instant, event: Event, actions: &mut Actions);

    /// Called once after a batch of `receive` and `hear`, before the outbox is written: the place
    /// to say in one frame what the batch said in many (confirms).
    fn settle_batch(&mut self, now: Instant, actions: &mut Actions);

    /// The time when [`Session::expire`] wants to be called, if any: heart-beats, login time-outs.
    /// May be earlier than needed; never later. Cheap: asked after each batch.
    fn next_deadline(&self) -> Option<Instant>;

    /// A deadline has come (or is near): send a heart-beat, give up on the peer.
    fn expire(&mut self, now: Instant, actions: &mut Actions);

    /// The node goes down: say goodbye in the protocol. The driver gives the peer some time to
    /// answer.
    fn shut_down(&mut self, now: Instant, actions: &mut Actions);

    /// Whether it takes input at all at the moment. `false` while it must wait for an answer or an
    /// alarm.
    fn is_reading(&self) -> bool {
        true
    }

    /// The longest WebSocket message it takes at the moment, in bytes; asked before each. A longer
    /// one closes with 1009.
    ///
    /// STOMP: its limit for frames, which is lower before the login, and 4096.
    fn message_bytes_max(&self) -> usize {
        MESSAGE_BYTES_MAX
    }

    /// Tells it that bytes were written since the last call, so that a heart-beat can be saved.
    fn wrote(&mut self, now: Instant);
}
