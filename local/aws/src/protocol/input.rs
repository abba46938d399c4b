//! The input of an operation, read member by member.

use serde_json::{Map, Value};

use crate::protocol::fault::Fault;

/// The members of an input. A member that is `null` counts as omitted.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Input<'a> {
    pub(crate) fn new(value: &'a Value) -> Result<Self, Fault> {
        value.as_object().map(Self).ok_or_else(|| wrong_type("JSON object", value))
    }

    /// A required string.
    pub(crate) fn text(self, member: &str) -> Result<&'a str, Fault> {
        required(member, self.optional_text(member)?)
    }

    pub(crate) fn optional_text(self, member: &str) -> Result<Option<&'a str>, Fault> {
        self.read(member, "string", Value::as_str)
    }

    pub(crate) fn integer(self, member: &str) -> Result<Option<i64>, Fault> {
        self.read(member, "integer", Value::as_i64)
    }

    pub(crate) fn number(self, member: &str) -> Result<Option<f64>, Fault> {
        self.read(member, "number", Value::as_f64)
    }

    pub(crate) fn flag(self, member: &str) -> Result<bool, Fault> {
        Ok(self.read(member, "boolean", Value::as_bool)?.unwrap_or_default())
    }

    pub(crate) fn object(self, member: &str) -> Result<Option<Self>, Fault> {
        Ok(self.read(member, "map", Value::as_object)?.map(Input))
    }

    /// A list of objects; empty if the member is omitted.
    pub(crate) fn objects(self, member: &str) -> Result<Vec<Self>, Fault> {
        self.list(member)?.iter().map(Self::new).collect()
    }

    /// A list of strings; `None` if the member is omitted.
    pub(crate) fn texts(self, member: &str) -> Result<Option<Vec<&'a str>>, Fault> {
        if self.get(member).is_none() {
            return Ok(None);
        }
        let texts = self.list(member)?.iter().map(|item| item.as_str().ok_or_else(|| wrong_type("string", item)));
        texts.collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn get(self, member: &str) -> Option<&'a Value> {
        self.0.get(member).filter(|value| !value.is_null())
    }

    fn list(self, member: &str) -> Result<&'a [Value], Fault> {
        Ok(self.read(member, "list", |value| value.as_array().map(Vec::as_slice))?.unwrap_or_default())
    }

    fn read<T>(self, member: &str, kind: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, Fault> {
        self.get(member).map(|value| read(value).ok_or_else(|| wrong_type(kind, value))).transpose()
    }
}

/// Rejects an input without `member`.
pub(crate) fn required<T>(member: &str, value: Option<T>) -> Result<T, Fault> {
    value.ok_or_else(|| Fault::constraint("null", member, "Member must not be null"))
}

/// The error for a member of the wrong JSON type. Assumed (belief input-types): exception and message.
pub(crate) fn wrong_type(kind: &str, value: &Value) -> Fault {
    Fault::new("SerializationException", format!("{value} can not be converted to {kind}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_counts_as_omitted_and_a_string_is_not_a_number() {
        let input = json!({ "Null": null, "MinCapacity": "1" });
        let input = Input::new(&input).expect("an object");
        assert_eq!(input.integer("Null"), Ok(None));
        assert_eq!(input.integer("MinCapacity").unwrap_err().code, "SerializationException");
        assert_eq!(
            input.text("ResourceId").unwrap_err().message,
            "1 validation error detected: Value null at 'resourceId' failed to satisfy constraint: \
             Member must not be null"
        );
    }
}
