//! The schemas as an editor needs them: of a whole template, any value of which may be a function.

use serde_json::{Map, Value, json};

/// A schema of templates, which looks at the resources of our types alone.
pub(crate) fn template(schemas: &[(&'static str, Value)]) -> Value {
    let of_type = |(resource_type, schema): &(&'static str, Value)| {
        json!({
            "if": { "properties": { "Type": { "const": resource_type } }, "required": ["Type"] },
            "then": { "properties": { "Properties": unresolved(schema) }, "required": ["Properties"] },
        })
    };
    let resource = json!({ "allOf": schemas.iter().map(of_type).collect::<Vec<_>>() });
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Templates with Custom::SageMaker resources",
        "type": "object",
        "properties": { "Resources": { "type": "object", "additionalProperties": resource } },
    })
}

/// A schema that takes functions, too. An editor reads `!Ref Name` as the text `Name`, so text is good everywhere.
fn unresolved(schema: &Value) -> Value {
    let Value::Object(keywords) = schema else { return schema.clone() };
    let mut loose = Map::new();
    for (keyword, rule) in keywords {
        let rule = match keyword.as_str() {
            "$schema"
            | "enum"
            | "errorMessage"
            | "maxLength"
            | "minLength"
            | "not"
            | "pattern"
            | "patternErrorMessage" => {
                continue;
            }
            "else" | "if" | "items" | "then" => unresolved(rule),
            "properties" => {
                // What excludes another may itself be there on a condition only.
                let properties = rule.as_object().into_iter().flatten().filter(|(_, schema)| **schema != false);
                properties.map(|(name, schema)| (name.clone(), unresolved(schema))).collect()
            }
            "type" => any_or(rule),
            _ => rule.clone(),
        };
        loose.insert(keyword.clone(), rule);
    }
    if let Some(values) = keywords.get("enum") {
        // For completion.
        loose.insert("anyOf".to_owned(), json!([{ "enum": values }, {}]));
    }
    if keywords.contains_key("additionalProperties") {
        let function =
            json!({ "minProperties": 1, "propertyNames": { "pattern": "^(Ref|Fn::[A-Za-z]+)$" }, "type": "object" });
        return json!({ "if": function, "else": loose });
    }
    loose.into()
}

/// What a function may be written as, beside the types of a value.
fn any_or(types: &Value) -> Value {
    let types = types.as_array().map_or_else(|| std::slice::from_ref(types), Vec::as_slice);
    let functions = ["array", "object", "string"].map(Value::from);
    let more = functions.iter().filter(|function| !types.contains(function));
    types.iter().chain(more).cloned().collect()
}
