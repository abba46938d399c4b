//! A request that outlasts an invocation of the function: another invocation gets it again, as its *continuation*.
//!
//! The payload of a continuation is CloudFormation's request with one more field.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// Which invocation of a request this is, and when the first one began.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Continuation {
    invocation: u32,
    began: SystemTime,
    follows_change: bool,
}

impl Continuation {
    /// The continuation after the first invocation, which began at this time, and may have changed something.
    pub fn after_first(began: SystemTime, has_changed: bool) -> Self {
        Self { invocation: 2, began, follows_change: has_changed }
    }

    /// The continuation after this one. `None` if the request has had all its invocations.
    pub fn next(self, has_changed: bool) -> Option<Self> {
        let next = Self { invocation: self.invocation + 1, follows_change: has_changed, ..self };
        (self.invocation < MAX_INVOCATIONS).then_some(next)
    }

    /// Whether the invocation before this one may have changed something, which reads may not show yet.
    pub fn follows_change(&self) -> bool {
        self.follows_change
    }

    /// The number of the invocation, from 2 on.
    pub fn invocation(&self) -> u32 {
        self.invocation
    }

    /// When the first invocation began, to the second.
    pub fn began(&self) -> SystemTime {
        self.began
    }

    /// Reads the field of a continuation.
    pub(super) fn read(raw: &RawValue) -> Option<Self> {
        let Wire { invocation, first_began, follows_change } = serde_json::from_str(raw.get()).ok()?;
        let began = UNIX_EPOCH.checked_add(Duration::from_secs(first_began))?;
        (2..=MAX_INVOCATIONS).contains(&invocation).then_some(Self { invocation, began, follows_change })
    }

    /// A request as the payload of its continuation.
    pub fn payload(&self, request: &str) -> serde_json::Result<String> {
        let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(request)?;
        let first_began = self.began.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let raw =
            to_raw_value(&Wire { invocation: self.invocation, first_began, follows_change: self.follows_change })?;
        fields.insert(FIELD.to_owned(), &raw);
        serde_json::to_string(&fields)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Wire {
    invocation: u32,
    /// In seconds since the epoch.
    first_began: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    follows_change: bool,
}

/// The field of a continuation. CloudFormation sends no field with such a name.
pub(super) const FIELD: &str = "sagemaker-scaling:continuation";

/// The most invocations of one request. Lambda stops a function that invokes itself after about 16 invocations:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>.
pub const MAX_INVOCATIONS: u32 = 12;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(text: &str) -> Option<Continuation> {
        Continuation::read(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_continuation_reads_the_payload_that_the_invocation_before_it_made() {
        let began = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut continuation = Continuation::after_first(began, false);
        let request = r#"{"RequestId": "r-1", "ResourceProperties": {"MinCapacity":  1.00}}"#;
        let mut payload = request.to_owned();
        for invocation in 2..=MAX_INVOCATIONS {
            payload = continuation.payload(&payload).unwrap();
            assert!(payload.contains(r#"{"MinCapacity":  1.00}"#), "{payload}");
            let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&payload).unwrap();
            assert_eq!(fields.len(), 3, "one field more than the request");
            assert_eq!(Continuation::read(&fields[FIELD]), Some(continuation));
            assert_eq!((continuation.invocation(), continuation.began()), (invocation, began));
            match continuation.next(continuation.invocation().is_multiple_of(2)) {
                Some(next) => continuation = next,
                None => assert_eq!(invocation, MAX_INVOCATIONS),
            }
        }
    }

    #[test]
    fn what_no_invocation_writes_is_no_continuation() {
        assert!(read(r#"{"Invocation": 2, "FirstBegan": 1700000000}"#).is_some());
        for text in [
            "null",
            "2",
            "{}",
            r#"{"Invocation": 2}"#,
            r#"{"Invocation": 1, "FirstBegan": 1700000000}"#,
            r#"{"Invocation": 13, "FirstBegan": 1700000000}"#,
            r#"{"Invocation": "2", "FirstBegan": 1700000000}"#,
            r#"{"Invocation": 2, "FirstBegan": -1}"#,
            r#"{"Invocation": 2, "FirstBegan": 18446744073709551615}"#,
            r#"{"Invocation": 2, "FirstBegan": 1700000000, "More": 1}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_payload_that_is_not_an_object_has_no_continuation() {
        let continuation = Continuation::after_first(UNIX_EPOCH, false);
        for text in ["", "[]", "1"] {
            assert!(continuation.payload(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_field_is_an_object() {
        let payload = Continuation::after_first(UNIX_EPOCH, false).payload("{}").unwrap();
        let value: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(value[FIELD], serde_json::json!({"Invocation": 2, "FirstBegan": 0}));
    }
}
