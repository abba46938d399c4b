//! `RegisterScalableTarget`, `DeregisterScalableTarget` and `DescribeScalableTargets`.
//!
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html> and its
//! neighbours, which is also the source of every rule that names no other.

use std::collections::BTreeMap;

use serde_json::json;

use crate::application_auto_scaling::tags::{MAX_TAGS, read_tags};
use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::{Input, required};
use crate::protocol::pagination::Pages;
use crate::state::LocalAws;
use crate::state::scalable_target::{Dimension, NAMESPACE, Target, TargetId, check_namespace};

/// A registered target.
#[derive(Clone, Debug)]
pub struct Registered<'a> {
    /// Its `ResourceId`.
    pub resource_id: String,
    /// Its ARN.
    pub arn: &'a str,
    /// Its maximum capacity.
    pub max_capacity: i64,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
}

impl LocalAws {
    /// Registers a target, or updates it: an omitted parameter keeps its stored value.
    pub(crate) fn register_scalable_target(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        let id = TargetId::read(input)?;
        let stored = self.targets.get(&id);
        let min = input.integer("MinCapacity")?.or_else(|| Some(*stored?.capacity.start()));
        let max = input.integer("MaxCapacity")?.or_else(|| Some(*stored?.capacity.end()));
        // "This property is required when registering a new scalable target". Assumed (belief error-texts): the texts.
        let (min, max) = (required("MinCapacity", min)?, required("MaxCapacity", max)?);
        // "For the following resources, the minimum value allowed is 0": the list has all three of SageMaker. (The
        // SageMaker guide requires 1: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-add-policy.html)
        // Assumed (beliefs minimum-zero, error-texts): the former; the texts, here and below.
        if min < 0 || max < 0 {
            return Err(Fault::validation("Minimum and maximum capacity must be 0 or greater"));
        }
        if min > max {
            return Err(Fault::validation("Maximum capacity cannot be less than minimum capacity"));
        }
        let tags = read_tags(input)?;
        // https://github.com/hashicorp/terraform-provider-aws/issues/31839 has the text. Assumed (beliefs
        // tags-on-registered, empty-tags): an empty map of tags is accepted.
        if stored.is_some() && !tags.is_empty() {
            return Err(Fault::validation(
                "The scalable target that you tried to tag already exists. To update tags on an existing scalable \
                 target, use the TagResource API.",
            ));
        }
        if tags.len() > MAX_TAGS {
            return Err(Fault::validation(format!("A scalable target can have at most {} tags", MAX_TAGS)));
        }
        let suspended = match (input.object("SuspendedState")?, stored) {
            (Some(given), _) => suspended_state(given)?,
            (None, Some(stored)) => stored.suspended.clone(),
            (None, None) => suspended_state(Input(&serde_json::Map::new()))?,
        };
        self.check_scalable(&id)?;

        // Registration moves the capacity of an active resource into the range, and so does every update, also one without
        // capacities. Registration does not change an inactive resource. Assumed (belief register-updating): neither does an
        // update.
        self.clamp_capacity(&id, &(min..=max), now);
        let (arn, tags, attachments, created) = match self.targets.remove(&id) {
            Some(stored) => (stored.arn, stored.tags, stored.attachments, stored.created),
            None => {
                // Each registration has a new, opaque id. Assumed (belief new-arn): 36 digits and lower-case letters.
                let resource = format!("scalable-target/0ec5{:032x}", self.next_id());
                (self.arn("application-autoscaling", &resource), tags, BTreeMap::new(), now)
            }
        };
        let answer = json!({ "ScalableTargetARN": arn });
        self.targets.insert(id, Target { arn, tags, attachments, capacity: min..=max, suspended, created });
        Ok(answer)
    }

