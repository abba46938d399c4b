//! The report: compares what is registered with what resources declared, in this account and Region. It changes nothing.
//!
//! `read` makes the calls, `judge` decides the findings, `finding` has the types of the answer.

mod finding;
mod judge;
mod read;

use std::collections::BTreeMap;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

pub use self::finding::{Cause, Code, Finding, Report, SnapshotReport, Summary, TargetReport};
use crate::aws::{AwsError, Reads};
use crate::model::Location;
use crate::request::ReportOrder;
use crate::timing::TO_END_A_REPORT;

/// Makes a report. If time is up, it returns a part, with a continuation that asks for the rest.
///
/// Each part reads the lists again. Snapshots and declared targets that are not registered are in the first part.
pub async fn report(
    reads: &Reads<'_>,
    location: &Location,
    function: &str,
    order: &ReportOrder,
) -> Result<Report, AwsError> {
    let (mut facts, found) = read::read_all(reads, location, function).await?;
    let after = order.continuation.as_deref().unwrap_or_default();
    let left: Vec<_> = found.into_iter().filter(|found| read::key(&found.spec.id).as_str() > after).collect();
    let mut completed = Vec::new();
    let mut continuation = None;
    for (index, chunk) in left.chunks(CHUNK).enumerate() {
        if index > 0 && reads.left_to_work() < TO_END_A_REPORT {
            continuation = left.get(index * CHUNK - 1).map(|last| read::key(&last.spec.id));
            break;
        }
        completed.extend(read::complete(reads, chunk, &mut facts).await?);
    }
    let mut kept = read::snapshots(reads, &mut facts).await?;
    let mut unregistered = Vec::new();
    if order.continuation.is_some() {
        kept.clear();
    } else {
        // They may have been registered since.
        unregistered = read::still_unregistered(reads, judge::unregistered(&facts)).await?;
    }
    read::read_changes(reads, &mut facts).await;
    // Of two resources that declare a target, the first one counts.
    let declared: BTreeMap<_, _> =
        judge::declared(&facts).into_iter().rev().map(|(owner, id)| (read::key(&id), owner)).collect();
    let mut targets: Vec<_> = completed.iter().map(|found| judge::target(found, &facts, &declared)).collect();
    for (owner, id) in unregistered.into_iter().filter(|(owner, _)| !facts.is_busy(&owner.stack_id)) {
        let snapshot = kept.values().flatten().find(|kept| kept.spec.id.is_same(&id));
        if !snapshot.is_some_and(|snapshot| judge::is_waiting(snapshot, &facts)) {
            targets.push(judge::not_registered(owner, &id, snapshot.is_some()));
        }
    }
    let snapshots: Vec<_> = kept.into_iter().map(|(name, read)| judge::snapshot(&name, read, &facts)).collect();
    let at = DateTime::from(facts.at);
    Ok(Report {
        region: location.region.clone(),
        account: location.account.clone(),
        function: function.to_owned(),
        at: DateTime::from_secs(at.secs()).fmt(Format::DateTime).unwrap_or_default(),
        continuation,
        summary: Summary::new(&targets, &snapshots),
        targets,
        snapshots,
        not_looked_at: facts.not_looked_at,
    })
}

/// How many targets are completed before the time left is checked.
const CHUNK: usize = 50;
