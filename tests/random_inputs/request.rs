//! Requests that are almost valid, and payloads that are no requests.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use test_support::request::events;

use crate::checks;
use crate::support::{for_any, json, long_text, name, text, valid_properties};

/// One mistake in a request.
#[derive(Clone, Debug)]
enum Change {
    /// A field is missing.
    Remove(Index),
    /// A field has another name.
    Rename(Index, String),
    /// A field has another value.
    Replace(Index, Value),
    /// There is an additional field.
    Add(String, Value),
}

impl Change {
    fn make(self, fields: &mut Value) {
        let Value::Object(fields) = fields else { return };
        let names: Vec<_> = fields.keys().cloned().collect();
        let one_of_them = |index: Index| if names.is_empty() { String::new() } else { index.get(&names).clone() };
        match self {
            Self::Remove(index) => drop(fields.remove(&one_of_them(index))),
            Self::Rename(index, name) => {
                let value = fields.remove(&one_of_them(index)).unwrap_or_default();
                fields.insert(name, value);
            }
            Self::Replace(index, value) => drop(fields.insert(one_of_them(index), value)),
            Self::Add(name, value) => drop(fields.insert(name, value)),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<Index>().prop_map(Change::Remove),
        (any::<Index>(), name()).prop_map(|(index, name)| Change::Rename(index, name)),
        (any::<Index>(), json()).prop_map(|(index, value)| Change::Replace(index, value)),
        (any::<Index>(), long_text()).prop_map(|(index, value)| Change::Replace(index, value.into())),
        (name(), json()).prop_map(|(name, value)| Change::Add(name, value)),
    ]
}

/// A request of `events/` with mistakes in its envelope, its properties and its old properties.
fn request() -> impl Strategy<Value = Value> {
    let changes = || vec(change(), 0..3);
    let good = prop::option::of(valid_properties());
    let all: Vec<_> = events().into_iter().map(|event| event.0).collect();
    (select(all), good, changes(), changes(), changes()).prop_map(|(mut request, good, first, new, old)| {
        // The events have the response URL of local runs. This one is of CloudFormation.
        if let Some(good) = good {
            request["ResourceProperties"] = good;
            request["ResponseURL"] = "https://bucket.s3.amazonaws.com/path%7C1?X-Amz-Signature=0123456789abcdef".into();
        }
        first.into_iter().for_each(|change| change.make(&mut request));
        if request.is_object() {
            new.into_iter().for_each(|change| change.make(&mut request["ResourceProperties"]));
            old.into_iter().for_each(|change| change.make(&mut request["OldResourceProperties"]));
        }
        request
    })
}

#[test]
fn a_request_with_any_mistake_is_answered() {
    for_any(request(), |request| checks::request(&request.to_string()));
}

#[test]
fn a_damaged_request_is_answered_or_has_no_response_url() {
    let damage =
        vec((any::<Index>(), 0_usize..5, prop_oneof![text(), Just("\\ud800".into()), Just("1e999".into())]), 1..4);
    for_any((request(), damage), |(request, damage)| {
        let mut bytes = request.to_string().into_bytes();
        for (index, length, text) in damage {
            let start = index.index(bytes.len() + 1);
            let end = bytes.len().min(start + length);
            bytes.splice(start..end, text.into_bytes());
        }
        checks::request(&String::from_utf8_lossy(&bytes));
    });
}

#[test]
fn any_other_payload_fails_cleanly() {
    for_any(json(), |json| checks::request(&json.to_string()));
    for_any(vec(any::<u8>(), 0..300), |bytes| checks::request(&String::from_utf8_lossy(&bytes)));
}

#[test]
fn valid_properties_are_read_as_they_are_written() {
    for_any(valid_properties(), |properties| {
        let desired = checks::properties(&properties).unwrap();
        let text = |name: &str| properties[name].as_str().map_or_else(|| properties[name].to_string(), str::to_owned);
        let (endpoint, variant) = (text("EndpointName"), text("VariantName"));
        let endpoint = endpoint.rsplit('/').next().unwrap_or_default();
        assert_eq!(desired.spec.id.resource_id(), format!("endpoint/{endpoint}/variant/{variant}"));
        assert_eq!(text("MinCapacity"), desired.spec.capacity("MinCapacity").to_string());
        assert_eq!(text("MaxCapacity"), desired.spec.capacity("MaxCapacity").to_string());
        assert_eq!(text("AdoptExisting"), desired.adopt_existing.to_string());
        assert_eq!(text("PropagateStackTags"), desired.propagate_stack_tags.to_string());
        assert_eq!(properties["Tags"].as_array().unwrap().len(), desired.spec.tags.len());
        assert_eq!(Some(text("UpdateGate")), desired.gate.map(|gate| gate.to_string()));
    });
}

#[test]
fn each_invalid_property_is_named() {
    let wrong = prop_oneof![Just(json!([7])), Just(json!({"a": 1})), Just(json!(1.5)), Just(json!("no, \u{1F980}!"))];
    let names = prop::sample::subsequence(PROPERTIES, 1..=PROPERTIES.len());
    for_any((valid_properties(), wrong, names), |(mut properties, wrong, names)| {
        for name in &names {
            properties[*name] = wrong.clone();
        }
        let mistakes = checks::properties(&properties).unwrap_err();
        for name in names {
            assert!(mistakes.contains(name), "{name} is not named: {mistakes}");
        }
    });
}

#[test]
fn an_unknown_property_is_named() {
    for_any((valid_properties(), "[A-Z][a-z]{1,9}X", json()), |(mut properties, name, value)| {
        properties[&name] = value;
        let mistakes = checks::properties(&properties).unwrap_err();
        assert!(mistakes.starts_with(&format!("{name}: unknown property, found ")), "{mistakes}");
    });
}

#[test]
fn properties_of_any_shape_are_accepted_or_refused_with_a_reason() {
    for_any(json(), |properties| drop(checks::properties(&properties)));
    for_any((valid_properties(), vec(change(), 1..4)), |(mut properties, changes)| {
        changes.into_iter().for_each(|change| change.make(&mut properties));
        drop(checks::properties(&properties));
    });
}

#[test]
fn properties_at_their_limits_are_accepted_or_refused_with_a_reason() {
    let key = prop_oneof![
        select(&["aws:x", "AWS:x", "sagemaker-scaling:x", "Sagemaker-Scaling:x"][..]).prop_map(str::to_owned),
        (126_usize..131).prop_map(|length| "é".repeat(length)),
    ];
    let value = (254_usize..259).prop_map(|length| "🦀".repeat(length));
    let other = (key, value).prop_map(|(key, value)| vec![json!({"Key": key, "Value": value})]);
    let many =
        (44_usize..51).prop_map(|count| (0..count).map(|i| json!({"Key": format!("k{i}"), "Value": ""})).collect());
    let tags = prop_oneof![other, many];
    for_any((valid_properties(), tags, -1_i32..4, -1_i32..4), |(mut properties, tags, min, max)| {
        properties["Tags"] = tags.into();
        drop(checks::properties(&properties));
        properties["MinCapacity"] = min.into();
        properties["MaxCapacity"] = max.to_string().into();
        drop(checks::properties(&properties));
    });
}

#[test]
fn the_physical_id_of_a_target_survives_parsing() {
    let exact = ["endpoint/", "E", "/variant/", "v", "|", "sagemaker:variant:DesiredInstanceCount", "|", "sagemaker"];
    checks::id(&exact.concat());
    for odd in ["", " ", "-", "|", "/", "/variant/", "\u{0}", "e", "é"] {
        for index in 0..exact.len() {
            let mut instead = exact;
            instead[index] = odd;
            checks::id(&instead.concat());
            checks::id(&[&exact[..index], &[odd], &exact[index..]].concat().concat());
        }
        checks::id(&format!("{}{odd}", exact.concat()));
    }
    for_any(text(), |text| checks::id(&text));
}

const PROPERTIES: &[&str] = &[
    "AdoptExisting",
    "EndpointName",
    "MaxCapacity",
    "MinCapacity",
    "PropagateStackTags",
    "SuspendedState",
    "Tags",
    "TakeOverFrom",
    "UpdateGate",
    "VariantName",
];
