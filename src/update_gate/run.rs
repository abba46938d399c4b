//! Carries out a gate's request: reads, calls `next_step`, acts, and repeats until the step is `Done`.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use futures_util::future::try_join;
use tokio::time::{sleep, timeout};

use super::next_step::{EndpointPlan, Observed, Step, next_step};
use crate::apply::OnRejection;
use crate::aws::{Precondition, TargetState, unless_outdated};
use crate::context::Context;
use crate::deadline::Stopwatch;
use crate::error::Error;
use crate::model::attributes::{self, Attributes, Resource, TARGET_ARN};
use crate::model::json::{Object, text};
use crate::model::{
    ConfiguredVariant, Endpoint, EndpointName, Ownership, PhysicalResourceId, Refusal, ScalableTargetId, UpdateGateId,
    blocks_update, target_of,
};
use crate::observability::Decision;
use crate::polling::poll;
use crate::properties::{UpdateGate, declared_gate};
use crate::request::{Freshness, Lifecycle};
use crate::snapshot::store::{self, Stored};
use crate::snapshot::{
    EndpointUpdate, Snapshot, SnapshotError, capture, drop_if_registered, drop_unless_needed, give_back, restore_all,
};
use crate::timing::{COMPLETE_WITHIN, ENDPOINT, RECORD_LAG, RESTORE_RESERVE, SNAPSHOT_VALID, VISIBLE_WITHIN};

/// Carries out one request, or fails with what the author of the template can do.
///
/// Any request may run again from the start at any point. Each run decides from what AWS shows, and every action may be
/// repeated.
pub async fn carry_out(context: &Context<'_>) -> Result<Resource, Error> {
    match context.lifecycle() {
        Lifecycle::Create { properties } => {
            let gate = UpdateGate::read(properties, context.location)?;
            // The Delete that follows a failed Create restores what it has deregistered.
            context.progress().needs_cleanup(&gate.id);
            prepare_update(context, &gate, None, None).await?;
            Ok(resource(gate.id.to_string(), &gate.id))
        }
        Lifecycle::Update { id, properties, old_properties } => {
            let gate = UpdateGate::read(properties, context.location)?;
            let given = id.parse::<UpdateGateId>().ok();
            let declared = UpdateGate::read(old_properties, context.location).ok().map(|previous| previous.id);
            prepare_update(context, &gate, given.as_ref(), declared.as_ref()).await?;
            let is_same_id = given.is_some_and(|given| given.is_same(&gate.id));
            Ok(resource(if is_same_id { id.clone() } else { gate.id.to_string() }, &gate.id))
        }
        Lifecycle::Delete { id, properties } => {
            let gate = match PhysicalResourceId::read(id) {
                PhysicalResourceId::UpdateGate(gate) => Some(gate),
                PhysicalResourceId::NotRegistered => None,
                PhysicalResourceId::Invented | PhysicalResourceId::ScalableTarget(_) => declared_gate(properties),
            };
            if let Some(gate) = gate {
                context.ensure_fresh().await?;
                clean_up(context, &gate).await?;
            }
            Ok(Resource { physical_resource_id: id.clone(), attributes: Attributes::new() })
        }
    }
}

/// Prepares the endpoint's update: snapshots and deregisters the targets that block it. If the endpoint already runs the
/// configuration, restores instead. If it fails, no update follows, so it restores the targets that it has deregistered.
///
/// `given` is the physical id; `declared` is the id that the previous properties describe.
async fn prepare_update(
    context: &Context<'_>,
    gate: &UpdateGate,
    given: Option<&UpdateGateId>,
    declared: Option<&UpdateGateId>,
) -> Result<(), Error> {
    let mut taken = Vec::new();
    let done = try_to_prepare_update(context, gate, given, declared, &mut taken).await;
    if let Err(Error::Stale(_)) = &done {
        taken.extend(taken_by_earlier_delivery(context, &gate.id.endpoint, &taken).await);
    }
    if done.is_err() && !taken.is_empty() {
        let (unused, deregistered): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|taken| taken.deregistration == Deregistration::NotTried);
        match successor(context, given).await {
            None => {
                undo(context, &gate.id.endpoint, deregistered).await;
                drop_unused(context, &unused).await;
            }
            Some(Successor::Answered) => drop_unused(context, &unused).await,
            // It uses the snapshots of deregistered targets.
            Some(Successor::InProgress) if unused.is_empty() => {}
            Some(Successor::InProgress) => {
                wait_for_successor(context).await;
                drop_unused(context, &unused).await;
            }
        }
    }
    done
}

