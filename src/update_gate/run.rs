//! Carries out a gate's request: reads, calls `next_step`, acts, and repeats until the step is `Done`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::future::try_join;
use tokio::time::sleep;

use super::next_step::{Observed, Step, next_step};
use crate::apply::OnRejection;
use crate::aws::{AwsError, Precondition, TargetState, unless_outdated};
use crate::context::Context;
use crate::deadline::Stopwatch;
use crate::error::Error;
use crate::model::attributes::{self, Attributes, Resource};
use crate::model::{
    Endpoint, EndpointName, Ownership, PhysicalResourceId, Refusal, ScalableTargetId, UpdateGateId, blocks_update,
    target_of,
};
use crate::observability::Decision;
use crate::polling::poll;
use crate::properties::{UpdateGate, declared_endpoint};
use crate::request::{Freshness, Lifecycle};
use crate::snapshot::{Snapshot, SnapshotError, capture, restore, store};
use crate::timing::{ENDPOINT, FRESHNESS_CHECKED_AFTER, RECORD_LAG};

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
            open(context, &gate, true).await?;
            Ok(resource(gate.id.to_string(), &gate.id))
        }
        Lifecycle::Update { id, properties, old_properties } => {
            let gate = UpdateGate::read(properties, context.location)?;
            // If the configuration stays, no update of the endpoint follows.
            let previous = UpdateGate::read(old_properties, context.location);
            let update_follows = !previous.is_ok_and(|previous| previous.id.is_same(&gate.id));
            open(context, &gate, update_follows).await?;
            let is_same_id = id.parse::<UpdateGateId>().is_ok_and(|given| given.is_same(&gate.id));
            Ok(resource(if is_same_id { id.clone() } else { gate.id.to_string() }, &gate.id))
        }
        Lifecycle::Delete { id, properties } => {
            let endpoint = match PhysicalResourceId::read(id) {
                PhysicalResourceId::UpdateGate(gate) => Some(gate.endpoint),
                PhysicalResourceId::NotRegistered => None,
                PhysicalResourceId::Invented | PhysicalResourceId::ScalableTarget(_) => declared_endpoint(properties),
            };
            if let Some(endpoint) = endpoint {
                context.ensure_fresh().await?;
                clean_up(context, &endpoint).await?;
            }
            Ok(Resource { physical_resource_id: id.clone(), attributes: Attributes::new() })
        }
    }
}

/// Deregisters what blocks the update, or restores snapshots if the endpoint runs the configuration. Restores what it has
/// deregistered if it then turns out that no update follows.
async fn open(context: &Context<'_>, gate: &UpdateGate, update_follows: bool) -> Result<(), Error> {
    context.ensure_fresh().await?;
    let mut deregistered = Vec::new();
    let done = run_steps(context, gate, update_follows, &mut deregistered).await;
    let no_update_follows = match &done {
        Err(Error::Stale(_)) => !was_answered(context, &gate.id).await,
        Err(Error::Refused(_)) => true,
        _ => false,
    };
    if no_update_follows && !deregistered.is_empty() {
        let endpoint = context.aws.endpoint(&gate.id.endpoint).await?;
        deregistered.retain(|snapshot| has_variant(endpoint.as_ref(), snapshot));
        let mut failure = None;
        for snapshot in deregistered {
            let restored = restore(&context.aws, snapshot).await;
            failure = failure.or_else(|| restored.err());
        }
        failure.map_or(Ok(()), Err)?;
    }
    done
}

