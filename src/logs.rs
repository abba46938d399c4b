//! What is logged: JSON lines of this crate only, and of a panic only where it was.

use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// Writes this crate's events as JSON lines, and nobody else's at any level.
///
/// The Lambda runtime, the SDK and the HTTP client log requests whole at their lower levels, with response URL,
/// signatures and session token.
pub fn subscriber<W>(writer: W, level: LevelFilter) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let ours = Targets::new().with_target("sagemaker_scaling", level);
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false).with_writer(writer);
    tracing_subscriber::registry().with(lines).with(ours)
}

/// Logs that there was a panic, and where; Rust's own hook prints to the function's log what it said.
///
/// What a panic says may quote anything, such as a request with its URL and its headers. The author of the template is
/// told, without the secrets.
pub fn on_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, "panicked");
}
