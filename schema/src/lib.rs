//! What an author may write, as JSON Schemas.
//!
//! The types here have no values. Their fields are the properties, their doc comments the descriptions; linters,
//! editors and `docs/PROPERTIES.md` get both from here. The function itself reads properties with `src/reader.rs`, and
//! `tests/agreement` proves that the two agree.

mod editor;
pub mod policies;
mod reference;
mod rules;
pub mod schedules;
pub mod target;
pub mod tracking;
pub mod update_gate;
pub mod values;

use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use self::target::ScalableTarget;
use self::update_gate::UpdateGate;

/// The type of a scalable target in a template.
pub const SCALABLE_TARGET: &str = "Custom::SageMakerScalableTarget";
/// The type of an update gate in a template.
pub const UPDATE_GATE: &str = "Custom::SageMakerEndpointUpdateGate";

/// The schema of each resource type's properties.
pub fn schemas() -> [(&'static str, Value); 2] {
    [
        (SCALABLE_TARGET, schema_of::<ScalableTarget>(SCALABLE_TARGET)),
        (UPDATE_GATE, schema_of::<UpdateGate>(UPDATE_GATE)),
    ]
}

/// Every file that is made from the schemas, and what is in it.
pub fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the schemas are a folder of the repository");
    let text = |schema: &Value| format!("{schema:#}\n");
    let schemas = schemas();
    let of_types = schemas.iter().map(|(name, schema)| (root.join("schema").join(file_name(name)), text(schema)));
    of_types
        .chain([
            (root.join("schema/template.json"), text(&editor::template(&schemas))),
            (root.join("docs/PROPERTIES.md"), reference::page(&schemas)),
        ])
        .collect()
}

/// Such as `custom-sagemakerscalabletarget.json`, in the way of CloudFormation's own schemas.
fn file_name(resource_type: &str) -> String {
    format!("{}.json", resource_type.to_lowercase().replace("::", "-"))
}

/// A page of AWS's documentation.
fn aws(page: &str) -> String {
    format!("https://docs.aws.amazon.com/{page}.html")
}

/// A page of Application Auto Scaling's API.
fn api(page: &str) -> String {
    aws(&format!("autoscaling/application/APIReference/{page}"))
}

fn schema_of<T: JsonSchema>(title: &str) -> Value {
    // Inline, and of draft 7: what editors and cfn-lint read.
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.with_transform(Finish).into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(title));
    schema.to_value()
}

/// Finishes what `schemars` makes. A property that is optional may be left out, but not be null, as nothing in a
/// template may; and a description ends with the page of AWS's that it is about.
#[derive(Clone, Debug)]
struct Finish;

impl Transform for Finish {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::Array(either)) = schema.remove("anyOf")
            && let Some(Value::Object(one)) = either.into_iter().next()
        {
            for (key, value) in one {
                if schema.get(&key).is_none() {
                    schema.insert(key, value);
                }
            }
        }
        let page = schema.remove("$comment");
        if let Some(Value::String(description)) = schema.get_mut("description") {
            // The lines of a doc comment are one paragraph.
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