    /// Deregisters a target, and deletes its scaling policies and scheduled actions:
    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html>. Assumed (belief
    /// deregister-missing): the exception is the one that users report.
    pub(crate) fn deregister_scalable_target(&mut self, input: Input<'_>) -> OperationResult {
        let id = TargetId::read(input)?;
        self.targets.remove(&id).map(|_| json!({})).ok_or_else(|| id.not_found("No scalable target found"))
    }

    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html>
    ///
    /// Assumed (belief unknown-target): an unknown id is not an error. Terraform's provider relies on it.
    pub(crate) fn describe_scalable_targets(&self, input: Input<'_>) -> OperationResult {
        check_namespace(input)?;
        let ids = input.texts("ResourceIds")?;
        let dimension = Dimension::read(input)?;
        if ids.as_ref().is_some_and(|ids| ids.len() > MAX_RESOURCE_IDS) {
            let constraint = format!("Member must have length less than or equal to {MAX_RESOURCE_IDS}");
            return Err(Fault::constraint("'[...]'", "ResourceIds", constraint));
        }
        if dimension.is_some() && ids.is_none() {
            return Err(Fault::validation("If you specify a scalable dimension, you must also specify a resource ID"));
        }
        let is_requested = |id: &TargetId| {
            ids.as_ref().is_none_or(|ids| ids.contains(&&*id.resource.to_string()))
                && dimension.is_none_or(|dimension| dimension == id.dimension)
        };
        let items = self.targets.iter().filter(|(id, _)| is_requested(id)).map(|(id, target)| {
            let item = json!({
                "ServiceNamespace": NAMESPACE,
                "ResourceId": id.resource.to_string(),
                "ScalableDimension": id.dimension.name(),
                "MinCapacity": target.capacity.start(),
                "MaxCapacity": target.capacity.end(),
                "RoleARN": self.role_arn(),
                "CreationTime": target.created,
                "SuspendedState": target.suspended,
                "ScalableTargetARN": target.arn,
            });
            (id.to_string(), item)
        });
        Pages { list: "ScalableTargets", max_results: 50, invalid_token: "InvalidNextTokenException" }
            .page(input, items.collect())
    }

    /// The registered targets at the time `now`, for tests and simulations: `DescribeScalableTargets` and
    /// `ListTagsForResource` without their JSON.
    pub fn registered(&mut self, now: f64) -> impl Iterator<Item = Registered<'_>> {
        self.complete_changes(now);
        self.targets.iter().map(|(id, target)| Registered {
            resource_id: id.resource.to_string(),
            arn: &target.arn,
            max_capacity: *target.capacity.end(),
            tags: &target.tags,
        })
    }

    // SageMaker's targets always have the service-linked role; RoleARN is ignored:
    // https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-sagemaker.html
    fn role_arn(&self) -> String {
        format!(
            "arn:{}:iam::{}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/\
             AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
            self.partition, self.account
        )
    }
}

// Assumed (belief suspended-flags): a flag that the given state omits becomes false; it does not keep its stored value.
fn suspended_state(given: Input<'_>) -> OperationResult {
    Ok(json!({
        "DynamicScalingInSuspended": given.flag("DynamicScalingInSuspended")?,
        "DynamicScalingOutSuspended": given.flag("DynamicScalingOutSuspended")?,
        "ScheduledScalingSuspended": given.flag("ScheduledScalingSuspended")?,
    }))
}

