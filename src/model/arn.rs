//! ARNs: of a SageMaker resource, which must have the function's account and Region, and of the function.

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

impl Location {
    /// Whether the resource of an ARN is in this account and Region.
    pub fn has(&self, arn: &str) -> bool {
        let mut parts = arn.split(':').skip(3);
        let (region, account) = (parts.next(), parts.next());
        region == Some(&self.region) && (self.account.is_none() || account == self.account.as_deref())
    }
}

/// The ARN of the invoked function, of a version of it, or of an alias.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FunctionArn(String);

impl FunctionArn {
    /// Reads an ARN. `None` for what local tools give instead.
    pub fn read(text: &str) -> Option<Self> {
        let [arn, partition, service, region, account, kind, rest @ ..] = &text.split(':').collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_word = |word: &&str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte))
        };
        let is_arn = *arn == "arn" && *service == "lambda" && *kind == "function" && is_account;
        let words = [partition, region].into_iter().chain(rest);
        (is_arn && (1..=2).contains(&rest.len()) && words.into_iter().all(is_word)).then(|| Self(text.to_owned()))
    }

    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_function_is_read_with_its_version_or_alias() {
        let function = "arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:sagemaker-scaling_2";
        for arn in [function, &format!("{function}:live"), &format!("{function}:$LATEST"), &format!("{function}:7")] {
            assert_eq!(FunctionArn::read(arn).unwrap().as_str(), arn);
        }
    }

    #[test]
    fn what_local_tools_give_is_no_arn_of_a_function() {
        for text in [
            "",
            "function-arn",
            "sagemaker-scaling",
            "arn:aws:lambda:us-east-1:local:function:f",
            "arn:aws:lambda:us-east-1:111122223333:function:",
            "arn:aws:lambda:us-east-1:111122223333:function:f:live:1",
            "arn:aws:lambda:us-east-1:111122223333:function:a/../b",
            "arn:aws:sagemaker:us-east-1:111122223333:function:f",
        ] {
            assert_eq!(FunctionArn::read(text), None, "{text}");
        }
    }
}
