//! Converts the properties of a template into the API's form, and collects every mistake with its path.
//!
//! CloudFormation turns numbers and booleans into text, so both forms are accepted. Code that reads a member names it; when
//! a section was read, each member that no code has named is reported as unknown.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::model::json::{self, Object, shown, truncated};

/// All mistakes of one request.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// Collects mistakes while properties are read.
#[derive(Debug, Default)]
pub(super) struct Collector {
    mistakes: RefCell<Vec<String>>,
    names: RefCell<BTreeSet<&'static str>>,
}

impl Collector {
    /// Notes a mistake at a path, if an answer has room for it.
    pub(super) fn note(&self, path: &str, mistake: impl fmt::Display) {
        if !self.is_full() {
            self.mistakes.borrow_mut().push(format!("{path}: {mistake}"));
        }
    }

    fn is_full(&self) -> bool {
        self.mistakes.borrow().len() >= MAX_MISTAKES
    }

    /// The names of all members that were looked for.
    pub(super) fn names(&self) -> BTreeSet<&'static str> {
        self.names.borrow().clone()
    }

    /// Reads the properties of a resource.
    ///
    /// # Panics
    /// If `read` returns `None` without noting a mistake.
    pub(super) fn read<T>(
        &self,
        properties: &Value,
        read: impl FnOnce(&Section<'_>) -> Option<T>,
    ) -> Result<T, Mistakes> {
        let value = Section::read("", properties, self, read);
        let mistakes = self.mistakes.take();
        if mistakes.is_empty() {
            Ok(value.expect("a member that could not be read is a mistake"))
        } else {
            Err(Mistakes(mistakes))
        }
    }
}

/// One object of the properties.
#[derive(Debug)]
pub(super) struct Section<'a> {
    path: String,
    members: &'a Map<String, Value>,
    collector: &'a Collector,
    known: RefCell<BTreeSet<&'static str>>,
    not_here: Cell<Hints>,
}

impl<'a> Section<'a> {
    /// Reads an object with `read`, then notes its unknown members.
    fn read<T>(
        path: &str,
        value: &'a Value,
        collector: &'a Collector,
        read: impl FnOnce(&Self) -> Option<T>,
    ) -> Option<T> {
        let Value::Object(members) = value else {
            let path = if path.is_empty() { "ResourceProperties" } else { path };
            collector.note(path, format_args!("expected an object, found {}", shown(value)));
            return None;
        };
        let (known, not_here) = (RefCell::default(), Cell::default());
        let section = Self { path: path.to_owned(), members, collector, known, not_here };
        let earlier = collector.mistakes.borrow().len();
        let value = read(&section);
        let read = collector.mistakes.borrow().len();
        section.note_unknown_members();
        // A misspelt member explains a missing one, so it comes first.
        let mut mistakes = collector.mistakes.borrow_mut();
        let unknown = mistakes.len() - read;
        mistakes[earlier..].rotate_right(unknown);
        value
    }

    /// Names members that do not belong in this section, each with what to do instead.
    pub(super) fn not_here(&self, members: Hints) {
        self.not_here.set(members);
        self.collector.names.borrow_mut().extend(members.iter().map(|(name, _)| name));
    }

    /// Accepts members without reading them.
    pub(super) fn ignore(&self, names: &[&'static str]) {
        for name in names {
            self.know(name);
        }
    }

    /// Reads an object, which may be absent.
    pub(super) fn section<T>(&self, name: &'static str, read: impl FnOnce(&Self) -> Option<T>) -> Option<T> {
        Section::read(&self.path_of(name), self.value(name)?, self.collector, read)
    }

    /// Reads the objects of a list, which may be absent. Objects beyond `most` are not read.
    pub(super) fn sections<T>(
        &self,
        name: &'static str,
        of: &str,
        most: usize,
        mut read: impl FnMut(&Self) -> Option<T>,
    ) -> Vec<T> {
        let list = self.optional(name, |value| value.as_array().ok_or_else(|| format!("a list of {of}")));
        let list = list.ok().flatten().map_or(&[][..], Vec::as_slice);
        if list.len() > most {
            self.note(name, format_args!("expected at most {most}, found {}", list.len()));
        }
        let path = self.path_of(name);
        let items = list.iter().take(most).enumerate();
        items
            .filter_map(|(index, value)| Section::read(&format!("{path}[{index}]"), value, self.collector, &mut read))
            .collect()
    }

    /// Reads a member that may be absent. A member that cannot be read is a mistake.
    pub(super) fn optional<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&'a Value) -> Result<T, String>,
    ) -> Result<Option<T>, Noted> {
        let Some(value) = self.value(name) else { return Ok(None) };
        read(value).map(Some).map_err(|expected| {
            self.note(name, format_args!("expected {expected}, found {}", shown(value)));
            Noted
        })
    }

