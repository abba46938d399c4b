//! The attributes that `Fn::GetAtt` returns.

use std::collections::BTreeMap;

use super::id::{SERVICE_NAMESPACE, ScalableTargetId, UpdateGateId};
use super::target_spec::{AttachmentKind, TargetSpec};

/// Attributes by name.
pub type Attributes = BTreeMap<String, String>;

/// A resource after a successful request: what `Ref` and `Fn::GetAtt` return.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resource {
    /// Its physical id.
    pub physical_resource_id: String,
    /// Its attributes.
    pub attributes: Attributes,
}

/// The attribute that has the ARN of the target.
pub const TARGET_ARN: &str = "ScalableTargetARN";

/// The attribute that has the ARN of a policy.
pub fn policy_arn(policy: &str) -> String {
    format!("PolicyARN.{policy}")
}

/// The attribute that has the ARN of the policy at this position of the template, from 1 on. A template can name it even
/// if it computes the policy's name: without a transform, `Fn::GetAtt` takes no intrinsic function.
pub fn policy_arn_at(position: usize) -> String {
    format!("{POLICY_ARN_AT}{position}")
}

/// The position of the policy whose ARN an attribute has, if it names the policy by that.
pub fn policy_position(attribute: &str) -> Option<usize> {
    attribute.strip_prefix(POLICY_ARN_AT)?.parse().ok()
}

/// The ARNs of a template's policies, by name and by position, from `known` ARNs by name.
pub fn of_policies(spec: &TargetSpec, known: &Attributes) -> Attributes {
    let policies = spec.attachments_of(AttachmentKind::ScalingPolicy).map(|policy| policy_arn(policy.name()));
    let found = policies.enumerate().filter_map(|(index, name)| Some((index + 1, known.get(&name)?, name)));
    found.flat_map(|(position, arn, name)| [(name, arn.clone()), (policy_arn_at(position), arn.clone())]).collect()
}

/// The attributes of a scalable target, beside its ARN and those of its policies.
pub fn of_target(spec: &TargetSpec) -> Attributes {
    let names = match &spec.id {
        ScalableTargetId::InferenceComponent(name) => vec![("InferenceComponentName", name.to_string())],
        ScalableTargetId::Variant { endpoint, variant, .. } => {
            vec![("EndpointName", endpoint.to_string()), ("VariantName", variant.to_string())]
        }
    };
    let others = [
        ("MaxCapacity", spec.capacity("MaxCapacity").to_string()),
        ("MinCapacity", spec.capacity("MinCapacity").to_string()),
        ("ResourceId", spec.id.resource_id()),
        ("ScalableDimension", spec.id.dimension().as_str().to_owned()),
        ("ServiceNamespace", SERVICE_NAMESPACE.to_owned()),
    ];
    names.into_iter().chain(others).map(|(name, value)| (name.to_owned(), value)).collect()
}

const POLICY_ARN_AT: &str = "PolicyARN";

/// The attributes of an update gate.
pub fn of_gate(gate: &UpdateGateId) -> Attributes {
    let names = [("EndpointName", gate.endpoint.as_str()), ("EndpointConfigName", gate.config.as_str())];
    names.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}
