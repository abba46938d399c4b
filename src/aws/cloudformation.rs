//! The one call to CloudFormation: what it has on record for the resource that asks.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html>

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::timeout;

use super::Aws;
use super::json::Operation;
use crate::error::AwsError;
use crate::owner::Owner;
use crate::retry::until_deadline;

/// A resource of a stack, on CloudFormation's record.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct StackResource {
    /// Its `ResourceStatus`, such as `CREATE_IN_PROGRESS`.
    pub resource_status: String,
    /// The id that the last answer gave; none until a Create was answered.
    #[serde(default)]
    pub physical_resource_id: String,
    /// When its status changed last.
    #[serde(default, rename = "LastUpdatedTimestamp", deserialize_with = "time")]
    pub changed: Option<SystemTime>,
}

impl Aws<'_> {
    /// What CloudFormation has on record for a resource, or nothing where that cannot be told well before the time is
    /// up: the stack is another account's, the role may not ask, CloudFormation does not answer.
    pub async fn stack_resource(&self, owner: &Owner) -> Option<StackResource> {
        let limit = (self.deadline.left_to_work() / 2).min(LONGEST);
        let told = timeout(limit, self.describe_stack_resource(owner)).await;
        match told {
            Ok(Ok(record)) => Some(record),
            // "Resource Scaling does not exist for stack ...": it was deleted, and is in no template any more.
            Ok(Err(error)) if error.code() == Some("ValidationError") && error.says("does not exist for stack") => {
                Some(StackResource { resource_status: "DELETE_COMPLETE".to_owned(), ..StackResource::default() })
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "CloudFormation does not tell whether it still waits");
                None
            }
            Err(_) => {
                tracing::warn!("CloudFormation does not tell in time whether it still waits");
                None
            }
        }
    }

    async fn describe_stack_resource(&self, owner: &Owner) -> Result<StackResource, AwsError> {
        let call = async || {
            let input = DescribeStackResource {
                stack_name: owner.stack_id.clone(),
                logical_resource_id: owner.logical_resource_id.clone(),
            };
            self.clients.cloudformation.call(input).await
        };
        until_deadline(DescribeStackResource::NAME, &owner.logical_resource_id, self, call).await
    }
}

/// The request of `DescribeStackResource`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStackResource {
    /// The stack, by its ARN: a stack that was deleted is known by no other name.
    pub stack_name: String,
    /// The resource.
    pub logical_resource_id: String,
}

impl Operation for DescribeStackResource {
    const NAME: &'static str = "DescribeStackResource";
    type Output = StackResource;
}

/// A time that cannot be read is none.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(DateTime::from_str(&text, Format::DateTime).ok().and_then(|time| time.try_into().ok()))
}

const LONGEST: Duration = Duration::from_secs(10);
