//! `TargetTrackingScalingPolicyConfiguration`.

use schemars::{JsonSchema, Schema};

use crate::aws_documentation::{api_page, aws_page};
use crate::combinations::{exactly_one, excludes, has, needs};
use crate::values::{
    Boolean, DimensionValue, Expression, LabelOrUnit, MetricName, NotNegative, Number, PredefinedMetricType, QueryId,
    Statistic, Text,
};

/// Keeps a metric near a value: a predefined metric of Application Auto Scaling, or any metric of CloudWatch.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_TargetTrackingScalingPolicyConfiguration")))]
#[schemars(transform = one_metric)]
pub struct TargetTracking {
    /// The value to keep the metric near.
    pub target_value: Number,
    /// A predefined metric. Exactly one of this and `CustomizedMetricSpecification` is required.
    pub predefined_metric_specification: Option<PredefinedMetric>,
    /// A metric of CloudWatch, or an expression of several. Exactly one of this and `PredefinedMetricSpecification` is
    /// required.
    pub customized_metric_specification: Option<CustomizedMetric>,
    /// How many seconds to wait between a scale-in activity and the next.
    #[schemars(extend("default" = 300))]
    pub scale_in_cooldown: Option<NotNegative>,
    /// How many seconds to wait for a scale-out activity to take effect.
    #[schemars(extend("default" = 300))]
    pub scale_out_cooldown: Option<NotNegative>,
    /// Whether the policy scales out only.
    #[schemars(extend("default" = false))]
    pub disable_scale_in: Option<Boolean>,
}

/// A predefined metric of Application Auto Scaling.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_PredefinedMetricSpecification")))]
pub struct PredefinedMetric {
    /// The metric: `SageMakerInferenceComponent…` for copies, `…ProvisionedConcurrencyUtilization` for provisioned
    /// concurrency, the others for instances.
    pub predefined_metric_type: PredefinedMetricType,
    /// Metrics of other services have a label; those of SageMaker have none.
    pub resource_label: Option<LabelOrUnit>,
}

/// A metric of CloudWatch or, with `Metrics`, an expression of several.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_CustomizedMetricSpecification")))]
#[schemars(extend(
    "if" = has("Metrics"),
    "then" = excludes(&["Dimensions", "MetricName", "Namespace", "Statistic", "Unit"], "cannot be set together with Metrics; remove one of the two"),
    "else" = needs(&["MetricName", "Namespace", "Statistic"], "required, unless there are Metrics"),
))]
pub struct CustomizedMetric {
    /// The name of the metric. Required without `Metrics`.
    pub metric_name: Option<MetricName>,
    /// The namespace of the metric. Required without `Metrics`.
    pub namespace: Option<MetricName>,
    /// All dimensions with which the metric is published.
    #[schemars(length(max = 30))]
    pub dimensions: Option<Vec<Dimension>>,
    /// The statistic of the metric. Required without `Metrics`.
    pub statistic: Option<Statistic>,
    /// The unit of the metric.
    pub unit: Option<LabelOrUnit>,
    /// Metrics and expressions of them. Use this instead of all other properties.
    pub metrics: Option<Vec<MetricDataQuery>>,
}

/// A dimension of a metric.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = aws_page("AmazonCloudWatch/latest/APIReference/API_Dimension")))]
pub struct Dimension {
    /// The name of the dimension, such as `EndpointName`.
    pub name: MetricName,
    /// The value of the dimension.
    pub value: DimensionValue,
}

/// A metric, or an expression of other metrics.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_TargetTrackingMetricDataQuery")))]
#[schemars(transform = one_source)]
pub struct MetricDataQuery {
    /// The id by which expressions refer to this metric. It is unique in its policy, and begins with a lower-case letter.
    pub id: QueryId,
    /// An expression of other metrics. Exactly one of this and `MetricStat` is required.
    pub expression: Option<Expression>,
    /// A metric. Exactly one of this and `Expression` is required.
    pub metric_stat: Option<MetricStat>,
    /// A description for people.
    pub label: Option<Text>,
    /// Whether the policy tracks this result. It is true for exactly one of the metrics.
    #[schemars(extend("default" = true))]
    pub return_data: Option<Boolean>,
}

/// A metric and its statistic.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_TargetTrackingMetricStat")))]
pub struct MetricStat {
    /// The metric.
    pub metric: Metric,
    /// The statistic, such as `Average` or `p90`.
    pub stat: Text,
    /// The unit of the metric.
    pub unit: Option<LabelOrUnit>,
}

/// A metric of CloudWatch.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_TargetTrackingMetric")))]
pub struct Metric {
    /// The name of the metric.
    pub metric_name: Option<MetricName>,
    /// The namespace of the metric.
    pub namespace: Option<MetricName>,
    /// All dimensions with which the metric is published.
    #[schemars(length(max = 30))]
    pub dimensions: Option<Vec<Dimension>>,
}

fn one_metric(schema: &mut Schema) {
    exactly_one(schema, "PredefinedMetricSpecification", "CustomizedMetricSpecification");
}

fn one_source(schema: &mut Schema) {
    exactly_one(schema, "Expression", "MetricStat");
}
