//! SageMaker: endpoints, their configurations, and inference components.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html> and
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeInferenceComponent.html>

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use super::clients::Reads;
use super::error::AwsError;
use super::operation::Operation;
use crate::model::{ConfiguredVariant, Endpoint, EndpointName, InferenceComponent, InferenceComponentName};
use crate::polling::poll;
use crate::timing::ENDPOINT;

impl Reads<'_> {
    /// An endpoint, or `None` if it does not exist.
    pub async fn endpoint(&self, name: &EndpointName) -> Result<Option<Endpoint>, AwsError> {
        let input = json!({ "EndpointName": name.as_str() });
        let output = self.describe(Operation::DescribeEndpoint, input, "endpoint", name.as_str()).await?;
        Ok(output.map(|output: DescribeEndpointOutput| output.into()))
    }

    /// Reads an endpoint until it is as wanted or gone, or the budget is used up. Returns the last read.
    pub async fn endpoint_once(
        &self,
        name: &EndpointName,
        is_as_wanted: fn(&Endpoint) -> bool,
        budget: Duration,
    ) -> Result<Option<Endpoint>, AwsError> {
        let read = async || match self.endpoint(name).await? {
            Some(endpoint) if !is_as_wanted(&endpoint) => {
                let status = &endpoint.status;
                self.progress.waiting(format!("waiting for endpoint {name} to settle (it is {status})"));
                Ok(ControlFlow::Continue(Some(endpoint)))
            }
            found => Ok(ControlFlow::Break(found)),
        };
        let (Ok(endpoint) | Err(endpoint)) = poll(ENDPOINT, budget, read).await?;
        Ok(endpoint)
    }

    /// An inference component, or `None` if it does not exist.
    pub async fn inference_component(
        &self,
        name: &InferenceComponentName,
    ) -> Result<Option<InferenceComponent>, AwsError> {
        let (operation, input) =
            (Operation::DescribeInferenceComponent, json!({ "InferenceComponentName": name.as_str() }));
        let output = self.describe(operation, input, "inference component", name.as_str()).await?;
        Ok(output.map(|output: DescribeInferenceComponentOutput| InferenceComponent {
            status: output.inference_component_status,
            failure_reason: output.failure_reason,
        }))
    }

    /// The production variants of an endpoint configuration, or `None` if it does not exist.
    pub async fn endpoint_config(&self, name: &str) -> Result<Option<Vec<ConfiguredVariant>>, AwsError> {
        let (operation, input) = (Operation::DescribeEndpointConfig, json!({ "EndpointConfigName": name }));
        let output = self.describe(operation, input, "endpoint configuration", name).await?;
        let variant = |variant: ProductionVariant| ConfiguredVariant {
            name: variant.variant_name,
            instance_type: variant.instance_type,
            instance_pools: variant.instance_pools.unwrap_or_default(),
        };
        Ok(output
            .map(|output: DescribeEndpointConfigOutput| output.production_variants.into_iter().map(variant).collect()))
    }

    async fn describe<O>(
        &self,
        operation: Operation,
        input: Value,
        noun: &str,
        name: &str,
    ) -> Result<Option<O>, AwsError>
    where
        O: DeserializeOwned + Debug + Send + Sync + 'static,
    {
        let attempt = async || self.clients.sagemaker.call(operation, input.clone()).await;
        match self.call(operation, &format!("{noun} {name}"), attempt).await {
            Ok(output) => Ok(Some(output)),
            // The service has no exception for it. Its waiters look for this code, too. Assumed (belief endpoint-missing): the
            // text.
            Err(error) if error.is_validation() && error.says(&format!("Could not find {noun}")) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The members of the reply of `DescribeEndpoint` that are read.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEndpointOutput {
    /// The endpoint's name.
    #[serde(default)]
    pub endpoint_name: String,
    /// The name of its configuration.
    #[serde(default)]
    pub endpoint_config_name: String,
    /// Its status.
    pub endpoint_status: String,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// Absent while the endpoint is being created. Shadow variants are another member.
    pub production_variants: Option<Vec<ProductionVariantSummary>>,
    /// In seconds since the epoch.
    pub creation_time: Option<f64>,
    /// Present for an asynchronous endpoint.
    pub async_inference_config: Option<IgnoredAny>,
}

/// The members of the reply of `DescribeEndpointConfig` that are read. Shadow variants are another member, and cannot be scaled.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeEndpointConfigOutput {
    production_variants: Vec<ProductionVariant>,
}

/// The members of a production variant of a configuration that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProductionVariant {
    variant_name: String,
    instance_type: Option<String>,
    /// Kept whole, because any difference counts.
    instance_pools: Option<Vec<Value>>,
}

/// The members of a production variant of an endpoint that are read.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantSummary {
    /// Its name.
    pub variant_name: String,
    /// How SageMaker scales its instances itself.
    pub managed_instance_scaling: Option<ProductionVariantManagedInstanceScaling>,
}

/// How SageMaker scales the instances of a variant itself.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantManagedInstanceScaling {
    /// `ENABLED` or `DISABLED`.
    pub status: Option<String>,
}

impl ProductionVariantSummary {
    /// Assumed (belief managed-scaling): managed instance scaling without a status is enabled.
    fn is_managed(&self) -> bool {
        self.managed_instance_scaling.as_ref().is_some_and(|managed| managed.status.as_deref() != Some("DISABLED"))
    }
}

/// The members of the reply of `DescribeInferenceComponent` that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeInferenceComponentOutput {
    inference_component_status: Option<String>,
    failure_reason: Option<String>,
}

impl From<DescribeEndpointOutput> for Endpoint {
    fn from(output: DescribeEndpointOutput) -> Self {
        let variants = output.production_variants.unwrap_or_default();
        let managed = variants.iter().filter(|variant| variant.is_managed());
        Self {
            managed_variants: managed.map(|variant| variant.variant_name.clone()).collect(),
            name: output.endpoint_name,
            config: output.endpoint_config_name,
            status: output.endpoint_status,
            failure_reason: output.failure_reason,
            variants: variants.into_iter().map(|variant| variant.variant_name).collect(),
            created: output.creation_time.map(|time| time as i64),
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

    #[test]
    fn a_variant_is_managed_unless_its_managed_instance_scaling_is_absent_or_disabled() {
        let output: DescribeEndpointOutput = serde_json::from_str(
            r#"{
                "EndpointStatus": "InService",
                "ProductionVariants": [
                    {"VariantName": "on", "ManagedInstanceScaling": {"Status": "ENABLED", "MaxInstanceCount": 4}},
                    {"VariantName": "by-default", "ManagedInstanceScaling": {"MinInstanceCount": 0}},
                    {"VariantName": "off", "ManagedInstanceScaling": {"Status": "DISABLED"}},
                    {"VariantName": "none"}
                ]
            }"#,
        )
        .unwrap();
        assert_eq!(Endpoint::from(output).managed_variants, ["on", "by-default"]);
    }
}
