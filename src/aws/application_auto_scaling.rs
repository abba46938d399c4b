//! The calls to Application Auto Scaling about targets and their tags; `attached.rs` has those about what is attached.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_Operations.html>

use std::collections::HashMap;
use std::error::Error as StdError;

use autoscaling::types::{ScalableDimension as Dimension, ServiceNamespace, SuspendedState as Suspended};
use aws_sdk_applicationautoscaling as autoscaling;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use thiserror::Error;
use tokio::time::{sleep, timeout};

use super::Aws;
use crate::error::AwsError;
use crate::id::{ScalableDimension, ScalableTargetId};
use crate::owner::Tags;
use crate::retry::{CALLS, until_deadline, while_it_holds};
use crate::scalable_target::{Desired, SuspendedState};

/// A target that is registered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Registered {
    /// Its ARN, by which it is tagged. It is another one when the target is registered anew.
    pub arn: String,
    /// All its tags.
    pub tags: Tags,
}

/// Why a target was not created.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// It is registered already: tags are taken at creation only.
    #[error("the target is registered already")]
    AlreadyExists,
    /// Anything else.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Aws<'_> {
    /// Registers a target that does not exist, with tags; fails where it does. Returns its ARN.
    pub async fn create(&self, desired: &Desired, tags: &Tags) -> Result<String, RegisterError> {
        let created = self.register(desired, desired.suspended_state, Some(tags), async || Ok(true)).await;
        created.map(|arn| arn.expect("nothing led to it")).map_err(|error| {
            // Exactly "The scalable target that you tried to tag already exists. To update tags on an existing scalable
            // target, use the TagResource API."; see https://github.com/hashicorp/terraform-provider-aws/issues/31839
            if error.is_validation() && error.says("already exists") {
                RegisterError::AlreadyExists
            } else {
                RegisterError::Aws(error)
            }
        })
    }

    /// Registers a target that exists, which changes its limits; what is not said is reset. Returns its ARN, or nothing
    /// where what led to it `holds` no longer.
    pub async fn renew(
        &self,
        desired: &Desired,
        holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    ) -> Result<Option<String>, AwsError> {
        self.register(desired, Some(desired.suspended_state.unwrap_or_default()), None, holds).await
    }

    async fn register(
        &self,
        desired: &Desired,
        suspended: Option<SuspendedState>,
        tags: Option<&Tags>,
        holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    ) -> Result<Option<String>, AwsError> {
        let target = &desired.target;
        let request = self
            .clients
            .autoscaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(target.resource_id())
            .scalable_dimension(dimension(target))
            .min_capacity(desired.capacity.min())
            .max_capacity(desired.capacity.max())
            .set_suspended_state(suspended.map(suspended_state))
            .set_tags(tags.map(|tags| tags.clone().into_iter().collect::<HashMap<_, _>>()));
        let call = async || {
            self.progress.claims();
            let output = request.clone().send().await?;
            output.scalable_target_arn.filter(|arn| !arn.is_empty()).ok_or_else(|| cut_off("ScalableTargetARN"))
        };
        while_it_holds("RegisterScalableTarget", &target.resource_id(), self, holds, call).await
    }

    /// What is registered: the target and its tags, or nothing.
    pub async fn observe(&self, target: &ScalableTargetId) -> Result<Option<Registered>, AwsError> {
        for attempt in 1_u32.. {
            let Some(arn) = self.describe(target).await? else {
                return Ok(None);
            };
            match self.tags(&arn).await {
                Ok(tags) => return Ok(Some(Registered { arn, tags })),
                // Registered just now, or deregistered in between: the next look tells.
                Err(error) if is_missing(&error) => {
                    let delay = CALLS.delay(attempt, 1.0);
                    if delay >= self.deadline.left_to_work() {
                        return Err(error);
                    }
                    sleep(delay).await;
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("attempts are not counted to the end")
    }

    /// What is registered, if that can be told well before the time is up.
    pub async fn glance(&self, target: &ScalableTargetId) -> Option<Option<Registered>> {
        timeout(self.deadline.left_to_work() / 2, self.observe(target)).await.ok()?.ok()
    }

    async fn describe(&self, target: &ScalableTargetId) -> Result<Option<String>, AwsError> {
        let request = self
            .clients
            .autoscaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_ids(target.resource_id())
            .scalable_dimension(dimension(target));
        let call = async || {
            let output = request.clone().send().await?;
            output.scalable_targets.ok_or_else(|| cut_off("ScalableTargets"))
        };
        let found = until_deadline("DescribeScalableTargets", &target.resource_id(), self, call).await?;
        let found = found.into_iter().find(|found| found.resource_id.eq_ignore_ascii_case(&target.resource_id()));
        Ok(found.map(|found| found.scalable_target_arn.unwrap_or_default()))
    }

    async fn tags(&self, arn: &str) -> Result<Tags, AwsError> {
        let request = self.clients.autoscaling.list_tags_for_resource().resource_arn(arn);
        let call = async || request.clone().send().await;
        let output = until_deadline("ListTagsForResource", arn, self, call).await?;
        Ok(output.tags.unwrap_or_default().into_iter().collect())
    }

    /// Puts tags on a target, while what led to it `holds`; none is no call. Returns whether it held.
    pub async fn tag(
        &self,
        arn: &str,
        tags: &Tags,
        holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    ) -> Result<bool, AwsError> {
        if tags.is_empty() {
            return Ok(true);
        }
        let tags = tags.clone().into_iter().collect();
        let request = self.clients.autoscaling.tag_resource().resource_arn(arn).set_tags(Some(tags));
        let call = async || request.clone().send().await;
        Ok(self.once_seen("TagResource", arn, is_missing, holds, call).await?.is_some())
    }

    /// Calls about a target that was registered just now and may be `unseen` at first, while what led to it `holds`.
    pub(super) async fn once_seen<T, E>(
        &self,
        operation: &'static str,
        resource: &str,
        unseen: fn(&AwsError) -> bool,
        mut holds: impl AsyncFnMut() -> Result<bool, AwsError>,
        mut call: impl AsyncFnMut() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<Option<T>, AwsError>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        for attempt in 1_u32.. {
            match while_it_holds(operation, resource, self, &mut holds, &mut call).await {
                Err(error) if unseen(&error) && attempt < UNSEEN_ATTEMPTS => {
                    sleep(CALLS.delay(attempt, 1.0)).await;
                    if !holds().await? {
                        return Ok(None);
                    }
                }
                done => return done,
            }
        }
        unreachable!("attempts are not counted to the end")
    }

    /// Takes tags from a target, while what led to it `holds`; none is no call, and a target that is gone is a success.
    /// Returns whether it held.
    pub async fn untag(
        &self,
        arn: &str,
        keys: &[String],
        holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    ) -> Result<bool, AwsError> {
        if keys.is_empty() {
            return Ok(true);
        }
        let request = self.clients.autoscaling.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec()));
        let call = async || request.clone().send().await;
        match while_it_holds("UntagResource", arn, self, holds, call).await {
            Err(error) if is_missing(&error) => Ok(true),
            done => done.map(|done| done.is_some()),
        }
    }

    /// Deregisters a target, with its policies and scheduled actions, while what led to it `holds`; one that is gone
    /// already is a success.
    pub async fn deregister(
        &self,
        target: &ScalableTargetId,
        holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    ) -> Result<(), AwsError> {
        let request = self
            .clients
            .autoscaling
            .deregister_scalable_target()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(target.resource_id())
            .scalable_dimension(dimension(target));
        let call = async || request.clone().send().await;
        match while_it_holds("DeregisterScalableTarget", &target.resource_id(), self, holds, call).await {
            Err(error) if is_not_found(&error) => Ok(()),
            done => done.map(drop),
        }
    }
}

