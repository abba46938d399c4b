//! Lists of endpoints and endpoint configurations, and their tags, by which tests and tools find what they have made.
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

    /// The tags of an endpoint or an endpoint configuration, as its creation gave them.
    pub(crate) fn list_tags(&self, input: Input<'_>) -> OperationResult {
        let arn = input.text("ResourceArn")?;
        let of_endpoint = self.endpoints.values().find(|endpoint| self.endpoint_arn(&endpoint.name) == arn);
        let of_config =
            self.endpoint_configs.values().find(|config| self.endpoint_config_arn(&config.deployment.config) == arn);
        let given = match (of_endpoint, of_config) {
            (Some(endpoint), _) => endpoint.tags.clone(),
            (None, Some(config)) => config.given.get("Tags").cloned(),
            (None, None) => return Err(Fault::validation(format!("Could not find resource \"{arn}\"."))),
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
    fn endpoints_and_configurations_are_found_by_a_part_of_their_name() {
        let mut aws = with_endpoint();
        for (operation, list, part, found) in [
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
    fn endpoints_and_configurations_have_the_tags_of_their_creation() {
        let mut aws = LocalAws::default();
        let variant = json!({ "VariantName": "blue", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1 });
        let tags = json!([{ "Key": "k", "Value": "v" }]);
        let config = json!({ "EndpointConfigName": "c", "ProductionVariants": [variant], "Tags": tags });
        let config = aws.call("SageMaker.CreateEndpointConfig", &config, 0.0).expect("a configuration");
        let endpoint = json!({ "EndpointName": "E", "EndpointConfigName": "c", "Tags": tags });
        let endpoint = aws.call("SageMaker.CreateEndpoint", &endpoint, 0.0).expect("an endpoint");
        for arn in [&config["EndpointConfigArn"], &endpoint["EndpointArn"]] {
            let answer = aws.call("SageMaker.ListTags", &json!({ "ResourceArn": arn }), 1.0).expect("it exists");
            assert_eq!(answer["Tags"], tags);
        }
        let missing = json!({ "ResourceArn": "arn:aws:sagemaker:us-east-1:111122223333:endpoint/none" });
        aws.call("SageMaker.ListTags", &missing, 1.0).unwrap_err();
    }
}
