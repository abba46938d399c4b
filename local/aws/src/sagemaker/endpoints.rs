//! Operations on endpoints, some of which depend on registered scalable targets.
//!
//! API: <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html> and its neighbours, which
//! is also the source of every rule that names no other.
//!
//! A name is unique regardless of its case, and keeps the case in which it was created. Assumed (belief
//! endpoint-name-case): lookups ignore the case, too, and ARNs have names in lower case.

use serde_json::json;

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::Input;
use crate::sagemaker::deployments::{Guardrails, deployment_config, read_guardrails};
use crate::sagemaker::endpoint_configs::read_name;
use crate::state::LocalAws;
use crate::state::endpoint::{Change, ChangeOutcome, Deployment, Endpoint, EndpointStatus, Variant};
use crate::state::scalable_target::Resource;

impl LocalAws {
    pub(crate) fn create_endpoint(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        let name = read_name(input, "EndpointName")?;
        let to = self.endpoint_config(input)?.deployment.clone();
        let arn = self.endpoint_arn(name);
        // Assumed (belief error-texts): the text.
        if self.endpoints.contains_key(&name.to_ascii_lowercase()) {
            return Err(Fault::validation(format!("Cannot create already existing endpoint \"{arn}\".")));
        }
        let outcome = std::mem::take(&mut self.next_outcome);
        let endpoint = Endpoint {
            name: name.to_owned(),
            status: EndpointStatus::Creating,
            failure_reason: None,
            created: now,
            modified: now,
            deployed: Deployment { variants: Vec::new(), ..to.clone() },
            change: Some(Change {
                started: now,
                ends: now + self.endpoint_takes,
                to: Some(to),
                outcome,
                alarms: Vec::new(),
            }),
            deployment_config: None,
            tags: input.get("Tags").cloned(),
        };
        self.endpoints.insert(name.to_ascii_lowercase(), endpoint);
        Ok(json!({ "EndpointArn": arn }))
    }

    pub(crate) fn describe_endpoint(&self, input: Input<'_>) -> OperationResult {
        let endpoint = self.endpoint(input)?;
        let mut answer = json!({
            "EndpointName": endpoint.name,
            "EndpointArn": self.endpoint_arn(&endpoint.name),
            "EndpointConfigName": endpoint.deployed.config,
            "EndpointStatus": endpoint.status.name(),
            "CreationTime": endpoint.created,
            "LastModifiedTime": endpoint.modified,
        });
        if let Some(reason) = &endpoint.failure_reason {
            answer["FailureReason"] = json!(reason);
        }
        if let Some(config) = &endpoint.deployed.asynchronous {
            answer["AsyncInferenceConfig"] = config.clone();
        }
        if let Some(config) = &endpoint.deployment_config {
            answer["LastDeploymentConfig"] = config.clone();
        }
        if !endpoint.deployed.variants.is_empty() {
            answer["ProductionVariants"] = endpoint.deployed.variants.iter().map(Variant::summary).collect();
        }
        // "Only returned when the endpoint is creating or updating with a new endpoint configuration". Assumed (belief
        // old-config-while-updating): until the change is complete, `EndpointConfigName` is the old configuration.
        if let Some(Change { to: Some(to), started, .. }) = &endpoint.change
            && (to.config != endpoint.deployed.config || endpoint.status == EndpointStatus::Creating)
        {
            answer["PendingDeploymentSummary"] = json!({ "EndpointConfigName": to.config, "StartTime": started });
        }
        Ok(answer)
    }

