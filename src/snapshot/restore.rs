//! Restores targets from their snapshots, in an order that is safe to repeat.

use std::cell::Cell;
use std::ops::ControlFlow;

use tokio::time::sleep;

use super::parameter::{EndpointUpdate, Snapshot, SnapshotError};
use super::store::{self, Stored};
use crate::apply::{OnRejection, attach, finish_restoring, hand_back, restoring_tags};
use crate::aws::{Aws, AwsError, ChangeError, Precondition, RegisterError, TargetState, unless_outdated};
use crate::model::{Endpoint, EndpointName, Owner, Ownership, RELEASED_TAGS, Registered, Tags};
use crate::observability::Decision;
use crate::polling::poll;
use crate::timing::{RECORD_LAG, VISIBLE, VISIBLE_WITHIN};

/// What became of a snapshot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// The target is registered with all that it had. Its snapshot is still to be dropped.
    Restored,
    /// The target is registered without the restoring tag, so the snapshot was dropped.
    AlreadyRegistered,
    /// The owner is being deleted, so the registration was undone.
    Undone,
}

/// Restores the snapshots of an update, for variants that the endpoint has. Returns those that cannot be restored: those of
/// other variants, and those that the service rejects. Snapshots of other updates stay.
pub async fn restore_all(
    aws: &Aws<'_>,
    name: &EndpointName,
    endpoint: Option<&Endpoint>,
    update: &EndpointUpdate,
    on_rejection: OnRejection,
) -> Result<Vec<Stored>, SnapshotError> {
    let mut unrestorable = Vec::new();
    let mut failure = None;
    // An earlier request may have dropped a snapshot that is still visible.
    aws.earlier_changes_visible().await;
    for stored in store::get_all(aws, name).await? {
        let restored = match stored {
            Ok(stored) if !stored.snapshot.belongs_to(update) => {
                let target = stored.snapshot.spec.id.resource_id();
                tracing::warn!(target, "the snapshot belongs to another update of the endpoint; it is kept");
                Ok(())
            }
            Ok(stored) if endpoint.is_some_and(|endpoint| endpoint.has_variant_of(&stored.snapshot.spec.id)) => {
                match restore(aws, stored.clone(), Newer::Restore).await {
                    // Such as a dimension that the variant no longer has.
                    Err(SnapshotError::Aws(error)) if on_rejection == OnRejection::Skip && error.is_validation() => {
                        let snapshot = stored.snapshot.value().unwrap_or_default();
                        let target = stored.snapshot.spec.id.resource_id();
                        tracing::warn!(%error, target, snapshot, "could not be restored");
                        unrestorable.push(stored);
                        Ok(())
                    }
                    restored => restored,
                }
            }
            Ok(stored) => {
                unrestorable.push(stored);
                Ok(())
            }
            unreadable if endpoint.is_none() => {
                store::unless_unreadable(unreadable);
                Ok(())
            }
            Err(error) => Err(error),
        };
        // A failure does not keep the others from being restored.
        failure = failure.or_else(|| restored.err());
    }
    failure.map_or(Ok(unrestorable), Err)
}

/// What to do if somebody has stored a newer snapshot of the target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Newer {
    /// Restore that one.
    Restore,
    /// Leave the target to the request that stored it.
    Leave,
}

/// Restores a target unless somebody has registered it since, and drops its snapshot.
pub async fn restore(aws: &Aws<'_>, stored: Stored, newer: Newer) -> Result<(), SnapshotError> {
    if let Some(stored) = restore_and_keep(aws, stored, newer).await? {
        store::drop_snapshot(aws, &stored).await?;
    }
    Ok(())
}

/// Restores the targets of a request that failed. Their snapshots stay until every read shows the targets: a later request finds
/// at least one of the two.
pub async fn give_back(aws: &Aws<'_>, snapshots: impl Iterator<Item = Stored>) {
    let mut restored = Vec::new();
    for stored in snapshots {
        let target = stored.snapshot.spec.id.resource_id();
        match restore_and_keep(aws, stored, Newer::Leave).await {
            Ok(kept) => restored.extend(kept),
            Err(error) => tracing::warn!(%error, target, "could not be restored; its snapshot is kept"),
        }
    }
    if !restored.is_empty() {
        sleep(VISIBLE_WITHIN.min(aws.left_to_work() / 2)).await;
    }
    for stored in restored {
        if let Err(error) = drop_if_registered(aws, &stored).await {
            let target = stored.snapshot.spec.id.resource_id();
            tracing::warn!(%error, target, "restored, but its snapshot could not be dropped");
        }
    }
}

