//! The schema of a template for editors, in which any value may be an intrinsic function.

use serde_json::{Map, Value, json};

/// The schema of a template. It checks the resources of both custom types and accepts any other.
pub(crate) fn template_schema(schemas: &[(&'static str, Value)]) -> Value {
    let for_type = |(resource_type, schema): &(&'static str, Value)| {
        json!({
            "if": { "properties": { "Type": { "const": resource_type } }, "required": ["Type"] },
            "then": { "properties": { "Properties": with_functions(schema) }, "required": ["Properties"] },
        })
    };
    let resource = json!({ "allOf": schemas.iter().map(for_type).collect::<Vec<_>>() });
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Templates with Custom::SageMaker resources",
        "type": "object",
        "properties": { "Resources": { "type": "object", "additionalProperties": resource } },
    })
}

/// Relaxes a schema so that it also accepts intrinsic functions. An editor reads `!Ref Name` as the string `Name`, so any
/// string is accepted, too.
fn with_functions(schema: &Value) -> Value {
    let Value::Object(keywords) = schema else { return schema.clone() };
    let mut relaxed = Map::new();
    for (keyword, rule) in keywords {
        let rule = match keyword.as_str() {
            "$schema"
            | "enum"
            | "errorMessage"
            | "hints"
            | "maxLength"
            | "minLength"
            | "not"
            | "pattern"
            | "patternErrorMessage" => {
                continue;
            }
            "else" | "if" | "items" | "then" => with_functions(rule),
            "properties" => {
                // Of two properties that exclude each other, one may depend on a condition: a template may have both.
                let properties = rule.as_object().into_iter().flatten().filter(|(_, schema)| **schema != false);
                properties.map(|(name, schema)| (name.clone(), with_functions(schema))).collect()
            }
            "type" => types_or_function(rule),
            _ => rule.clone(),
        };
        relaxed.insert(keyword.clone(), rule);
    }
    if let Some(values) = keywords.get("enum") {
        // Editors complete these values.
        relaxed.insert("anyOf".to_owned(), json!([{ "enum": values }, {}]));
    }
    if keywords.contains_key("additionalProperties") {
        let function =
            json!({ "minProperties": 1, "propertyNames": { "pattern": "^(Ref|Fn::[A-Za-z]+)$" }, "type": "object" });
        return json!({ "if": function, "else": relaxed });
    }
    relaxed.into()
}

/// The given types, and the types that a function may have.
fn types_or_function(types: &Value) -> Value {
    let types = types.as_array().map_or_else(|| std::slice::from_ref(types), Vec::as_slice);
    let functions = ["array", "object", "string"].map(Value::from);
    let more = functions.iter().filter(|function| !types.contains(function));
    types.iter().chain(more).cloned().collect()
}
