//! The scalable targets that Application Auto Scaling stores, and their ids.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::protocol::fault::Fault;
use crate::protocol::input::{Input, required};

/// A registered scalable target.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) arn: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// The scaling policies and scheduled actions, by kind and name.
    pub(crate) attachments: BTreeMap<(AttachmentKind, String), Attachment>,
    pub(crate) capacity: RangeInclusive<i64>,
    pub(crate) suspended: Value,
    pub(crate) created: f64,
}

/// A scaling policy or a scheduled action of a target: the members that were put, merged over all requests.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) given: Map<String, Value>,
    pub(crate) arn: String,
    pub(crate) created: f64,
}

/// The kind of an attachment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum AttachmentKind {
    ScalingPolicy,
    ScheduledAction,
}

/// The id of a scalable target in the namespace `sagemaker`.
///
/// Assumed (belief resource-id-case): resource ids are compared case-sensitively, although SageMaker ignores the case of endpoint
/// names.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct TargetId {
    pub(crate) resource: Resource,
    pub(crate) dimension: Dimension,
}

impl TargetId {
    /// Reads the three members that identify a target in every operation on one target.
    pub(crate) fn read(input: Input<'_>) -> Result<Self, Fault> {
        check_namespace(input)?;
        let resource = Resource::parse(input.text("ResourceId")?);
        let dimension = required("ScalableDimension", Dimension::read(input)?)?;
        match (resource, dimension) {
            (
                Some(resource @ Resource::Variant { .. }),
                Dimension::InstanceCount | Dimension::ProvisionedConcurrency,
            )
            | (Some(resource @ Resource::Component(_)), Dimension::CopyCount) => Ok(Self { resource, dimension }),
            // Assumed (belief error-texts): the text.
            (None | Some(Resource::Component(_) | Resource::Variant { .. }), _) => {
                Err(Fault::validation("Unsupported service namespace, resource type or scalable dimension"))
            }
        }
    }

    /// `ObjectNotFoundException`, with the end of the message as <https://github.com/ansible/ansible/pull/35632> quotes it.
    pub(crate) fn not_found(&self, what: &str) -> Fault {
        let Self { resource, dimension } = self;
        Fault::new(
            "ObjectNotFoundException",
            format!(
                "{what} for service namespace: {NAMESPACE}, resource ID: {resource}, scalable dimension: {}",
                dimension.name()
            ),
        )
    }
}

impl Display for TargetId {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}|{}", self.resource, self.dimension.name())
    }
}

/// The members by which a describe operation filters by target.
#[derive(Clone, Copy)]
pub(crate) struct TargetFilter<'a> {
    resource_id: Option<&'a str>,
    dimension: Option<Dimension>,
}

impl<'a> TargetFilter<'a> {
    pub(crate) fn read(input: Input<'a>) -> Result<Self, Fault> {
        check_namespace(input)?;
        let (resource_id, dimension) = (input.optional_text("ResourceId")?, Dimension::read(input)?);
        if dimension.is_some() && resource_id.is_none() {
            return Err(Fault::validation("If you specify a scalable dimension, you must also specify a resource ID"));
        }
        Ok(Self { resource_id, dimension })
    }

    pub(crate) fn matches(self, id: &TargetId) -> bool {
        self.resource_id.is_none_or(|requested| requested == id.resource.to_string())
            && self.dimension.is_none_or(|requested| requested == id.dimension)
    }
}

/// The resource that is scaled.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Resource {
    Component(String),
    Variant { endpoint: String, variant: String },
}

impl Resource {
    /// Whether this is a variant of the endpoint of this name in any case.
    pub(crate) fn is_variant_of(&self, endpoint_name: &str) -> bool {
        match self {
            Self::Component(_) => false,
            Self::Variant { endpoint, .. } => endpoint.eq_ignore_ascii_case(endpoint_name),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match *text.split('/').collect::<Vec<_>>() {
            ["endpoint", endpoint, "variant", variant] if !endpoint.is_empty() && !variant.is_empty() => {
                Some(Self::Variant { endpoint: endpoint.to_owned(), variant: variant.to_owned() })
            }
            ["inference-component", name] if !name.is_empty() => Some(Self::Component(name.to_owned())),
            _ => None,
        }
    }
}

impl Display for Resource {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(name) => write!(formatter, "inference-component/{name}"),
            Self::Variant { endpoint, variant } => write!(formatter, "endpoint/{endpoint}/variant/{variant}"),
        }
    }
}

/// The property of the resource that is scaled.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Dimension {
    CopyCount,
    InstanceCount,
    ProvisionedConcurrency,
}

impl Dimension {
    const ALL: [Self; 3] = [Self::CopyCount, Self::InstanceCount, Self::ProvisionedConcurrency];

    /// Reads the dimension, if the input has one.
    pub(crate) fn read(input: Input<'_>) -> Result<Option<Self>, Fault> {
        let Some(text) = input.optional_text("ScalableDimension")? else { return Ok(None) };
        let known = Self::ALL.into_iter().find(|dimension| dimension.name() == text);
        known.map(Some).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            let constraint = format!("Member must satisfy enum value set: [{names}]");
            Fault::constraint(format_args!("'{text}'"), "ScalableDimension", constraint)
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CopyCount => "sagemaker:inference-component:DesiredCopyCount",
            Self::InstanceCount => "sagemaker:variant:DesiredInstanceCount",
            Self::ProvisionedConcurrency => "sagemaker:variant:DesiredProvisionedConcurrency",
        }
    }
}

/// Rejects the namespaces of other services, which this model does not have.
pub(crate) fn check_namespace(input: Input<'_>) -> Result<(), Fault> {
    match input.text("ServiceNamespace")? {
        NAMESPACE => Ok(()),
        other => {
            let constraint = format!("Member must satisfy enum value set: [{NAMESPACE}]");
            Err(Fault::constraint(format_args!("'{other}'"), "ServiceNamespace", constraint))
        }
    }
}

pub(crate) const NAMESPACE: &str = "sagemaker";
