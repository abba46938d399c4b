//! The request of a resource: its type, and the step in its life.

use std::time::Duration;

use serde_json::Value;

use crate::model::UpdateGateId;

/// A request.
#[derive(Debug)]
pub struct Request {
    /// Such as `Custom::SageMakerScalableTarget`.
    pub resource_type: String,
    /// What to do with the resource.
    pub lifecycle: Lifecycle,
}

/// What CloudFormation asks for.
#[derive(Debug)]
pub enum Lifecycle {
    /// Create the resource.
    Create {
        /// The properties of the template. Numbers and booleans arrive as text.
        properties: Value,
    },
    /// Change the resource to new properties.
    Update {
        /// The physical id of the resource.
        id: String,
        /// The new properties.
        properties: Value,
        /// The previous properties, of any shape.
        old_properties: Value,
    },
    /// Delete the resource.
    Delete {
        /// The physical id of the resource. CloudFormation invents one if a Create was never answered.
        id: String,
        /// Of any shape.
        properties: Value,
    },
}

impl Lifecycle {
    /// How long CloudFormation waits for an answer: `ServiceTimeout`, in seconds.
    ///
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html>
    pub fn service_timeout(&self) -> Option<Duration> {
        let value = self.properties().get("ServiceTimeout")?;
        let seconds = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs)
    }

    /// The `ResourceProperties`.
    pub fn properties(&self) -> &Value {
        let (Self::Create { properties } | Self::Update { properties, .. } | Self::Delete { properties, .. }) = self;
        properties
    }

    /// The gate that the previous properties of a scalable target name.
    pub fn old_gate(&self) -> Option<UpdateGateId> {
        let Self::Update { old_properties, .. } = self else { return None };
        old_properties.get("UpdateGate")?.as_str()?.parse().ok()
    }

    /// The `RequestType`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "Create",
            Self::Update { .. } => "Update",
            Self::Delete { .. } => "Delete",
        }
    }
}
