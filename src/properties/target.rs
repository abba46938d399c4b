//! The target: `EndpointName` and `VariantName`, or `InferenceComponentName`, and `ScalableDimension`.

use serde_json::Value;

use super::reader::{Section, text};
use crate::model::{
    Location, ScalableDimension, ScalableTargetId, UpdateGateId, VariantDimension, component_name, endpoint_name,
};

/// Reads the target.
pub(super) fn target(section: &Section<'_>, location: &Location) -> Option<ScalableTargetId> {
    if section.value("InferenceComponentName").is_some() {
        for name in ["EndpointName", "VariantName"] {
            if section.value(name).is_some() {
                section.note(name, WITH_COMPONENT);
            }
        }
        let component =
            section.required("InferenceComponentName", |value| component_name(text(value)?, Some(location)));
        let dimension = section.optional("ScalableDimension", |value| dimension(value, &[COPIES]));
        dimension.ok()?;
        return component.map(ScalableTargetId::InferenceComponent);
    }
    let endpoint = section.required("EndpointName", |value| endpoint_name(text(value)?, Some(location)));
    let variant = section.required("VariantName", |value| text(value)?.parse().map_err(|error| format!("{error}")));
    let dimension = section.optional("ScalableDimension", |value| dimension(value, &[INSTANCES, CONCURRENCY]));
    Some(ScalableTargetId::Variant {
        endpoint: endpoint?,
        variant: variant?,
        dimension: variant_dimension(dimension.ok()?),
    })
}

/// The target that properties of any shape name.
pub(super) fn declared_target(properties: &Value) -> Option<ScalableTargetId> {
    let text = |name| properties.get(name).and_then(Value::as_str);
    if let Some(component) = text("InferenceComponentName") {
        return component_name(component, None).ok().map(ScalableTargetId::InferenceComponent);
    }
    let named = properties.get("ScalableDimension").filter(|value| !value.is_null());
    let dimension = named.map(|value| dimension(value, &[INSTANCES, CONCURRENCY]));
    Some(ScalableTargetId::Variant {
        endpoint: endpoint_name(text("EndpointName")?, None).ok()?,
        variant: text("VariantName")?.parse().ok()?,
        dimension: variant_dimension(dimension.transpose().ok()?),
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
        gate.filter(fits).ok_or_else(|| "!Ref of the Custom::SageMakerEndpointUpdateGate of this endpoint".to_owned())
    };
    section.optional("UpdateGate", read).ok()?
}

fn variant_dimension(dimension: Option<ScalableDimension>) -> VariantDimension {
    match dimension {
        Some(CONCURRENCY) => VariantDimension::ProvisionedConcurrency,
        _ => VariantDimension::InstanceCount,
    }
}

fn dimension(value: &Value, fitting: &[ScalableDimension]) -> Result<ScalableDimension, String> {
    let found = fitting.iter().find(|dimension| value.as_str() == Some(dimension.as_str()));
    found.copied().ok_or_else(|| fitting.iter().map(|fits| fits.as_str()).collect::<Vec<_>>().join(" or "))
}

const CONCURRENCY: ScalableDimension = ScalableDimension::VariantDesiredProvisionedConcurrency;
/// The mistake of a member that belongs to a variant.
const WITH_COMPONENT: &str = "cannot be set together with InferenceComponentName; remove one of the two";
const COPIES: ScalableDimension = ScalableDimension::InferenceComponentDesiredCopyCount;
const INSTANCES: ScalableDimension = ScalableDimension::VariantDesiredInstanceCount;
