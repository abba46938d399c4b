//! The metrics of a request. CloudWatch takes them from the summary's line in the log.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

/// The namespace of the metrics. They have one dimension, the function. Each value of a dimension is a metric to pay for.
pub const NAMESPACE: &str = "sagemaker-scaling";

/// The metrics, which are fields of the summary, with their units.
pub const METRICS: [(&str, &str); 6] = [
    ("elapsed_ms", "Milliseconds"),
    ("failed", "Count"),
    ("retries", "Count"),
    ("delivery_attempts", "Count"),
    ("snapshotted", "Count"),
    ("restored", "Count"),
];

/// Adds to a line, a JSON object with these fields, the metadata by which CloudWatch finds the metrics.
pub(super) fn embed(line: &mut String, now: SystemTime) {
    let metrics: Vec<_> = METRICS.iter().map(|(name, unit)| json!({ "Name": name, "Unit": unit })).collect();
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let metadata = json!({
        "Timestamp": u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["function_name"]], "Metrics": metrics }],
    });
    if let Some(end) = line.rfind('}') {
        line.replace_range(end..=end, &format!(",\"_aws\":{metadata}}}"));
    }
}
