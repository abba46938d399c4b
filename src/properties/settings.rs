//! The settings of a target: `MinCapacity`, `MaxCapacity` and `SuspendedState`.

use serde_json::Value;

use super::reader::{Section, boolean, whole_number};
use crate::model::SUSPENDED_STATE;
use crate::model::json::Object;

/// Reads the settings: 0 ≤ min ≤ max, and max ≥ 1. An omitted member of the suspended state is false.
pub(super) fn settings(section: &Section<'_>) -> Object {
    let settings = section
        .body()
        .required("MinCapacity", whole_number(0))
        .required("MaxCapacity", whole_number(1))
        .object("SuspendedState", |state| {
            let read = |member| state.optional(member, boolean).ok().flatten().unwrap_or(false);
            SUSPENDED_STATE.map(|member| (member.to_owned(), Value::from(read(member)))).into_iter().collect()
        })
        .finish();
    in_order(section, &settings);
    settings
}

/// Notes a minimum over its maximum.
pub(super) fn in_order(section: &Section<'_>, capacity: &Object) {
    let [min, max] = ["MinCapacity", "MaxCapacity"].map(|member| capacity.get(member)?.as_i64());
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        section.note("MinCapacity", format_args!("expected at most MaxCapacity, {max}, found {min}"));
    }
}
