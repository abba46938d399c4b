//! Whether CloudFormation still waits for a request: what keeps a Create that runs on from outliving its Delete.
//!
//! CloudFormation may send a Delete while the Create is still running, and Lambda may deliver a request late or twice.
//! Whoever is late must not have the last word. Both sides look after they have acted, so one of them sees the other:
//!
//! * CloudFormation notes that a resource is being deleted before it sends the Delete. So a Create asks, once it has
//!   registered, what is on record; where that says "deleted", it takes back what it registered.
//! * A Create that is younger than [`ASKS_AFTER`], and that registered at its first attempt, does not ask, which saves
//!   the call in the ordinary case. So a Delete that finds nothing of ours keeps looking until it is older than
//!   [`LOOKS_FOR`]: what such a Create registers is there by then.

use std::time::{Duration, SystemTime};

use crate::aws::StackResource;
use crate::envelope::Lifecycle;

/// A request that is older than this asks CloudFormation whether it is still waited for.
pub(crate) const ASKS_AFTER: Duration = Duration::from_secs(5);
/// A Delete that finds nothing of ours looks again until it is as old as this: longer than a young Create may take, by
/// what the clocks of CloudFormation and Lambda may differ, and by the time after which a new target is seen everywhere.
pub(crate) const LOOKS_FOR: Duration = Duration::from_secs(12);

/// By when CloudFormation's record follows what CloudFormation does, as far as that is not known better.
pub(crate) const RECORD_FOLLOWS: Duration = Duration::from_secs(2);

/// How a request stands with CloudFormation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// It waits for the answer, as far as the record tells.
    Awaited,
    /// The resource is being deleted, or is deleted: nothing of it may stay.
    Deleted,
    /// The resource went on without this request, and is alive.
    Superseded,
}

impl Standing {
    /// Reads it from the record of the resource, for a request that was made then, where that is known.
    ///
    /// While CloudFormation waits for a request, the status does not change: it was changed last when the request was
    /// made. <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResourceDetail.html> lists the
    /// statuses.
    pub(crate) fn read(lifecycle: &Lifecycle, made: Option<SystemTime>, record: &StackResource) -> Self {
        let status = record.resource_status.as_str();
        let deleted = matches!(status, "CREATE_FAILED" | "DELETE_COMPLETE" | "DELETE_FAILED" | "DELETE_IN_PROGRESS");
        let went_on = made.zip(record.changed).is_some_and(|(made, changed)| changed > made + AT_ONCE);
        match lifecycle {
            Lifecycle::Create { .. } | Lifecycle::Update { .. } if deleted => Self::Deleted,
            Lifecycle::Create { .. } if status == "CREATE_IN_PROGRESS" && !went_on => Self::Awaited,
            Lifecycle::Update { .. } if status.ends_with("_IN_PROGRESS") && !went_on => Self::Awaited,
            Lifecycle::Create { .. } | Lifecycle::Update { .. } => Self::Superseded,
            Lifecycle::Delete { .. } if deleted => Self::Awaited,
            // In a clean-up, the record shows the id that replaced the one to delete.
            Lifecycle::Delete { id, .. } if status == "CREATE_IN_PROGRESS" || *id == record.physical_resource_id => {
                Self::Superseded
            }
            Lifecycle::Delete { .. } if went_on => Self::Superseded,
            Lifecycle::Delete { .. } => Self::Awaited,
        }
    }
}

/// A request is made, to the second, when the status changes.
const AT_ONCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::Standing::{Awaited, Deleted, Superseded};
    use super::*;

    fn standing(lifecycle: &Lifecycle, status: &str) -> Standing {
        standing_after(lifecycle, status, 0)
    }

    /// As it stands where the status changed some seconds after the request was made.
    fn standing_after(lifecycle: &Lifecycle, status: &str, seconds: u64) -> Standing {
        let record = StackResource {
            resource_status: status.to_owned(),
            physical_resource_id: "new".to_owned(),
            changed: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        };
        Standing::read(lifecycle, Some(SystemTime::UNIX_EPOCH), &record)
    }

    #[test]
    fn a_request_is_superseded_by_what_was_begun_after_it() {
        let create = Lifecycle::Create { properties: Value::Null };
        let update = Lifecycle::Update { id: "new".into(), properties: Value::Null, old_properties: Value::Null };
        let delete = Lifecycle::Delete { id: "old".into(), properties: Value::Null };
        for (lifecycle, status) in
            [(&create, "CREATE_IN_PROGRESS"), (&update, "UPDATE_IN_PROGRESS"), (&delete, "UPDATE_IN_PROGRESS")]
        {
            assert_eq!(standing_after(lifecycle, status, 3), Awaited, "{status}");
            assert_eq!(standing_after(lifecycle, status, 10), Superseded, "{status}");
        }
        assert_eq!(standing_after(&delete, "DELETE_IN_PROGRESS", 10), Awaited);
    }

    #[test]
    fn a_create_is_awaited_while_its_resource_is_created() {
        let create = Lifecycle::Create { properties: Value::Null };
        for (status, expected) in [
            ("CREATE_IN_PROGRESS", Awaited),
            ("CREATE_FAILED", Deleted),
            ("DELETE_IN_PROGRESS", Deleted),
            ("DELETE_COMPLETE", Deleted),
            ("DELETE_FAILED", Deleted),
            ("DELETE_SKIPPED", Superseded),
            ("CREATE_COMPLETE", Superseded),
            ("UPDATE_IN_PROGRESS", Superseded),
            ("UPDATE_COMPLETE", Superseded),
        ] {
            assert_eq!(standing(&create, status), expected, "{status}");
        }
    }

    #[test]
    fn an_update_is_awaited_while_anything_but_a_delete_is_going_on() {
        let update = Lifecycle::Update { id: "new".into(), properties: Value::Null, old_properties: Value::Null };
        for (status, expected) in [
            ("UPDATE_IN_PROGRESS", Awaited),
            ("UPDATE_ROLLBACK_IN_PROGRESS", Awaited),
            ("UPDATE_COMPLETE", Superseded),
            ("UPDATE_FAILED", Superseded),
            ("CREATE_COMPLETE", Superseded),
            ("DELETE_IN_PROGRESS", Deleted),
            ("DELETE_COMPLETE", Deleted),
        ] {
            assert_eq!(standing(&update, status), expected, "{status}");
        }
    }

    #[test]
    fn a_delete_is_awaited_unless_its_resource_is_alive_under_its_id() {
        let delete = |id: &str| Lifecycle::Delete { id: id.into(), properties: Value::Null };
        for (id, status, expected) in [
            ("new", "DELETE_IN_PROGRESS", Awaited),
            ("new", "CREATE_FAILED", Awaited),
            ("new", "CREATE_COMPLETE", Superseded),
            ("new", "UPDATE_IN_PROGRESS", Superseded),
            ("old", "UPDATE_COMPLETE", Awaited),
            ("old", "CREATE_IN_PROGRESS", Superseded),
        ] {
            assert_eq!(standing(&delete(id), status), expected, "{id} {status}");
        }
    }
}
