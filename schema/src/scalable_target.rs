//! `Custom::SageMakerScalableTarget`.

use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::aws_documentation::api_page;
use crate::combinations::{OUTPUT_ONLY, excludes, has, hints, is, needs, one_value};
use crate::scaling_policies::ScalingPolicy;
use crate::scheduled_actions::ScheduledAction;
use crate::values::{
    Boolean, CONCURRENCY, CONCURRENCY_METRICS, COPIES, COPY_METRICS, ComponentName, EndpointName, FormerOwner, GateId,
    INSTANCE_METRICS, INSTANCES, NotNegative, Positive, ScalableDimension, Seconds, TagKey, TagValue, Text,
    VariantName,
};

/// Registers a production variant of a SageMaker endpoint, or an inference component, with Application Auto Scaling.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_RegisterScalableTarget")))]
#[schemars(extend(
    "if" = has("InferenceComponentName"),
    "then" = component_rules(),
    "else" = variant_rules(),
    "hints" = hints(&[
        ("CreationTime", OUTPUT_ONLY),
        ("PolicyName", IN_POLICIES),
        ("PolicyType", IN_POLICIES),
        ("PredictedCapacity", OUTPUT_ONLY),
        ("ResourceId", "write EndpointName and VariantName instead, or InferenceComponentName"),
        ("RoleARN", "leave it out: Application Auto Scaling uses its service-linked role"),
        ("ScalableTargetARN", OUTPUT_ONLY),
        ("ScalableTargetAction", IN_ACTIONS),
        ("ScalingTargetId", "leave it out: !Ref of this resource returns it"),
        ("Schedule", IN_ACTIONS),
        ("ScheduledActionName", IN_ACTIONS),
        ("ServiceNamespace", "leave it out: it is always sagemaker"),
        ("StepScalingPolicyConfiguration", IN_POLICIES),
        ("TargetTrackingScalingPolicyConfiguration", IN_POLICIES),
    ]),
))]
pub struct ScalableTarget {
    /// The name or ARN of the endpoint, in the account and Region of the function. The target is
    /// registered in the endpoint's own spelling. Required without `InferenceComponentName`.
    pub endpoint_name: Option<EndpointName>,
    /// The name of the production variant. Required with `EndpointName`.
    pub variant_name: Option<VariantName>,
    /// The name or ARN of an inference component, to scale its copies. Use it instead of `EndpointName` and
    /// `VariantName`.
    pub inference_component_name: Option<ComponentName>,
    /// The property to scale. For an inference component it is always the number of copies.
    #[schemars(extend("default" = INSTANCES))]
    pub scalable_dimension: Option<ScalableDimension>,
    /// The minimum number of instances, copies or units of concurrency, at most `MaxCapacity`. 0 is allowed for resources
    /// that can scale to zero: an asynchronous endpoint, provisioned concurrency, an inference component.
    pub min_capacity: NotNegative,
    /// The maximum number of instances, copies or units of concurrency.
    pub max_capacity: Positive,
    /// The scaling policies, with the properties of the native `AWS::ApplicationAutoScaling::ScalingPolicy`.
    #[schemars(length(max = 50))]
    pub scaling_policies: Option<Vec<ScalingPolicy>>,
    /// The scheduled actions, with the properties of `ScheduledActions` in the native
    /// `AWS::ApplicationAutoScaling::ScalableTarget`.
    #[schemars(length(max = 200))]
    pub scheduled_actions: Option<Vec<ScheduledAction>>,
    /// The kinds of scaling that are suspended. By default, none is.
    pub suspended_state: Option<SuspendedState>,
    /// The tags of the scalable target. Each key is unique.
    #[schemars(length(max = 47))]
    pub tags: Option<Vec<Tag>>,
    /// Whether the scalable target also gets the tags of its stack. Those in `Tags` win. Together there may be 46.
    #[schemars(extend("default" = false))]
    pub propagate_stack_tags: Option<Boolean>,
    /// Whether to adopt a target that is already registered, but is not owned by a stack of this function.
    #[schemars(extend("default" = false))]
    pub adopt_existing: Option<Boolean>,
    /// The resource that owns the target, and from which this one takes it over: its logical id, or
    /// `STACK_NAME/LOGICAL_ID` or `STACK_ARN/LOGICAL_ID`. Use it to rename the resource, or to move it to another stack.
    pub take_over_from: Option<FormerOwner>,
    /// `!Ref` of the `Custom::SageMakerEndpointUpdateGate` of this endpoint, if it has one.
    pub update_gate: Option<GateId>,
    /// The ARN of the function, which the stack of `template.yaml` exports. CloudFormation requires this property.
    pub service_token: Text,
    /// How many seconds CloudFormation waits for an answer, up to 3600. The function waits for the endpoint as long.
    #[schemars(extend("default" = 3600))]
    pub service_timeout: Option<Seconds>,
}

/// The kinds of scaling that are suspended. An omitted kind is not suspended.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_SuspendedState")))]
pub struct SuspendedState {
    /// Whether scaling in by policies is suspended.
    #[schemars(extend("default" = false))]
    pub dynamic_scaling_in_suspended: Option<Boolean>,
    /// Whether scaling out by policies is suspended.
    #[schemars(extend("default" = false))]
    pub dynamic_scaling_out_suspended: Option<Boolean>,
    /// Whether scheduled actions are suspended.
    #[schemars(extend("default" = false))]
    pub scheduled_scaling_suspended: Option<Boolean>,
}

/// A tag of the scalable target. The function adds tags of its own, which name the owner.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_TagResource")))]
pub struct Tag {
    /// The key: up to 128 characters. Keys that begin with `aws:` or `sagemaker-scaling:` are reserved.
    pub key: TagKey,
    /// The value: up to 256 characters.
    pub value: TagValue,
}

fn component_rules() -> Value {
    let mut rules = excludes(
        &["EndpointName", "UpdateGate", "VariantName"],
        "cannot be set together with InferenceComponentName; remove one of the two",
    );
    rules["properties"]["ScalableDimension"] = one_value(&[COPIES], &format!("expected {COPIES}"));
    rules["properties"]["ScalingPolicies"] = metrics_for(COPIES, COPY_METRICS);
    rules
}

fn variant_rules() -> Value {
    let mut rules = needs(&["EndpointName", "VariantName"], "required, unless there is an InferenceComponentName");
    let dimensions = one_value(&[INSTANCES, CONCURRENCY], &format!("expected {INSTANCES} or {CONCURRENCY}"));
    rules["properties"] = json!({ "ScalableDimension": dimensions });
    let metrics = |dimension, metrics| json!({ "properties": { "ScalingPolicies": metrics_for(dimension, metrics) } });
    rules["if"] = is("ScalableDimension", CONCURRENCY);
    rules["then"] = metrics(CONCURRENCY, CONCURRENCY_METRICS);
    rules["else"] = metrics(INSTANCES, INSTANCE_METRICS);
    rules
}

/// Requires that the predefined metrics of target tracking policies suit a dimension.
fn metrics_for(dimension: &str, metrics: &[&str]) -> Value {
    let supported = one_value(metrics, &format!("expected one of {}, which fit {dimension}", metrics.join(", ")));
    let predefined = json!({ "properties": { "PredefinedMetricType": supported } });
    let tracking = json!({ "properties": { "PredefinedMetricSpecification": predefined } });
    json!({ "items": { "properties": { "TargetTrackingScalingPolicyConfiguration": tracking } } })
}

const IN_ACTIONS: &str = "write it in an item of ScheduledActions";
const IN_POLICIES: &str = "write it in an item of ScalingPolicies";
