//! Scaling policies, which are stored as given.
//!
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html> and its neighbours,
//! which is also the source of every rule that names no other. Assumed (belief error-texts): the texts, where no source is named.

use serde_json::json;

use crate::application_auto_scaling::policies_and_actions::AttachmentType;
use crate::application_auto_scaling::step_scaling::{self, STEP};
use crate::application_auto_scaling::target_tracking::{self, TRACKING};
use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::{Input, required};
use crate::protocol::member_types::MemberType;
use crate::state::LocalAws;
use crate::state::scalable_target::{AttachmentKind, Target, TargetId};

impl LocalAws {
    /// `Alarms` is always empty; AWS lists the two alarms that it creates for a target tracking policy.
    pub(crate) fn put_scaling_policy(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        Ok(json!({ "PolicyARN": self.put_attachment(&POLICY, input, now)?, "Alarms": [] }))
    }

    pub(crate) fn delete_scaling_policy(&mut self, input: Input<'_>) -> OperationResult {
        self.delete_attachment(&POLICY, input)
    }

    pub(crate) fn describe_scaling_policies(&self, input: Input<'_>) -> OperationResult {
        self.describe_attachments(&POLICY, input)
    }
}

/// Rejects a policy that, merged with its stored members, is incomplete or does not suit its target.
fn check(id: &TargetId, target: &Target, policy: Input<'_>) -> Result<(), Fault> {
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

const PREDICTIVE: &str = "PredictiveScalingPolicyConfiguration";
const CONFIGURATIONS: [(&str, &str); 2] = [("StepScaling", STEP), ("TargetTrackingScaling", TRACKING)];

static POLICY: AttachmentType = AttachmentType {
    kind: AttachmentKind::ScalingPolicy,
    request: REQUEST,
    check,
    list: "ScalingPolicies",
    names: "PolicyNames",
    name: "PolicyName",
    arn: "PolicyARN",
    arn_type: "scalingPolicy",
    arn_name: "policyName",
    not_found: "No scaling policy found",
    max_results: 10,
    quota: 50,
};

const REQUEST: MemberType = MemberType::Structure {
    required: &[
        ("PolicyName", MemberType::BoundedText(256)),
        ("ServiceNamespace", MemberType::Text),
        ("ResourceId", MemberType::BoundedText(1600)),
        ("ScalableDimension", MemberType::Text),
    ],
    optional: &[
        ("PolicyType", MemberType::OneOf(&["StepScaling", "TargetTrackingScaling", "PredictiveScaling"])),
        (STEP, step_scaling::CONFIGURATION),
        (TRACKING, target_tracking::CONFIGURATION),
        (PREDICTIVE, MemberType::Structure { required: &[], optional: &[] }),
    ],
};

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{policy, scaling, tracking, with_target};

    fn rejection(aws: &mut LocalAws, input: Value) -> Fault {
        let fault = scaling(aws, "PutScalingPolicy", input.clone()).expect_err(&input.to_string());
        assert_eq!((fault.status, &*fault.code), (400, "ValidationException"), "{input}");
        fault
    }

    #[test]
    fn a_policy_needs_a_supported_type_and_only_the_configuration_of_that_type() {
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
                rejection(&mut aws, json!({ "PolicyName": "p", "PolicyType": type_, STEP: step, TRACKING: tracking }));
            assert!(fault.message.contains(part), "{fault}");
        }
        let mut predictive = policy("p");
        predictive[PREDICTIVE] = json!({ "MetricSpecifications": [] });
        rejection(&mut aws, predictive);
    }

    #[test]
    fn a_policy_that_changes_its_type_loses_its_old_configuration() {
        let mut aws = with_target();
        scaling(&mut aws, "PutScalingPolicy", policy("p")).expect("puts");
        scaling(&mut aws, "PutScalingPolicy", tracking("p", "SageMakerVariantInvocationsPerInstance")).expect("puts");
        let shown = scaling(&mut aws, "DescribeScalingPolicies", json!({})).expect("describes");
        let shown = &shown["ScalingPolicies"][0];
        assert_eq!((shown["PolicyType"].as_str(), shown.get(STEP)), (Some("TargetTrackingScaling"), None));
    }

    #[test]
    fn a_name_has_up_to_256_printable_characters() {
        let mut aws = with_target();
        for name in ["", "a\nb", &"a".repeat(257)] {
            rejection(&mut aws, policy(name));
        }
        scaling(&mut aws, "PutScalingPolicy", policy(&"ä".repeat(256))).expect("256 characters");
    }

    #[test]
    fn a_number_as_a_string_is_rejected() {
        let mut aws = with_target();
        let mut input = tracking("p", "SageMakerVariantInvocationsPerInstance");
        input[TRACKING]["TargetValue"] = json!("70");
        let fault = scaling(&mut aws, "PutScalingPolicy", input).unwrap_err();
        assert_eq!((fault.status, &*fault.code), (400, "SerializationException"));
    }
}
