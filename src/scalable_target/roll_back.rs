//! Handles a rollback in which CloudFormation will also move the endpoint back to its previous configuration. A registered
//! target would block that, so it is stored as a snapshot and deregistered. The gate restores it afterwards.

use futures_util::future::try_join;
use tokio::time::sleep;

use super::own_snapshot::{is_update, own_snapshot, restored_spec, update_of};
use super::ownership;
use super::reconcile::no_longer_declared;
use super::remove::{ensure_fresh, find_own, remove};
use crate::aws::{Precondition, TargetState, unless_outdated};
use crate::context::Context;
use crate::deadline::Stopwatch;
use crate::error::Error;
use crate::model::attributes::{self, Attributes, TARGET_ARN};
use crate::model::{
    ConfiguredVariant, PhysicalResourceId, Refusal, Registered, ScalableTargetId, UpdateGateId, blocks_update,
};
use crate::observability::Decision;
use crate::properties::{Declared, Desired};
use crate::request::{Freshness, Lifecycle};
use crate::snapshot::store::{self, Stored};
use crate::snapshot::{EndpointUpdate, Snapshot, capture};
use crate::timing::VISIBLE_WITHIN;

/// A rollback of an endpoint, by its two configurations.
#[derive(Debug)]
pub(super) struct EndpointRollback {
    endpoint: String,
    running_config: String,
    running: Vec<ConfiguredVariant>,
    wanted: Vec<ConfiguredVariant>,
    /// Whether its gate is in the stack of the target, and not in another one, such as the parent of a nested stack.
    has_own_gate: bool,
}

impl EndpointRollback {
    /// The update of the endpoint that is rolled back.
    pub(super) fn update(&self, context: &Context<'_>, desired: &Desired) -> Option<EndpointUpdate> {
        let mut update = update_of(context, desired)?;
        // After several failed updates, neither the previous gate nor the new one names it.
        update.add(&self.running_config);
        Some(update)
    }

    /// Whether it adds, removes or changes the variant of a target.
    pub(super) fn is_blocked_by(&self, target: &ScalableTargetId) -> bool {
        let ScalableTargetId::Variant { endpoint, variant, .. } = target else { return false };
        let blocks = |from, to| blocks_update(variant.as_str(), from, to);
        endpoint.as_str().eq_ignore_ascii_case(&self.endpoint)
            && (blocks(&self.running, &self.wanted) || blocks(&self.wanted, &self.running))
    }
}

/// The rollback of the endpoint that CloudFormation carries out after this request: the endpoint runs the configuration of
/// the previous gate, or one for which the stack still has a gate, and is about to return to that of the new gate.
///
/// `failure` is why the endpoint cannot be scaled now.
pub(super) async fn expected(
    context: &Context<'_>,
    desired: &Desired,
    failure: Option<&Error>,
) -> Result<Option<EndpointRollback>, Error> {
    let (Some(gate), ScalableTargetId::Variant { endpoint, .. }) = (&desired.gate, &desired.spec.id) else {
        return Ok(None);
    };
    let may_be_the_configuration = matches!(
        failure,
        None | Some(Error::Refused(Refusal::VariantMissing { .. } | Refusal::CannotScaleToZero { .. }))
    );
    // A rollback creates no resource.
    if !may_be_the_configuration || !is_update(context) {
        return Ok(None);
    }
    let Some(endpoint) = context.aws.endpoint(endpoint).await?.filter(|found| !found.runs(gate.config.as_str())) else {
        return Ok(None);
    };
    // If the endpoint runs any other configuration, it was updated outside this stack. Then no gate would restore the
    // snapshot, so the target stays registered.
    let previous = context.lifecycle().old_gate().filter(|previous| !previous.is_same(gate));
    let runs_previous = previous.as_ref().is_some_and(|previous| endpoint.runs(previous.config.as_str()));
    // After updates that failed without a rollback, the stack reverts several configurations. Then its current gate is not
    // that of this request.
    let running = endpoint.config.parse().map(|config| UpdateGateId { endpoint: gate.endpoint.clone(), config });
    let has_own_gate = context.aws.has_any_gate(running.into_iter().chain(previous)).await;
    if !runs_previous && !has_own_gate {
        return Ok(None);
    }
    let running = context.aws.endpoint_config(&endpoint.config);
    let (running, wanted) = try_join(running, context.aws.endpoint_config(gate.config.as_str())).await?;
    let configs = running.zip(wanted);
    let rollback = |(running, wanted)| {
        let (endpoint, running_config) = (endpoint.name, endpoint.config);
        EndpointRollback { endpoint, running_config, running, wanted, has_own_gate }
    };
    Ok(configs.map(rollback))
}

/// Removes the target that this resource has under its former id, if it blocks the rollback. CloudFormation deletes it only
/// in its clean-up, after the endpoint.
pub(super) async fn remove_replaced(
    context: &Context<'_>,
    desired: &Desired,
    roll_back: &EndpointRollback,
) -> Result<(), Error> {
    let Lifecycle::Update { id, .. } = context.lifecycle() else { return Ok(()) };
    let PhysicalResourceId::ScalableTarget(replaced) = PhysicalResourceId::read(id) else { return Ok(()) };
    if replaced.is_same(&desired.spec.id) || !roll_back.is_blocked_by(&replaced) {
        return Ok(());
    }
    let registered = find_own(context, &replaced, VISIBLE_WITHIN).await?;
    remove(context, &replaced, registered, Freshness::Fresh).await
}

