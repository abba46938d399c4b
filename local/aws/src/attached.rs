//! What is attached to scalable targets, as far as scaling policies and scheduled actions are alike. They are kept, and
//! scale nothing.

use serde_json::{Map, Value, json};

use crate::input::{Input, Pages};
use crate::scalable_targets::{Dimension, Target, TargetId, check_namespace};
use crate::{Answer, Fault, LocalAws, scaling_policies, scheduled_actions};

/// A scaling policy or a scheduled action.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    pub(crate) given: Map<String, Value>,
    arn: String,
    created: f64,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Action,
    Policy,
}

impl LocalAws {
    /// Attaches, or changes what is attached, and returns its ARN.
    ///
    /// "To update a scheduled action, specify the parameters that you want to change. If you don't specify start and end
    /// times, the old values are deleted." Believed: policies keep what is left out likewise; and what is given replaces
    /// the whole of a configuration or of an action.
    pub(crate) fn put(&mut self, kind: Kind, input: Input<'_>, now: f64) -> Result<String, Fault> {
        let form = kind.form();
        let shape = match kind {
            Kind::Action => &scheduled_actions::REQUEST,
            Kind::Policy => &scaling_policies::REQUEST,
        };
        let read = shape.read(&input.0.clone().into())?;
        shape.check("", &read)?;
        let input = Input::new(&read)?;
        let id = TargetId::read(input)?;
        let name = input.text(form.name)?;
        let key = (kind, name.to_owned());
        // https://github.com/ansible/ansible/pull/35632 quotes the text's beginning.
        let target = self.targets.get(&id).ok_or_else(|| id.not_found("No scalable target registered"))?;
        let stored = target.attached.get(&key);
        let mut given = stored.map_or_else(Map::new, |stored| stored.given.clone());
        given.retain(|member, _| member != "StartTime" && member != "EndTime");
        // PolicyType may change:
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalingpolicy.html
        if input.get("PolicyType").is_some_and(|kind| given.get("PolicyType").is_some_and(|had| had != kind)) {
            given.retain(|member, _| !member.ends_with("Configuration"));
        }
        given.extend(input.0.clone());
        match kind {
            Kind::Action => scheduled_actions::check(Input(&given))?,
            Kind::Policy => scaling_policies::check(&id, target, Input(&given))?,
        }
        let attached = if let Some(stored) = stored {
            Attached { given, ..stored.clone() }
        } else {
            check_quota(kind, target)?;
            // The API reference's examples show this form.
            let Form { arn_type, arn_name, .. } = form;
            let uuid = format!("00000000-0000-4000-8000-{:012x}", self.next_id());
            let resource = format!("{arn_type}:{uuid}:resource/sagemaker/{}:{arn_name}/{name}", id.resource);
            Attached { given, arn: self.arn("autoscaling", &resource), created: now }
        };
        let arn = attached.arn.clone();
        if let Some(target) = self.targets.get_mut(&id) {
            target.attached.insert(key, attached);
        }
        Ok(arn)
    }

    pub(crate) fn delete(&mut self, kind: Kind, input: Input<'_>) -> Answer {
        let id = TargetId::read(input)?;
        let key = (kind, input.text(kind.form().name)?.to_owned());
        let removed = self.targets.get_mut(&id).and_then(|target| target.attached.remove(&key));
        // Believed: the text.
        removed.map(|_| json!({})).ok_or_else(|| id.not_found(kind.form().missing))
    }

    pub(crate) fn describe(&self, kind: Kind, input: Input<'_>) -> Answer {
        let form = kind.form();
        check_namespace(input)?;
        let names = input.texts(form.names)?;
        let resource_id = input.optional_text("ResourceId")?;
        let dimension = Dimension::read(input)?;
        if dimension.is_some() && resource_id.is_none() {
            return Err(Fault::validation("If you specify a scalable dimension, you must also specify a resource ID"));
        }
        let mut items = Vec::new();
        for (id, target) in &self.targets {
            if resource_id.is_some_and(|asked_for| asked_for != id.resource.to_string())
                || dimension.is_some_and(|asked_for| asked_for != id.dimension)
            {
                continue;
            }
            for ((_, name), attached) in target.attached.iter().filter(|((other, _), _)| *other == kind) {
                if names.as_ref().is_none_or(|names| names.contains(&name.as_str())) {
                    let mut item = attached.given.clone();
                    item.insert(form.arn.to_owned(), json!(attached.arn));
                    item.insert("CreationTime".to_owned(), json!(attached.created));
                    items.push((format!("{id}|{name}"), item.into()));
                }
            }
        }
        Pages { list: form.list, most: form.per_page, invalid_token: "InvalidNextTokenException" }.answer(input, items)
    }
}

/// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html>
fn check_quota(kind: Kind, target: &Target) -> Result<(), Fault> {
    let Form { most, arn_type, .. } = kind.form();
    if target.attached.keys().filter(|(other, _)| *other == kind).count() < most {
        return Ok(());
    }
    // Believed: the text.
    let message = format!("A scalable target can have at most {most} of type {arn_type}");
    Err(Fault::new("LimitExceededException", message))
}

/// How the two differ on the wire.
struct Form {
    list: &'static str,
    names: &'static str,
    name: &'static str,
    arn: &'static str,
    arn_type: &'static str,
    arn_name: &'static str,
    missing: &'static str,
    most: usize,
    per_page: i64,
}

impl Kind {
    const fn form(self) -> Form {
        match self {
            Self::Action => Form {
                list: "ScheduledActions",
                names: "ScheduledActionNames",
                name: "ScheduledActionName",
                arn: "ScheduledActionARN",
                arn_type: "scheduledAction",
                arn_name: "scheduledActionName",
                missing: "No scheduled action found",
                most: 200,
                per_page: 50,
            },
            Self::Policy => Form {
                list: "ScalingPolicies",
                names: "PolicyNames",
                name: "PolicyName",
                arn: "PolicyARN",
                arn_type: "scalingPolicy",
                arn_name: "policyName",
                missing: "No scaling policy found",
                most: 50,
                per_page: 10,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ID, INSTANCES, action, policy, register, scaling, with_endpoint, with_target};

    fn policies(aws: &mut LocalAws) -> Value {
        scaling(aws, "DescribeScalingPolicies", json!({})).expect("describes")["ScalingPolicies"].take()
    }

    fn actions(aws: &mut LocalAws) -> Value {
        scaling(aws, "DescribeScheduledActions", json!({})).expect("describes")["ScheduledActions"].take()
    }

    #[test]
    fn without_a_target_nothing_can_be_attached() {
        let mut aws = with_endpoint();
        for (operation, input) in [("PutScalingPolicy", policy("p")), ("PutScheduledAction", action("a"))] {
            let fault = scaling(&mut aws, operation, input).unwrap_err();
            assert_eq!(fault.code, "ObjectNotFoundException");
            assert!(fault.message.starts_with("No scalable target registered for service namespace: sagemaker"));
        }
    }

    #[test]
    fn deregistering_takes_policies_and_actions_along() {
        let mut aws = with_target();
        scaling(&mut aws, "PutScalingPolicy", policy("p")).expect("puts");
        scaling(&mut aws, "PutScheduledAction", action("a")).expect("puts");
        assert_eq!(policies(&mut aws)[0]["PolicyName"], "p");
        assert_eq!(actions(&mut aws)[0]["ScheduledActionName"], "a");

        scaling(&mut aws, "DeregisterScalableTarget", json!({})).expect("it is registered");
        register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 }));
        assert_eq!((policies(&mut aws), actions(&mut aws)), (json!([]), json!([])));
    }

    #[test]
    fn a_policy_that_is_put_again_keeps_its_arn_and_what_is_left_out() {
        let mut aws = with_target();
        let first = scaling(&mut aws, "PutScalingPolicy", policy("p")).expect("puts");
        let again = scaling(&mut aws, "PutScalingPolicy", json!({ "PolicyName": "p" })).expect("puts again");
        assert_eq!(first, again);
        let described = policies(&mut aws)[0].take();
        let configuration = &policy("p")["StepScalingPolicyConfiguration"];
        assert_eq!(&described["StepScalingPolicyConfiguration"], configuration);
        assert_eq!((&described["PolicyARN"], &described["CreationTime"]), (&first["PolicyARN"], &json!(7.0)));
    }

    #[test]
    fn an_action_that_is_put_again_loses_the_times_that_are_left_out() {
        let mut aws = with_target();
        let mut full = action("a");
        (full["StartTime"], full["EndTime"]) = (json!(1), json!(2));
        scaling(&mut aws, "PutScheduledAction", full).expect("puts");
        scaling(&mut aws, "PutScheduledAction", json!({ "ScheduledActionName": "a", "EndTime": 3 })).expect("puts");
        let action = actions(&mut aws)[0].take();
        assert_eq!((&action["Schedule"], &action["EndTime"]), (&json!("rate(1 day)"), &json!(3)));
        assert_eq!(action.get("StartTime"), None);
    }

    #[test]
    fn names_and_targets_can_be_asked_for() {
        let mut aws = with_target();
        let component = json!({ "InferenceComponentName": "llm", "EndpointName": "Prod", "VariantName": "blue" });
        aws.call("SageMaker.CreateInferenceComponent", &component, 0.0).expect("the endpoint exists");
        let llm = json!({
            "ResourceId": "inference-component/llm",
            "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
        });
        let on_llm = |mut input: Value| {
            input.as_object_mut().expect("an object").extend(llm.as_object().expect("an object").clone());
            input
        };
        register(&mut aws, on_llm(json!({ "MinCapacity": 0, "MaxCapacity": 1 })));
        for input in [policy("p"), policy("q"), on_llm(policy("p"))] {
            scaling(&mut aws, "PutScalingPolicy", input).expect("puts");
        }
        let mut found = |mut input: Value| {
            input["ServiceNamespace"] = json!("sagemaker");
            let described = aws.call("AnyScaleFrontendService.DescribeScalingPolicies", &input, 7.0)?;
            Ok(described["ScalingPolicies"].as_array().map_or(0, Vec::len))
        };
        for (input, count) in [
            (json!({}), 3),
            (json!({ "PolicyNames": ["p"] }), 2),
            (on_llm(json!({})), 1),
            (json!({ "ResourceId": ID }), 2),
            (json!({ "ResourceId": ID, "ScalableDimension": INSTANCES, "PolicyNames": ["q", "r"] }), 1),
            (json!({ "ResourceId": ID, "ScalableDimension": llm["ScalableDimension"] }), 0),
        ] {
            assert_eq!(found(input.clone()), Ok(count), "{input}");
        }
        let without_resource: Result<usize, Fault> = found(json!({ "ScalableDimension": INSTANCES }));
        assert_eq!(without_resource.unwrap_err().code, "ValidationException");
    }

    #[test]
    fn what_is_deleted_is_gone_and_deleting_it_again_is_object_not_found() {
        let mut aws = with_target();
        scaling(&mut aws, "PutScalingPolicy", policy("p")).expect("puts");
        scaling(&mut aws, "DeleteScalingPolicy", json!({ "PolicyName": "p" })).expect("it is there");
        let fault = scaling(&mut aws, "DeleteScalingPolicy", json!({ "PolicyName": "p" })).unwrap_err();
        assert_eq!(fault.code, "ObjectNotFoundException");
        let fault = scaling(&mut aws, "DeleteScheduledAction", json!({ "ScheduledActionName": "a" })).unwrap_err();
        assert_eq!(fault.code, "ObjectNotFoundException");
    }

    #[test]
    fn fifty_policies_are_the_most_and_come_ten_to_a_page() {
        let mut aws = with_target();
        let mut put = |n| scaling(&mut aws, "PutScalingPolicy", policy(&format!("p{n}"))).map_err(|fault| fault.code);
        for n in 0..50 {
            put(n).expect("fifty are allowed");
        }
        assert_eq!(put(50).unwrap_err(), "LimitExceededException");
        put(0).expect("it is there already");
        assert_eq!(policies(&mut aws).as_array().expect("a list").len(), 10);
    }
}
