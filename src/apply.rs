//! Puts and deletes the attachments of a registered target: its scaling policies and scheduled actions. The same code
//! applies templates and snapshots.

use std::ops::ControlFlow;

use tokio::time::sleep;

use crate::aws::{Aws, ChangeError, Precondition};
use crate::deadline::Stopwatch;
use crate::model::attributes::{Attributes, policy_arn};
use crate::model::{
    Attachment, AttachmentKey, HANDED_BACK_TAGS, MAX_TAGS, Owner, RESTORING_TAG, ScalableTargetId, TAG_PREFIX, Tags,
};
use crate::polling::poll;
use crate::timing::{VISIBLE, VISIBLE_WITHIN};

/// What to do if the service rejects what is put or registered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnRejection {
    /// Fail. The author of the template can correct it, or a later request can try again.
    Fail,
    /// Log it and skip it, so that all others are restored.
    Skip,
}

/// Puts policies and scheduled actions, one after the other: the service rejects concurrent changes of a target.
/// Returns the ARNs of the policies as attributes.
pub async fn attach<'s>(
    aws: &Aws<'_>,
    target: &ScalableTargetId,
    attachments: impl IntoIterator<Item = &'s Attachment>,
    on_rejection: OnRejection,
    precondition: &mut Precondition,
) -> Result<Attributes, ChangeError> {
    let mut arns = Attributes::new();
    for attachment in attachments {
        match aws.put(target, attachment, precondition).await {
            Ok(arn) => arns.extend(arn.map(|arn| (policy_arn(attachment.name()), arn))),
            Err(ChangeError::Aws(error)) if on_rejection == OnRejection::Skip && error.is_validation() => {
                let input = serde_json::to_string(&attachment.body).unwrap_or_default();
                let (kind, name) = (attachment.kind.noun(), attachment.name());
                tracing::warn!(%error, target = target.resource_id(), kind, name, input, "could not be restored; skipped");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(arns)
}

/// Deletes policies and scheduled actions.
pub async fn detach(
    aws: &Aws<'_>,
    target: &ScalableTargetId,
    keys: &[AttachmentKey],
    precondition: &mut Precondition,
) -> Result<(), ChangeError> {
    for key in keys {
        aws.delete(target, key, precondition).await?;
    }
    Ok(())
}

/// The tags to register a restored target with, and the deferred tag, which is put when the restoring tag is removed.
///
/// A tag is deferred if there are so many that the restoring tag would exceed the limit. It is never one of this function's.
pub fn restoring_tags(mut tags: Tags) -> (Tags, Tags) {
    let is_of_others = |key: &&String| !key.starts_with(TAG_PREFIX);
    let key = (tags.len() >= MAX_TAGS).then(|| tags.keys().find(is_of_others).cloned()).flatten();
    let deferred = key.and_then(|key| tags.remove_entry(&key)).into_iter().collect();
    tags.insert(RESTORING_TAG.to_owned(), "true".to_owned());
    (tags, deferred)
}

/// Makes the former owner the owner again. Between the two calls, both pairs of tags name it. Every request after this one
/// finds the new tags.
pub async fn hand_back(
    aws: &Aws<'_>,
    arn: &str,
    former: &Owner,
    precondition: &mut Precondition,
) -> Result<(), ChangeError> {
    aws.tag(arn, &former.tags(), precondition).await?;
    finish_hand_back(aws, arn, precondition).await
}

/// The second call of [`hand_back`], after a request that was killed between the two.
pub async fn finish_hand_back(aws: &Aws<'_>, arn: &str, precondition: &mut Precondition) -> Result<(), ChangeError> {
    aws.untag(arn, &HANDED_BACK_TAGS.map(str::to_owned), precondition).await?;
    sleep(VISIBLE_WITHIN).await;
    Ok(())
}

/// Marks a target as completely restored, and waits until that is visible.
pub async fn finish_restoring(
    aws: &Aws<'_>,
    target: &ScalableTargetId,
    arn: &str,
    deferred: &Tags,
    precondition: &mut Precondition,
) -> Result<(), ChangeError> {
    // From here on, the tag may be gone.
    precondition.restored();
    let untag = async || {
        aws.untag(arn, &[RESTORING_TAG.to_owned()], precondition).await?;
        // The registration may not have been visible to this call yet.
        let registered = aws.registered(target).await?;
        let is_marked = registered.is_none_or(|found| found.arn != arn || found.is_restoring());
        Ok::<_, ChangeError>(if is_marked { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    };
    let polling = Stopwatch::start();
    if poll(VISIBLE, aws.left_to_work(), untag).await?.is_err() {
        if polling.elapsed() < VISIBLE_WITHIN {
            // There is no time for the last read. The work deadline cuts this off, and the snapshot is kept.
            std::future::pending::<()>().await;
        }
        tracing::warn!(target = target.resource_id(), "the restoring tag is still visible");
    }
    aws.tag(arn, deferred, precondition).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_of_others_makes_room_for_the_restoring_tag() {
        let owner = |name: &str| Owner { stack_id: "stack/one".into(), logical_resource_id: name.into() };
        let mut tags = owner("Scaling").tags_after(&owner("Former"));
        tags.extend((tags.len()..MAX_TAGS - 1).map(|number| (format!("z{number}"), "x".to_owned())));
        let (with_room, deferred) = restoring_tags(tags.clone());
        assert_eq!((with_room.len(), deferred), (MAX_TAGS, Tags::new()));
        tags.insert("zz".to_owned(), "x".to_owned());
        let (with_room, deferred) = restoring_tags(tags);
        assert_eq!((with_room.len(), deferred), (MAX_TAGS, Tags::from([("z10".to_owned(), "x".to_owned())])));
        assert!(with_room.contains_key(RESTORING_TAG));
    }
}
