//! Who is inside: connections counted per node, vhost and user, and their limits.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use model::{Refusal, UserName, VhostName};
use parking_lot::Mutex;

/// Everybody inside.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    all: u64,
    by_vhost: HashMap<VhostName, u64, RandomState>,
    by_user: HashMap<UserName, u64, RandomState>,
}

/// How many may be inside; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionLimits {
    pub(crate) node: Option<u64>,
    pub(crate) vhost: Option<u64>,
    pub(crate) user: Option<u64>,
}

/// A place inside; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Seat {
    admission: Arc<Admission>,
    vhost: VhostName,
    user: UserName,
}

impl Admission {
    /// Lets somebody in.
    ///
    /// # Errors
    ///
    /// In RabbitMQ's order: [`Refusal::NodeConnectionLimit`], [`Refusal::VhostConnectionLimit`],
    /// [`Refusal::UserConnectionLimit`].
    pub(crate) fn enter(
        self: &Arc<Self>,
        vhost: &VhostName,
        user: &UserName,
        limits: ConnectionLimits,
    ) -> Result<Seat, Refusal> {
        let mut inside = self.inside.lock();
        let of_vhost = inside.by_vhost.get(vhost).copied().unwrap_or(0);
        let of_user = inside.by_user.get(user).copied().unwrap_or(0);
        let beyond = |limit: Option<u64>, count: u64| limit.filter(|limit| count >= *limit);
        if let Some(limit) = beyond(limits.node, inside.all) {
            return Err(Refusal::NodeConnectionLimit(limit));
        }
        if let Some(limit) = beyond(limits.vhost, of_vhost) {
            return Err(Refusal::VhostConnectionLimit(vhost.clone(), user.clone(), limit));
        }
        if let Some(limit) = beyond(limits.user, of_user) {
            return Err(Refusal::UserConnectionLimit(user.clone(), limit));
        }
        inside.all += 1;
        inside.by_vhost.insert(vhost.clone(), of_vhost + 1);
        inside.by_user.insert(user.clone(), of_user + 1);
        drop(inside);
        Ok(Seat { admission: Arc::clone(self), vhost: vhost.clone(), user: user.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.admission.inside.lock();
        inside.all = inside.all.saturating_sub(1);
        leave(&mut inside.by_vhost, &self.vhost);
        leave(&mut inside.by_user, &self.user);
    }
}

fn leave<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, u64, RandomState>, key: &K) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        _ => {
            counts.remove(key);
        }
    }
}
