//! The rules: what to do, from what is wanted and what AWS shows. No clock, no SDK, no I/O.

use std::collections::BTreeSet;

use serde_json::Value;
use thiserror::Error;

use super::properties::{Desired, Named};
use crate::aws::{Endpoint, InferenceComponent, Registered};
use crate::id::{EndpointName, InferenceComponentName, ScalableTargetId, VariantName};
use crate::owner::{Holder, OWNER_TAGS, Owner, RETURNING_TAG, Tags};

/// Why the rules say no. Nothing was changed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// Only what can scale to zero may have 0 as its minimum.
    #[error("MinCapacity: expected at least 1, found 0: endpoint {0} is not asynchronous, and cannot scale to zero")]
    CannotScaleToZero(EndpointName),
    /// The inference component is in a state that it does not leave by itself.
    #[error(
        "InferenceComponentName: inference component {name} is {status}{}; expected one that is InService",
        because(.reason)
    )]
    ComponentBroken {
        /// The inference component.
        name: InferenceComponentName,
        /// Its `InferenceComponentStatus`.
        status: String,
        /// Its `FailureReason`.
        reason: Option<String>,
    },
    /// There is no such inference component.
    #[error("InferenceComponentName: there is no inference component {0} in this account and Region")]
    ComponentMissing(InferenceComponentName),
    /// The endpoint is in a state that it does not leave by itself.
    #[error("EndpointName: endpoint {name} is {status}{}; expected one that is InService", because(.reason))]
    EndpointBroken {
        /// The endpoint.
        name: EndpointName,
        /// Its `EndpointStatus`.
        status: String,
        /// Its `FailureReason`.
        reason: Option<String>,
    },
    /// There is no such endpoint.
    #[error("EndpointName: there is no endpoint {0} in this account and Region")]
    EndpointMissing(EndpointName),
    /// Somebody else's stack holds the target.
    #[error("{target} is registered by {holder}; remove it there first, or deregister it by hand. Nothing was changed")]
    HeldByAnother {
        /// The target.
        target: String,
        /// Who holds it.
        holder: Owner,
    },
    /// Nobody's stack holds the target, but it is registered.
    #[error(
        "{0} is registered already, by no stack of this function; set AdoptExisting to true to take it over, or deregister it. Nothing was changed"
    )]
    HeldByNobody(String),
    /// CloudFormation no longer waits for the request: its record of the resource says so.
    #[error("CloudFormation no longer waits for this request: the resource is {status}")]
    NotAwaited {
        /// The `ResourceStatus` on record.
        status: String,
    },
    /// The endpoint has no such variant.
    #[error("VariantName: endpoint {endpoint} has no variant {variant}; it has {}", list(.has))]
    VariantMissing {
        /// The endpoint.
        endpoint: EndpointName,
        /// The variant that was asked for.
        variant: VariantName,
        /// The variants that it has.
        has: Vec<String>,
    },
}

/// Whether what is to be scaled can be registered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Readiness {
    /// It is changing, and may be ready later.
    Changing {
        /// The `EndpointStatus` that it has now.
        status: String,
    },
    /// Now.
    Ready,
}

/// Whether an endpoint's status changes by itself.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html> lists the statuses; one that
/// it did not list when this was written counts as changing.
pub(crate) fn is_changing(status: &str) -> bool {
    !matches!(status, "Deleting" | "Failed" | "InService" | "OutOfService" | "UpdateRollbackFailed")
}

/// Decides about a production variant, from its endpoint alone.
pub(super) fn variant_readiness(
    name: &EndpointName,
    variant: &VariantName,
    to_zero_instances: bool,
    endpoint: Option<&Endpoint>,
) -> Result<Readiness, Refusal> {
    let Some(endpoint) = endpoint else {
        return Err(Refusal::EndpointMissing(name.clone()));
    };
    let status = endpoint.status.clone();
    if is_changing(&status) {
        return Ok(Readiness::Changing { status });
    }
    if status != "InService" {
        return Err(Refusal::EndpointBroken { name: name.clone(), status, reason: endpoint.failure_reason.clone() });
    }
    if !endpoint.variants.iter().any(|has| has == variant.as_str()) {
        let has = endpoint.variants.clone();
        return Err(Refusal::VariantMissing { endpoint: name.clone(), variant: variant.clone(), has });
    }
    if to_zero_instances && !endpoint.asynchronous {
        return Err(Refusal::CannotScaleToZero(name.clone()));
    }
    Ok(Readiness::Ready)
}

