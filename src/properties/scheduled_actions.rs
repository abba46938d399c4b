//! `ScheduledActions`, each in the shape of the native [`ScalableTarget`][native]'s scheduled actions.
//!
//! [native]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-applicationautoscaling-scalabletarget-scheduledaction.html

use std::collections::BTreeSet;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

use super::reader::{Hints, OF_THIS_TARGET, OUTPUT_ONLY, Section, name, note_repeated_name, text, whole_number};
use super::schedule::{schedule, time_zone};
use super::settings::in_order;
use crate::model::json::Object;

/// Reads the scheduled actions as bodies of `PutScheduledAction`. No two have the same name.
pub(super) fn scheduled_actions(section: &Section<'_>) -> Vec<Object> {
    let mut names = BTreeSet::new();
    section.sections("ScheduledActions", "scheduled actions", MAX_ACTIONS, |action| {
        action.not_here(NOT_HERE);
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
        // Assumed (belief time-zone-kept): a put without a time zone keeps the stored one.
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
        section.note("MinCapacity", "required if MaxCapacity is missing; set at least one of the two");
    }
    in_order(section, &capacity);
    capacity
}

/// Reads a time, in seconds since the epoch, to the microsecond. A time without an offset is in UTC.
fn date_time(value: &Value) -> Result<Value, String> {
    let text = value.as_str().unwrap_or_default();
    let expected = "a time such as 2030-12-31T23:00:00Z";
    let time = time(text).ok_or_else(|| match time(&text.replacen(' ', "T", 1)) {
        // `aws cloudformation package` writes an unquoted time so.
        Some(_) => format!("{expected}, with a T; put the time in quotes in the template"),
        None => expected.to_owned(),
    })?;
    let micros = time.subsec_nanos() / 1_000;
    Ok(if micros == 0 { json!(time.secs()) } else { json!(time.secs() as f64 + f64::from(micros) / 1e6) })
}

fn time(text: &str) -> Option<DateTime> {
    // The SDK reads a leap second as another time.
    if text.get(17..19) == Some("60") {
        return None;
    }
    let parse = |text: &str| DateTime::from_str(text, Format::DateTimeWithOffset).ok();
    parse(text).or_else(|| parse(&format!("{text}Z")))
}

const NOT_HERE: Hints = &[
    ("CreationTime", OUTPUT_ONLY),
    ("ResourceId", OF_THIS_TARGET),
    ("ScalableDimension", OF_THIS_TARGET),
    ("ScheduledActionARN", OUTPUT_ONLY),
    ("ServiceNamespace", OF_THIS_TARGET),
];
const NAME: &str = "ScheduledActionName";
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html>
const MAX_ACTIONS: usize = 200;
