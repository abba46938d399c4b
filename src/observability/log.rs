//! The log: JSON lines of this crate's events only. A panic is logged with its place, without its message.

use std::fmt;
use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use super::metrics;
use crate::deadline;

/// The target of the summary, one event for each request. It is written at every level, because it carries the metrics.
pub(crate) const SUMMARY: &str = "sagemaker_scaling::summary";
/// The target of the counts of a report. It is written at every level, like those below, because it carries metrics.
pub(crate) const REPORT: &str = "sagemaker_scaling::counts";
/// The target of a report that failed.
pub(crate) const FAILED_REPORT: &str = "sagemaker_scaling::no_counts";
/// The target of the failed scaling activities of one scalable target.
pub(crate) const FAILED_SCALING: &str = "sagemaker_scaling::failed_scaling";

/// The level for `ApplicationLogLevel`, which Lambda gives as `AWS_LAMBDA_LOG_LEVEL`. `RUST_LOG` is not read.
///
/// No event is fatal, so `FATAL` is quiet. Without a level it is `INFO`.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
pub fn level(text: Option<&str>) -> LevelFilter {
    match text {
        Some(fatal) if fatal.eq_ignore_ascii_case("FATAL") => LevelFilter::OFF,
        Some(level) => level.parse().unwrap_or(LevelFilter::INFO),
        None => LevelFilter::INFO,
    }
}

/// Writes this crate's events as JSON lines.
///
/// Events of other crates are left out at every level. The Lambda runtime, the SDK and the HTTP client log whole
/// requests at their lower levels, with response URL, signatures and session token.
pub fn subscriber<W>(writer: W, level: LevelFilter) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let with_metrics = [SUMMARY, REPORT, FAILED_REPORT, FAILED_SCALING].map(|target| (target, LevelFilter::INFO));
    let ours = Targets::new().with_target("sagemaker_scaling", level).with_targets(with_metrics);
    let format = tracing_subscriber::fmt::format().json().flatten_event(true).with_target(false).with_span_list(false);
    let lines = tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(Lines(format));
    tracing_subscriber::registry().with(lines.with_writer(writer)).with(ours)
}

/// JSON lines. Those of the targets above embed metrics.
#[derive(Debug)]
struct Lines(Format<Json>);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (metrics, dimensions) = match event.metadata().target() {
            SUMMARY => (metrics::METRICS, metrics::OF_FUNCTION),
            REPORT => (metrics::OF_REPORT, metrics::OF_FUNCTION),
            FAILED_REPORT => (metrics::OF_FAILED_REPORT, metrics::OF_FUNCTION),
            FAILED_SCALING => (metrics::OF_FAILED_SCALING, metrics::OF_TARGET),
            _ => return self.0.format_event(context, writer, event),
        };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        metrics::embed(&mut line, metrics, dimensions, deadline::now());
        writer.write_str(&line)
    }
}

/// Logs that there was a panic, and where. Rust's own hook would print its message to the function's log.
///
/// A message may quote anything, such as a request with its URL and headers. The reason in the answer has the message,
/// without secrets.
pub fn on_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, "panicked");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_of_lambda_writes_no_more_than_the_one_before() {
        let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].map(|text| level(Some(text)));
        assert!(levels.is_sorted_by(|more, less| more > less), "{levels:?}");
        assert_eq!(level(Some("FATAL")), LevelFilter::OFF);
        assert_eq!((level(Some("loud")), level(None)), (LevelFilter::INFO, LevelFilter::INFO));
    }
}
