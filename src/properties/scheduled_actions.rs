//! `ScheduledActions`, each in the shape of the native [`ScalableTarget`][native]'s scheduled actions.
//!
//! [native]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-applicationautoscaling-scalabletarget-scheduledaction.html

use std::collections::BTreeSet;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

use super::reader::{Section, name, note_repeated_name, text, whole_number};
use super::schedule::{schedule, time_zone};
use super::settings::in_order;
use crate::model::json::Object;

/// Reads the scheduled actions as bodies of `PutScheduledAction`. No two have the same name.
pub(super) fn scheduled_actions(section: &Section<'_>) -> Vec<Object> {
    let mut names = BTreeSet::new();
    section.sections("ScheduledActions", "scheduled actions", MAX_ACTIONS, |action| {
        let mut body = action
            .body()
            .required(NAME, action_name)
            .required("Schedule", |value| schedule(text(value)?))
            .optional("Timezone", |value| time_zone(text(value)?))
            .optional("StartTime", date_time)
            .optional("EndTime", date_time)
            .required_object("ScalableTargetAction", capacities)
            .finish();
        note_repeated_name(action, NAME, &body, &mut names);
        // A put keeps the previous time zone if the body has none.
        body.entry("Timezone").or_insert_with(|| json!("UTC"));
        let [start, end] = ["StartTime", "EndTime"].map(|time| body.get(time)?.as_f64());
        if start.zip(end).is_some_and(|(start, end)| end <= start) {
            action.note("EndTime", "expected a time after StartTime");
        }
        Some(body)
    })
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>
fn action_name(value: &Value) -> Result<&str, String> {
    let text = name(256)(value)?;
    if text.contains([':', '/', '|']) || text.starts_with(' ') || text.ends_with(' ') {
        return Err("a name without colons, slashes and bars, and without spaces at its ends".to_owned());
    }
    Ok(text)
}

fn capacities(section: &Section<'_>) -> Object {
    let capacity =
        section.body().optional("MinCapacity", whole_number(0)).optional("MaxCapacity", whole_number(0)).finish();
    if section.value("MinCapacity").is_none() && section.value("MaxCapacity").is_none() {
        section.note("MinCapacity", "required, or MaxCapacity, but both are missing");
    }
    in_order(section, &capacity);
    capacity
}

/// Reads a time, in seconds since the epoch. A time without an offset is in UTC.
fn date_time(value: &Value) -> Result<Value, String> {
    let parse = |text: &str| DateTime::from_str(text, Format::DateTimeWithOffset).ok();
    let time = value.as_str().and_then(|text| parse(text).or_else(|| parse(&format!("{text}Z"))));
    let time = time.ok_or_else(|| "a time such as 2030-12-31T23:00:00Z".to_owned())?;
    Ok(if time.subsec_nanos() == 0 { json!(time.secs()) } else { json!(time.as_secs_f64()) })
}

const NAME: &str = "ScheduledActionName";
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html>
const MAX_ACTIONS: usize = 200;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::properties::reader::Collector;

    fn read(actions: Value) -> Result<Vec<Object>, String> {
        let properties = json!({ "ScheduledActions": actions });
        let read = Collector::default().read(&properties, |section| Some(scheduled_actions(section)));
        read.map_err(|mistakes| mistakes.to_string())
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
    fn an_action_is_read_into_the_apis_types() {
        let mut actions = with("StartTime", json!("2030-01-01T01:00:00+01:00"));
        actions[0]["EndTime"] = json!("2030-06-01T00:00:00");
        actions[0]["Timezone"] = json!("Europe/Berlin");
        actions[0]["ScalableTargetAction"]["MaxCapacity"] = json!(9);
        let expected = json!([{
            "ScheduledActionName": "morning",
            "Schedule": "cron(0 8 * * ? *)",
            "Timezone": "Europe/Berlin",
            "StartTime": 1_893_456_000,
            "EndTime": 1_906_502_400,
            "ScalableTargetAction": { "MinCapacity": 4, "MaxCapacity": 9 },
        }]);
        assert_eq!(read(actions).map(|actions| json!(actions)), Ok(expected));
    }

    #[test]
    fn an_action_without_a_time_zone_is_in_utc() {
        let read = read(with("StartTime", Value::Null)).unwrap();
        assert_eq!((&read[0]["Timezone"], read[0].get("StartTime")), (&json!("UTC"), None));
    }

    #[test]
    fn mistakes_are_told_with_their_paths() {
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
        assert_eq!(read(twice).unwrap_err(), "ScheduledActions[1].ScheduledActionName: the name morning appears twice");
    }
}
