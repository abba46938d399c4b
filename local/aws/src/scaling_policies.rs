//! Scaling policies: their configurations are kept as they were given.
//!
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html> and its neighbours,
//! which is also the source of every rule that names no other. Believed: the texts, where no source is named.

use serde_json::json;

use crate::attached::Kind;
use crate::input::{Input, required};
use crate::scalable_targets::{Target, TargetId};
use crate::shapes::Shape;
use crate::{Answer, Fault, LocalAws, step_scaling, target_tracking};

impl LocalAws {
    /// `Alarms` are left empty here; AWS lists the two that it makes for a target-tracking policy.
    pub(crate) fn put_scaling_policy(&mut self, input: Input<'_>, now: f64) -> Answer {
        Ok(json!({ "PolicyARN": self.put(Kind::Policy, input, now)?, "Alarms": [] }))
    }

    pub(crate) fn delete_scaling_policy(&mut self, input: Input<'_>) -> Answer {
        self.delete(Kind::Policy, input)
    }

    pub(crate) fn describe_scaling_policies(&self, input: Input<'_>) -> Answer {
        self.describe(Kind::Policy, input)
    }
}

/// Refuses a policy that, with what is stored of it, would not be whole, or not fit its target.
pub(crate) fn check(id: &TargetId, target: &Target, policy: Input<'_>) -> Result<(), Fault> {
    let name = policy.text("PolicyName")?;
    // The pattern of PolicyName is \p{Print}+.
    if name.contains(char::is_control) {
        let constraint = r"Member must satisfy regular expression pattern: \p{Print}+";
        return Err(Fault::constraint(format_args!("'{name}'"), "PolicyName", constraint));
    }
    // "This parameter is required if you are creating a scaling policy."
    let kind = policy.text("PolicyType")?;
    // "PredictiveScaling—Only supported for Amazon ECS"
    let Some((_, configuration)) = CONFIGURATIONS.iter().find(|(other, _)| *other == kind) else {
        return Err(Fault::validation(format!("Policy type {kind} is not supported for service namespace sagemaker")));
    };
    let others = CONFIGURATIONS.iter().map(|(_, member)| *member).chain([PREDICTIVE]);
    if let Some(other) = others.filter(|member| member != configuration).find(|member| policy.get(member).is_some()) {
        return Err(Fault::validation(format!("{other} cannot be specified for policy type {kind}")));
    }
    let given = required(configuration, policy.object(configuration)?)?;
    if *configuration == STEP { step_scaling::check(given) } else { target_tracking::check(id, target, name, given) }
}

pub(crate) const STEP: &str = "StepScalingPolicyConfiguration";
pub(crate) const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
const PREDICTIVE: &str = "PredictiveScalingPolicyConfiguration";
const CONFIGURATIONS: [(&str, &str); 2] = [("StepScaling", STEP), ("TargetTrackingScaling", TRACKING)];

pub(crate) const REQUEST: Shape = Shape::Structure {
    required: &[
        ("PolicyName", Shape::TextOf(256)),
        ("ServiceNamespace", Shape::Text),
        ("ResourceId", Shape::TextOf(1600)),
        ("ScalableDimension", Shape::Text),
    ],
    optional: &[
        ("PolicyType", Shape::OneOf(&["StepScaling", "TargetTrackingScaling", "PredictiveScaling"])),
        (STEP, step_scaling::CONFIGURATION),
        (TRACKING, target_tracking::CONFIGURATION),
        (PREDICTIVE, Shape::Structure { required: &[], optional: &[] }),
    ],
};

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{policy, scaling, tracking, with_target};

    fn refusal(aws: &mut LocalAws, input: Value) -> Fault {
        let fault = scaling(aws, "PutScalingPolicy", input.clone()).expect_err(&input.to_string());
        assert_eq!((fault.status, &*fault.code), (400, "ValidationException"), "{input}");
        fault
    }

    #[test]
    fn a_policy_needs_a_type_of_this_service_and_the_configuration_of_that_type_alone() {
        let mut aws = with_target();
        let (step, tracking) = (policy("p"), tracking("p", "SageMakerVariantInvocationsPerInstance"));
        for (type_, step, tracking, part) in [
            (json!(null), step[STEP].clone(), json!(null), "null at 'policyType'"),
            (json!("SimpleScaling"), step[STEP].clone(), json!(null), "'policyType'"),
            (json!("PredictiveScaling"), json!(null), json!(null), "not supported"),
            (json!("StepScaling"), json!(null), json!(null), "'stepScalingPolicyConfiguration'"),
            (json!("TargetTrackingScaling"), json!(null), json!(null), "'targetTrackingScalingPolicyConfiguration'"),
            (json!("StepScaling"), json!(null), tracking[TRACKING].clone(), TRACKING),
            (json!("TargetTrackingScaling"), step[STEP].clone(), tracking[TRACKING].clone(), STEP),
        ] {
            let fault =
                refusal(&mut aws, json!({ "PolicyName": "p", "PolicyType": type_, STEP: step, TRACKING: tracking }));
            assert!(fault.message.contains(part), "{fault}");
        }
        let mut predictive = policy("p");
        predictive[PREDICTIVE] = json!({ "MetricSpecifications": [] });
        refusal(&mut aws, predictive);
    }

    #[test]
    fn a_policy_of_another_type_forgets_the_configuration_of_the_first() {
        let mut aws = with_target();
        scaling(&mut aws, "PutScalingPolicy", policy("p")).expect("puts");
        scaling(&mut aws, "PutScalingPolicy", tracking("p", "SageMakerVariantInvocationsPerInstance")).expect("puts");
        let shown = scaling(&mut aws, "DescribeScalingPolicies", json!({})).expect("describes");
        let shown = &shown["ScalingPolicies"][0];
        assert_eq!((shown["PolicyType"].as_str(), shown.get(STEP)), (Some("TargetTrackingScaling"), None));
    }

    #[test]
    fn names_are_printable_and_not_too_long() {
        let mut aws = with_target();
        for name in ["", "a\nb", &"a".repeat(257)] {
            refusal(&mut aws, policy(name));
        }
        scaling(&mut aws, "PutScalingPolicy", policy(&"ä".repeat(256))).expect("256 characters");
    }

    #[test]
    fn a_number_that_is_text_cannot_be_read() {
        let mut aws = with_target();
        let mut input = tracking("p", "SageMakerVariantInvocationsPerInstance");
        input[TRACKING]["TargetValue"] = json!("70");
        let fault = scaling(&mut aws, "PutScalingPolicy", input).unwrap_err();
        assert_eq!((fault.status, &*fault.code), (400, "SerializationException"));
    }
}
