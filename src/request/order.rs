//! Orders: invocations that do not come from CloudFormation. A person or a schedule orders a report; a person orders a repair.
//!
//! Only a payload of exactly this shape is an order. Everything else is handled as a request of CloudFormation.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::json::Object;

/// An order: an object with one member.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub enum Order {
    /// Compare what is registered with what was declared. Changes nothing.
    Report(ReportOrder),
    /// Restore or clean up one target.
    Repair(RepairOrder),
}

/// The order of a report, or of the next part of one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ReportOrder {
    /// The `Continuation` of the previous part. `None` asks for the first.
    pub continuation: Option<String>,
}

/// The order of a repair.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RepairOrder {
    /// The target's `ResourceId`.
    pub resource_id: String,
    /// The target's `ScalableDimension`.
    pub scalable_dimension: String,
    /// Whether to only say what would be done. The default is true.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

fn yes() -> bool {
    true
}

impl Order {
    /// Reads a payload. `None` if it is no order.
    pub fn read(payload: &str) -> Option<Self> {
        // A struct can also be read from a list of its members' values.
        serde_json::from_str::<BTreeMap<String, Object>>(payload).ok()?;
        serde_json::from_str(payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_shapes_are_orders() {
        let report =
            |continuation: Option<&str>| Order::Report(ReportOrder { continuation: continuation.map(str::to_owned) });
        assert_eq!(Order::read(r#"{"Report": {}}"#), Some(report(None)));
        assert_eq!(Order::read(r#"{"Report": {"Continuation": "x"}}"#), Some(report(Some("x"))));
        let repair = r#"{"Repair": {"ResourceId": "r", "ScalableDimension": "d"}}"#;
        let Some(Order::Repair(order)) = Order::read(repair) else { panic!("a repair") };
        assert!(order.dry_run);
        for payload in [
            "",
            "{}",
            r#""Report""#,
            r#"{"Report": null}"#,
            r#"{"Report": ["x"]}"#,
            r#"{"Repair": ["r", "d", false]}"#,
            r#"{"Report": {"More": 1}}"#,
            r#"{"Report": {}, "RequestType": "Create"}"#,
            r#"{"Report": {}, "Repair": {"ResourceId": "r", "ScalableDimension": "d"}}"#,
            r#"{"report": {}}"#,
            r#"{"Repair": {"ResourceId": "r"}}"#,
            r#"{"Repair": {"ResourceId": "r", "ScalableDimension": "d", "DryRun": "false"}}"#,
        ] {
            assert_eq!(Order::read(payload), None, "{payload}");
        }
    }
}
