//! `Custom::SageMakerEndpointUpdateGate`.

use schemars::JsonSchema;

use crate::aws_documentation::aws_page;
use crate::values::{Boolean, ConfigName, EndpointName, Seconds, Text};

/// Lets an endpoint update succeed while its variants are registered. Before the update, the gate takes a snapshot of
/// each scalable target that blocks the update, and deregisters it. After the update, the gate restores the targets.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = aws_page("sagemaker/latest/dg/endpoint-auto-scaling")))]
pub struct UpdateGate {
    /// The name of the endpoint as text, because the gate is created before the endpoint. The ARN is accepted, too.
    pub endpoint_name: EndpointName,
    /// The name or ARN of the configuration that the endpoint shall run. Set the `EndpointConfigName` of the endpoint to
    /// `!GetAtt Gate.EndpointConfigName`, so that CloudFormation updates the gate first.
    pub endpoint_config_name: ConfigName,
    /// Whether the gate may also deregister targets that another stack of this function owns. Otherwise, such a target
    /// makes the gate fail, with a reason that names the owner and this property. The gate restores what it has
    /// deregistered.
    #[schemars(extend("default" = false))]
    pub include_other_stacks: Option<Boolean>,
    /// The ARN of the function, which the stack of `template.yaml` exports. CloudFormation requires this property.
    pub service_token: Text,
    /// How many seconds CloudFormation waits for an answer, up to 3600. The function waits for the endpoint as long.
    #[schemars(extend("default" = 3600))]
    pub service_timeout: Option<Seconds>,
}
