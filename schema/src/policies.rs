//! `ScalingPolicies`.

use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::rules::{excludes, has, is, needs};
use crate::tracking::TargetTracking;
use crate::values::{AdjustmentType, MetricAggregationType, NotNegative, Number, PolicyName, PolicyType, WholeNumber};
use crate::{api, aws};

/// A scaling policy of the target. `ScalingTargetId`, `ResourceId`, `ScalableDimension` and `ServiceNamespace` are the
/// target's, and left out.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = aws("AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalingpolicy")))]
#[schemars(extend(
    "if" = is("PolicyType", "StepScaling"),
    "then" = goes_with("StepScaling", STEP, TRACKING),
    "else" = json!({
        "if": is("PolicyType", "TargetTrackingScaling"),
        "then": goes_with("TargetTrackingScaling", TRACKING, STEP),
    }),
))]
pub struct ScalingPolicy {
    /// The policy's name, which no other policy of the target has: up to 256 printable characters.
    pub policy_name: PolicyName,
    /// What the policy does. Predictive scaling is not for SageMaker.
    pub policy_type: PolicyType,
    /// Keeps a metric near a value. Required with `TargetTrackingScaling`, and not together with `StepScaling`.
    pub target_tracking_scaling_policy_configuration: Option<TargetTracking>,
    /// Scales in steps, when an alarm asks for it. Required with `StepScaling`, and not together with
    /// `TargetTrackingScaling`.
    pub step_scaling_policy_configuration: Option<StepScaling>,
}

/// How to scale when an alarm goes off that has the policy's ARN as its action.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_StepScalingPolicyConfiguration")))]
pub struct StepScaling {
    /// What the steps' `ScalingAdjustment` is: an addition, the capacity itself, or a percentage.
    pub adjustment_type: AdjustmentType,
    /// How many seconds a scaling activity may take to have an effect.
    #[schemars(extend("default" = 300))]
    pub cooldown: Option<NotNegative>,
    /// How the alarm's metric is aggregated.
    #[schemars(extend("default" = "Average"))]
    pub metric_aggregation_type: Option<MetricAggregationType>,
    /// The fewest to scale by where `AdjustmentType` is `PercentChangeInCapacity`.
    pub min_adjustment_magnitude: Option<NotNegative>,
    /// The steps, in any order. Together they reach from one end of the metric to the alarm's threshold, or from end to
    /// end.
    #[schemars(length(min = 1))]
    pub step_adjustments: Vec<StepAdjustment>,
}

/// A step: what to do while the metric is between two bounds. At least one of them is there.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_StepAdjustment")))]
#[schemars(extend("if" = has(UPPER), "else" = needs(&[LOWER], &format!("required where {UPPER} is missing"))))]
pub struct StepAdjustment {
    /// Where the step begins, as a difference to the alarm's threshold. The lowest step has none if it begins below it.
    pub metric_interval_lower_bound: Option<Number>,
    /// Where the step ends, likewise. The highest step has none if it ends above the threshold.
    pub metric_interval_upper_bound: Option<Number>,
    /// By how much to scale, or to what.
    pub scaling_adjustment: WholeNumber,
}

fn goes_with(policy_type: &str, configuration: &str, other: &str) -> Value {
    let mut rules = excludes(&[other], &format!("PolicyType {policy_type} goes with {configuration} alone"));
    rules["required"] = json!([configuration]);
    rules
}

const LOWER: &str = "MetricIntervalLowerBound";
const STEP: &str = "StepScalingPolicyConfiguration";
const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
const UPPER: &str = "MetricIntervalUpperBound";
