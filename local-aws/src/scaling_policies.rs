//! What is attached to scalable targets: scaling policies and scheduled actions. They are kept, and scale nothing.
//!
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html> and
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>

use serde_json::{Map, Value, json};

use crate::input::{Input, Pages};
use crate::scalable_targets::{Dimension, TargetId, check_namespace};
use crate::{Answer, Fault, LocalAws};

/// A scaling policy or a scheduled action.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    arn: String,
    created: f64,
    given: Map<String, Value>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Action,
    Policy,
}

impl LocalAws {
    /// `Alarms` are left empty here; AWS lists the two that it makes for a target-tracking policy.
    pub(crate) fn put_scaling_policy(&mut self, input: Input<'_>, now: f64) -> Answer {
        Ok(json!({ "PolicyARN": self.put(Kind::Policy, input, now)?, "Alarms": [] }))
    }

    pub(crate) fn put_scheduled_action(&mut self, input: Input<'_>, now: f64) -> Answer {
        self.put(Kind::Action, input, now).map(|_| json!({}))
    }

    pub(crate) fn delete_scaling_policy(&mut self, input: Input<'_>) -> Answer {
        self.delete(Kind::Policy, input)
    }

    pub(crate) fn delete_scheduled_action(&mut self, input: Input<'_>) -> Answer {
        self.delete(Kind::Action, input)
    }

    pub(crate) fn describe_scaling_policies(&self, input: Input<'_>) -> Answer {
        self.describe(Kind::Policy, input)
    }

    pub(crate) fn describe_scheduled_actions(&self, input: Input<'_>) -> Answer {
        self.describe(Kind::Action, input)
    }

    /// Attaches, or changes what is attached, and returns its ARN.
    ///
    /// "To update a scheduled action, specify the parameters that you want to change. If you don't specify start and end
    /// times, the old values are deleted." Believed: policies keep what is left out likewise.
    fn put(&mut self, kind: Kind, input: Input<'_>, now: f64) -> Result<String, Fault> {
        let form = kind.form();
        let id = TargetId::read(input)?;
        let name = input.text(form.name)?;
        let key = (kind, name.to_owned());
        // https://github.com/ansible/ansible/pull/35632 quotes the text's beginning.
        let target = self.targets.get(&id).ok_or_else(|| id.not_found("No scalable target registered"))?;
        let mut attached = if let Some(stored) = target.attached.get(&key) {
            stored.clone()
        } else {
            input.text(form.needed_at_creation)?;
            // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html
            // Believed: the text.
            if target.attached.keys().filter(|(other, _)| *other == kind).count() == form.most {
                let message = format!("A scalable target can have at most {} of type {}", form.most, form.arn_type);
                return Err(Fault::new("LimitExceededException", message));
            }
            // The API reference's examples show this form.
            let Form { arn_type, arn_name, .. } = form;
            let uuid = format!("00000000-0000-4000-8000-{:012x}", self.next_id());
            let resource = format!("{arn_type}:{uuid}:resource/sagemaker/{}:{arn_name}/{name}", id.resource);
            Attached { arn: self.arn("autoscaling", &resource), created: now, given: Map::new() }
        };
        attached.given.retain(|member, _| member != "StartTime" && member != "EndTime");
        let given = input.0.iter().filter(|(_, value)| !value.is_null());
        attached.given.extend(given.map(|(member, value)| (member.clone(), value.clone())));
        let arn = attached.arn.clone();
        if let Some(target) = self.targets.get_mut(&id) {
            target.attached.insert(key, attached);
        }
        Ok(arn)
    }

    fn delete(&mut self, kind: Kind, input: Input<'_>) -> Answer {
        let id = TargetId::read(input)?;
        let key = (kind, input.text(kind.form().name)?.to_owned());
        let removed = self.targets.get_mut(&id).and_then(|target| target.attached.remove(&key));
        // Believed: the text.
        removed.map(|_| json!({})).ok_or_else(|| id.not_found(kind.form().missing))
    }

