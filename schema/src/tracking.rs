//! `TargetTrackingScalingPolicyConfiguration`.

use schemars::{JsonSchema, Schema};

use crate::rules::{exactly_one, excludes, has, needs};
use crate::values::{Boolean, NotNegative, Number, PredefinedMetricType, Statistic, Text};
use crate::{api, aws};

/// Keeps a metric near a value: one that Application Auto Scaling knows, or one of CloudWatch's.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_TargetTrackingScalingPolicyConfiguration")))]
#[schemars(transform = one_metric)]
pub struct TargetTracking {
    /// The value.
    pub target_value: Number,
    /// A metric that Application Auto Scaling knows. Required, or `CustomizedMetricSpecification`.
    pub predefined_metric_specification: Option<PredefinedMetric>,
    /// A metric of CloudWatch's, or an expression of several. Required, or `PredefinedMetricSpecification`.
    pub customized_metric_specification: Option<CustomizedMetric>,
    /// How many seconds after a scale-in the next may be.
    #[schemars(extend("default" = 300))]
    pub scale_in_cooldown: Option<NotNegative>,
    /// How many seconds a scale-out may take to have an effect.
    #[schemars(extend("default" = 300))]
    pub scale_out_cooldown: Option<NotNegative>,
    /// Whether the policy only scales out.
    #[schemars(extend("default" = false))]
    pub disable_scale_in: Option<Boolean>,
}

/// A metric that Application Auto Scaling knows.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_PredefinedMetricSpecification")))]
pub struct PredefinedMetric {
    /// The metric: `SageMakerInferenceComponent…` where copies are scaled, `…ProvisionedConcurrencyUtilization` where
    /// provisioned concurrency is, the others where instances are.
    pub predefined_metric_type: PredefinedMetricType,
    /// Of other services' metrics; SageMaker's have none.
    pub resource_label: Option<Text>,
}

/// A metric of CloudWatch's, or with `Metrics` an expression of several.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_CustomizedMetricSpecification")))]
#[schemars(extend(
    "if" = has("Metrics"),
    "then" = excludes(&["Dimensions", "MetricName", "Namespace", "Statistic", "Unit"], "not together with Metrics"),
    "else" = needs(&["MetricName", "Namespace", "Statistic"], "required, unless there are Metrics"),
))]
pub struct CustomizedMetric {
    /// The metric's name. Required, unless there are `Metrics`.
    pub metric_name: Option<Text>,
    /// The metric's namespace. Required, unless there are `Metrics`.
    pub namespace: Option<Text>,
    /// The metric's dimensions, all that it was published with.
    #[schemars(length(max = 30))]
    pub dimensions: Option<Vec<Dimension>>,
    /// The metric's statistic. Required, unless there are `Metrics`.
    pub statistic: Option<Statistic>,
    /// The metric's unit.
    pub unit: Option<Text>,
    /// Metrics and expressions of them, instead of all the others.
    pub metrics: Option<Vec<MetricDataQuery>>,
}

/// A dimension of a metric.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = aws("AmazonCloudWatch/latest/APIReference/API_Dimension")))]
pub struct Dimension {
    /// The dimension's name, such as `EndpointName`.
    pub name: Text,
    /// The dimension's value.
    pub value: Text,
}

/// A metric, or an expression of others.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_TargetTrackingMetricDataQuery")))]
#[schemars(transform = one_source)]
pub struct MetricDataQuery {
    /// The name by which expressions know it, beginning with a lower-case letter.
    pub id: Text,
    /// An expression of other metrics. Required, or `MetricStat`.
    pub expression: Option<Text>,
    /// A metric. Required, or `Expression`.
    pub metric_stat: Option<MetricStat>,
    /// What it is, for people.
    pub label: Option<Text>,
    /// Whether this is what is tracked, which one of them is.
    #[schemars(extend("default" = true))]
    pub return_data: Option<Boolean>,
}

/// A metric and its statistic.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_TargetTrackingMetricStat")))]
pub struct MetricStat {
    /// The metric.
    pub metric: Metric,
    /// The statistic, such as `Average` or `p90`.
    pub stat: Text,
    /// The metric's unit.
    pub unit: Option<Text>,
}

/// A metric of CloudWatch's.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_TargetTrackingMetric")))]
pub struct Metric {
    /// The metric's name.
    pub metric_name: Option<Text>,
    /// The metric's namespace.
    pub namespace: Option<Text>,
    /// The metric's dimensions, all that it was published with.
    #[schemars(length(max = 30))]
    pub dimensions: Option<Vec<Dimension>>,
}

fn one_metric(schema: &mut Schema) {
    exactly_one(schema, "PredefinedMetricSpecification", "CustomizedMetricSpecification");
}

fn one_source(schema: &mut Schema) {
    exactly_one(schema, "Expression", "MetricStat");
}