/// Decides about an inference component.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeInferenceComponent.html> lists the statuses.
pub(super) fn component_readiness(
    name: &InferenceComponentName,
    component: Option<&InferenceComponent>,
) -> Result<Readiness, Refusal> {
    let Some(component) = component else {
        return Err(Refusal::ComponentMissing(name.clone()));
    };
    match component.status.as_str() {
        "InService" => Ok(Readiness::Ready),
        "Deleting" | "Failed" => {
            let (status, reason) = (component.status.clone(), component.failure_reason.clone());
            Err(Refusal::ComponentBroken { name: name.clone(), status, reason })
        }
        status => Ok(Readiness::Changing { status: status.to_owned() }),
    }
}

/// How to register.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Registration {
    /// Tag first, so that a Delete knows what to release, then register.
    Adopt {
        /// The ARN of the target.
        arn: String,
        /// The tags to put.
        tags: Tags,
    },
    /// Create-if-absent.
    Create {
        /// The tags that it is created with.
        tags: Tags,
    },
    /// Register again, then tag. Where that gives another ARN, the target was gone by then, and is new and ours.
    Renew {
        /// The ARN of the target.
        arn: String,
        /// The tags that are missing or differ.
        missing: Tags,
        /// The keys of the author's tags that the author removed.
        removed: Vec<String>,
        /// All tags that it should have.
        all: Tags,
    },
}

/// Decides how to register, from who holds the target now.
///
/// `named_before` are the keys of the tags that the author wrote before; tags of anybody else are left alone.
pub(super) fn registration(
    desired: &Desired,
    us: &Owner,
    registered: Option<&Registered>,
    named_before: &BTreeSet<String>,
) -> Result<Registration, Refusal> {
    let with_authors = |mut tags: Tags| {
        tags.extend(desired.tags.clone());
        tags
    };
    let resource_id = || desired.target.resource_id();
    let Some(Registered { arn, tags: present }) = registered else {
        return Ok(Registration::Create { tags: with_authors(us.tags()) });
    };
    match Holder::read(us, present) {
        Holder::Other(holder) => Err(Refusal::HeldByAnother { target: resource_id(), holder }),
        Holder::Untagged if desired.adopt_existing => {
            Ok(Registration::Adopt { arn: arn.clone(), tags: with_authors(us.adoption_tags()) })
        }
        Holder::Untagged => Err(Refusal::HeldByNobody(resource_id())),
        Holder::Us { adopted: _ } => {
            let all = with_authors(us.tags());
            let missing = all.iter().filter(|(key, value)| present.get(*key) != Some(value));
            let unwanted = named_before.iter().map(String::as_str).chain([RETURNING_TAG]);
            let removed = unwanted.filter(|key| !all.contains_key(*key) && present.contains_key(*key));
            Ok(Registration::Renew {
                arn: arn.clone(),
                missing: missing.map(|(key, value)| (key.clone(), value.clone())).collect(),
                removed: removed.map(str::to_owned).collect(),
                all,
            })
        }
    }
}

/// Whether a target that was gone, and is registered anew, may be tagged as ours.
pub(super) fn reclaim(desired: &Desired, us: &Owner, registered: Option<&Registered>) -> Result<(), Refusal> {
    match registered.map(|registered| Holder::read(us, &registered.tags)) {
        Some(Holder::Other(holder)) => Err(Refusal::HeldByAnother { target: desired.target.resource_id(), holder }),
        Some(Holder::Untagged | Holder::Us { .. }) | None => Ok(()),
    }
}

/// How to let go of a target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Release {
    /// It is ours.
    Deregister,
    /// It is not registered, or not ours.
    Nothing,
    /// It was somebody's before us: our tags go, the target stays.
    Untag {
        /// The ARN of the target.
        arn: String,
        /// The keys of our tags.
        keys: Vec<String>,
    },
}

/// Decides how to let go of a target, from who holds it now.
pub(super) fn release(us: &Owner, registered: Option<&Registered>) -> Release {
    let Some(Registered { arn, tags }) = registered else {
        return Release::Nothing;
    };
    match Holder::read(us, tags) {
        Holder::Other(_) | Holder::Untagged => Release::Nothing,
        Holder::Us { adopted: false } => Release::Deregister,
        Holder::Us { adopted: true } => {
            Release::Untag { arn: arn.clone(), keys: OWNER_TAGS.map(str::to_owned).to_vec() }
        }
    }
}