/// Takes the steps, within the time that is left. Adds its snapshots to `taken`.
async fn try_to_prepare_update(
    context: &Context<'_>,
    gate: &UpdateGate,
    given: Option<&UpdateGateId>,
    declared: Option<&UpdateGateId>,
    taken: &mut Vec<Taken>,
) -> Result<(), Error> {
    context.ensure_fresh().await?;
    let (aws, name) = (&context.aws, &gate.id.endpoint);
    let endpoint_plan = endpoint_plan(&gate.id, given, declared);
    if endpoint_plan == (EndpointPlan::Keep { rolls_back_failure: true }) {
        // No Delete follows that would restore a snapshot that is not visible yet.
        aws.earlier_changes_visible().await;
    }
    if endpoint_plan != EndpointPlan::Update && !store::exist_any(aws, name).await? {
        return Ok(());
    }
    let configs = given.into_iter().chain(declared).chain([&gate.id]).map(|gate| gate.config.to_string()).collect();
    let update = update_of(context, configs);
    // The handler drops the work at its deadline. Then nothing would restore the targets.
    let left = aws.left_to_work();
    let budget = left.saturating_sub(RESTORE_RESERVE.min(left / 8));
    let done = timeout(budget, run_steps(context, gate, &update, endpoint_plan, taken)).await;
    done.unwrap_or_else(|_| Err(Error::OutOfTime { doing: context.progress().phrase() }))
}

/// What an earlier delivery of this request has taken and left: it was killed.
async fn taken_by_earlier_delivery(context: &Context<'_>, name: &EndpointName, taken: &[Taken]) -> Vec<Taken> {
    let found = store::get_all_readable(&context.aws, name).await;
    let found = found.inspect_err(|error| tracing::warn!(%error, "snapshots of an earlier delivery may be left"));
    let is_left = |stored: &Stored| {
        stored.snapshot.is_kept_by(context.aws.request.id) && !taken.iter().any(|taken| taken.stored.is_same(stored))
    };
    found
        .unwrap_or_default()
        .into_iter()
        .filter(is_left)
        .map(|stored| Taken { stored, deregistration: Deregistration::Tried })
        .collect()
}

/// Restores the targets that were deregistered, unless an update of the endpoint is removing the variant, or the endpoint is
/// newer than the snapshot.
async fn undo(context: &Context<'_>, name: &EndpointName, deregistered: Vec<Taken>) {
    if deregistered.is_empty() {
        return;
    }
    let aws = &context.aws;
    let endpoint =
        aws.endpoint_once(name, Endpoint::is_stable, aws.left_to_work().saturating_sub(RESTORE_RESERVE)).await;
    let may_have_variant = |stored: &Stored| {
        let Snapshot { spec, taken_at, .. } = &stored.snapshot;
        let has_variant = match &endpoint {
            Ok(found) => found.as_ref().is_some_and(|found| {
                found.has_variant_of(&spec.id) && found.created.is_none_or(|created| created <= *taken_at)
            }),
            Err(_) => true,
        };
        if !has_variant {
            let target = spec.id.resource_id();
            tracing::warn!(target, "not restored: its endpoint has no such variant any more; its snapshot is kept");
        }
        has_variant
    };
    give_back(aws, deregistered.into_iter().map(|taken| taken.stored).filter(may_have_variant)).await;
}

/// Discards the snapshots whose targets were not deregistered.
async fn drop_unused(context: &Context<'_>, unused: &[Taken]) {
    for Taken { stored, .. } in unused {
        if let Err(error) = drop_unless_needed(&context.aws, stored).await {
            let target = stored.snapshot.spec.id.resource_id();
            tracing::warn!(%error, target, "the snapshot could not be dropped");
        }
    }
}

