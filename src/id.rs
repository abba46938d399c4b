//! The names of things, parsed once and printed back: inside the crate a name cannot be wrong.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A name of SageMaker's: 1 to 63 letters, digits and single hyphens between them.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html>
macro_rules! sagemaker_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check_name(text).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

sagemaker_name!(
    /// The name of a SageMaker endpoint. SageMaker takes names that differ in letter case only as the same.
    EndpointName
);
sagemaker_name!(
    /// The name of an endpoint configuration.
    EndpointConfigName
);
sagemaker_name!(
    /// The name of an inference component.
    InferenceComponentName
);
sagemaker_name!(
    /// The name of a production variant of an endpoint.
    VariantName
);

/// Why a text is not a name of SageMaker's.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum InvalidName {
    /// It has a character, or a hyphen in a place, that is not allowed.
    #[error("letters, digits and hyphens, beginning and ending with a letter or digit")]
    Characters,
    /// It is empty or too long.
    #[error("1 to 63 characters")]
    Length,
}

fn check_name(text: &str) -> Result<(), InvalidName> {
    if text.is_empty() || text.chars().count() > 63 {
        return Err(InvalidName::Length);
    }
    let edges_fit = !text.starts_with('-') && !text.ends_with('-');
    if edges_fit && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Ok(())
    } else {
        Err(InvalidName::Characters)
    }
}

/// What of a resource is scaled.
///
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ScalableDimension {
    /// The number of copies of an inference component.
    InferenceComponentDesiredCopyCount,
    /// The number of instances of a production variant.
    VariantDesiredInstanceCount,
    /// The provisioned concurrency of a serverless production variant.
    VariantDesiredProvisionedConcurrency,
}

impl ScalableDimension {
    /// All of them.
    pub const ALL: [Self; 3] = [
        Self::InferenceComponentDesiredCopyCount,
        Self::VariantDesiredInstanceCount,
        Self::VariantDesiredProvisionedConcurrency,
    ];

    /// The name that the API knows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InferenceComponentDesiredCopyCount => "sagemaker:inference-component:DesiredCopyCount",
            Self::VariantDesiredInstanceCount => "sagemaker:variant:DesiredInstanceCount",
            Self::VariantDesiredProvisionedConcurrency => "sagemaker:variant:DesiredProvisionedConcurrency",
        }
    }
}

/// What of a production variant is scaled.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum VariantDimension {
    /// The number of its instances.
    #[default]
    InstanceCount,
    /// Its provisioned concurrency, where it is serverless.
    ProvisionedConcurrency,
}

/// The `ServiceNamespace` of every scalable target here.
pub const SERVICE_NAMESPACE: &str = "sagemaker";

/// Identifies one scalable target.
///
/// Its text form, which is also its `PhysicalResourceId`, is the one that the native
/// [`AWS::ApplicationAutoScaling::ScalableTarget`][native] uses, so `!Ref` of ours fits wherever `!Ref` of the native
/// one does, such as in a native `ScalingPolicy.ScalingTargetId`.
///
/// ```
/// # use sagemaker_scaling::id::{ScalableDimension, ScalableTargetId};
/// let id: ScalableTargetId =
///     "endpoint/chat/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker".parse()?;
/// assert_eq!(id.resource_id(), "endpoint/chat/variant/blue");
/// assert_eq!(id.dimension(), ScalableDimension::VariantDesiredInstanceCount);
/// # Ok::<(), sagemaker_scaling::id::NotAScalableTargetId>(())
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
        /// What of it is scaled.
        dimension: VariantDimension,
    },
}

impl ScalableTargetId {
    /// What is scaled.
    pub fn dimension(&self) -> ScalableDimension {
        match self {
            Self::InferenceComponent(_) => ScalableDimension::InferenceComponentDesiredCopyCount,
            Self::Variant { dimension: VariantDimension::InstanceCount, .. } => {
                ScalableDimension::VariantDesiredInstanceCount
            }
            Self::Variant { dimension: VariantDimension::ProvisionedConcurrency, .. } => {
                ScalableDimension::VariantDesiredProvisionedConcurrency
            }
        }
    }

    /// The `ResourceId` as the API has it.
    pub fn resource_id(&self) -> String {
        match self {
            Self::InferenceComponent(name) => format!("inference-component/{name}"),
            Self::Variant { endpoint, variant, .. } => format!("endpoint/{endpoint}/variant/{variant}"),
        }
    }

    /// Whether both name the same target: names that differ in letter case only do.
    pub fn is_same(&self, other: &Self) -> bool {
        self.to_string().eq_ignore_ascii_case(&other.to_string())
    }
}

impl fmt::Display for ScalableTargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}|{SERVICE_NAMESPACE}", self.resource_id(), self.dimension().as_str())
    }
}

/// The text is not the id of a scalable target that this function registers.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("expected RESOURCE_ID|SCALABLE_DIMENSION|sagemaker of a production variant or an inference component")]
pub struct NotAScalableTargetId;

impl FromStr for ScalableTargetId {
    type Err = NotAScalableTargetId;

    fn from_str(text: &str) -> Result<Self, NotAScalableTargetId> {
        let mut parts = text.split('|');
        let (Some(resource), Some(dimension), Some(SERVICE_NAMESPACE), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAScalableTargetId);
        };
        let dimension = ScalableDimension::ALL.into_iter().find(|known| known.as_str() == dimension);
        Self::read(resource, dimension.ok_or(NotAScalableTargetId)?).ok_or(NotAScalableTargetId)
    }
}

