//! What an author may write in a `Custom::SageMakerScalableTarget`, and what each mistake is answered with.

mod scaling_policies;
mod scheduled_actions;
mod target_tracking;

use std::collections::BTreeMap;

use sagemaker_scaling::model::{Attachment, AttachmentKind, Location, Tags};
use sagemaker_scaling::properties::{Declared, Desired};
use serde_json::{Value, json};

fn suspended(scale_in: bool, scale_out: bool, scheduled: bool) -> Value {
    json!({
        "DynamicScalingInSuspended": scale_in,
        "DynamicScalingOutSuspended": scale_out,
        "ScheduledScalingSuspended": scheduled,
    })
}

fn location() -> Location {
    Location { region: "us-east-1".into(), account: Some("111122223333".into()) }
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
    Desired::read(properties, &location()).map_err(|mistakes| mistakes.to_string())
}

fn mistake(name: &str, value: Value) -> String {
    read(&with(name, value)).expect_err("a mistake")
}

#[test]
fn an_endpoint_a_variant_and_two_capacities_are_enough() {
    let desired = read(&complete()).unwrap();
    assert_eq!(desired.spec.id.resource_id(), "endpoint/MyEndPoint/variant/MyVariant");
    assert_eq!(Value::Object(desired.spec.settings), json!({ "MinCapacity": 1, "MaxCapacity": 8 }));
    assert_eq!((desired.spec.tags.len(), desired.adopt_existing), (0, false));
}

#[test]
fn a_missing_required_property_is_named() {
    for name in ["EndpointName", "VariantName", "MinCapacity", "MaxCapacity"] {
        let mut properties = complete();
        properties.as_object_mut().unwrap().remove(name);
        assert_eq!(read(&properties).unwrap_err(), format!("{name}: required, but missing"));
        assert_eq!(mistake(name, Value::Null), format!("{name}: required, but missing"));
    }
}

#[test]
fn an_endpoint_may_be_given_by_its_arn() {
    let arn = json!("arn:aws:sagemaker:us-east-1:111122223333:endpoint/myendpoint");
    assert_eq!(
        read(&with("EndpointName", arn)).unwrap().spec.id.resource_id(),
        "endpoint/myendpoint/variant/MyVariant"
    );
}

