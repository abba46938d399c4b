//! Which properties go together.

use schemars::Schema;
use serde_json::{Map, Value, json};

/// Whether a property is there.
pub(crate) fn has(name: &str) -> Value {
    json!({ "required": [name] })
}

/// Whether a property is there with a value.
pub(crate) fn is(name: &str, value: &str) -> Value {
    json!({ "properties": { name: { "const": value } }, "required": [name] })
}

/// That properties have to be there; `otherwise` is what is told where they are not.
pub(crate) fn needs(names: &[&str], otherwise: &str) -> Value {
    json!({ "errorMessage": otherwise, "required": names })
}

/// That properties must not be there.
pub(crate) fn excludes(names: &[&str], otherwise: &str) -> Value {
    let none: Map<_, _> = names.iter().map(|name| ((*name).to_owned(), json!(false))).collect();
    json!({ "errorMessage": otherwise, "properties": none })
}

/// That exactly one of two properties is there.
pub(crate) fn exactly_one(schema: &mut Schema, first: &str, second: &str) {
    let both = excludes(&[first], &format!("not together with {second}"));
    let neither = needs(&[first], &format!("required, or {second}, but both are missing"));
    for (keyword, rule) in [("if", has(second)), ("then", both), ("else", neither)] {
        schema.insert(keyword.to_owned(), rule);
    }
}

/// That a property is one of those.
pub(crate) fn one_value(values: &[&str], otherwise: &str) -> Value {
    json!({ "enum": values, "errorMessage": otherwise })
}
