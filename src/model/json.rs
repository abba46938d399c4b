//! JSON values, and how messages show them.

use serde_json::{Map, Value};

/// A JSON object.
pub type Object = Map<String, Value>;

/// An object of these members, without those that are null.
pub fn object<const N: usize>(members: [(&str, Value); N]) -> Object {
    // `collect` would sort, and the program would contain a copy of the sort for each `N`.
    let mut object = Object::new();
    for (name, value) in members {
        if !value.is_null() {
            object.insert(name.to_owned(), value);
        }
    }
    object
}

/// A member that is text.
pub fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

/// A value as a message shows it: its JSON, truncated where it is long.
pub fn shown(value: &Value) -> String {
    if value.is_null() {
        return "nothing".to_owned();
    }
    let json = value.to_string();
    let shown = truncated(&json);
    if shown.len() < json.len() { format!("{shown}…") } else { json }
}

/// The part of a text that a message has room for.
pub fn truncated(text: &str) -> &str {
    text.char_indices().nth(MAX_SHOWN_CHARS).map_or(text, |(end, _)| &text[..end])
}

/// The bytes that a text takes in JSON, without its quotes.
pub fn escaped_len(text: &str) -> usize {
    Value::from(text).to_string().len() - 2
}

const MAX_SHOWN_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_value_is_shown_in_part() {
        let shown = shown(&json!("🦀".repeat(500)));
        assert_eq!(shown.chars().count(), MAX_SHOWN_CHARS + 1);
    }
}
