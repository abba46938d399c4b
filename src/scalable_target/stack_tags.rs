//! `PropagateStackTags`: adds the tags of the stack to those of the template.

use crate::context::Context;
use crate::error::Error;
use crate::model::{Refusal, with_stack_tags};
use crate::properties::Desired;

/// The desired target with the tags of its stack, if the template wants them. Fails before anything is changed if they cannot
/// be put.
pub(super) async fn propagate(context: &Context<'_>, mut desired: Desired) -> Result<Desired, Error> {
    if desired.propagate_stack_tags {
        let stack = &context.owner().stack_id;
        if !context.location.has(stack) {
            return Err(Refusal::StackElsewhere(stack.clone()).into());
        }
        desired.spec.tags = with_stack_tags(&desired.spec.tags, context.aws.stack_tags().await?)?;
    }
    Ok(desired)
}
