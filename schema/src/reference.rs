//! The schemas as a page of reference.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The page: a section for each resource type and for each object below it.
pub(crate) fn page(schemas: &[(&'static str, Value)]) -> String {
    let mut page = HEAD.to_owned();
    for (resource_type, schema) in schemas {
        write!(page, "\n## `{resource_type}`\n").expect("text takes any text");
        object(&mut page, schema, "");
    }
    page
}

/// An object's description and its table, and then the objects below it.
fn object(page: &mut String, schema: &Value, path: &str) {
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|required| required.iter().any(|required| required == name));
    let description = schema["description"].as_str().unwrap_or_default();
    write!(page, "\n{description}\n\n| property | type | required | default | meaning |\n|---|---|---|---|---|\n")
        .expect("text takes any text");
    let none = Map::new();
    let mut properties: Vec<_> = schema["properties"].as_object().unwrap_or(&none).iter().collect();
    properties.sort_by_key(|(name, _)| (!is_required(name), *name));
    for (name, schema) in &properties {
        let required = if is_required(name) { "yes" } else { "" };
        let default = schema.get("default").map(code).unwrap_or_default();
        let meaning = schema["description"].as_str().unwrap_or_default();
        let below = below(schema).map(|_| format!("[`{name}`](#{})", anchor(&join(path, name))));
        let name = below.unwrap_or_else(|| format!("`{name}`"));
        writeln!(page, "| {name} | {} | {required} | {default} | {meaning} |", kind(schema))
            .expect("text takes any text");
    }
    for (name, schema) in properties {
        if let Some(below) = below(schema) {
            let path = join(path, name);
            write!(page, "\n### `{path}`\n").expect("text takes any text");
            object(page, below, &path);
        }
    }
}

/// The object that a property is, or is a list of.
fn below(schema: &Value) -> Option<&Value> {
    let object = schema.get("items").unwrap_or(schema);
    object.get("properties").map(|_| object)
}

/// What a property's value is, in words.
fn kind(schema: &Value) -> String {
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
            (_, Some(most)) => format!("list of up to {most}"),
            (Some(least), None) => format!("list of {least} or more"),
            (None, None) => "list".to_owned(),
        },
        ["object"] => "object".to_owned(),
        ["boolean", ..] => "true or false".to_owned(),
        ["integer", ..] => match (number("minimum"), number("maximum")) {
            (Some(least), Some(most)) => format!("whole number from {least} to {most}"),
            (Some(least), None) => format!("whole number from {least}"),
            _ => "whole number".to_owned(),
        },
        ["number", ..] => "number".to_owned(),
        _ => "text".to_owned(),
    }
}

fn code(value: &Value) -> String {
    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Where a property stands, such as `ScalingPolicies[].PolicyName`.
fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|character| character.is_alphanumeric()).collect::<String>().to_lowercase()
}

const HEAD: &str = "\
# Properties

<!-- Written by `make schema` from schema/src. -->

Every property of both resource types. `make schema` writes this page, and the [JSON Schemas](../schema) that linters
and editors read, from the same types. Numbers and truth values may be written as text, as CloudFormation sends them;
any value may be a function of CloudFormation's. Any other property is an error that names it and the nearest known one.
";
