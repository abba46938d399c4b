//! Restores a target from its snapshot, in an order that is safe to repeat.

use tokio::time::sleep;

use super::parameter::{Snapshot, SnapshotError};
use super::store;
use crate::apply::{OnRejection, attach, finish_restoring, restoring_tags};
use crate::aws::{Aws, AwsError, ChangeError, Precondition, RegisterError, TargetState, unless_outdated};
use crate::model::{RESTORING_TAG, Registered, ScalableTargetId, Tags};
use crate::observability::Decision;
use crate::timing::VISIBLE;

/// What became of a snapshot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Restored {
    /// The target is registered with all that it had.
    Restored,
    /// Somebody registered the target since, so the snapshot was dropped.
    RegisteredSince,
    /// The snapshot was dropped meanwhile, because its owner is being deleted. So the registration was undone.
    Undone,
}

/// Restores a target unless somebody has registered it since, and drops the snapshot.
pub async fn restore(aws: &Aws<'_>, mut snapshot: Snapshot) -> Result<Restored, SnapshotError> {
    remove_ended_actions(aws, &mut snapshot);
    let restored = loop {
        if let Some(restored) = unless_outdated(restore_once(aws, &snapshot).await)? {
            break restored;
        }
    };
    let (target, dimension) = (snapshot.spec.id.resource_id(), snapshot.spec.id.dimension().as_str());
    match restored {
        Restored::Restored => {
            aws.progress.decided(Decision::Restore);
            tracing::info!(target, dimension, "restored");
        }
        Restored::RegisteredSince => {
            tracing::info!(target, dimension, "snapshot dropped: somebody registered the target since");
        }
        Restored::Undone => {
            tracing::info!(target, dimension, "restore undone: its owner is being deleted and has dropped the snapshot")
        }
    }
    Ok(restored)
}

/// Removes the scheduled actions that have ended, which the service rejects.
pub fn remove_ended_actions(aws: &Aws<'_>, snapshot: &mut Snapshot) {
    for name in snapshot.remove_ended(aws.now()) {
        let target = snapshot.spec.id.resource_id();
        tracing::warn!(target, action = name, "scheduled action has ended; it is not restored");
    }
}

async fn restore_once(aws: &Aws<'_>, snapshot: &Snapshot) -> Result<Restored, ChangeError> {
    let spec = &snapshot.spec;
    let (tags, deferred) = restoring_tags(spec.tags.clone());
    let Some(registered) = register(aws, snapshot, tags).await? else {
        store::drop_snapshot(aws, &spec.id).await?;
        return Ok(Restored::RegisteredSince);
    };
    let state = TargetState::new(aws.request.owner, Some(&registered));
    let arn = registered.arn;
    let mut precondition = Precondition::without_freshness(&spec.id, state);
    attach(aws, &spec.id, &spec.attachments, OnRejection::Skip, &mut precondition).await?;
    if store::exists(aws, &spec.id).await? {
        finish_restoring(aws, &spec.id, &arn, &deferred, &mut precondition).await?;
        store::drop_snapshot(aws, &spec.id).await?;
        return Ok(Restored::Restored);
    }
    undo(aws, &spec.id, &mut precondition).await
}

/// Registers the target with the restoring tag. `None` if somebody has registered it without that tag.
async fn register(aws: &Aws<'_>, snapshot: &Snapshot, tags: Tags) -> Result<Option<Registered>, AwsError> {
    loop {
        if let Some(found) = aws.registered(&snapshot.spec.id).await? {
            return Ok(Some(found).filter(|found| found.tags.contains_key(RESTORING_TAG)));
        }
        match aws.create_target(&snapshot.spec, &tags).await {
            Ok(arn) => return Ok(Some(Registered { arn, tags })),
            // It is not visible yet.
            Err(RegisterError::AlreadyExists) => sleep(VISIBLE.step).await,
            Err(RegisterError::Aws(error)) => return Err(error),
        }
    }
}

/// Deregisters a target whose snapshot was dropped during the restore, because its owner is being deleted.
///
/// Without the restoring tag, another delivery of the request has restored it, and dropped the snapshot for that.
async fn undo(
    aws: &Aws<'_>,
    target: &ScalableTargetId,
    precondition: &mut Precondition,
) -> Result<Restored, ChangeError> {
    match aws.registered(target).await? {
        Some(found) if found.tags.contains_key(RESTORING_TAG) => {
            aws.deregister_target(target, precondition).await?;
            Ok(Restored::Undone)
        }
        _ => Ok(Restored::RegisteredSince),
    }
}
