//! CloudFormation's record of the resource that a request is for.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html>

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::clients::Aws;
use super::error::AwsError;
use super::operation::Operation;
use crate::model::Owner;
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
                tracing::warn!(%error, "DescribeStackResource failed; continuing as if CloudFormation still waits");
                None
            }
            Err(_) => {
                tracing::warn!("DescribeStackResource timed out; continuing as if CloudFormation still waits");
                None
            }
        }
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
