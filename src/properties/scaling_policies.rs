//! `ScalingPolicies`, each in the shape of the native [`AWS::ApplicationAutoScaling::ScalingPolicy`][native].
//!
//! [native]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalingpolicy.html

use std::collections::BTreeSet;

use aws_sdk_applicationautoscaling::types::{AdjustmentType, MetricAggregationType, PolicyType};
use serde_json::Value;

use super::reader::{
    Hints, MISSING, OF_THIS_TARGET, OUTPUT_ONLY, Section, name, note_repeated_name, number, one_of, whole_number,
};
use super::target_tracking::target_tracking;
use crate::model::ScalableDimension;
use crate::model::json::{Object, text};

/// Reads the policies as bodies of `PutScalingPolicy`. No two have the same name or track the same metric.
///
/// `dimension` is `None` if it could not be read.
pub(super) fn scaling_policies(section: &Section<'_>, dimension: Option<ScalableDimension>) -> Vec<Object> {
    let mut names = BTreeSet::new();
    let mut metrics = Vec::new();
    section.sections("ScalingPolicies", "scaling policies", MAX_POLICIES, |policy| {
        policy.not_here(NOT_HERE);
        let body = policy
            .body()
            .required("PolicyName", name(256))
            .required("PolicyType", policy_type)
            .object(STEP, step_scaling)
            .object(TRACKING, |section| target_tracking(section, dimension))
            .finish();
        note_repeated_name(policy, "PolicyName", &body, &mut names);
        if let Some(metric) = policy.value(TRACKING).and_then(metric) {
            if metrics.contains(&metric) {
                policy.note(TRACKING, "tracks the metric of another policy; a target has one policy for each metric");
            }
            metrics.push(metric);
        }
        let policy_type = text(&body, "PolicyType")?;
        let is_step = policy_type == PolicyType::StepScaling.as_str();
        let (wanted, other) = if is_step { (STEP, TRACKING) } else { (TRACKING, STEP) };
        if policy.value(wanted).is_none() {
            policy.note(wanted, MISSING);
        }
        if policy.value(other).is_some() {
            policy.note(
                other,
                format_args!("cannot be set if PolicyType is {policy_type}; remove it or change PolicyType"),
            );
        }
        Some(body)
    })
}

/// The metric that a policy tracks, as it is written.
pub(super) fn tracked_metric(policy: &Value) -> Option<&Value> {
    metric(policy.get(TRACKING)?)
}

fn metric(tracking: &Value) -> Option<&Value> {
    tracking.get("PredefinedMetricSpecification").or_else(|| tracking.get("CustomizedMetricSpecification"))
}

fn policy_type(value: &Value) -> Result<&str, String> {
    let known = [PolicyType::StepScaling, PolicyType::TargetTrackingScaling];
    value.as_str().filter(|text| known.iter().any(|known| known.as_str() == *text)).ok_or_else(|| {
        "StepScaling or TargetTrackingScaling (SageMaker does not support predictive scaling)".to_owned()
    })
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepScalingPolicyConfiguration.html>
fn step_scaling(section: &Section<'_>) -> Object {
    let mut bounds = Vec::new();
    let configuration = section
        .body()
        .required("AdjustmentType", one_of(AdjustmentType::values()))
        .optional("Cooldown", whole_number(0))
        .optional("MetricAggregationType", one_of(MetricAggregationType::values()))
        .optional("MinAdjustmentMagnitude", whole_number(0))
        // The number of steps is a quota, which an account may have raised.
        .list(STEPS, "step adjustments", usize::MAX, |step| step_adjustment(step, &mut bounds))
        .finish();
    match section.value(STEPS) {
        None => section.note(STEPS, MISSING),
        Some(Value::Array(steps)) if steps.is_empty() => section.note(STEPS, "expected at least one step adjustment"),
        Some(Value::Array(steps)) if steps.len() == bounds.len() => note_gaps(section, bounds),
        Some(_) => {}
    }
    configuration
}

/// Reads one step. Adds its bounds to `bounds` if they are valid by themselves.
fn step_adjustment(step: &Section<'_>, bounds: &mut Vec<Bounds>) -> Object {
    let adjustment = step
        .body()
        .optional(LOWER, number)
        .optional(UPPER, number)
        .required("ScalingAdjustment", whole_number(i32::MIN))
        .finish();
    let [lower, upper] = [LOWER, UPPER].map(|bound| adjustment.get(bound).and_then(Value::as_f64));
    match (lower, upper) {
        (None, None) => step.note(LOWER, format_args!("required where {UPPER} is missing")),
        (Some(from), Some(to)) if from >= to => {
            step.note(LOWER, format_args!("expected less than {UPPER}, {to}, found {from}"));
        }
        _ => bounds.push(Bounds { index: bounds.len(), lower, upper }),
    }
    adjustment
}

/// The bounds of one step.
struct Bounds {
    index: usize,
    lower: Option<f64>,
    upper: Option<f64>,
}

impl Bounds {
    fn path(&self, bound: &str) -> String {
        format!("{STEPS}[{}].{bound}", self.index)
    }
}

/// Notes where the steps leave a gap or overlap, and where the outermost steps do not reach far enough.
///
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html>
fn note_gaps(section: &Section<'_>, mut bounds: Vec<Bounds>) {
    let from = |lower: Option<f64>| lower.unwrap_or(f64::NEG_INFINITY);
    bounds.sort_by(|a, b| from(a.lower).total_cmp(&from(b.lower)));
    for pair in bounds.windows(2) {
        let [below, step] = pair else { continue };
        let path = step.path(LOWER);
        match (below.upper, step.lower) {
            (Some(end), Some(begin)) if end == begin => {}
            (Some(end), Some(begin)) => {
                section.note(&path, format_args!("expected {end}, where the step below it ends, found {begin}"));
            }
            (_, None) => section.note(&path, "missing in more than one step; only the lowest has none"),
            (None, _) => {
                section.note(&path, format_args!("the step below it has no {UPPER}; only the highest has none"))
            }
        }
    }
    if let Some(step) = bounds.first()
        && let Some(lowest) = step.lower.filter(|lowest| *lowest < 0.0)
    {
        let expected = "expected none on the lowest of steps that begin below 0";
        section.note(&step.path(LOWER), format_args!("{expected}, found {lowest}"));
    }
    if let Some(step) = bounds.last()
        && let Some(highest) = step.upper.filter(|highest| *highest > 0.0)
    {
        let expected = "expected none on the highest of steps that end above 0";
        section.note(&step.path(UPPER), format_args!("{expected}, found {highest}"));
    }
}

const LOWER: &str = "MetricIntervalLowerBound";
const STEP: &str = "StepScalingPolicyConfiguration";
const STEPS: &str = "StepAdjustments";
const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
const UPPER: &str = "MetricIntervalUpperBound";
const NOT_HERE: Hints = &[
    ("Alarms", OUTPUT_ONLY),
    ("CreationTime", OUTPUT_ONLY),
    ("PolicyARN", OUTPUT_ONLY),
    ("PredictiveScalingPolicyConfiguration", "SageMaker does not support predictive scaling"),
    ("ResourceId", OF_THIS_TARGET),
    ("ScalableDimension", OF_THIS_TARGET),
    ("ScalingTargetId", OF_THIS_TARGET),
    ("ServiceNamespace", OF_THIS_TARGET),
];
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html>
const MAX_POLICIES: usize = 50;
