//! The types of the members of a request, at every depth.
//!
//! Source: the service's API model, from which the SDKs and the AWS CLI are generated.

use serde_json::{Map, Value, json};

use crate::protocol::fault::Fault;
use crate::protocol::input::wrong_type;

/// The type of a member, with its constraints.
pub(crate) enum MemberType {
    /// A string of any length, also empty.
    Text,
    /// A string of one to this many characters.
    BoundedText(usize),
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A double.
    Number,
    /// Seconds since the epoch, whole or fractional.
    Time,
    /// A signed integer of 32 bits.
    Integer,
    Flag,
    List(&'static Self),
    Structure {
        required: Members,
        optional: Members,
    },
}

type Members = &'static [(&'static str, MemberType)];

impl MemberType {
    /// Reads a value. Rejects a wrong JSON type at any depth, drops nulls and unknown members.
    ///
    /// Assumed (belief input-types): a string is not accepted as a number or boolean, nor a fraction as an integer; `null` counts
    /// as omitted; unknown members are ignored.
    pub(crate) fn read(&self, value: &Value) -> Result<Value, Fault> {
        let read = match self {
            Self::Text | Self::BoundedText(_) | Self::OneOf(_) => value.as_str().map(|text| json!(text)),
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
        read.ok_or_else(|| wrong_type(self.kind(), value))
    }

    /// Rejects a value, as returned by [`read`](Self::read), that lacks a required member or violates a constraint.
    pub(crate) fn check(&self, path: &str, value: &Value) -> Result<(), Fault> {
        match (self, value) {
            (Self::BoundedText(max), Value::String(text)) if !(1..=*max).contains(&text.chars().count()) => {
                let constraint = format!("Member must have length between 1 and {max}");
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
                        return Err(Fault::constraint("null", &member_path(path, name), "Member must not be null"));
                    }
                }
                let members = required.iter().chain(*optional);
                members
                    .filter_map(|(name, member_type)| Some((name, member_type, given.get(*name)?)))
                    .try_for_each(|(name, member_type, value)| member_type.check(&member_path(path, name), value))
            }
            _ => Ok(()),
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Text | Self::BoundedText(_) | Self::OneOf(_) => "string",
            Self::Number | Self::Time => "number",
            Self::Integer => "integer",
            Self::Flag => "boolean",
            Self::List(_) => "list",
            Self::Structure { .. } => "map",
        }
    }
}

fn read_members<'a>(
    members: impl Iterator<Item = &'a (&'static str, MemberType)>,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Fault> {
    members
        .filter_map(|(name, member_type)| Some((name, member_type, given.get(*name).filter(|value| !value.is_null())?)))
        .map(|(name, member_type, value)| Ok(((*name).to_owned(), member_type.read(value)?)))
        .collect()
}

/// The path of a member of a structure. Error messages spell members with a lower-case first letter.
fn member_path(path: &str, member: &str) -> String {
    let (first, rest) = member.split_at(1);
    let member = format!("{}{rest}", first.to_ascii_lowercase());
    if path.is_empty() { member } else { format!("{path}.{member}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: MemberType = MemberType::Structure {
        required: &[("Id", MemberType::BoundedText(3))],
        optional: &[
            ("Label", MemberType::Text),
            ("Kind", MemberType::OneOf(&["A", "B"])),
            ("Value", MemberType::Number),
            ("At", MemberType::Time),
            ("Count", MemberType::Integer),
            ("Flag", MemberType::Flag),
            (
                "Items",
                MemberType::List(&MemberType::Structure { required: &[("Name", MemberType::Text)], optional: &[] }),
            ),
        ],
    };

    #[test]
    fn nulls_and_unknown_members_are_dropped() {
        let given = json!({
            "Id": "a", "Label": "", "Kind": null, "Value": 70, "At": 1, "Count": -1, "Flag": false,
            "Items": [{ "Name": "5", "Other": 1 }], "Other": {},
        });
        let read = TYPE.read(&given).expect("the types match");
        assert_eq!(
            read,
            json!({ "Id": "a", "Label": "", "Value": 70.0, "At": 1, "Count": -1, "Flag": false, "Items": [{ "Name": "5" }] })
        );
        TYPE.check("", &read).expect("nothing is missing");
    }

    #[test]
    fn a_wrong_json_type_is_rejected_at_every_depth() {
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
            assert_eq!(TYPE.read(&given).unwrap_err().code, "SerializationException", "{given}");
        }
    }

    #[test]
    fn a_missing_or_invalid_member_is_rejected_by_its_path() {
        for (given, path) in [
            (json!({}), "'id'"),
            (json!({ "Id": "" }), "'id'"),
            (json!({ "Id": "aaaa" }), "'id'"),
            (json!({ "Id": "a", "Kind": "C" }), "'kind'"),
            (json!({ "Id": "a", "Items": [{ "Name": "" }, {}] }), "'items.2.member.name'"),
        ] {
            let fault = TYPE.read(&given).and_then(|read| TYPE.check("", &read)).unwrap_err();
            assert!(fault.code == "ValidationException" && fault.message.contains(path), "{fault}");
        }
    }
}
