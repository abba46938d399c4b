//! Reads the name of a SageMaker resource from its name or its ARN. An ARN must have the function's account and Region.

use std::fmt::Display;
use std::str::FromStr;

use super::names::{EndpointConfigName, EndpointName, InferenceComponentName};

/// The account and Region of the function. It can scale endpoints of these only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Location {
    /// Such as `us-east-1`.
    pub region: String,
    /// Twelve digits, or `None` if the account is unknown.
    pub account: Option<String>,
}

/// An endpoint by its name or its ARN: `!Ref` of `AWS::SageMaker::Endpoint` is the ARN.
pub fn endpoint_name(text: &str, location: Option<&Location>) -> Result<EndpointName, String> {
    name_or_arn(text, location, "endpoint", "an endpoint")
}

/// An endpoint configuration by its name or its ARN: `!Ref` of `AWS::SageMaker::EndpointConfig` is the ARN.
pub fn config_name(text: &str, location: Option<&Location>) -> Result<EndpointConfigName, String> {
    name_or_arn(text, location, "endpoint-config", "an endpoint configuration")
}

/// An inference component by its name or its ARN: `!Ref` of `AWS::SageMaker::InferenceComponent` is the ARN.
pub fn component_name(text: &str, location: Option<&Location>) -> Result<InferenceComponentName, String> {
    name_or_arn(text, location, "inference-component", "an inference component")
}

fn name_or_arn<T: FromStr<Err: Display>>(
    text: &str,
    location: Option<&Location>,
    resource_type: &str,
    noun: &str,
) -> Result<T, String> {
    let name = |text: &str| text.parse().map_err(|error| format!("{noun}'s name ({error}) or its ARN"));
    if !text.starts_with("arn:") {
        return name(text);
    }
    let mut parts = text.splitn(6, ':').skip(1);
    let (partition, service) = (parts.next().unwrap_or_default(), parts.next());
    let (region, account, resource) = (parts.next(), parts.next(), parts.next());
    let is_partition = partition == "aws" || partition.starts_with("aws-");
    let resource = resource.filter(|_| is_partition && service == Some("sagemaker"));
    let (kind, found) = resource.and_then(|resource| resource.split_once('/')).unwrap_or_default();
    if kind != resource_type {
        return Err(format!("the ARN of {noun}, arn:PARTITION:sagemaker:REGION:ACCOUNT:{resource_type}/NAME"));
    }
    if let Some(location) = location {
        if region != Some(&location.region) {
            return Err(format!("{noun} of this Region, {}", location.region));
        }
        if location.account.is_some() && account != location.account.as_deref() {
            return Err(format!("{noun} of this account, {}", location.account.as_deref().unwrap_or_default()));
        }
    }
    name(found)
}
