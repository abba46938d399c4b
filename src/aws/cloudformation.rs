//! CloudFormation's record of the resource that a request is for.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html>

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::clients::Aws;
use super::error::AwsError;
use super::operation::Operation;
use crate::model::{Owner, ScalableTargetId, Tags, UpdateGateId};
use crate::request::StackRecord;
use crate::timing::RECORD_TIMEOUT;

impl Aws<'_> {
    /// What CloudFormation has recorded of the request's resource: see [`record_of`](Self::record_of).
    pub async fn stack_record(&self) -> Option<StackRecord> {
        self.record_of(self.request.owner).await
    }

    /// What CloudFormation has recorded of a resource.
    ///
    /// Returns `None` if that cannot be read well before time is up: the stack is in another account, the role does
    /// not allow it, or CloudFormation does not reply.
    pub async fn record_of(&self, owner: &Owner) -> Option<StackRecord> {
        let limit = (self.left_to_work() / 2).min(RECORD_TIMEOUT);
        match timeout(limit, self.describe_stack_resource(owner)).await {
            Ok(Ok(record)) => Some(record.into()),
            // "Resource Scaling does not exist for stack ...": it is deleted, and no longer in the template.
            Ok(Err(error)) if error.code() == Some("ValidationError") && error.says("does not exist for stack") => {
                Some(StackRecord { status: "DELETE_COMPLETE".to_owned(), ..StackRecord::default() })
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, resource = %owner, "DescribeStackResource failed; continuing as if the resource exists and CloudFormation still waits");
                None
            }
            Err(_) => {
                tracing::warn!(resource = %owner, "DescribeStackResource timed out; continuing as if the resource exists and CloudFormation still waits");
                None
            }
        }
    }

    /// Whether CloudFormation is deleting a resource, or has deleted it. If its record cannot be read, it counts as alive.
    pub async fn is_deleted(&self, owner: &Owner) -> bool {
        self.record_of(owner).await.is_some_and(|record| record.is_deleted())
    }

    /// The former owner that the tags of a target name, if it would have the target again: CloudFormation has neither deleted
    /// it nor given it another target, as far as its record can be read.
    pub async fn existing_former_owner(&self, tags: &Tags, target: &ScalableTargetId) -> Option<Owner> {
        let former = Owner::read_former(tags)?;
        let is_gone = |record: StackRecord| record.is_gone() || record.has_other_target(target);
        let is_gone = self.record_of(&former).await.is_some_and(is_gone);
        (!is_gone).then_some(former)
    }

    /// The native resource that registered a target. Its physical id is the target's. It is not found if it is not one of
    /// the first 100 resources of its stack.
    pub async fn native_resource(&self, target: &ScalableTargetId) -> Option<Owner> {
        let id = target.to_string();
        let native = |found: &StackResource| found.resource_type == NATIVE_TARGET && found.physical_resource_id == id;
        let found = self.resources_beside(&id).await.into_iter().find(native)?;
        Some(Owner { stack_id: found.stack_id?, logical_resource_id: found.logical_resource_id })
    }

    /// Whether the stack of the request has a gate with this id. If another stack has one, too, it is not found if it is not
    /// one of the first 100 resources of its stack.
    pub async fn has_gate(&self, gate: &UpdateGateId) -> bool {
        let (id, own) = (gate.to_string(), &self.request.owner.stack_id);
        // The gate itself may not be among them.
        match self.resources_beside(&id).await.into_iter().find_map(|found| found.stack_id) {
            None => false,
            Some(stack) if stack == *own => true,
            // Of several stacks that have such a gate, CloudFormation returns one.
            Some(_) => self.resources_of(own).await.iter().any(|found| found.physical_resource_id == id),
        }
    }

    /// The first 100 resources of the stack, in this account, that has a resource with this physical id.
    async fn resources_beside(&self, id: &str) -> Vec<StackResource> {
        self.stack_resources(id, json!({ "PhysicalResourceId": id })).await
    }

    /// The first 100 resources of a stack.
    async fn resources_of(&self, stack: &str) -> Vec<StackResource> {
        self.stack_resources(stack, json!({ "StackName": stack })).await
    }

    /// Returns none if there is no such stack, or if that cannot be read.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html>
    async fn stack_resources(&self, id: &str, input: Value) -> Vec<StackResource> {
        let operation = Operation::DescribeStackResources;
        let attempt = async || self.clients.cloudformation.call::<StackResources>(operation, input.clone()).await;
        let limit = (self.left_to_work() / 2).min(RECORD_TIMEOUT);
        match timeout(limit, self.call(operation, id, attempt)).await {
            Ok(Ok(found)) => found.member,
            // "Stack for ... does not exist": no stack has a resource with this id.
            Ok(Err(error)) if error.code() == Some("ValidationError") => Vec::new(),
            Ok(Err(error)) => {
                tracing::warn!(%error, id, "DescribeStackResources failed; continuing as if no stack has this resource");
                Vec::new()
            }
            Err(_) => {
                tracing::warn!(id, "DescribeStackResources timed out; continuing as if no stack has this resource");
                Vec::new()
            }
        }
    }

    /// The tags of the request's stack.
    ///
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>
    pub async fn stack_tags(&self) -> Result<Tags, AwsError> {
        let stack = &self.request.owner.stack_id;
        let (operation, input) = (Operation::DescribeStacks, json!({ "StackName": stack }));
        let attempt = async || self.clients.cloudformation.call::<Stacks>(operation, input.clone()).await;
        let found = self.call(operation, stack, attempt).await?;
        let tags = found.member.into_iter().flat_map(|stack| stack.member);
        Ok(tags.filter_map(|tag| tag.key.zip(tag.value)).collect())
    }

    async fn describe_stack_resource(&self, owner: &Owner) -> Result<StackResourceDetail, AwsError> {
        // A deleted stack is known by its ARN only, which is its id.
        let input = json!({ "StackName": owner.stack_id, "LogicalResourceId": owner.logical_resource_id });
        let operation = Operation::DescribeStackResource;
        let attempt = async || self.clients.cloudformation.call(operation, input.clone()).await;
        self.call(operation, &owner.logical_resource_id, attempt).await
    }
}

/// The members of the reply that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StackResourceDetail {
    resource_status: String,
    /// Missing until a Create was answered.
    #[serde(default)]
    physical_resource_id: String,
    #[serde(default)]
    last_updated_timestamp: String,
}

#[derive(Debug, Deserialize)]
struct StackResources {
    #[serde(default)]
    member: Vec<StackResource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StackResource {
    stack_id: Option<String>,
    logical_resource_id: String,
    resource_type: String,
    #[serde(default)]
    physical_resource_id: String,
}

#[derive(Debug, Deserialize)]
struct Stacks {
    #[serde(default)]
    member: Vec<Stack>,
}

#[derive(Debug, Deserialize)]
struct Stack {
    /// Its tags, and the items of its other lists, which have neither key nor value.
    #[serde(default)]
    member: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: Option<String>,
    value: Option<String>,
}

const NATIVE_TARGET: &str = "AWS::ApplicationAutoScaling::ScalableTarget";

impl From<StackResourceDetail> for StackRecord {
    fn from(detail: StackResourceDetail) -> Self {
        Self {
            status: detail.resource_status,
            physical_resource_id: detail.physical_resource_id,
            changed: time(&detail.last_updated_timestamp),
        }
    }
}

fn time(text: &str) -> Option<SystemTime> {
    DateTime::from_str(text, Format::DateTime).ok()?.try_into().ok()
}
