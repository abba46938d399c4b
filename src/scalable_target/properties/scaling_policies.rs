//! `ScalingPolicies`, each in the shape of the native [`AWS::ApplicationAutoScaling::ScalingPolicy`][native].
//!
//! [native]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalingpolicy.html

use std::collections::BTreeSet;

use autoscaling::types::{
    AdjustmentType, MetricAggregationType, PolicyType, StepAdjustment, StepScalingPolicyConfiguration,
    TargetTrackingScalingPolicyConfiguration,
};
use aws_sdk_applicationautoscaling as autoscaling;
use serde_json::Value;

use super::target_tracking::target_tracking;
use super::tracked_metric;
use crate::id::ScalableDimension;
use crate::reader::{Section, name, number, one_of, whole_number};

/// A scaling policy.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingPolicy {
    /// Its `PolicyName`.
    pub name: String,
    /// What it does.
    pub configuration: PolicyConfiguration,
}

/// What a scaling policy does, in the API's own shapes.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyConfiguration {
    /// It scales in steps, when an alarm asks for it.
    StepScaling(StepScalingPolicyConfiguration),
    /// It keeps a metric near a value.
    TargetTrackingScaling(TargetTrackingScalingPolicyConfiguration),
}

impl PolicyConfiguration {
    /// The `PolicyType`.
    pub fn policy_type(&self) -> PolicyType {
        match self {
            Self::StepScaling(_) => PolicyType::StepScaling,
            Self::TargetTrackingScaling(_) => PolicyType::TargetTrackingScaling,
        }
    }
}

/// Reads the policies of a target; its dimension is `None` where it could not be read.
pub(super) fn scaling_policies<'a>(section: &Section<'a>, dimension: Option<ScalableDimension>) -> Vec<ScalingPolicy> {
    let mut names = BTreeSet::new();
    let mut metrics = Vec::new();
    let read = |policy: Section<'a>| {
        policy.allow_only(&["PolicyName", "PolicyType", STEP, TRACKING], NOT_HERE);
        let name = policy.required("PolicyName", name(256));
        if name.is_some_and(|name| !names.insert(name.to_owned())) {
            policy.note("PolicyName", format_args!("the name {} is there twice", name.unwrap_or_default()));
        }
        let policy_type = policy.required("PolicyType", policy_type);
        let step = policy.section(STEP).map(|section| step_scaling(&section));
        let tracking = policy.section(TRACKING).map(|section| target_tracking(&section, dimension));
        if let Some(metric) = policy.value(TRACKING).and_then(tracked_metric) {
            if metrics.contains(&metric) {
                policy.note(TRACKING, "tracks the metric of another policy; a target has one policy for each metric");
            }
            metrics.push(metric);
        }
        let policy_type = policy_type?;
        let (wanted, other) = if policy_type == PolicyType::StepScaling { (STEP, TRACKING) } else { (TRACKING, STEP) };
        if policy.value(wanted).is_none() {
            policy.note(wanted, "required, but missing");
        }
        if policy.value(other).is_some() {
            policy.note(other, format_args!("does not go with PolicyType {}", policy_type.as_str()));
        }
        let configuration = if wanted == STEP {
            PolicyConfiguration::StepScaling(step??)
        } else {
            PolicyConfiguration::TargetTrackingScaling(tracking??)
        };
        Some(ScalingPolicy { name: name?.to_owned(), configuration })
    };
    section.sections("ScalingPolicies", "scaling policies", MAX_POLICIES).filter_map(read).collect()
}

