//! SageMaker's inference components: enough of them to be scaled. They are in service from the start.
//!
//! API: <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html> and its
//! neighbours. Believed: the texts.

use serde_json::{Value, json};

use crate::endpoint_configs::name;
use crate::input::Input;
use crate::{Answer, Fault, LocalAws};

/// An inference component.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    endpoint: String,
    variant: Value,
    pub(crate) copies: i64,
    created: f64,
}

impl LocalAws {
    pub(crate) fn create_inference_component(&mut self, input: Input<'_>, now: f64) -> Answer {
        let name = name(input, "InferenceComponentName")?;
        let endpoint = self.endpoint(input)?.name.clone();
        let arn = self.component_arn(name);
        if self.components.contains_key(name) {
            return Err(Fault::validation(format!("Cannot create already existing inference component \"{arn}\".")));
        }
        let copies = input.object("RuntimeConfig")?.map(|config| config.integer("CopyCount")).transpose()?.flatten();
        let component = Component {
            endpoint,
            variant: input.optional_text("VariantName")?.into(),
            copies: copies.unwrap_or(1),
            created: now,
        };
        self.components.insert(name.to_owned(), component);
        Ok(json!({ "InferenceComponentArn": arn }))
    }

    pub(crate) fn describe_inference_component(&self, input: Input<'_>) -> Answer {
        let name = name(input, "InferenceComponentName")?;
        let component = self.components.get(name).ok_or_else(|| self.no_component(name))?;
        Ok(json!({
            "InferenceComponentName": name,
            "InferenceComponentArn": self.component_arn(name),
            "EndpointName": component.endpoint,
            "EndpointArn": self.endpoint_arn(&component.endpoint),
            "VariantName": component.variant,
            "InferenceComponentStatus": "InService",
            "RuntimeConfig": { "CurrentCopyCount": component.copies, "DesiredCopyCount": component.copies },
            "CreationTime": component.created,
            "LastModifiedTime": component.created,
        }))
    }

    pub(crate) fn delete_inference_component(&mut self, input: Input<'_>) -> Answer {
        let name = name(input, "InferenceComponentName")?;
        self.components.remove(name).map(|_| json!({})).ok_or_else(|| self.no_component(name))
    }

    fn no_component(&self, name: &str) -> Fault {
        Fault::validation(format!("Could not find inference component \"{}\".", self.component_arn(name)))
    }

    fn component_arn(&self, name: &str) -> String {
        self.arn("sagemaker", &format!("inference-component/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{register, scaling, with_endpoint};

    #[test]
    fn the_copies_of_an_inference_component_can_be_scaled_while_it_exists() {
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
}
