//! Carries out a request for a scalable target.

use futures_util::future::try_join;
use futures_util::{FutureExt as _, TryFutureExt as _};
use serde_json::Value;

use super::own_snapshot::has_snapshot_of_others;
use super::ownership::{self, Spelling};
use super::reconcile::{continued_id, unreported_target};
use super::register::{self, Described, LastRead};
use super::{former_owner, remove, tags};
use crate::context::Context;
use crate::error::Error;
use crate::model::attributes::{Attributes, Resource};
use crate::model::{PhysicalResourceId, Refusal, ScalableTargetId};
use crate::observability::Decision;
use crate::properties::{Declared, Desired};
use crate::request::{Freshness, Lifecycle};
use crate::timing::VISIBLE_WITHIN;

/// Carries out one request, or fails with what the author of the template can do.
///
/// Any request may run again from the start at any point. Each run decides from what AWS shows, and every action may be
/// repeated.
pub async fn carry_out(context: &Context<'_>) -> Result<Resource, Error> {
    match context.lifecycle() {
        Lifecycle::Create { properties } => create(context, Desired::read(properties, context.location)?).await,
        Lifecycle::Update { id, properties, old_properties } => {
            update(context, id, Desired::read(properties, context.location)?, old_properties).await
        }
        Lifecycle::Delete { id, properties } => {
            let target = match PhysicalResourceId::read(id) {
                PhysicalResourceId::ScalableTarget(target) => Some(target),
                PhysicalResourceId::NotRegistered => None,
                PhysicalResourceId::Invented | PhysicalResourceId::UpdateGate(_) => Declared::read(properties).target,
            };
            if let Some(target) = target {
                remove::delete(context, &target).await?;
            }
            Ok(Resource { physical_resource_id: id.clone(), attributes: Attributes::new() })
        }
    }
}

async fn create(context: &Context<'_>, desired: Desired) -> Result<Resource, Error> {
    let mut target = desired.spec.id.clone();
    // An earlier delivery of this request may have registered it.
    context.progress().needs_cleanup(&target);
    let registered = async {
        let mut desired = tags::complete(context, desired).await?;
        let described = register::describe(context, &desired).await;
        if let Some(respelled) = respelled(context, &target, &described).await? {
            context.progress().needs_cleanup(respelled);
            target.clone_from(respelled);
            desired.spec.id.clone_from(respelled);
        }
        let readiness = described.and_then(|described| Ok(described.readiness?));
        register::register(context, &desired, readiness, LastRead::None, &Declared::default(), None).await
    }
    .await;
    let target = &target;
    match registered {
        Ok(attributes) => Ok(Resource { physical_resource_id: target.to_string(), attributes }),
        Err(error) => {
            remove::undo(context, &error, target, false).await;
            if is_certainly_not_registered(context, &error, target).await {
                context.progress().needs_no_cleanup();
            }
            Err(error)
        }
    }
}

/// The target in the endpoint's own spelling, unless it is the template's, or the target is registered in the template's.
async fn respelled<'a>(
    context: &Context<'_>,
    target: &ScalableTargetId,
    described: &'a Result<Described, Error>,
) -> Result<Option<&'a ScalableTargetId>, Error> {
    let Some(respelled) = described.as_ref().ok().and_then(|described| described.respelled.as_ref()) else {
        return Ok(None);
    };
    Ok((!context.aws.is_registered_as_spelled(target).await?).then_some(respelled))
}

