//! One file per HTTP resource.

pub(crate) mod bindings;
pub(crate) mod channels;
pub(crate) mod connections;
pub(crate) mod consumers;
pub(crate) mod exchanges;
pub(crate) mod health;
pub(crate) mod limits;
pub(crate) mod nodes;
pub(crate) mod overview;
pub(crate) mod permissions;
pub(crate) mod policies;
pub(crate) mod publish;
pub(crate) mod queues;
pub(crate) mod topic_permissions;
pub(crate) mod users;
pub(crate) mod vhosts;
