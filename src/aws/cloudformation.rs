//! CloudFormation's record of the resource that a request is for.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html>

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::clients::{Aws, Reads};
use super::error::AwsError;
use super::operation::Operation;
use crate::model::{Owner, ResourceType, ScalableTargetId, Tags, UpdateGateId};
use crate::request::StackRecord;
use crate::timing::RECORD_TIMEOUT;

impl Reads<'_> {
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
        let limit = (self.left_to_work() / 2).min(RECORD_TIMEOUT);
        match timeout(limit, self.describe_stack_resources(id, input)).await {
            Ok(Ok(found)) => found,
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

    async fn describe_stack_resources(&self, id: &str, input: Value) -> Result<Vec<StackResource>, AwsError> {
        let operation = Operation::DescribeStackResources;
        let attempt = async || self.clients.cloudformation.call::<StackResources>(operation, input.clone()).await;
        Ok(self.call(operation, id, attempt).await?.member)
    }

    /// All stacks of the account and Region, without those that are deleted.
    pub async fn all_stacks(&self) -> Result<Vec<Stack>, AwsError> {
        let mut input = json!({});
        let mut stacks = Vec::new();
        loop {
            let page = self.describe_stacks("all stacks", input.clone()).await?;
            stacks.extend(page.member);
            let Some(token) = page.next_token.filter(|token| !token.is_empty()) else { return Ok(stacks) };
            input["NextToken"] = json!(token);
        }
    }

    /// The stack with this ARN, also if it is deleted. `None` if it does not exist: CloudFormation removes a deleted stack after
    /// 90 days.
    ///
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-view-deleted-stacks.html>
    pub async fn stack(&self, id: &str) -> Result<Option<Stack>, AwsError> {
        match self.describe_stacks(id, json!({ "StackName": id })).await {
            Ok(found) => Ok(found.member.into_iter().next()),
            Err(error) if error.code() == Some("ValidationError") && error.says("does not exist") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first 100 resources of the stack with this ARN, as it is now. None if there is no such stack.
    pub async fn resources_of_stack(&self, id: &str) -> Result<Vec<StackResource>, AwsError> {
        match self.describe_stack_resources(id, json!({ "StackName": id })).await {
            Err(error) if error.code() == Some("ValidationError") => Ok(Vec::new()),
            found => found,
        }
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>
    async fn describe_stacks(&self, id: &str, input: Value) -> Result<Stacks, AwsError> {
        let operation = Operation::DescribeStacks;
        let attempt = async || self.clients.cloudformation.call::<Stacks>(operation, input.clone()).await;
        self.call(operation, id, attempt).await
    }

    async fn describe_stack_resource(&self, owner: &Owner) -> Result<StackResourceDetail, AwsError> {
        // A deleted stack is known by its ARN only, which is its id.
        let input = json!({ "StackName": owner.stack_id, "LogicalResourceId": owner.logical_resource_id });
        let operation = Operation::DescribeStackResource;
        let attempt = async || self.clients.cloudformation.call(operation, input.clone()).await;
        self.call(operation, &owner.logical_resource_id, attempt).await
    }
}

impl Aws<'_> {
    /// What CloudFormation has recorded of the request's resource: see [`record_of`](Reads::record_of).
    pub async fn stack_record(&self) -> Option<StackRecord> {
        self.record_of(self.request.owner).await
    }

    /// Whether the stack of the request has a gate with one of these ids.
    pub async fn has_any_gate(&self, gates: impl IntoIterator<Item = UpdateGateId>) -> bool {
        for gate in gates {
            if self.has_gate(&gate).await {
                return true;
            }
        }
        false
    }

    /// Whether the stack of the request has a gate with this id. If another stack has one, too, it is not found if it is not
    /// one of the first 100 resources of its stack.
    async fn has_gate(&self, gate: &UpdateGateId) -> bool {
        let (id, own) = (gate.to_string(), &self.request.owner.stack_id);
        // The gate itself may not be among them.
        match self.resources_beside(&id).await.into_iter().find_map(|found| found.stack_id) {
            None => false,
            Some(stack) if stack == *own => true,
            // Of several stacks that have such a gate, CloudFormation returns one.
            Some(_) => self.resources_of(own).await.iter().any(|found| found.physical_resource_id == id),
        }
    }

    /// The tags of the request's stack. Assumed (belief stack-tags): those that this update gives it.
    pub async fn stack_tags(&self) -> Result<Tags, AwsError> {
        let stack = &self.request.owner.stack_id;
        let found = self.describe_stacks(stack, json!({ "StackName": stack })).await?;
        let tags = found.member.into_iter().flat_map(|stack| stack.member);
        Ok(tags.filter_map(|tag| tag.key.zip(tag.value)).collect())
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

/// A resource of a stack.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StackResource {
    stack_id: Option<String>,
    /// Its name in the template.
    pub logical_resource_id: String,
    /// Its type.
    pub resource_type: String,
    /// Empty until it was created.
    #[serde(default)]
    pub physical_resource_id: String,
    /// Such as `CREATE_COMPLETE`.
    #[serde(default)]
    pub resource_status: String,
}

impl StackResource {
    /// The resource of a scalable target, from CloudFormation's record of it.
    pub fn of_target(owner: &Owner, record: &StackRecord) -> Self {
        Self {
            stack_id: Some(owner.stack_id.clone()),
            logical_resource_id: owner.logical_resource_id.clone(),
            resource_type: ResourceType::ScalableTarget.name().to_owned(),
            physical_resource_id: record.physical_resource_id.clone(),
            resource_status: record.status.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Stacks {
    #[serde(default)]
    member: Vec<Stack>,
    #[serde(rename = "NextToken")]
    next_token: Option<String>,
}

/// A stack.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Stack {
    /// Its ARN.
    #[serde(rename = "StackId", default)]
    pub stack_id: String,
    /// Its status.
    #[serde(rename = "StackStatus", default)]
    pub status: StackStatus,
    /// When its last update began. `None` if it was never updated.
    #[serde(rename = "LastUpdatedTime")]
    pub last_updated: Option<String>,
    /// Its tags, and the items of its other lists, which have neither key nor value.
    #[serde(default)]
    member: Vec<Tag>,
}

/// The status of a stack, such as `UPDATE_COMPLETE`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct StackStatus(String);

impl StackStatus {
    /// Whether the stack is deleted.
    pub fn is_deleted(&self) -> bool {
        self.0 == "DELETE_COMPLETE"
    }

    /// Whether the stack is being changed, or about to be created.
    pub fn is_busy(&self) -> bool {
        self.0.ends_with("_IN_PROGRESS")
    }
}

#[derive(Clone, Debug, Deserialize)]
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
