//! Identifiers: scalable targets, update gates, and CloudFormation's physical ids.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::names::{EndpointConfigName, EndpointName, InferenceComponentName, VariantName};
use super::scalable_dimension::{ScalableDimension, VariantDimension};

/// The `ServiceNamespace` of SageMaker's scalable targets.
pub const SERVICE_NAMESPACE: &str = "sagemaker";

/// Identifies one scalable target.
///
/// Its text form is also its `PhysicalResourceId`. The native [`AWS::ApplicationAutoScaling::ScalableTarget`][native] has
/// the same form, so `!Ref` fits a native `ScalingPolicy.ScalingTargetId`, too.
///
/// ```
/// # use sagemaker_scaling::model::ScalableTargetId;
/// let id: ScalableTargetId =
///     "endpoint/chat/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker".parse()?;
/// assert_eq!(id.resource_id(), "endpoint/chat/variant/blue");
/// assert_eq!(id.dimension().as_str(), "sagemaker:variant:DesiredInstanceCount");
/// # Ok::<(), sagemaker_scaling::model::InvalidId>(())
/// ```
///
/// [native]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalabletarget.html
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ScalableTargetId {
    /// The copies of an inference component.
    InferenceComponent(InferenceComponentName),
    /// A production variant.
    Variant {
        /// Its endpoint.
        endpoint: EndpointName,
        /// Its name.
        variant: VariantName,
        /// Its property that is scaled.
        dimension: VariantDimension,
    },
}

impl ScalableTargetId {
    /// The property that is scaled.
    pub fn dimension(&self) -> ScalableDimension {
        match self {
            Self::InferenceComponent(_) => ScalableDimension::CopyCount,
            Self::Variant { dimension, .. } => ScalableDimension::Variant(*dimension),
        }
    }

    /// The `ResourceId` in the API.
    pub fn resource_id(&self) -> String {
        match self {
            Self::InferenceComponent(name) => format!("inference-component/{name}"),
            Self::Variant { endpoint, variant, .. } => format!("endpoint/{endpoint}/variant/{variant}"),
        }
    }

    /// Whether both identify the same target. Letter case makes no difference to SageMaker.
    pub fn is_same(&self, other: &Self) -> bool {
        self.to_string().eq_ignore_ascii_case(&other.to_string())
    }
}

impl fmt::Display for ScalableTargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}|{SERVICE_NAMESPACE}", self.resource_id(), self.dimension().as_str())
    }
}

/// The text does not identify a scalable target or an update gate.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("expected RESOURCE_ID|SCALABLE_DIMENSION|sagemaker or endpoint/ENDPOINT/config/CONFIG|update-gate")]
pub struct InvalidId;

impl FromStr for ScalableTargetId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut parts = text.split('|');
        let (Some(resource), Some(dimension), Some(SERVICE_NAMESPACE), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidId);
        };
        let dimension = ScalableDimension::all().find(|known| known.as_str() == dimension);
        Self::read(resource, dimension.ok_or(InvalidId)?).ok_or(InvalidId)
    }
}

impl ScalableTargetId {
    fn read(resource: &str, dimension: ScalableDimension) -> Option<Self> {
        let ScalableDimension::Variant(dimension) = dimension else {
            let name = resource.strip_prefix("inference-component/")?;
            return name.parse().ok().map(Self::InferenceComponent);
        };
        let (endpoint, variant) = resource.strip_prefix("endpoint/")?.split_once("/variant/")?;
        Some(Self::Variant { endpoint: endpoint.parse().ok()?, variant: variant.parse().ok()?, dimension })
    }
}

/// Identifies one update gate by an endpoint and the configuration that the endpoint shall run.
///
/// A new configuration is a new id, so CloudFormation sends a Delete for the old id in its clean-up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpdateGateId {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The configuration.
    pub config: EndpointConfigName,
}

impl UpdateGateId {
    /// Whether both are gates of the same endpoint.
    pub fn has_same_endpoint(&self, other: &Self) -> bool {
        self.endpoint.as_str().eq_ignore_ascii_case(other.endpoint.as_str())
    }

    /// Whether both identify the same gate. Letter case makes no difference to SageMaker.
    pub fn is_same(&self, other: &Self) -> bool {
        self.to_string().eq_ignore_ascii_case(&other.to_string())
    }
}

impl fmt::Display for UpdateGateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoint/{}/config/{}{UPDATE_GATE}", self.endpoint, self.config)
    }
}

impl FromStr for UpdateGateId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let names = text.strip_prefix("endpoint/").and_then(|rest| rest.strip_suffix(UPDATE_GATE));
        let (endpoint, config) = names.and_then(|names| names.split_once("/config/")).ok_or(InvalidId)?;
        match (endpoint.parse(), config.parse()) {
            (Ok(endpoint), Ok(config)) => Ok(Self { endpoint, config }),
            _ => Err(InvalidId),
        }
    }
}

