//! Reads requests: their members as typed values, and what all paged operations share.

use serde_json::{Map, Value, json};

use crate::{Answer, Fault};

/// The members of a request. One that is `null` counts as left out.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Input<'a> {
    pub(crate) fn new(value: &'a Value) -> Result<Self, Fault> {
        value.as_object().map(Self).ok_or_else(|| not_a("JSON object", value))
    }

    /// A text that has to be there.
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

    /// A list of objects; empty where it is left out.
    pub(crate) fn objects(self, member: &str) -> Result<Vec<Self>, Fault> {
        self.list(member)?.iter().map(Self::new).collect()
    }

    /// A list of texts, if given.
    pub(crate) fn texts(self, member: &str) -> Result<Option<Vec<&'a str>>, Fault> {
        if self.get(member).is_none() {
            return Ok(None);
        }
        let texts = self.list(member)?.iter().map(|item| item.as_str().ok_or_else(|| not_a("string", item)));
        texts.collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn get(self, member: &str) -> Option<&'a Value> {
        self.0.get(member).filter(|value| !value.is_null())
    }

    fn list(self, member: &str) -> Result<&'a [Value], Fault> {
        Ok(self.read(member, "list", |value| value.as_array().map(Vec::as_slice))?.unwrap_or_default())
    }

    fn read<T>(self, member: &str, kind: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, Fault> {
        self.get(member).map(|value| read(value).ok_or_else(|| not_a(kind, value))).transpose()
    }
}

/// Refuses a request without `member`.
pub(crate) fn required<T>(member: &str, value: Option<T>) -> Result<T, Fault> {
    value.ok_or_else(|| Fault::constraint("null", member, "Member must not be null"))
}

/// How an operation pages.
pub(crate) struct Pages {
    /// The member of the answer that lists the items.
    pub(crate) list: &'static str,
    /// The most items of one page, and the default.
    pub(crate) most: i64,
    /// What a made-up `NextToken` is answered with.
    pub(crate) invalid_token: &'static str,
}

impl Pages {
    /// The page that `input` asks for, of `items` with unique keys.
    ///
    /// A token names the last item before it, so that pages neither repeat nor skip what stays while others come and go.
    pub(crate) fn answer(&self, input: Input<'_>, mut items: Vec<(String, Value)>) -> Answer {
        let size = input.integer("MaxResults")?.unwrap_or(self.most);
        if !(1..=self.most).contains(&size) {
            let range = format!("Member must have value between 1 and {}", self.most);
            return Err(Fault::constraint(format_args!("'{size}'"), "MaxResults", range));
        }
        items.sort_by(|(one, _), (other, _)| one.cmp(other));
        if let Some(token) = input.optional_text("NextToken")? {
            let after = token.strip_prefix(TOKEN_PREFIX);
            let after = after.ok_or_else(|| Fault::new(self.invalid_token, "The next token supplied was invalid."))?;
            items.retain(|(key, _)| key.as_str() > after);
        }
        let more = items.len() > size as usize;
        items.truncate(size as usize);
        let token = items.last().filter(|_| more).map(|(key, _)| format!("{TOKEN_PREFIX}{key}"));
        let mut answer = json!({ self.list: items.into_iter().map(|(_, item)| item).collect::<Vec<_>>() });
        if let Some(token) = token {
            answer["NextToken"] = json!(token);
        }
        Ok(answer)
    }
}

/// Believed: what AWS JSON services answer to a member of the wrong JSON type.
pub(crate) fn not_a(kind: &str, value: &Value) -> Fault {
    Fault::new("SerializationException", format!("{value} can not be converted to {kind}"))
}

const TOKEN_PREFIX: &str = "after:";

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: Pages = Pages { list: "Items", most: 2, invalid_token: "InvalidNextTokenException" };

    #[test]
    fn paging_shows_each_item_once_and_ends() {
        let mut input = json!({});
        let mut seen = Vec::new();
        loop {
            let items = (0..5).map(|n| (n.to_string(), json!(n))).collect();
            let answer = PAGES.answer(Input::new(&input).expect("an object"), items).expect("a page");
            seen.extend(answer["Items"].as_array().expect("a list").iter().filter_map(Value::as_i64));
            match answer.get("NextToken") {
                Some(token) => input["NextToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_made_up_token_and_an_impossible_page_size_are_refused() {
        for (input, code) in [
            (json!({ "NextToken": "49" }), "InvalidNextTokenException"),
            (json!({ "MaxResults": 0 }), "ValidationException"),
            (json!({ "MaxResults": 3 }), "ValidationException"),
        ] {
            let fault = PAGES.answer(Input::new(&input).expect("an object"), vec![]).unwrap_err();
            assert_eq!(fault.code, code);
        }
    }

    #[test]
    fn null_counts_as_left_out_and_text_is_no_number() {
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
