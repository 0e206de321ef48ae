//! Topic subscriptions under load: order, completeness, what a stalled reader
//! costs, and what it loses.
//!
//! Publishers go on only when whoever reads has read, so nothing here depends on how fast the
//! machine is: who reads is never behind by more than the streams hold.

mod churn;
mod expiry;
mod load;
mod stalled;
mod subscriber;
