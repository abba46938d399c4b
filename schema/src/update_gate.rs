//! `Custom::SageMakerEndpointUpdateGate`.

use schemars::JsonSchema;

use crate::aws;
use crate::values::{ConfigName, EndpointName, Seconds, Text};

/// Stands before an endpoint, takes down the scalable targets that an update of it would break, and brings them back.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = aws("sagemaker/latest/dg/endpoint-auto-scaling")))]
pub struct UpdateGate {
    /// The endpoint's name as text, because the gate comes before the endpoint. Its ARN is taken, too.
    pub endpoint_name: EndpointName,
    /// The name or ARN of the configuration that the endpoint is to run. The endpoint's own `EndpointConfigName` is
    /// `!GetAtt Gate.EndpointConfigName`, so that the gate comes first.
    pub endpoint_config_name: ConfigName,
    /// CloudFormation's own: the function's ARN, which the stack of `template.yaml` exports.
    pub service_token: Text,
    /// CloudFormation's own: for how many seconds it waits for an answer, up to 3600. Set 3000, so that a stack waits
    /// for Lambda's retries but not for an hour.
    #[schemars(extend("default" = 3600))]
    pub service_timeout: Option<Seconds>,
}
