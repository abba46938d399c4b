//! `ScalingPolicies`.

use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::aws_documentation::{api_page, aws_page};
use crate::combinations::{OF_THIS_TARGET, OUTPUT_ONLY, excludes, has, hints, is, needs};
use crate::target_tracking::TargetTracking;
use crate::values::{AdjustmentType, MetricAggregationType, NotNegative, Number, PolicyName, PolicyType, WholeNumber};

/// A scaling policy of the target. Omit `ScalingTargetId`, `ResourceId`, `ScalableDimension` and `ServiceNamespace`:
/// they follow from the target.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = aws_page("AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalingpolicy")))]
#[schemars(extend(
    "if" = is("PolicyType", "StepScaling"),
    "then" = requires_only("StepScaling", STEP, TRACKING),
    "else" = json!({
        "if": is("PolicyType", "TargetTrackingScaling"),
        "then": requires_only("TargetTrackingScaling", TRACKING, STEP),
    }),
    "hints" = hints(&[
        ("Alarms", OUTPUT_ONLY),
        ("CreationTime", OUTPUT_ONLY),
        ("PolicyARN", OUTPUT_ONLY),
        ("PredictiveScalingPolicyConfiguration", "SageMaker does not support predictive scaling"),
        ("ResourceId", OF_THIS_TARGET),
        ("ScalableDimension", OF_THIS_TARGET),
        ("ScalingTargetId", OF_THIS_TARGET),
        ("ServiceNamespace", OF_THIS_TARGET),
    ]),
))]
pub struct ScalingPolicy {
    /// The name of the policy, unique among the policies of the target: up to 256 printable characters.
    pub policy_name: PolicyName,
    /// The type of the policy. SageMaker does not support predictive scaling.
    pub policy_type: PolicyType,
    /// Keeps a metric near a value. Required with `TargetTrackingScaling`, not allowed with `StepScaling`.
    pub target_tracking_scaling_policy_configuration: Option<TargetTracking>,
    /// Scales in steps when a CloudWatch alarm invokes the policy. Required with `StepScaling`, not allowed with
    /// `TargetTrackingScaling`.
    pub step_scaling_policy_configuration: Option<StepScaling>,
}

/// How to scale when a CloudWatch alarm invokes the policy. The alarm has the ARN of the policy as its action.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_StepScalingPolicyConfiguration")))]
pub struct StepScaling {
    /// How to apply `ScalingAdjustment`: add it to the capacity, set it as the capacity, or add it as a percentage.
    pub adjustment_type: AdjustmentType,
    /// How many seconds to wait for a scaling activity to take effect.
    #[schemars(extend("default" = 300))]
    pub cooldown: Option<NotNegative>,
    /// How to aggregate the metric of the alarm.
    #[schemars(extend("default" = "Average"))]
    pub metric_aggregation_type: Option<MetricAggregationType>,
    /// The minimum to scale by if `AdjustmentType` is `PercentChangeInCapacity`.
    pub min_adjustment_magnitude: Option<NotNegative>,
    /// The steps, in any order. Together they cover all values below the threshold of the alarm, all values above it, or
    /// both, without gaps.
    #[schemars(length(min = 1))]
    pub step_adjustments: Vec<StepAdjustment>,
}

/// A step: how much to scale while the metric is between two bounds. At least one bound is required.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_StepAdjustment")))]
#[schemars(extend("if" = has(UPPER), "else" = needs(&[LOWER], &format!("required where {UPPER} is missing"))))]
pub struct StepAdjustment {
    /// The lower bound, relative to the threshold of the alarm. Omit it in the lowest step if that step is below the
    /// threshold.
    pub metric_interval_lower_bound: Option<Number>,
    /// The upper bound, relative to the threshold of the alarm. Omit it in the highest step if that step is above the
    /// threshold.
    pub metric_interval_upper_bound: Option<Number>,
    /// The amount to scale by, or the capacity to scale to, depending on `AdjustmentType`.
    pub scaling_adjustment: WholeNumber,
}

fn requires_only(policy_type: &str, configuration: &str, other: &str) -> Value {
    let mut rules = excludes(&[other], &format!("PolicyType {policy_type} goes with {configuration} alone"));
    rules["required"] = json!([configuration]);
    rules
}

const LOWER: &str = "MetricIntervalLowerBound";
const STEP: &str = "StepScalingPolicyConfiguration";
const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
const UPPER: &str = "MetricIntervalUpperBound";
