//! The schemas and the function's reader agree: on every name at every place, and on whether properties are good.
//!
//! Each document below is good. It is changed in one place at a time, everywhere, and both are asked.

mod documents;
mod validation;

use std::collections::BTreeSet;

use sagemaker_scaling::model::{Location, ResourceType};
use sagemaker_scaling::properties::{Desired, UpdateGate, known_names};
use schema::schemas;
use serde_json::{Value, json};

use self::documents::{documents, values};
use self::validation::Validator;

/// Whether the function takes properties, or why not.
fn reader(resource_type: &str, properties: &Value) -> Result<(), String> {
    let read = match ResourceType::read(resource_type).expect("a resource type of the function") {
        ResourceType::ScalableTarget => Desired::read(properties, &location()).map(drop),
        ResourceType::UpdateGate => UpdateGate::read(properties, &location()).map(drop),
    };
    read.map_err(|mistakes| mistakes.to_string())
}

fn location() -> Location {
    Location { region: "us-east-1".into(), account: Some("111122223333".into()) }
}

/// Properties as CloudFormation sends them.
fn sent(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sent).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), sent(value))).collect(),
        Value::String(_) | Value::Null => value.clone(),
        scalar => json!(scalar.to_string()),
    }
}

/// The place of each value in a document, as JSON pointers.
fn places(value: &Value, at: &str) -> Vec<String> {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below = below.into_iter().flat_map(|(name, value)| places(value, &format!("{at}/{name}")));
    std::iter::once(at.to_owned()).chain(below).collect()
}

/// A document with another value at a place.
fn with(document: &Value, place: &str, value: Value) -> Value {
    let mut changed = document.clone();
    *changed.pointer_mut(place).expect("a place of the document") = value;
    changed
}

/// The schema of a place.
fn schema_at<'a>(schema: &'a Value, place: &str) -> &'a Value {
    place.split('/').skip(1).fold(schema, |schema, step| match step.parse::<usize>() {
        Ok(_) => &schema["items"],
        Err(_) => &schema["properties"][step],
    })
}

/// A place as the reader tells it.
fn told_place(place: &str) -> String {
    place.split('/').skip(1).fold(String::new(), |path, step| match (path.as_str(), step.parse::<usize>()) {
        (path, Ok(index)) => format!("{path}[{index}]"),
        ("", Err(_)) => step.to_owned(),
        (path, Err(_)) => format!("{path}.{step}"),
    })
}

/// Every document, its type, and its type's schema.
fn each_document(check: impl Fn(&str, &Value, &Value)) {
    for (resource_type, schema) in schemas() {
        for document in documents(resource_type) {
            check(resource_type, &schema, &document);
        }
    }
}

/// Every property name that the reader knows, at any depth.
fn reader_property_names() -> BTreeSet<&'static str> {
    let types = schemas().into_iter().map(|(resource_type, _)| resource_type);
    types.flat_map(documents).flat_map(|document| known_names(&document, &location())).collect()
}

#[test]
fn every_resource_type_has_a_schema() {
    assert_eq!(schemas().map(|(resource_type, _)| resource_type), ResourceType::ALL.map(ResourceType::name));
}

#[test]
fn every_document_is_good() {
    each_document(|resource_type, schema, document| {
        assert!(Validator::new(schema).is_valid(document), "{document:#}");
        assert_eq!(reader(resource_type, &sent(document)), Ok(()), "{document:#}");
    });
}

#[test]
fn every_property_is_in_some_document() {
    fn properties(schema: &Value, at: &str) -> Vec<String> {
        let below = schema["properties"].as_object().into_iter().flatten();
        let below = below.flat_map(|(name, schema)| properties(schema, &format!("{at}/{name}")));
        let items = schema.get("items").into_iter().flat_map(|items| properties(items, &format!("{at}/0")));
        std::iter::once(at.to_owned()).chain(below).chain(items).collect()
    }
    for (resource_type, schema) in schemas() {
        let seen: BTreeSet<_> = documents(resource_type).iter().flat_map(|document| places(document, "")).collect();
        for property in properties(&schema, "") {
            let of_any_item = |place: &String| {
                let steps = place.split('/').map(|step| if step.parse::<usize>().is_ok() { "0" } else { step });
                steps.collect::<Vec<_>>().join("/") == property
            };
            assert!(seen.iter().any(of_any_item), "{resource_type}{property}");
        }
    }
}

#[test]
fn both_know_the_same_names_at_every_place() {
    let names = reader_property_names();
    assert!(names.contains("MetricIntervalLowerBound") && names.contains("EndpointConfigName"), "{names:?}");
    each_document(|resource_type, schema, document| {
        for place in places(document, "") {
            if !document.pointer(&place).unwrap().is_object() {
                continue;
            }
            let schema = schema_at(schema, &place);
            let known = &schema["properties"];
            for name in names.iter().copied().chain(known.as_object().unwrap().keys().map(String::as_str)) {
                let mut changed = document.clone();
                changed.pointer_mut(&place).unwrap()[name] = json!({});
                let mistakes = reader(resource_type, &changed).err().unwrap_or_default();
                let path = told_place(&format!("{place}/{name}"));
                let told = |what: &str| mistakes.contains(&format!("{path}: {what}"));
                let hint = schema["hints"].get(name).and_then(Value::as_str);
                assert!(hint.is_none_or(|hint| told(hint) && known.get(name).is_none()), "{path}: {mistakes}");
                assert_eq!(told("unknown property"), hint.is_none() && known.get(name).is_none(), "{path}: {mistakes}");
            }
        }
    });
}