#[test]
fn an_arn_of_another_resource_or_place_is_refused() {
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
fn an_unknown_account_is_not_compared() {
    let properties = with("EndpointName", json!("arn:aws:sagemaker:us-east-1:444455556666:endpoint/e"));
    assert!(Desired::read(&properties, &Location { account: None, ..location() }).is_ok());
}

#[test]
fn a_bad_name_is_refused_with_the_rule_that_it_breaks() {
    let expected = "VariantName: expected letters, digits and hyphens, beginning and ending with a letter or digit, \
                    found \"my variant\"";
    assert_eq!(mistake("VariantName", json!("my variant")), expected);
    assert_eq!(mistake("VariantName", json!("")), "VariantName: expected 1 to 63 characters, found \"\"");
    assert_eq!(mistake("VariantName", json!(["v"])), "VariantName: expected text, found [\"v\"]");
}

#[test]
fn capacities_are_ordered_whole_numbers() {
    assert_eq!(mistake("MinCapacity", json!("9")), "MinCapacity: expected at most MaxCapacity, 8, found 9");
    assert_eq!(
        mistake("MinCapacity", json!("one")),
        "MinCapacity: expected a whole number from 0 to 2147483647, found \"one\""
    );
    assert_eq!(
        mistake("MaxCapacity", json!("0")),
        "MaxCapacity: expected a whole number from 1 to 2147483647, found \"0\""
    );
    assert_eq!(read(&with("MinCapacity", json!("0"))).unwrap().spec.capacity("MinCapacity"), 0);
    assert_eq!(read(&with("MinCapacity", json!(8))).unwrap().spec.capacity("MinCapacity"), 8);
}

#[test]
fn a_misspelt_property_is_named_with_the_nearest_known_property() {
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
fn a_field_of_the_native_resources_or_of_describe_says_what_to_do_instead() {
    for (name, told) in [
        ("ResourceId", "write EndpointName and VariantName instead, or InferenceComponentName"),
        ("resourceId", "write EndpointName and VariantName instead, or InferenceComponentName"),
        ("RoleARN", "leave it out: Application Auto Scaling uses its service-linked role"),
        ("RoleArn", "leave it out: Application Auto Scaling uses its service-linked role"),
        ("ServiceNamespace", "leave it out: it is always sagemaker"),
        ("ScalingTargetId", "leave it out: !Ref of this resource returns it"),
        ("ScalableTargetARN", "leave it out: only Describe returns it"),
        ("PredictedCapacity", "leave it out: only Describe returns it"),
        ("PolicyType", "write it in an item of ScalingPolicies"),
        ("TargetTrackingScalingPolicyConfiguration", "write it in an item of ScalingPolicies"),
        ("ScalableTargetAction", "write it in an item of ScheduledActions"),
    ] {
        assert_eq!(mistake(name, json!("x")), format!("{name}: {told}"));
    }
    let action = json!([{
        "ScheduledActionName": "noon",
        "Schedule": "rate(1 day)",
        "ScalableTargetAction": { "MinCapacity": "2" },
        "ResourceId": "endpoint/e/variant/v",
        "ScheduledActionARN": "arn",
    }]);
    assert_eq!(
        mistake("ScheduledActions", action),
        "ScheduledActions[0].ResourceId: leave it out: it follows from this resource's target; \
         ScheduledActions[0].ScheduledActionARN: leave it out: only Describe returns it"
    );
}

#[test]
fn the_gate_has_to_be_of_the_variants_endpoint() {
    let gate = "endpoint/myendpoint/config/config-2|update-gate";
    assert_eq!(read(&with("UpdateGate", json!(gate))).unwrap().gate.unwrap().to_string(), gate);
    for wrong in ["gate", "endpoint/other/config/config-2|update-gate"] {
        let told = mistake("UpdateGate", json!(wrong));
        assert!(told.starts_with("UpdateGate: expected !Ref of the Custom::SageMakerEndpointUpdateGate"), "{told}");
    }
    let component = json!({
        "InferenceComponentName": "llm", "MinCapacity": "0", "MaxCapacity": "2", "UpdateGate": gate,
    });
    assert_eq!(
        read(&component).unwrap_err(),
        "UpdateGate: cannot be set together with InferenceComponentName; remove one of the two"
    );
}

#[test]
fn a_variant_has_one_of_two_dimensions() {
    for (dimension, id) in [
        (json!(null), "DesiredInstanceCount"),
        (json!("sagemaker:variant:DesiredInstanceCount"), "DesiredInstanceCount"),
        (json!("sagemaker:variant:DesiredProvisionedConcurrency"), "DesiredProvisionedConcurrency"),
    ] {
        let target = read(&with("ScalableDimension", dimension)).unwrap().spec.id;
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
fn an_inference_component_replaces_endpoint_and_variant() {
    let component = |name: &str| json!({"InferenceComponentName": name, "MinCapacity": "0", "MaxCapacity": "2"});
    let mut properties = component("llm");
    let id = "inference-component/llm|sagemaker:inference-component:DesiredCopyCount|sagemaker";
    assert_eq!(read(&properties).unwrap().spec.id.to_string(), id);
    assert_eq!(Declared::read(&properties).target.unwrap().to_string(), id);
    let arn = component("arn:aws:sagemaker:us-east-1:111122223333:inference-component/llm");
    assert_eq!(read(&arn).unwrap().spec.id.to_string(), id);

    let told = read(&component("arn:aws:sagemaker:us-east-1:111122223333:endpoint/e")).unwrap_err();
    assert!(told.contains("expected the ARN of an inference component"), "{told}");
    properties["VariantName"] = json!("MyVariant");
    assert_eq!(
        read(&properties).unwrap_err(),
        "VariantName: cannot be set together with InferenceComponentName; remove one of the two"
    );
    let dimension = json!("sagemaker:variant:DesiredInstanceCount");
    let mut properties = component("llm");
    properties["ScalableDimension"] = dimension;
    let told = read(&properties).unwrap_err();
    assert!(told.starts_with("ScalableDimension: expected sagemaker:inference-component"), "{told}");
}

#[test]
fn mistakes_in_policies_and_actions_are_told_with_all_others() {
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
    assert_eq!(desired.spec.attachments.iter().map(Attachment::name).collect::<Vec<_>>(), ["requests", "noon"]);

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
fn omitted_members_of_the_suspended_state_are_false() {
    let state = json!({"DynamicScalingInSuspended": "true", "ScheduledScalingSuspended": false});
    assert_eq!(
        read(&with("SuspendedState", state)).unwrap().spec.settings["SuspendedState"],
        suspended(true, false, false)
    );
    let all = json!({
        "DynamicScalingInSuspended": "true",
        "DynamicScalingOutSuspended": "true",
        "ScheduledScalingSuspended": "true",
    });
    assert_eq!(
        read(&with("SuspendedState", all)).unwrap().spec.settings["SuspendedState"],
        suspended(true, true, true)
    );
}

#[test]
fn a_bad_suspended_state_is_refused_with_its_path() {
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
fn a_bad_tag_is_refused_with_its_path() {
    let tags = json!([{"Key": "team", "Value": "ml"}, {"Key": "stage", "Value": ""}]);
    let expected = Tags::from([("team".into(), "ml".into()), ("stage".into(), String::new())]);
    assert_eq!(read(&with("Tags", tags)).unwrap().spec.tags, expected);

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
    assert_eq!(mistake("Tags", twice), "Tags[1].Key: the key a appears twice");
}

#[test]
fn tags_leave_room_for_the_owners_tags() {
    let tags =
        |count: usize| json!((0..count).map(|i| json!({"Key": format!("k{i}"), "Value": ""})).collect::<Vec<_>>());
    assert!(read(&with("Tags", tags(47))).is_ok());
    assert_eq!(mistake("Tags", tags(48)), "Tags: expected at most 47, found 48");
}

#[test]
fn all_mistakes_are_told_at_once() {
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
    assert_eq!(told.matches("; ").count(), 4, "{told}");
}

#[test]
fn a_bad_adopt_existing_is_refused() {
    assert_eq!(mistake("AdoptExisting", json!("maybe")), "AdoptExisting: expected true or false, found \"maybe\"");
}

#[test]
fn properties_have_to_be_an_object() {
    for properties in [json!(null), json!([]), json!("x"), json!(1)] {
        assert!(read(&properties).unwrap_err().starts_with("ResourceProperties: expected an object"));
    }
}

#[test]
fn names_are_read_from_properties_of_any_shape() {
    let target = Declared::read(&complete()).target.unwrap();
    assert_eq!(target.resource_id(), "endpoint/MyEndPoint/variant/MyVariant");
    assert_eq!(Declared::read(&with("ScalableDimension", Value::Null)).target, Some(target));
    for shape in [
        json!(null),
        json!([]),
        json!({"EndpointName": 1}),
        json!({"EndpointName": "e", "VariantName": "/"}),
        json!({"EndpointName": "e", "VariantName": "v", "ScalableDimension": "x"}),
        json!({"InferenceComponentName": "_"}),
        json!({"Tags": {}, "ScalingPolicies": "x", "ScheduledActions": [[]]}),
    ] {
        assert_eq!(Declared::read(&shape), Declared::default(), "{shape}");
    }
    let named = Declared::read(&json!({
        "Tags": [{"Key": "a"}, 7, {"Key": 1}, {"Key": "sagemaker-scaling:stack-id"}],
        "ScalingPolicies": [{"PolicyName": "p", "PolicyType": "StepScaling"}, {"PolicyName": "q"}, {"PolicyType": "x"}],
        "ScheduledActions": [{"ScheduledActionName": "s"}, null],
    }));
    assert_eq!(named.tags, BTreeMap::from([("a".to_owned(), String::new())]));
    let (policy, action) = (AttachmentKind::ScalingPolicy, AttachmentKind::ScheduledAction);
    let keys = [(policy, "p"), (policy, "q"), (action, "s")].map(|(kind, name)| ((kind, name.to_owned()), None));
    assert_eq!(named.attachments, BTreeMap::from(keys));
}
