//! JSON Schema, as much of it as the schemas use.

use std::collections::HashMap;

use regex_lite::Regex;
use serde_json::Value;

/// A schema, and its patterns.
#[derive(Debug)]
pub(crate) struct Validator<'a> {
    schema: &'a Value,
    patterns: HashMap<&'a str, Regex>,
}

impl<'a> Validator<'a> {
    pub(crate) fn new(schema: &'a Value) -> Self {
        let mut patterns = HashMap::new();
        compile(schema, &mut patterns);
        Self { schema, patterns }
    }

    /// Whether a value meets the schema.
    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        self.meets(self.schema, value)
    }

    fn meets(&self, schema: &Value, value: &Value) -> bool {
        let Value::Object(keywords) = schema else { return schema == true };
        let at = |keyword| keywords.get(keyword).is_none_or(|schema| self.meets(schema, value));
        keywords.iter().all(|(keyword, rule)| match (keyword.as_str(), value) {
            ("type", _) => match rule {
                Value::Array(types) => types.iter().any(|name| is_of(value, name)),
                name => is_of(value, name),
            },
            ("enum", _) => rule.as_array().is_some_and(|values| values.contains(value)),
            ("const", _) => rule == value,
            ("not", _) => !self.meets(rule, value),
            ("if", _) => at(if self.meets(rule, value) { "then" } else { "else" }),
            ("minimum", Value::Number(number)) => number.as_f64() >= rule.as_f64(),
            ("maximum", Value::Number(number)) => number.as_f64() <= rule.as_f64(),
            ("minLength", Value::String(text)) => Some(text.chars().count() as u64) >= rule.as_u64(),
            ("maxLength", Value::String(text)) => Some(text.chars().count() as u64) <= rule.as_u64(),
            ("pattern", Value::String(text)) => {
                rule.as_str().is_some_and(|pattern| self.patterns[pattern].is_match(text))
            }
            ("minItems", Value::Array(items)) => Some(items.len() as u64) >= rule.as_u64(),
            ("maxItems", Value::Array(items)) => Some(items.len() as u64) <= rule.as_u64(),
            ("items", Value::Array(items)) => items.iter().all(|item| self.meets(rule, item)),
            ("required", Value::Object(fields)) => {
                let is_there = |name: &Value| name.as_str().is_some_and(|name| fields.contains_key(name));
                rule.as_array().is_some_and(|names| names.iter().all(is_there))
            }
            ("properties", Value::Object(fields)) => {
                fields.iter().all(|(name, value)| rule.get(name).is_none_or(|schema| self.meets(schema, value)))
            }
            ("additionalProperties", Value::Object(fields)) => {
                assert_eq!(*rule, false);
                fields.keys().all(|name| keywords["properties"].get(name).is_some())
            }
            (keyword, _) => {
                assert!(KEYWORDS.contains(&keyword), "{keyword}");
                true
            }
        })
    }
}

fn compile<'a>(schema: &'a Value, patterns: &mut HashMap<&'a str, Regex>) {
    match schema {
        Value::Object(keywords) => {
            if let Some(Value::String(pattern)) = keywords.get("pattern") {
                patterns.entry(pattern).or_insert_with(|| Regex::new(pattern).expect("a pattern"));
            }
            keywords.values().for_each(|below| compile(below, patterns));
        }
        Value::Array(items) => items.iter().for_each(|below| compile(below, patterns)),
        _ => {}
    }
}

fn is_of(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("a name") {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        unknown => panic!("{unknown}"),
    }
}

/// Those that depend on the value's type, and those that say nothing of it.
const KEYWORDS: &[&str] = &[
    "$schema",
    "additionalProperties",
    "default",
    "description",
    "else",
    "errorMessage",
    "hints",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "patternErrorMessage",
    "properties",
    "required",
    "then",
    "title",
];
