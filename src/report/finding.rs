//! The report as it is returned: JSON with the names of the API.

use serde::Serialize;

use crate::model::{Owner, ScalableTargetId};

/// A report, or a part of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// The Region of everything in it.
    pub region: String,
    /// The account, if the function knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The function's name.
    pub function: String,
    /// When it began.
    pub at: String,
    /// Asks for the next part. `None` in the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation: Option<String>,
    /// All registered targets, and those that a stack declares and that are not registered.
    pub targets: Vec<TargetReport>,
    /// All snapshots.
    pub snapshots: Vec<SnapshotReport>,
    /// What could not be read, and why.
    pub not_looked_at: Vec<String>,
    /// The counts.
    pub summary: Summary,
}

/// What is known of a target.
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
    /// What is to be said of it.
    pub findings: Vec<Finding>,
}

/// What is known of a snapshot.
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
    /// What is to be said of it.
    pub findings: Vec<Finding>,
}

/// The names of a target.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetName {
    resource_id: String,
    scalable_dimension: &'static str,
}

/// One thing to be said.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// Whether somebody should do something.
    pub attention: bool,
    /// What was found, in a sentence.
    pub message: String,
    /// What to do, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Why activities failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// How many activities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
}

/// What a finding is. `docs/REPORT.md` explains each.
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
    /// There were no instances, or a quota did not allow more.
    Capacity,
    /// SageMaker refused the change.
    Refused,
    /// Something else.
    Other,
}

/// The counts of a report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Summary {
    /// Registered targets.
    pub targets: usize,
    /// Those with an owner.
    pub owned: usize,
    /// Those whose stack or resource is gone.
    pub orphans: usize,
    /// Declared targets that are not registered.
    pub unregistered: usize,
    /// Targets that differ from what was declared.
    pub drifted: usize,
    /// Snapshots.
    pub snapshots: usize,
    /// Those that are older than a day or cannot be read.
    pub stale_snapshots: usize,
    /// Activities that failed.
    pub failed_activities: usize,
    /// Findings that need attention.
    pub attention: usize,
}

impl Finding {
    /// A finding that somebody should do something about.
    pub(super) fn attention(code: Code, message: impl Into<String>, next: impl Into<String>) -> Self {
        let (message, next) = (message.into(), Some(next.into()));
        Self { code, attention: true, message, next, cause: None, count: None }
    }

    /// A finding that is good to know.
    pub(super) fn note(code: Code, message: impl Into<String>) -> Self {
        Self { code, attention: false, message: message.into(), next: None, cause: None, count: None }
    }
}

impl Cause {
    /// As the dimension of a metric.
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
    Code::ActionAdded,
    Code::ActionChanged,
    Code::ActionMissing,
    Code::LimitsChanged,
    Code::PartsChanged,
    Code::PolicyAdded,
    Code::PolicyChanged,
    Code::PolicyMissing,
    Code::SuspendedStateChanged,
];