    /// Reads a member that must be there.
    pub(super) fn required<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&'a Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.optional(name, read).ok()?;
        if value.is_none() {
            self.note(name, MISSING);
        }
        value
    }

    /// A member, unread.
    pub(super) fn value(&self, name: &'static str) -> Option<&'a Value> {
        self.know(name);
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// Notes two members that exclude each other, or that neither is there.
    pub(super) fn exactly_one(&self, first: &'static str, second: &'static str) {
        match (self.value(first), self.value(second)) {
            (Some(_), Some(_)) => {
                self.note(second, format_args!("cannot be set together with {first}; remove one of the two"))
            }
            (None, None) => self.note(first, format_args!("required if {second} is missing; set one of the two")),
            _ => {}
        }
    }

    /// Begins a request body with members of this section.
    pub(super) fn body(&self) -> Body<'_, 'a> {
        Body { section: self, members: Object::new() }
    }

    /// Notes a mistake about a member.
    pub(super) fn note(&self, name: &str, mistake: impl fmt::Display) {
        self.collector.note(&self.path_of(name), mistake);
    }

    fn know(&self, name: &'static str) {
        self.known.borrow_mut().insert(name);
        self.collector.names.borrow_mut().insert(name);
    }

    fn note_unknown_members(&self) {
        let known = self.known.borrow();
        for name in self.members.keys().map(String::as_str) {
            if self.collector.is_full() {
                break;
            }
            if known.contains(name) {
                continue;
            }
            if let Some((_, hint)) = self.not_here.get().iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                self.note(name, hint);
            } else {
                let likenesses = known.iter().map(|known| (known, likeness(name, known)));
                let nearest =
                    likenesses.filter(|(_, likeness)| *likeness > 0.5).max_by(|(_, a), (_, b)| a.total_cmp(b));
                let hint = nearest.map(|(nearest, _)| format!("; did you mean {nearest}?")).unwrap_or_default();
                let found = shown(&self.members[name]);
                self.note(truncated(name), format_args!("unknown property, found {found}{hint}"));
            }
        }
    }

    /// The path of a member, such as `Tags[0].Key`.
    fn path_of(&self, name: &str) -> String {
        let name = if name.is_empty() { "\"\"" } else { name };
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// A part of a request body that is copied from a section, member by member.
///
/// A member with a mistake is left out. The mistake fails the request, so the body is never used then.
pub(super) struct Body<'s, 'a> {
    section: &'s Section<'a>,
    members: Object,
}

impl<'a> Body<'_, 'a> {
    /// Copies a member that must be there.
    pub(super) fn required<T: Into<Value>>(
        mut self,
        name: &'static str,
        read: impl FnOnce(&'a Value) -> Result<T, String>,
    ) -> Self {
        let value = self.section.required(name, read);
        self.members.extend(value.map(|value| (name.to_owned(), value.into())));
        self
    }

    /// Copies a member that may be absent.
    pub(super) fn optional<T: Into<Value>>(
        mut self,
        name: &'static str,
        read: impl FnOnce(&'a Value) -> Result<T, String>,
    ) -> Self {
        let value = self.section.optional(name, read).ok().flatten();
        self.members.extend(value.map(|value| (name.to_owned(), value.into())));
        self
    }

    /// Copies an object that may be absent.
    pub(super) fn object(mut self, name: &'static str, read: impl FnOnce(&Section<'a>) -> Object) -> Self {
        let value = self.section.section(name, |section| Some(read(section)));
        self.members.extend(value.map(|value| (name.to_owned(), value.into())));
        self
    }

    /// Copies an object that must be there.
    pub(super) fn required_object(self, name: &'static str, read: impl FnOnce(&Section<'a>) -> Object) -> Self {
        if self.section.value(name).is_none() {
            self.section.note(name, MISSING);
        }
        self.object(name, read)
    }

    /// Copies a list of objects that may be absent.
    pub(super) fn list(
        mut self,
        name: &'static str,
        of: &str,
        most: usize,
        mut read: impl FnMut(&Section<'a>) -> Object,
    ) -> Self {
        if self.section.value(name).is_some() {
            let list = self.section.sections(name, of, most, |section| Some(read(section)));
            self.members.insert(name.to_owned(), list.into());
        }
        self
    }

    /// The members that were copied.
    pub(super) fn finish(self) -> Object {
        self.members
    }
}

/// Names of members, each with a hint.
pub(super) type Hints = &'static [(&'static str, &'static str)];

/// A mistake was noted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted;

/// Reads text.
pub(super) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "text".to_owned())
}

/// Reads a boolean.
pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// Reads text of 1 to `longest` characters.
pub(super) fn bounded(longest: usize) -> impl Fn(&Value) -> Result<&str, String> {
    move |value| {
        let fits = |text: &&str| !text.is_empty() && text.chars().count() <= longest;
        value.as_str().filter(fits).ok_or_else(|| format!("1 to {longest} characters"))
    }
}

