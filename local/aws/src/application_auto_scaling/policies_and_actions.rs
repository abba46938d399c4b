//! Putting, deleting and describing, which are the same for scaling policies and scheduled actions. Neither has an
//! effect in this model: it only stores them.

use serde_json::{Map, json};

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::Input;
use crate::protocol::member_types::MemberType;
use crate::protocol::pagination::Pages;
use crate::state::LocalAws;
use crate::state::scalable_target::{Attachment, AttachmentKind, Target, TargetFilter, TargetId};

/// What differs between scaling policies and scheduled actions.
pub(crate) struct AttachmentType {
    pub(crate) kind: AttachmentKind,
    /// The type of the input of the put operation.
    pub(crate) request: MemberType,
    /// Rejects an attachment, merged with its stored members, that is incomplete or does not suit the target.
    pub(crate) check: fn(&TargetId, &Target, Input<'_>) -> Result<(), Fault>,
    /// The member of the describe operation's output that lists the items.
    pub(crate) list: &'static str,
    /// The member of the describe operation's input that filters by names.
    pub(crate) names: &'static str,
    pub(crate) name: &'static str,
    pub(crate) arn: &'static str,
    pub(crate) arn_type: &'static str,
    pub(crate) arn_name: &'static str,
    pub(crate) not_found: &'static str,
    pub(crate) max_results: i64,
    /// How many a target can have:
    /// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html>
    pub(crate) quota: usize,
}

impl LocalAws {
    /// Creates or updates an attachment, and returns its ARN.
    ///
    /// "To update a scheduled action, specify the parameters that you want to change. If you don't specify start and end times,
    /// the old values are deleted." Assumed (beliefs time-zone-kept, put-replaces): a policy keeps omitted members likewise; a
    /// given configuration or action replaces the stored one as a whole.
    pub(crate) fn put_attachment(
        &mut self,
        attachment_type: &AttachmentType,
        input: Input<'_>,
        now: f64,
    ) -> Result<String, Fault> {
        let AttachmentType { kind, request, check, name: name_member, arn_type, arn_name, .. } = attachment_type;
        let read = request.read(&input.0.clone().into())?;
        request.check("", &read)?;
        let input = Input::new(&read)?;
        let id = TargetId::read(input)?;
        let name = input.text(name_member)?;
        let key = (*kind, name.to_owned());
        // https://github.com/ansible/ansible/pull/35632 quotes the beginning of the text. Assumed (belief policy-without-target): it
        // is the same for an action.
        let target = self.targets.get(&id).ok_or_else(|| id.not_found("No scalable target registered"))?;
        let stored = target.attachments.get(&key);
        let mut given = stored.map_or_else(Map::new, |stored| stored.given.clone());
        given.retain(|member, _| member != "StartTime" && member != "EndTime");
        // PolicyType may change:
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalingpolicy.html
        if input.get("PolicyType").is_some_and(|kind| given.get("PolicyType").is_some_and(|had| had != kind)) {
            given.retain(|member, _| !member.ends_with("Configuration"));
        }
        given.extend(input.0.clone());
        check(&id, target, Input(&given))?;
        let attachment = if let Some(stored) = stored {
            Attachment { given, ..stored.clone() }
        } else {
            check_quota(attachment_type, target)?;
            // The examples in the API reference have ARNs of this form.
            let uuid = format!("00000000-0000-4000-8000-{:012x}", self.next_id());
            let resource = format!("{arn_type}:{uuid}:resource/sagemaker/{}:{arn_name}/{name}", id.resource);
            Attachment { given, arn: self.arn("autoscaling", &resource), created: now }
        };
        let arn = attachment.arn.clone();
        if let Some(target) = self.targets.get_mut(&id) {
            target.attachments.insert(key, attachment);
        }
        Ok(arn)
    }

    pub(crate) fn delete_attachment(&mut self, attachment_type: &AttachmentType, input: Input<'_>) -> OperationResult {
        let id = TargetId::read(input)?;
        let key = (attachment_type.kind, input.text(attachment_type.name)?.to_owned());
        let removed = self.targets.get_mut(&id).and_then(|target| target.attachments.remove(&key));
        // Assumed (belief error-texts): the text.
        removed.map(|_| json!({})).ok_or_else(|| id.not_found(attachment_type.not_found))
    }