/// Restores a target unless somebody has registered it since. Returns its snapshot, if that is still to be dropped.
async fn restore_and_keep(aws: &Aws<'_>, mut stored: Stored, newer: Newer) -> Result<Option<Stored>, SnapshotError> {
    remove_ended_actions(aws, &mut stored.snapshot);
    let restored = loop {
        if let Some(restored) = unless_outdated(restore_once(aws, &stored).await)? {
            break restored;
        }
        // Somebody may have stored the target anew meanwhile.
        match store::get(aws, &stored.snapshot.spec.id).await? {
            Some(found) if !found.is_same(&stored) && (newer == Newer::Leave || !found.continues(&stored)) => {
                return Ok(None);
            }
            Some(found) => {
                stored = found;
                remove_ended_actions(aws, &mut stored.snapshot);
            }
            None => {}
        }
    };
    let (target, dimension) = (stored.snapshot.spec.id.resource_id(), stored.snapshot.spec.id.dimension().as_str());
    match restored {
        Outcome::Restored => {
            aws.progress.decided(Decision::Restore);
            tracing::info!(target, dimension, "restored");
        }
        Outcome::AlreadyRegistered => {
            tracing::info!(target, dimension, "snapshot dropped: the target is registered");
        }
        Outcome::Undone => tracing::info!(target, dimension, "restore undone: its owner is being deleted"),
    }
    Ok((restored == Outcome::Restored).then_some(stored))
}

/// Removes the scheduled actions that have ended, which the service rejects.
pub fn remove_ended_actions(aws: &Aws<'_>, snapshot: &mut Snapshot) {
    for name in snapshot.remove_ended(aws.now()) {
        let target = snapshot.spec.id.resource_id();
        tracing::warn!(target, action = name, "scheduled action has ended; it is not restored");
    }
}

async fn restore_once(aws: &Aws<'_>, stored: &Stored) -> Result<Outcome, ChangeError> {
    let spec = &stored.snapshot.spec;
    let was_current = stored.is_current(aws).await?;
    let (tags, deferred) = restoring_tags(spec.tags.clone());
    let Some((registered, is_new)) = register(aws, stored, tags).await? else {
        let is_dropped = drop_while_registered(aws, stored).await?;
        return if is_dropped { Ok(Outcome::AlreadyRegistered) } else { Err(ChangeError::Outdated) };
    };
    let state = TargetState::new(aws.request.owner, Some(&registered));
    let arn = registered.arn;
    let mut precondition = Precondition::of_restore(&spec.id, state);
    if !is_new {
        // An earlier snapshot may have been restored to it.
        aws.update_target(spec, &mut precondition).await?;
    }
    attach(aws, &spec.id, &spec.attachments, OnRejection::Skip, &mut precondition).await?;
    let is_current = stored.is_current(aws).await?;
    if let Some(owner) = stored.snapshot.resource()
        && is_abandoned(aws, &owner, stored, is_current).await
    {
        if let Some(former) = aws.existing_former_owner(&spec.tags, &spec.id).await {
            hand_back(aws, &arn, &former, &mut precondition).await?;
            let handed_back = Registered { arn: arn.clone(), tags: former.tags() };
            precondition = Precondition::of_restore(&spec.id, TargetState::new(aws.request.owner, Some(&handed_back)));
        } else if Ownership::read(&owner, &spec.tags) == (Ownership::Own { adopted: true }) && (was_current || !is_new)
        {
            aws.untag(&arn, &RELEASED_TAGS.map(str::to_owned), &mut precondition).await?;
        } else {
            // Also if it was adopted and the snapshot was gone: somebody has deregistered what another delivery had restored.
            aws.deregister_target(&spec.id, &mut precondition).await?;
            store::drop_snapshot(aws, stored).await?;
            return Ok(Outcome::Undone);
        }
    }
    finish_restoring(aws, &spec.id, &arn, &deferred, &mut precondition).await?;
    Ok(Outcome::Restored)
}

