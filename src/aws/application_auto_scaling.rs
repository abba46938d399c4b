//! Application Auto Scaling: scalable targets, their tags, and their attachments (scaling policies and scheduled actions).
//!
//! The SDK's types lose members that they do not know, so most bodies are JSON. Each change checks its precondition before
//! a retry, and may be repeated.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_Operations.html>

use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use aws_sdk_applicationautoscaling::types::{ScalableDimension as Dimension, ServiceNamespace};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::timeout;

use super::clients::{Aws, Reads};
use super::error::{AwsError, ChangeError, incomplete_reply};
use super::operation::Operation;
use super::precondition::Precondition;
use super::protocol::ErrorReply;
use crate::model::attributes::TARGET_ARN;
use crate::model::json::{Object, object, text};
use crate::model::{
    Attachment, AttachmentKey, AttachmentKind, Registered, SERVICE_NAMESPACE, ScalableTargetId, Tags, TargetSpec,
    target_members, target_of,
};
use crate::polling::poll;
use crate::timing::VISIBLE;

/// Why a target was not created.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// It is already registered.
    #[error("the target is already registered")]
    AlreadyExists,
    /// Before a retry, the registration was not wanted any more.
    #[error("the registration is not wanted any more")]
    Outdated,
    /// Another failure.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Reads<'_> {
    /// The registered targets of these resources, as the service describes them.
    pub async fn describe_targets(&self, resource_ids: &[String]) -> Result<Vec<Object>, AwsError> {
        let mut targets = Vec::new();
        for ids in resource_ids.chunks(MAX_RESOURCE_IDS) {
            let input = object([("ServiceNamespace", json!(SERVICE_NAMESPACE)), ("ResourceIds", json!(ids))]);
            targets.extend(self.list_targets(&ids.join(", "), input).await?);
        }
        Ok(targets)
    }

    /// A registered target as the service describes it.
    pub async fn describe_target(&self, target: &ScalableTargetId) -> Result<Option<Object>, AwsError> {
        let input = object([
            ("ServiceNamespace", json!(SERVICE_NAMESPACE)),
            ("ResourceIds", json!([target.resource_id()])),
            ("ScalableDimension", json!(target.dimension().as_str())),
        ]);
        let found = self.list_targets(&target.resource_id(), input).await?;
        Ok(found.into_iter().find(|found| target_of(found).is_some_and(|found| found.is_same(target))))
    }

    /// Whether a target is registered in exactly this spelling.
    pub async fn is_registered_as_spelled(&self, target: &ScalableTargetId) -> Result<bool, AwsError> {
        let found = self.describe_target(target).await?;
        Ok(found.is_some_and(|found| text(&found, "ResourceId") == Some(&target.resource_id())))
    }

    /// All registered targets of SageMaker, as the service describes them.
    pub async fn all_targets(&self) -> Result<Vec<Object>, AwsError> {
        self.list_targets("all targets", object([("ServiceNamespace", json!(SERVICE_NAMESPACE))])).await
    }

    /// All policies or scheduled actions of SageMaker's targets, as the service describes them.
    pub async fn all_attachments(&self, kind: AttachmentKind) -> Result<Vec<Object>, AwsError> {
        let (operation, list) = describe_operation(kind);
        self.list(operation, "all targets", object([("ServiceNamespace", json!(SERVICE_NAMESPACE))]), list).await
    }

    /// The scaling activities of all targets that began at `since` or later and failed or were not carried out, and whether these
    /// are all of them: the latest come first, and reading ends after 500 pages, or with `reserve` left to work.
    ///
    /// Assumed (belief activity-order): the service returns those of six weeks, the latest first. Two pages without a later one
    /// end the look-up. <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingActivities.html>
    pub async fn failed_activities(
        &self,
        since: SystemTime,
        reserve: Duration,
    ) -> Result<(Vec<Object>, bool), AwsError> {
        let since = DateTime::from(since).as_secs_f64();
        let began = |activity: &Object| activity.get("StartTime").and_then(Value::as_f64).unwrap_or(since);
        let has_failed = |activity: &Object| {
            matches!(text(activity, "StatusCode"), Some("Failed" | "Unfulfilled"))
                || activity.contains_key("NotScaledReasons")
        };
        let mut input =
            object([("ServiceNamespace", json!(SERVICE_NAMESPACE)), ("IncludeNotScaledActivities", json!(true))]);
        let (mut activities, mut pages_without) = (Vec::new(), 0);
        for _ in 0..MAX_ACTIVITY_PAGES {
            let (mut page, next) =
                self.page(Operation::DescribeScalingActivities, "all targets", &input, "ScalingActivities").await?;
            page.retain(|activity| began(activity) >= since);
            pages_without = if page.is_empty() { pages_without + 1 } else { 0 };
            activities.extend(page.into_iter().filter(has_failed).map(|mut activity| {
                // The others are long, and there may be thousands of activities.
                activity.retain(|name, _| ACTIVITY_MEMBERS.contains(&name.as_str()));
                activity
            }));
            match next {
                Some(token) if pages_without < 2 => drop(input.insert("NextToken".to_owned(), token)),
                _ => return Ok((activities, true)),
            }
            if self.left_to_work() < reserve {
                break;
            }
        }
        Ok((activities, false))
    }

    async fn list_targets(&self, resource: &str, input: Object) -> Result<Vec<Object>, AwsError> {
        self.list(Operation::DescribeScalableTargets, resource, input, "ScalableTargets").await
    }

    /// A registered target: its ARN and its tags.
    pub async fn registered(&self, target: &ScalableTargetId) -> Result<Option<Registered>, AwsError> {
        let read = async || {
            let Some(found) = self.describe_target(target).await? else { return Ok(ControlFlow::Break(None)) };
            let arn = text(&found, TARGET_ARN).unwrap_or_default().to_owned();
            match self.tags(&arn).await {
                Ok(tags) => Ok(ControlFlow::Break(Some(Registered { arn, tags }))),
                // It was registered just now, or deregistered in between. The next read decides.
                Err(error) if error.is_resource_not_found() => Ok(ControlFlow::Continue(error)),
                Err(error) => Err(error),
            }
        };
        poll(VISIBLE, self.left_to_work(), read).await?
    }

    /// The same, or `None` if that takes more than half of the time left.
    pub async fn registered_in_time(&self, target: &ScalableTargetId) -> Option<Option<Registered>> {
        timeout(self.left_to_work() / 2, self.registered(target)).await.ok()?.ok()
    }

    /// The tags of a target.
    pub async fn tags(&self, arn: &str) -> Result<Tags, AwsError> {
        let request = self.clients.autoscaling.list_tags_for_resource().resource_arn(arn);
        let output = self.call(Operation::ListTagsForResource, arn, async || request.clone().send().await).await?;
        Ok(output.tags.unwrap_or_default().into_iter().collect())
    }

    /// The policies and scheduled actions of a target, as the service describes them.
    pub async fn describe_attachments(
        &self,
        target: &ScalableTargetId,
        kind: AttachmentKind,
    ) -> Result<Vec<Object>, AwsError> {
        let (resource, input) = (target.resource_id(), target_members(target));
        let (operation, list) = describe_operation(kind);
        self.list(operation, &resource, input, list).await
    }

    /// Reads all pages of a list operation.
    async fn list(
        &self,
        operation: Operation,
        resource: &str,
        mut input: Object,
        member: &str,
    ) -> Result<Vec<Object>, AwsError> {
        let mut items = Vec::new();
        loop {
            let (page, next) = self.page(operation, resource, &input, member).await?;
            items.extend(page);
            match next {
                Some(token) => drop(input.insert("NextToken".to_owned(), token)),
                None => return Ok(items),
            }
        }
    }

    /// Reads one page of a list operation. Returns the token of the next one, too.
    async fn page(
        &self,
        operation: Operation,
        resource: &str,
        input: &Object,
        member: &str,
    ) -> Result<(Vec<Object>, Option<Value>), AwsError> {
        let attempt = async || {
            let mut page: Object = self.clients.autoscaling_json.call(operation, Value::Object(input.clone())).await?;
            let Some(Value::Array(items)) = page.remove(member) else { return Err(incomplete_reply(member)) };
            Ok((items, page.remove("NextToken")))
        };
        let (items, next) = self.call(operation, resource, attempt).await?;
        let items = items.into_iter().filter_map(|item| match item {
            Value::Object(item) => Some(item),
            _ => None,
        });
        Ok((items.collect(), next.filter(Value::is_string)))
    }
}