/// Takes the steps of [`next_step`]. `deregistered` has what it has deregistered, also if it fails.
async fn run_steps(
    context: &Context<'_>,
    gate: &UpdateGate,
    update_follows: bool,
    deregistered: &mut Vec<Snapshot>,
) -> Result<(), Error> {
    let aws = &context.aws;
    // The blocking targets, and the configuration and state of the endpoint that they were read for.
    let mut known: Option<(String, bool, Vec<Snapshot>)> = None;
    let mut read = Stopwatch::start();
    let wait = async || {
        let mut endpoint = aws.endpoint(&gate.id.endpoint).await?;
        loop {
            let is_current = |config: &str, is_settled: bool| {
                endpoint
                    .as_ref()
                    .is_some_and(|endpoint| endpoint.config == config && endpoint.is_settled() == is_settled)
            };
            known = known.take().filter(|(config, is_settled, _)| is_current(config, *is_settled));
            let blocking = known.as_ref().map(|(.., blocking)| blocking.as_slice());
            let observed = Observed { endpoint: endpoint.as_ref(), blocking, update_follows };
            match (next_step(gate, context.owner(), observed)?, &endpoint) {
                (Step::ReadTargets, Some(endpoint)) => {
                    read = Stopwatch::start();
                    let blocking = blocking_targets(context, &gate.id, endpoint).await?;
                    known = Some((endpoint.config.clone(), endpoint.is_settled(), blocking));
                }
                (Step::Snapshot(_), _) => {
                    let blocking = known.as_mut().map(|(.., blocking)| std::mem::take(blocking));
                    if !deregister(context, blocking.unwrap_or_default(), read, deregistered).await? {
                        known = None;
                    }
                    endpoint = aws.endpoint(&gate.id.endpoint).await?;
                }
                (Step::Restore, Some(endpoint)) => {
                    restore_all(context, &gate.id.endpoint, endpoint, OnRejection::Fail).await?;
                    return Ok(ControlFlow::Break(()));
                }
                (Step::Wait { status }, _) => {
                    let name = &gate.id.endpoint;
                    let wait = format!("waiting for endpoint {name} to settle before its update (it is {status})");
                    context.progress().waiting(wait);
                    return Ok(ControlFlow::Continue(()));
                }
                (Step::Done | Step::ReadTargets | Step::Restore, _) => return Ok::<_, Error>(ControlFlow::Break(())),
            }
        }
    };
    // The work deadline ends this poll, and reports what the request waits for.
    let (Ok(()) | Err(())) = poll(ENDPOINT, Duration::MAX, wait).await?;
    if !deregistered.is_empty() {
        // If the request has become stale, it has to restore what it has deregistered.
        sleep(RECORD_LAG.max(FRESHNESS_CHECKED_AFTER.saturating_sub(context.aws.request.age.elapsed()))).await;
        context.ensure_fresh().await?;
    }
    Ok(())
}

/// Stores snapshots that were taken when `read` started, and deregisters their targets. Returns `false` if a target has
/// changed since then.
async fn deregister(
    context: &Context<'_>,
    snapshots: Vec<Snapshot>,
    read: Stopwatch,
    deregistered: &mut Vec<Snapshot>,
) -> Result<bool, Error> {
    for snapshot in snapshots {
        store::put(&context.aws, &snapshot).await?;
        let target = snapshot.spec.id.clone();
        let ownership = Ownership::read(context.owner(), &snapshot.spec.tags);
        let state = TargetState::Registered { arn: snapshot.arn().unwrap_or_default().to_owned(), ownership };
        deregistered.push(snapshot);
        context.ensure_fresh().await?;
        let mut precondition = Precondition::since(read, &target, state, Freshness::Fresh);
        let done = async {
            // Storing the snapshots may have taken long.
            precondition.check(&context.aws).await?;
            context.aws.deregister_target(&target, &mut precondition).await
        };
        if unless_outdated(done.await)?.is_none() {
            return Ok(false);
        }
        context.progress().decided(Decision::Snapshot);
        tracing::info!(target = target.resource_id(), dimension = target.dimension().as_str(), "snapshot taken");
    }
    Ok(true)
}

/// Whether another delivery of this request has answered it. Then the update of the endpoint follows.
async fn was_answered(context: &Context<'_>, gate: &UpdateGateId) -> bool {
    context
        .aws
        .stack_record()
        .await
        .is_some_and(|record| record.status.ends_with("_COMPLETE") && record.physical_resource_id == gate.to_string())
}

/// Snapshots of the registered targets that block the update to the gate's configuration.
async fn blocking_targets(
    context: &Context<'_>,
    gate: &UpdateGateId,
    endpoint: &Endpoint,
) -> Result<Vec<Snapshot>, Error> {
    let aws = &context.aws;
    let (wanted, running) =
        try_join(aws.endpoint_config(gate.config.as_str()), aws.endpoint_config(&endpoint.config)).await?;
    let wanted = wanted.ok_or_else(|| Refusal::ConfigMissing(gate.config.clone()))?;
    // If the running configuration was deleted, any variant may block the update.
    let blocks = |variant: &&String| running.as_ref().is_none_or(|running| blocks_update(variant, running, &wanted));
    let variants = endpoint.variants.iter().filter(blocks);
    // A target may be registered under any spelling of the endpoint's name.
    let name = gate.endpoint.as_str();
    let spellings = BTreeSet::from([name.to_owned(), name.to_ascii_lowercase(), endpoint.name.clone()]);
    let resource_ids: Vec<_> = variants
        .flat_map(|variant| spellings.iter().map(move |name| format!("endpoint/{name}/variant/{variant}")))
        .collect();
    let mut snapshots: Vec<Snapshot> = Vec::new();
    let found = if resource_ids.is_empty() { Vec::new() } else { aws.describe_targets(&resource_ids).await? };
    for description in found {
        let Some(target @ ScalableTargetId::Variant { .. }) = target_of(&description) else { continue };
        let Some(snapshot) = capture(aws, &target, description).await? else { continue };
        // A snapshot that is too large fails here, before any target is deregistered.
        snapshot.value()?;
        if let Some(other) = snapshots.iter().find(|other| other.shares_parameter_with(&snapshot)) {
            return Err(SnapshotError::Ambiguous(other.spec.id.resource_id(), target.resource_id()).into());
        }
        snapshots.push(snapshot);
    }
    Ok(snapshots)
}

