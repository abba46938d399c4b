//! Good properties, and values to put in the place of theirs.

use schema::SCALABLE_TARGET;
use serde_json::{Value, json};

/// Good properties of a type, which together have every property.
pub(crate) fn documents(resource_type: &str) -> Vec<Value> {
    if resource_type != SCALABLE_TARGET {
        return vec![json!({
            "ServiceToken": "arn", "ServiceTimeout": 3000, "EndpointName": "prod", "EndpointConfigName": "config-1",
            "IncludeOtherStacks": false,
        })];
    }
    let variant = json!({
        "ServiceToken": "arn",
        "ServiceTimeout": 3000,
        "EndpointName": "prod",
        "VariantName": "AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "MinCapacity": 1,
        "MaxCapacity": 4,
        "AdoptExisting": false,
        "PropagateStackTags": "true",
        "TakeOverFrom": "former-stack/Scaling",
        "UpdateGate": "endpoint/prod/config/config-1|update-gate",
        "SuspendedState": {
            "DynamicScalingInSuspended": true,
            "DynamicScalingOutSuspended": false,
            "ScheduledScalingSuspended": "true",
        },
        "Tags": [{ "Key": "team", "Value": "ml" }],
        "ScheduledActions": [{
            "ScheduledActionName": "morning",
            "Schedule": "cron(0 8 * * ? *)",
            "Timezone": "Europe/Berlin",
            "StartTime": "2030-01-01T00:00:00Z",
            "EndTime": "2030-02-01T00:00:00Z",
            "ScalableTargetAction": { "MinCapacity": 2, "MaxCapacity": "3" },
        }],
        "ScalingPolicies": [tracking("predefined", json!({
            "TargetValue": 70.5,
            "ScaleInCooldown": 600,
            "ScaleOutCooldown": "60",
            "DisableScaleIn": false,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance",
                "ResourceLabel": "label",
            },
        })), {
            "PolicyName": "steps",
            "PolicyType": "StepScaling",
            "StepScalingPolicyConfiguration": {
                "AdjustmentType": "ChangeInCapacity",
                "Cooldown": 300,
                "MetricAggregationType": "Average",
                "MinAdjustmentMagnitude": 1,
                "StepAdjustments": [
                    { "MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": "10", "ScalingAdjustment": 1 },
                    { "MetricIntervalLowerBound": 10, "ScalingAdjustment": -1 },
                ],
            },
        }],
    });
    let dimensions = json!([{ "Name": "EndpointName", "Value": "prod" }]);
    let customized = json!({
        "TargetValue": "60",
        "CustomizedMetricSpecification": {
            "MetricName": "CPUUtilization",
            "Namespace": "/aws/sagemaker/Endpoints",
            "Dimensions": dimensions,
            "Statistic": "Average",
            "Unit": "Percent",
        },
    });
    let computed = json!({
        "TargetValue": 30,
        "CustomizedMetricSpecification": { "Metrics": [
            {
                "Id": "latency",
                "Label": "of the model",
                "ReturnData": false,
                "MetricStat": {
                    "Stat": "Average",
                    "Unit": "Microseconds",
                    "Metric": { "MetricName": "ModelLatency", "Namespace": "AWS/SageMaker", "Dimensions": dimensions },
                },
            },
            { "Id": "busy", "Expression": "latency / 2", "ReturnData": true },
        ] },
    });
    let utilization = predefined("SageMakerVariantProvisionedConcurrencyUtilization");
    let mut serverless = with("EndpointName", &[tracking("concurrency", utilization)]);
    serverless["VariantName"] = json!("v");
    serverless["ScalableDimension"] = json!("sagemaker:variant:DesiredProvisionedConcurrency");
    let invocations = predefined("SageMakerInferenceComponentInvocationsPerCopy");
    let mut component = with("InferenceComponentName", &[tracking("copies", invocations)]);
    component["ScalableDimension"] = json!("sagemaker:inference-component:DesiredCopyCount");
    let own = with("InferenceComponentName", &[tracking("customized", customized), tracking("computed", computed)]);
    // Without a policy, a variant may have any dimension.
    let unscaled = json!({
        "ServiceToken": "arn",
        "EndpointName": "prod",
        "VariantName": "v",
        "MinCapacity": 1,
        "MaxCapacity": 4,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    });
    vec![variant, serverless, component, own, unscaled]
}