/// Registers the target with the restoring tag, and returns whether it is new. `None` if somebody has registered it
/// without that tag.
///
/// The call to create it tells whether it is registered. A read does not: a target that was deregistered just now may
/// still be visible.
async fn register(aws: &Aws<'_>, stored: &Stored, tags: Tags) -> Result<Option<(Registered, bool)>, ChangeError> {
    let snapshot = &stored.snapshot;
    let is_wanted = async || stored.is_current(aws).await.map(drop);
    let mut has_waited = false;
    loop {
        match aws.create_target(&snapshot.spec, &tags, is_wanted).await {
            Ok(arn) => return Ok(Some((Registered { arn, tags }, true))),
            Err(RegisterError::AlreadyExists) => {}
            Err(RegisterError::Aws(error)) => return Err(error.into()),
            Err(RegisterError::Outdated) => return Err(ChangeError::Outdated),
        }
        match current_registration(aws, snapshot).await? {
            None => sleep(VISIBLE.step).await,
            Some(found) if found.is_restoring() && !has_waited => {
                // Another request may be restoring it at this moment, or has done so and that is not visible yet.
                sleep(VISIBLE_WITHIN).await;
                if !stored.is_current(aws).await? {
                    // Another request has completed it, or has undone that before this one registered it.
                    let now = aws.registered(&snapshot.spec.id).await?.filter(Registered::is_restoring);
                    return Ok(now.map(|found| (found, false)));
                }
                has_waited = true;
            }
            Some(found) if found.is_restoring() => return Ok(Some((found, false))),
            Some(found) => {
                if Owner::read(&found.tags) != Owner::read(&snapshot.spec.tags) {
                    let (target, snapshot) = (snapshot.spec.id.resource_id(), &stored.value);
                    tracing::warn!(
                        target,
                        snapshot,
                        "another resource has registered the target; its snapshot is dropped"
                    );
                }
                return Ok(None);
            }
        }
    }
}

/// Reads the registered target of a snapshot. If it has the ARN of the snapshot, either it was never deregistered, or that is
/// not visible yet. Then it polls by [`VISIBLE`].
pub async fn current_registration(aws: &Aws<'_>, snapshot: &Snapshot) -> Result<Option<Registered>, AwsError> {
    let read = async || {
        let found = aws.registered(&snapshot.spec.id).await?;
        let is_earlier = found.as_ref().is_some_and(|found| snapshot.arn() == Some(&found.arn));
        Ok::<_, AwsError>(if is_earlier { ControlFlow::Continue(found) } else { ControlFlow::Break(found) })
    };
    let (Ok(found) | Err(found)) = poll(VISIBLE, aws.left_to_work(), read).await?;
    Ok(found)
}

/// Drops the snapshot of a target if it is registered, and not being restored. Returns whether it is.
pub async fn drop_if_registered(aws: &Aws<'_>, stored: &Stored) -> Result<bool, AwsError> {
    Ok(is_registered(aws, stored).await? && drop_while_registered(aws, stored).await?)
}

/// Drops the snapshot of a registered target. Returns whether it still is: before a retry it reads, because another delivery,
/// whose snapshot has the same value, may have deregistered it.
async fn drop_while_registered(aws: &Aws<'_>, stored: &Stored) -> Result<bool, AwsError> {
    let still = Cell::new(true);
    let before_retry = async || {
        still.set(is_registered(aws, stored).await?);
        if still.get() { Ok(()) } else { Err(ChangeError::Outdated) }
    };
    store::drop_while(aws, stored, before_retry).await?;
    Ok(still.get())
}

async fn is_registered(aws: &Aws<'_>, stored: &Stored) -> Result<bool, AwsError> {
    let registered = current_registration(aws, &stored.snapshot).await?;
    Ok(registered.is_some_and(|found| !found.is_restoring()))
}

/// Drops the snapshot of a target that this request has not deregistered. Keeps it if another request has, such as another
/// delivery. Drops it if the owner was deleted: its Delete may have run before the snapshot was visible.
pub async fn drop_unless_needed(aws: &Aws<'_>, stored: &Stored) -> Result<(), AwsError> {
    if drop_if_registered(aws, stored).await? {
        return Ok(());
    }
    let Some(owner) = stored.snapshot.resource() else { return Ok(()) };
    let tags = &stored.snapshot.spec.tags;
    let is_adopted = Ownership::read(&owner, tags) == (Ownership::Own { adopted: true });
    let is_kept = is_adopted || aws.existing_former_owner(tags, &stored.snapshot.spec.id).await.is_some();
    if !is_kept && aws.is_deleted(&owner).await {
        store::drop_snapshot(aws, stored).await?;
    }
    Ok(())
}

/// Whether the owner no longer wants the target: CloudFormation is deleting the resource, or the snapshot is gone and the
/// resource has another target. The Delete may have looked for the target before it was restored.
///
/// If CloudFormation's record cannot be read, the owner counts as alive: somebody can deregister an extra target, but nobody
/// can recover a lost one.
async fn is_abandoned(aws: &Aws<'_>, owner: &Owner, stored: &Stored, is_current: bool) -> bool {
    // The Delete of another stack's resource may run at the same time as this request.
    if !is_current || owner.stack_id != aws.request.owner.stack_id {
        sleep(RECORD_LAG).await;
    }
    let Some(record) = aws.record_of(owner).await else { return false };
    record.is_deleted() || (!is_current && record.has_other_target(&stored.snapshot.spec.id))
}
