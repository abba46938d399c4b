//! Keeps snapshots in Parameter Store.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::parameter::{ALL_SNAPSHOTS, Snapshot, SnapshotError, parameter_name, parameter_path};
use crate::aws::{Aws, AwsError, ChangeError, Parameter, Reads, unless_outdated};
use crate::model::{EndpointName, Owner, Ownership, ScalableTargetId, hand_back, release};
use crate::polling::poll;
use crate::timing::VISIBLE;

/// A snapshot as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The value of its parameter. A later snapshot of the target has another value.
    pub(super) value: String,
}

/// Stores a snapshot, and reads it back. Only then may its target be deregistered. Returns `false` if the request became
/// stale before a retry, or another delivery of it has stored its own.
pub async fn put(aws: &Aws<'_>, stored: &Stored) -> Result<bool, SnapshotError> {
    let (name, value) = (parameter_name(&stored.snapshot.spec.id), &stored.value);
    if unless_outdated(aws.put_parameter(&name, value).await)?.is_none() {
        return Ok(false);
    }
    let read_back = async || {
        let found = aws.get_parameter(&name).await?;
        if found.as_ref() == Some(value) {
            return Ok(ControlFlow::Break(()));
        }
        let other = found.and_then(|found| Snapshot::read(&name, &found).ok());
        Ok::<_, AwsError>(ControlFlow::Continue(other.is_some_and(|other| other.is_kept_by(aws.request.id))))
    };
    match poll(VISIBLE, aws.left_to_work(), read_back).await? {
        Ok(()) => Ok(true),
        Err(true) => Ok(false),
        Err(false) => Err(SnapshotError::NotStored(name)),
    }
}

/// The snapshots of an endpoint's targets. A snapshot that cannot be read is an error in its place.
pub async fn get_all(aws: &Aws<'_>, endpoint: &EndpointName) -> Result<Vec<Result<Stored, SnapshotError>>, AwsError> {
    let parameters = aws.get_parameters(&parameter_path(endpoint)).await?;
    Ok(parameters.into_iter().map(|parameter| read(aws, &parameter.name, parameter.value)).collect())
}

/// All snapshots of the account and Region, by the names of their parameters.
pub async fn get_of_all_endpoints(
    reads: &Reads<'_>,
) -> Result<BTreeMap<String, Result<Snapshot, SnapshotError>>, AwsError> {
    let parameters = reads.get_parameters(ALL_SNAPSHOTS).await?;
    let read = |Parameter { name, value }| (name.clone(), Snapshot::read(&name, &value));
    Ok(parameters.into_iter().map(read).collect())
}

/// Like [`get_all`], without those that cannot be read: they are logged, and their parameters are kept.
pub async fn get_all_readable(aws: &Aws<'_>, endpoint: &EndpointName) -> Result<Vec<Stored>, AwsError> {
    Ok(get_all(aws, endpoint).await?.into_iter().filter_map(unless_unreadable).collect())
}

/// Whether there is a snapshot of an endpoint's targets.
pub async fn exist_any(aws: &Aws<'_>, endpoint: &EndpointName) -> Result<bool, AwsError> {
    Ok(!aws.get_parameters(&parameter_path(endpoint)).await?.is_empty())
}

/// The snapshot of a target.
pub async fn get(reads: &Reads<'_>, target: &ScalableTargetId) -> Result<Option<Stored>, SnapshotError> {
    let name = parameter_name(target);
    reads.get_parameter(&name).await?.map(|value| read(reads, &name, value)).transpose()
}

/// The snapshot of a target. One that cannot be read is logged, and its parameter is kept.
pub async fn get_readable(aws: &Aws<'_>, target: &ScalableTargetId) -> Result<Option<Stored>, AwsError> {
    match get(aws, target).await {
        Err(SnapshotError::Aws(error)) => Err(error),
        read => Ok(read.transpose().and_then(unless_unreadable)),
    }
}

/// Reads a snapshot, and again once every read shows what earlier requests have changed: one of them may have dropped it.
pub async fn get_settled(
    aws: &Aws<'_>,
    get: impl AsyncFn() -> Result<Option<Stored>, AwsError>,
) -> Result<Option<Stored>, AwsError> {
    if get().await?.is_none() {
        return Ok(None);
    }
    aws.earlier_changes_visible().await;
    get().await
}