/// Decides what CloudFormation does with the endpoint after this request.
///
/// If the gate's own Update failed, its physical id has stayed, and the endpoint was not updated. If the gate gets another
/// endpoint, CloudFormation creates that one.
fn endpoint_plan(id: &UpdateGateId, given: Option<&UpdateGateId>, declared: Option<&UpdateGateId>) -> EndpointPlan {
    // Without a usable id, the gate could not be created, and the endpoint has not been updated since.
    match given {
        Some(previous) if previous.is_same(id) => {
            EndpointPlan::Keep { rolls_back_failure: declared.is_some_and(|declared| !declared.is_same(id)) }
        }
        Some(previous) if !previous.has_same_endpoint(id) => EndpointPlan::Keep { rolls_back_failure: false },
        _ => EndpointPlan::Update,
    }
}

/// Takes the steps of [`next_step`]. Adds each snapshot to `taken` before it deregisters the target, so `taken` is right also
/// after a failure.
async fn run_steps(
    context: &Context<'_>,
    gate: &UpdateGate,
    update: &EndpointUpdate,
    endpoint_plan: EndpointPlan,
    taken: &mut Vec<Taken>,
) -> Result<(), Error> {
    let aws = &context.aws;
    // The blocking targets, and the configuration and state of the endpoint that they were read for.
    let mut known: Option<(String, bool, Vec<Snapshot>)> = None;
    let mut read = Stopwatch::start();
    let mut configs = None;
    let changes = Cell::new(0);
    let reads_again = Cell::new(false);
    let mut wait = async || {
        let mut endpoint = aws.endpoint(&gate.id.endpoint).await?;
        known = known.take().filter(|_| !reads_again.take());
        loop {
            let is_current = |config: &str, is_settled: bool| {
                endpoint
                    .as_ref()
                    .is_some_and(|endpoint| endpoint.config == config && endpoint.is_settled() == is_settled)
            };
            known = known.take().filter(|(config, is_settled, _)| is_current(config, *is_settled));
            let blocking = known.as_ref().map(|(.., blocking)| blocking.as_slice());
            let observed = Observed { endpoint: endpoint.as_ref(), blocking, endpoint_plan };
            match (next_step(gate, context.owner(), observed)?, &endpoint) {
                (Step::ReadTargets, Some(endpoint)) => {
                    let blocking;
                    (blocking, read) =
                        blocking_targets(context, &gate.id, endpoint, update, taken, &mut configs).await?;
                    known = Some((endpoint.config.clone(), endpoint.is_settled(), blocking));
                }
                (Step::Snapshot(_), _) => {
                    let blocking = known.take().map(|(.., blocking)| blocking);
                    changes.set(changes.get() + 1);
                    if deregister(context, blocking.unwrap_or_default(), read, taken).await? {
                        return Ok(ControlFlow::Break(()));
                    }
                    endpoint = aws.endpoint(&gate.id.endpoint).await?;
                }
                (Step::Restore, endpoint @ Some(_)) => {
                    if store::exist_any(aws, &gate.id.endpoint).await? {
                        // A younger request would not check its freshness.
                        aws.earlier_changes_visible().await;
                        // Another delivery may have been answered just now.
                        sleep(RECORD_LAG).await;
                        context.ensure_fresh().await?;
                        restore_all(aws, &gate.id.endpoint, endpoint.as_ref(), update, OnRejection::Fail).await?;
                    }
                    return Ok(ControlFlow::Break(()));
                }
                (Step::Wait { status }, _) => {
                    let name = &gate.id.endpoint;
                    let wait = format!("waiting for endpoint {name} to settle (it is {status})");
                    context.progress().waiting(wait);
                    return Ok(ControlFlow::Continue(()));
                }
                (Step::Done, Some(_)) if endpoint_plan == EndpointPlan::Update => {
                    if take_over(context, gate, update, taken).await? {
                        changes.set(changes.get() + 1);
                    }
                    return Ok(ControlFlow::Break(()));
                }
                (Step::Done | Step::ReadTargets | Step::Restore, _) => return Ok::<_, Error>(ControlFlow::Break(())),
            }
        }
    };
    let mut checked = 0;
    loop {
        // The caller's time limit ends this poll.
        let (Ok(()) | Err(())) = poll(ENDPOINT, Duration::MAX, &mut wait).await?;
        if changes.get() == checked {
            return Ok(());
        }
        checked = changes.get();
        // What comes after this request sees the snapshots, and that their targets are deregistered. If CloudFormation has
        // cancelled the request, its record says so, and the caller restores the targets.
        sleep(VISIBLE_WITHIN).await;
        context.ensure_fresh().await?;
        // Somebody may have registered a target meanwhile.
        reads_again.set(true);
    }
}

