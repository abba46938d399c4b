//! The configurations of step scaling policies.
//!
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepScalingPolicyConfiguration.html> and
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html>, which are also the source
//! of every rule that names no other. Assumed (belief error-texts): the texts.

use crate::protocol::fault::Fault;
use crate::protocol::input::Input;
use crate::protocol::member_types::MemberType;

/// The member of a policy with its step scaling configuration.
pub(crate) const STEP: &str = "StepScalingPolicyConfiguration";

/// Rejects an incomplete or inconsistent configuration.
pub(crate) fn check(configuration: Input<'_>) -> Result<(), Fault> {
    // "AdjustmentType is required if you are adding a new step scaling policy configuration", and so are the
    // adjustments.
    configuration.text("AdjustmentType")?;
    let steps = configuration.objects("StepAdjustments")?;
    if steps.is_empty() {
        return Err(Fault::validation("At least one step adjustment must be specified"));
    }
    // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html
    if steps.len() > MAX_STEPS {
        let message = format!("A scaling policy can have at most {MAX_STEPS} step adjustments");
        return Err(Fault::new("LimitExceededException", message));
    }
    let mut intervals = Vec::new();
    for step in steps {
        let (lower, upper) = (step.number("MetricIntervalLowerBound")?, step.number("MetricIntervalUpperBound")?);
        if lower.is_none() && upper.is_none() {
            return Err(Fault::validation("A step adjustment must have a lower or an upper bound"));
        }
        intervals.push((lower.unwrap_or(f64::NEG_INFINITY), upper.unwrap_or(f64::INFINITY)));
    }
    intervals.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    // "The ranges of your step adjustments can't overlap or have a gap." So at most one step has no lower bound, and
    // at most one no upper bound.
    if intervals.iter().any(|(lower, upper)| lower >= upper)
        || intervals.windows(2).any(|pair| pair[0].1.total_cmp(&pair[1].0).is_ne())
    {
        return Err(Fault::validation("Step adjustment intervals must be in order, without overlap and without gap"));
    }
    // "If one step adjustment has a negative lower bound, then there must be a step adjustment with a null lower bound";
    // likewise a positive upper bound requires a null one.
    let (first, last) = (intervals[0].0, intervals[intervals.len() - 1].1);
    if first.is_finite() && first < 0.0 || last.is_finite() && last > 0.0 {
        return Err(Fault::validation("There must be a step adjustment with an unspecified bound at each end"));
    }
    Ok(())
}

const MAX_STEPS: usize = 20;

pub(crate) const CONFIGURATION: MemberType = MemberType::Structure {
    required: &[],
    optional: &[
        ("AdjustmentType", MemberType::OneOf(&["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"])),
        (
            "StepAdjustments",
            MemberType::List(&MemberType::Structure {
                required: &[("ScalingAdjustment", MemberType::Integer)],
                optional: &[
                    ("MetricIntervalLowerBound", MemberType::Number),
                    ("MetricIntervalUpperBound", MemberType::Number),
                ],
            }),
        ),
        ("MinAdjustmentMagnitude", MemberType::Integer),
        ("Cooldown", MemberType::Integer),
        ("MetricAggregationType", MemberType::OneOf(&["Average", "Minimum", "Maximum"])),
    ],
};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{policy, scaling, with_target};

    fn put(configuration: Value) -> Result<(), Fault> {
        let mut input = policy("p");
        input[STEP] = configuration;
        scaling(&mut with_target(), "PutScalingPolicy", input).map(|_| ())
    }

    fn steps(bounds: &[(Option<f64>, Option<f64>)]) -> Value {
        let step = |(lower, upper): &(Option<f64>, Option<f64>)| json!({ "MetricIntervalLowerBound": lower, "MetricIntervalUpperBound": upper, "ScalingAdjustment": 1 });
        let steps: Vec<_> = bounds.iter().map(step).collect();
        json!({ "AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps })
    }

    #[test]
    fn the_steps_have_no_gap_and_no_overlap_and_end_unbounded_or_at_the_threshold() {
        for bounds in [
            &[(Some(0.0), None)][..],
            &[(None, Some(0.0))],
            &[(Some(10.0), None), (Some(0.0), Some(10.0))],
            &[(None, Some(-10.0)), (Some(-10.0), Some(0.0))],
            &[(None, Some(-10.0)), (Some(-10.0), Some(0.0)), (Some(0.0), Some(5.5)), (Some(5.5), None)],
        ] {
            put(steps(bounds)).unwrap_or_else(|fault| panic!("{bounds:?}: {fault}"));
        }
        for bounds in [
            &[][..],
            &[(None, None)],
            &[(Some(0.0), Some(10.0))],
            &[(Some(-10.0), Some(0.0))],
            &[(Some(0.0), None), (Some(10.0), None)],
            &[(None, Some(0.0)), (None, Some(-10.0))],
            &[(Some(0.0), Some(10.0)), (Some(11.0), None)],
            &[(Some(0.0), Some(10.0)), (Some(9.0), None)],
            &[(Some(0.0), Some(0.0)), (Some(0.0), None)],
            &[(Some(10.0), Some(0.0))],
        ] {
            assert_eq!(put(steps(bounds)).unwrap_err().code, "ValidationException", "{bounds:?}");
        }
    }

    #[test]
    fn a_policy_can_have_twenty_steps() {
        let many = |n: i32| {
            let bound = |at: i32| Some(f64::from(at)).filter(|_| at < n);
            steps(&(0..n).map(|at| (bound(at), bound(at + 1))).collect::<Vec<_>>())
        };
        put(many(20)).expect("twenty are allowed");
        assert_eq!(put(many(21)).unwrap_err().code, "LimitExceededException");
    }

    #[test]
    fn a_configuration_needs_an_adjustment_type_and_complete_steps_of_numbers() {
        let complete = steps(&[(Some(0.0), None)]);
        let with = |member: &str, value: Value| {
            let mut configuration = complete.clone();
            configuration[member] = value;
            configuration
        };
        for (configuration, code) in [
            (with("AdjustmentType", json!(null)), "ValidationException"),
            (with("AdjustmentType", json!("Add")), "ValidationException"),
            (with("MetricAggregationType", json!("Sum")), "ValidationException"),
            (with("StepAdjustments", json!([{ "MetricIntervalLowerBound": 0 }])), "ValidationException"),
            (with("Cooldown", json!("60")), "SerializationException"),
            (with("MinAdjustmentMagnitude", json!("1")), "SerializationException"),
            (
                with("StepAdjustments", json!([{ "MetricIntervalLowerBound": "0", "ScalingAdjustment": 1 }])),
                "SerializationException",
            ),
            (
                with("StepAdjustments", json!([{ "MetricIntervalLowerBound": 0, "ScalingAdjustment": "1" }])),
                "SerializationException",
            ),
        ] {
            assert_eq!(put(configuration.clone()).unwrap_err().code, code, "{configuration}");
        }
    }
}
