//! Scaling policies and scheduled actions, as CloudFormation sends them.

use serde_json::{Value, json};

/// A policy that adds so many instances.
pub(crate) fn step(name: &str, adjustment: &str) -> Value {
    json!({
        "PolicyName": name,
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{ "MetricIntervalLowerBound": "0", "ScalingAdjustment": adjustment }],
        },
    })
}

/// A scheduled action that sets the least capacity.
pub(crate) fn action(name: &str, min: &str) -> Value {
    json!({
        "ScheduledActionName": name,
        "Schedule": "cron(0 8 * * ? *)",
        "ScalableTargetAction": { "MinCapacity": min },
    })
}
