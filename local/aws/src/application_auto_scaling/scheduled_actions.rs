//! Scheduled actions, which are stored as given and never run.
//!
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html> and its
//! neighbours, which is also the source of every rule that names no other. Assumed (belief error-texts): the texts.

use serde_json::json;

use crate::application_auto_scaling::policies_and_actions::AttachmentType;
use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::{Input, required};
use crate::protocol::member_types::MemberType;
use crate::state::LocalAws;
use crate::state::scalable_target::AttachmentKind;

impl LocalAws {
    pub(crate) fn put_scheduled_action(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        self.put_attachment(&ACTION, input, now).map(|_| json!({}))
    }

    pub(crate) fn delete_scheduled_action(&mut self, input: Input<'_>) -> OperationResult {
        self.delete_attachment(&ACTION, input)
    }

    pub(crate) fn describe_scheduled_actions(&self, input: Input<'_>) -> OperationResult {
        self.describe_attachments(&ACTION, input)
    }
}

/// Rejects an action that, merged with its stored members, is incomplete.
///
/// Assumed (belief put-rules): schedule and action are required at creation; the rules of the capacities. The time zone is not
/// checked.
fn check(action: Input<'_>) -> Result<(), Fault> {
    let name = action.text("ScheduledActionName")?;
    if name.starts_with(' ') || name.ends_with(' ') || name.contains(|c: char| c.is_control() || ":/|".contains(c)) {
        let constraint = format!("Member must satisfy regular expression pattern: {NAME_PATTERN}");
        return Err(Fault::constraint(format_args!("'{name}'"), "ScheduledActionName", constraint));
    }
    let schedule = action.text("Schedule")?;
    if !is_schedule(schedule) {
        return Err(Fault::validation(format!("Invalid schedule expression: {schedule}")));
    }
    let capacities = required("ScalableTargetAction", action.object("ScalableTargetAction")?)?;
    let (min, max) = (capacities.integer("MinCapacity")?, capacities.integer("MaxCapacity")?);
    if min.is_none() && max.is_none() {
        return Err(Fault::validation("A scheduled action must have a minimum or a maximum capacity"));
    }
    if [min, max].into_iter().flatten().any(i64::is_negative) {
        return Err(Fault::validation("Minimum and maximum capacity must be 0 or greater"));
    }
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        return Err(Fault::validation("Maximum capacity cannot be less than minimum capacity"));
    }
    Ok(())
}

/// Whether a text is `at(yyyy-mm-ddThh:mm:ss)`, `rate(value unit)` or `cron(fields)` with six fields.
///
/// Assumed (belief put-rules): the syntax of the fields of cron; only their characters are checked.
fn is_schedule(text: &str) -> bool {
    let inside = |form: &str| text.strip_prefix(form)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(time) = inside("at") {
        is_time(time)
    } else if let Some(rate) = inside("rate") {
        let units = ["minute", "minutes", "hour", "hours", "day", "days"];
        rate.split_once(' ').is_some_and(|(value, unit)| {
            units.contains(&unit) && value.parse::<u32>().is_ok_and(|value| value > 0) && !value.starts_with('+')
        })
    } else if let Some(fields) = inside("cron") {
        fields.split_whitespace().count() == 6
            && fields.chars().all(|c| c.is_ascii_alphanumeric() || " *?/,-#".contains(c))
    } else {
        false
    }
}

/// Whether a text is a time such as `2026-03-31T22:00:00`.
fn is_time(text: &str) -> bool {
    let form = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect::<String>();
    let number = |from: usize| text[from..from + 2].parse::<u8>().unwrap_or(u8::MAX);
    form == "9999-99-99T99:99:99"
        && (1..=12).contains(&number(5))
        && (1..=31).contains(&number(8))
        && number(11) < 24
        && number(14) < 60
        && number(17) < 60
}

const NAME_PATTERN: &str = r"(?!((^[ ]+.*)|(.*([\u0000-\u001f]|[\u007f-\u009f]|[:/|])+.*)|(.*[ ]+$))).+";

static ACTION: AttachmentType = AttachmentType {
    kind: AttachmentKind::ScheduledAction,
    request: REQUEST,
    check: |_, _, action| check(action),
    list: "ScheduledActions",
    names: "ScheduledActionNames",
    name: "ScheduledActionName",
    arn: "ScheduledActionARN",
    arn_type: "scheduledAction",
    arn_name: "scheduledActionName",
    not_found: "No scheduled action found",
    max_results: 50,
    quota: 200,
};

