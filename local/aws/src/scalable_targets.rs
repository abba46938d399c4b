//! Application Auto Scaling's scalable targets: registering, deregistering, describing.
//!
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html> and its
//! neighbours, which is also the source of every rule that names no other.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::attached::{Attached, Kind};
use crate::input::{Input, Pages, required};
use crate::{Answer, Fault, LocalAws, tags};

/// What Application Auto Scaling keeps of one scalable target.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) arn: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// The scaling policies and scheduled actions, by name.
    pub(crate) attached: BTreeMap<(Kind, String), Attached>,
    capacity: RangeInclusive<i64>,
    suspended: Value,
    created: f64,
}

impl LocalAws {
    /// Registers, or changes what is registered: parameters that are left out keep their stored value.
    pub(crate) fn register_scalable_target(&mut self, input: Input<'_>, now: f64) -> Answer {
        let id = TargetId::read(input)?;
        let stored = self.targets.get(&id);
        let min = input.integer("MinCapacity")?.or_else(|| Some(*stored?.capacity.start()));
        let max = input.integer("MaxCapacity")?.or_else(|| Some(*stored?.capacity.end()));
        // "This property is required when registering a new scalable target". Believed: the texts.
        let (min, max) = (required("MinCapacity", min)?, required("MaxCapacity", max)?);
        // "For the following resources, the minimum value allowed is 0": all three of SageMaker's are listed. (The
        // SageMaker guide asks for 1: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-add-policy.html)
        // Believed: the texts, here and below.
        if min < 0 || max < 0 {
            return Err(Fault::validation("Minimum and maximum capacity must be 0 or greater"));
        }
        if min > max {
            return Err(Fault::validation("Maximum capacity cannot be less than minimum capacity"));
        }
        let tags = tags::read(input)?;
        // https://github.com/hashicorp/terraform-provider-aws/issues/31839 has the text. Believed: no tags at all may be
        // written as an empty map.
        if stored.is_some() && !tags.is_empty() {
            return Err(Fault::validation(
                "The scalable target that you tried to tag already exists. To update tags on an existing scalable \
                 target, use the TagResource API.",
            ));
        }
        if tags.len() > tags::MOST {
            return Err(Fault::validation(format!("A scalable target can have at most {} tags", tags::MOST)));
        }
        let suspended = match (input.object("SuspendedState")?, stored) {
            (Some(given), _) => suspended_state(given)?,
            (None, Some(stored)) => stored.suspended.clone(),
            (None, None) => suspended_state(Input(&serde_json::Map::new()))?,
        };
        self.check_scalable(&id)?;

        // An active resource's capacity is moved into the range on registration, and again on every update, also one that
        // names no capacities. An inactive one's is left alone on registration; believed: on an update too.
        self.move_into_range(&id, &(min..=max), now);
        let (arn, tags, attached, created) = match self.targets.remove(&id) {
            Some(stored) => (stored.arn, stored.tags, stored.attached, stored.created),
            None => {
                // The id is opaque, and a new one each time. Believed: 36 digits and lower-case letters.
                let resource = format!("scalable-target/0ec5{:032x}", self.next_id());
                (self.arn("application-autoscaling", &resource), tags, BTreeMap::new(), now)
            }
        };
        let answer = json!({ "ScalableTargetARN": arn });
        self.targets.insert(id, Target { arn, tags, attached, capacity: min..=max, suspended, created });
        Ok(answer)
    }