    fn describe(&self, kind: Kind, input: Input<'_>) -> Answer {
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

/// How the two differ on the wire.
struct Form {
    list: &'static str,
    names: &'static str,
    name: &'static str,
    arn: &'static str,
    arn_type: &'static str,
    arn_name: &'static str,
    missing: &'static str,
    needed_at_creation: &'static str,
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
                needed_at_creation: "Schedule",
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
                needed_at_creation: "PolicyType",
                most: 50,
                per_page: 10,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{register, scaling, with_endpoint};

    fn with_target() -> LocalAws {
        let mut aws = with_endpoint();
        register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 }));
        aws
    }

    fn policies(aws: &mut LocalAws) -> Value {
        scaling(aws, "DescribeScalingPolicies", json!({})).expect("describes")["ScalingPolicies"].take()
    }

    fn actions(aws: &mut LocalAws) -> Value {
        scaling(aws, "DescribeScheduledActions", json!({})).expect("describes")["ScheduledActions"].take()
    }

    #[test]
    fn without_a_target_nothing_can_be_attached() {
        let mut aws = with_endpoint();
        let policy = json!({ "PolicyName": "p", "PolicyType": "StepScaling" });
        let action = json!({ "ScheduledActionName": "a", "Schedule": "rate(1 day)" });
        for (operation, input) in [("PutScalingPolicy", policy), ("PutScheduledAction", action)] {
            let fault = scaling(&mut aws, operation, input).unwrap_err();
            assert_eq!(fault.code, "ObjectNotFoundException");
            assert!(fault.message.starts_with("No scalable target registered for service namespace: sagemaker"));
        }
    }

    #[test]
    fn deregistering_takes_policies_and_actions_along() {
        let mut aws = with_target();
        scaling(&mut aws, "PutScalingPolicy", json!({ "PolicyName": "p", "PolicyType": "StepScaling" })).expect("puts");
        let action = json!({ "ScheduledActionName": "a", "Schedule": "rate(1 day)" });
        scaling(&mut aws, "PutScheduledAction", action).expect("puts");
        assert_eq!(policies(&mut aws)[0]["PolicyName"], "p");
        assert_eq!(actions(&mut aws)[0]["ScheduledActionName"], "a");

        scaling(&mut aws, "DeregisterScalableTarget", json!({})).expect("it is registered");
        register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 }));
        assert_eq!((policies(&mut aws), actions(&mut aws)), (json!([]), json!([])));
    }

    #[test]
    fn a_policy_that_is_put_again_keeps_its_arn_and_what_is_left_out() {
        let mut aws = with_target();
        let configuration = json!({ "TargetValue": 70.0 });
        let input = json!({
            "PolicyName": "p",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": configuration,
        });
        let first = scaling(&mut aws, "PutScalingPolicy", input).expect("puts");
        let again = scaling(&mut aws, "PutScalingPolicy", json!({ "PolicyName": "p" })).expect("puts again");
        assert_eq!(first, again);
        let policy = policies(&mut aws)[0].take();
        assert_eq!(policy["TargetTrackingScalingPolicyConfiguration"], configuration);
        assert_eq!((&policy["PolicyARN"], &policy["CreationTime"]), (&first["PolicyARN"], &json!(7.0)));
    }

    #[test]
    fn an_action_that_is_put_again_loses_the_times_that_are_left_out() {
        let mut aws = with_target();
        let action = json!({ "ScheduledActionName": "a", "Schedule": "rate(1 day)", "StartTime": 1, "EndTime": 2 });
        scaling(&mut aws, "PutScheduledAction", action).expect("puts");
        scaling(&mut aws, "PutScheduledAction", json!({ "ScheduledActionName": "a", "EndTime": 3 })).expect("puts");
        let action = actions(&mut aws)[0].take();
        assert_eq!((&action["Schedule"], &action["EndTime"]), (&json!("rate(1 day)"), &json!(3)));
        assert_eq!(action.get("StartTime"), None);
    }

    #[test]
    fn what_is_deleted_is_gone_and_deleting_it_again_is_object_not_found() {
        let mut aws = with_target();
        scaling(&mut aws, "PutScalingPolicy", json!({ "PolicyName": "p", "PolicyType": "StepScaling" })).expect("puts");
        scaling(&mut aws, "DeleteScalingPolicy", json!({ "PolicyName": "p" })).expect("it is there");
        let fault = scaling(&mut aws, "DeleteScalingPolicy", json!({ "PolicyName": "p" })).unwrap_err();
        assert_eq!(fault.code, "ObjectNotFoundException");
        let fault = scaling(&mut aws, "DeleteScheduledAction", json!({ "ScheduledActionName": "a" })).unwrap_err();
        assert_eq!(fault.code, "ObjectNotFoundException");
    }

    #[test]
    fn fifty_policies_are_the_most_and_come_ten_to_a_page() {
        let mut aws = with_target();
        let mut put = |n| {
            let input = json!({ "PolicyName": format!("p{n}"), "PolicyType": "StepScaling" });
            scaling(&mut aws, "PutScalingPolicy", input).map_err(|fault| fault.code)
        };
        for n in 0..50 {
            put(n).expect("fifty are allowed");
        }
        assert_eq!(put(50).unwrap_err(), "LimitExceededException");
        put(0).expect("it is there already");
        assert_eq!(policies(&mut aws).as_array().expect("a list").len(), 10);
    }
}
