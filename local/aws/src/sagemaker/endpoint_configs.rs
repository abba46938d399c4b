//! Operations on endpoint configurations.
//!
//! API: <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html> and its neighbours.

use serde_json::json;

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::{Input, required};
use crate::state::LocalAws;
use crate::state::endpoint::{Deployment, EndpointConfig, Variant};

impl LocalAws {
    pub(crate) fn create_endpoint_config(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        let name = read_name(input, "EndpointConfigName")?;
        let arn = self.endpoint_config_arn(name);
        // Assumed (belief error-texts): the texts of all faults in this module.
        if self.endpoint_configs.contains_key(&name.to_ascii_lowercase()) {
            let message = format!("Cannot create already existing endpoint configuration \"{arn}\".");
            return Err(Fault::validation(message));
        }
        let given = input.objects("ProductionVariants")?;
        if !(1..=10).contains(&given.len()) {
            let constraint = "Member must have length between 1 and 10";
            return Err(Fault::constraint("'[...]'", "ProductionVariants", constraint));
        }
        let variants = given.into_iter().map(read_variant).collect::<Result<Vec<_>, _>>()?;
        for (n, variant) in variants.iter().enumerate() {
            if variants[..n].iter().any(|other| other.name == variant.name) {
                return Err(Fault::validation(format!("Duplicate variant name {:?}", variant.name)));
            }
        }
        let deployment =
            Deployment { config: name.to_owned(), variants, asynchronous: input.get("AsyncInferenceConfig").cloned() };
        let config = EndpointConfig { deployment, given: input.0.clone(), created: now };
        self.endpoint_configs.insert(name.to_ascii_lowercase(), config);
        Ok(json!({ "EndpointConfigArn": arn }))
    }

    pub(crate) fn describe_endpoint_config(&self, input: Input<'_>) -> OperationResult {
        let config = self.endpoint_config(input)?;
        let mut answer = config.given.clone();
        answer.remove("Tags");
        answer.insert("EndpointConfigArn".to_owned(), json!(self.endpoint_config_arn(&config.deployment.config)));
        answer.insert("CreationTime".to_owned(), json!(config.created));
        Ok(answer.into())
    }

    pub(crate) fn delete_endpoint_config(&mut self, input: Input<'_>) -> OperationResult {
        let key = self.endpoint_config(input)?.deployment.config.to_ascii_lowercase();
        self.endpoint_configs.remove(&key);
        Ok(json!({}))
    }

    /// The configuration that the input names.
    pub(crate) fn endpoint_config(&self, input: Input<'_>) -> Result<&EndpointConfig, Fault> {
        let name = read_name(input, "EndpointConfigName")?;
        self.endpoint_configs.get(&name.to_ascii_lowercase()).ok_or_else(|| {
            let arn = self.endpoint_config_arn(name);
            Fault::validation(format!("Could not find endpoint configuration \"{arn}\"."))
        })
    }

    pub(crate) fn endpoint_config_arn(&self, name: &str) -> String {
        self.arn("sagemaker", &format!("endpoint-config/{}", name.to_ascii_lowercase()))
    }
}

/// Reads the name of an endpoint, a configuration, a variant or an inference component:
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html>
pub(crate) fn read_name<'a>(input: Input<'a>, member: &str) -> Result<&'a str, Fault> {
    let name = input.text(member)?;
    let valid = name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if valid {
        return Ok(name);
    }
    let constraint = "Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}";
    Err(Fault::constraint(format_args!("'{name}'"), member, constraint))
}

/// Reads a variant, whose capacity is its initial number of instances or its provisioned concurrency.
fn read_variant(input: Input<'_>) -> Result<Variant, Fault> {
    let serverless = input.object("ServerlessConfig")?;
    let instance_type = input.optional_text("InstanceType")?;
    let instance_pools = input.objects("InstancePools")?;
    check_pools(input, &instance_pools)?;
    let capacity = match serverless {
        Some(serverless) => serverless.integer("ProvisionedConcurrency")?.unwrap_or(0),
        None => {
            if instance_pools.is_empty() {
                required("InstanceType", instance_type)?;
            }
            let count = input.integer("InitialInstanceCount")?.unwrap_or(1);
            if count < 1 {
                let constraint = "Member must have value greater than or equal to 1";
                return Err(Fault::constraint(format_args!("'{count}'"), "InitialInstanceCount", constraint));
            }
            count
        }
    };
    let weight = input.number("InitialVariantWeight")?.unwrap_or(1.0);
    Ok(Variant {
        name: read_name(input, "VariantName")?.to_owned(),
        instance_type: instance_type.map(str::to_owned),
        instance_pools: instance_pools.into_iter().map(|pool| pool.0.clone()).collect(),
        managed_instance_scaling: input.get("ManagedInstanceScaling").cloned(),
        partition_layouts: input.get("AcceleratorPartitionLayouts").cloned(),
        serverless: serverless.map(|serverless| serverless.0.clone()),
        current: capacity,
        desired: capacity,
        current_weight: weight,
        desired_weight: weight,
    })
}

