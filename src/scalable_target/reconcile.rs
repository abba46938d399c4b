//! Decides what changes between the previous template, the new one, and a snapshot.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::{AttachmentKey, Endpoint, EndpointName, ScalableTargetId, Tags, TargetSpec, keys_from_stack};
use crate::properties::{Declared, Desired};
use crate::snapshot::Snapshot;

/// The attachments to delete before the new ones are put: those that left the template, and policies whose metric
/// another policy tracks now, because the service takes one policy for each metric.
///
/// Attachments that others put are in neither template, and stay. So do those of another target that the previous template
/// declared.
pub(super) fn no_longer_declared(target: &ScalableTargetId, now: &Declared, previous: &Declared) -> Vec<AttachmentKey> {
    if !previous.target.as_ref().is_some_and(|declared| declared.is_same(target)) {
        return Vec::new();
    }
    let stays = |key: &AttachmentKey, metric: &Option<Value>| {
        let mut others = now.attachments.iter().filter(|(other, _)| *other != key);
        now.attachments.contains_key(key) && (metric.is_none() || others.all(|(_, other)| other != metric))
    };
    let to_delete = previous.attachments.iter().filter(|(key, metric)| !stays(key, metric));
    to_delete.map(|(key, _)| key.clone()).collect()
}

/// One description: all that the template declares, and what others had put on the target when the snapshot was taken.
pub(super) fn merged(
    desired: &Desired,
    snapshot: &Snapshot,
    to_delete: &[AttachmentKey],
    previous: &Declared,
) -> TargetSpec {
    let from_stack: BTreeSet<_> = keys_from_stack(&snapshot.spec.tags).collect();
    let mut tags: Tags = snapshot.spec.tags.clone();
    tags.retain(|key, _| !previous.tags.contains_key(key) && !from_stack.contains(key));
    tags.extend(desired.spec.tags.clone());
    let spec = TargetSpec { tags, ..desired.spec.clone() };
    let to_delete: BTreeSet<_> = to_delete.iter().collect();
    spec.with_attachments_of(&snapshot.spec, |key| !to_delete.contains(key))
}

/// The target of an Update, in the spelling of the given physical id if that differs only in letter case.
pub(super) fn continued_id(given: Option<&ScalableTargetId>, declared: &ScalableTargetId) -> ScalableTargetId {
    given.filter(|given| given.is_same(declared)).unwrap_or(declared).clone()
}

/// The target in the spelling of its endpoint, if it has another one. CloudWatch's metrics carry the endpoint's spelling, and
/// SageMaker writes ARNs in lower case.
pub(super) fn respelled(target: &ScalableTargetId, endpoint: &Endpoint) -> Option<ScalableTargetId> {
    let ScalableTargetId::Variant { endpoint: name, variant, dimension } = target else { return None };
    let own: EndpointName = endpoint.name.parse().ok()?;
    let differs = own != *name && own.as_str().eq_ignore_ascii_case(name.as_str());
    differs.then(|| ScalableTargetId::Variant { endpoint: own, variant: variant.clone(), dimension: *dimension })
}

/// The target that an Update registered although its answer never reached CloudFormation. The previous properties declare
/// it, but CloudFormation knows the resource by another id, so it never sends a Delete for this target.
pub(super) fn unreported_target<'a>(
    given: Option<&ScalableTargetId>,
    wanted: &ScalableTargetId,
    previous: Option<&'a ScalableTargetId>,
) -> Option<&'a ScalableTargetId> {
    previous.filter(|previous| !previous.is_same(wanted) && !given.is_some_and(|given| previous.is_same(given)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::AttachmentKind;

    fn target(endpoint: &str) -> ScalableTargetId {
        format!("endpoint/{endpoint}/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker").parse().unwrap()
    }

    #[test]
    fn an_update_keeps_the_given_id_unless_it_names_another_target() {
        assert_eq!(continued_id(Some(&target("Prod")), &target("prod")), target("Prod"));
        assert_eq!(continued_id(Some(&target("prod")), &target("next")), target("next"));
        assert_eq!(continued_id(None, &target("prod")), target("prod"));
    }

    #[test]
    fn a_plain_replacement_leaves_no_unreported_target() {
        // CloudFormation knows the previous target by the given id, and deletes it.
        assert_eq!(unreported_target(Some(&target("old")), &target("new"), Some(&target("OLD"))), None);
        assert_eq!(unreported_target(Some(&target("same")), &target("same"), Some(&target("same"))), None);
        assert_eq!(unreported_target(Some(&target("same")), &target("same"), None), None);
    }

    #[test]
    fn rolling_back_a_failed_replacement_leaves_an_unreported_target() {
        let new = target("new");
        assert_eq!(unreported_target(Some(&target("old")), &target("old"), Some(&new)), Some(&new));
        assert_eq!(unreported_target(None, &target("b"), Some(&target("a"))), Some(&target("a")));
    }

    fn policy(name: &str) -> AttachmentKey {
        (AttachmentKind::ScalingPolicy, name.to_owned())
    }

    fn declared(endpoint: &str, policies: serde_json::Value, actions: &[&str]) -> Declared {
        let actions = actions.iter().map(|name| json!({"ScheduledActionName": name})).collect::<Vec<_>>();
        Declared::read(&json!({
            "EndpointName": endpoint, "VariantName": "blue", "ScalingPolicies": policies, "ScheduledActions": actions,
        }))
    }

    fn step(name: &str) -> serde_json::Value {
        json!({"PolicyName": name, "PolicyType": "StepScaling"})
    }

    fn tracking(name: &str, metric: &str) -> serde_json::Value {
        let configuration = json!({"PredefinedMetricSpecification": metric});
        let mut policy = json!({"PolicyName": name, "PolicyType": "TargetTrackingScaling"});
        policy["TargetTrackingScalingPolicyConfiguration"] = configuration;
        policy
    }

    #[test]
    fn attachments_that_left_the_template_are_deleted() {
        let now = declared("prod", json!([step("kept"), step("retyped"), step("new")]), &["kept"]);
        let had = json!([step("gone"), step("kept"), tracking("retyped", "m")]);
        let gone = [policy("gone"), (AttachmentKind::ScheduledAction, "gone".to_owned())];
        assert_eq!(no_longer_declared(&target("prod"), &now, &declared("Prod", had.clone(), &["gone", "kept"])), gone);
        // These names belonged to another target.
        let elsewhere = declared("other", had, &["gone"]);
        assert_eq!(no_longer_declared(&target("prod"), &now, &elsewhere), []);
        assert_eq!(no_longer_declared(&target("prod"), &now, &Declared::default()), []);
    }

    #[test]
    fn a_policy_whose_metric_another_one_tracks_now_is_deleted_first() {
        let before = declared("prod", json!([tracking("a", "m"), tracking("b", "n"), tracking("c", "o")]), &[]);
        let exchanged = declared("prod", json!([tracking("a", "n"), tracking("b", "m"), tracking("c", "o")]), &[]);
        assert_eq!(no_longer_declared(&target("prod"), &exchanged, &before), [policy("a"), policy("b")]);
        let taken = declared("prod", json!([tracking("a", "n"), tracking("b", "p"), tracking("c", "x")]), &[]);
        assert_eq!(no_longer_declared(&target("prod"), &taken, &before), [policy("b")]);
        assert_eq!(no_longer_declared(&target("prod"), &before, &before), []);
    }
}