/// A snapshot that this request has taken.
#[derive(Debug)]
struct Taken {
    stored: Stored,
    deregistration: Deregistration,
}

/// How far this request has deregistered a target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Deregistration {
    /// It has not called for it.
    NotTried,
    /// It has called for it.
    Tried,
    /// The call succeeded.
    Done,
}

fn note(taken: &mut [Taken], deregistration: Deregistration) {
    if let Some(last) = taken.last_mut() {
        last.deregistration = deregistration;
    }
}

/// The snapshots of deregistered targets that are not among those found. A cancelled request has dropped them: it read the one
/// that they replaced.
fn dropped<'a>(taken: &'a [Taken], found: &[Stored]) -> Vec<&'a Stored> {
    let mut dropped: Vec<&Stored> = Vec::new();
    // A target that was registered again meanwhile is in several of them.
    for Taken { stored, .. } in taken.iter().rev().filter(|taken| taken.deregistration == Deregistration::Done) {
        let is_of_same_target = |other: &Stored| other.snapshot.spec.id == stored.snapshot.spec.id;
        if !found.iter().any(is_of_same_target) && !dropped.iter().any(|other| is_of_same_target(other)) {
            dropped.push(stored);
        }
    }
    dropped
}

/// Assigns the snapshots of earlier requests to this one, such as after an update that failed without a rollback. A cancelled
/// request that still runs then leaves them alone. Stores its own ones again that such a request has dropped. Returns whether
/// there were any.
///
/// A read may still show what this request has overwritten, so what it has `taken` is left out.
async fn take_over(
    context: &Context<'_>,
    gate: &UpdateGate,
    update: &EndpointUpdate,
    taken: &[Taken],
) -> Result<bool, Error> {
    let taken_over = |stored: Stored| {
        if taken.iter().any(|taken| taken.stored.snapshot.spec.id == stored.snapshot.spec.id) {
            return None;
        }
        let mut snapshot = stored.snapshot.clone();
        let belongs = snapshot.belongs_to(update);
        let taken_for = snapshot.update.as_mut().filter(|_| belongs)?;
        let added = update.configs.iter().filter(|config| taken_for.add(config)).count();
        let kept_by = std::mem::replace(&mut taken_for.kept_by, update.kept_by.clone());
        (added > 0 || kept_by != update.kept_by).then_some((stored, snapshot))
    };
    let get_all = async || store::get_all_readable(&context.aws, &gate.id.endpoint).await;
    let found = get_all().await?;
    let dropped = dropped(taken, &found);
    for stored in &dropped {
        context.ensure_fresh().await?;
        store::put(&context.aws, stored).await?;
    }
    if !found.into_iter().any(|stored| taken_over(stored).is_some()) {
        return Ok(!dropped.is_empty());
    }
    // An earlier request may have dropped a snapshot that is still visible.
    context.aws.earlier_changes_visible().await;
    for (stored, snapshot) in get_all().await?.into_iter().filter_map(taken_over) {
        context.ensure_fresh().await?;
        // A request that was cancelled may have registered the target, and not dropped the snapshot.
        if !drop_if_registered(&context.aws, &stored).await? {
            store::put(&context.aws, &Stored::new(snapshot)?).await?;
        }
    }
    Ok(true)
}