    pub(crate) fn update_endpoint(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        let endpoint = self.updatable_endpoint(input)?;
        let mut to = self.endpoint_config(input)?.deployment.clone();
        self.check_not_blocked(endpoint, &to)?;
        check_partition_layouts(endpoint, &to)?;
        let deployment_config = deployment_config(input, endpoint)?;
        let guardrails = match &deployment_config {
            Some(config) => read_guardrails(Input::new(config)?, endpoint, &to)?,
            None => Guardrails::default(),
        };
        // By default, an update resets capacities and weights to the initial values of the configuration:
        // https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html
        if input.flag("RetainAllVariantProperties")? {
            let excluded = input.objects("ExcludeRetainedVariantProperties")?;
            let excluded = excluded.into_iter().map(|property| property.text("VariantPropertyType"));
            let excluded = excluded.collect::<Result<Vec<_>, _>>()?;
            for new in &mut to.variants {
                let Some(old) = endpoint.deployed.variants.iter().find(|old| old.name == new.name) else { continue };
                if !excluded.contains(&"DesiredInstanceCount") {
                    new.desired = old.desired;
                }
                if !excluded.contains(&"DesiredWeight") {
                    new.desired_weight = old.desired_weight;
                }
            }
        }
        let outcome = std::mem::take(&mut self.next_outcome);
        let answer = self.begin_change(input, EndpointStatus::Updating, Some(to), outcome, now)?;
        let name = read_name(input, "EndpointName")?;
        if let Some(endpoint) = self.endpoints.get_mut(&name.to_ascii_lowercase()) {
            if deployment_config.is_some() {
                endpoint.deployment_config = deployment_config;
            }
            if let Some(change) = &mut endpoint.change {
                change.ends += guardrails.waits;
                change.alarms = guardrails.alarms;
            }
        }
        Ok(answer)
    }

    pub(crate) fn update_endpoint_weights_and_capacities(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        let mut to = self.updatable_endpoint(input)?.deployed.clone();
        for desired in input.objects("DesiredWeightsAndCapacities")? {
            let name = desired.text("VariantName")?;
            let variant = to.variants.iter_mut().find(|variant| variant.name == name);
            // Assumed (belief error-texts): the text.
            let variant = variant.ok_or_else(|| Fault::validation(format!("Could not find variant \"{name}\".")))?;
            variant.desired = desired.integer("DesiredInstanceCount")?.unwrap_or(variant.desired);
            variant.desired_weight = desired.number("DesiredWeight")?.unwrap_or(variant.desired_weight);
        }
        self.begin_change(input, EndpointStatus::Updating, Some(to), ChangeOutcome::Succeed, now)
    }

    /// Deletes an endpoint and deregisters its targets, as SageMaker does for a caller with the permission:
    /// <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-delete-with-scaling.html>. Assumed (beliefs targets-after-delete,
    /// serverless-after-delete): at once.
    pub(crate) fn delete_endpoint(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        let endpoint = self.unchanging_endpoint(input)?;
        let name = endpoint.name.clone();
        self.begin_change(input, EndpointStatus::Deleting, None, ChangeOutcome::Succeed, now)?;
        self.targets.retain(|id, _| !id.resource.is_variant_of(&name));
        Ok(json!({}))
    }

    /// Removes an endpoint at once. Its targets stay registered, unlike after `DeleteEndpoint`.
    pub(crate) fn lose_endpoint(&mut self, input: Input<'_>) -> Result<(), Fault> {
        let name = self.endpoint(input)?.name.to_ascii_lowercase();
        self.endpoints.remove(&name);
        Ok(())
    }

    /// Sets the status of an endpoint. `Failed` cancels a change in progress; any other status completes it.
    pub fn set_endpoint_status(
        &mut self,
        name: &str,
        status: EndpointStatus,
        failure_reason: Option<&str>,
    ) -> Result<(), Fault> {
        let missing = self.no_endpoint(name);
        let endpoint = self.endpoints.get_mut(&name.to_ascii_lowercase()).ok_or(missing)?;
        endpoint.change.take_if(|change| change.to.is_none() || status == EndpointStatus::Failed);
        endpoint.complete_change(f64::INFINITY);
        endpoint.status = status;
        endpoint.failure_reason = failure_reason.map(str::to_owned);
        Ok(())
    }

    /// Completes the changes that end by `now`.
    pub(crate) fn complete_changes(&mut self, now: f64) {
        self.endpoints.retain(|_, endpoint| endpoint.complete_change(now));
    }

    pub(crate) fn endpoint(&self, input: Input<'_>) -> Result<&Endpoint, Fault> {
        let name = read_name(input, "EndpointName")?;
        self.endpoints.get(&name.to_ascii_lowercase()).ok_or_else(|| self.no_endpoint(name))
    }

    pub(crate) fn endpoint_arn(&self, name: &str) -> String {
        self.arn("sagemaker", &format!("endpoint/{}", name.to_ascii_lowercase()))
    }

