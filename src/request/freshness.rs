//! Whether a request is still fresh, that is, whether CloudFormation still waits for it.
//!
//! CloudFormation may send a Delete while the Create still runs, and Lambda may deliver a request late or twice. A stale
//! request must not leave a target registered. So Create and Delete each write first and read afterwards, and at least
//! one of them finds the other's change:
//!
//! * CloudFormation records that a resource is being deleted before it sends the Delete. A Create that has registered
//!   reads that record, and deregisters again if the resource is being deleted.
//! * A Create that is younger than [`FRESHNESS_CHECKED_AFTER`] and registers at its first attempt does not read the
//!   record, which saves a call in the ordinary case. Therefore a Delete that finds nothing to deregister keeps looking
//!   until it is older than [`NOTHING_REGISTERED_AFTER`](crate::timing::NOTHING_REGISTERED_AFTER).

use std::time::SystemTime;

use thiserror::Error;

use super::lifecycle::Lifecycle;
use crate::deadline::Age;
use crate::model::{Owner, PhysicalResourceId, ScalableTargetId};
use crate::timing::{FRESHNESS_CHECKED_AFTER, SAME_EVENT};

/// A request as CloudFormation sent it: for which resource, what to do, and when.
#[derive(Clone, Copy, Debug)]
pub struct SentRequest<'a> {
    /// Its id. Every delivery of it has the same.
    pub id: &'a str,
    /// What to do.
    pub lifecycle: &'a Lifecycle,
    /// The resource.
    pub owner: &'a Owner,
    /// How old it is.
    pub age: Age,
    /// Whether the invocation before this one, for the same request, may have changed something.
    pub follows_change: bool,
}

/// CloudFormation's record of a resource.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StackRecord {
    /// Its `ResourceStatus`, such as `CREATE_IN_PROGRESS`.
    pub status: String,
    /// The physical id of the last answer, or nothing until a Create was answered.
    pub physical_resource_id: String,
    /// When the status changed last.
    pub changed: Option<SystemTime>,
}

impl StackRecord {
    /// Whether the resource is being deleted, was deleted, or could not be created.
    ///
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResourceDetail.html> lists the
    /// statuses.
    pub fn is_deleted(&self) -> bool {
        matches!(self.status.as_str(), "CREATE_FAILED" | "DELETE_COMPLETE" | "DELETE_FAILED" | "DELETE_IN_PROGRESS")
    }

    /// Whether CloudFormation sends no more requests for the resource: it is deleted, or was left when its stack was.
    pub fn is_gone(&self) -> bool {
        self.is_deleted() || self.status == "DELETE_SKIPPED"
    }

    /// Whether the resource has another scalable target.
    pub fn has_other_target(&self, target: &ScalableTargetId) -> bool {
        PhysicalResourceId::read(&self.physical_resource_id).is_other_target(target)
    }
}

/// Whether CloudFormation still waits for a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// CloudFormation waits for it, by its record.
    Fresh,
    /// CloudFormation deletes the resource, has deleted it, or has recorded that its Create failed. What this request
    /// registered must be deregistered.
    Deleted,
    /// The resource exists and has gone on without this request.
    Superseded,
}

/// The request is stale.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("CloudFormation no longer waits for this request: the resource is {status}")]
pub struct Stale {
    /// The recorded `ResourceStatus`.
    pub status: String,
}