fn policy_type(value: &Value) -> Result<PolicyType, String> {
    let known = [PolicyType::StepScaling, PolicyType::TargetTrackingScaling];
    let found = known.into_iter().find(|known| value.as_str() == Some(known.as_str()));
    found.ok_or_else(|| "StepScaling or TargetTrackingScaling (predictive scaling is not for SageMaker)".to_owned())
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepScalingPolicyConfiguration.html>
fn step_scaling(section: &Section<'_>) -> Option<StepScalingPolicyConfiguration> {
    section.allow_only(&["AdjustmentType", "Cooldown", "MetricAggregationType", "MinAdjustmentMagnitude", STEPS], &[]);
    let adjustment_type = section.required("AdjustmentType", one_of::<AdjustmentType>(AdjustmentType::values()));
    let cooldown = section.optional("Cooldown", whole_number(0));
    let aggregation =
        section.optional("MetricAggregationType", one_of::<MetricAggregationType>(MetricAggregationType::values()));
    let magnitude = section.optional("MinAdjustmentMagnitude", whole_number(0));
    let steps = step_adjustments(section);
    let configuration = StepScalingPolicyConfiguration::builder()
        .adjustment_type(adjustment_type?)
        .set_cooldown(cooldown.ok()?)
        .set_metric_aggregation_type(aggregation.ok()?)
        .set_min_adjustment_magnitude(magnitude.ok()?)
        .set_step_adjustments(Some(steps))
        .build();
    Some(configuration)
}

/// Reads the steps; together they have to reach from one end of the metric to the breach, or from end to end.
///
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html>
fn step_adjustments(section: &Section<'_>) -> Vec<StepAdjustment> {
    // How many there may be is a quota, which an account may have raised.
    let sections: Vec<_> = section.sections(STEPS, "step adjustments", usize::MAX).collect();
    let mut bounds = Vec::new();
    let mut steps = Vec::new();
    for step in &sections {
        step.allow_only(&[LOWER, UPPER, "ScalingAdjustment"], &[]);
        let lower = step.optional(LOWER, number);
        let upper = step.optional(UPPER, number);
        let adjustment = step.required("ScalingAdjustment", whole_number(i32::MIN));
        let (Ok(lower), Ok(upper)) = (lower, upper) else { continue };
        match (lower, upper) {
            (None, None) => step.note(LOWER, format_args!("required where {UPPER} is missing")),
            (Some(from), Some(to)) if from >= to => {
                step.note(LOWER, format_args!("expected less than {UPPER}, {to}, found {from}"));
            }
            _ => bounds.push((lower, upper, step)),
        }
        let builder = StepAdjustment::builder()
            .set_metric_interval_lower_bound(lower)
            .set_metric_interval_upper_bound(upper)
            .set_scaling_adjustment(adjustment);
        steps.extend(builder.build());
    }
    if section.value(STEPS).is_none() {
        section.note(STEPS, "required, but missing");
    } else if sections.is_empty() {
        section.note(STEPS, "expected at least one step adjustment");
    } else if bounds.len() == sections.len() {
        join_up(bounds);
    }
    steps
}

/// Notes where one step does not begin where the one below it ends, and where the outermost ones do not reach far enough.
fn join_up(mut bounds: Vec<(Option<f64>, Option<f64>, &Section<'_>)>) {
    let from = |lower: Option<f64>| lower.unwrap_or(f64::NEG_INFINITY);
    bounds.sort_by(|(a, ..), (b, ..)| from(*a).total_cmp(&from(*b)));
    for pair in bounds.windows(2) {
        let [(_, end, _), (begin, _, step)] = pair else { continue };
        match (end, begin) {
            (Some(end), Some(begin)) if end == begin => {}
            (Some(end), Some(begin)) => {
                step.note(LOWER, format_args!("expected {end}, where the step below it ends, found {begin}"));
            }
            (_, None) => step.note(LOWER, "missing in more than one step; only the lowest has none"),
            (None, _) => step.note(LOWER, format_args!("the step below it has no {UPPER}; only the highest has none")),
        }
    }
    if let Some((Some(lowest), _, step)) = bounds.first()
        && *lowest < 0.0
    {
        step.note(LOWER, format_args!("expected none on the lowest of steps that begin below 0, found {lowest}"));
    }
    if let Some((_, Some(highest), step)) = bounds.last()
        && *highest > 0.0
    {
        step.note(UPPER, format_args!("expected none on the highest of steps that end above 0, found {highest}"));
    }
}

const LOWER: &str = "MetricIntervalLowerBound";
const STEP: &str = "StepScalingPolicyConfiguration";
const STEPS: &str = "StepAdjustments";
pub(super) const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
const UPPER: &str = "MetricIntervalUpperBound";
const NOT_HERE: &[(&str, &str)] = &[
    ("PredictiveScalingPolicyConfiguration", "predictive scaling is not for SageMaker"),
    ("ResourceId", OF_THIS_TARGET),
    ("ScalableDimension", OF_THIS_TARGET),
    ("ScalingTargetId", OF_THIS_TARGET),
    ("ServiceNamespace", OF_THIS_TARGET),
];
const OF_THIS_TARGET: &str = "leave it out: the policy belongs to this resource's target";
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html>
const MAX_POLICIES: usize = 50;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reader::Collector;

    /// The policies of one that is given, or the mistakes in it.
    fn read(policy: Value) -> Result<Vec<ScalingPolicy>, String> {
        let mistakes = Collector::default();
        let properties = json!({ "ScalingPolicies": [policy] });
        let section = Section::new("", &properties, &mistakes).unwrap();
        let policies = scaling_policies(&section, Some(ScalableDimension::VariantDesiredInstanceCount));
        mistakes.finish(Some(policies)).map_err(|mistakes| mistakes.to_string())
    }

    fn steps(steps: Value) -> Value {
        let configuration = json!({ "AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps });
        json!({ "PolicyName": "p", "PolicyType": "StepScaling", STEP: configuration })
    }

    fn step(lower: Option<&str>, upper: Option<&str>) -> Value {
        let mut step = json!({ "ScalingAdjustment": "-1" });
        for (name, bound) in [(LOWER, lower), (UPPER, upper)] {
            if let Some(bound) = bound {
                step[name] = json!(bound);
            }
        }
        step
    }

    #[test]
    fn a_step_policy_is_read_with_its_true_types() {
        let mut policy = steps(json!([step(None, Some("-10.5")), step(Some("-10.5"), None)]));
        policy[STEP]["Cooldown"] = json!("60");
        policy[STEP]["MetricAggregationType"] = json!("Maximum");
        policy[STEP]["MinAdjustmentMagnitude"] = json!("2");
        let step = |lower: Option<f64>, upper: Option<f64>| {
            let builder = StepAdjustment::builder().scaling_adjustment(-1);
            builder.set_metric_interval_lower_bound(lower).set_metric_interval_upper_bound(upper).build().unwrap()
        };
        let expected = StepScalingPolicyConfiguration::builder()
            .adjustment_type(AdjustmentType::ChangeInCapacity)
            .cooldown(60)
            .metric_aggregation_type(MetricAggregationType::Maximum)
            .min_adjustment_magnitude(2)
            .step_adjustments(step(None, Some(-10.5)))
            .step_adjustments(step(Some(-10.5), None))
            .build();
        let read = read(policy).unwrap();
        assert_eq!(read[0].name, "p");
        assert_eq!(read[0].configuration, PolicyConfiguration::StepScaling(expected));
        assert_eq!(read[0].configuration.policy_type(), PolicyType::StepScaling);
    }

    #[test]
    fn steps_join_up_and_reach_the_ends_in_whatever_order_they_are_written() {
        for sound in [
            json!([step(Some("0"), None)]),
            json!([step(None, Some("0"))]),
            json!([step(Some("10"), None), step(Some("0"), Some("10"))]),
            json!([step(None, Some("-5")), step(Some("-5"), Some("5")), step(Some("5"), None)]),
        ] {
            assert!(read(steps(sound.clone())).is_ok(), "{sound}");
        }
        let path = format!("ScalingPolicies[0].{STEP}.StepAdjustments");
        for (wrong, expected) in [
            (json!([]), String::from(": expected at least one")),
            (json!([step(None, None)]), format!("[0].{LOWER}: required where")),
            (json!([step(Some("1"), Some("1"))]), format!("[0].{LOWER}: expected less than")),
            (
                json!([step(Some("0"), Some("10")), step(Some("15"), None)]),
                format!("[1].{LOWER}: expected 10, where the step below it ends, found 15"),
            ),
            (
                json!([step(Some("5"), None), step(Some("0"), Some("10"))]),
                format!("[0].{LOWER}: expected 10, where the step below it ends, found 5"),
            ),
            (
                json!([step(Some("0"), None), step(Some("9"), None)]),
                format!("[1].{LOWER}: the step below it has no {UPPER}"),
            ),
            (
                json!([step(None, Some("0")), step(None, Some("9"))]),
                format!("[1].{LOWER}: missing in more than one step"),
            ),
            (json!([step(Some("-5"), Some("0"))]), format!("[0].{LOWER}: expected none on the lowest")),
            (json!([step(Some("0"), Some("5"))]), format!("[0].{UPPER}: expected none on the highest")),
        ] {
            let told = read(steps(wrong)).unwrap_err();
            assert!(told.starts_with(&format!("{path}{expected}")), "{told}");
        }
    }

    #[test]
    fn there_is_exactly_the_configuration_that_matches_the_type() {
        let mut both = steps(json!([step(Some("0"), None)]));
        both[TRACKING] = json!({
            "TargetValue": "1",
            "PredefinedMetricSpecification": { "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance" },
        });
        let told = read(both.clone()).unwrap_err();
        assert_eq!(told, format!("ScalingPolicies[0].{TRACKING}: does not go with PolicyType StepScaling"));
        both["PolicyType"] = json!("TargetTrackingScaling");
        let told = read(both).unwrap_err();
        assert_eq!(told, format!("ScalingPolicies[0].{STEP}: does not go with PolicyType TargetTrackingScaling"));
        let told = read(json!({ "PolicyName": "p", "PolicyType": "StepScaling" })).unwrap_err();
        assert_eq!(told, format!("ScalingPolicies[0].{STEP}: required, but missing"));
        let told = read(json!({ "PolicyName": "p", "PolicyType": "PredictiveScaling" })).unwrap_err();
        assert!(told.starts_with("ScalingPolicies[0].PolicyType: expected StepScaling or"), "{told}");
    }

    #[test]
    fn a_metric_is_tracked_by_one_policy() {
        let tracking = |name: &str, metric: &str| {
            let metric = json!({ "PredefinedMetricType": metric });
            let configuration = json!({ "TargetValue": "1", "PredefinedMetricSpecification": metric });
            json!({ "PolicyName": name, "PolicyType": "TargetTrackingScaling", TRACKING: configuration })
        };
        let one = "SageMakerVariantInvocationsPerInstance";
        let other = "SageMakerVariantConcurrentRequestsPerModelHighResolution";
        let mistakes = Collector::default();
        let properties = json!({ "ScalingPolicies": [tracking("a", one), tracking("b", other), tracking("c", one)] });
        scaling_policies(&Section::new("", &properties, &mistakes).unwrap(), None);
        let told = mistakes.finish(Some(())).unwrap_err().to_string();
        assert!(told.starts_with(&format!("ScalingPolicies[2].{TRACKING}: tracks the metric of another")), "{told}");
        assert_eq!(told.matches("tracks").count(), 1);
    }

    #[test]
    fn what_names_another_target_is_not_for_here() {
        let mut policy = steps(json!([step(Some("0"), None)]));
        policy["ScalingTargetId"] = json!("endpoint/e/variant/v|sagemaker:variant:DesiredInstanceCount|sagemaker");
        let told = read(policy).unwrap_err();
        assert!(told.starts_with("ScalingPolicies[0].ScalingTargetId: leave it out"), "{told}");
    }

    #[test]
    fn there_are_fifty_policies_at_most_with_names_of_their_own() {
        let mistakes = Collector::default();
        let mut policy = steps(json!([step(Some("0"), None)]));
        policy["PolicyName"] = json!("same");
        let properties = json!({ "ScalingPolicies": vec![policy; 51] });
        scaling_policies(&Section::new("", &properties, &mistakes).unwrap(), None);
        let told = mistakes.finish(Some(())).unwrap_err().to_string();
        assert!(told.starts_with("ScalingPolicies: expected at most 50, found 51; "), "{told}");
        assert!(told.contains("ScalingPolicies[49].PolicyName: the name same is there twice"), "{told}");
        assert_eq!(told.matches("twice").count(), 49);
    }
}
