//! What is wanted of a target as the inputs of the calls that make it, for the record of a parked one.

use autoscaling::types::{
    CustomizedMetricSpecification, StepAdjustment, StepScalingPolicyConfiguration, TargetTrackingMetric,
    TargetTrackingMetricDataQuery, TargetTrackingMetricStat, TargetTrackingScalingPolicyConfiguration,
};
use aws_sdk_applicationautoscaling as autoscaling;
use serde_json::{Value, json};

use super::properties::{Desired, PolicyConfiguration, ScalingPolicy, ScheduledAction};
use crate::id::SERVICE_NAMESPACE;
use crate::owner::Tags;
use crate::parked::Object;

/// The input of `RegisterScalableTarget`.
pub fn target(desired: &Desired, tags: &Tags) -> Object {
    let state = desired.suspended_state.unwrap_or_default();
    object([
        ("ServiceNamespace", json!(SERVICE_NAMESPACE)),
        ("ResourceId", json!(desired.target.resource_id())),
        ("ScalableDimension", json!(desired.target.dimension().as_str())),
        ("MinCapacity", json!(desired.capacity.min())),
        ("MaxCapacity", json!(desired.capacity.max())),
        (
            "SuspendedState",
            json!({
                "DynamicScalingInSuspended": state.dynamic_scaling_in,
                "DynamicScalingOutSuspended": state.dynamic_scaling_out,
                "ScheduledScalingSuspended": state.scheduled_scaling,
            }),
        ),
        ("Tags", json!(tags)),
    ])
}

/// The input of `PutScalingPolicy`, without what names the target.
pub fn policy(policy: &ScalingPolicy) -> Object {
    let (name, configuration) = match &policy.configuration {
        PolicyConfiguration::StepScaling(step) => ("StepScalingPolicyConfiguration", step_scaling(step)),
        PolicyConfiguration::TargetTrackingScaling(tracking) => {
            ("TargetTrackingScalingPolicyConfiguration", target_tracking(tracking))
        }
    };
    object([
        ("PolicyName", json!(policy.name)),
        ("PolicyType", json!(policy.configuration.policy_type().as_str())),
        (name, configuration),
    ])
}

/// The input of `PutScheduledAction`, likewise.
pub fn action(action: &ScheduledAction) -> Object {
    let limits =
        [("MinCapacity", json!(action.action.min_capacity)), ("MaxCapacity", json!(action.action.max_capacity))];
    object([
        ("ScheduledActionName", json!(action.name)),
        ("Schedule", json!(action.schedule)),
        ("Timezone", json!(action.timezone)),
        ("StartTime", json!(action.start_time.map(|time| time.secs()))),
        ("EndTime", json!(action.end_time.map(|time| time.secs()))),
        ("ScalableTargetAction", object(limits).into()),
    ])
}

fn step_scaling(step: &StepScalingPolicyConfiguration) -> Value {
    let adjustment = |adjustment: &StepAdjustment| {
        object([
            ("MetricIntervalLowerBound", json!(adjustment.metric_interval_lower_bound)),
            ("MetricIntervalUpperBound", json!(adjustment.metric_interval_upper_bound)),
            ("ScalingAdjustment", json!(adjustment.scaling_adjustment)),
        ])
    };
    let fields = [
        ("AdjustmentType", json!(step.adjustment_type.as_ref().map(|value| value.as_str()))),
        ("StepAdjustments", step.step_adjustments().iter().map(adjustment).collect()),
        ("MinAdjustmentMagnitude", json!(step.min_adjustment_magnitude)),
        ("Cooldown", json!(step.cooldown)),
        ("MetricAggregationType", json!(step.metric_aggregation_type.as_ref().map(|value| value.as_str()))),
    ];
    object(fields).into()
}

fn target_tracking(tracking: &TargetTrackingScalingPolicyConfiguration) -> Value {
    let predefined = tracking.predefined_metric_specification.as_ref().map(|metric| {
        object([
            ("PredefinedMetricType", json!(metric.predefined_metric_type.as_str())),
            ("ResourceLabel", json!(metric.resource_label)),
        ])
    });
    let fields = [
        ("TargetValue", json!(tracking.target_value)),
        ("PredefinedMetricSpecification", json!(predefined)),
        ("CustomizedMetricSpecification", json!(tracking.customized_metric_specification.as_ref().map(customized))),
        ("ScaleOutCooldown", json!(tracking.scale_out_cooldown)),
        ("ScaleInCooldown", json!(tracking.scale_in_cooldown)),
        ("DisableScaleIn", json!(tracking.disable_scale_in)),
    ];
    object(fields).into()
}

fn customized(metric: &CustomizedMetricSpecification) -> Object {
    let dimensions = metric
        .dimensions
        .as_ref()
        .map(|dimensions| dimensions.iter().map(|each| dimension(&each.name, &each.value)).collect::<Vec<_>>());
    object([
        ("MetricName", json!(metric.metric_name)),
        ("Namespace", json!(metric.namespace)),
        ("Dimensions", json!(dimensions)),
        ("Statistic", json!(metric.statistic.as_ref().map(|value| value.as_str()))),
        ("Unit", json!(metric.unit)),
        ("Metrics", json!(metric.metrics.as_ref().map(|queries| queries.iter().map(query).collect::<Vec<_>>()))),
    ])
}

fn query(query: &TargetTrackingMetricDataQuery) -> Object {
    object([
        ("Id", json!(query.id)),
        ("Expression", json!(query.expression)),
        ("Label", json!(query.label)),
        ("MetricStat", json!(query.metric_stat.as_ref().map(stat))),
        ("ReturnData", json!(query.return_data)),
    ])
}

fn stat(stat: &TargetTrackingMetricStat) -> Object {
    object([
        ("Metric", json!(stat.metric.as_ref().map(metric))),
        ("Stat", json!(stat.stat)),
        ("Unit", json!(stat.unit)),
    ])
}

fn metric(metric: &TargetTrackingMetric) -> Object {
    let dimensions = metric
        .dimensions
        .as_ref()
        .map(|dimensions| dimensions.iter().map(|each| dimension(&each.name, &each.value)).collect::<Vec<_>>());
    object([
        ("Dimensions", json!(dimensions)),
        ("MetricName", json!(metric.metric_name)),
        ("Namespace", json!(metric.namespace)),
    ])
}

fn dimension(name: &str, value: &str) -> Object {
    object([("Name", json!(name)), ("Value", json!(value))])
}

/// An object of what is there.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Object {
    fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}
