//! Reads what an author wrote, and collects every mistake in it with its path.
//!
//! CloudFormation turns numbers and booleans into text, so either form is taken.

use std::cell::RefCell;
use std::fmt;

use serde_json::{Map, Value};
use thiserror::Error;

/// All mistakes of one request.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// Where mistakes are collected while reading goes on.
#[derive(Debug, Default)]
pub(crate) struct Collector(RefCell<Vec<String>>);

impl Collector {
    /// Notes a mistake at a path, if there is room for it in an answer.
    pub(crate) fn note(&self, path: &str, mistake: impl fmt::Display) {
        if !self.is_full() {
            self.0.borrow_mut().push(format!("{path}: {mistake}"));
        }
    }

    /// Whether there are as many mistakes as an answer may have room for.
    fn is_full(&self) -> bool {
        self.0.borrow().len() >= MAX_TOLD
    }

    /// What was read, if it was without mistake.
    ///
    /// # Panics
    /// If something could not be read and no mistake was noted.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Mistakes> {
        let mistakes = self.0.into_inner();
        if mistakes.is_empty() {
            Ok(read.expect("what could not be read was noted as a mistake"))
        } else {
            Err(Mistakes(mistakes))
        }
    }
}

/// One object of the properties.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    path: String,
    fields: &'a Map<String, Value>,
    mistakes: &'a Collector,
}

impl<'a> Section<'a> {
    /// The object at a path, or a mistake.
    pub(crate) fn new(path: &str, value: &'a Value, mistakes: &'a Collector) -> Option<Self> {
        match value {
            Value::Object(fields) => Some(Self { path: path.to_owned(), fields, mistakes }),
            _ => {
                let shown_path = if path.is_empty() { "ResourceProperties" } else { path };
                mistakes.note(shown_path, format_args!("expected an object, found {}", shown(value)));
                None
            }
        }
    }

    /// Notes every field that is not known, with the nearest known one; of those `not_here`, what there is to say.
    pub(crate) fn allow_only(&self, known: &[&str], not_here: &[(&str, &str)]) {
        for name in self.fields.keys().map(String::as_str) {
            if self.mistakes.is_full() {
                break;
            }
            if let Some((_, because)) = not_here.iter().find(|(not_here, _)| *not_here == name) {
                self.note(name, because);
            } else if !known.contains(&name) {
                let all = known.iter().map(|known| (known, likeness(name, known)));
                let nearest = all.max_by(|(_, a), (_, b)| a.total_cmp(b)).filter(|(_, likeness)| *likeness > 0.0);
                let hint = nearest.map(|(nearest, _)| format!("; did you mean {nearest}?")).unwrap_or_default();
                let found = shown(&self.fields[name]);
                self.mistakes.note(&self.path_of(cut(name)), format_args!("unknown property, found {found}{hint}"));
            }
        }
    }

    /// The object in a field, which may be absent.
    pub(crate) fn section(&self, name: &str) -> Option<Self> {
        Section::new(&self.path_of(name), self.value(name)?, self.mistakes)
    }

    /// The objects of the list in a field, which may be absent: as many of them as are allowed.
    pub(crate) fn sections(&self, name: &str, of: &str, most: usize) -> impl Iterator<Item = Self> + use<'a> {
        let list = self.optional(name, |value| value.as_array().ok_or_else(|| format!("a list of {of}")));
        let list = list.ok().flatten().map_or(&[][..], Vec::as_slice);
        if list.len() > most {
            self.note(name, format_args!("expected at most {most}, found {}", list.len()));
        }
        let (path, mistakes) = (self.path_of(name), self.mistakes);
        let each = list.iter().take(most).enumerate();
        each.filter_map(move |(index, value)| Section::new(&format!("{path}[{index}]"), value, mistakes))
    }

    /// Reads a field that may be absent; what cannot be read is noted as a mistake.
    pub(crate) fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Value) -> Result<T, String>,
    ) -> Result<Option<T>, Noted> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Ok(read) => Ok(Some(read)),
                Err(expected) => {
                    self.mistakes
                        .note(&self.path_of(name), format_args!("expected {expected}, found {}", shown(value)));
                    Err(Noted)
                }
            },
        }
    }

    /// Reads a field that must be there.
    pub(crate) fn required<T>(&self, name: &str, read: impl FnOnce(&'a Value) -> Result<T, String>) -> Option<T> {
        let read = self.optional(name, read).ok()?;
        if read.is_none() {
            self.mistakes.note(&self.path_of(name), "required, but missing");
        }
        read
    }

    /// A field as it is.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Notes a mistake about a field.
    pub(crate) fn note(&self, name: &str, mistake: impl fmt::Display) {
        self.mistakes.note(&self.path_of(name), mistake);
    }

    /// The path of a field, such as `Tags[0].Key`.
    pub(crate) fn path_of(&self, name: &str) -> String {
        let name = if name.is_empty() { "\"\"" } else { name };
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// A mistake was noted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted;

/// Reads text.
pub(crate) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "text".to_owned())
}

