//! Takes a snapshot of a registered target.

use std::ops::ControlFlow;

use tokio::time::sleep;

use super::parameter::{EndpointUpdate, Snapshot, SnapshotError};
use super::store;
use crate::aws::{Aws, AwsError};
use crate::model::attributes::{Attributes, TARGET_ARN, policy_arn};
use crate::model::json::{Object, text};
use crate::model::{
    Attachment, AttachmentKind, Owner, RESTORING_TAG, ScalableTargetId, TARGET_MEMBERS, Tags, TargetSpec,
    complete_hand_back,
};
use crate::polling::poll;
use crate::timing::{VISIBLE, VISIBLE_WITHIN};

/// Takes a snapshot of a target that the service describes. `None` if the target is no longer registered.
///
/// A target may be half restored, or another delivery of the request may be deregistering it. Then the stored snapshot
/// completes the new one. A target that stays registered has what the reads show: its owner may have deleted the rest since an
/// earlier delivery, which was killed, stored its snapshot.
pub async fn capture(
    aws: &Aws<'_>,
    target: &ScalableTargetId,
    description: Object,
    update: Option<EndpointUpdate>,
) -> Result<Option<Snapshot>, SnapshotError> {
    let mut description = Some(description);
    let read = async || {
        if description.is_none() {
            description = aws.describe_target(target).await?;
        }
        let Some(described) = description.take() else { return Ok(ControlFlow::Break(None)) };
        match aws.tags(text(&described, TARGET_ARN).unwrap_or_default()).await {
            Ok(tags) => Ok(ControlFlow::Break(Some((described, tags)))),
            // It was deregistered, or registered so recently that its tags are not visible.
            Err(error) if error.is_resource_not_found() => Ok(ControlFlow::Continue(())),
            Err(error) => Err(error),
        }
    };
    let found = poll(VISIBLE, aws.left_to_work(), read).await?;
    let Some((described, tags)) = found.map_err(|()| SnapshotError::TagsNotVisible(target.resource_id()))? else {
        return Ok(None);
    };
    let mut snapshot = read_attachments(aws, target, described, tags).await?;
    snapshot.update = update;
    if Owner::read(&snapshot.spec.tags).is_none() {
        snapshot.native = aws.native_resource(target).await;
    }
    Ok(Some(completed(aws, snapshot).await?))
}

async fn read_attachments(
    aws: &Aws<'_>,
    target: &ScalableTargetId,
    mut described: Object,
    tags: Tags,
) -> Result<Snapshot, AwsError> {
    let mut attributes: Attributes =
        text(&described, TARGET_ARN).map(|arn| (TARGET_ARN.to_owned(), arn.to_owned())).into_iter().collect();
    let mut attachments = Vec::new();
    for kind in [AttachmentKind::ScalingPolicy, AttachmentKind::ScheduledAction] {
        for mut body in aws.describe_attachments(target, kind).await? {
            let arn = text(&body, "PolicyARN").map(str::to_owned);
            keep_input(&mut body);
            let attachment = Attachment { kind, body };
            attributes.extend(arn.map(|arn| (policy_arn(attachment.name()), arn)));
            attachments.push(attachment);
        }
    }
    keep_input(&mut described);
    let spec = TargetSpec { id: target.clone(), settings: described, tags, attachments };
    Ok(Snapshot::new(aws.now(), spec, attributes, None))
}

async fn completed(aws: &Aws<'_>, mut snapshot: Snapshot) -> Result<Snapshot, SnapshotError> {
    let is_half_restored = snapshot.spec.tags.remove(RESTORING_TAG).is_some();
    let stored = store::get(aws, &snapshot.spec.id).await?;
    let is_of_this_update = |stored: &Snapshot| snapshot.update.as_ref().is_none_or(|update| stored.belongs_to(update));
    let completes =
        |stored: &Snapshot| is_half_restored || (stored.arn() == snapshot.arn() && is_of_this_update(stored));
    let mut snapshot = match stored.map(|stored| stored.snapshot).filter(completes) {
        Some(stored) => {
            let completed = snapshot.clone().completed_by(stored);
            if is_half_restored || completed.has_more_than(&snapshot) && !stays_registered(aws, &snapshot).await? {
                completed
            } else {
                snapshot
            }
        }
        None => snapshot,
    };
    // Otherwise the restore would register the target with the tags of an interrupted hand-back.
    complete_hand_back(&mut snapshot.spec.tags);
    Ok(snapshot)
}

/// Whether the target was still registered when its attachments were read. If another delivery had deregistered it before, every
/// read shows that now.
async fn stays_registered(aws: &Aws<'_>, snapshot: &Snapshot) -> Result<bool, AwsError> {
    sleep(VISIBLE_WITHIN).await;
    let described = aws.describe_target(&snapshot.spec.id).await?;
    Ok(described.is_some_and(|described| text(&described, TARGET_ARN) == snapshot.arn()))
}

/// Removes the members that Register and Put reject, and those that name the target.
pub fn keep_input(description: &mut Object) {
    description.retain(|name, _| !OUTPUT_ONLY.contains(&name.as_str()) && !TARGET_MEMBERS.contains(&name.as_str()));
}

/// Members that Describe returns and that Register and Put reject.
const OUTPUT_ONLY: &[&str] =
    &["Alarms", "CreationTime", "PolicyARN", "PredictedCapacity", "RoleARN", TARGET_ARN, "ScheduledActionARN"];
