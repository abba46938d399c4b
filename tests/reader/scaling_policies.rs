//! `ScalingPolicies`.

use serde_json::{Value, json};

use crate::{read, with};

fn read_all(policies: &[Value]) -> Result<Vec<Value>, String> {
    let desired = read(&with("ScalingPolicies", json!(policies)))?;
    Ok(desired.spec.attachments.into_iter().map(|policy| Value::Object(policy.body)).collect())
}

fn read_one(policy: Value) -> Result<Vec<Value>, String> {
    read_all(&[policy])
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
fn a_step_policy_is_read_into_the_apis_types() {
    let mut policy = steps(json!([step(None, Some("-10.5")), step(Some("-10.5"), None)]));
    policy[STEP]["Cooldown"] = json!("60");
    policy[STEP]["MetricAggregationType"] = json!("Maximum");
    policy[STEP]["MinAdjustmentMagnitude"] = json!("2");
    let expected = json!({
        "PolicyName": "p",
        "PolicyType": "StepScaling",
        STEP: {
            "AdjustmentType": "ChangeInCapacity",
            "Cooldown": 60,
            "MetricAggregationType": "Maximum",
            "MinAdjustmentMagnitude": 2,
            "StepAdjustments": [
                { UPPER: -10.5, "ScalingAdjustment": -1 },
                { LOWER: -10.5, "ScalingAdjustment": -1 },
            ],
        },
    });
    assert_eq!(read_one(policy).map(|policies| json!(policies[0])), Ok(expected));
}

#[test]
fn steps_have_to_cover_the_metric_without_gaps_in_any_order() {
    for sound in [
        json!([step(Some("0"), None)]),
        json!([step(None, Some("0"))]),
        json!([step(Some("10"), None), step(Some("0"), Some("10"))]),
        json!([step(None, Some("-5")), step(Some("-5"), Some("5")), step(Some("5"), None)]),
    ] {
        assert!(read_one(steps(sound.clone())).is_ok(), "{sound}");
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
        (json!([step(None, Some("0")), step(None, Some("9"))]), format!("[1].{LOWER}: missing in more than one step")),
        (json!([step(Some("-5"), Some("0"))]), format!("[0].{LOWER}: expected none on the lowest")),
        (json!([step(Some("0"), Some("5"))]), format!("[0].{UPPER}: expected none on the highest")),
    ] {
        let told = read_one(steps(wrong)).unwrap_err();
        assert!(told.starts_with(&format!("{path}{expected}")), "{told}");
    }
}

#[test]
fn a_policy_has_exactly_the_configuration_of_its_type() {
    let mut both = steps(json!([step(Some("0"), None)]));
    both[TRACKING] = json!({
        "TargetValue": "1",
        "PredefinedMetricSpecification": { "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance" },
    });
    let told = read_one(both.clone()).unwrap_err();
    assert_eq!(
        told,
        format!(
            "ScalingPolicies[0].{TRACKING}: cannot be set if PolicyType is StepScaling; remove it or change PolicyType"
        )
    );
    both["PolicyType"] = json!("TargetTrackingScaling");
    let told = read_one(both).unwrap_err();
    assert_eq!(
        told,
        format!(
            "ScalingPolicies[0].{STEP}: cannot be set if PolicyType is TargetTrackingScaling; remove it or change PolicyType"
        )
    );
    let told = read_one(json!({ "PolicyName": "p", "PolicyType": "StepScaling" })).unwrap_err();
    assert_eq!(told, format!("ScalingPolicies[0].{STEP}: required, but missing"));
    let told = read_one(json!({ "PolicyName": "p", "PolicyType": "PredictiveScaling" })).unwrap_err();
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
    let told = read_all(&[tracking("a", one), tracking("b", other), tracking("c", one)]).unwrap_err();
    assert!(told.starts_with(&format!("ScalingPolicies[2].{TRACKING}: tracks the metric of another")), "{told}");
    assert_eq!(told.matches("tracks").count(), 1);
}

#[test]
fn a_policy_must_not_name_another_target() {
    let mut policy = steps(json!([step(Some("0"), None)]));
    policy["ScalingTargetId"] = json!("endpoint/e/variant/v|sagemaker:variant:DesiredInstanceCount|sagemaker");
    let told = read_one(policy).unwrap_err();
    assert!(told.starts_with("ScalingPolicies[0].ScalingTargetId: leave it out"), "{told}");
}

#[test]
fn a_target_has_at_most_fifty_policies_with_different_names() {
    let mut policy = steps(json!([step(Some("0"), None)]));
    policy["PolicyName"] = json!("same");
    let told = read_all(&vec![policy; 51]).unwrap_err();
    assert!(told.contains("ScalingPolicies: expected at most 50, found 51; "), "{told}");
    assert!(told.contains("ScalingPolicies[49].PolicyName: the name same appears twice"), "{told}");
    assert_eq!(told.matches("twice").count(), 49);
}

const LOWER: &str = "MetricIntervalLowerBound";
const STEP: &str = "StepScalingPolicyConfiguration";
const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
const UPPER: &str = "MetricIntervalUpperBound";