/// Restores the snapshots of variants that the endpoint has. Returns the targets that cannot be restored: those of other
/// variants, and those that the service rejects.
async fn restore_all(
    context: &Context<'_>,
    name: &EndpointName,
    endpoint: &Endpoint,
    on_rejection: OnRejection,
) -> Result<Vec<ScalableTargetId>, Error> {
    let mut unrestorable = Vec::new();
    let mut failure = None;
    for snapshot in store::get_all(&context.aws, name).await? {
        let restored = match snapshot {
            Ok(snapshot) if endpoint.has_variant_of(&snapshot.spec.id) => {
                let (target, value) = (snapshot.spec.id.clone(), snapshot.value().unwrap_or_default());
                match restore(&context.aws, snapshot).await {
                    // Such as a dimension that the variant no longer has.
                    Err(SnapshotError::Aws(error)) if on_rejection == OnRejection::Skip && error.is_validation() => {
                        tracing::warn!(%error, target = target.resource_id(), snapshot = value, "could not be restored; its snapshot is dropped");
                        unrestorable.push(target);
                        Ok(())
                    }
                    restored => restored.map(drop),
                }
            }
            Ok(snapshot) => {
                unrestorable.push(snapshot.spec.id);
                Ok(())
            }
            Err(error) => Err(error),
        };
        // A failure does not keep the others from being restored.
        failure = failure.or_else(|| restored.err());
    }
    failure.map_or(Ok(unrestorable), |failure| Err(failure.into()))
}

/// Restores the snapshots of variants that the endpoint has, and drops all others.
async fn clean_up(context: &Context<'_>, name: &EndpointName) -> Result<(), Error> {
    let unrestorable = match endpoint_with_variants(context, name).await? {
        Some(endpoint) => restore_all(context, name, &endpoint, OnRejection::Skip).await?,
        None => {
            let snapshots = store::get_all(&context.aws, name).await?.into_iter();
            let readable = |snapshot: Result<Snapshot, SnapshotError>| {
                snapshot
                    .inspect_err(|error| tracing::warn!(%error, "the snapshot cannot be read; its parameter is kept"))
                    .ok()
            };
            snapshots.filter_map(readable).map(|snapshot| snapshot.spec.id).collect()
        }
    };
    for target in unrestorable {
        store::drop_snapshot(&context.aws, &target).await?;
        context.progress().decided(Decision::DropSnapshot);
        tracing::info!(target = target.resource_id(), dimension = target.dimension().as_str(), "snapshot dropped");
    }
    Ok(())
}

/// Reads the endpoint. Waits while it is being created and has no variants yet.
async fn endpoint_with_variants(context: &Context<'_>, name: &EndpointName) -> Result<Option<Endpoint>, AwsError> {
    let read = async || match context.aws.endpoint(name).await? {
        Some(endpoint) if endpoint.variants.is_empty() && !endpoint.is_settled() => {
            context.progress().waiting(format!("waiting for endpoint {name} to show its variants"));
            Ok(ControlFlow::Continue(Some(endpoint)))
        }
        found => Ok(ControlFlow::Break(found)),
    };
    let (Ok(endpoint) | Err(endpoint)) = poll(ENDPOINT, Duration::MAX, read).await?;
    Ok(endpoint)
}

fn has_variant(endpoint: Option<&Endpoint>, snapshot: &Snapshot) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.has_variant_of(&snapshot.spec.id))
}

fn resource(physical_resource_id: String, gate: &UpdateGateId) -> Resource {
    Resource { physical_resource_id, attributes: attributes::of_gate(gate) }
}
