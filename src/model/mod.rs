//! The terms of the product as values: names, ids, owners, endpoints, and the one description of a scalable target.
//!
//! Nothing here does I/O or reads the clock.

mod arn;
pub mod attributes;
mod declaration;
mod digest;
mod endpoint;
mod former_owner;
mod id;
pub mod json;
mod names;
mod owner;
mod refusal;
mod resource_type;
mod scalable_dimension;
mod stack_tags;
mod target_spec;

pub use arn::{FunctionArn, Location, component_name, config_name, endpoint_name};
pub use declaration::{Declaration, Difference};
pub use endpoint::{ConfiguredVariant, Endpoint, InferenceComponent, blocks_update};
pub use former_owner::FormerOwner;
pub use id::{InvalidId, PhysicalResourceId, SERVICE_NAMESPACE, ScalableTargetId, UpdateGateId};
pub use names::{EndpointConfigName, EndpointName, InferenceComponentName, InvalidName, VariantName};
pub use owner::{
    DECLARED_TAG, FORMER_OWNER_TAGS, HANDED_BACK_TAGS, MAX_TAGS, OWNER_TAGS, Owner, Ownership, RELEASED_TAGS,
    RESTORING_TAG, Registered, STACK_TAGS_TAG, TAG_PREFIX, Tags, complete_hand_back, hand_back, release,
};
pub use refusal::Refusal;
pub use resource_type::ResourceType;
pub use scalable_dimension::{ScalableDimension, VariantDimension};
pub use stack_tags::{keys_from_stack, with_stack_tags};
pub use target_spec::{
    Attachment, AttachmentKey, AttachmentKind, SUSPENDED_STATE, TARGET_MEMBERS, TargetSpec, target_members, target_of,
};
