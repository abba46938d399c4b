//! Names of SageMaker's resources, which `!Ref` gives as ARNs: of this account and Region, where these are known.

use std::fmt::Display;
use std::str::FromStr;

use crate::aws::Here;
use crate::id::{EndpointConfigName, EndpointName, InferenceComponentName};

/// An endpoint by its name or its ARN: `!Ref` of `AWS::SageMaker::Endpoint` is the ARN.
pub(crate) fn endpoint_name(text: &str, here: Option<&Here>) -> Result<EndpointName, String> {
    name_or_arn(text, here, "endpoint", "an endpoint")
}

/// An endpoint configuration by its name or its ARN: `!Ref` of `AWS::SageMaker::EndpointConfig` is the ARN.
pub(crate) fn config_name(text: &str, here: Option<&Here>) -> Result<EndpointConfigName, String> {
    name_or_arn(text, here, "endpoint-config", "an endpoint configuration")
}

/// An inference component by its name or its ARN: `!Ref` of `AWS::SageMaker::InferenceComponent` is the ARN.
pub(crate) fn component_name(text: &str, here: Option<&Here>) -> Result<InferenceComponentName, String> {
    name_or_arn(text, here, "inference-component", "an inference component")
}

fn name_or_arn<T: FromStr<Err: Display>>(
    text: &str,
    here: Option<&Here>,
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
    if let Some(here) = here {
        if region != Some(&here.region) {
            return Err(format!("{noun} of this Region, {}", here.region));
        }
        if here.account.is_some() && account != here.account.as_deref() {
            return Err(format!("{noun} of this account, {}", here.account.as_deref().unwrap_or_default()));
        }
    }
    name(found)
}
