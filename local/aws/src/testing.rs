//! Accounts and requests that the tests of several modules use.

use serde_json::{Value, json};

use crate::LocalAws;
use crate::protocol::fault::OperationResult;

pub(crate) const ID: &str = "endpoint/Prod/variant/blue";
pub(crate) const INSTANCES: &str = "sagemaker:variant:DesiredInstanceCount";

/// An account whose endpoint `Prod` has been in service since second 0, with two instances in variant `blue`.
pub(crate) fn with_endpoint() -> LocalAws {
    let mut aws = LocalAws::default();
    config(&mut aws, "large", "ml.m5.large");
    endpoint(&mut aws, "CreateEndpoint", "large").expect("the configuration exists");
    aws
}

pub(crate) fn config(aws: &mut LocalAws, name: &str, instance_type: &str) {
    let variant = json!({ "VariantName": "blue", "InstanceType": instance_type, "InitialInstanceCount": 2 });
    let input = json!({ "EndpointConfigName": name, "ProductionVariants": [variant] });
    aws.call("SageMaker.CreateEndpointConfig", &input, 0.0).expect("a valid configuration");
}

pub(crate) fn endpoint(aws: &mut LocalAws, operation: &str, config: &str) -> OperationResult {
    let input = json!({ "EndpointName": "Prod", "EndpointConfigName": config });
    aws.call(&format!("SageMaker.{operation}"), &input, 0.0)
}

pub(crate) fn describe_endpoint(aws: &mut LocalAws, now: f64) -> Value {
    aws.call("SageMaker.DescribeEndpoint", &json!({ "EndpointName": "Prod" }), now).expect("it exists")
}

/// Calls Application Auto Scaling for the scalable target of variant `blue`.
pub(crate) fn scaling(aws: &mut LocalAws, operation: &str, mut input: Value) -> OperationResult {
    for (member, value) in [("ServiceNamespace", "sagemaker"), ("ResourceId", ID), ("ScalableDimension", INSTANCES)] {
        input.as_object_mut().expect("an object").entry(member).or_insert_with(|| json!(value));
    }
    aws.call(&format!("AnyScaleFrontendService.{operation}"), &input, 7.0)
}

/// Registers variant `blue` and returns the target's ARN.
pub(crate) fn register(aws: &mut LocalAws, input: Value) -> String {
    let answer = scaling(aws, "RegisterScalableTarget", input).expect("registers");
    answer["ScalableTargetARN"].as_str().expect("an ARN").to_owned()
}

/// The account of [`with_endpoint`], with variant `blue` registered.
pub(crate) fn with_target() -> LocalAws {
    let mut aws = with_endpoint();
    register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 }));
    aws
}

/// A complete step scaling policy.
pub(crate) fn policy(name: &str) -> Value {
    json!({
        "PolicyName": name,
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{ "MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1 }],
        },
    })
}

/// A target tracking policy on a predefined metric.
pub(crate) fn tracking(name: &str, metric: &str) -> Value {
    json!({
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": { "PredefinedMetricType": metric },
        },
    })
}

/// A complete scheduled action.
pub(crate) fn action(name: &str) -> Value {
    json!({
        "ScheduledActionName": name,
        "Schedule": "rate(1 day)",
        "ScalableTargetAction": { "MinCapacity": 2 },
    })
}