/// A `PhysicalResourceId` of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PhysicalResourceId {
    /// An id that this function did not make. CloudFormation invents one if a Create was cancelled or never answered.
    Invented,
    /// The marker of a Create that failed before it registered anything. The Delete that follows has nothing to do.
    NotRegistered,
    /// A scalable target.
    ScalableTarget(ScalableTargetId),
    /// An update gate.
    UpdateGate(UpdateGateId),
}

impl PhysicalResourceId {
    /// Reads any text.
    pub fn read(text: &str) -> Self {
        if text.starts_with(NOT_REGISTERED) {
            return Self::NotRegistered;
        }
        let target = text.parse().map(Self::ScalableTarget);
        target.or_else(|_| text.parse().map(Self::UpdateGate)).unwrap_or(Self::Invented)
    }

    /// Whether it is the id of another scalable target. An invented id and the marker id do not say which target they are of.
    pub fn is_other_target(&self, target: &ScalableTargetId) -> bool {
        matches!(self, Self::ScalableTarget(own) if !own.is_same(target))
    }

    /// The marker id of a Create that failed before it registered anything.
    pub fn not_registered(logical_resource_id: &str) -> String {
        format!("{NOT_REGISTERED}{logical_resource_id}")
    }
}

const UPDATE_GATE: &str = "|update-gate";
const NOT_REGISTERED: &str = "not-registered|";

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Result<ScalableTargetId, InvalidId> {
        text.parse()
    }

    fn instances(endpoint: &str, variant: &str) -> ScalableTargetId {
        let (endpoint, variant) = (endpoint.parse().unwrap(), variant.parse().unwrap());
        ScalableTargetId::Variant { endpoint, variant, dimension: VariantDimension::InstanceCount }
    }

    #[test]
    fn the_id_prints_as_the_native_resource_prints_it() {
        let concurrency = ScalableTargetId::Variant {
            endpoint: "e".parse().unwrap(),
            variant: "v".parse().unwrap(),
            dimension: VariantDimension::ProvisionedConcurrency,
        };
        for (id, text) in [
            (
                instances("MyEndPoint", "MyVariant"),
                "endpoint/MyEndPoint/variant/MyVariant|sagemaker:variant:DesiredInstanceCount|sagemaker",
            ),
            (concurrency, "endpoint/e/variant/v|sagemaker:variant:DesiredProvisionedConcurrency|sagemaker"),
            (
                ScalableTargetId::InferenceComponent("llm".parse().unwrap()),
                "inference-component/llm|sagemaker:inference-component:DesiredCopyCount|sagemaker",
            ),
        ] {
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
    }

    #[test]
    fn names_that_contain_separator_words_parse_back() {
        let id = instances("variant", "endpoint");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_is_invented() {
        for text in [
            "",
            "stack-Scaling-1A2B3C",
            "endpoint/e/variant/v",
            "endpoint/e/variant/v|sagemaker:inference-component:DesiredCopyCount|sagemaker",
            "inference-component/c|sagemaker:variant:DesiredInstanceCount|sagemaker",
            "endpoint/e/variant/v|sagemaker:variant:DesiredInstanceCount|sagemaker|",
            "endpoint/e/variant/v|sagemaker:variant:DesiredInstanceCount|ecs",
            "endpoint/e/variant/|sagemaker:variant:DesiredInstanceCount|sagemaker",
            "endpoint/e/x/variant/v|sagemaker:variant:DesiredInstanceCount|sagemaker",
            "endpoint/e/config/c|update-gates",
            "endpoint/e/config/|update-gate",
        ] {
            assert_eq!(id(text), Err(InvalidId), "{text}");
            assert_eq!(PhysicalResourceId::read(text), PhysicalResourceId::Invented, "{text}");
        }
    }

    #[test]
    fn letter_case_makes_no_different_target() {
        let [upper, lower, other] = ["Prod", "prod", "next"].map(|endpoint| instances(endpoint, "blue"));
        assert!(upper.is_same(&lower));
        assert!(!upper.is_same(&other));
    }

    #[test]
    fn a_gate_is_identified_by_its_endpoint_and_its_configuration() {
        let text = "endpoint/config/config/config-2|update-gate";
        let PhysicalResourceId::UpdateGate(gate) = PhysicalResourceId::read(text) else { panic!("no gate") };
        assert_eq!((gate.endpoint.as_str(), gate.config.as_str()), ("config", "config-2"));
        assert_eq!(gate.to_string(), text);
        assert!(gate.is_same(&"endpoint/Config/config/CONFIG-2|update-gate".parse().unwrap()));
        assert!(!gate.is_same(&"endpoint/config/config/config-3|update-gate".parse().unwrap()));
    }

    #[test]
    fn the_marker_of_a_failed_create_is_recognised() {
        let marker = PhysicalResourceId::not_registered("Scaling");
        assert_eq!(PhysicalResourceId::read(&marker), PhysicalResourceId::NotRegistered);
    }
}
