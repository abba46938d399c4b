//! The former owner of a target that was taken over.

use super::ownership;
use crate::aws::{Precondition, TargetState, unless_outdated};
use crate::context::Context;
use crate::error::Error;
use crate::model::{FORMER_OWNER_TAGS, Owner, Registered, ScalableTargetId};
use crate::request::Freshness;

/// The former owner, if a target of this resource may be handed back to it, or was handed back but for its last call.
pub(super) async fn of(
    context: &Context<'_>,
    target: &ScalableTargetId,
    registered: Option<&Registered>,
) -> Option<Owner> {
    let found = registered?;
    let is_concerned = ownership::is_own(context.owner(), registered)
        || Owner::read(&found.tags).is_some_and(|owner| Some(owner) == Owner::read_former(&found.tags));
    if is_concerned { context.aws.existing_former_owner(&found.tags, target).await } else { None }
}

/// Removes the tags that name the former owner of a target, if that resource would not have it again, or has it.
///
/// `before` is the target as the request found it. If it had no such tags, there is no call.
pub(super) async fn forget(
    context: &Context<'_>,
    target: &ScalableTargetId,
    before: Option<&Registered>,
) -> Result<(), Error> {
    let (aws, owner) = (&context.aws, context.owner());
    let Some(before) = before.filter(|found| Owner::read_former(&found.tags).is_some()) else { return Ok(()) };
    let former = aws.existing_former_owner(&before.tags, target).await;
    if former.is_some_and(|former| former != *owner) {
        return Ok(());
    }
    let registered = aws.registered(target).await?;
    // This request may have taken it over from another one.
    let is_same = |found: &Registered| Owner::read_former(&found.tags) == Owner::read_former(&before.tags);
    if let Some(found) = registered.as_ref().filter(|found| ownership::is_own(owner, Some(found)) && is_same(found)) {
        let state = TargetState::new(owner, Some(found));
        let mut precondition = Precondition::new(target, state, Freshness::Fresh);
        // If the target has changed, the next Update removes the tags.
        unless_outdated(aws.untag(&found.arn, &FORMER_OWNER_TAGS.map(str::to_owned), &mut precondition).await)?;
    }
    Ok(())
}
