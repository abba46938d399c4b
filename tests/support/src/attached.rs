//! Scaling policies and scheduled actions, in the two forms that they have.

use serde_json::{Value, json};

/// A policy that adds so many instances. As CloudFormation sends it, if the number is text; as the API takes it, if it
/// is a number.
pub fn step(name: &str, adjustment: impl Into<Value>) -> Value {
    let adjustment = adjustment.into();
    let lower = if adjustment.is_string() { json!("0") } else { json!(0) };
    json!({
        "PolicyName": name,
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{ "MetricIntervalLowerBound": lower, "ScalingAdjustment": adjustment }],
        },
    })
}

/// A policy that keeps the invocations per instance at a value, in either form.
pub fn tracking(name: &str, value: impl Into<Value>) -> Value {
    json!({
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": value.into(),
            "PredefinedMetricSpecification": { "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance" },
        },
    })
}

/// A scheduled action that sets the minimum capacity, in either form.
pub fn action(name: &str, min: impl Into<Value>) -> Value {
    json!({
        "ScheduledActionName": name,
        "Schedule": "cron(0 8 * * ? *)",
        "ScalableTargetAction": { "MinCapacity": min.into() },
    })
}

/// One object with the fields of both.
pub fn merged(mut one: Value, other: &Value) -> Value {
    one.as_object_mut().expect("an object").extend(other.as_object().expect("an object").clone());
    one
}
