//! The time of a world.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Starts at the same date in each history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// In seconds since the epoch.
    pub(crate) fn now(self) -> f64 {
        1_700_000_000.0 + self.elapsed().as_secs_f64()
    }

    /// The same, for the clock of the function.
    pub(crate) fn date(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.elapsed()
    }

    /// A line of the report.
    pub(crate) fn line(self, what: impl std::fmt::Display) -> String {
        format!("{:9.3} s  {what}", self.elapsed().as_secs_f64())
    }
}