    /// Forgets the target, with the policies and scheduled actions that are attached to it:
    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html>
    pub(crate) fn deregister_scalable_target(&mut self, input: Input<'_>) -> Answer {
        let id = TargetId::read(input)?;
        self.targets.remove(&id).map(|_| json!({})).ok_or_else(|| id.not_found("No scalable target found"))
    }

    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html>
    ///
    /// Believed: unknown ids are no error. Terraform's provider relies on it.
    pub(crate) fn describe_scalable_targets(&self, input: Input<'_>) -> Answer {
        check_namespace(input)?;
        let ids = input.texts("ResourceIds")?;
        let dimension = Dimension::read(input)?;
        if ids.as_ref().is_some_and(|ids| ids.len() > MAX_RESOURCE_IDS) {
            let most = format!("Member must have length less than or equal to {MAX_RESOURCE_IDS}");
            return Err(Fault::constraint("'[...]'", "ResourceIds", most));
        }
        if dimension.is_some() && ids.is_none() {
            return Err(Fault::validation("If you specify a scalable dimension, you must also specify a resource ID"));
        }
        let asked_for = |id: &TargetId| {
            ids.as_ref().is_none_or(|ids| ids.contains(&&*id.resource.to_string()))
                && dimension.is_none_or(|dimension| dimension == id.dimension)
        };
        let items = self.targets.iter().filter(|(id, _)| asked_for(id)).map(|(id, target)| {
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
        Pages { list: "ScalableTargets", most: 50, invalid_token: "InvalidNextTokenException" }
            .answer(input, items.collect())
    }

    // Whatever role is given, SageMaker's targets have the service-linked one:
    // https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-sagemaker.html
    fn role_arn(&self) -> String {
        format!(
            "arn:{}:iam::{}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/\
             AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
            self.partition, self.account
        )
    }
}

/// What identifies a scalable target, within the namespace `sagemaker`.
///
/// Believed: resource ids are compared exactly, although SageMaker looks endpoints up ignoring case.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct TargetId {
    pub(crate) resource: Resource,
    pub(crate) dimension: Dimension,
}

impl TargetId {
    /// Reads the three members that every call about one target has.
    pub(crate) fn read(input: Input<'_>) -> Result<Self, Fault> {
        check_namespace(input)?;
        let resource = Resource::parse(input.text("ResourceId")?);
        let dimension = required("ScalableDimension", Dimension::read(input)?)?;
        match (resource, dimension) {
            (
                Some(resource @ Resource::Variant { .. }),
                Dimension::InstanceCount | Dimension::ProvisionedConcurrency,
            )
            | (Some(resource @ Resource::Component(_)), Dimension::CopyCount) => Ok(Self { resource, dimension }),
            // Believed: the text.
            (None | Some(Resource::Component(_) | Resource::Variant { .. }), _) => {
                Err(Fault::validation("Unsupported service namespace, resource type or scalable dimension"))
            }
        }
    }

    /// "… for service namespace: …", with which <https://github.com/ansible/ansible/pull/35632> quotes these faults.
    pub(crate) fn not_found(&self, what: &str) -> Fault {
        let Self { resource, dimension } = self;
        Fault::new(
            "ObjectNotFoundException",
            format!(
                "{what} for service namespace: {NAMESPACE}, resource ID: {resource}, scalable dimension: {}",
                dimension.name()
            ),
        )
    }
}

impl Display for TargetId {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}|{}", self.resource, self.dimension.name())
    }
}

/// What is scaled.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Resource {
    Component(String),
    Variant { endpoint: String, variant: String },
}

impl Resource {
    pub(crate) fn is_variant_of(&self, endpoint_name: &str) -> bool {
        match self {
            Self::Component(_) => false,
            Self::Variant { endpoint, .. } => endpoint.eq_ignore_ascii_case(endpoint_name),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match *text.split('/').collect::<Vec<_>>() {
            ["endpoint", endpoint, "variant", variant] if !endpoint.is_empty() && !variant.is_empty() => {
                Some(Self::Variant { endpoint: endpoint.to_owned(), variant: variant.to_owned() })
            }
            ["inference-component", name] if !name.is_empty() => Some(Self::Component(name.to_owned())),
            _ => None,
        }
    }
}

impl Display for Resource {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(name) => write!(formatter, "inference-component/{name}"),
            Self::Variant { endpoint, variant } => write!(formatter, "endpoint/{endpoint}/variant/{variant}"),
        }
    }
}

/// Which number of it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Dimension {
    CopyCount,
    InstanceCount,
    ProvisionedConcurrency,
}

impl Dimension {
    const ALL: [Self; 3] = [Self::CopyCount, Self::InstanceCount, Self::ProvisionedConcurrency];

    pub(crate) fn read(input: Input<'_>) -> Result<Option<Self>, Fault> {
        let Some(text) = input.optional_text("ScalableDimension")? else { return Ok(None) };
        let known = Self::ALL.into_iter().find(|dimension| dimension.name() == text);
        known.map(Some).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            let constraint = format!("Member must satisfy enum value set: [{names}]");
            Fault::constraint(format_args!("'{text}'"), "ScalableDimension", constraint)
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CopyCount => "sagemaker:inference-component:DesiredCopyCount",
            Self::InstanceCount => "sagemaker:variant:DesiredInstanceCount",
            Self::ProvisionedConcurrency => "sagemaker:variant:DesiredProvisionedConcurrency",
        }
    }
}

/// Refuses the namespaces of other services: this model has none of them.
pub(crate) fn check_namespace(input: Input<'_>) -> Result<(), Fault> {
    match input.text("ServiceNamespace")? {
        NAMESPACE => Ok(()),
        other => {
            let constraint = format!("Member must satisfy enum value set: [{NAMESPACE}]");
            Err(Fault::constraint(format_args!("'{other}'"), "ServiceNamespace", constraint))
        }
    }
}

