//! What an author may write, parsed once: inside, values cannot be wrong.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::aws::Here;
use crate::id::{EndpointName, ScalableDimension, ScalableTargetId};
use crate::owner::{OWNER_TAGS, TAG_PREFIX, Tags};
use crate::reader::{Collector, Mistakes, Section, boolean, text, whole_number};

/// What a request wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Desired {
    /// What is to be registered.
    pub target: ScalableTargetId,
    /// Between which counts it scales.
    pub capacity: Capacity,
    /// Which kinds of scaling are suspended, if the author said so.
    pub suspended_state: Option<SuspendedState>,
    /// The author's tags.
    pub tags: Tags,
    /// Whether to take over a target that nobody's stack owns.
    pub adopt_existing: bool,
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
            section.allow_only(KNOWN, NOT_YET);
            let endpoint = section.required("EndpointName", |value| endpoint_name(text(value)?, Some(here)));
            let variant = section.required("VariantName", |value| text(value)?.parse().map_err(|e| format!("{e}")));
            let capacity = capacity(&section);
            let suspended_state = suspended_state(&section, &mistakes);
            let tags = tags(&section, &mistakes);
            let adopt_existing = section.optional("AdoptExisting", boolean);
            let dimension = ScalableDimension::VariantDesiredInstanceCount;
            if let Some(other) = section.value("ScalableDimension").filter(|value| *value != dimension.as_str()) {
                let found = crate::reader::shown(other);
                section.note(
                    "ScalableDimension",
                    format_args!("not supported yet: {found}; supported is {}", dimension.as_str()),
                );
            }
            Some(Self {
                target: ScalableTargetId::variant_instances(endpoint?, variant?),
                capacity: capacity?,
                suspended_state,
                tags,
                adopt_existing: adopt_existing.ok()?.unwrap_or(false),
            })
        });
        mistakes.finish(desired)
    }
}

/// The target that properties of any shape name, if they name one.
pub fn named_target(properties: &Value) -> Option<ScalableTargetId> {
    let endpoint = endpoint_name(properties.get("EndpointName")?.as_str()?, None).ok()?;
    let variant = properties.get("VariantName")?.as_str()?.parse().ok()?;
    Some(ScalableTargetId::variant_instances(endpoint, variant))
}

/// The keys of the author's tags that properties of any shape name.
pub fn named_tag_keys(properties: &Value) -> BTreeSet<String> {
    let tags = properties.get("Tags").and_then(Value::as_array);
    let keys = tags.into_iter().flatten().filter_map(|tag| tag.get("Key")?.as_str());
    keys.filter(|key| !key.starts_with(TAG_PREFIX)).map(str::to_owned).collect()
}