/// Logs a snapshot that cannot be read.
pub(super) fn unless_unreadable(read: Result<Stored, SnapshotError>) -> Option<Stored> {
    read.inspect_err(|error| tracing::warn!(%error, "the snapshot cannot be read; its parameter is kept")).ok()
}

/// Like [`get_readable`], for a target without a gate: if the role may not read snapshots, there are none.
pub async fn get_if_allowed(aws: &Aws<'_>, target: &ScalableTargetId) -> Result<Option<Stored>, AwsError> {
    match get_readable(aws, target).await {
        Err(error) if error.code() == Some("AccessDeniedException") => {
            tracing::warn!(%error, "the role may not read snapshots; deploy the function's template again");
            Ok(None)
        }
        read => read,
    }
}

/// Drops a snapshot: deletes its parameter, unless it was overwritten since.
pub async fn drop_snapshot(aws: &Aws<'_>, stored: &Stored) -> Result<(), AwsError> {
    drop_while(aws, stored, async || Ok(())).await
}

/// Drops a snapshot, and checks before a retry whether that is still wanted.
pub(super) async fn drop_while(
    aws: &Aws<'_>,
    stored: &Stored,
    is_wanted: impl AsyncFnMut() -> Result<(), ChangeError>,
) -> Result<(), AwsError> {
    aws.delete_parameter(&parameter_name(&stored.snapshot.spec.id), &stored.value, is_wanted).await
}

/// Drops the snapshot that a deleted resource owns. If the target has a former owner that exists, hands the snapshot back; else, if
/// the target was adopted, releases it: it loses the owner's tags, and is restored without them. Returns the snapshot as it is then.
pub async fn drop_or_release(
    aws: &Aws<'_>,
    owner: &Owner,
    target: &ScalableTargetId,
) -> Result<Option<Stored>, SnapshotError> {
    let get = async || get_if_allowed(aws, target).await;
    let Some(mut stored) = get_settled(aws, get).await? else { return Ok(None) };
    let former = aws.existing_former_owner(&stored.snapshot.spec.tags, target).await.filter(|former| former != owner);
    let tags = &mut stored.snapshot.spec.tags;
    match (Ownership::read(owner, tags), former) {
        (Ownership::Own { .. }, Some(former)) => hand_back(tags, &former),
        (Ownership::Own { adopted: true }, None) => release(tags),
        (Ownership::Own { adopted: false }, None) => {
            drop_snapshot(aws, &stored).await?;
            return Ok(Some(stored));
        }
        (Ownership::Other(_) | Ownership::Untagged, _) => return Ok(None),
    }
    let kept = Stored::new(stored.snapshot)?;
    put(aws, &kept).await?;
    Ok(Some(kept))
}

impl Stored {
    /// A snapshot as it is to be stored. Fails if it is too large.
    pub fn new(snapshot: Snapshot) -> Result<Self, SnapshotError> {
        Ok(Self { value: snapshot.value()?, snapshot })
    }

    /// Whether it belongs to the update of an earlier snapshot.
    pub(super) fn continues(&self, earlier: &Self) -> bool {
        earlier.snapshot.update.as_ref().is_none_or(|update| self.snapshot.belongs_to(update))
    }

    /// Whether both are the same record.
    pub fn is_same(&self, other: &Self) -> bool {
        self.value == other.value
    }

    /// Whether the parameter still has this snapshot, and not none. Fails if it has another one.
    pub(super) async fn is_current(&self, aws: &Aws<'_>) -> Result<bool, ChangeError> {
        match aws.get_parameter(&parameter_name(&self.snapshot.spec.id)).await? {
            None => Ok(false),
            Some(value) if value == self.value => Ok(true),
            Some(_) => Err(ChangeError::Outdated),
        }
    }
}

fn read(reads: &Reads<'_>, name: &str, value: String) -> Result<Stored, SnapshotError> {
    let snapshot = Snapshot::read(name, &value)?;
    if snapshot.is_stale(reads.now()) {
        tracing::warn!(parameter = name, "snapshot is older than a day");
    }
    Ok(Stored { snapshot, value })
}