/// A success that lacks what the service always sends: it is not taken for an answer, and asked for again.
pub(super) fn cut_off<E>(member: &str) -> SdkError<E, HttpResponse> {
    let error = format!("the reply has no {member}");
    SdkError::dispatch_failure(ConnectorError::other(error.into(), None))
}

/// Whether the tag operations do not know the target.
pub(super) fn is_missing(error: &AwsError) -> bool {
    error.code() == Some("ResourceNotFoundException")
}

/// Whether the other operations do not know the target, or what is attached to it.
pub(super) fn is_not_found(error: &AwsError) -> bool {
    error.code() == Some("ObjectNotFoundException")
}

pub(super) fn dimension(target: &ScalableTargetId) -> Dimension {
    match target.dimension() {
        ScalableDimension::InferenceComponentDesiredCopyCount => Dimension::SageMakerInferenceComponentDesiredCopyCount,
        ScalableDimension::VariantDesiredInstanceCount => Dimension::SageMakerVariantDesiredInstanceCount,
        ScalableDimension::VariantDesiredProvisionedConcurrency => {
            Dimension::SageMakerVariantDesiredProvisionedConcurrency
        }
    }
}

fn suspended_state(state: SuspendedState) -> Suspended {
    Suspended::builder()
        .dynamic_scaling_in_suspended(state.dynamic_scaling_in)
        .dynamic_scaling_out_suspended(state.dynamic_scaling_out)
        .scheduled_scaling_suspended(state.scheduled_scaling)
        .build()
}

/// Some six seconds in all.
const UNSEEN_ATTEMPTS: u32 = 6;
