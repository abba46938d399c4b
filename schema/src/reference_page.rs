//! The reference page `docs/PROPERTIES.md`.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The page, with a section for each resource type and each object in it.
pub(crate) fn reference_page(schemas: &[(&'static str, Value)]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for (resource_type, schema) in schemas {
        write!(page, "\n## `{resource_type}`\n").expect("writing to a string succeeds");
        write_object(&mut page, schema, "");
    }
    page
}

/// Writes the description of an object, the table of its properties, and then the objects in it.
fn write_object(page: &mut String, schema: &Value, path: &str) {
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|required| required.iter().any(|required| required == name));
    let description = schema["description"].as_str().unwrap_or_default();
    write!(page, "\n{description}\n\n| property | type | required | default | meaning |\n|---|---|---|---|---|\n")
        .expect("writing to a string succeeds");
    let none = Map::new();
    let mut properties: Vec<_> = schema["properties"].as_object().unwrap_or(&none).iter().collect();
    properties.sort_by_key(|(name, _)| (!is_required(name), *name));
    for (name, schema) in &properties {
        let required = if is_required(name) { "yes" } else { "" };
        let default = schema.get("default").map(code).unwrap_or_default();
        let meaning = schema["description"].as_str().unwrap_or_default();
        let link = nested_object(schema).map(|_| format!("[`{name}`](#{})", anchor(&join(path, name))));
        let name = link.unwrap_or_else(|| format!("`{name}`"));
        writeln!(page, "| {name} | {} | {required} | {default} | {meaning} |", type_in_words(schema))
            .expect("writing to a string succeeds");
    }
    for (name, schema) in properties {
        if let Some(nested) = nested_object(schema) {
            let path = join(path, name);
            write!(page, "\n### `{path}`\n").expect("writing to a string succeeds");
            write_object(page, nested, &path);
        }
    }
}

/// The object that is the value of a property, or an item of its list.
fn nested_object(schema: &Value) -> Option<&Value> {
    let object = schema.get("items").unwrap_or(schema);
    object.get("properties").map(|_| object)
}

/// The type of a property in words.
fn type_in_words(schema: &Value) -> String {
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let number = |key: &str| schema.get(key).and_then(Value::as_i64).filter(|number| number.abs() < i32::MAX.into());
    match types.as_slice() {
        _ if schema.get("enum").is_some() => {
            let values = schema["enum"].as_array().into_iter().flatten().map(code);
            values.collect::<Vec<_>>().join(", ")
        }
        ["array"] => match (number("minItems"), number("maxItems")) {
            (_, Some(max)) => format!("list of up to {max}"),
            (Some(min), None) => format!("list of {min} or more"),
            (None, None) => "list".to_owned(),
        },
        ["object"] => "object".to_owned(),
        ["boolean", ..] => "true or false".to_owned(),
        ["integer", ..] => match (number("minimum"), number("maximum")) {
            (Some(min), Some(max)) => format!("whole number from {min} to {max}"),
            (Some(min), None) => format!("whole number from {min}"),
            _ => "whole number".to_owned(),
        },
        ["number", ..] => "number".to_owned(),
        _ => "text".to_owned(),
    }
}

fn code(value: &Value) -> String {
    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The path of a property, such as `ScalingPolicies.PolicyName`.
fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The anchor of a heading on GitHub.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|character| character.is_alphanumeric()).collect::<String>().to_lowercase()
}

const INTRODUCTION: &str = "\
# Properties

<!-- Written by `make schema` from schema/src. -->

Every property of both resource types. `make schema` generates this page and the [JSON Schemas](../schema) for linters
and editors from the same types. You may write numbers and booleans as text, because CloudFormation sends them as text.
Any value may be an intrinsic function. An unknown property is an error that names a similar known one, if there is
one. For a field of the native resources, it says what to write instead.
";