const MAX_RESOURCE_IDS: usize = 50;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{ID, config, describe_endpoint, endpoint, register, scaling, with_endpoint};

    fn rejection(aws: &mut LocalAws, input: Value) -> Fault {
        scaling(aws, "RegisterScalableTarget", input).unwrap_err()
    }

    fn described(aws: &mut LocalAws) -> Value {
        let input = json!({ "ResourceIds": [ID] });
        let mut answer = scaling(aws, "DescribeScalableTargets", input).expect("describes");
        answer["ScalableTargets"][0].take()
    }

    #[test]
    fn a_registered_target_is_described_with_all_its_fields() {
        let mut aws = with_endpoint();
        let arn = register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8, "RoleARN": "arn:aws:iam::1:role/r" }));
        assert_eq!(
            described(&mut aws),
            json!({
                "ServiceNamespace": "sagemaker",
                "ResourceId": "endpoint/Prod/variant/blue",
                "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
                "MinCapacity": 1,
                "MaxCapacity": 8,
                "RoleARN": "arn:aws:iam::111122223333:role/aws-service-role/sagemaker.application-autoscaling.\
                            amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
                "CreationTime": 7.0,
                "SuspendedState": {
                    "DynamicScalingInSuspended": false,
                    "DynamicScalingOutSuspended": false,
                    "ScheduledScalingSuspended": false,
                },
                "ScalableTargetARN": arn,
            })
        );
        assert!(arn.starts_with("arn:aws:application-autoscaling:us-east-1:111122223333:scalable-target/"));
    }

    #[test]
    fn an_update_keeps_omitted_parameters_and_the_arn() {
        let mut aws = with_endpoint();
        let suspended = json!({ "DynamicScalingInSuspended": true });
        let input = json!({ "MinCapacity": 1, "MaxCapacity": 8, "SuspendedState": suspended });
        let arn = register(&mut aws, input);
        assert_eq!(register(&mut aws, json!({ "MaxCapacity": 4 })), arn);
        let target = described(&mut aws);
        assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(1), &json!(4)));
        assert_eq!(target["SuspendedState"]["DynamicScalingInSuspended"], true);
        register(&mut aws, json!({ "SuspendedState": {} }));
        assert_eq!(described(&mut aws)["SuspendedState"]["DynamicScalingInSuspended"], false);
    }

    #[test]
    fn a_first_registration_needs_both_capacities_not_negative_and_in_order() {
        let mut aws = with_endpoint();
        for capacities in [
            json!({}),
            json!({ "MinCapacity": 1 }),
            json!({ "MaxCapacity": 1 }),
            json!({ "MinCapacity": 2, "MaxCapacity": 1 }),
            json!({ "MinCapacity": -1, "MaxCapacity": 1 }),
        ] {
            assert_eq!(rejection(&mut aws, capacities).code, "ValidationException");
        }
        register(&mut aws, json!({ "MinCapacity": 0, "MaxCapacity": 2 }));
        assert_eq!(rejection(&mut aws, json!({ "MinCapacity": 3 })).code, "ValidationException");
    }

    #[test]
    fn tags_are_accepted_at_creation_only() {
        let mut aws = with_endpoint();
        let input = json!({ "MinCapacity": 1, "MaxCapacity": 8, "Tags": { "owner": "stack" } });
        register(&mut aws, input.clone());
        assert_eq!(
            rejection(&mut aws, input).message,
            "The scalable target that you tried to tag already exists. To update tags on an existing scalable target, \
             use the TagResource API."
        );
    }

    #[test]
    fn deregistering_a_missing_target_is_object_not_found() {
        let fault = scaling(&mut with_endpoint(), "DeregisterScalableTarget", json!({})).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "ObjectNotFoundException: No scalable target found for service namespace: sagemaker, resource ID: \
             endpoint/Prod/variant/blue, scalable dimension: sagemaker:variant:DesiredInstanceCount"
        );
    }

    #[test]
    fn a_target_that_is_registered_after_a_deregistration_has_a_new_arn() {
        let mut aws = with_endpoint();
        let arn = register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 }));
        scaling(&mut aws, "DeregisterScalableTarget", json!({})).expect("it is registered");
        assert_ne!(register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 })), arn);
    }

    #[test]
    fn resource_id_and_dimension_must_match() {
        let mut aws = with_endpoint();
        for id in [
            json!({ "ResourceId": "endpoint/Prod" }),
            json!({ "ResourceId": "endpoint//variant/blue" }),
            json!({ "ResourceId": "inference-component/c" }),
            json!({ "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount" }),
            json!({ "ScalableDimension": "ecs:service:DesiredCount" }),
            json!({ "ServiceNamespace": "ecs" }),
        ] {
            assert_eq!(rejection(&mut aws, id).code, "ValidationException");
        }
    }

    #[test]
    fn a_missing_variant_and_a_burstable_instance_type_are_rejected() {
        let mut aws = with_endpoint();
        let capacities = json!({ "MinCapacity": 1, "MaxCapacity": 8 });
        for id in ["endpoint/Prod/variant/Blue", "endpoint/none/variant/blue"] {
            let mut input = capacities.clone();
            input["ResourceId"] = json!(id);
            assert_eq!(rejection(&mut aws, input).code, "ValidationException");
        }
        config(&mut aws, "burstable", "ml.t2.medium");
        endpoint(&mut aws, "UpdateEndpoint", "burstable").expect("nothing is registered");
        let message = rejection(&mut aws, capacities).message;
        assert!(message.starts_with("You cannot register a variant with ml.t2.medium instance type"), "{message}");
    }

    #[test]
    fn registering_moves_the_capacity_of_an_active_endpoint_into_the_range_but_not_of_an_inactive_one() {
        let mut aws = with_endpoint();
        register(&mut aws, json!({ "MinCapacity": 3, "MaxCapacity": 8 }));
        let variants = &describe_endpoint(&mut aws, 8.0)["ProductionVariants"];
        assert_eq!(
            (&variants[0]["CurrentInstanceCount"], &variants[0]["DesiredInstanceCount"]),
            (&json!(3), &json!(3))
        );

        aws.set_endpoint_status("Prod", crate::EndpointStatus::SystemUpdating, None).expect("it exists");
        register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 1 }));
        let variants = &describe_endpoint(&mut aws, 8.0)["ProductionVariants"];
        assert_eq!(variants[0]["DesiredInstanceCount"], 3);
    }

    #[test]
    fn an_update_without_capacities_moves_the_capacity_into_the_range_too() {
        let mut aws = with_endpoint();
        register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 1 }));
        let weights = json!([{ "VariantName": "blue", "DesiredInstanceCount": 5 }]);
        let input = json!({ "EndpointName": "Prod", "DesiredWeightsAndCapacities": weights });
        aws.call("SageMaker.UpdateEndpointWeightsAndCapacities", &input, 7.0).expect("it is in service");
        register(&mut aws, json!({}));
        assert_eq!(describe_endpoint(&mut aws, 8.0)["ProductionVariants"][0]["CurrentInstanceCount"], 1);
    }

    #[test]
    fn describing_filters_by_id_and_accepts_a_dimension_only_with_ids() {
        let mut aws = with_endpoint();
        register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
        let mut count = |input: Value| {
            let answer = aws.call("AnyScaleFrontendService.DescribeScalableTargets", &input, 8.0);
            answer.map(|answer| answer["ScalableTargets"].as_array().expect("a list").len()).map_err(|fault| fault.code)
        };
        let other = "sagemaker:variant:DesiredProvisionedConcurrency";
        let input = |ids| json!({ "ServiceNamespace": "sagemaker", "ResourceIds": ids });
        assert_eq!(count(json!({ "ServiceNamespace": "sagemaker" })), Ok(1));
        assert_eq!(count(input(json!([ID, "endpoint/none/variant/blue"]))), Ok(1));
        assert_eq!(count(input(json!(["endpoint/none/variant/blue"]))), Ok(0));
        let mut with_dimension = input(json!([ID]));
        with_dimension["ScalableDimension"] = json!(other);
        assert_eq!(count(with_dimension), Ok(0));
        assert!(count(json!({ "ServiceNamespace": "sagemaker", "ScalableDimension": other })).is_err());
        assert!(count(input(json!(vec![ID; 51]))).is_err());
    }
}
