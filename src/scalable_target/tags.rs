//! The tags of a target beside the author's: those of the stack (`PropagateStackTags`), and the declaration.

use serde_json::Value;

use crate::context::Context;
use crate::error::Error;
use crate::model::{Declaration, Refusal, with_stack_tags};
use crate::properties::{Declared, Desired};
use crate::request::Lifecycle;

/// The desired target with all tags. Fails before anything is changed if it cannot have those of the stack.
pub(super) async fn complete(context: &Context<'_>, mut desired: Desired) -> Result<Desired, Error> {
    if desired.propagate_stack_tags {
        let stack = &context.owner().stack_id;
        if !context.location.has(stack) {
            return Err(Refusal::StackElsewhere(stack.clone()).into());
        }
        desired.spec.tags = with_stack_tags(&desired.spec.tags, context.aws.stack_tags().await?)?;
    }
    Declaration::add_to(&mut desired.spec, context.function);
    Ok(desired)
}

/// What the previous template declared, with the tags that the target got from it, except those of the stack.
pub(super) fn previous(context: &Context<'_>, old_properties: &Value) -> Declared {
    let mut previous = Declared::read(old_properties);
    let Lifecycle::Update { properties, .. } = context.lifecycle() else { return previous };
    // If the `ServiceToken` has changed, another function wrote the declaration, with its own name.
    if properties.get("ServiceToken") == old_properties.get("ServiceToken")
        && let Ok(mut old) = Desired::read(old_properties, context.location)
    {
        Declaration::add_to(&mut old.spec, context.function);
        previous.tags = old.spec.tags;
    }
    previous
}