/// Stores snapshots that were taken when `read` started, and deregisters their targets. Returns `false` if a target has
/// changed since then.
async fn deregister(
    context: &Context<'_>,
    snapshots: Vec<Snapshot>,
    read: Stopwatch,
    taken: &mut Vec<Taken>,
) -> Result<bool, Error> {
    let mut checked: Option<Stopwatch> = None;
    for snapshot in snapshots {
        // A newer read of the record may lag by as much.
        if checked.is_none_or(|checked| checked.elapsed() >= RECORD_LAG) {
            context.ensure_fresh().await?;
        }
        let target = snapshot.spec.id.clone();
        let stored = Stored::new(snapshot.clone())?;
        // A snapshot that took long is taken again, but only once.
        let is_first = !taken.iter().any(|taken| taken.stored.snapshot.spec.id == target);
        taken.push(Taken { stored: stored.clone(), deregistration: Deregistration::NotTried });
        if !store::put(&context.aws, &stored).await? || (is_first && read.elapsed() >= SNAPSHOT_VALID) {
            return Ok(false);
        }
        let ownership = Ownership::read(context.owner(), &snapshot.spec.tags);
        let state = TargetState::Registered { arn: snapshot.arn().unwrap_or_default().to_owned(), ownership };
        context.ensure_fresh().await?;
        checked = Some(Stopwatch::start());
        let mut precondition = Precondition::since(read, &target, state, Freshness::Fresh);
        note(taken, Deregistration::Tried);
        let done = context.aws.deregister_target(&target, &mut precondition).await;
        if unless_outdated(done)?.is_none() {
            return Ok(false);
        }
        note(taken, Deregistration::Done);
        context.progress().decided(Decision::Snapshot);
        tracing::info!(target = target.resource_id(), dimension = target.dimension().as_str(), "snapshot taken");
    }
    Ok(true)
}

/// The request that goes on with the snapshots of one that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Successor {
    /// Another delivery of the request, or a later request for the gate, was answered with another id than the gate had
    /// before. So the update of the endpoint to that configuration follows.
    Answered,
    /// A later request is in progress.
    InProgress,
}