/// Whether it is certain that the Delete after a failed Create has nothing to do.
async fn is_certainly_not_registered(context: &Context<'_>, error: &Error, target: &ScalableTargetId) -> bool {
    match error {
        Error::Refused(
            Refusal::AlreadyRegistered(_)
            | Refusal::Kept { .. }
            | Refusal::OwnedByAnother { .. }
            | Refusal::TakenOver { .. },
        ) => {
            // If this request has tagged the target, the read that showed another owner may be older than the tags.
            let tally = context.progress().tally();
            tally.count(Decision::Adopt) + tally.count(Decision::TakeOver) == 0
        }
        Error::Aws(error) if !error.nothing_changed => false,
        Error::Aws(_)
        | Error::NotContinued { .. }
        | Error::OutOfTime { .. }
        | Error::Panic { .. }
        | Error::Properties(_)
        | Error::Refused(_)
        | Error::Request(_)
        | Error::ResourceType(_)
        | Error::Snapshot(_)
        | Error::Stale(_) => {
            // One of several attempts may have registered it, and it may not be visible yet.
            !context.progress().has_registered()
                && !context.progress().registered_repeatedly()
                && context
                    .aws
                    .registered_in_time(target)
                    .await
                    .is_some_and(|registered| !ownership::is_own(context.owner(), registered.as_ref()))
        }
    }
}

async fn update(
    context: &Context<'_>,
    id: &str,
    mut desired: Desired,
    old_properties: &Value,
) -> Result<Resource, Error> {
    let given = PhysicalResourceId::read(id);
    let given_target = match &given {
        PhysicalResourceId::ScalableTarget(target) => Some(target),
        PhysicalResourceId::Invented | PhysicalResourceId::NotRegistered | PhysicalResourceId::UpdateGate(_) => None,
    };
    desired.spec.id = continued_id(given_target, &desired.spec.id);
    let mut desired = tags::complete(context, desired).await?;
    let previous = tags::previous(context, old_properties);
    let registered = context.aws.registered(&desired.spec.id).map_err(Error::from);
    // Do not fail yet if the endpoint is not ready: the stack may be rolling back (see `roll_back`).
    let described = register::describe(context, &desired).map(Ok);
    let (mut registered, described) = try_join(registered, described).await?;
    let is_continued = given_target.is_some_and(|given| given.is_same(&desired.spec.id));
    let mut former_id = None;
    if is_continued {
        if let Some(respelled) = described.as_ref().ok().and_then(|described| described.respelled.as_ref()) {
            let of_endpoint = context.aws.registered(respelled).await?;
            let spelling = ownership::spelling(context.owner(), registered.as_ref(), of_endpoint.as_ref());
            let is_deregistered = registered.is_none() && of_endpoint.is_none();
            let keeps_spelling = is_deregistered && has_snapshot_of_others(context, &desired.spec.id).await?;
            if spelling != Spelling::OfId && !keeps_spelling {
                let of_id = std::mem::replace(&mut desired.spec.id, respelled.clone());
                former_id = (spelling == Spelling::Moves).then_some(of_id);
                registered = of_endpoint;
            }
        }
    } else if let Some(respelled) = respelled(context, &desired.spec.id, &described).await? {
        desired.spec.id.clone_from(respelled);
        registered = context.aws.registered(respelled).await?;
    }
    let (target, readiness) = (&desired.spec.id, described.and_then(|described| Ok(described.readiness?)));
    let found = registered.clone();
    let last_read = LastRead::Now(registered);
    let attributes = register::register(context, &desired, readiness, last_read, &previous, former_id.as_ref()).await;
    if let Err(error) = &attributes
        && context.progress().may_have_registered()
    {
        // The id `not-registered` stays, and its Delete does nothing.
        remove::undo(context, error, target, given == PhysicalResourceId::NotRegistered).await;
    }
    let attributes = attributes?;
    former_owner::forget(context, target, found.as_ref()).await?;

    if let Some(unreported) = unreported_target(given_target, target, previous.target.as_ref()) {
        let registered = remove::find_own(context, unreported, VISIBLE_WITHIN).await?;
        remove::remove(context, unreported, registered, Freshness::Fresh).await?;
    }
    // Keep the id that CloudFormation invented. After a change of id, CloudFormation sends a Delete for the old one. That
    // Delete finds its target by the properties, and would deregister this target. The same holds for another spelling.
    let keeps_id = given == PhysicalResourceId::Invented || is_continued;
    let physical_resource_id = if keeps_id { id.to_owned() } else { target.to_string() };
    Ok(Resource { physical_resource_id, attributes })
}
