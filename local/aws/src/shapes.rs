//! The types that the members of a request have, at every depth.
//!
//! Source: the service's own API model, as the SDKs and the AWS CLI have it.

use serde_json::{Map, Value, json};

use crate::Fault;
use crate::input::not_a;

/// What a value has to be.
pub(crate) enum Shape {
    /// A text without limits, also an empty one.
    Text,
    /// A text of one to this many characters.
    TextOf(usize),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A double.
    Number,
    /// In seconds since the epoch, with fractions or without.
    Time,
    /// 32 bits, with a sign.
    Integer,
    Flag,
    List(&'static Self),
    Structure {
        required: Members,
        optional: Members,
    },
}

type Members = &'static [(&'static str, Shape)];

impl Shape {
    /// Reads a value, and refuses one that has another JSON type than it should at any depth.
    ///
    /// Believed: that texts do not pass as numbers or booleans, nor fractions as integers; and that `null` counts as left
    /// out, and members that the model does not know are ignored.
    pub(crate) fn read(&self, value: &Value) -> Result<Value, Fault> {
        let read = match self {
            Self::Text | Self::TextOf(_) | Self::OneOf(_) => value.as_str().map(|text| json!(text)),
            Self::Number => value.as_f64().map(|number| json!(number)),
            Self::Time => Some(value.clone()).filter(Value::is_number),
            Self::Integer => value.as_i64().filter(|number| i32::try_from(*number).is_ok()).map(|number| json!(number)),
            Self::Flag => value.as_bool().map(|flag| json!(flag)),
            Self::List(item) => match value.as_array() {
                Some(items) => Some(items.iter().map(|value| item.read(value)).collect::<Result<_, _>>()?),
                None => None,
            },
            Self::Structure { required, optional } => match value.as_object() {
                Some(given) => Some(read_members(required.iter().chain(*optional), given)?.into()),
                None => None,
            },
        };
        read.ok_or_else(|| not_a(self.kind(), value))
    }

    /// Refuses what was read, but lacks a member that is required, or is out of bounds.
    pub(crate) fn check(&self, path: &str, value: &Value) -> Result<(), Fault> {
        match (self, value) {
            (Self::TextOf(most), Value::String(text)) if !(1..=*most).contains(&text.chars().count()) => {
                let constraint = format!("Member must have length between 1 and {most}");
                Err(Fault::constraint(format_args!("'{text}'"), path, constraint))
            }
            (Self::OneOf(texts), Value::String(text)) if !texts.contains(&text.as_str()) => {
                let constraint = format!("Member must satisfy enum value set: [{}]", texts.join(", "));
                Err(Fault::constraint(format_args!("'{text}'"), path, constraint))
            }
            (Self::List(item), Value::Array(items)) => {
                items.iter().zip(1..).try_for_each(|(value, n)| item.check(&format!("{path}.{n}.member"), value))
            }
            (Self::Structure { required, optional }, Value::Object(given)) => {
                for (name, _) in *required {
                    if !given.contains_key(*name) {
                        return Err(Fault::constraint("null", &below(path, name), "Member must not be null"));
                    }
                }
                let members = required.iter().chain(*optional);
                members
                    .filter_map(|(name, shape)| Some((name, shape, given.get(*name)?)))
                    .try_for_each(|(name, shape, value)| shape.check(&below(path, name), value))
            }
            _ => Ok(()),
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Text | Self::TextOf(_) | Self::OneOf(_) => "string",
            Self::Number | Self::Time => "number",
            Self::Integer => "integer",
            Self::Flag => "boolean",
            Self::List(_) => "list",
            Self::Structure { .. } => "map",
        }
    }
}

fn read_members<'a>(
    members: impl Iterator<Item = &'a (&'static str, Shape)>,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Fault> {
    members
        .filter_map(|(name, shape)| Some((name, shape, given.get(*name).filter(|value| !value.is_null())?)))
        .map(|(name, shape, value)| Ok(((*name).to_owned(), shape.read(value)?)))
        .collect()
}

/// Faults spell members with a small letter at the front.
fn below(path: &str, member: &str) -> String {
    let (first, rest) = member.split_at(1);
    let member = format!("{}{rest}", first.to_ascii_lowercase());
    if path.is_empty() { member } else { format!("{path}.{member}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::Structure {
        required: &[("Id", Shape::TextOf(3))],
        optional: &[
            ("Label", Shape::Text),
            ("Kind", Shape::OneOf(&["A", "B"])),
            ("Value", Shape::Number),
            ("At", Shape::Time),
            ("Count", Shape::Integer),
            ("Flag", Shape::Flag),
            ("Items", Shape::List(&Shape::Structure { required: &[("Name", Shape::Text)], optional: &[] })),
        ],
    };

    #[test]
    fn what_fits_is_read_without_nulls_and_unknown_members() {
        let given = json!({
            "Id": "a", "Label": "", "Kind": null, "Value": 70, "At": 1, "Count": -1, "Flag": false,
            "Items": [{ "Name": "5", "Other": 1 }], "Other": {},
        });
        let read = SHAPE.read(&given).expect("the types fit");
        assert_eq!(
            read,
            json!({ "Id": "a", "Label": "", "Value": 70.0, "At": 1, "Count": -1, "Flag": false, "Items": [{ "Name": "5" }] })
        );
        SHAPE.check("", &read).expect("nothing is missing");
    }

    #[test]
    fn another_json_type_is_refused_at_every_depth() {
        for given in [
            json!({ "Id": 1 }),
            json!({ "Kind": true }),
            json!({ "Value": "70" }),
            json!({ "At": "1" }),
            json!({ "Count": "1" }),
            json!({ "Count": 1.5 }),
            json!({ "Count": 3_000_000_000_i64 }),
            json!({ "Flag": "true" }),
            json!({ "Items": {} }),
            json!({ "Items": [null] }),
            json!({ "Items": [{ "Name": 5 }] }),
            json!([]),
        ] {
            assert_eq!(SHAPE.read(&given).unwrap_err().code, "SerializationException", "{given}");
        }
    }

    #[test]
    fn what_is_missing_or_out_of_bounds_is_refused_by_its_path() {
        for (given, path) in [
            (json!({}), "'id'"),
            (json!({ "Id": "" }), "'id'"),
            (json!({ "Id": "aaaa" }), "'id'"),
            (json!({ "Id": "a", "Kind": "C" }), "'kind'"),
            (json!({ "Id": "a", "Items": [{ "Name": "" }, {}] }), "'items.2.member.name'"),
        ] {
            let fault = SHAPE.read(&given).and_then(|read| SHAPE.check("", &read)).unwrap_err();
            assert!(fault.code == "ValidationException" && fault.message.contains(path), "{fault}");
        }
    }
}