/// Rejects invalid instance pools, and pools beside an instance type.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-heterogeneous.html>: the list replaces
/// `InstanceType`. Assumed (belief instance-pools): a variant with both is
/// rejected.
fn check_pools(input: Input<'_>, pools: &[Input<'_>]) -> Result<(), Fault> {
    if let Some(given) = input.get("InstancePools") {
        if !(1..=5).contains(&pools.len()) {
            let constraint = "Member must have length between 1 and 5";
            return Err(Fault::constraint(format_args!("'{given}'"), "InstancePools", constraint));
        }
        if input.get("InstanceType").is_some() {
            return Err(Fault::validation("Specify either InstanceType or InstancePools."));
        }
    }
    let between = |of: Input<'_>, member: &str, from: i64, to: i64| match of.integer(member)? {
        Some(found) if !(from..=to).contains(&found) => {
            let constraint = format!("Member must have value between {from} and {to}");
            Err(Fault::constraint(format_args!("'{found}'"), member, constraint))
        }
        found => Ok(found),
    };
    for pool in pools {
        pool.text("InstanceType")?;
        required("Priority", between(*pool, "Priority", 1, 5)?)?;
    }
    between(input, "VariantInstanceProvisionTimeoutInSeconds", 300, 3600).map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{config, with_endpoint};

    #[test]
    fn a_configuration_is_described_as_given_and_found_by_its_name_in_any_case() {
        let answer = with_endpoint()
            .call("SageMaker.DescribeEndpointConfig", &json!({ "EndpointConfigName": "LARGE" }), 0.0)
            .expect("it exists");
        assert_eq!(
            answer,
            json!({
                "EndpointConfigName": "large",
                "EndpointConfigArn": "arn:aws:sagemaker:us-east-1:111122223333:endpoint-config/large",
                "ProductionVariants": [
                    { "VariantName": "blue", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2 }
                ],
                "CreationTime": 0.0,
            })
        );
    }

    #[test]
    fn a_configuration_can_be_replaced_only_after_it_was_deleted() {
        let mut aws = LocalAws::default();
        config(&mut aws, "c", "ml.m5.large");
        let variant = json!({ "VariantName": "v", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1 });
        let input = json!({ "EndpointConfigName": "C", "ProductionVariants": [variant] });
        aws.call("SageMaker.CreateEndpointConfig", &input, 0.0).unwrap_err();
        aws.call("SageMaker.DeleteEndpointConfig", &input, 0.0).expect("it exists");
        aws.call("SageMaker.DescribeEndpointConfig", &input, 0.0).unwrap_err();
        aws.call("SageMaker.CreateEndpointConfig", &input, 0.0).expect("the name is free again");
    }

    #[test]
    fn an_invalid_name_or_variant_is_rejected() {
        let variant = json!({ "VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1 });
        let with = |member: &str, value: Value| {
            let mut variant = variant.clone();
            variant[member] = value;
            json!([variant])
        };
        let pool = |priority: u8| json!({ "InstanceType": "ml.m5.large", "Priority": priority });
        let with_pools = |pools: Value| json!([{ "VariantName": "v", "InstancePools": pools }]);
        for (name, variants) in [
            ("-c", json!([variant])),
            ("c-", json!([variant])),
            ("c_d", json!([variant])),
            (&*"c".repeat(64), json!([variant])),
            ("c", json!([])),
            ("c", json!([variant, variant])),
            ("c", with("VariantName", json!("v/w"))),
            ("c", with("InstanceType", json!(null))),
            ("c", with("InitialInstanceCount", json!(0))),
            ("c", with("InstancePools", json!([pool(1)]))),
            ("c", with_pools(json!([]))),
            ("c", with_pools(json!([pool(1), pool(2), pool(3), pool(4), pool(5), pool(5)]))),
            ("c", with_pools(json!([pool(0)]))),
            ("c", with_pools(json!([pool(6)]))),
            ("c", with_pools(json!([{ "InstanceType": "ml.m5.large" }]))),
            ("c", with_pools(json!([{ "Priority": 1 }]))),
            ("c", with("VariantInstanceProvisionTimeoutInSeconds", json!(299))),
            ("c", with("VariantInstanceProvisionTimeoutInSeconds", json!(3601))),
        ] {
            let input = json!({ "EndpointConfigName": name, "ProductionVariants": variants });
            let fault = LocalAws::default().call("SageMaker.CreateEndpointConfig", &input, 0.0).unwrap_err();
            assert_eq!(fault.code, "ValidationException", "{input}");
        }
    }
}
