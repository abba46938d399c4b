//! Lists of endpoints, their configurations and inference components, and their tags, by which tests and tools find what
//! they have made.
//!
//! API: <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListEndpoints.html> and its neighbours. Assumed (belief
//! error-texts): the texts.

use serde_json::{Value, json};

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::Input;
use crate::protocol::pagination::Pages;
use crate::state::LocalAws;

impl LocalAws {
    /// The endpoints whose names contain a text.
    pub(crate) fn list_endpoints(&self, input: Input<'_>) -> OperationResult {
        let items = self.endpoints.values().map(|endpoint| {
            let item = json!({
                "EndpointName": endpoint.name,
                "EndpointArn": self.endpoint_arn(&endpoint.name),
                "EndpointStatus": endpoint.status.name(),
                "CreationTime": endpoint.created,
                "LastModifiedTime": endpoint.modified,
            });
            (endpoint.name.clone(), item)
        });
        page(input, "Endpoints", items)
    }

    /// The endpoint configurations whose names contain a text.
    pub(crate) fn list_endpoint_configs(&self, input: Input<'_>) -> OperationResult {
        let items = self.endpoint_configs.values().map(|config| {
            let name = &config.deployment.config;
            let item = json!({
                "EndpointConfigName": name,
                "EndpointConfigArn": self.endpoint_config_arn(name),
                "CreationTime": config.created,
            });
            (name.clone(), item)
        });
        page(input, "EndpointConfigs", items)
    }

    /// The inference components whose names contain a text.
    pub(crate) fn list_inference_components(&self, input: Input<'_>) -> OperationResult {
        let items = self
            .inference_components
            .iter()
            .map(|(name, component)| (name.clone(), self.component_summary(name, component)));
        page(input, "InferenceComponents", items)
    }

    /// The tags of an endpoint, an endpoint configuration or an inference component, as its creation gave them.
    pub(crate) fn list_tags(&self, input: Input<'_>) -> OperationResult {
        let arn = input.text("ResourceArn")?;
        let of_endpoint = self.endpoints.values().find(|endpoint| self.endpoint_arn(&endpoint.name) == arn);
        let of_config =
            self.endpoint_configs.values().find(|config| self.endpoint_config_arn(&config.deployment.config) == arn);
        let of_component = self.inference_components.iter().find(|(name, _)| self.component_arn(name) == arn);
        let given = match (of_endpoint, of_config, of_component) {
            (Some(endpoint), _, _) => endpoint.tags.clone(),
            (None, Some(config), _) => config.given.get("Tags").cloned(),
            (None, None, Some((_, component))) => component.tags.clone(),
            (None, None, None) => return Err(Fault::validation(format!("Could not find resource \"{arn}\"."))),
        };
        Ok(json!({ "Tags": given.unwrap_or_else(|| json!([])) }))
    }
}

fn page(input: Input<'_>, list: &'static str, items: impl Iterator<Item = (String, Value)>) -> OperationResult {
    let part = input.optional_text("NameContains")?.unwrap_or_default();
    let found = items.filter(|(name, _)| name.contains(part)).collect();
    Pages { list, max_results: 100, invalid_token: "ValidationException" }.page(input, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_endpoint;

    #[test]
    fn endpoints_configurations_and_components_are_found_by_a_part_of_their_name() {
        let mut aws = with_endpoint();
        let component = json!({ "InferenceComponentName": "llm", "EndpointName": "Prod", "VariantName": "blue" });
        aws.call("SageMaker.CreateInferenceComponent", &component, 0.0).expect("the endpoint exists");
        for (operation, list, part, found) in [
            ("ListInferenceComponents", "InferenceComponents", "lm", 1),
            ("ListInferenceComponents", "InferenceComponents", "Prod", 0),
            ("ListEndpoints", "Endpoints", "ro", 1),
            ("ListEndpoints", "Endpoints", "large", 0),
            ("ListEndpointConfigs", "EndpointConfigs", "arg", 1),
            ("ListEndpointConfigs", "EndpointConfigs", "Prod", 0),
        ] {
            let input = json!({ "NameContains": part });
            let answer = aws.call(&format!("SageMaker.{operation}"), &input, 1.0).expect("a list");
            assert_eq!(answer[list].as_array().map(Vec::len), Some(found), "{operation} {part}");
        }
    }

    #[test]
    fn endpoints_configurations_and_components_have_the_tags_of_their_creation() {
        let mut aws = LocalAws::default();
        let variant = json!({ "VariantName": "blue", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1 });
        let tags = json!([{ "Key": "k", "Value": "v" }]);
        let config = json!({ "EndpointConfigName": "c", "ProductionVariants": [variant], "Tags": tags });
        let config = aws.call("SageMaker.CreateEndpointConfig", &config, 0.0).expect("a configuration");
        let endpoint = json!({ "EndpointName": "E", "EndpointConfigName": "c", "Tags": tags });
        let endpoint = aws.call("SageMaker.CreateEndpoint", &endpoint, 0.0).expect("an endpoint");
        let component =
            json!({ "InferenceComponentName": "i", "EndpointName": "E", "VariantName": "blue", "Tags": tags });
        let component = aws.call("SageMaker.CreateInferenceComponent", &component, 0.0).expect("a component");
        for arn in [&config["EndpointConfigArn"], &endpoint["EndpointArn"], &component["InferenceComponentArn"]] {
            let answer = aws.call("SageMaker.ListTags", &json!({ "ResourceArn": arn }), 1.0).expect("it exists");
            assert_eq!(answer["Tags"], tags);
        }
        let missing = json!({ "ResourceArn": "arn:aws:sagemaker:us-east-1:111122223333:endpoint/none" });
        aws.call("SageMaker.ListTags", &missing, 1.0).unwrap_err();
    }
}
