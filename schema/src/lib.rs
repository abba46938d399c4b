//! The properties of both resource types as JSON Schemas, for linters, editors and `docs/PROPERTIES.md`.
//!
//! Each struct here describes an object in a template: its fields are the properties, and their doc comments the
//! descriptions. No value of these types is ever made. The function reads properties with code of its own;
//! `tests/agreement` checks that the schemas and that code accept the same properties.

mod aws_documentation;
mod combinations;
mod reference_page;
pub mod scalable_target;
pub mod scaling_policies;
pub mod scheduled_actions;
pub mod target_tracking;
mod template_schema;
pub mod update_gate;
pub mod values;

use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use self::scalable_target::ScalableTarget;
use self::update_gate::UpdateGate;

/// The resource type of a scalable target.
pub const SCALABLE_TARGET: &str = "Custom::SageMakerScalableTarget";
/// The resource type of an update gate.
pub const UPDATE_GATE: &str = "Custom::SageMakerEndpointUpdateGate";

/// The schema of the properties of each resource type.
pub fn schemas() -> [(&'static str, Value); 2] {
    [
        (SCALABLE_TARGET, schema_of::<ScalableTarget>(SCALABLE_TARGET)),
        (UPDATE_GATE, schema_of::<UpdateGate>(UPDATE_GATE)),
    ]
}

/// The path and the content of each generated file.
pub fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate is in a folder of the repository");
    let text = |schema: &Value| format!("{schema:#}\n");
    let schemas = schemas();
    let per_type = schemas.iter().map(|(name, schema)| (root.join("schema").join(file_name(name)), text(schema)));
    per_type
        .chain([
            (root.join("schema/template.json"), text(&template_schema::template_schema(&schemas))),
            (root.join("docs/PROPERTIES.md"), reference_page::reference_page(&schemas)),
        ])
        .collect()
}

/// The file name of a schema, such as `custom-sagemakerscalabletarget.json`, like those of CloudFormation's schemas.
fn file_name(resource_type: &str) -> String {
    format!("{}.json", resource_type.to_lowercase().replace("::", "-"))
}

fn schema_of<T: JsonSchema>(title: &str) -> Value {
    // Editors and cfn-lint read inline schemas of draft 7.
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.with_transform(FinishSchema).into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(title));
    schema.to_value()
}

/// Changes the schemas that `schemars` generates. An optional property may be omitted, but not null, because no value in
/// a template may be null. A description ends with a link to the AWS documentation.
#[derive(Clone, Debug)]
struct FinishSchema;

impl Transform for FinishSchema {
    fn transform(&mut self, schema: &mut Schema) {
        // `Option<T>` is `anyOf` of the schema of `T` and of null.
        if let Some(Value::Array(alternatives)) = schema.remove("anyOf")
            && let Some(Value::Object(value)) = alternatives.into_iter().next()
        {
            for (key, value) in value {
                if schema.get(&key).is_none() {
                    schema.insert(key, value);
                }
            }
        }
        let page = schema.remove("$comment");
        if let Some(Value::String(description)) = schema.get_mut("description") {
            // A doc comment is one paragraph over several lines.
            *description = description.replace('\n', " ");
            if let Some(Value::String(page)) = page {
                description.push_str(&format!(" See <{page}>."));
            }
        }
        for (key, null) in [("type", json!("null")), ("enum", Value::Null)] {
            if let Some(Value::Array(values)) = schema.get_mut(key) {
                values.retain(|value| *value != null);
                if key == "type" && values.len() == 1 {
                    let only = values.remove(0);
                    schema.insert(key.to_owned(), only);
                }
            }
        }
        transform_subschemas(self, schema);
    }
}
