//! The metrics of a request and of a report. CloudWatch takes them from lines in the log.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

/// The namespace of the metrics. AWS charges for each value of a dimension as for a metric.
pub const NAMESPACE: &str = "sagemaker-scaling";

/// The metrics, which are fields of the summary, with their units.
pub const METRICS: Metrics = &[
    ("elapsed_ms", "Milliseconds"),
    ("failed", "Count"),
    ("retries", "Count"),
    ("delivery_attempts", "Count"),
    ("snapshotted", "Count"),
    ("restored", "Count"),
];

/// The metrics of a report. A report by hand counts the same targets as that of the schedule, so use the maximum, not the sum.
pub const OF_REPORT: Metrics = &[
    ("orphans", "Count"),
    ("unregistered_targets", "Count"),
    ("drifted_targets", "Count"),
    ("stale_snapshots", "Count"),
    ("failed_activities", "Count"),
    ("report_failed", "Count"),
];

/// The metric of a report that failed.
pub const OF_FAILED_REPORT: Metrics = &[("report_failed", "Count")];

/// The metric of a target whose scaling failed.
pub const OF_FAILED_SCALING: Metrics = &[("target_failed_activities", "Count")];

/// Names of metrics, which are fields of a line, with their units.
pub type Metrics = &'static [(&'static str, &'static str)];

/// The dimension of most metrics.
pub(super) const OF_FUNCTION: &[&str] = &["function_name"];
/// The dimensions of the metric of a target.
pub(super) const OF_TARGET: &[&str] = &["function_name", "resource_id", "cause"];

/// Adds to a line, a JSON object with these fields, the metadata by which CloudWatch finds the metrics.
pub(super) fn embed(line: &mut String, metrics: Metrics, dimensions: &[&str], now: SystemTime) {
    let metrics: Vec<_> = metrics.iter().map(|(name, unit)| json!({ "Name": name, "Unit": unit })).collect();
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let metadata = json!({
        "Timestamp": u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics }],
    });
    if let Some(end) = line.rfind('}') {
        line.replace_range(end..=end, &format!(",\"_aws\":{metadata}}}"));
    }
}