/// The names of scaling policies and scheduled actions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Attached<'a> {
    /// `PolicyName`s.
    pub(super) policies: Vec<&'a str>,
    /// `ScheduledActionName`s.
    pub(super) actions: Vec<&'a str>,
}

/// What was put on a target before, and has to go before the rest is put: what is not named any more, and policies whose
/// metric another one tracks now. What others put there is not named, and stays; so does what old properties named that
/// are of another target.
pub(super) fn no_longer_named<'a>(target: &ScalableTargetId, now: &Named, before: &'a Named) -> Attached<'a> {
    if !before.target.as_ref().is_some_and(|named| named.is_same(target)) {
        return Attached::default();
    }
    let stays = |name: &String, metric: &Option<Value>| {
        let mut others = now.policies.iter().filter(|(other, _)| *other != name);
        now.policies.contains_key(name) && (metric.is_none() || others.all(|(_, other)| other != metric))
    };
    let policies = before.policies.iter().filter(|(name, metric)| !stays(name, metric));
    Attached {
        policies: policies.map(|(name, _)| name.as_str()).collect(),
        actions: before.actions.iter().filter(|name| !now.actions.contains(*name)).map(String::as_str).collect(),
    }
}

/// Which target an Update is about, and under which id it goes on.
///
/// The id follows from the properties. Where that differs from the given one in letter case only, the given one stays;
/// and so does one that CloudFormation invented, because a new id would bring a Delete that decides by properties, and
/// so would take down what this Update registers.
pub(super) fn continued(given: Option<&ScalableTargetId>, named: &ScalableTargetId) -> ScalableTargetId {
    given.filter(|given| given.is_same(named)).unwrap_or(named).clone()
}