/// Waits until the later request is over: until then, it may store snapshots of its own.
async fn wait_for_successor(context: &Context<'_>) {
    let read = async || {
        let record = context.aws.stack_record().await;
        let is_over = record.is_none_or(|record| !record.status.ends_with("_IN_PROGRESS"));
        Ok::<_, Infallible>(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    let budget = context.aws.left_to_work().saturating_sub(RESTORE_RESERVE);
    let Ok(Ok(()) | Err(())) = poll(ENDPOINT, budget, read).await;
}

async fn successor(context: &Context<'_>, given: Option<&UpdateGateId>) -> Option<Successor> {
    // The record may lag.
    sleep(RECORD_LAG).await;
    let record = context.aws.stack_record().await?;
    let is_in_progress = record.status.ends_with("_IN_PROGRESS");
    // A later request may have failed. The id stays that of the last one that was answered.
    let is_over = !record.is_deleted() && !is_in_progress;
    let recorded = record.physical_resource_id.parse::<UpdateGateId>().ok();
    let new_id = recorded.filter(|id| given.is_none_or(|given| !given.is_same(id)));
    let is_superseded = context.aws.request.freshness(&record) != Freshness::Fresh;
    if is_over && let Some(id) = new_id {
        // If the endpoint runs that configuration already, no update follows.
        let endpoint = context.aws.endpoint(&id.endpoint).await.ok().flatten();
        let is_done = endpoint.is_some_and(|found| found.is_settled() && found.runs(id.config.as_str()));
        (!is_done).then_some(Successor::Answered)
    } else {
        (is_superseded && is_in_progress).then_some(Successor::InProgress)
    }
}

/// The configurations before and after the update. SageMaker does not change a configuration, so each is read once.
#[derive(Debug)]
struct Configs {
    /// The name of the one that the endpoint runs.
    name: String,
    /// `None` if it was deleted.
    running: Option<Vec<ConfiguredVariant>>,
    wanted: Vec<ConfiguredVariant>,
}

impl Configs {
    /// Whether a registered variant may block the update. `true` if the running configuration was deleted.
    fn may_be_blocked_by(&self, variant: &str) -> bool {
        self.running.as_ref().is_none_or(|running| blocks_update(variant, running, &self.wanted))
    }
}

/// Snapshots of the registered targets that block the update to the gate's configuration.
async fn blocking_targets(
    context: &Context<'_>,
    gate: &UpdateGateId,
    endpoint: &Endpoint,
    update: &EndpointUpdate,
    taken: &[Taken],
    configs: &mut Option<Configs>,
) -> Result<(Vec<Snapshot>, Stopwatch), Error> {
    let aws = &context.aws;
    let mut update = update.clone();
    update.add(&endpoint.config);
    if configs.as_ref().is_none_or(|configs| configs.name != endpoint.config) {
        let (wanted, running) =
            try_join(aws.endpoint_config(gate.config.as_str()), aws.endpoint_config(&endpoint.config)).await?;
        let wanted = wanted.ok_or_else(|| Refusal::ConfigMissing(gate.config.clone()))?;
        *configs = Some(Configs { name: endpoint.config.clone(), running, wanted });
    }
    let blocks = |variant: &&String| configs.as_ref().is_some_and(|configs| configs.may_be_blocked_by(variant));
    let variants = endpoint.variants.iter().filter(blocks);
    // A target may be registered under any spelling of the endpoint's name.
    let name = gate.endpoint.as_str();
    let spellings = BTreeSet::from([name.to_owned(), name.to_ascii_lowercase(), endpoint.name.clone()]);
    let resource_ids: Vec<_> = variants
        .flat_map(|variant| spellings.iter().map(move |name| format!("endpoint/{name}/variant/{variant}")))
        .collect();
    let mut snapshots: Vec<Snapshot> = Vec::new();
    if resource_ids.is_empty() {
        return Ok((snapshots, Stopwatch::start()));
    }
    // A target or a policy that was put seconds ago may not be visible yet.
    aws.earlier_changes_visible().await;
    let (read, descriptions) = loop {
        let read = Stopwatch::start();
        let descriptions = aws.describe_targets(&resource_ids).await?;
        // Somebody else may be completing a new target.
        let youngest = descriptions.iter().filter_map(|found| age(found, aws.now())).min();
        match youngest.filter(|age| *age < COMPLETE_WITHIN) {
            Some(age) => sleep(COMPLETE_WITHIN - age).await,
            None => break (read, descriptions),
        }
    };
    for description in descriptions {
        let Some(target @ ScalableTargetId::Variant { .. }) = target_of(&description) else { continue };
        let arn = text(&description, TARGET_ARN);
        if taken.iter().any(|taken| taken.deregistration == Deregistration::Done && taken.stored.snapshot.arn() == arn)
        {
            // It is still visible.
            continue;
        }
        let Some(snapshot) = capture(aws, &target, description, Some(update.clone())).await? else { continue };
        // Before any of them is deregistered.
        snapshot.value()?;
        if let Some(other) = snapshots.iter().find(|other| other.shares_parameter_with(&snapshot)) {
            return Err(SnapshotError::Ambiguous(other.spec.id.resource_id(), target.resource_id()).into());
        }
        snapshots.push(snapshot);
    }
    Ok((snapshots, read))
}

/// How long ago a target was registered.
fn age(description: &Object, now: SystemTime) -> Option<Duration> {
    let created = description.get("CreationTime")?.as_f64()?;
    let created = SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(created).ok()?;
    Some(now.duration_since(created).unwrap_or_default())
}

/// Restores the snapshots of variants that the endpoint settles on, and drops the others of the gate's updates.
async fn clean_up(context: &Context<'_>, gate: &UpdateGateId) -> Result<(), Error> {
    let name = &gate.endpoint;
    if !store::exist_any(&context.aws, name).await? {
        return Ok(());
    }
    let update = update_of(context, vec![gate.config.to_string()]);
    // By then, reads show an update of the endpoint that began just now.
    context.aws.earlier_changes_visible().await;
    // The work deadline ends this wait.
    let endpoint = context.aws.endpoint_once(name, Endpoint::is_stable, Duration::MAX).await?;
    // It may have taken long.
    context.ensure_fresh().await?;
    for stored in restore_all(&context.aws, name, endpoint.as_ref(), &update, OnRejection::Skip).await? {
        store::drop_snapshot(&context.aws, &stored).await?;
        context.progress().decided(Decision::DropSnapshot);
        let target = &stored.snapshot.spec.id;
        tracing::info!(target = target.resource_id(), dimension = target.dimension().as_str(), "snapshot dropped");
    }
    Ok(())
}

/// An update of the endpoint by this stack, between these configurations.
fn update_of(context: &Context<'_>, configs: Vec<String>) -> EndpointUpdate {
    let is_by_new_gate = matches!(context.lifecycle(), Lifecycle::Create { .. });
    let (stack_id, kept_by) = (context.owner().stack_id.clone(), context.aws.request.id.to_owned());
    EndpointUpdate { stack_id: Some(stack_id), configs, is_by_new_gate, kept_by }
}

fn resource(physical_resource_id: String, gate: &UpdateGateId) -> Resource {
    Resource { physical_resource_id, attributes: attributes::of_gate(gate) }
}
