//! Forgets from which resource a target was taken over, once that resource cannot get it back.

use super::ownership;
use crate::aws::{Precondition, TargetState, unless_outdated};
use crate::context::Context;
use crate::error::Error;
use crate::model::{FORMER_OWNER_TAGS, Owner, Registered, ScalableTargetId};
use crate::request::Freshness;

/// Removes the tags that name the former owner of a target, if that resource is deleted, or is the owner again.
///
/// `before` is the target as the request found it. If it had no such tags, there is no call.
pub(super) async fn forget(
    context: &Context<'_>,
    target: &ScalableTargetId,
    before: Option<&Registered>,
) -> Result<(), Error> {
    let (aws, owner) = (&context.aws, context.owner());
    let Some(former) = before.and_then(|found| Owner::read_former(&found.tags)) else { return Ok(()) };
    if former != *owner && !aws.is_deleted(&former).await {
        return Ok(());
    }
    let registered = aws.registered(target).await?;
    if let Some(found) = registered.as_ref().filter(|_| ownership::is_own(owner, registered.as_ref())) {
        let state = TargetState::new(owner, Some(found));
        let mut precondition = Precondition::new(target, state, Freshness::Fresh);
        // If the target has changed, the next Update removes the tags.
        unless_outdated(aws.untag(&found.arn, &FORMER_OWNER_TAGS.map(str::to_owned), &mut precondition).await)?;
    }
    Ok(())
}