/// Reads a truth value.
pub(crate) fn boolean(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// Reads text of so many characters, none of which is a control character.
pub(crate) fn name(longest: usize) -> impl Fn(&Value) -> Result<&str, String> {
    move |value| {
        let fits =
            |text: &&str| !text.is_empty() && text.chars().count() <= longest && !text.contains(char::is_control);
        value.as_str().filter(fits).ok_or_else(|| format!("1 to {longest} printable characters"))
    }
}

/// Reads text that is one of those.
pub(crate) fn one_of<T: for<'a> From<&'a str>>(known: &[&str]) -> impl Fn(&Value) -> Result<T, String> {
    move |value| {
        let text = value.as_str().filter(|text| known.contains(text));
        text.map(T::from).ok_or_else(|| format!("one of {}", known.join(", ")))
    }
}

/// Reads a number.
pub(crate) fn number(value: &Value) -> Result<f64, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite()).ok_or_else(|| "a number".to_owned())
}

/// Reads a whole number, `least` or more.
pub(crate) fn whole_number(least: i32) -> impl Fn(&Value) -> Result<i32, String> {
    move |value| {
        let number = match value {
            Value::Number(number) => number.as_i64().and_then(|number| i32::try_from(number).ok()),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.filter(|number| *number >= least).ok_or_else(|| format!("a whole number from {least} to {}", i32::MAX))
    }
}

/// A value as a message shows it: as JSON, cut where it is long.
pub(crate) fn shown(value: &Value) -> String {
    if value.is_null() {
        return "nothing".to_owned();
    }
    let json = value.to_string();
    let shown = cut(&json);
    if shown.len() < json.len() { format!("{shown}…") } else { json }
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(MAX_SHOWN_CHARS).map_or(text, |(end, _)| &text[..end])
}

fn likeness(name: &str, known: &str) -> f64 {
    // The comparison takes time and memory by the name's length.
    if name.len() > MAX_COMPARED_BYTES {
        return 0.0;
    }
    strsim::normalized_damerau_levenshtein(&name.to_ascii_lowercase(), &known.to_ascii_lowercase())
}

const MAX_SHOWN_CHARS: usize = 80;
const MAX_COMPARED_BYTES: usize = 80;
/// An answer has room for fewer.
const MAX_TOLD: usize = 100;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_taken_as_numbers_and_as_text() {
        let read = whole_number(0);
        for value in [json!(7), json!("7")] {
            assert_eq!(read(&value), Ok(7), "{value}");
        }
    }

    #[test]
    fn what_is_no_whole_number_in_range_is_refused() {
        let read = whole_number(1);
        for value in [
            json!("one"),
            json!(""),
            json!(" 1"),
            json!("1.0"),
            json!(1.5),
            json!("0"),
            json!(-1),
            json!("2147483648"),
            json!(9_007_199_254_740_993_i64),
            json!("1e3"),
            json!(true),
            json!([1]),
        ] {
            assert_eq!(read(&value), Err("a whole number from 1 to 2147483647".to_owned()), "{value}");
        }
    }

    #[test]
    fn truth_is_taken_as_truth_and_as_text() {
        for (value, expected) in
            [(json!(true), Ok(true)), (json!("false"), Ok(false)), (json!("True"), Ok(true)), (json!(false), Ok(false))]
        {
            assert_eq!(boolean(&value), expected, "{value}");
        }
        for value in [json!("yes"), json!(1), json!("1"), json!("")] {
            assert!(boolean(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn no_more_is_looked_at_than_can_be_told() {
        let many = (0..100_000).map(|number| (format!("unknown-{number}"), json!(1)));
        let long = [("x".repeat(1_000_000), json!(1))];
        for fields in [Value::Object(many.collect()), Value::Object(long.into_iter().collect())] {
            let mistakes = Collector::default();
            Section::new("", &fields, &mistakes).unwrap().allow_only(&["EndpointName"], &[]);
            let told = mistakes.finish::<()>(None).unwrap_err();
            assert!(told.0.len() <= MAX_TOLD && told.0[0].len() < 200, "{}: {}", told.0.len(), told.0[0].len());
        }
    }

    #[test]
    fn a_property_without_a_name_is_told_by_its_quotes() {
        let mistakes = Collector::default();
        Section::new("Tags[0]", &json!({"": 1}), &mistakes).unwrap().allow_only(&["Key"], &[]);
        let told = mistakes.finish(Some(())).unwrap_err().to_string();
        assert_eq!(told, "Tags[0].\"\": unknown property, found 1");
    }

    #[test]
    fn a_name_without_end_is_like_no_known_one() {
        let mistakes = Collector::default();
        let fields = json!({ "MinCapacity".repeat(100_000): 1 });
        Section::new("", &fields, &mistakes).unwrap().allow_only(&["MinCapacity"], &[]);
        let told = mistakes.finish(Some(())).unwrap_err().to_string();
        assert!(told.ends_with(": unknown property, found 1") && told.len() < 200, "{told}");
    }

    #[test]
    fn a_long_value_is_shown_in_part() {
        let shown = shown(&json!("🦀".repeat(500)));
        assert_eq!(shown.chars().count(), MAX_SHOWN_CHARS + 1);
    }
}
