//! The AWS account, as others than the function call it: people, native CloudFormation resources, other stacks.

use local_aws::Fault;
use serde_json::{Value, json};

use crate::attached::merged;
use crate::function::{LOGICAL_ID_TAG, STACK_ID_TAG};
use crate::request::{LOWER, MY_VARIANT};

/// An account of the local AWS. Calls through it are those of somebody other than the function.
pub trait Account {
    /// Calls an operation, which may fail.
    fn call(&self, target: &str, input: &Value) -> Result<Value, Fault>;

    /// Calls an operation, which has to succeed.
    fn aws(&self, target: &str, input: Value) -> Value {
        self.call(target, &input).unwrap_or_else(|fault| panic!("{target}: {fault}"))
    }

    /// Calls an operation of Application Auto Scaling on a target.
    fn auto_scaling(&self, operation: &str, target: Value, more: &Value) -> Value {
        self.aws(&format!("AnyScaleFrontendService.{operation}"), merged(target, more))
    }

    /// How long endpoints take from now on to be created or updated.
    fn endpoints_take(&self, seconds: impl Into<Value>) {
        self.aws("LocalAws.SetEndpointTakes", json!({ "Seconds": seconds.into() }));
    }

    /// Creates an endpoint, and a configuration of the same name for it.
    fn create_endpoint(&self, name: &str, variants: &[&str]) {
        self.create_endpoint_with(name, variants, json!({}));
    }

    /// Creates an endpoint whose configuration has these fields, too.
    fn create_endpoint_with(&self, name: &str, variants: &[&str], more: Value) {
        let variants: Vec<_> = variants.iter().map(|name| variant(name, "m", "ml.m5.large")).collect();
        self.create_config(name, &variants, more);
        self.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": name, "EndpointConfigName": name }));
    }

    /// Creates endpoint `slow` with `MyVariant`. It takes so many seconds, and so do other changes of endpoints from now on.
    fn create_slow_endpoint(&self, seconds: impl Into<Value>) {
        self.endpoints_take(seconds);
        self.create_endpoint("slow", &["MyVariant"]);
    }

    /// Creates an endpoint configuration.
    fn create_config(&self, name: &str, variants: &[Value], more: Value) {
        let config = json!({ "EndpointConfigName": name, "ProductionVariants": variants });
        self.aws("SageMaker.CreateEndpointConfig", merged(config, &more));
    }

    /// Updates an endpoint to another configuration.
    fn update_endpoint(&self, name: &str, config: &str) {
        self.aws("SageMaker.UpdateEndpoint", json!({ "EndpointName": name, "EndpointConfigName": config }));
    }

    /// Changes the instance count of a variant, as a scaling activity does: the endpoint is then `Updating`.
    fn scale(&self, endpoint: &str, variant: &str, instances: u32) {
        let weights = json!([{ "VariantName": variant, "DesiredInstanceCount": instances }]);
        let input = json!({ "EndpointName": endpoint, "DesiredWeightsAndCapacities": weights });
        self.aws("SageMaker.UpdateEndpointWeightsAndCapacities", input);
    }

    /// Registers `MyVariant` for one or two instances, with tags.
    fn register_by_hand(&self, tags: Value) {
        let limits = json!({ "MinCapacity": 1, "MaxCapacity": 2, "Tags": tags });
        self.auto_scaling("RegisterScalableTarget", my_variant(), &limits);
    }

    /// The same in another spelling of the endpoint's name, in lower case.
    fn register_in_lower_case(&self, tags: Value) {
        let limits = json!({ "MinCapacity": 1, "MaxCapacity": 2, "Tags": tags });
        self.auto_scaling("RegisterScalableTarget", target(LOWER), &limits);
    }

    /// The registered targets, as the API describes them.
    fn targets(&self) -> Vec<Value> {
        let all = json!({ "ServiceNamespace": "sagemaker" });
        let found = self.aws("AnyScaleFrontendService.DescribeScalableTargets", all);
        found["ScalableTargets"].as_array().expect("a list").clone()
    }

    /// The registered targets, with their tags.
    fn tagged_targets(&self) -> Vec<Value> {
        let tagged = self.targets().into_iter().map(|mut target| {
            target["Tags"] = self.tags(&target);
            target
        });
        tagged.collect()
    }

    /// The tags of a registered target.
    fn tags(&self, target: &Value) -> Value {
        let arn = json!({ "ResourceARN": target["ScalableTargetARN"] });
        self.aws("AnyScaleFrontendService.ListTagsForResource", arn)["Tags"].clone()
    }

    /// The `ResourceId`s of the registered targets.
    fn registered(&self) -> Vec<String> {
        self.targets().iter().map(|target| target["ResourceId"].as_str().expect("text").to_owned()).collect()
    }
}

/// A variant of an endpoint configuration, with one instance.
pub fn variant(name: &str, model: &str, instance_type: &str) -> Value {
    json!({ "VariantName": name, "ModelName": model, "InstanceType": instance_type, "InitialInstanceCount": 1 })
}

/// The instance count of a variant, as the API names the target.
pub fn target(resource_id: &str) -> Value {
    json!({
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource_id,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    })
}

/// `MyVariant` of `MyEndPoint`, as the API names the target.
pub fn my_variant() -> Value {
    target(MY_VARIANT)
}

/// The tags of a target that a resource owns.
pub fn owned_by(stack_id: &str, logical_id: &str) -> Value {
    json!({ STACK_ID_TAG: stack_id, LOGICAL_ID_TAG: logical_id })
}

/// Removes the fields that differ from registration to registration: ARNs and the creation time.
pub fn forget_identity(described: &mut Value) {
    let fields = described.as_object_mut().expect("an object");
    fields.retain(|name, _| !name.ends_with("ARN") && name != "CreationTime");
}
