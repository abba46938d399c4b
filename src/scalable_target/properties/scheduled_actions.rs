//! `ScheduledActions`, each in the shape that the native [`ScalableTarget`][native] has for them.
//!
//! [native]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-applicationautoscaling-scalabletarget-scheduledaction.html

use std::collections::BTreeSet;

use aws_sdk_applicationautoscaling::types::ScalableTargetAction;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;

use super::schedule::{schedule, time_zone};
use crate::reader::{Section, name, text, whole_number};

/// New limits at certain times.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledAction {
    /// Its `ScheduledActionName`.
    pub name: String,
    /// Its `Schedule`: `at(…)`, `rate(…)` or `cron(…)`.
    pub schedule: String,
    /// The time zone of the schedule. The service would keep an earlier one that is left out.
    pub timezone: String,
    /// Not before this.
    pub start_time: Option<DateTime>,
    /// Not after this.
    pub end_time: Option<DateTime>,
    /// The limits; at least one of them.
    pub action: ScalableTargetAction,
}

pub(super) fn scheduled_actions(section: &Section<'_>) -> Vec<ScheduledAction> {
    let mut names = BTreeSet::new();
    let read = |action: Section<'_>| {
        action.allow_only(&[ACTION, "EndTime", "Schedule", NAME, "StartTime", "Timezone"], &[]);
        let name = action.required(NAME, action_name);
        if name.is_some_and(|name| !names.insert(name.to_owned())) {
            action.note(NAME, format_args!("the name {} is there twice", name.unwrap_or_default()));
        }
        let schedule = action.required("Schedule", |value| schedule(text(value)?));
        let timezone = action.optional("Timezone", |value| time_zone(text(value)?));
        let [start_time, end_time] = ["StartTime", "EndTime"].map(|time| action.optional(time, date_time));
        let capacities = action.section(ACTION).and_then(|section| capacities(&section));
        if action.value(ACTION).is_none() {
            action.note(ACTION, "required, but missing");
        }
        let (start_time, end_time) = (start_time.ok()?, end_time.ok()?);
        if start_time.zip(end_time).is_some_and(|(start, end)| end <= start) {
            action.note("EndTime", "expected a time after StartTime");
        }
        Some(ScheduledAction {
            name: name?.to_owned(),
            schedule: schedule?.to_owned(),
            timezone: timezone.ok()?.unwrap_or("UTC").to_owned(),
            start_time,
            end_time,
            action: capacities?,
        })
    };
    section.sections("ScheduledActions", "scheduled actions", MAX_ACTIONS).filter_map(read).collect()
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>
fn action_name(value: &Value) -> Result<&str, String> {
    let text = name(256)(value)?;
    if text.contains([':', '/', '|']) || text.starts_with(' ') || text.ends_with(' ') {
        return Err("a name without colons, slashes and bars, and without spaces at its ends".to_owned());
    }
    Ok(text)
}

fn capacities(section: &Section<'_>) -> Option<ScalableTargetAction> {
    section.allow_only(&["MaxCapacity", "MinCapacity"], &[]);
    let min = section.optional("MinCapacity", whole_number(0));
    let max = section.optional("MaxCapacity", whole_number(0));
    let (min, max) = (min.ok()?, max.ok()?);
    match (min, max) {
        (None, None) => section.note("MinCapacity", "required, or MaxCapacity, but both are missing"),
        (Some(min), Some(max)) if min > max => {
            section.note("MinCapacity", format_args!("expected at most MaxCapacity, {max}, found {min}"));
        }
        _ => {}
    }
    Some(ScalableTargetAction::builder().set_min_capacity(min).set_max_capacity(max).build())
}

/// A time without an offset is in UTC.
fn date_time(value: &Value) -> Result<DateTime, String> {
    let parse = |text: &str| DateTime::from_str(text, Format::DateTimeWithOffset).ok();
    let read = value.as_str().and_then(|text| parse(text).or_else(|| parse(&format!("{text}Z"))));
    read.ok_or_else(|| "a time such as 2030-12-31T23:00:00Z".to_owned())
}

