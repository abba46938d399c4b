//! `Custom::SageMakerScalableTarget`.

use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::api;
use crate::policies::ScalingPolicy;
use crate::rules::{excludes, has, is, needs, one_value};
use crate::schedules::ScheduledAction;
use crate::values::{
    Boolean, CONCURRENCY, CONCURRENCY_METRICS, COPIES, COPY_METRICS, ComponentName, EndpointName, GateId,
    INSTANCE_METRICS, INSTANCES, NotNegative, Positive, ScalableDimension, Seconds, TagKey, TagValue, Text,
    VariantName,
};

/// Registers a production variant of a SageMaker endpoint, or an inference component, with Application Auto Scaling.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_RegisterScalableTarget")))]
#[schemars(extend(
    "if" = has("InferenceComponentName"),
    "then" = of_component(),
    "else" = of_variant(),
))]
pub struct ScalableTarget {
    /// The endpoint's name or ARN, in the function's account and Region. Prefer the name: SageMaker writes ARNs in
    /// lower case, and a name in another case may count as another target. Required, unless there is an
    /// `InferenceComponentName`.
    pub endpoint_name: Option<EndpointName>,
    /// The production variant. Required with `EndpointName`.
    pub variant_name: Option<VariantName>,
    /// The name or ARN of an inference component, whose copies are scaled; instead of `EndpointName` and `VariantName`.
    pub inference_component_name: Option<ComponentName>,
    /// What is scaled. Of an inference component it is always the number of its copies.
    #[schemars(extend("default" = INSTANCES))]
    pub scalable_dimension: Option<ScalableDimension>,
    /// The fewest instances, copies or units of concurrency, at most `MaxCapacity`. 0 where it can scale to zero: an
    /// asynchronous endpoint, provisioned concurrency, an inference component.
    pub min_capacity: NotNegative,
    /// The most instances, copies or units of concurrency.
    pub max_capacity: Positive,
    /// The scaling policies, in the shape of the native `AWS::ApplicationAutoScaling::ScalingPolicy`.
    #[schemars(length(max = 50))]
    pub scaling_policies: Option<Vec<ScalingPolicy>>,
    /// The scheduled actions, in the shape that the native `AWS::ApplicationAutoScaling::ScalableTarget` has for them.
    #[schemars(length(max = 200))]
    pub scheduled_actions: Option<Vec<ScheduledAction>>,
    /// Which kinds of scaling are suspended.
    pub suspended_state: Option<SuspendedState>,
    /// Tags of the scalable target, each key once.
    #[schemars(length(max = 47))]
    pub tags: Option<Vec<Tag>>,
    /// Whether to take over a target that is registered already and that no stack of this function owns.
    #[schemars(extend("default" = false))]
    pub adopt_existing: Option<Boolean>,
    /// `!Ref` of the `Custom::SageMakerEndpointUpdateGate` of this endpoint, where it has one.
    pub update_gate: Option<GateId>,
    /// CloudFormation's own: the function's ARN, which the stack of `template.yaml` exports.
    pub service_token: Text,
    /// CloudFormation's own: for how many seconds it waits for an answer, up to 3600. Set 3000, so that a stack waits
    /// for Lambda's retries but not for an hour.
    #[schemars(extend("default" = 3600))]
    pub service_timeout: Option<Seconds>,
}

/// Which kinds of scaling are suspended; what is left out is not.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_SuspendedState")))]
pub struct SuspendedState {
    /// Whether policies may not scale in.
    #[schemars(extend("default" = false))]
    pub dynamic_scaling_in_suspended: Option<Boolean>,
    /// Whether policies may not scale out.
    #[schemars(extend("default" = false))]
    pub dynamic_scaling_out_suspended: Option<Boolean>,
    /// Whether scheduled actions do nothing.
    #[schemars(extend("default" = false))]
    pub scheduled_scaling_suspended: Option<Boolean>,
}

/// A tag of the scalable target, beside those by which the function knows its owner.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_TagResource")))]
pub struct Tag {
    /// Up to 128 characters. Keys that begin with `aws:` or `sagemaker-scaling:` are reserved.
    pub key: TagKey,
    /// Up to 256 characters.
    pub value: TagValue,
}

fn of_component() -> Value {
    let mut rules =
        excludes(&["EndpointName", "UpdateGate", "VariantName"], "not together with InferenceComponentName");
    rules["properties"]["ScalableDimension"] = one_value(&[COPIES], &format!("expected {COPIES}"));
    rules["properties"]["ScalingPolicies"] = metrics_for(COPIES, COPY_METRICS);
    rules
}

fn of_variant() -> Value {
    let mut rules = needs(&["EndpointName", "VariantName"], "required, unless there is an InferenceComponentName");
    let of_variant = one_value(&[INSTANCES, CONCURRENCY], &format!("expected {INSTANCES} or {CONCURRENCY}"));
    rules["properties"] = json!({ "ScalableDimension": of_variant });
    let metrics = |dimension, metrics| json!({ "properties": { "ScalingPolicies": metrics_for(dimension, metrics) } });
    rules["if"] = is("ScalableDimension", CONCURRENCY);
    rules["then"] = metrics(CONCURRENCY, CONCURRENCY_METRICS);
    rules["else"] = metrics(INSTANCES, INSTANCE_METRICS);
    rules
}

/// That the policies track predefined metrics which fit a dimension only.
fn metrics_for(dimension: &str, metrics: &[&str]) -> Value {
    let fitting = one_value(metrics, &format!("expected one of {}, which fit {dimension}", metrics.join(", ")));
    let predefined = json!({ "properties": { "PredefinedMetricType": fitting } });
    let tracking = json!({ "properties": { "PredefinedMetricSpecification": predefined } });
    json!({ "items": { "properties": { "TargetTrackingScalingPolicyConfiguration": tracking } } })
}