    // botocore's waiter `EndpointDeleted` recognizes a missing endpoint by this exception. Assumed (belief endpoint-missing): the
    // text.
    fn no_endpoint(&self, name: &str) -> Fault {
        Fault::validation(format!("Could not find endpoint \"{}\".", self.endpoint_arn(name)))
    }

    // Users report this text for updates and deletions. Assumed (belief error-texts): the period at its end.
    fn unchanging_endpoint(&self, input: Input<'_>) -> Result<&Endpoint, Fault> {
        let endpoint = self.endpoint(input)?;
        if endpoint.status.is_changing() {
            let arn = self.endpoint_arn(&endpoint.name);
            return Err(Fault::validation(format!("Cannot update in-progress endpoint \"{arn}\".")));
        }
        Ok(endpoint)
    }

    fn updatable_endpoint(&self, input: Input<'_>) -> Result<&Endpoint, Fault> {
        let endpoint = self.unchanging_endpoint(input)?;
        // "DeleteEndpoint is the only operation that can be performed on a failed endpoint." Assumed (belief error-texts): the
        // text.
        if endpoint.status == EndpointStatus::Failed {
            let arn = self.endpoint_arn(&endpoint.name);
            return Err(Fault::validation(format!("Cannot update failed endpoint \"{arn}\".")));
        }
        Ok(endpoint)
    }

    /// Rejects an update that removes a registered variant, or changes its instance type:
    /// <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html>
    ///
    /// Assumed (beliefs update-refused-pools, serverless-update): changed instance pools are rejected, too, and other
    /// serverless settings are not.
    fn check_not_blocked(&self, endpoint: &Endpoint, to: &Deployment) -> Result<(), Fault> {
        let is_registered = |name: &str| {
            self.targets.keys().any(|id| match &id.resource {
                Resource::Component(_) => false,
                Resource::Variant { variant, .. } => variant == name && id.resource.is_variant_of(&endpoint.name),
            })
        };
        let blocking = endpoint.deployed.variants.iter().filter(|old| {
            let new = to.variants.iter().find(|new| new.name == old.name);
            let hosts = |variant: &Variant| (variant.instance_type.clone(), variant.instance_pools.clone());
            new.is_none_or(|new| hosts(new) != hosts(old)) && is_registered(&old.name)
        });
        let blocking: Vec<_> = blocking.map(|variant| format!("\"{}\"", variant.name)).collect();
        if blocking.is_empty() {
            return Ok(());
        }
        // Assumed (belief update-refused): the text.
        Err(Fault::validation(format!(
            "The variant(s) \"[{}]\" must be deregistered as scalable targets with AWS Auto Scaling before they can be \
             removed or have their instance type updated.",
            blocking.join(", ")
        )))
    }

    fn begin_change(
        &mut self,
        input: Input<'_>,
        status: EndpointStatus,
        to: Option<Deployment>,
        outcome: ChangeOutcome,
        now: f64,
    ) -> OperationResult {
        let name = read_name(input, "EndpointName")?;
        if let Some(endpoint) = self.endpoints.get_mut(&name.to_ascii_lowercase()) {
            let ends = now + self.endpoint_takes;
            endpoint.begin(status, Change { started: now, ends, to, outcome, alarms: Vec::new() });
        }
        Ok(json!({ "EndpointArn": self.endpoint_arn(name) }))
    }
}

