//! The target: `EndpointName` and `VariantName`, or `InferenceComponentName`, and `ScalableDimension`.

use serde_json::Value;

use super::reader::{Hints, OUTPUT_ONLY, Section, text};
use crate::model::{
    Location, ScalableDimension, ScalableTargetId, UpdateGateId, VariantDimension, component_name, endpoint_name,
};

/// Reads the target.
pub(super) fn target(section: &Section<'_>, location: &Location) -> Option<ScalableTargetId> {
    section.not_here(NOT_HERE);
    if section.value("InferenceComponentName").is_some() {
        for name in ["EndpointName", "VariantName"] {
            if section.value(name).is_some() {
                section.note(name, WITH_COMPONENT);
            }
        }
        let component =
            section.required("InferenceComponentName", |value| component_name(text(value)?, Some(location)));
        section.optional("ScalableDimension", copy_count).ok()?;
        return component.map(ScalableTargetId::InferenceComponent);
    }
    let endpoint = section.required("EndpointName", |value| endpoint_name(text(value)?, Some(location)));
    let variant = section.required("VariantName", |value| text(value)?.parse().map_err(|error| format!("{error}")));
    let dimension = section.optional("ScalableDimension", variant_dimension);
    Some(ScalableTargetId::Variant {
        endpoint: endpoint?,
        variant: variant?,
        dimension: dimension.ok()?.unwrap_or_default(),
    })
}

/// The target that properties of any shape name.
pub(super) fn declared_target(properties: &Value) -> Option<ScalableTargetId> {
    let text = |name| properties.get(name).and_then(Value::as_str);
    if let Some(component) = text("InferenceComponentName") {
        return component_name(component, None).ok().map(ScalableTargetId::InferenceComponent);
    }
    let named = properties.get("ScalableDimension").filter(|value| !value.is_null());
    let dimension = named.map(variant_dimension);
    Some(ScalableTargetId::Variant {
        endpoint: endpoint_name(text("EndpointName")?, None).ok()?,
        variant: text("VariantName")?.parse().ok()?,
        dimension: dimension.transpose().ok()?.unwrap_or_default(),
    })
}

/// Reads the gate. It has to be a gate of the target's endpoint.
pub(super) fn gate(section: &Section<'_>, target: Option<&ScalableTargetId>) -> Option<UpdateGateId> {
    let endpoint = match target {
        Some(ScalableTargetId::Variant { endpoint, .. }) => Some(endpoint),
        Some(ScalableTargetId::InferenceComponent(_)) if section.value("UpdateGate").is_some() => {
            section.note("UpdateGate", WITH_COMPONENT);
            return None;
        }
        _ => None,
    };
    let read = |value: &Value| {
        let gate: Option<UpdateGateId> = text(value)?.parse().ok();
        let fits = |gate: &UpdateGateId| {
            endpoint.is_none_or(|endpoint| gate.endpoint.as_str().eq_ignore_ascii_case(endpoint.as_str()))
        };
        let of = endpoint.map_or(String::new(), |endpoint| format!(", {endpoint}"));
        gate.filter(fits).ok_or_else(|| format!("!Ref of the Custom::SageMakerEndpointUpdateGate of this endpoint{of}"))
    };
    section.optional("UpdateGate", read).ok()?
}

fn variant_dimension(value: &Value) -> Result<VariantDimension, String> {
    let found = VariantDimension::ALL.into_iter().find(|dimension| value.as_str() == Some(dimension.as_str()));
    found.ok_or_else(|| VariantDimension::ALL.map(VariantDimension::as_str).join(" or "))
}

/// The only dimension of an inference component.
fn copy_count(value: &Value) -> Result<(), String> {
    let expected = ScalableDimension::CopyCount.as_str();
    if value.as_str() == Some(expected) { Ok(()) } else { Err(expected.to_owned()) }
}

/// Fields of the native resources, of their items, and of what Describe returns.
const NOT_HERE: Hints = &[
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
];
const IN_ACTIONS: &str = "write it in an item of ScheduledActions";
const IN_POLICIES: &str = "write it in an item of ScalingPolicies";
/// The mistake of a member that belongs to a variant.
const WITH_COMPONENT: &str = "cannot be set together with InferenceComponentName; remove one of the two";
