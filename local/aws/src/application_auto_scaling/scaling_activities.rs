//! Scaling activities. Registration begins some; test controls record others, as policies do not act in this model.
//!
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingActivities.html>; user guide:
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html>

use serde_json::{Value, json};

use crate::protocol::fault::OperationResult;
use crate::protocol::input::Input;
use crate::protocol::member_types::MemberType;
use crate::protocol::pagination::Pages;
use crate::state::LocalAws;
use crate::state::scalable_target::{NAMESPACE, TargetFilter, TargetId};
use crate::state::scaling_activity::ScalingActivity;

impl LocalAws {
    /// Describes the activities of the last six weeks, the newest first.
    ///
    /// Assumed (belief activity-order): the order; the activities of a deregistered target stay.
    pub(crate) fn describe_scaling_activities(&self, input: Input<'_>, now: f64) -> OperationResult {
        let filter = TargetFilter::read(input)?;
        let includes_not_scaled = input.flag("IncludeNotScaledActivities")?;
        let items = self.scaling_activities.iter().enumerate().filter_map(|(number, activity)| {
            let is_included = includes_not_scaled || !activity.members.contains_key(REASONS);
            let is_recent = (now - SIX_WEEKS..=now).contains(&activity.started);
            (is_included && is_recent && filter.matches(&activity.target)).then(|| {
                // Pages are in the order of these keys.
                let key = format!("{:020}|{:020}", (1e16 - activity.started * 1e3) as u64, usize::MAX - number);
                (key, description(number, activity, now))
            })
        });
        Pages { list: "ScalingActivities", max_results: 50, invalid_token: "InvalidNextTokenException" }
            .page(input, items.collect())
    }

    /// Records an activity. The default of `StartTime` is now.
    pub(crate) fn record_scaling_activity(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        let read = RECORD.read(&input.0.clone().into())?;
        RECORD.check("", &read)?;
        let input = Input::new(&read)?;
        let target = TargetId::read(input)?;
        let mut members = input.0.clone();
        let is_not_scaled = members.contains_key(REASONS);
        // The examples in the user guide have texts of these forms.
        let description = if is_not_scaled {
            "Attempting to scale due to alarm triggered"
        } else {
            "Setting desired instance count to 3."
        };
        members.entry("Description").or_insert_with(|| json!(description));
        let cause = || json!("monitor alarm TargetTracking-AlarmHigh in state ALARM triggered policy p");
        members.entry("Cause").or_insert_with(cause);
        let (started, ended) = (input.number("StartTime")?.unwrap_or(now), input.number("EndTime")?);
        self.scaling_activities.push(ScalingActivity { target, started, ended, members });
        Ok(json!({}))
    }
}

/// `number` is the activity's place among all.
fn description(number: usize, activity: &ScalingActivity, now: f64) -> Value {
    let ScalingActivity { target, started, ended, members } = activity;
    let mut item = members.clone();
    item.insert("ActivityId".to_owned(), json!(format!("00000000-0000-4000-8000-{number:012x}")));
    item.insert("ServiceNamespace".to_owned(), json!(NAMESPACE));
    item.insert("ResourceId".to_owned(), json!(target.resource.to_string()));
    item.insert("ScalableDimension".to_owned(), json!(target.dimension.name()));
    item.insert("StartTime".to_owned(), json!(started));
    match ended {
        Some(ended) if *ended > now => {
            item.insert("StatusCode".to_owned(), json!("InProgress"));
            item.remove("StatusMessage");
            item.remove("EndTime");
        }
        Some(ended) => drop(item.insert("EndTime".to_owned(), json!(ended))),
        None => {}
    }
    item.into()
}

const REASONS: &str = "NotScaledReasons";
const SIX_WEEKS: f64 = 42.0 * 86_400.0;

