//! What an author may write, parsed once: inside, values cannot be wrong.

mod scaling_policies;
mod schedule;
mod scheduled_actions;
mod tags;
mod target;
mod target_tracking;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::scaling_policies::TRACKING;
pub use self::scaling_policies::{PolicyConfiguration, ScalingPolicy};
pub use self::scheduled_actions::ScheduledAction;
use crate::aws::Here;
use crate::id::{ScalableTargetId, UpdateGateId};
use crate::owner::{TAG_PREFIX, Tags};
use crate::reader::{Collector, Mistakes, Section, boolean, whole_number};

/// What a request wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// What is to be registered.
    pub target: ScalableTargetId,
    /// Between which counts it scales.
    pub capacity: Capacity,
    /// Which kinds of scaling are suspended, if the author said so.
    pub suspended_state: Option<SuspendedState>,
    /// The scaling policies, whose names differ.
    pub policies: Vec<ScalingPolicy>,
    /// The scheduled actions, whose names differ.
    pub actions: Vec<ScheduledAction>,
    /// The author's tags.
    pub tags: Tags,
    /// Whether to take over a target that nobody's stack owns.
    pub adopt_existing: bool,
    /// The gate of the variant's endpoint.
    pub gate: Option<UpdateGateId>,
}

/// The limits of a target: `0 <= min <= max` and `1 <= max`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capacity {
    min: i32,
    max: i32,
}

impl Capacity {
    /// `None` where the limits are in the wrong order or out of range.
    pub fn new(min: i32, max: i32) -> Option<Self> {
        (0 <= min && min <= max && 1 <= max).then_some(Self { min, max })
    }

    /// `MinCapacity`.
    pub fn min(self) -> i32 {
        self.min
    }

    /// `MaxCapacity`.
    pub fn max(self) -> i32 {
        self.max
    }
}

/// Which kinds of scaling are suspended; what an author leaves out is not.
///
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_SuspendedState.html>
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SuspendedState {
    /// `DynamicScalingInSuspended`.
    pub dynamic_scaling_in: bool,
    /// `DynamicScalingOutSuspended`.
    pub dynamic_scaling_out: bool,
    /// `ScheduledScalingSuspended`.
    pub scheduled_scaling: bool,
}

impl Desired {
    /// Reads the properties of a Create or an Update, strictly: every mistake is told.
    pub fn read(properties: &Value, here: &Here) -> Result<Self, Mistakes> {
        let mistakes = Collector::default();
        let desired = Section::new("", properties, &mistakes).and_then(|section| {
            section.allow_only(KNOWN, &[]);
            let target = target::target(&section, here);
            let capacity = capacity(&section);
            let suspended_state = suspended_state(&section);
            let policies =
                scaling_policies::scaling_policies(&section, target.as_ref().map(ScalableTargetId::dimension));
            let actions = scheduled_actions::scheduled_actions(&section);
            let tags = tags::tags(&section);
            let adopt_existing = section.optional("AdoptExisting", boolean);
            let gate = target::gate(&section, target.as_ref());
            Some(Self {
                target: target?,
                capacity: capacity?,
                suspended_state,
                policies,
                actions,
                tags,
                adopt_existing: adopt_existing.ok()?.unwrap_or(false),
                gate,
            })
        });
        mistakes.finish(desired)
    }
}

/// What properties of any shape name, as far as they name anything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Named {
    /// The target.
    pub target: Option<ScalableTargetId>,
    /// The scaling policies, and the metric that each tracks, as it is written.
    pub policies: BTreeMap<String, Option<Value>>,
    /// The scheduled actions.
    pub actions: BTreeSet<String>,
    /// The keys of the author's tags.
    pub tag_keys: BTreeSet<String>,
}

impl Named {
    /// Reads properties that were written for this version of the function, or for another.
    pub fn read(properties: &Value) -> Self {
        let each = |list: &str| properties.get(list).and_then(Value::as_array).into_iter().flatten();
        let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
        let policy =
            |item: &Value| Some((text(item, "PolicyName")?, item.get(TRACKING).and_then(tracked_metric).cloned()));
        Self {
            target: target::named_target(properties),
            policies: each("ScalingPolicies").filter_map(policy).collect(),
            actions: each("ScheduledActions").filter_map(|item| text(item, "ScheduledActionName")).collect(),
            tag_keys: each("Tags")
                .filter_map(|item| text(item, "Key").filter(|key| !key.starts_with(TAG_PREFIX)))
                .collect(),
        }
    }
}