/// Reads text of 1 to `longest` characters without control characters.
pub(super) fn name(longest: usize) -> impl Fn(&Value) -> Result<&str, String> {
    move |value| {
        let fits =
            |text: &&str| !text.is_empty() && text.chars().count() <= longest && !text.contains(char::is_control);
        value.as_str().filter(fits).ok_or_else(|| format!("1 to {longest} printable characters"))
    }
}

/// Reads text that is one of those.
pub(super) fn one_of(known: &[&str]) -> impl Fn(&Value) -> Result<&str, String> {
    move |value| {
        let text = value.as_str().filter(|text| known.contains(text));
        text.ok_or_else(|| format!("one of {}", known.join(", ")))
    }
}

/// Reads a number.
pub(super) fn number(value: &Value) -> Result<f64, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite()).ok_or_else(|| "a number".to_owned())
}

/// Reads a whole number that is at least `least`.
pub(super) fn whole_number(least: i32) -> impl Fn(&Value) -> Result<i32, String> {
    move |value| {
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            _ => String::new(),
        };
        // A parameter of type Number may be `4.0`.
        let whole = text.trim_end_matches('0').strip_suffix('.').unwrap_or(&text);
        let number: Option<i32> = whole.parse().ok();
        number.filter(|number| *number >= least).ok_or_else(|| format!("a whole number from {least} to {}", i32::MAX))
    }
}

/// Notes a name that an earlier item of the list has.
pub(super) fn note_repeated_name(section: &Section<'_>, member: &str, body: &Object, names: &mut BTreeSet<String>) {
    if let Some(name) = json::text(body, member)
        && !names.insert(name.to_owned())
    {
        section.note(member, format_args!("the name {name} appears twice"));
    }
}

/// How similar two names are, from 0 to 1. The rule for cfn-lint calculates the same.
fn likeness(name: &str, known: &str) -> f64 {
    // The comparison takes time and memory by the name's length.
    if name.len() > MAX_COMPARED_BYTES {
        return 0.0;
    }
    strsim::normalized_levenshtein(&name.to_ascii_lowercase(), &known.to_ascii_lowercase())
}

/// Properties that CloudFormation itself acts on.
pub(super) const CLOUDFORMATIONS_OWN: [&str; 2] = ["ServiceTimeout", "ServiceToken"];
/// The hint for a field that the services set.
pub(super) const OUTPUT_ONLY: &str = "leave it out: only Describe returns it";
/// The hint for a field that names the target of a policy or a scheduled action.
pub(super) const OF_THIS_TARGET: &str = "leave it out: it follows from this resource's target";
/// The mistake of a member that must be there.
pub(super) const MISSING: &str = "required, but missing";
const MAX_COMPARED_BYTES: usize = 80;
/// An answer has room for fewer.
const MAX_MISTAKES: usize = 100;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads properties that may have one member.
    fn read_one(name: &'static str, properties: &Value) -> Result<(), Mistakes> {
        Collector::default().read(properties, |section| {
            section.ignore(&[name]);
            Some(())
        })
    }

    #[test]
    fn a_whole_number_may_be_a_number_or_text_with_zeros_after_the_point() {
        let read = whole_number(0);
        for value in [json!(7), json!("7"), json!(7.0), json!("7.0"), json!("7."), json!("+07.00")] {
            assert_eq!(read(&value), Ok(7), "{value}");
        }
    }

    #[test]
    fn other_values_are_no_whole_number_in_range() {
        let read = whole_number(1);
        for value in [
            json!("one"),
            json!(""),
            json!(" 1"),
            json!(1.5),
            json!("1.05"),
            json!("1.0.0"),
            json!("1 .0"),
            json!(".0"),
            json!("."),
            json!("0.0"),
            json!("1_000"),
            json!("0x10"),
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
    fn a_boolean_may_be_a_boolean_or_text() {
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
    fn the_mistakes_of_huge_properties_are_bounded() {
        let many = (0..100_000).map(|number| (format!("unknown-{number}"), json!(1)));
        let long = [("x".repeat(1_000_000), json!(1))];
        for fields in [Value::Object(many.collect()), Value::Object(long.into_iter().collect())] {
            let Mistakes(mistakes) = read_one("EndpointName", &fields).unwrap_err();
            assert!(mistakes.len() <= MAX_MISTAKES && mistakes[0].len() < 200, "{}", mistakes.len());
        }
    }

    #[test]
    fn a_property_with_an_empty_name_is_shown_in_quotes() {
        let mistakes = read_one("Key", &json!({"": 1})).unwrap_err().to_string();
        assert_eq!(mistakes, "\"\": unknown property, found 1");
    }

    #[test]
    fn a_very_long_name_resembles_no_known_one() {
        let mistakes = read_one("MinCapacity", &json!({ "MinCapacity".repeat(100_000): 1 })).unwrap_err().to_string();
        assert!(mistakes.ends_with(": unknown property, found 1") && mistakes.len() < 200, "{mistakes}");
    }
}
