//! What people and schedules ask the function for, and CloudFormation does not: a report, and a repair.
//!
//! Only a payload of exactly this shape is such an order. Everything else is a request of CloudFormation.

use serde::Deserialize;

/// An order: an object of one member.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub enum Order {
    /// Compare what is registered with what is declared. Changes nothing.
    Report(ReportOrder),
    /// Put one target right.
    Repair(RepairOrder),
}

/// Which report.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ReportOrder {
    /// The `Continuation` of the part before.
    pub continuation: Option<String>,
}

/// Which repair.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RepairOrder {
    /// The target's `ResourceId`.
    pub resource_id: String,
    /// The target's `ScalableDimension`.
    pub scalable_dimension: String,
    /// Whether to change nothing, and only say what would be done. It is true if it is not given.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

fn yes() -> bool {
    true
}

impl Order {
    /// Reads a payload.
    pub fn read(payload: &str) -> Option<Self> {
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
