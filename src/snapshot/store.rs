//! Keeps snapshots in Parameter Store.

use std::ops::ControlFlow;

use super::parameter::{Snapshot, SnapshotError, parameter_name, parameter_path};
use crate::aws::{Aws, AwsError};
use crate::model::{EndpointName, OWNER_TAGS, Owner, Ownership, ScalableTargetId};
use crate::polling::poll;
use crate::timing::VISIBLE;

/// Stores a snapshot, and reads it back. Only then may its target be deregistered.
pub async fn put(aws: &Aws<'_>, snapshot: &Snapshot) -> Result<(), SnapshotError> {
    let (name, value) = (parameter_name(&snapshot.spec.id), snapshot.value()?);
    aws.put_parameter(&name, &value).await?;
    let read_back = async || {
        let is_stored = aws.get_parameter(&name).await?.as_ref() == Some(&value);
        Ok::<_, AwsError>(if is_stored { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    poll(VISIBLE, aws.left_to_work(), read_back).await?.map_err(|()| SnapshotError::NotStored(name))
}

/// The snapshots of an endpoint's targets. A snapshot that cannot be read is an error in its place.
pub async fn get_all(aws: &Aws<'_>, endpoint: &EndpointName) -> Result<Vec<Result<Snapshot, SnapshotError>>, AwsError> {
    let parameters = aws.get_parameters(&parameter_path(endpoint)).await?;
    Ok(parameters.into_iter().map(|parameter| read(aws, &parameter.name, &parameter.value)).collect())
}

/// The snapshot of a target.
pub async fn get(aws: &Aws<'_>, target: &ScalableTargetId) -> Result<Option<Snapshot>, SnapshotError> {
    let name = parameter_name(target);
    aws.get_parameter(&name).await?.map(|value| read(aws, &name, &value)).transpose()
}

/// Whether there is a snapshot of a target.
pub async fn exists(aws: &Aws<'_>, target: &ScalableTargetId) -> Result<bool, AwsError> {
    Ok(aws.get_parameter(&parameter_name(target)).await?.is_some())
}

/// The snapshot of a target, if the owner owns it.
pub async fn get_owned(
    aws: &Aws<'_>,
    owner: &Owner,
    target: &ScalableTargetId,
) -> Result<Option<Snapshot>, SnapshotError> {
    let is_own = |snapshot: &Snapshot| matches!(Ownership::read(owner, &snapshot.spec.tags), Ownership::Own { .. });
    Ok(get(aws, target).await?.filter(is_own))
}

/// Drops the snapshot of a target.
pub async fn drop_snapshot(aws: &Aws<'_>, target: &ScalableTargetId) -> Result<(), AwsError> {
    aws.delete_parameter(&parameter_name(target)).await
}

/// Drops the snapshot that a deleted resource owns. Returns whether there was one.
///
/// The snapshot of an adopted target is released instead: it loses the owner's tags, and is restored without them. If the
/// function's role may not read snapshots, the function has taken none.
pub async fn drop_or_release(aws: &Aws<'_>, owner: &Owner, target: &ScalableTargetId) -> Result<bool, SnapshotError> {
    let mut snapshot = match get_owned(aws, owner, target).await {
        Ok(Some(snapshot)) => snapshot,
        Ok(None) => return Ok(false),
        Err(SnapshotError::Aws(error)) if error.code() == Some("AccessDeniedException") => {
            tracing::warn!(%error, "the role may not read snapshots; deploy the function's template again");
            return Ok(false);
        }
        Err(error @ SnapshotError::Unreadable { .. }) => {
            tracing::warn!(%error, "the snapshot cannot be read; its parameter is kept");
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let tags = &mut snapshot.spec.tags;
    if Ownership::read(owner, tags) == (Ownership::Own { adopted: true }) {
        tags.retain(|key, _| !OWNER_TAGS.contains(&key.as_str()));
        put(aws, &snapshot).await?;
    } else {
        drop_snapshot(aws, target).await?;
    }
    Ok(true)
}

fn read(aws: &Aws<'_>, name: &str, value: &str) -> Result<Snapshot, SnapshotError> {
    let snapshot = Snapshot::read(name, value);
    if snapshot.as_ref().is_ok_and(|snapshot| snapshot.is_stale(aws.now())) {
        tracing::warn!(parameter = name, "snapshot is older than a day");
    }
    snapshot
}
