//! Spreads the calls of a report over time, so that they do not use up the account's rate limits.

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::operation::Operation;
use crate::timing::PACE;

/// The pace of a report: one for the calls to CloudFormation, and one for those to all other services.
///
/// AWS documents no limits of these calls, and does not say which operations share one. See [`PACE`].
#[derive(Debug)]
pub struct Pace {
    cloudformation: Mutex<Interval>,
    others: Mutex<Interval>,
}

impl Pace {
    /// Starts now.
    pub fn new() -> Self {
        let every = || {
            let mut interval = interval(PACE);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(interval)
        };
        Self { cloudformation: every(), others: every() }
    }

    /// Waits until a call may be made.
    pub(super) async fn turn(&self, operation: Operation) {
        let is_cloudformation = operation.iam_action().starts_with("cloudformation:");
        let turns = if is_cloudformation { &self.cloudformation } else { &self.others };
        turns.lock().await.tick().await;
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}
