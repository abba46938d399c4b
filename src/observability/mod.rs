//! The log, the metrics and the progress of a request, and how secrets are kept out of them.

pub mod log;
pub mod metrics;
mod progress;
mod redaction;

pub(crate) use progress::in_words;
pub use progress::{Decision, InFlight, Progress, Tally};
pub(crate) use redaction::redact_credentials;
