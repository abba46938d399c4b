//! The parts of the function that the checks name. Nothing else in `checks` imports from it.

pub(super) use sagemaker_scaling::model::attributes::Attributes;
pub(super) use sagemaker_scaling::model::{AttachmentKind, Location, PhysicalResourceId, ScalableTargetId};
pub(super) use sagemaker_scaling::properties::{Declared, Desired, UpdateGate};
pub(super) use sagemaker_scaling::request::{Envelope, Lifecycle, NoReplyAddress, ReplyTo, Request, ResponseUrl};
pub(super) use sagemaker_scaling::response::{Answer, MAX_BODY_BYTES, Outcome};
