//! Operations on inference components. A component is in service from the start.
//!
//! API: <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html> and its
//! neighbours. Assumed (belief error-texts): the texts.

use serde_json::{Value, json};

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::Input;
use crate::sagemaker::endpoint_configs::read_name;
use crate::state::LocalAws;
use crate::state::inference_component::InferenceComponent;

impl LocalAws {
    pub(crate) fn create_inference_component(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        let name = read_name(input, "InferenceComponentName")?;
        let endpoint = self.endpoint(input)?.name.clone();
        let arn = self.component_arn(name);
        if self.inference_components.contains_key(name) {
            return Err(Fault::validation(format!("Cannot create already existing inference component \"{arn}\".")));
        }
        let copies = input.object("RuntimeConfig")?.map(|config| config.integer("CopyCount")).transpose()?.flatten();
        let component = InferenceComponent {
            endpoint,
            variant: input.optional_text("VariantName")?.into(),
            copies: copies.unwrap_or(1),
            created: now,
            tags: input.get("Tags").cloned(),
        };
        self.inference_components.insert(name.to_owned(), component);
        Ok(json!({ "InferenceComponentArn": arn }))
    }

    pub(crate) fn describe_inference_component(&self, input: Input<'_>) -> OperationResult {
        let name = read_name(input, "InferenceComponentName")?;
        let component = self.inference_components.get(name).ok_or_else(|| self.no_component(name))?;
        let mut described = self.component_summary(name, component);
        described["RuntimeConfig"] =
            json!({ "CurrentCopyCount": component.copies, "DesiredCopyCount": component.copies });
        Ok(described)
    }

    /// What a list shows of a component.
    pub(crate) fn component_summary(&self, name: &str, component: &InferenceComponent) -> Value {
        json!({
            "InferenceComponentName": name,
            "InferenceComponentArn": self.component_arn(name),
            "EndpointName": component.endpoint,
            "EndpointArn": self.endpoint_arn(&component.endpoint),
            "VariantName": component.variant,
            "InferenceComponentStatus": "InService",
            "CreationTime": component.created,
            "LastModifiedTime": component.created,
        })
    }

    /// Deletes a component. Assumed (belief component-target-left): its target stays registered.
    pub(crate) fn delete_inference_component(&mut self, input: Input<'_>) -> OperationResult {
        let name = read_name(input, "InferenceComponentName")?;
        self.inference_components.remove(name).map(|_| json!({})).ok_or_else(|| self.no_component(name))
    }

    fn no_component(&self, name: &str) -> Fault {
        Fault::validation(format!("Could not find inference component \"{}\".", self.component_arn(name)))
    }

    pub(crate) fn component_arn(&self, name: &str) -> String {
        self.arn("sagemaker", &format!("inference-component/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{register, scaling, with_endpoint};

    #[test]
    fn an_existing_inference_component_scales_its_copies() {
        let mut aws = with_endpoint();
        let target = json!({
            "ResourceId": "inference-component/llm",
            "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
            "MinCapacity": 2,
            "MaxCapacity": 4,
        });
        scaling(&mut aws, "RegisterScalableTarget", target.clone()).unwrap_err();

        let component = json!({
            "InferenceComponentName": "llm",
            "EndpointName": "Prod",
            "VariantName": "blue",
            "RuntimeConfig": { "CopyCount": 1 },
        });
        aws.call("SageMaker.CreateInferenceComponent", &component, 0.0).expect("the endpoint exists");
        aws.call("SageMaker.CreateInferenceComponent", &component, 0.0).unwrap_err();
        register(&mut aws, target);
        let described = aws.call("SageMaker.DescribeInferenceComponent", &component, 0.0).expect("it exists");
        assert_eq!(described["InferenceComponentStatus"], "InService");
        assert_eq!(described["RuntimeConfig"]["CurrentCopyCount"], 2);

        aws.call("SageMaker.DeleteInferenceComponent", &component, 0.0).expect("it exists");
        let fault = aws.call("SageMaker.DescribeInferenceComponent", &component, 0.0).unwrap_err();
        assert!(fault.message.starts_with("Could not find inference component"), "{fault}");
    }

    #[test]
    fn a_deleted_component_leaves_its_target() {
        let mut aws = with_endpoint();
        let component = json!({ "InferenceComponentName": "llm", "EndpointName": "Prod", "VariantName": "blue" });
        aws.call("SageMaker.CreateInferenceComponent", &component, 0.0).expect("the endpoint exists");
        register(
            &mut aws,
            json!({
                "ResourceId": "inference-component/llm",
                "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
                "MinCapacity": 1,
                "MaxCapacity": 1,
            }),
        );
        aws.call("SageMaker.DeleteInferenceComponent", &component, 0.0).expect("it exists");
        assert_eq!(aws.registered(0.0).count(), 1);
    }
}
