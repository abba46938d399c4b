//! `ScheduledActions`.

use schemars::JsonSchema;

use crate::rules::{has, needs};
use crate::values::{ActionName, NotNegative, Schedule, Text, Time};
use crate::{api, aws};

/// New limits at certain times.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = aws("autoscaling/application/userguide/application-auto-scaling-scheduled-scaling")))]
pub struct ScheduledAction {
    /// The action's name, which no other action of the target has: up to 256 printable characters without colons,
    /// slashes and bars.
    pub scheduled_action_name: ActionName,
    /// `at(yyyy-mm-ddThh:mm:ss)`, `rate(NUMBER UNIT)` with minutes, hours or days, or
    /// `cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR)`.
    pub schedule: Schedule,
    /// The time zone of the schedule, by its name in the IANA database, such as `Europe/Berlin`.
    #[schemars(extend("default" = "UTC"))]
    pub timezone: Option<Text>,
    /// Not before this time, such as `2030-12-31T23:00:00Z`; without an offset it is in UTC.
    pub start_time: Option<Time>,
    /// Not after this time, which is later than `StartTime`.
    pub end_time: Option<Time>,
    /// The new limits.
    pub scalable_target_action: ScalableTargetAction,
}

/// The limits that an action sets: either of them, or both.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("$comment" = api("API_ScalableTargetAction")))]
#[schemars(extend("if" = has("MaxCapacity"), "else" = needs(&["MinCapacity"], NEITHER)))]
pub struct ScalableTargetAction {
    /// The fewest from then on, at most `MaxCapacity`.
    pub min_capacity: Option<NotNegative>,
    /// The most from then on.
    pub max_capacity: Option<NotNegative>,
}

const NEITHER: &str = "required, or MaxCapacity, but both are missing";