impl Aws<'_> {
    /// Registers a target with tags. Fails if it is already registered. Returns its ARN.
    ///
    /// The state of the target needs no precondition: with tags, the call fails if the target exists. Before each retry,
    /// `is_wanted` checks everything else that the registration was decided for.
    pub async fn create_target(
        &self,
        spec: &TargetSpec,
        tags: &Tags,
        is_wanted: impl AsyncFnMut() -> Result<(), ChangeError>,
    ) -> Result<String, RegisterError> {
        let body = spec.create_body(tags);
        let attempt = async || self.register(&body).await;
        let (operation, resource) = (Operation::RegisterScalableTarget, spec.id.resource_id());
        self.change(operation, &resource, is_wanted, attempt).await.map_err(|error| match error {
            // "The scalable target that you tried to tag already exists. To update tags on an existing scalable target,
            // use the TagResource API."; see https://github.com/hashicorp/terraform-provider-aws/issues/31839. Assumed (belief
            // tags-on-registered): code and text.
            ChangeError::Aws(error) if error.is_validation() && error.says("already exists") => {
                RegisterError::AlreadyExists
            }
            ChangeError::Aws(error) => RegisterError::Aws(error),
            ChangeError::Outdated => RegisterError::Outdated,
        })
    }

    /// Changes the settings of a registered target. Returns its ARN, which is a new one if the target was not registered any more.
    pub async fn update_target(
        &self,
        spec: &TargetSpec,
        precondition: &mut Precondition,
    ) -> Result<String, ChangeError> {
        let body = spec.update_body();
        let attempt = async || self.register(&body).await;
        self.change_target(Operation::RegisterScalableTarget, &spec.id.resource_id(), precondition, attempt).await
    }

    async fn register(&self, body: &Object) -> Result<String, SdkError<ErrorReply, HttpResponse>> {
        self.progress.registering();
        let output: Value =
            self.clients.autoscaling_json.call(Operation::RegisterScalableTarget, Value::Object(body.clone())).await?;
        output[TARGET_ARN].as_str().map(str::to_owned).ok_or_else(|| incomplete_reply(TARGET_ARN))
    }

    /// Deregisters a target with its policies and scheduled actions. A target that is not registered is a success.
    pub async fn deregister_target(
        &self,
        target: &ScalableTargetId,
        precondition: &mut Precondition,
    ) -> Result<(), ChangeError> {
        let request = self
            .clients
            .autoscaling
            .deregister_scalable_target()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(target.resource_id())
            .scalable_dimension(dimension(target));
        let attempt = async || request.clone().send().await;
        let (operation, resource) = (Operation::DeregisterScalableTarget, target.resource_id());
        missing_is_done(self.change_target(operation, &resource, precondition, attempt).await.map(drop))
    }

    /// Puts tags on a target. Without tags there is no call.
    pub async fn tag(&self, arn: &str, tags: &Tags, precondition: &mut Precondition) -> Result<(), ChangeError> {
        if tags.is_empty() {
            return Ok(());
        }
        let tags = tags.clone().into_iter().collect();
        let request = self.clients.autoscaling.tag_resource().resource_arn(arn).set_tags(Some(tags));
        let attempt = async || request.clone().send().await;
        let is_not_found = AwsError::is_resource_not_found;
        self.change_once_visible(Operation::TagResource, arn, precondition, is_not_found, attempt).await.map(drop)
    }

    /// Removes tags from a target. Without keys there is no call. A target that is not registered is a success.
    pub async fn untag(&self, arn: &str, keys: &[String], precondition: &mut Precondition) -> Result<(), ChangeError> {
        if keys.is_empty() {
            return Ok(());
        }
        let request = self.clients.autoscaling.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec()));
        let attempt = async || request.clone().send().await;
        let is_not_found = AwsError::is_resource_not_found;
        let done = self.change_once_visible(Operation::UntagResource, arn, precondition, is_not_found, attempt).await;
        missing_is_done(done.map(drop))
    }

    /// Puts a policy or a scheduled action, which replaces one of the same name. Returns the ARN of a policy.
    pub async fn put(
        &self,
        target: &ScalableTargetId,
        attachment: &Attachment,
        precondition: &mut Precondition,
    ) -> Result<Option<String>, ChangeError> {
        let resource = describe(&attachment.key(), target);
        let body = Value::Object(attachment.put_body(target));
        let operation = match attachment.kind {
            AttachmentKind::ScalingPolicy => Operation::PutScalingPolicy,
            AttachmentKind::ScheduledAction => Operation::PutScheduledAction,
        };
        let attempt = async || {
            let output: Value = self.clients.autoscaling_json.call(operation, body.clone()).await?;
            Ok(output["PolicyARN"].as_str().map(str::to_owned))
        };
        self.change_once_visible(operation, &resource, precondition, AwsError::is_object_not_found, attempt).await
    }

    /// Deletes a policy or a scheduled action. One that does not exist is a success.
    pub async fn delete(
        &self,
        target: &ScalableTargetId,
        key: &AttachmentKey,
        precondition: &mut Precondition,
    ) -> Result<(), ChangeError> {
        let client = &self.clients.autoscaling;
        let resource = describe(key, target);
        let (kind, name) = key;
        let done = match kind {
            AttachmentKind::ScalingPolicy => {
                let request = client
                    .delete_scaling_policy()
                    .service_namespace(ServiceNamespace::Sagemaker)
                    .resource_id(target.resource_id())
                    .scalable_dimension(dimension(target))
                    .policy_name(name);
                let attempt = async || request.clone().send().await;
                self.change_target(Operation::DeleteScalingPolicy, &resource, precondition, attempt).await.map(drop)
            }
            AttachmentKind::ScheduledAction => {
                let request = client
                    .delete_scheduled_action()
                    .service_namespace(ServiceNamespace::Sagemaker)
                    .resource_id(target.resource_id())
                    .scalable_dimension(dimension(target))
                    .scheduled_action_name(name);
                let attempt = async || request.clone().send().await;
                self.change_target(Operation::DeleteScheduledAction, &resource, precondition, attempt).await.map(drop)
            }
        };
        missing_is_done(done)
    }
}

/// Fifty activities each.
const MAX_ACTIVITY_PAGES: usize = 500;
const ACTIVITY_MEMBERS: [&str; 5] =
    ["NotScaledReasons", "ResourceId", "ScalableDimension", "StatusCode", "StatusMessage"];

/// The operation that describes attachments, and the member of its reply that lists them.
fn describe_operation(kind: AttachmentKind) -> (Operation, &'static str) {
    match kind {
        AttachmentKind::ScalingPolicy => (Operation::DescribeScalingPolicies, "ScalingPolicies"),
        AttachmentKind::ScheduledAction => (Operation::DescribeScheduledActions, "ScheduledActions"),
    }
}

fn missing_is_done(done: Result<(), ChangeError>) -> Result<(), ChangeError> {
    match done {
        Err(ChangeError::Aws(error)) if error.is_object_not_found() || error.is_resource_not_found() => Ok(()),
        done => done,
    }
}

fn describe((kind, name): &AttachmentKey, target: &ScalableTargetId) -> String {
    format!("{} {name} of {}", kind.noun(), target.resource_id())
}

fn dimension(target: &ScalableTargetId) -> Dimension {
    target.dimension().as_str().into()
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html>
const MAX_RESOURCE_IDS: usize = 50;
