//! A refusal: the rules of this function do not allow a request. Its text is for the author of the template.
//!
//! (An AWS service that does not accept a call *rejects* it: see `aws/error.rs`.)

use thiserror::Error;

use super::names::{EndpointConfigName, EndpointName, InferenceComponentName, VariantName};
use super::owner::Owner;

/// Why the rules refuse a request.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// The target was registered by hand or by a native resource.
    #[error(
        "{0} is already registered, but not by this function; set AdoptExisting to true to adopt it, or deregister it"
    )]
    AlreadyRegistered(String),
    /// The endpoint cannot scale to zero instances.
    #[error("{limit}: expected at least 1, found 0: endpoint {endpoint} is not asynchronous, and cannot scale to zero")]
    CannotScaleToZero {
        /// The path of the limit.
        limit: String,
        /// The endpoint.
        endpoint: EndpointName,
    },
    /// The inference component does not become ready by itself.
    #[error(
        "InferenceComponentName: inference component {name} is {status}{}; expected one that is InService",
        because(.reason)
    )]
    ComponentBroken {
        /// The inference component.
        name: InferenceComponentName,
        /// Its `InferenceComponentStatus`.
        status: String,
        /// Its `FailureReason`.
        reason: Option<String>,
    },
    /// The inference component does not exist.
    #[error("InferenceComponentName: there is no inference component {0} in this account and Region")]
    ComponentMissing(InferenceComponentName),
    /// The endpoint configuration does not exist.
    #[error("EndpointConfigName: there is no endpoint configuration {0} in this account and Region")]
    ConfigMissing(EndpointConfigName),
    /// The endpoint does not become ready by itself.
    #[error("EndpointName: endpoint {name} is {status}{}; expected one that is InService", because(.reason))]
    EndpointBroken {
        /// The endpoint.
        name: EndpointName,
        /// Its `EndpointStatus`.
        status: String,
        /// Its `FailureReason`.
        reason: Option<String>,
    },
    /// The endpoint does not exist.
    #[error("EndpointName: there is no endpoint {0} in this account and Region")]
    EndpointMissing(EndpointName),
    /// A gate has deregistered the target, which has a snapshot.
    #[error(
        "{refusal}. A gate has deregistered that target; its snapshot is parameter {parameter}. If its update is over and the \
         target must not be restored, delete the parameter"
    )]
    Kept {
        /// Why the target would be refused if it were registered.
        refusal: Box<Self>,
        /// The parameter of its snapshot.
        parameter: String,
    },
    /// A target that blocks the update of a gate's endpoint belongs to another stack.
    #[error(
        "IncludeOtherStacks: target {target} blocks the update of the endpoint and is owned by {owner}; set \
         IncludeOtherStacks to true on this gate to let it deregister and restore targets of other stacks"
    )]
    OwnedByOtherStack {
        /// The target.
        target: String,
        /// Its owner.
        owner: Owner,
    },
    /// Another resource owns the target.
    #[error(
        "{target} is registered by {owner}; remove it there first, set TakeOverFrom to take it over from that resource, or \
         deregister it by hand"
    )]
    OwnedByAnother {
        /// The target.
        target: String,
        /// Its owner.
        owner: Owner,
    },
    /// Another resource has taken the target over from this one.
    #[error(
        "{target} was taken over by {owner}; remove this resource from its template. Its Delete leaves the target registered"
    )]
    TakenOver {
        /// The target.
        target: String,
        /// Its owner.
        owner: Owner,
    },
    /// A tag of the stack has a key that the function reserves.
    #[error(
        "PropagateStackTags: the stack has the tag {0}, and keys that begin with sagemaker-scaling: are reserved; remove \
         that tag from the stack, or set PropagateStackTags to false"
    )]
    ReservedStackTag(String),
    /// The stack's tags cannot be read.
    #[error(
        "PropagateStackTags: the tags of stack {0} cannot be known, because it is not in the account and Region of the \
         function; set PropagateStackTags to false, and list the tags in Tags"
    )]
    StackElsewhere(String),
    /// The stack's tags and the author's are too many.
    #[error(
        "PropagateStackTags: expected at most {most} tags, found {found} of the stack and of Tags together; remove some, \
         or set PropagateStackTags to false"
    )]
    TooManyTags {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// The endpoint does not have the variant.
    #[error("VariantName: endpoint {endpoint} has no variant {variant}; it has {}", list(.has))]
    VariantMissing {
        /// The endpoint.
        endpoint: EndpointName,
        /// The variant of the template.
        variant: VariantName,
        /// The variants of the endpoint.
        has: Vec<String>,
    },
}

impl Refusal {
    /// Whether the target belongs to somebody else.
    pub fn is_about_ownership(&self) -> bool {
        matches!(
            self,
            Self::AlreadyRegistered(_)
                | Self::Kept { .. }
                | Self::OwnedByAnother { .. }
                | Self::OwnedByOtherStack { .. }
                | Self::TakenOver { .. }
        )
    }
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