impl SentRequest<'_> {
    /// Whether the request is so old that its freshness has to be checked.
    pub fn is_old(&self) -> bool {
        self.age.elapsed() >= FRESHNESS_CHECKED_AFTER
    }

    /// Decides from the record of the resource.
    ///
    /// While CloudFormation waits for a request, the status does not change. It changed last when CloudFormation sent
    /// the request.
    pub fn freshness(&self, record: &StackRecord) -> Freshness {
        let status = record.status.as_str();
        let deleted = record.is_deleted();
        let changed_later =
            self.age.sent().zip(record.changed).is_some_and(|(sent, changed)| changed > sent + SAME_EVENT);
        match self.lifecycle {
            Lifecycle::Create { .. } | Lifecycle::Update { .. } if deleted => Freshness::Deleted,
            Lifecycle::Create { .. } if status == "CREATE_IN_PROGRESS" && !changed_later => Freshness::Fresh,
            Lifecycle::Update { .. } if status.ends_with("_IN_PROGRESS") && !changed_later => Freshness::Fresh,
            Lifecycle::Create { .. } | Lifecycle::Update { .. } => Freshness::Superseded,
            Lifecycle::Delete { .. } if deleted => Freshness::Fresh,
            // In a clean-up, the record has the id that replaced the id to delete.
            Lifecycle::Delete { id, .. } if status == "CREATE_IN_PROGRESS" || *id == record.physical_resource_id => {
                Freshness::Superseded
            }
            Lifecycle::Delete { .. } if changed_later => Freshness::Superseded,
            Lifecycle::Delete { .. } => Freshness::Fresh,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::Freshness::{Deleted, Fresh, Superseded};
    use super::*;
    use crate::deadline::Deadline;

    fn freshness(lifecycle: &Lifecycle, status: &str) -> Freshness {
        freshness_after(lifecycle, status, 0)
    }

    /// The freshness if the status changed some seconds after the request was sent.
    fn freshness_after(lifecycle: &Lifecycle, status: &str, seconds: u64) -> Freshness {
        let record = StackRecord {
            status: status.to_owned(),
            physical_resource_id: "new".to_owned(),
            changed: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        };
        let owner = Owner { stack_id: String::new(), logical_resource_id: String::new() };
        let age = Deadline::from_now(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH)
            .age(Some(SystemTime::UNIX_EPOCH), SystemTime::UNIX_EPOCH);
        SentRequest { id: "", lifecycle, owner: &owner, age, follows_change: false }.freshness(&record)
    }

    #[test]
    fn a_later_change_of_status_supersedes_a_request() {
        let create = Lifecycle::Create { properties: Value::Null };
        let update = Lifecycle::Update { id: "new".into(), properties: Value::Null, old_properties: Value::Null };
        let delete = Lifecycle::Delete { id: "old".into(), properties: Value::Null };
        for (lifecycle, status) in
            [(&create, "CREATE_IN_PROGRESS"), (&update, "UPDATE_IN_PROGRESS"), (&delete, "UPDATE_IN_PROGRESS")]
        {
            assert_eq!(freshness_after(lifecycle, status, 3), Fresh, "{status}");
            assert_eq!(freshness_after(lifecycle, status, 10), Superseded, "{status}");
        }
        assert_eq!(freshness_after(&delete, "DELETE_IN_PROGRESS", 10), Fresh);
    }

    #[test]
    fn a_create_is_fresh_while_its_resource_is_being_created() {
        let create = Lifecycle::Create { properties: Value::Null };
        for (status, expected) in [
            ("CREATE_IN_PROGRESS", Fresh),
            ("CREATE_FAILED", Deleted),
            ("DELETE_IN_PROGRESS", Deleted),
            ("DELETE_COMPLETE", Deleted),
            ("DELETE_FAILED", Deleted),
            ("DELETE_SKIPPED", Superseded),
            ("CREATE_COMPLETE", Superseded),
            ("UPDATE_IN_PROGRESS", Superseded),
            ("UPDATE_COMPLETE", Superseded),
        ] {
            assert_eq!(freshness(&create, status), expected, "{status}");
        }
    }

    #[test]
    fn an_update_is_fresh_while_anything_but_a_delete_is_in_progress() {
        let update = Lifecycle::Update { id: "new".into(), properties: Value::Null, old_properties: Value::Null };
        for (status, expected) in [
            ("UPDATE_IN_PROGRESS", Fresh),
            ("UPDATE_ROLLBACK_IN_PROGRESS", Fresh),
            ("UPDATE_COMPLETE", Superseded),
            ("UPDATE_FAILED", Superseded),
            ("CREATE_COMPLETE", Superseded),
            ("DELETE_IN_PROGRESS", Deleted),
            ("DELETE_COMPLETE", Deleted),
        ] {
            assert_eq!(freshness(&update, status), expected, "{status}");
        }
    }

    #[test]
    fn a_delete_is_fresh_unless_its_resource_exists_under_its_id() {
        let delete = |id: &str| Lifecycle::Delete { id: id.into(), properties: Value::Null };
        for (id, status, expected) in [
            ("new", "DELETE_IN_PROGRESS", Fresh),
            ("new", "CREATE_FAILED", Fresh),
            ("new", "CREATE_COMPLETE", Superseded),
            ("new", "UPDATE_IN_PROGRESS", Superseded),
            ("old", "UPDATE_COMPLETE", Fresh),
            ("old", "CREATE_IN_PROGRESS", Superseded),
        ] {
            assert_eq!(freshness(&delete(id), status), expected, "{id} {status}");
        }
    }
}