/// The target that an Update which failed half-way left behind: the old properties name it, but CloudFormation knows
/// the resource by another id, so no Delete will ever come for it.
pub(super) fn left_behind<'a>(
    given: Option<&ScalableTargetId>,
    wanted: &ScalableTargetId,
    old: Option<&'a ScalableTargetId>,
) -> Option<&'a ScalableTargetId> {
    old.filter(|old| !old.is_same(wanted) && !given.is_some_and(|given| old.is_same(given)))
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::Here;

    fn us() -> Owner {
        Owner { stack_id: "stack/one".into(), logical_resource_id: "Scaling".into() }
    }

    fn desired() -> Desired {
        wanting(json!({"EndpointName": "prod", "VariantName": "blue", "MinCapacity": 1, "MaxCapacity": 4}))
    }

    fn wanting(properties: serde_json::Value) -> Desired {
        Desired::read(&properties, &Here { region: "us-east-1".into(), account: None }).unwrap()
    }

    fn readiness(desired: &Desired, endpoint: Option<&Endpoint>) -> Result<Readiness, Refusal> {
        let ScalableTargetId::Variant { endpoint: name, variant, .. } = &desired.target else { panic!("no variant") };
        variant_readiness(name, variant, desired.capacity.min() == 0, endpoint)
    }

    fn in_service() -> Endpoint {
        Endpoint {
            name: "prod".into(),
            config: "config".into(),
            status: "InService".into(),
            failure_reason: None,
            variants: vec!["blue".into(), "green".into()],
            asynchronous: false,
        }
    }

    fn held(tags: Tags) -> Option<Registered> {
        Some(Registered { arn: "arn:1".into(), tags })
    }

    fn keys(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn only_some_statuses_stay_as_they_are() {
        for status in ["Creating", "Updating", "SystemUpdating", "RollingBack", "SomethingNew"] {
            assert!(is_changing(status), "{status}");
        }
        for status in ["InService", "Failed", "Deleting", "OutOfService", "UpdateRollbackFailed"] {
            assert!(!is_changing(status), "{status}");
        }
    }

    #[test]
    fn an_endpoint_in_service_that_has_the_variant_is_ready() {
        assert_eq!(readiness(&desired(), Some(&in_service())), Ok(Readiness::Ready));
    }

    #[test]
    fn a_changing_endpoint_is_waited_for_even_if_the_variant_is_not_there_yet() {
        for status in ["Creating", "Updating", "SystemUpdating", "RollingBack", "SomethingNew"] {
            let endpoint = Endpoint { status: status.into(), variants: Vec::new(), ..in_service() };
            let changing = Readiness::Changing { status: status.into() };
            assert_eq!(readiness(&desired(), Some(&endpoint)), Ok(changing));
        }
    }

    #[test]
    fn an_endpoint_that_will_not_get_ready_is_refused_with_sagemakers_reason() {
        for status in ["Deleting", "Failed", "OutOfService", "UpdateRollbackFailed"] {
            let failure_reason = Some("no capacity".to_owned());
            let endpoint = Endpoint { status: status.into(), failure_reason, ..in_service() };
            let told = readiness(&desired(), Some(&endpoint)).unwrap_err().to_string();
            assert!(told.contains(&format!("endpoint prod is {status} (no capacity)")), "{told}");
        }
        let told = readiness(&desired(), None).unwrap_err().to_string();
        assert!(told.contains("there is no endpoint prod"), "{told}");
    }

    #[test]
    fn a_variant_that_is_missing_is_refused_with_those_that_are_there() {
        let endpoint = Endpoint { variants: vec!["Blue".into(), "green".into()], ..in_service() };
        let told = readiness(&desired(), Some(&endpoint)).unwrap_err().to_string();
        assert_eq!(told, "VariantName: endpoint prod has no variant blue; it has Blue, green");
    }

    #[test]
    fn only_an_asynchronous_endpoint_scales_to_zero() {
        let desired =
            wanting(json!({"EndpointName": "prod", "VariantName": "blue", "MinCapacity": 0, "MaxCapacity": 4}));
        let refused = Err(Refusal::CannotScaleToZero("prod".parse().unwrap()));
        assert_eq!(readiness(&desired, Some(&in_service())), refused);
        let asynchronous = Endpoint { asynchronous: true, ..in_service() };
        assert_eq!(readiness(&desired, Some(&asynchronous)), Ok(Readiness::Ready));
    }

    #[test]
    fn an_inference_component_is_ready_when_it_is_in_service() {
        let name = "llm".parse().unwrap();
        let readiness = |status: &str| {
            let component =
                InferenceComponent { status: status.to_owned(), failure_reason: Some("no capacity".to_owned()) };
            component_readiness(&name, Some(&component))
        };
        assert_eq!(readiness("InService"), Ok(Readiness::Ready));
        for status in ["Creating", "Updating", "SomethingNew"] {
            assert_eq!(readiness(status), Ok(Readiness::Changing { status: status.to_owned() }));
        }
        for status in ["Deleting", "Failed"] {
            let told = readiness(status).unwrap_err().to_string();
            assert!(told.contains(&format!("inference component llm is {status} (no capacity)")), "{told}");
        }
        let told = component_readiness(&name, None).unwrap_err().to_string();
        assert!(told.contains("there is no inference component llm"), "{told}");
    }

    #[test]
    fn what_nobody_holds_is_created_with_the_owners_and_the_authors_tags() {
        let desired = Desired { tags: Tags::from([("team".into(), "ml".into())]), ..desired() };
        let mut tags = us().tags();
        tags.insert("team".into(), "ml".into());
        assert_eq!(registration(&desired, &us(), None, &keys(&[])), Ok(Registration::Create { tags }));
    }

    #[test]
    fn what_we_hold_is_renewed() {
        let renewed = registration(&desired(), &us(), held(us().tags()).as_ref(), &keys(&[]));
        let expected =
            Registration::Renew { arn: "arn:1".into(), missing: Tags::new(), removed: Vec::new(), all: us().tags() };
        assert_eq!(renewed, Ok(expected));
    }

    #[test]
    fn tags_follow_the_author_and_tags_of_others_stay() {
        let desired =
            Desired { tags: Tags::from([("new".into(), "1".into()), ("kept".into(), "2".into())]), ..desired() };
        let mut present = us().tags();
        present.extend([("kept", "1"), ("gone", "1"), ("foreign", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let before = keys(&["kept", "gone", "never-there"]);
        let Ok(Registration::Renew { missing, removed, .. }) =
            registration(&desired, &us(), held(present).as_ref(), &before)
        else {
            panic!("not renewed");
        };
        assert_eq!(missing, desired.tags);
        assert_eq!(removed, ["gone"]);
    }

    #[test]
    fn what_another_holds_is_refused_by_name_even_with_adopt_existing() {
        let other = Owner { logical_resource_id: "Scaling2".into(), ..us() };
        for adopt_existing in [false, true] {
            let desired = Desired { adopt_existing, ..desired() };
            let refused = registration(&desired, &us(), held(other.tags()).as_ref(), &keys(&[])).unwrap_err();
            assert!(refused.to_string().contains("resource Scaling2 of stack stack/one"), "{refused}");
        }
    }

    #[test]
    fn what_is_untagged_is_adopted_on_request_only() {
        let untagged = held(Tags::from([("team".into(), "ml".into())]));
        let refused = registration(&desired(), &us(), untagged.as_ref(), &keys(&[])).unwrap_err();
        assert!(refused.to_string().contains("AdoptExisting"), "{refused}");

        let desired = Desired { adopt_existing: true, ..desired() };
        let adopted = Registration::Adopt { arn: "arn:1".into(), tags: us().adoption_tags() };
        assert_eq!(registration(&desired, &us(), untagged.as_ref(), &keys(&[])), Ok(adopted));
    }

    #[test]
    fn delete_deregisters_what_is_ours() {
        assert_eq!(release(&us(), held(us().tags()).as_ref()), Release::Deregister);
    }

    #[test]
    fn delete_leaves_what_is_not_ours() {
        let elsewhere = Owner { stack_id: "stack/two".into(), ..us() };
        let renamed = Owner { logical_resource_id: "Scaling2".into(), ..us() };
        for tags in [elsewhere.tags(), renamed.tags(), Tags::new()] {
            assert_eq!(release(&us(), held(tags).as_ref()), Release::Nothing);
        }
        assert_eq!(release(&us(), None), Release::Nothing);
    }

    #[test]
    fn delete_releases_what_was_adopted() {
        let released = release(&us(), held(us().adoption_tags()).as_ref());
        let keys = OWNER_TAGS.map(str::to_owned).to_vec();
        assert_eq!(released, Release::Untag { arn: "arn:1".into(), keys });
    }

    fn target(endpoint: &str) -> ScalableTargetId {
        format!("endpoint/{endpoint}/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker").parse().unwrap()
    }

    #[test]
    fn an_update_goes_on_under_the_given_id_unless_another_target_is_named() {
        assert_eq!(continued(Some(&target("Prod")), &target("prod")), target("Prod"));
        assert_eq!(continued(Some(&target("prod")), &target("next")), target("next"));
        assert_eq!(continued(None, &target("prod")), target("prod"));
    }

    #[test]
    fn a_plain_replacement_leaves_nothing_behind() {
        // CloudFormation deletes the old one itself: it knows it by the given id.
        assert_eq!(left_behind(Some(&target("old")), &target("new"), Some(&target("OLD"))), None);
        assert_eq!(left_behind(Some(&target("same")), &target("same"), Some(&target("same"))), None);
        assert_eq!(left_behind(Some(&target("same")), &target("same"), None), None);
    }

    #[test]
    fn going_back_from_a_replacement_that_failed_leaves_its_target_behind() {
        let new = target("new");
        assert_eq!(left_behind(Some(&target("old")), &target("old"), Some(&new)), Some(&new));
        assert_eq!(left_behind(None, &target("b"), Some(&target("a"))), Some(&target("a")));
    }
    fn named(endpoint: &str, policies: serde_json::Value, actions: &[&str]) -> Named {
        let actions = actions.iter().map(|name| json!({"ScheduledActionName": name})).collect::<Vec<_>>();
        Named::read(&json!({
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
    fn what_is_not_named_any_more_goes() {
        let now = named("prod", json!([step("kept"), step("retyped"), step("new")]), &["kept"]);
        let had = json!([step("gone"), step("kept"), tracking("retyped", "m")]);
        let gone = Attached { policies: vec!["gone"], actions: vec!["gone"] };
        assert_eq!(no_longer_named(&target("prod"), &now, &named("Prod", had.clone(), &["gone", "kept"])), gone);
        // Policies of that name on another target are somebody else's.
        let elsewhere = named("other", had, &["gone"]);
        assert_eq!(no_longer_named(&target("prod"), &now, &elsewhere), Attached::default());
        assert_eq!(no_longer_named(&target("prod"), &now, &Named::default()), Attached::default());
    }

    #[test]
    fn a_policy_whose_metric_another_one_takes_goes_first() {
        let before = named("prod", json!([tracking("a", "m"), tracking("b", "n"), tracking("c", "o")]), &[]);
        let exchanged = named("prod", json!([tracking("a", "n"), tracking("b", "m"), tracking("c", "o")]), &[]);
        assert_eq!(no_longer_named(&target("prod"), &exchanged, &before).policies, ["a", "b"]);
        let taken = named("prod", json!([tracking("a", "n"), tracking("b", "p"), tracking("c", "x")]), &[]);
        assert_eq!(no_longer_named(&target("prod"), &taken, &before).policies, ["b"]);
        assert_eq!(no_longer_named(&target("prod"), &before, &before), Attached::default());
    }
}
