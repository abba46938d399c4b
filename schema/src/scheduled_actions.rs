//! `ScheduledActions`.

use schemars::JsonSchema;

use crate::aws_documentation::{api_page, aws_page};
use crate::combinations::{OF_THIS_TARGET, OUTPUT_ONLY, has, hints, needs};
use crate::values::{ActionName, NotNegative, Schedule, Text, Time};

/// A scheduled action: sets new limits at certain times.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = aws_page("autoscaling/application/userguide/application-auto-scaling-scheduled-scaling")))]
#[schemars(extend("hints" = hints(&[
    ("CreationTime", OUTPUT_ONLY),
    ("ResourceId", OF_THIS_TARGET),
    ("ScalableDimension", OF_THIS_TARGET),
    ("ScheduledActionARN", OUTPUT_ONLY),
    ("ServiceNamespace", OF_THIS_TARGET),
])))]
pub struct ScheduledAction {
    /// The name of the action, unique among the actions of the target: up to 256 printable characters without colons,
    /// slashes and vertical bars.
    pub scheduled_action_name: ActionName,
    /// `at(yyyy-mm-ddThh:mm:ss)`, `rate(NUMBER UNIT)` with minutes, hours or days, or
    /// `cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR)`.
    pub schedule: Schedule,
    /// The time zone of the schedule: a name in the IANA database, such as `Europe/Berlin`.
    #[schemars(extend("default" = "UTC"))]
    pub timezone: Option<Text>,
    /// The action does not run before this time, such as `2030-12-31T23:00:00Z`. A time without an offset is in UTC.
    pub start_time: Option<Time>,
    /// The action does not run after this time. It must be later than `StartTime`.
    pub end_time: Option<Time>,
    /// The new limits.
    pub scalable_target_action: ScalableTargetAction,
}

/// The limits that the action sets: one of them, or both.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api_page("API_ScalableTargetAction")))]
#[schemars(extend("if" = has("MaxCapacity"), "else" = needs(&["MinCapacity"], NEITHER)))]
pub struct ScalableTargetAction {
    /// The new minimum, at most `MaxCapacity`. 0 is allowed for resources that can scale to zero.
    pub min_capacity: Option<NotNegative>,
    /// The new maximum. 0 is allowed for resources that can scale to zero.
    pub max_capacity: Option<NotNegative>,
}

const NEITHER: &str = "required if MaxCapacity is missing; set at least one of the two";
