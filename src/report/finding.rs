//! The report as it is returned: JSON, with the names that the API uses.

use serde::Serialize;

use crate::model::{Owner, ScalableTargetId};

/// A report, or a part of one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// The Region that it covers.
    pub region: String,
    /// The account that it covers. `None` where local tools give no ARN of the function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The function's name.
    pub function: String,
    /// When the report began, in UTC.
    pub at: String,
    /// The input that asks for the next part. `None` in the last part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation: Option<String>,
    /// The registered targets, and those that a stack declares and that are not registered.
    pub targets: Vec<TargetReport>,
    /// The snapshots. Only the first part has them.
    pub snapshots: Vec<SnapshotReport>,
    /// What could not be read, and why.
    pub not_looked_at: Vec<String>,
    /// The counts of this part.
    pub summary: Summary,
}

/// A target with its findings.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetReport {
    /// As in the API.
    pub resource_id: String,
    /// As in the API.
    pub scalable_dimension: &'static str,
    /// Whether it is registered.
    pub registered: bool,
    /// The resource that registered it, or declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Whether its owner adopted it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// As in the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_capacity: Option<i64>,
    /// As in the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_capacity: Option<i64>,
    /// What was found. Empty if it is as declared.
    pub findings: Vec<Finding>,
}

/// A snapshot with its finding.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SnapshotReport {
    /// The name of its parameter.
    pub parameter: String,
    /// The target. `None` if the snapshot cannot be read.
    #[serde(flatten)]
    pub target: Option<TargetName>,
    /// Its age in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<i64>,
    /// The resource that registered the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// The names of a target.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetName {
    resource_id: String,
    scalable_dimension: &'static str,
}

/// Something that was found, and what to do about it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Finding {
    /// The kind of finding.
    pub code: Code,
    /// Whether somebody has to act.
    pub attention: bool,
    /// One sentence: what was found.
    pub message: String,
    /// One sentence: what to do. `None` if nothing is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Why the activities failed. Only of [`Code::ActivityFailed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// How many activities failed. Only of [`Code::ActivityFailed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
}

/// The kind of a finding. A test compares the list with the tables of `docs/REPORT.md`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/REPORT.md explains each")]
pub enum Code {
    ActionAdded,
    ActionChanged,
    ActionEnded,
    ActionMissing,
    ActivityFailed,
    AlreadyRegistered,
    AtMaximum,
    EndpointGone,
    EndpointReplaced,
    LimitsChanged,
    NoOwner,
    NotComparable,
    NotInThisAccount,
    NotRegistered,
    NotScaled,
    OtherFunction,
    OwnerLost,
    PartsChanged,
    PolicyAdded,
    PolicyChanged,
    PolicyMissing,
    ResourceGone,
    StackBusy,
    StackGone,
    Stale,
    SuspendedStateChanged,
    Unreadable,
    VariantGone,
    Waiting,
}

/// Why an activity failed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Cause {
    /// AWS lacked instances, or a quota allows no more.
    Capacity,
    /// SageMaker rejected the change.
    Refused,
    /// Any other cause.
    Other,
}

/// The counts of a report, or of a part of one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Summary {
    /// Registered targets.
    pub targets: usize,
    /// Registered targets with an owner.
    pub owned: usize,
    /// Registered targets whose stack or resource is gone.
    pub orphans: usize,
    /// Declared targets that are not registered.
    pub unregistered: usize,
    /// Registered targets that differ from what their owner declared.
    pub drifted: usize,
    /// All snapshots.
    pub snapshots: usize,
    /// Snapshots that nobody restores, or that cannot be read: [`Code::Stale`] and [`Code::Unreadable`].
    pub stale_snapshots: usize,
    /// Scaling activities that failed in the last day.
    pub failed_activities: usize,
    /// Findings that need attention.
    pub attention: usize,
}

impl Finding {
    /// A finding that somebody has to act on.
    pub(super) fn attention(code: Code, message: impl Into<String>, next: impl Into<String>) -> Self {
        let (message, next) = (message.into(), Some(next.into()));
        Self { code, attention: true, message, next, cause: None, count: None }
    }

    /// A finding that needs no action.
    pub(super) fn note(code: Code, message: impl Into<String>) -> Self {
        Self { code, attention: false, message: message.into(), next: None, cause: None, count: None }
    }
}

impl Cause {
    /// The value of the metrics' dimension `cause`.
    pub fn dimension(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Other => "other",
            Self::Refused => "refused",
        }
    }
}

impl From<&ScalableTargetId> for TargetName {
    fn from(id: &ScalableTargetId) -> Self {
        Self { resource_id: id.resource_id(), scalable_dimension: id.dimension().as_str() }
    }
}

impl Summary {
    pub(super) fn new(targets: &[TargetReport], snapshots: &[SnapshotReport]) -> Self {
        let has = |findings: &[Finding], codes: &[Code]| findings.iter().any(|found| codes.contains(&found.code));
        let count = |codes: &[Code]| targets.iter().filter(|target| has(&target.findings, codes)).count();
        let findings = targets.iter().map(|target| &target.findings);
        let findings: Vec<_> = findings.chain(snapshots.iter().map(|snapshot| &snapshot.findings)).flatten().collect();
        Self {
            targets: targets.iter().filter(|target| target.registered).count(),
            owned: targets.iter().filter(|target| target.registered && target.owner.is_some()).count(),
            orphans: count(&[Code::ResourceGone, Code::StackGone]),
            unregistered: count(&[Code::NotRegistered]),
            drifted: count(DIFFERENCES),
            snapshots: snapshots.len(),
            stale_snapshots: snapshots
                .iter()
                .filter(|snapshot| has(&snapshot.findings, &[Code::Stale, Code::Unreadable]))
                .count(),
            failed_activities: findings.iter().filter_map(|found| found.count).sum(),
            attention: findings.iter().filter(|found| found.attention).count(),
        }
    }
}

/// The codes of differences between a target and its declaration.
const DIFFERENCES: &[Code] = &[
    Code::ActionChanged,
    Code::ActionMissing,
    Code::LimitsChanged,
    Code::OwnerLost,
    Code::PartsChanged,
    Code::PolicyChanged,
    Code::PolicyMissing,
    Code::SuspendedStateChanged,
];