const REQUEST: MemberType = MemberType::Structure {
    required: &[
        ("ServiceNamespace", MemberType::Text),
        ("ScheduledActionName", MemberType::BoundedText(256)),
        ("ResourceId", MemberType::BoundedText(1600)),
        ("ScalableDimension", MemberType::Text),
    ],
    optional: &[
        ("Schedule", MemberType::BoundedText(1600)),
        ("Timezone", MemberType::BoundedText(1600)),
        ("StartTime", MemberType::Time),
        ("EndTime", MemberType::Time),
        (
            "ScalableTargetAction",
            MemberType::Structure {
                required: &[],
                optional: &[("MinCapacity", MemberType::Integer), ("MaxCapacity", MemberType::Integer)],
            },
        ),
    ],
};

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{action, scaling, with_target};

    fn put(input: Value) -> Result<(), Fault> {
        scaling(&mut with_target(), "PutScheduledAction", input).map(|_| ())
    }

    fn with(member: &str, value: Value) -> Value {
        let mut input = action("a");
        input[member] = value;
        input
    }

    #[test]
    fn a_schedule_has_one_of_three_forms() {
        for schedule in [
            "at(2026-03-31T22:00:00)",
            "rate(1 day)",
            "rate(12 hours)",
            "cron(0 9 ? * MON-FRI *)",
            "cron(0/5 8,12 L * ? 2026)",
            "cron(0 0 15W * ? *)",
        ] {
            put(with("Schedule", json!(schedule))).unwrap_or_else(|fault| panic!("{schedule}: {fault}"));
        }
        for schedule in [
            "",
            "1 day",
            "at(2026-03-31 22:00:00)",
            "at(2026-13-31T22:00:00)",
            "at(2026-03-31T24:00:00)",
            "at(2026-03-31T22:00:00Z)",
            "at(é026-03-31T22:00:00)",
            "rate(0 days)",
            "rate(+1 day)",
            "rate(1 week)",
            "rate(day)",
            "cron(0 9 * * ?)",
            "cron(0 9 ? * MON-FRI *",
            "cron(0 9 ? * MON_FRI *)",
            "every(1 day)",
        ] {
            assert_eq!(put(with("Schedule", json!(schedule))).unwrap_err().code, "ValidationException", "{schedule}");
        }
    }

    #[test]
    fn a_new_action_needs_a_schedule_and_a_capacity() {
        for (member, value) in [
            ("Schedule", json!(null)),
            ("ScalableTargetAction", json!(null)),
            ("ScalableTargetAction", json!({})),
            ("ScalableTargetAction", json!({ "MinCapacity": 3, "MaxCapacity": 2 })),
            ("ScalableTargetAction", json!({ "MinCapacity": -1 })),
            ("ScalableTargetAction", json!({ "MinCapacity": -2, "MaxCapacity": -1 })),
            ("ScalableTargetAction", json!({ "MaxCapacity": -1 })),
        ] {
            assert_eq!(put(with(member, value.clone())).unwrap_err().code, "ValidationException", "{member} {value}");
        }
        for capacities in
            [json!({ "MinCapacity": 0 }), json!({ "MaxCapacity": 0 }), json!({ "MinCapacity": 2, "MaxCapacity": 2 })]
        {
            put(with("ScalableTargetAction", capacities.clone()))
                .unwrap_or_else(|fault| panic!("{capacities}: {fault}"));
        }
    }

    #[test]
    fn a_name_has_no_separators_and_no_space_at_its_ends() {
        for name in ["", " a", "a ", "a:b", "a/b", "a|b", "a\nb", "a\u{85}b", &"a".repeat(257)] {
            let fault = put(with("ScheduledActionName", json!(name))).unwrap_err();
            assert_eq!(fault.code, "ValidationException", "{name:?}");
        }
        put(with("ScheduledActionName", json!("up, in the morning"))).expect("spaces inside are allowed");
    }

    #[test]
    fn numbers_and_times_as_strings_are_rejected() {
        for (member, value) in [
            ("StartTime", json!("2026-03-31T22:00:00Z")),
            ("EndTime", json!("1774994400")),
            ("ScalableTargetAction", json!({ "MinCapacity": "1" })),
            ("ScalableTargetAction", json!({ "MaxCapacity": "1" })),
        ] {
            assert_eq!(put(with(member, value)).unwrap_err().code, "SerializationException", "{member}");
        }
    }
}