/// Stores a snapshot of the target as the template declares it, with the attachments that others put, and deregisters it.
pub(super) async fn keep_as_snapshot(
    context: &Context<'_>,
    desired: &Desired,
    previous: &Declared,
    roll_back: &EndpointRollback,
) -> Result<Attributes, Error> {
    let target = &desired.spec.id;
    // A target that an earlier request registered may not be visible yet.
    context.aws.earlier_changes_visible().await;
    loop {
        ensure_fresh(context, target).await?;
        let read = Stopwatch::start();
        let registered = context.aws.registered(target).await?;
        let snapshot = desired_snapshot(context, desired, previous, registered.as_ref(), roll_back).await?;
        let stored = Stored::new(snapshot)?;
        if !store::put(&context.aws, &stored).await? {
            continue;
        }
        let is_done = match registered {
            None => true,
            Some(_) => {
                ensure_fresh(context, target).await?;
                let state = TargetState::new(context.owner(), registered.as_ref());
                let mut precondition = Precondition::since(read, target, state, Freshness::Fresh);
                unless_outdated(context.aws.deregister_target(target, &mut precondition).await)?.is_some()
            }
        };
        if is_done {
            // The gate's requests, which come after this one, have to find it.
            sleep(VISIBLE_WITHIN).await;
            if context.aws.registered(target).await?.is_some() {
                // Such as by the gate's request, which was cancelled and restores what it had deregistered.
                continue;
            }
            ensure_fresh(context, target).await?;
            if store::get_readable(&context.aws, target).await?.is_none() {
                // A cancelled gate has dropped it: it read the snapshot that this one replaced.
                store::put(&context.aws, &stored).await?;
            }
            context.progress().decided(Decision::Snapshot);
            let target = target.resource_id();
            tracing::info!(target, "snapshot taken: the endpoint is about to roll back to another configuration");
            return Ok(attributes_before(desired, &stored.snapshot));
        }
    }
}

/// What the template declares, with what others attached to the registered target, or to the target in the snapshot.
async fn desired_snapshot(
    context: &Context<'_>,
    desired: &Desired,
    previous: &Declared,
    registered: Option<&Registered>,
    roll_back: &EndpointRollback,
) -> Result<Snapshot, Error> {
    let (aws, target) = (&context.aws, &desired.spec.id);
    ownership::registration(desired, context.owner(), registered, &previous.tags)?;
    let stack_id = roll_back.has_own_gate.then(|| context.owner().stack_id.clone());
    let update = roll_back.update(context, desired).map(|update| EndpointUpdate { stack_id, ..update });
    let mut before = None;
    if registered.is_some()
        && let Some(description) = aws.describe_target(target).await?
    {
        before = capture(aws, target, description, update.clone()).await?;
    }
    if before.is_none() {
        // The gate, or another delivery of this request, may have stored it.
        before = own_snapshot(context, desired, update.as_ref()).await?.map(|stored| stored.snapshot);
    }
    if let Some(before) = before {
        let to_delete = no_longer_declared(target, &Declared::read(context.lifecycle().properties()), previous);
        if let Some(spec) = restored_spec(context, desired, &before, &to_delete, previous).await? {
            // The gate that took the earlier snapshot restores this one.
            let update = update.map(|update| match before.update {
                Some(earlier) => EndpointUpdate { configs: update.configs, kept_by: update.kept_by, ..earlier },
                None => update,
            });
            return Ok(Snapshot::new(aws.now(), spec, before.attributes, update));
        }
    }
    let mut spec = desired.spec.clone();
    spec.tags.extend(context.owner().tags());
    Ok(Snapshot::new(aws.now(), spec, Attributes::new(), update))
}

/// The attributes with the ARNs that the target had, since the stack may use them. It gets others when it is restored.
fn attributes_before(desired: &Desired, snapshot: &Snapshot) -> Attributes {
    let mut attributes = attributes::of_target(&desired.spec);
    attributes.extend(attributes::of_policies(&desired.spec, &snapshot.attributes));
    attributes.insert(TARGET_ARN.to_owned(), snapshot.arn().unwrap_or_default().to_owned());
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_is_blocked_by_what_it_adds_removes_or_changes_of_its_endpoint() {
        let config = |variants: &[(&str, &str)]| {
            let variant = |(name, instance_type): &(&str, &str)| ConfiguredVariant {
                name: (*name).to_owned(),
                instance_type: Some((*instance_type).to_owned()),
                instance_pools: Vec::new(),
            };
            variants.iter().map(variant).collect::<Vec<_>>()
        };
        let rollback = EndpointRollback {
            endpoint: "Prod".into(),
            running_config: "c2".into(),
            running: config(&[("same", "large"), ("changed", "xlarge"), ("added", "large")]),
            wanted: config(&[("same", "large"), ("changed", "large"), ("removed", "large")]),
            has_own_gate: true,
        };
        let blocked = |endpoint: &str, variant: &str| {
            let target =
                format!("endpoint/{endpoint}/variant/{variant}|sagemaker:variant:DesiredInstanceCount|sagemaker");
            rollback.is_blocked_by(&target.parse().unwrap())
        };
        for variant in ["changed", "added", "removed"] {
            assert!(blocked("prod", variant), "{variant}");
            assert!(!blocked("other", variant), "{variant}");
        }
        assert!(!blocked("prod", "same"));
    }
}