/// The metric in a target tracking configuration, as it is written.
fn tracked_metric(tracking: &Value) -> Option<&Value> {
    tracking.get("PredefinedMetricSpecification").or_else(|| tracking.get("CustomizedMetricSpecification"))
}

fn capacity(section: &Section<'_>) -> Option<Capacity> {
    let min = section.required("MinCapacity", whole_number(0));
    let max = section.required("MaxCapacity", whole_number(1));
    let (min, max) = (min?, max?);
    let capacity = Capacity::new(min, max);
    if capacity.is_none() {
        section.note("MinCapacity", format_args!("expected at most MaxCapacity, {max}, found {min}"));
    }
    capacity
}

fn suspended_state(section: &Section<'_>) -> Option<SuspendedState> {
    let state = section.section("SuspendedState")?;
    state.allow_only(SUSPENDED_STATE, &[]);
    let [dynamic_scaling_in, dynamic_scaling_out, scheduled_scaling] =
        [0, 1, 2].map(|index| state.optional(SUSPENDED_STATE[index], boolean).ok().flatten().unwrap_or(false));
    Some(SuspendedState { dynamic_scaling_in, dynamic_scaling_out, scheduled_scaling })
}

const KNOWN: &[&str] = &[
    "AdoptExisting",
    "EndpointName",
    "InferenceComponentName",
    "MaxCapacity",
    "MinCapacity",
    "ScalableDimension",
    "ScalingPolicies",
    "ScheduledActions",
    "ServiceTimeout",
    "ServiceToken",
    "SuspendedState",
    "Tags",
    "UpdateGate",
    "VariantName",
];
const SUSPENDED_STATE: &[&str] =
    &["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn here() -> Here {
        Here { region: "us-east-1".into(), account: Some("111122223333".into()) }
    }

    fn complete() -> Value {
        json!({
            "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:sagemaker-scaling",
            "ServiceTimeout": "3600",
            "EndpointName": "MyEndPoint",
            "VariantName": "MyVariant",
            "MinCapacity": "1",
            "MaxCapacity": "8",
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut properties = complete();
        properties[name] = value;
        properties
    }

    fn read(properties: &Value) -> Result<Desired, String> {
        Desired::read(properties, &here()).map_err(|mistakes| mistakes.to_string())
    }

    fn mistake(name: &str, value: Value) -> String {
        read(&with(name, value)).expect_err("a mistake")
    }

    #[test]
    fn the_least_is_an_endpoint_a_variant_and_two_capacities() {
        let desired = read(&complete()).unwrap();
        assert_eq!(desired.target.resource_id(), "endpoint/MyEndPoint/variant/MyVariant");
        assert_eq!((desired.capacity.min(), desired.capacity.max()), (1, 8));
        assert_eq!((desired.suspended_state, desired.tags.len(), desired.adopt_existing), (None, 0, false));
    }

    #[test]
    fn each_required_property_is_missed_by_its_name() {
        for name in ["EndpointName", "VariantName", "MinCapacity", "MaxCapacity"] {
            let mut properties = complete();
            properties.as_object_mut().unwrap().remove(name);
            assert_eq!(read(&properties).unwrap_err(), format!("{name}: required, but missing"));
            assert_eq!(mistake(name, Value::Null), format!("{name}: required, but missing"));
        }
    }

    #[test]
    fn an_endpoint_is_known_by_its_arn_too() {
        let arn = json!("arn:aws:sagemaker:us-east-1:111122223333:endpoint/myendpoint");
        assert_eq!(
            read(&with("EndpointName", arn)).unwrap().target.resource_id(),
            "endpoint/myendpoint/variant/MyVariant"
        );
    }

    #[test]
    fn an_arn_of_something_else_or_of_elsewhere_is_refused() {
        for (arn, expected) in [
            ("arn:aws:sagemaker:us-east-1:111122223333:endpoint-config/c", "the ARN of an endpoint"),
            ("arn:aws:s3:::bucket", "the ARN of an endpoint"),
            ("arn:", "the ARN of an endpoint"),
            ("arn:x:sagemaker:us-east-1:111122223333:endpoint/e", "the ARN of an endpoint"),
            ("arn:aws:sagemaker:eu-west-1:111122223333:endpoint/e", "an endpoint of this Region, us-east-1"),
            ("arn:aws:sagemaker:us-east-1:444455556666:endpoint/e", "an endpoint of this account, 111122223333"),
            ("arn:aws:sagemaker:us-east-1:111122223333:endpoint/e_e", "an endpoint's name"),
        ] {
            let told = mistake("EndpointName", json!(arn));
            assert!(told.starts_with(&format!("EndpointName: expected {expected}")), "{told}");
            assert!(told.ends_with(&format!("found \"{arn}\"")), "{told}");
        }
    }

    #[test]
    fn an_account_that_is_not_known_is_not_compared() {
        let properties = with("EndpointName", json!("arn:aws:sagemaker:us-east-1:444455556666:endpoint/e"));
        assert!(Desired::read(&properties, &Here { account: None, ..here() }).is_ok());
    }

    #[test]
    fn names_are_refused_by_the_rule_that_they_break() {
        let expected = "VariantName: expected letters, digits and hyphens, beginning and ending with a letter or digit, \
                        found \"my variant\"";
        assert_eq!(mistake("VariantName", json!("my variant")), expected);
        assert_eq!(mistake("VariantName", json!("")), "VariantName: expected 1 to 63 characters, found \"\"");
        assert_eq!(mistake("VariantName", json!(["v"])), "VariantName: expected text, found [\"v\"]");
    }

    #[test]
    fn capacities_are_whole_numbers_in_order() {
        assert_eq!(mistake("MinCapacity", json!("9")), "MinCapacity: expected at most MaxCapacity, 8, found 9");
        assert_eq!(
            mistake("MinCapacity", json!("one")),
            "MinCapacity: expected a whole number from 0 to 2147483647, found \"one\""
        );
        assert_eq!(
            mistake("MaxCapacity", json!("0")),
            "MaxCapacity: expected a whole number from 1 to 2147483647, found \"0\""
        );
        assert_eq!(read(&with("MinCapacity", json!("0"))).unwrap().capacity.min(), 0);
        assert_eq!(read(&with("MinCapacity", json!(8))).unwrap().capacity.min(), 8);
    }

    #[test]
    fn a_misspelt_property_is_named_with_the_nearest_known_one() {
        assert_eq!(
            mistake("MaxCapcity", json!("3")),
            "MaxCapcity: unknown property, found \"3\"; did you mean MaxCapacity?"
        );
        let later = mistake("ScalingPolicy", json!([]));
        assert_eq!(later, "ScalingPolicy: unknown property, found []; did you mean ScalingPolicies?");
        assert_eq!(
            mistake("adoptexisting", json!("true")),
            "adoptexisting: unknown property, found \"true\"; did you mean AdoptExisting?"
        );
    }

    #[test]
    fn a_gate_is_one_of_the_variants_endpoint() {
        let gate = "endpoint/myendpoint/config/config-2|update-gate";
        assert_eq!(read(&with("UpdateGate", json!(gate))).unwrap().gate.unwrap().to_string(), gate);
        for wrong in ["gate", "endpoint/other/config/config-2|update-gate"] {
            let told = mistake("UpdateGate", json!(wrong));
            assert!(told.starts_with("UpdateGate: expected !Ref of the Custom::SageMakerEndpointUpdateGate"), "{told}");
        }
        let component = json!({
            "InferenceComponentName": "llm", "MinCapacity": "0", "MaxCapacity": "2", "UpdateGate": gate,
        });
        assert_eq!(read(&component).unwrap_err(), "UpdateGate: not together with InferenceComponentName");
    }

    #[test]
    fn the_dimension_of_a_variant_is_one_of_two() {
        for (dimension, id) in [
            (json!(null), "DesiredInstanceCount"),
            (json!("sagemaker:variant:DesiredInstanceCount"), "DesiredInstanceCount"),
            (json!("sagemaker:variant:DesiredProvisionedConcurrency"), "DesiredProvisionedConcurrency"),
        ] {
            let target = read(&with("ScalableDimension", dimension)).unwrap().target;
            let text = format!("endpoint/MyEndPoint/variant/MyVariant|sagemaker:variant:{id}|sagemaker");
            assert_eq!(target.to_string(), text);
        }
        assert_eq!(
            mistake("ScalableDimension", json!("sagemaker:inference-component:DesiredCopyCount")),
            "ScalableDimension: expected sagemaker:variant:DesiredInstanceCount or \
             sagemaker:variant:DesiredProvisionedConcurrency, found \
             \"sagemaker:inference-component:DesiredCopyCount\""
        );
    }

    #[test]
    fn an_inference_component_stands_instead_of_endpoint_and_variant() {
        let component = |name: &str| json!({"InferenceComponentName": name, "MinCapacity": "0", "MaxCapacity": "2"});
        let mut properties = component("llm");
        let id = "inference-component/llm|sagemaker:inference-component:DesiredCopyCount|sagemaker";
        assert_eq!(read(&properties).unwrap().target.to_string(), id);
        assert_eq!(Named::read(&properties).target.unwrap().to_string(), id);
        let arn = component("arn:aws:sagemaker:us-east-1:111122223333:inference-component/llm");
        assert_eq!(read(&arn).unwrap().target.to_string(), id);

        let told = read(&component("arn:aws:sagemaker:us-east-1:111122223333:endpoint/e")).unwrap_err();
        assert!(told.contains("expected the ARN of an inference component"), "{told}");
        properties["VariantName"] = json!("MyVariant");
        assert_eq!(read(&properties).unwrap_err(), "VariantName: not together with InferenceComponentName");
        let dimension = json!("sagemaker:variant:DesiredInstanceCount");
        let mut properties = component("llm");
        properties["ScalableDimension"] = dimension;
        let told = read(&properties).unwrap_err();
        assert!(told.starts_with("ScalableDimension: expected sagemaker:inference-component"), "{told}");
    }

    #[test]
    fn policies_and_actions_are_read_with_the_rest_and_their_mistakes_told_with_it() {
        let mut properties = with(
            "ScalingPolicies",
            json!([{
                "PolicyName": "requests",
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": "70",
                    "PredefinedMetricSpecification": { "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance" },
                },
            }]),
        );
        let action = json!({ "MaxCapacity": "9" });
        properties["ScheduledActions"] =
            json!([{ "ScheduledActionName": "noon", "Schedule": "rate(1 day)", "ScalableTargetAction": action }]);
        let desired = read(&properties).unwrap();
        assert_eq!((desired.policies.len(), desired.actions.len()), (1, 1));

        properties["ScalingPolicies"][0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] = json!("many");
        properties["ScheduledActions"][0]["Schedule"] = json!("noon");
        properties["ScheduledActions"].as_array_mut().unwrap().push(json!("x"));
        let told = read(&properties).unwrap_err();
        let expected = "ScalingPolicies[0].TargetTrackingScalingPolicyConfiguration.TargetValue: expected a number, \
                        found \"many\"; ScheduledActions[0].Schedule: expected at(";
        assert!(told.starts_with(expected), "{told}");
        assert!(told.ends_with("; ScheduledActions[1]: expected an object, found \"x\""), "{told}");
    }

    #[test]
    fn flags_of_the_suspended_state_that_are_left_out_are_off() {
        let state = json!({"DynamicScalingInSuspended": "true", "ScheduledScalingSuspended": false});
        let expected = SuspendedState { dynamic_scaling_in: true, ..SuspendedState::default() };
        assert_eq!(read(&with("SuspendedState", state)).unwrap().suspended_state, Some(expected));
        let all = json!({
            "DynamicScalingInSuspended": "true",
            "DynamicScalingOutSuspended": "true",
            "ScheduledScalingSuspended": "true",
        });
        let expected = SuspendedState { dynamic_scaling_in: true, dynamic_scaling_out: true, scheduled_scaling: true };
        assert_eq!(read(&with("SuspendedState", all)).unwrap().suspended_state, Some(expected));
    }

    #[test]
    fn a_wrong_suspended_state_is_refused_with_its_path() {
        assert_eq!(mistake("SuspendedState", json!("true")), "SuspendedState: expected an object, found \"true\"");
        assert_eq!(
            mistake("SuspendedState", json!({"DynamicScalingInSuspended": "yes"})),
            "SuspendedState.DynamicScalingInSuspended: expected true or false, found \"yes\""
        );
        assert_eq!(
            mistake("SuspendedState", json!({"DynamicScalingSuspended": "true"})),
            "SuspendedState.DynamicScalingSuspended: unknown property, found \"true\"; did you mean DynamicScalingInSuspended?"
        );
    }

    #[test]
    fn tags_are_read_and_each_mistake_in_them_is_told_with_its_place() {
        let tags = json!([{"Key": "team", "Value": "ml"}, {"Key": "stage", "Value": ""}]);
        let expected = Tags::from([("team".into(), "ml".into()), ("stage".into(), String::new())]);
        assert_eq!(read(&with("Tags", tags)).unwrap().tags, expected);

        assert!(mistake("Tags", json!({"team": "ml"})).starts_with("Tags: expected a list of Key and Value"));
        for (tag, expected) in [
            (json!("team"), "Tags[0]: expected an object, found \"team\""),
            (json!({"Key": "team"}), "Tags[0].Value: required, but missing"),
            (json!({"Key": "", "Value": "x"}), "Tags[0].Key: expected 1 to 128 characters, found \"\""),
            (json!({"Key": "a", "Value": 1}), "Tags[0].Value: expected text, found 1"),
            (
                json!({"Key": "a", "Value": "b", "Vlaue": "c"}),
                "Tags[0].Vlaue: unknown property, found \"c\"; did you mean Value?",
            ),
        ] {
            assert_eq!(mistake("Tags", json!([tag])), expected);
        }
        for reserved in ["aws:x", "AWS:x", "sagemaker-scaling:stack-id"] {
            let told = mistake("Tags", json!([{"Key": reserved, "Value": "x"}]));
            assert!(told.starts_with("Tags[0].Key: expected a key that begins with neither aws: nor"), "{told}");
        }
        let twice = json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]);
        assert_eq!(mistake("Tags", twice), "Tags[1].Key: the key a is there twice");
    }

    #[test]
    fn there_is_room_for_the_owners_tags() {
        let tags =
            |count: usize| json!((0..count).map(|i| json!({"Key": format!("k{i}"), "Value": ""})).collect::<Vec<_>>());
        assert!(read(&with("Tags", tags(47))).is_ok());
        assert_eq!(mistake("Tags", tags(48)), "Tags: expected at most 47, found 48");
    }

    #[test]
    fn all_mistakes_of_a_request_are_told_at_once() {
        let properties =
            json!({"EndpointName": "e_e", "MinCapacity": "x", "MaxCapacity": "3", "AdoptExisting": "x", "Nonsense": 1});
        let told = read(&properties).unwrap_err();
        for part in [
            "Nonsense: unknown",
            "EndpointName: expected",
            "VariantName: required",
            "MinCapacity: expected",
            "AdoptExisting: e",
        ] {
            assert!(told.contains(part), "{part} is not in: {told}");
        }
        assert_eq!(told.matches("; ").count(), 5, "{told}");
    }

    #[test]
    fn a_wrong_adopt_existing_alone_is_told() {
        assert_eq!(mistake("AdoptExisting", json!("maybe")), "AdoptExisting: expected true or false, found \"maybe\"");
    }

    #[test]
    fn properties_that_are_no_object_are_refused() {
        for properties in [json!(null), json!([]), json!("x"), json!(1)] {
            assert!(read(&properties).unwrap_err().starts_with("ResourceProperties: expected an object"));
        }
    }

    #[test]
    fn old_properties_of_any_shape_are_read_for_what_they_say() {
        let target = Named::read(&complete()).target.unwrap();
        assert_eq!(target.resource_id(), "endpoint/MyEndPoint/variant/MyVariant");
        assert_eq!(Named::read(&with("ScalableDimension", Value::Null)).target, Some(target));
        for shape in [
            json!(null),
            json!([]),
            json!({"EndpointName": 1}),
            json!({"EndpointName": "e", "VariantName": "/"}),
            json!({"EndpointName": "e", "VariantName": "v", "ScalableDimension": "x"}),
            json!({"InferenceComponentName": "_"}),
            json!({"Tags": {}, "ScalingPolicies": "x", "ScheduledActions": [[]]}),
        ] {
            assert_eq!(Named::read(&shape), Named::default(), "{shape}");
        }
        let named = Named::read(&json!({
            "Tags": [{"Key": "a"}, 7, {"Key": 1}, {"Key": "sagemaker-scaling:stack-id"}],
            "ScalingPolicies": [{"PolicyName": "p", "PolicyType": "StepScaling"}, {"PolicyName": "q"}, {"PolicyType": "x"}],
            "ScheduledActions": [{"ScheduledActionName": "s"}, null],
        }));
        assert_eq!(named.tag_keys, BTreeSet::from(["a".to_owned()]));
        let policies = ["p", "q"].map(|name| (name.to_owned(), None));
        assert_eq!(named.policies, BTreeMap::from(policies));
        assert_eq!(named.actions, BTreeSet::from(["s".to_owned()]));
    }
}