impl ScalableTargetId {
    fn read(resource: &str, dimension: ScalableDimension) -> Option<Self> {
        let dimension = match dimension {
            ScalableDimension::InferenceComponentDesiredCopyCount => {
                let name = resource.strip_prefix("inference-component/")?;
                return name.parse().ok().map(Self::InferenceComponent);
            }
            ScalableDimension::VariantDesiredInstanceCount => VariantDimension::InstanceCount,
            ScalableDimension::VariantDesiredProvisionedConcurrency => VariantDimension::ProvisionedConcurrency,
        };
        let (endpoint, variant) = resource.strip_prefix("endpoint/")?.split_once("/variant/")?;
        Some(Self::Variant { endpoint: endpoint.parse().ok()?, variant: variant.parse().ok()?, dimension })
    }
}

/// Identifies one update gate: an endpoint, and the configuration that it is to run.
///
/// A new configuration is a new id, so CloudFormation sends a Delete for the old one once all else has settled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpdateGateId {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The configuration.
    pub config: EndpointConfigName,
}

impl UpdateGateId {
    /// Whether both name the same: names that differ in letter case only do.
    pub fn is_same(&self, other: &Self) -> bool {
        self.to_string().eq_ignore_ascii_case(&other.to_string())
    }
}

impl fmt::Display for UpdateGateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoint/{}/config/{}{UPDATE_GATE}", self.endpoint, self.config)
    }
}

/// The text is not the id of an update gate.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("expected endpoint/ENDPOINT/config/CONFIG|update-gate")]
pub struct NotAnUpdateGateId;

impl FromStr for UpdateGateId {
    type Err = NotAnUpdateGateId;

    fn from_str(text: &str) -> Result<Self, NotAnUpdateGateId> {
        let names = text.strip_prefix("endpoint/").and_then(|rest| rest.strip_suffix(UPDATE_GATE));
        let (endpoint, config) = names.and_then(|names| names.split_once("/config/")).ok_or(NotAnUpdateGateId)?;
        match (endpoint.parse(), config.parse()) {
            (Ok(endpoint), Ok(config)) => Ok(Self { endpoint, config }),
            _ => Err(NotAnUpdateGateId),
        }
    }
}

/// What a `PhysicalResourceId` says to us.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PhysicalResourceId {
    /// Neither ours nor the marker: CloudFormation invents one where a Create was cancelled or never answered.
    Invented,
    /// A Create failed before anything was registered: the Delete that follows has nothing to do.
    NotRegistered,
    /// A scalable target.
    ScalableTarget(ScalableTargetId),
    /// An update gate.
    UpdateGate(UpdateGateId),
}

impl PhysicalResourceId {
    /// Reads any text; none is wrong.
    pub fn read(text: &str) -> Self {
        if text.starts_with(NOT_REGISTERED) {
            return Self::NotRegistered;
        }
        let target = text.parse().map(Self::ScalableTarget);
        target.or_else(|_| text.parse().map(Self::UpdateGate)).unwrap_or(Self::Invented)
    }

    /// The id that says of a failed Create that nothing was registered.
    pub fn not_registered(logical_resource_id: &str) -> String {
        format!("{NOT_REGISTERED}{logical_resource_id}")
    }
}

const UPDATE_GATE: &str = "|update-gate";
const NOT_REGISTERED: &str = "not-registered|";

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Result<ScalableTargetId, NotAScalableTargetId> {
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
    fn names_that_hold_the_separators_words_parse_back() {
        let id = instances("variant", "endpoint");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_something_else_is_not_ours() {
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
            assert_eq!(id(text), Err(NotAScalableTargetId), "{text}");
            assert_eq!(PhysicalResourceId::read(text), PhysicalResourceId::Invented, "{text}");
        }
    }

    #[test]
    fn names_keep_to_sagemakers_pattern() {
        let longest = "a".repeat(63);
        for good in ["a", "A-1", "a--b", longest.as_str()] {
            assert!(good.parse::<EndpointName>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(64);
        assert_eq!("".parse::<VariantName>(), Err(InvalidName::Length));
        assert_eq!(too_long.parse::<VariantName>(), Err(InvalidName::Length));
        for bad in ["-a", "a-", "a_b", "a b", "a/b", "é", "a|b"] {
            assert_eq!(bad.parse::<VariantName>(), Err(InvalidName::Characters), "{bad}");
        }
    }

    #[test]
    fn letter_case_makes_no_other_target() {
        let [upper, lower, other] = ["Prod", "prod", "next"].map(|endpoint| instances(endpoint, "blue"));
        assert!(upper.is_same(&lower));
        assert!(!upper.is_same(&other));
    }

    #[test]
    fn a_gate_is_known_by_its_endpoint_and_its_configuration() {
        let text = "endpoint/config/config/config-2|update-gate";
        let PhysicalResourceId::UpdateGate(gate) = PhysicalResourceId::read(text) else { panic!("no gate") };
        assert_eq!((gate.endpoint.as_str(), gate.config.as_str()), ("config", "config-2"));
        assert_eq!(gate.to_string(), text);
        assert!(gate.is_same(&"endpoint/Config/config/CONFIG-2|update-gate".parse().unwrap()));
        assert!(!gate.is_same(&"endpoint/config/config/config-3|update-gate".parse().unwrap()));
    }

    #[test]
    fn the_marker_of_a_failed_create_is_known_again() {
        let marker = PhysicalResourceId::not_registered("Scaling");
        assert_eq!(PhysicalResourceId::read(&marker), PhysicalResourceId::NotRegistered);
    }
}
