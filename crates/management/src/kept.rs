//! Waiting for the log, so that what was published over HTTP is answered once it is durable.

use std::sync::Arc;

use broker::store::{Failure, Ticket, Waiter};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::app::App;

/// Says once whether what was handed to the log is durable.
struct Told(Mutex<Option<oneshot::Sender<bool>>>);

impl Told {
    fn tell(&self, is_kept: bool) {
        if let Some(sender) = self.0.lock().take() {
            // Whoever asked may have gone.
            let _ = sender.send(is_kept);
        }
    }
}

impl Waiter for Told {
    fn synced(&self, _up_to: Ticket) {
        self.tell(true);
    }

    fn failed(&self, _failure: &Failure) {
        self.tell(false);
    }
}

/// Waits until everything that was handed to the log so far is durable; whether it is.
pub(crate) async fn is_kept(app: &App) -> bool {
    let Some(log) = app.engine.broker().log() else { return true };
    let (sender, told) = oneshot::channel();
    match log.sync(Arc::new(Told(Mutex::new(Some(sender))))) {
        Ok(_) => told.await.unwrap_or(false),
        Err(_) => false,
    }
}
