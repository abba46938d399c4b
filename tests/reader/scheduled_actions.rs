//! `ScheduledActions`.

use serde_json::{Value, json};

fn read(actions: Value) -> Result<Vec<Value>, String> {
    let desired = crate::read(&crate::with("ScheduledActions", actions))?;
    Ok(desired.spec.attachments.into_iter().map(|action| Value::Object(action.body)).collect())
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
    read(with(name, value)).expect_err("a mistake")
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
fn a_time_is_read_to_the_microsecond() {
    for (text, expected) in [
        ("2030-01-01T00:00:00.123456Z", json!(1_893_456_000.123_456)),
        ("2030-01-01T00:00:00.123456789Z", json!(1_893_456_000.123_456)),
        ("2030-01-01T00:00:00.0000009Z", json!(1_893_456_000)),
        ("2030-01-01T00:00:59.999999+00:00", json!(1_893_456_059.999_999)),
    ] {
        assert_eq!(read(with("StartTime", json!(text))).unwrap()[0]["StartTime"], expected, "{text}");
    }
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
        ("StartTime", json!("2030-12-31T23:59:60Z"), "StartTime: expected a time such as"),
        (
            "StartTime",
            json!("2027-01-01 00:00:00+00:00"),
            "StartTime: expected a time such as 2030-12-31T23:00:00Z, with a T; put the time in quotes in the template, \
             found \"2027-01-01 00:00:00+00:00\"",
        ),
        ("EndTime", json!(7), "EndTime: expected a time such as"),
        ("Starttime", json!("x"), "Starttime: unknown property, found \"x\"; did you mean StartTime?"),
        ("ScalableTargetAction", Value::Null, "ScalableTargetAction: required, but missing"),
        ("ScalableTargetAction", json!({}), "ScalableTargetAction.MinCapacity: required if MaxCapacity is missing"),
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
