//! Rules for combinations of properties. `message` is what a linter reports if a rule is violated.

use schemars::Schema;
use serde_json::{Map, Value, json};

/// The hint for a field that the services set.
pub(crate) const OUTPUT_ONLY: &str = "leave it out: only Describe returns it";
/// The hint for a field that names the target of a policy or a scheduled action.
pub(crate) const OF_THIS_TARGET: &str = "leave it out: it follows from this resource's target";

/// The condition that a property is present.
pub(crate) fn has(name: &str) -> Value {
    json!({ "required": [name] })
}

/// The condition that a property has this value.
pub(crate) fn is(name: &str, value: &str) -> Value {
    json!({ "properties": { name: { "const": value } }, "required": [name] })
}

/// Requires properties.
pub(crate) fn needs(names: &[&str], message: &str) -> Value {
    json!({ "errorMessage": message, "required": names })
}

/// Forbids properties.
pub(crate) fn excludes(names: &[&str], message: &str) -> Value {
    let none: Map<_, _> = names.iter().map(|name| ((*name).to_owned(), json!(false))).collect();
    json!({ "errorMessage": message, "properties": none })
}

/// Requires exactly one of two properties.
pub(crate) fn exactly_one(schema: &mut Schema, first: &str, second: &str) {
    let both = excludes(&[first], &format!("cannot be set together with {second}; remove one of the two"));
    let neither = needs(&[first], &format!("required if {second} is missing; set one of the two"));
    for (keyword, rule) in [("if", has(second)), ("then", both), ("else", neither)] {
        schema.insert(keyword.to_owned(), rule);
    }
}

/// Names of properties that do not belong in an object, each with what to do instead: a keyword for the rule of cfn-lint.
pub(crate) fn hints(hints: &[(&str, &str)]) -> Value {
    hints.iter().map(|(name, hint)| ((*name).to_owned(), Value::from(*hint))).collect()
}

/// Requires one of these values.
pub(crate) fn one_value(values: &[&str], message: &str) -> Value {
    json!({ "enum": values, "errorMessage": message })
}