/// `test_schemas.py` compares the rule for cfn-lint with the same names.
#[test]
fn an_unknown_name_is_told_with_the_nearest_known_one_if_they_are_similar() {
    let nearest: Value = serde_json::from_str(include_str!("nearest_names.json")).expect("JSON");
    for (resource_type, names) in nearest.as_object().unwrap() {
        for (name, nearest) in names.as_object().unwrap() {
            let mut properties = documents(resource_type).remove(0);
            properties[name] = json!("x");
            let hint = nearest.as_str().map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
            let told = format!("{name}: unknown property, found \"x\"{hint}");
            assert_eq!(reader(resource_type, &sent(&properties)), Err(told));
        }
    }
}

/// The values of a template in YAML. `at` is a place, `sent` the texts that may arrive: what is written, and what another
/// reader of YAML makes of it, such as `aws cloudformation package`. CloudFormation refuses null, and so sends no text.
/// `function` is what the reader says to a text, `linter` what the rule for cfn-lint says: `test_schemas.py` checks that.
#[test]
fn the_linter_is_silent_on_values_that_can_only_arrive_as_one_text_or_number_and_are_accepted() {
    let table: Value = serde_json::from_str(include_str!("yaml_values.json")).expect("JSON");
    for row in table["values"].as_array().unwrap() {
        let place = row["at"].as_str().unwrap();
        let told = row["sent"].as_array().unwrap().iter().filter_map(|text| {
            let properties = with(&table["properties"], place, text.clone());
            reader(schema::SCALABLE_TARGET, &properties).err()
        });
        let told: Vec<_> = told.collect();
        match row["function"].as_str() {
            Some(why) => assert!(told.iter().any(|told| told.contains(why)), "{row}: {told:?}"),
            None => assert_eq!(told, [""; 0], "{row}"),
        }
        let is_accepted = told.is_empty() && !row["sent"].as_array().unwrap().is_empty();
        assert!(is_accepted || row["linter"].is_string(), "{row}");
    }
}

#[test]
fn both_refuse_the_same_changes() {
    each_document(|resource_type, schema, document| {
        let validator = Validator::new(schema);
        for place in places(document, "") {
            let Some((above, name)) = place.rsplit_once('/') else { continue };
            if above.is_empty() && CHECKED_BY_CLOUDFORMATION.contains(&name) {
                continue;
            }
            let mut without = document.clone();
            if let Value::Object(fields) = without.pointer_mut(above).unwrap() {
                fields.remove(name);
            }
            // What the reader says it expected may well be what the schema does not know.
            let told = reader(resource_type, &with(document, &place, json!("?"))).err().unwrap_or_default();
            let expected = told.split([' ', ',', ';', '"']).map(Value::from);
            let with = values().into_iter().chain(expected).map(|value| with(document, &place, value));
            for changed in with.chain([without]) {
                let sent = sent(&changed);
                // As it is written and as it is sent: only of text can a pattern tell.
                let valid = validator.is_valid(&changed) && validator.is_valid(&sent);
                let read = reader(resource_type, &sent);
                let shown = changed.pointer(&place);
                match read {
                    Ok(()) => assert!(valid, "{place}: the schema refuses {shown:?}"),
                    Err(told) => {
                        let is_beyond = BEYOND.iter().any(|phrase| told.contains(phrase));
                        assert!(!valid || is_beyond, "{place}: the schema takes {shown:?}, the reader tells {told}");
                    }
                }
            }
        }
    });
}

#[test]
fn the_reader_accepts_any_value_that_cloudformation_has_checked() {
    each_document(|resource_type, _, document| {
        for name in CHECKED_BY_CLOUDFORMATION {
            for value in values() {
                let mut changed = document.clone();
                changed[name] = value;
                assert_eq!(reader(resource_type, &sent(&changed)), Ok(()), "{name}: {}", changed[name]);
            }
        }
    });
}

#[test]
fn both_count_items_alike() {
    each_document(|resource_type, schema, document| {
        for place in places(document, "") {
            let Value::Array(items) = document.pointer(&place).unwrap() else { continue };
            let is_too_long = |count| {
                let items = items.iter().cycle().take(count).cloned().collect();
                let told = reader(resource_type, &with(document, &place, items)).err().unwrap_or_default();
                told.contains(&format!("{}: expected at most", told_place(&place)))
            };
            match schema_at(schema, &place).get("maxItems").and_then(Value::as_u64) {
                Some(most) => {
                    let most = most as usize;
                    assert_eq!((is_too_long(most), is_too_long(most + 1)), (false, true), "{place}");
                }
                None => assert!(!is_too_long(1_000), "{place}"),
            }
        }
    });
}

/// CloudFormation rejects bad values of these before it sends a request, so only the schemas check them.
const CHECKED_BY_CLOUDFORMATION: &[&str] = &["ServiceTimeout", "ServiceToken"];

/// What only the reader can tell: how values compare, and the names of time zones.
const BEYOND: &[&str] = &[
    "expected a time after StartTime",
    "expected at most MaxCapacity",
    "expected less than MetricIntervalUpperBound",
    "expected none on the",
    "expected the name of a time zone",
    "appears twice",
    "of this endpoint",
    "only the highest has none",
    "only the lowest has none",
    "tracks the metric of another policy",
    "where the step below it ends",
];