// Believed: a flag that is left out of a given state is false, not kept.
fn suspended_state(given: Input<'_>) -> Answer {
    Ok(json!({
        "DynamicScalingInSuspended": given.flag("DynamicScalingInSuspended")?,
        "DynamicScalingOutSuspended": given.flag("DynamicScalingOutSuspended")?,
        "ScheduledScalingSuspended": given.flag("ScheduledScalingSuspended")?,
    }))
}

const NAMESPACE: &str = "sagemaker";
const MAX_RESOURCE_IDS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ID, config, describe_endpoint, endpoint, register, scaling, with_endpoint};

    fn refusal(aws: &mut LocalAws, input: Value) -> Fault {
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
    fn registering_again_keeps_what_is_left_out_and_the_arn() {
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
    fn a_first_registration_needs_both_capacities_in_order_and_not_negative() {
        let mut aws = with_endpoint();
        for capacities in [
            json!({}),
            json!({ "MinCapacity": 1 }),
            json!({ "MaxCapacity": 1 }),
            json!({ "MinCapacity": 2, "MaxCapacity": 1 }),
            json!({ "MinCapacity": -1, "MaxCapacity": 1 }),
        ] {
            assert_eq!(refusal(&mut aws, capacities).code, "ValidationException");
        }
        register(&mut aws, json!({ "MinCapacity": 0, "MaxCapacity": 2 }));
        assert_eq!(refusal(&mut aws, json!({ "MinCapacity": 3 })).code, "ValidationException");
    }

    #[test]
    fn tags_are_taken_at_creation_only() {
        let mut aws = with_endpoint();
        let input = json!({ "MinCapacity": 1, "MaxCapacity": 8, "Tags": { "owner": "stack" } });
        register(&mut aws, input.clone());
        assert_eq!(
            refusal(&mut aws, input).message,
            "The scalable target that you tried to tag already exists. To update tags on an existing scalable target, \
             use the TagResource API."
        );
    }

    #[test]
    fn deregistering_what_is_not_registered_is_object_not_found() {
        let fault = scaling(&mut with_endpoint(), "DeregisterScalableTarget", json!({})).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "ObjectNotFoundException: No scalable target found for service namespace: sagemaker, resource ID: \
             endpoint/Prod/variant/blue, scalable dimension: sagemaker:variant:DesiredInstanceCount"
        );
    }

    #[test]
    fn a_target_that_is_registered_anew_has_a_new_arn() {
        let mut aws = with_endpoint();
        let arn = register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 }));
        scaling(&mut aws, "DeregisterScalableTarget", json!({})).expect("it is registered");
        assert_ne!(register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 })), arn);
    }

    #[test]
    fn resource_id_and_dimension_have_to_fit_each_other() {
        let mut aws = with_endpoint();
        for id in [
            json!({ "ResourceId": "endpoint/Prod" }),
            json!({ "ResourceId": "endpoint//variant/blue" }),
            json!({ "ResourceId": "inference-component/c" }),
            json!({ "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount" }),
            json!({ "ScalableDimension": "ecs:service:DesiredCount" }),
            json!({ "ServiceNamespace": "ecs" }),
        ] {
            assert_eq!(refusal(&mut aws, id).code, "ValidationException");
        }
    }

    #[test]
    fn a_missing_variant_and_a_burstable_one_are_refused() {
        let mut aws = with_endpoint();
        let capacities = json!({ "MinCapacity": 1, "MaxCapacity": 8 });
        for id in ["endpoint/Prod/variant/Blue", "endpoint/none/variant/blue"] {
            let mut input = capacities.clone();
            input["ResourceId"] = json!(id);
            assert_eq!(refusal(&mut aws, input).code, "ValidationException");
        }
        config(&mut aws, "burstable", "ml.t2.medium");
        endpoint(&mut aws, "UpdateEndpoint", "burstable").expect("nothing is registered");
        let message = refusal(&mut aws, capacities).message;
        assert!(message.starts_with("You cannot register a variant with ml.t2.medium instance type"), "{message}");
    }

    #[test]
    fn registering_moves_an_active_endpoint_into_the_range_and_an_inactive_one_not() {
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
    fn an_update_moves_the_endpoint_even_where_it_names_no_capacities() {
        let mut aws = with_endpoint();
        register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 1 }));
        let weights = json!([{ "VariantName": "blue", "DesiredInstanceCount": 5 }]);
        let input = json!({ "EndpointName": "Prod", "DesiredWeightsAndCapacities": weights });
        aws.call("SageMaker.UpdateEndpointWeightsAndCapacities", &input, 7.0).expect("it is in service");
        register(&mut aws, json!({}));
        assert_eq!(describe_endpoint(&mut aws, 8.0)["ProductionVariants"][0]["CurrentInstanceCount"], 1);
    }

    #[test]
    fn describing_filters_by_id_and_by_dimension_only_with_ids() {
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