/// Values of every kind, and those that mean something somewhere.
pub(crate) fn values() -> Vec<Value> {
    let texts = [
        "",
        " ",
        " a",
        "a ",
        "a b",
        "a_b",
        "a-b",
        "-a",
        "a-",
        "a:b",
        "a/b",
        "a|b",
        "a\tb",
        "a\u{85}b",
        "é",
        "aws:x",
        "AWS:x",
        "sagemaker-scaling:x",
        "SageMaker-Scaling:x",
        "awsx",
        "true",
        "True",
        "FALSE",
        "yes",
        "0",
        "00",
        "1",
        "+1",
        "-1",
        "007",
        "1.0",
        "01.00",
        "1.0.",
        ".0",
        "0.0",
        "1_000",
        "1.5",
        ".5",
        "5.",
        ".",
        "1e3",
        "1e",
        "-0.5",
        "inf",
        "NaN",
        "0x1",
        "one",
        "Average",
        "average",
        "Sum",
        "SampleCount",
        "Maximum",
        "Minimum",
        "ChangeInCapacity",
        "ExactCapacity",
        "PercentChangeInCapacity",
        "StepScaling",
        "TargetTrackingScaling",
        "PredictiveScaling",
        "sagemaker:variant:DesiredInstanceCount",
        "sagemaker:variant:DesiredProvisionedConcurrency",
        "sagemaker:inference-component:DesiredCopyCount",
        "SageMakerVariantInvocationsPerInstance",
        "SageMakerVariantConcurrentRequestsPerModelHighResolution",
        "SageMakerVariantProvisionedConcurrencyUtilization",
        "SageMakerInferenceComponentInvocationsPerCopy",
        "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
        "ECSServiceAverageCPUUtilization",
        "arn:aws:sagemaker:us-east-1:111122223333:endpoint/e",
        "arn:aws-cn:sagemaker:us-east-1:111122223333:endpoint/e",
        "arn:aws:sagemaker:us-east-1:111122223333:endpoint-config/c",
        "arn:aws:sagemaker:us-east-1:111122223333:inference-component/c",
        "arn:aws:sagemaker:us-east-1:111122223333:model/m",
        "arn:aws:s3:us-east-1:111122223333:endpoint/e",
        "arn:aws:sagemaker:us-east-1:111122223333:endpoint/-",
        "endpoint/prod/config/config-2|update-gate",
        "endpoint/prod/config/|update-gate",
        "gate",
        "at(2030-12-31T23:59:59)",
        "at(2030-12-31 23:59:59)",
        "at(2030-12-31T23:59)",
        "rate(1 day)",
        "rate( 15  minutes )",
        "rate(0 days)",
        "rate(1 week)",
        "rate(1)",
        "cron(0 8 * * ? *)",
        "cron(0/15 8-18 ? * MON-FRI 2030)",
        "cron(0 8 * * ?)",
        "cron(0 8 * * ? * *)",
        "cron(0 8 * * $ *)",
        "cron( 0 0 L * 6#3 * )",
        "Cron(0 8 * * ? *)",
        "UTC",
        "Europe/Berlin",
        "Mars/Base",
        "2030-01-15T00:00:00Z",
        "2030-01-15T00:00:00",
        "2030-01-15T00:00:00.5+01:00",
        "2030-01-15t00:00:00z",
        "2030-01-15 00:00:00Z",
        "2030-01-15",
        "tomorrow",
    ];
    let lengths =
        [63, 64, 128, 129, 255, 256, 257, 1023, 1024, 1025, 2048, 2049].map(|length| json!("a".repeat(length)));
    let others = [
        json!(0),
        json!(1),
        json!(-1),
        json!(1.5),
        json!(7),
        json!(2_147_483_647),
        json!(2_147_483_648_i64),
        json!(true),
        json!(false),
        json!([]),
        json!([{}]),
        json!(["a"]),
        json!({}),
        json!({ "Ref": "x" }),
    ];
    texts.into_iter().map(Value::from).chain(lengths).chain(others).collect()
}

fn with(what: &str, policies: &[Value]) -> Value {
    json!({ "ServiceToken": "arn", what: "x", "MinCapacity": 0, "MaxCapacity": 1, "ScalingPolicies": policies })
}

fn tracking(name: &str, configuration: Value) -> Value {
    json!({
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": configuration,
    })
}

fn predefined(metric: &str) -> Value {
    json!({ "TargetValue": "0.7", "PredefinedMetricSpecification": { "PredefinedMetricType": metric } })
}
