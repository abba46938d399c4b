//! The calls to SageMaker: whether an endpoint or an inference component is ready, and what it has.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html> and
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeInferenceComponent.html>

use serde::{Deserialize, Serialize};

use super::Aws;
use super::json::Operation;
use crate::error::AwsError;
use crate::id::{EndpointName, InferenceComponentName};
use crate::retry::until_deadline;

/// An endpoint as it is now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Its name, as it was given at its creation.
    pub name: String,
    /// The name of the configuration that it runs; while it changes, of the one that it ran before.
    pub config: String,
    /// Its `EndpointStatus`.
    pub status: String,
    /// Why it failed, if it did.
    pub failure_reason: Option<String>,
    /// The names of its production variants.
    pub variants: Vec<String>,
    /// Whether it answers asynchronously, and so can scale to zero instances.
    pub asynchronous: bool,
}

/// An inference component as it is now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InferenceComponent {
    /// Its `InferenceComponentStatus`.
    pub status: String,
    /// Why it failed, if it did.
    pub failure_reason: Option<String>,
}

impl Aws<'_> {
    /// The endpoint, or nothing where there is none.
    pub async fn endpoint(&self, name: &EndpointName) -> Result<Option<Endpoint>, AwsError> {
        let request = DescribeEndpoint { endpoint_name: name.as_str().to_owned() };
        let output =
            self.describe_in_sagemaker(request, &format!("endpoint {name}"), "Could not find endpoint").await?;
        Ok(output.map(Endpoint::from))
    }

    /// The inference component, or nothing where there is none.
    pub async fn inference_component(
        &self,
        name: &InferenceComponentName,
    ) -> Result<Option<InferenceComponent>, AwsError> {
        let request = DescribeInferenceComponent { inference_component_name: name.as_str().to_owned() };
        let what = format!("inference component {name}");
        let output = self.describe_in_sagemaker(request, &what, "Could not find inference component").await?;
        Ok(output.map(|output| InferenceComponent {
            status: output.inference_component_status,
            failure_reason: output.failure_reason,
        }))
    }

    /// The variants of an endpoint configuration, or nothing where there is none of that name.
    pub async fn endpoint_config(&self, name: &str) -> Result<Option<Vec<ConfiguredVariant>>, AwsError> {
        let request = DescribeEndpointConfig { endpoint_config_name: name.to_owned() };
        let what = format!("endpoint configuration {name}");
        let output = self.describe_in_sagemaker(request, &what, "Could not find endpoint configuration").await?;
        Ok(output.map(|output| output.production_variants))
    }

    async fn describe_in_sagemaker<O: Operation + Clone>(
        &self,
        request: O,
        what: &str,
        missing: &str,
    ) -> Result<Option<O::Output>, AwsError> {
        let call = async || self.clients.sagemaker.call(request.clone()).await;
        match until_deadline(O::NAME, what, self, call).await {
            Ok(output) => Ok(Some(output)),
            // There is no exception of its own for it: the service's waiters look for this code, too.
            Err(error) if error.is_validation() && error.says(missing) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The request of `DescribeEndpoint`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEndpoint {
    /// The endpoint's name.
    pub endpoint_name: String,
}

impl Operation for DescribeEndpoint {
    const NAME: &'static str = "DescribeEndpoint";
    type Output = DescribeEndpointOutput;
}

/// The request of `DescribeEndpointConfig`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEndpointConfig {
    /// The configuration's name.
    pub endpoint_config_name: String,
}

impl Operation for DescribeEndpointConfig {
    const NAME: &'static str = "DescribeEndpointConfig";
    type Output = DescribeEndpointConfigOutput;
}

/// What of the reply is read; the service sends more.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEndpointConfigOutput {
    /// The variants; shadow variants are apart, and cannot be scaled.
    pub production_variants: Vec<ConfiguredVariant>,
}

/// One variant of an endpoint configuration.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct ConfiguredVariant {
    /// Its name.
    pub variant_name: String,
    /// Its instance type; none where it is serverless.
    pub instance_type: Option<String>,
}

/// What of the reply is read; the service sends more.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEndpointOutput {
    /// The endpoint's name.
    #[serde(default)]
    pub endpoint_name: String,
    /// The configuration; absent only where it cannot be told.
    #[serde(default)]
    pub endpoint_config_name: String,
    /// The status.
    pub endpoint_status: String,
    /// Why it failed, if it did.
    pub failure_reason: Option<String>,
    /// The variants; absent while the endpoint is created.
    pub production_variants: Option<Vec<ProductionVariantSummary>>,
    /// There for an asynchronous endpoint; what it says does not matter here.
    pub async_inference_config: Option<serde_json::Value>,
}

/// One variant of an endpoint.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantSummary {
    /// Its name.
    pub variant_name: String,
}

/// The request of `DescribeInferenceComponent`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeInferenceComponent {
    /// The inference component's name.
    pub inference_component_name: String,
}

impl Operation for DescribeInferenceComponent {
    const NAME: &'static str = "DescribeInferenceComponent";
    type Output = DescribeInferenceComponentOutput;
}

/// What of the reply is read; the service sends more.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeInferenceComponentOutput {
    /// The status.
    pub inference_component_status: String,
    /// Why it failed, if it did.
    pub failure_reason: Option<String>,
}

impl From<DescribeEndpointOutput> for Endpoint {
    fn from(output: DescribeEndpointOutput) -> Self {
        let variants = output.production_variants.unwrap_or_default();
        Self {
            name: output.endpoint_name,
            config: output.endpoint_config_name,
            status: output.endpoint_status,
            failure_reason: output.failure_reason,
            variants: variants.into_iter().map(|variant| variant.variant_name).collect(),
            asynchronous: output.async_inference_config.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shadow_variants_are_not_production_variants() {
        let output: DescribeEndpointOutput = serde_json::from_str(
            r#"{
                "EndpointName": "e",
                "EndpointStatus": "InService",
                "ProductionVariants": [{"VariantName": "blue", "CurrentInstanceCount": 1}],
                "ShadowProductionVariants": [{"VariantName": "shadow"}]
            }"#,
        )
        .unwrap();
        assert_eq!(Endpoint::from(output).variants, ["blue"]);
    }
}