const ACTION: &str = "ScalableTargetAction";
const NAME: &str = "ScheduledActionName";
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html>
const MAX_ACTIONS: usize = 200;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reader::Collector;

    fn read(actions: Value) -> Result<Vec<ScheduledAction>, String> {
        let mistakes = Collector::default();
        let properties = json!({ "ScheduledActions": actions });
        let read = scheduled_actions(&Section::new("", &properties, &mistakes).unwrap());
        mistakes.finish(Some(read)).map_err(|mistakes| mistakes.to_string())
    }

    fn with(name: &str, value: Value) -> Value {
        let mut action = json!({
            "ScheduledActionName": "morning",
            "Schedule": "cron(0 8 * * ? *)",
            "ScalableTargetAction": { "MinCapacity": "4" },
        });
        action[name] = value;
        json!([action])
    }

    fn mistake(name: &str, value: Value) -> String {
        read(with(name, value)).unwrap_err()
    }

    #[test]
    fn an_action_is_read_with_its_true_types() {
        let mut actions = with("StartTime", json!("2030-01-01T01:00:00+01:00"));
        actions[0]["EndTime"] = json!("2030-06-01T00:00:00");
        actions[0]["Timezone"] = json!("Europe/Berlin");
        actions[0]["ScalableTargetAction"]["MaxCapacity"] = json!(9);
        let expected = ScheduledAction {
            name: "morning".to_owned(),
            schedule: "cron(0 8 * * ? *)".to_owned(),
            timezone: "Europe/Berlin".to_owned(),
            start_time: Some(DateTime::from_secs(1_893_456_000)),
            end_time: Some(DateTime::from_secs(1_906_502_400)),
            action: ScalableTargetAction::builder().min_capacity(4).max_capacity(9).build(),
        };
        assert_eq!(read(actions), Ok(vec![expected]));
    }

    #[test]
    fn the_time_zone_of_an_action_that_names_none_is_utc() {
        let read = read(with("StartTime", Value::Null)).unwrap();
        assert_eq!((read[0].timezone.as_str(), read[0].start_time), ("UTC", None));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (name, value, expected) in [
            ("ScheduledActionName", json!("a:b"), "ScheduledActionName: expected a name without colons"),
            ("ScheduledActionName", json!(" a"), "ScheduledActionName: expected a name without colons"),
            ("ScheduledActionName", json!("a\tb"), "ScheduledActionName: expected 1 to 256 printable"),
            ("Schedule", json!("daily"), "Schedule: expected at(yyyy-mm-ddThh:mm:ss), "),
            ("Timezone", json!("CEST"), "Timezone: expected the name of a time zone"),
            ("StartTime", json!("tomorrow"), "StartTime: expected a time such as"),
            ("EndTime", json!(7), "EndTime: expected a time such as"),
            ("Starttime", json!("x"), "Starttime: unknown property, found \"x\"; did you mean StartTime?"),
            ("ScalableTargetAction", Value::Null, "ScalableTargetAction: required, but missing"),
            ("ScalableTargetAction", json!({}), "ScalableTargetAction.MinCapacity: required, or MaxCapacity"),
            (
                "ScalableTargetAction",
                json!({ "MinCapacity": "5", "MaxCapacity": "4" }),
                "ScalableTargetAction.MinCapacity: expected at most MaxCapacity, 4, found 5",
            ),
        ] {
            let told = mistake(name, value);
            assert!(told.starts_with(&format!("ScheduledActions[0].{expected}")), "{told}");
        }
        let mut ended = with("StartTime", json!("2030-01-01T00:00:00Z"));
        ended[0]["EndTime"] = json!("2030-01-01T00:00:00Z");
        assert_eq!(read(ended).unwrap_err(), "ScheduledActions[0].EndTime: expected a time after StartTime");
        let mut twice = with("StartTime", Value::Null);
        let again = twice[0].clone();
        twice.as_array_mut().unwrap().push(again);
        assert_eq!(
            read(twice).unwrap_err(),
            "ScheduledActions[1].ScheduledActionName: the name morning is there twice"
        );
    }
}