/// Rejects an update that changes the accelerator partitions of a variant, registered or not:
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AcceleratorPartitionLayout.html>. Assumed (belief
/// error-texts): the text.
fn check_partition_layouts(endpoint: &Endpoint, to: &Deployment) -> Result<(), Fault> {
    for old in &endpoint.deployed.variants {
        let new = to.variants.iter().find(|new| new.name == old.name);
        if new.is_some_and(|new| new.partition_layouts != old.partition_layouts) {
            let name = &old.name;
            return Err(Fault::validation(format!(
                "The accelerator partition layout of variant \"{name}\" cannot be changed."
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{config, describe_endpoint, endpoint, register, scaling, with_endpoint};

    fn delete(aws: &mut LocalAws) -> OperationResult {
        aws.call("SageMaker.DeleteEndpoint", &json!({ "EndpointName": "PROD" }), 0.0)
    }

    fn registered() -> LocalAws {
        let mut aws = with_endpoint();
        register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 }));
        aws
    }

    #[test]
    fn a_missing_endpoint_is_a_validation_exception() {
        let fault = delete(&mut LocalAws::default()).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "ValidationException: Could not find endpoint \
             \"arn:aws:sagemaker:us-east-1:111122223333:endpoint/prod\"."
        );
    }

    #[test]
    fn a_name_is_found_in_any_case_and_described_as_created() {
        let mut aws = with_endpoint();
        let endpoint = aws.call("SageMaker.DescribeEndpoint", &json!({ "EndpointName": "pROD" }), 1.0).expect("exists");
        assert_eq!(endpoint["EndpointName"], "Prod");
        assert_eq!(endpoint["EndpointArn"], "arn:aws:sagemaker:us-east-1:111122223333:endpoint/prod");
        let again = json!({ "EndpointName": "PROD", "EndpointConfigName": "large" });
        assert!(aws.call("SageMaker.CreateEndpoint", &again, 1.0).unwrap_err().message.contains("already existing"));
    }

    #[test]
    fn an_endpoint_is_in_service_when_its_creation_ends() {
        let mut aws = LocalAws::default();
        aws.set_endpoint_takes(300.0);
        config(&mut aws, "large", "ml.m5.large");
        endpoint(&mut aws, "CreateEndpoint", "large").expect("the configuration exists");

        let before = describe_endpoint(&mut aws, 299.0);
        assert_eq!((&before["EndpointStatus"], before.get("ProductionVariants")), (&json!("Creating"), None));
        assert_eq!(before["PendingDeploymentSummary"]["EndpointConfigName"], "large");
        assert_eq!(
            endpoint(&mut aws, "UpdateEndpoint", "large").unwrap_err().message,
            "Cannot update in-progress endpoint \"arn:aws:sagemaker:us-east-1:111122223333:endpoint/prod\"."
        );
        delete(&mut aws).unwrap_err();

        let after = describe_endpoint(&mut aws, 300.0);
        assert_eq!((&after["EndpointStatus"], &after["LastModifiedTime"]), (&json!("InService"), &json!(300.0)));
        assert_eq!(
            after["ProductionVariants"],
            json!([{
                "VariantName": "blue",
                "CurrentInstanceCount": 2,
                "DesiredInstanceCount": 2,
                "CurrentWeight": 1.0,
                "DesiredWeight": 1.0,
            }])
        );
        delete(&mut aws).expect("it is in service");
        assert_eq!(describe_endpoint(&mut aws, 1.0)["EndpointStatus"], "Deleting");
        aws.call("SageMaker.DescribeEndpoint", &json!({ "EndpointName": "Prod" }), 300.0).unwrap_err();
    }

    #[test]
    fn a_target_can_be_registered_while_its_endpoint_is_creating_but_not_while_it_is_deleting() {
        let mut aws = LocalAws::default();
        aws.set_endpoint_takes(300.0);
        config(&mut aws, "large", "ml.m5.large");
        endpoint(&mut aws, "CreateEndpoint", "large").expect("the configuration exists");
        register(&mut aws, json!({ "MinCapacity": 4, "MaxCapacity": 8 }));
        assert_eq!(describe_endpoint(&mut aws, 300.0)["ProductionVariants"][0]["CurrentInstanceCount"], 2);
        delete(&mut aws).expect("it is in service");
        scaling(&mut aws, "RegisterScalableTarget", json!({ "MinCapacity": 4, "MaxCapacity": 8 })).unwrap_err();
    }

    #[test]
    fn a_registered_variant_cannot_be_removed_or_change_its_instance_type() {
        let mut aws = registered();
        config(&mut aws, "xlarge", "ml.m5.xlarge");
        let variant = json!({ "VariantName": "green", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1 });
        let input = json!({ "EndpointConfigName": "green", "ProductionVariants": [variant] });
        aws.call("SageMaker.CreateEndpointConfig", &input, 0.0).expect("a valid configuration");
        config(&mut aws, "other-model", "ml.m5.large");

        for refused in ["xlarge", "green"] {
            let fault = endpoint(&mut aws, "UpdateEndpoint", refused).unwrap_err();
            assert_eq!(fault.code, "ValidationException");
            assert!(fault.message.contains("[\"blue\"]\" must be deregistered as scalable targets"), "{fault}");
        }
        endpoint(&mut aws, "UpdateEndpoint", "other-model").expect("variant and instance type stay");
        scaling(&mut aws, "DeregisterScalableTarget", json!({})).expect("it is registered");
        endpoint(&mut aws, "UpdateEndpoint", "xlarge").expect("nothing is registered");
        assert_eq!(describe_endpoint(&mut aws, 1.0)["EndpointConfigName"], "xlarge");
    }

    #[test]
    fn a_variant_with_instance_pools_scales_and_its_pools_stay_while_it_is_registered() {
        let mut aws = LocalAws::default();
        let pool = |kind: &str, priority: u8| json!({ "InstanceType": kind, "Priority": priority });
        let managed = json!({ "Status": "ENABLED", "MaxInstanceCount": 4 });
        let mut create = |name: &str, more: Value| {
            let mut variant = json!({ "VariantName": "blue", "InitialInstanceCount": 2 });
            variant.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            let input = json!({ "EndpointConfigName": name, "ProductionVariants": [variant] });
            aws.call("SageMaker.CreateEndpointConfig", &input, 0.0).expect("a valid configuration");
        };
        let two = json!([pool("ml.g6e.2xlarge", 2), pool("ml.g6.2xlarge", 1)]);
        create("pools", json!({ "InstancePools": two, "ManagedInstanceScaling": managed }));
        create("timeout", json!({ "InstancePools": two, "VariantInstanceProvisionTimeoutInSeconds": 600 }));
        create("fewer", json!({ "InstancePools": [pool("ml.g6.2xlarge", 1)] }));
        create("type", json!({ "InstanceType": "ml.g6.2xlarge" }));
        create("burstable", json!({ "InstancePools": [pool("ml.g6.2xlarge", 1), pool("ml.t3.large", 2)] }));
        endpoint(&mut aws, "CreateEndpoint", "pools").expect("the configuration exists");

        register(&mut aws, json!({ "MinCapacity": 3, "MaxCapacity": 8 }));
        let variant = describe_endpoint(&mut aws, 8.0)["ProductionVariants"][0].take();
        assert_eq!((&variant["CurrentInstanceCount"], &variant["ManagedInstanceScaling"]), (&json!(3), &managed));
        assert_eq!(
            variant["InstancePools"],
            json!([
                { "InstanceType": "ml.g6e.2xlarge", "CurrentInstanceCount": 0 },
                { "InstanceType": "ml.g6.2xlarge", "CurrentInstanceCount": 3 },
            ])
        );
        for refused in ["fewer", "type"] {
            let fault = endpoint(&mut aws, "UpdateEndpoint", refused).unwrap_err();
            assert!(fault.message.contains("must be deregistered as scalable targets"), "{fault}");
        }
        endpoint(&mut aws, "UpdateEndpoint", "timeout").expect("the pools stay");
        scaling(&mut aws, "DeregisterScalableTarget", json!({})).expect("it is registered");
        endpoint(&mut aws, "UpdateEndpoint", "burstable").expect("nothing is registered");
        let capacities = json!({ "MinCapacity": 1, "MaxCapacity": 8 });
        let fault = scaling(&mut aws, "RegisterScalableTarget", capacities).unwrap_err();
        assert!(fault.message.contains("ml.t3.large"), "{fault}");
    }

    #[test]
    fn an_update_that_changes_accelerator_partitions_is_rejected() {
        let mut aws = LocalAws::default();
        for (config, types) in [("c1", ["mig-3g.40gb", "mig-4g.40gb"]), ("c2", ["mig-4g.40gb", "mig-3g.40gb"])] {
            let layouts = json!([{ "AcceleratorPartitionTypes": types }]);
            let variant = json!({ "VariantName": "blue", "InstanceType": "ml.p5.48xlarge", "AcceleratorPartitionLayouts": layouts });
            let input = json!({ "EndpointConfigName": config, "ProductionVariants": [variant] });
            aws.call("SageMaker.CreateEndpointConfig", &input, 0.0).expect("a valid configuration");
        }
        endpoint(&mut aws, "CreateEndpoint", "c1").expect("the configuration exists");
        let fault = endpoint(&mut aws, "UpdateEndpoint", "c2").unwrap_err();
        assert!(fault.message.contains("cannot be changed"), "{fault}");
        endpoint(&mut aws, "UpdateEndpoint", "c1").expect("the partitions stay");
    }

    #[test]
    fn a_target_registered_in_another_case_blocks_the_update_too() {
        let mut aws = with_endpoint();
        register(&mut aws, json!({ "ResourceId": "endpoint/prod/variant/blue", "MinCapacity": 1, "MaxCapacity": 8 }));
        config(&mut aws, "xlarge", "ml.m5.xlarge");
        endpoint(&mut aws, "UpdateEndpoint", "xlarge").unwrap_err();
    }

    #[test]
    fn an_update_resets_capacities_unless_they_are_retained() {
        let update = |properties: Value| {
            let mut aws = with_endpoint();
            register(&mut aws, json!({ "MinCapacity": 5, "MaxCapacity": 8 }));
            let mut input = json!({ "EndpointName": "Prod", "EndpointConfigName": "large" });
            input.as_object_mut().expect("an object").extend(properties.as_object().expect("an object").clone());
            aws.call("SageMaker.UpdateEndpoint", &input, 8.0).expect("updates");
            describe_endpoint(&mut aws, 9.0)["ProductionVariants"][0]["CurrentInstanceCount"].take()
        };
        let excluded = json!([{ "VariantPropertyType": "DesiredInstanceCount" }]);
        assert_eq!(update(json!({})), 2);
        assert_eq!(update(json!({ "RetainAllVariantProperties": true })), 5);
        let both = json!({ "RetainAllVariantProperties": true, "ExcludeRetainedVariantProperties": excluded });
        assert_eq!(update(both), 2);
    }

    #[test]
    fn an_endpoint_cannot_be_updated_during_a_scaling_activity() {
        let mut aws = with_endpoint();
        aws.set_endpoint_takes(60.0);
        describe_endpoint(&mut aws, 1.0);
        register(&mut aws, json!({ "MinCapacity": 5, "MaxCapacity": 8 }));
        let during = describe_endpoint(&mut aws, 8.0);
        assert_eq!((&during["EndpointStatus"], during.get("PendingDeploymentSummary")), (&json!("Updating"), None));
        let variant = &during["ProductionVariants"][0];
        assert_eq!((&variant["CurrentInstanceCount"], &variant["DesiredInstanceCount"]), (&json!(2), &json!(5)));
        assert!(endpoint(&mut aws, "UpdateEndpoint", "large").unwrap_err().message.contains("in-progress"));
        assert_eq!(describe_endpoint(&mut aws, 67.0)["ProductionVariants"][0]["CurrentInstanceCount"], 5);
    }

    #[test]
    fn a_failed_endpoint_has_a_reason_and_can_only_be_deleted() {
        let mut aws = with_endpoint();
        aws.fail_next_endpoint("no capacity");
        endpoint(&mut aws, "UpdateEndpoint", "large").expect("begins");
        let failed = describe_endpoint(&mut aws, 1.0);
        assert_eq!((&failed["EndpointStatus"], &failed["FailureReason"]), (&json!("Failed"), &json!("no capacity")));
        endpoint(&mut aws, "UpdateEndpoint", "large").unwrap_err();
        delete(&mut aws).expect("it can be deleted");
        endpoint(&mut aws, "CreateEndpoint", "large").expect("the name is free again");
        assert_eq!(describe_endpoint(&mut aws, 1.0)["EndpointStatus"], "InService");
    }

    #[test]
    fn setting_a_status_completes_the_change_in_progress() {
        let mut aws = LocalAws::default();
        aws.set_endpoint_takes(300.0);
        config(&mut aws, "large", "ml.m5.large");
        endpoint(&mut aws, "CreateEndpoint", "large").expect("the configuration exists");
        aws.set_endpoint_status("prod", EndpointStatus::SystemUpdating, None).expect("it exists");
        let described = describe_endpoint(&mut aws, 400.0);
        assert_eq!(described["EndpointStatus"], "SystemUpdating");
        assert_eq!(described["ProductionVariants"][0]["CurrentInstanceCount"], 2);
        aws.set_endpoint_status("none", EndpointStatus::InService, None).unwrap_err();
    }

    #[test]
    fn after_a_rollback_the_endpoint_is_in_service_with_its_old_configuration() {
        let mut aws = with_endpoint();
        config(&mut aws, "xlarge", "ml.m5.xlarge");
        aws.roll_back_next_endpoint("alarm");
        endpoint(&mut aws, "UpdateEndpoint", "xlarge").expect("begins");
        let endpoint = describe_endpoint(&mut aws, 1.0);
        assert_eq!((&endpoint["EndpointStatus"], &endpoint["FailureReason"]), (&json!("InService"), &json!("alarm")));
        assert_eq!(endpoint["EndpointConfigName"], "large");
    }

    #[test]
    fn deleting_an_endpoint_deregisters_its_targets() {
        let mut aws = registered();
        delete(&mut aws).expect("it is in service");
        assert_eq!(
            scaling(&mut aws, "DeregisterScalableTarget", json!({})).unwrap_err().code,
            "ObjectNotFoundException"
        );
    }

    #[test]
    fn a_target_that_outlives_its_endpoint_is_older_than_the_next_endpoint_of_that_name() {
        let mut aws = registered();
        aws.call("LocalAws.LoseEndpoint", &json!({ "EndpointName": "PROD" }), 100.0).expect("it exists");
        aws.call("SageMaker.DescribeEndpoint", &json!({ "EndpointName": "Prod" }), 100.0).unwrap_err();
        let again = json!({ "EndpointName": "Prod", "EndpointConfigName": "large" });
        aws.call("SageMaker.CreateEndpoint", &again, 200.0).expect("the name is free");
        assert_eq!(describe_endpoint(&mut aws, 300.0)["CreationTime"], 200.0);
        let target = json!({ "ServiceNamespace": "sagemaker" });
        let target = aws.call("AnyScaleFrontendService.DescribeScalableTargets", &target, 300.0).expect("describes");
        assert_eq!(target["ScalableTargets"][0]["CreationTime"], 7.0);
        aws.call("LocalAws.LoseEndpoint", &json!({ "EndpointName": "none" }), 300.0).unwrap_err();
    }

    #[test]
    fn an_endpoint_shows_the_asynchronous_inference_of_its_configuration() {
        let mut aws = LocalAws::default();
        let asynchronous = json!({ "OutputConfig": { "S3OutputPath": "s3://bucket/" } });
        let variant = json!({ "VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1 });
        let input = json!({
            "EndpointConfigName": "c",
            "ProductionVariants": [variant],
            "AsyncInferenceConfig": asynchronous,
        });
        aws.call("SageMaker.CreateEndpointConfig", &input, 0.0).expect("a valid configuration");
        endpoint(&mut aws, "CreateEndpoint", "c").expect("the configuration exists");
        assert_eq!(describe_endpoint(&mut aws, 0.0)["AsyncInferenceConfig"], asynchronous);
    }

    #[test]
    fn a_serverless_variant_scales_its_provisioned_concurrency() {
        let mut aws = LocalAws::default();
        let serverless = json!({ "MemorySizeInMB": 2048, "MaxConcurrency": 20, "ProvisionedConcurrency": 2 });
        let variant = json!({ "VariantName": "blue", "ServerlessConfig": serverless });
        let input = json!({ "EndpointConfigName": "c", "ProductionVariants": [variant] });
        aws.call("SageMaker.CreateEndpointConfig", &input, 0.0).expect("a valid configuration");
        endpoint(&mut aws, "CreateEndpoint", "c").expect("the configuration exists");

        let capacities = json!({ "MinCapacity": 3, "MaxCapacity": 8 });
        scaling(&mut aws, "RegisterScalableTarget", capacities).unwrap_err();
        let dimension = "sagemaker:variant:DesiredProvisionedConcurrency";
        register(&mut aws, json!({ "ScalableDimension": dimension, "MinCapacity": 3, "MaxCapacity": 8 }));
        let variant = describe_endpoint(&mut aws, 8.0)["ProductionVariants"][0].take();
        assert_eq!(variant["CurrentServerlessConfig"]["ProvisionedConcurrency"], 3);
        assert_eq!(variant.get("CurrentInstanceCount"), None);
    }
}
