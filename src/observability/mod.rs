//! What the function records of a request: log, metrics, progress; and how it keeps secrets out of them.

pub mod log;
pub mod metrics;
mod progress;
mod redaction;

pub use progress::{Decision, InFlight, Progress, Tally};
pub(crate) use redaction::redact_credentials;