/// An endpoint by its name or its ARN: `!Ref` of `AWS::SageMaker::Endpoint` is the ARN.
fn endpoint_name(text: &str, here: Option<&Here>) -> Result<EndpointName, String> {
    let name = |text: &str| text.parse().map_err(|error| format!("an endpoint's name ({error}) or its ARN"));
    if !text.starts_with("arn:") {
        return name(text);
    }
    let mut parts = text.splitn(6, ':').skip(1);
    let (partition, service) = (parts.next().unwrap_or_default(), parts.next());
    let (region, account, resource) = (parts.next(), parts.next(), parts.next());
    let is_partition = partition == "aws" || partition.starts_with("aws-");
    let resource = resource.filter(|_| is_partition && service == Some("sagemaker"));
    let found = resource
        .and_then(|resource| resource.strip_prefix("endpoint/"))
        .ok_or("the ARN of a SageMaker endpoint, arn:PARTITION:sagemaker:REGION:ACCOUNT:endpoint/NAME")?;
    if let Some(here) = here {
        if region != Some(&here.region) {
            return Err(format!("an endpoint of this Region, {}", here.region));
        }
        if here.account.is_some() && account != here.account.as_deref() {
            return Err(format!("an endpoint of this account, {}", here.account.as_deref().unwrap_or_default()));
        }
    }
    name(found)
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

fn suspended_state(section: &Section<'_>, mistakes: &Collector) -> Option<SuspendedState> {
    let value = section.value("SuspendedState")?;
    let state = Section::new(&section.path_of("SuspendedState"), value, mistakes)?;
    state.allow_only(SUSPENDED_STATE, &[]);
    let [dynamic_scaling_in, dynamic_scaling_out, scheduled_scaling] =
        [0, 1, 2].map(|index| state.optional(SUSPENDED_STATE[index], boolean).ok().flatten().unwrap_or(false));
    Some(SuspendedState { dynamic_scaling_in, dynamic_scaling_out, scheduled_scaling })
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html>
fn tags(section: &Section<'_>, mistakes: &Collector) -> Tags {
    let mut tags = Tags::new();
    let list = section.optional("Tags", |value| value.as_array().ok_or_else(|| "a list of Key and Value".to_owned()));
    for (index, value) in list.ok().flatten().into_iter().flatten().enumerate() {
        let Some(tag) = Section::new(&format!("Tags[{index}]"), value, mistakes) else { continue };
        tag.allow_only(&["Key", "Value"], &[]);
        let key = tag.required("Key", |value| tag_key(text(value)?));
        let value = tag.required("Value", |value| {
            let text = text(value)?;
            if text.chars().count() > 256 { Err("at most 256 characters".to_owned()) } else { Ok(text) }
        });
        if let (Some(key), Some(value)) = (key, value)
            && tags.insert(key.to_owned(), value.to_owned()).is_some()
        {
            tag.note("Key", format_args!("the key {key} is there twice"));
        }
    }
    if tags.len() + OWNER_TAGS.len() > MAX_TAGS {
        let most = MAX_TAGS - OWNER_TAGS.len();
        section.note("Tags", format_args!("expected at most {most}, found {}", tags.len()));
    }
    tags
}

fn tag_key(key: &str) -> Result<&str, String> {
    let lower = key.to_ascii_lowercase();
    if key.is_empty() || key.chars().count() > 128 {
        Err("1 to 128 characters".to_owned())
    } else if lower.starts_with("aws:") || lower.starts_with(TAG_PREFIX) {
        Err(format!("a key that begins with neither aws: nor {TAG_PREFIX}, which are reserved"))
    } else {
        Ok(key)
    }
}

const KNOWN: &[&str] = &[
    "AdoptExisting",
    "EndpointName",
    "MaxCapacity",
    "MinCapacity",
    "ScalableDimension",
    "ServiceTimeout",
    "ServiceToken",
    "SuspendedState",
    "Tags",
    "VariantName",
];
const NOT_YET: &[&str] = &["InferenceComponentName", "ScalingPolicies", "ScheduledActions", "UpdateGate"];
const SUSPENDED_STATE: &[&str] =
    &["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"];
/// The service's limit for a resource.
const MAX_TAGS: usize = 50;

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
        assert_eq!(read(&with("EndpointName", arn)).unwrap().target.endpoint().as_str(), "myendpoint");
    }

    #[test]
    fn an_arn_of_something_else_or_of_elsewhere_is_refused() {
        for (arn, expected) in [
            ("arn:aws:sagemaker:us-east-1:111122223333:endpoint-config/c", "the ARN of a SageMaker endpoint"),
            ("arn:aws:s3:::bucket", "the ARN of a SageMaker endpoint"),
            ("arn:", "the ARN of a SageMaker endpoint"),
            ("arn:x:sagemaker:us-east-1:111122223333:endpoint/e", "the ARN of a SageMaker endpoint"),
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
    fn what_comes_later_is_refused_as_not_supported_yet() {
        for name in NOT_YET {
            assert_eq!(mistake(name, json!([])), format!("{name}: not supported yet"));
        }
        let other = mistake("ScalableDimension", json!("sagemaker:variant:DesiredProvisionedConcurrency"));
        assert!(other.starts_with("ScalableDimension: not supported yet"), "{other}");
        assert!(read(&with("ScalableDimension", json!("sagemaker:variant:DesiredInstanceCount"))).is_ok());
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
        assert_eq!(named_target(&complete()).unwrap().resource_id(), "endpoint/MyEndPoint/variant/MyVariant");
        for shape in
            [json!(null), json!([]), json!({"EndpointName": 1}), json!({"EndpointName": "e", "VariantName": "/"})]
        {
            assert_eq!(named_target(&shape), None, "{shape}");
            assert!(named_tag_keys(&shape).is_empty());
        }
        let tags = json!({"Tags": [{"Key": "a"}, 7, {"Key": 1}, {"Key": "sagemaker-scaling:stack-id"}]});
        assert_eq!(named_tag_keys(&tags), BTreeSet::from(["a".to_owned()]));
    }
}
