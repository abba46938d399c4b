//! The parts of the function that the checks name. Nothing else in `checks` imports from it.

pub(super) use sagemaker_scaling::answer::{Answer, Data, MAX_BODY_BYTES, Outcome};
pub(super) use sagemaker_scaling::aws::Here;
pub(super) use sagemaker_scaling::envelope::{Envelope, Lifecycle, NoReplyAddress, ReplyTo, Request};
pub(super) use sagemaker_scaling::id::{PhysicalResourceId, ScalableTargetId};
pub(super) use sagemaker_scaling::response_url::ResponseUrl;
pub(super) use sagemaker_scaling::scalable_target::{Desired, Named};
pub(super) use sagemaker_scaling::update_gate;