    pub(crate) fn describe_attachments(&self, attachment_type: &AttachmentType, input: Input<'_>) -> OperationResult {
        let AttachmentType { kind, list, names, arn, max_results, .. } = attachment_type;
        let filter = TargetFilter::read(input)?;
        let names = input.texts(names)?;
        let mut items = Vec::new();
        for (id, target) in self.targets.iter().filter(|(id, _)| filter.matches(id)) {
            for ((_, name), attachment) in target.attachments.iter().filter(|((other, _), _)| other == kind) {
                if names.as_ref().is_none_or(|names| names.contains(&name.as_str())) {
                    let mut item = attachment.given.clone();
                    item.insert((*arn).to_owned(), json!(attachment.arn));
                    item.insert("CreationTime".to_owned(), json!(attachment.created));
                    items.push((format!("{id}|{name}"), item.into()));
                }
            }
        }
        Pages { list, max_results: *max_results, invalid_token: "InvalidNextTokenException" }.page(input, items)
    }
}

fn check_quota(attachment_type: &AttachmentType, target: &Target) -> Result<(), Fault> {
    let AttachmentType { kind, quota, arn_type, .. } = attachment_type;
    if target.attachments.keys().filter(|(other, _)| other == kind).count() < *quota {
        return Ok(());
    }
    // Assumed (beliefs limit-exceeded, error-texts): the text.
    let message = format!("A scalable target can have at most {quota} of type {arn_type}");
    Err(Fault::new("LimitExceededException", message))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{ID, INSTANCES, action, policy, register, scaling, with_endpoint, with_target};

    fn policies(aws: &mut LocalAws) -> Value {
        scaling(aws, "DescribeScalingPolicies", json!({})).expect("describes")["ScalingPolicies"].take()
    }

    fn actions(aws: &mut LocalAws) -> Value {
        scaling(aws, "DescribeScheduledActions", json!({})).expect("describes")["ScheduledActions"].take()
    }

    #[test]
    fn a_policy_and_an_action_need_a_registered_target() {
        let mut aws = with_endpoint();
        for (operation, input) in [("PutScalingPolicy", policy("p")), ("PutScheduledAction", action("a"))] {
            let fault = scaling(&mut aws, operation, input).unwrap_err();
            assert_eq!(fault.code, "ObjectNotFoundException");
            assert!(fault.message.starts_with("No scalable target registered for service namespace: sagemaker"));
        }
    }

    #[test]
    fn deregistering_a_target_deletes_its_policies_and_actions() {
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
    fn an_updated_policy_keeps_its_arn_and_omitted_members() {
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
    fn an_updated_action_loses_omitted_times() {
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
    fn describing_filters_by_names_and_targets() {
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
    fn deleting_a_missing_policy_or_action_is_object_not_found() {
        let mut aws = with_target();
        scaling(&mut aws, "PutScalingPolicy", policy("p")).expect("puts");
        scaling(&mut aws, "DeleteScalingPolicy", json!({ "PolicyName": "p" })).expect("it is there");
        let fault = scaling(&mut aws, "DeleteScalingPolicy", json!({ "PolicyName": "p" })).unwrap_err();
        assert_eq!(fault.code, "ObjectNotFoundException");
        let fault = scaling(&mut aws, "DeleteScheduledAction", json!({ "ScheduledActionName": "a" })).unwrap_err();
        assert_eq!(fault.code, "ObjectNotFoundException");
    }

    #[test]
    fn a_whole_namespace_is_described_in_pages() {
        let mut aws = with_endpoint();
        for n in 0..60 {
            let name = format!("llm{n:02}");
            let component = json!({ "InferenceComponentName": name, "EndpointName": "Prod", "VariantName": "blue" });
            aws.call("SageMaker.CreateInferenceComponent", &component, 0.0).expect("creates");
            let id = json!({
                "ResourceId": format!("inference-component/{name}"),
                "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
            });
            for (operation, mut input) in [
                ("RegisterScalableTarget", json!({ "MinCapacity": 1, "MaxCapacity": 2 })),
                ("PutScalingPolicy", policy("p")),
                ("PutScheduledAction", action("a")),
            ] {
                input.as_object_mut().expect("an object").extend(id.as_object().expect("an object").clone());
                scaling(&mut aws, operation, input).expect("registers or puts");
            }
        }
        for (what, page_size) in [("ScalableTargets", 50), ("ScalingPolicies", 10), ("ScheduledActions", 50)] {
            let mut input = json!({ "ServiceNamespace": "sagemaker" });
            let mut seen = Vec::new();
            loop {
                let operation = format!("AnyScaleFrontendService.Describe{what}");
                let page = aws.call(&operation, &input, 7.0).expect("describes");
                let items = page[what].as_array().expect("a list");
                assert_eq!(items.len(), page_size.min(60 - seen.len()), "{what}");
                seen.extend(items.iter().map(|item| item["ResourceId"].to_string()));
                input["NextToken"] = match page.get("NextToken") {
                    Some(token) => token.clone(),
                    None => break,
                };
            }
            seen.dedup();
            assert_eq!(seen.len(), 60, "{what}");
            let too_large = json!({ "ServiceNamespace": "sagemaker", "MaxResults": page_size + 1 });
            aws.call(&format!("AnyScaleFrontendService.Describe{what}"), &too_large, 7.0).unwrap_err();
        }
    }

    #[test]
    fn a_target_can_have_fifty_policies_and_a_page_has_ten() {
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