const RECORD: MemberType = MemberType::Structure {
    required: &[
        ("ServiceNamespace", MemberType::Text),
        ("ResourceId", MemberType::BoundedText(1600)),
        ("ScalableDimension", MemberType::Text),
        (
            "StatusCode",
            MemberType::OneOf(&["Pending", "InProgress", "Successful", "Overridden", "Unfulfilled", "Failed"]),
        ),
    ],
    optional: &[
        ("Description", MemberType::Text),
        ("Cause", MemberType::Text),
        ("StatusMessage", MemberType::Text),
        ("Details", MemberType::Text),
        ("StartTime", MemberType::Time),
        ("EndTime", MemberType::Time),
        (
            REASONS,
            MemberType::List(&MemberType::Structure {
                required: &[("Code", MemberType::Text)],
                optional: &[
                    ("MaxCapacity", MemberType::Integer),
                    ("MinCapacity", MemberType::Integer),
                    ("CurrentCapacity", MemberType::Integer),
                ],
            }),
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ID, INSTANCES, register, with_endpoint};

    const NOW: f64 = 1e9;

    /// Records an activity of variant `blue`.
    fn record(aws: &mut LocalAws, mut input: Value) -> OperationResult {
        for (member, value) in [("ServiceNamespace", NAMESPACE), ("ResourceId", ID), ("ScalableDimension", INSTANCES)] {
            input.as_object_mut().expect("an object").entry(member).or_insert_with(|| json!(value));
        }
        aws.call("LocalAws.RecordScalingActivity", &input, NOW)
    }

    fn page(aws: &mut LocalAws, mut input: Value) -> Value {
        input["ServiceNamespace"] = json!(NAMESPACE);
        aws.call("AnyScaleFrontendService.DescribeScalingActivities", &input, NOW).expect("describes")
    }

    /// The messages of the activities on a page.
    fn messages(aws: &mut LocalAws, input: Value) -> Vec<String> {
        let page = page(aws, input);
        let activities = page["ScalingActivities"].as_array().expect("a list").iter();
        activities.map(|activity| activity["StatusMessage"].as_str().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_recorded_activity_is_described_with_all_its_members() {
        let mut aws = LocalAws::default();
        let input = json!({ "StatusCode": "Failed", "StatusMessage": "no", "Details": "d", "EndTime": 5 });
        record(&mut aws, input).expect("records");
        assert_eq!(
            page(&mut aws, json!({})),
            json!({ "ScalingActivities": [{
                "ActivityId": "00000000-0000-4000-8000-000000000000",
                "ServiceNamespace": "sagemaker",
                "ResourceId": ID,
                "ScalableDimension": INSTANCES,
                "Description": "Setting desired instance count to 3.",
                "Cause": "monitor alarm TargetTracking-AlarmHigh in state ALARM triggered policy p",
                "StartTime": NOW,
                "EndTime": 5.0,
                "StatusCode": "Failed",
                "StatusMessage": "no",
                "Details": "d",
            }] })
        );
    }

    #[test]
    fn activities_are_described_from_the_newest_to_those_six_weeks_ago_in_pages() {
        let mut aws = LocalAws::default();
        for (message, ago) in [("b", 60.0), ("old", SIX_WEEKS + 1.0), ("a", 0.0), ("d", SIX_WEEKS), ("c", 61.0)] {
            let input = json!({ "StatusCode": "Successful", "StatusMessage": message, "StartTime": NOW - ago });
            record(&mut aws, input).expect("records");
        }
        record(&mut aws, json!({ "StatusCode": "Pending", "StatusMessage": "a2" })).expect("records");
        let first = page(&mut aws, json!({ "MaxResults": 2 }));
        record(&mut aws, json!({ "StatusCode": "Pending", "StatusMessage": "newer" })).expect("records");
        assert_eq!(messages(&mut aws, json!({ "NextToken": first["NextToken"] })), ["b", "c", "d"]);
        assert_eq!(messages(&mut aws, json!({})), ["newer", "a2", "a", "b", "c", "d"]);
        for n in 0..50 {
            record(&mut aws, json!({ "StatusCode": "Successful", "StartTime": NOW - 99.0 - f64::from(n) }))
                .expect("records");
        }
        assert_eq!(messages(&mut aws, json!({})).len(), 50);
    }

    #[test]
    fn not_scaled_activities_are_described_on_request_with_their_reasons() {
        let mut aws = LocalAws::default();
        let reasons = json!([{ "Code": "AlreadyAtMaxCapacity", "MaxCapacity": 4 }]);
        record(&mut aws, json!({ "StatusCode": "Failed", "NotScaledReasons": reasons })).expect("records");
        assert_eq!(page(&mut aws, json!({})), json!({ "ScalingActivities": [] }));
        let described = page(&mut aws, json!({ "IncludeNotScaledActivities": true }));
        let described = &described["ScalingActivities"][0];
        assert_eq!((&described["NotScaledReasons"], &described["StatusCode"]), (&reasons, &json!("Failed")));
        assert_eq!((described.get("EndTime"), described.get("StatusMessage")), (None, None));
    }

    #[test]
    fn activities_are_filtered_by_target() {
        let mut aws = LocalAws::default();
        let other =
            json!({ "ResourceId": "endpoint/Prod/variant/green", "StatusCode": "Failed", "StatusMessage": "g" });
        record(&mut aws, other).expect("records");
        record(&mut aws, json!({ "StatusCode": "Failed", "StatusMessage": "b" })).expect("records");
        assert_eq!(messages(&mut aws, json!({ "ResourceId": ID })), ["b"]);
        assert_eq!(messages(&mut aws, json!({ "ResourceId": ID, "ScalableDimension": INSTANCES })), ["b"]);
        let dimension = json!({ "ServiceNamespace": NAMESPACE, "ScalableDimension": INSTANCES });
        aws.call("AnyScaleFrontendService.DescribeScalingActivities", &dimension, NOW).unwrap_err();
        aws.call("AnyScaleFrontendService.DescribeScalingActivities", &json!({}), NOW).unwrap_err();
    }

    #[test]
    fn an_activity_of_an_unknown_status_or_reason_without_code_is_rejected() {
        let mut aws = LocalAws::default();
        for input in [
            json!({ "StatusCode": "Cancelled" }),
            json!({}),
            json!({ "StatusCode": "Failed", "NotScaledReasons": [{ "MaxCapacity": 4 }] }),
            json!({ "StatusCode": "Failed", "ResourceId": "service/a/b" }),
        ] {
            assert_eq!(record(&mut aws, input).unwrap_err().code, "ValidationException");
        }
    }

    #[test]
    fn a_registration_that_moves_the_capacity_is_an_activity() {
        let mut aws = with_endpoint();
        aws.set_endpoint_takes(60.0);
        register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 }));
        register(&mut aws, json!({ "MinCapacity": 3 }));
        let mut at = |now| {
            let input = json!({ "ServiceNamespace": NAMESPACE, "ResourceId": ID });
            let mut found =
                aws.call("AnyScaleFrontendService.DescribeScalingActivities", &input, now).expect("describes");
            assert_eq!(found["ScalingActivities"].as_array().map(Vec::len), Some(1), "{found}");
            found["ScalingActivities"][0].take()
        };
        let during = at(66.0);
        assert_eq!((&during["StatusCode"], during.get("EndTime")), (&json!("InProgress"), None));
        let after = at(67.0);
        assert_eq!((&after["StatusCode"], &after["EndTime"]), (&json!("Successful"), &json!(67.0)));
        assert_eq!(after["Description"], "Setting desired instance count to 3.");
    }
}
