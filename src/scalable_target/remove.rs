//! Removes targets, as [`Removal`] says: for a Delete, for an Update that rolls back, and for a stale request that has
//! registered.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::former_owner;
use super::own_snapshot::restore_left;
use super::ownership::{self, Removal};
use super::reconcile;
use crate::apply::{finish_hand_back, hand_back};
use crate::aws::{AwsError, Precondition, TargetState, unless_outdated};
use crate::context::Context;
use crate::deadline::Stopwatch;
use crate::error::Error;
use crate::model::{Registered, ScalableTargetId};
use crate::observability::Decision;
use crate::polling::poll;
use crate::request::{Freshness, Stale};
use crate::snapshot::store;
use crate::timing::{NOTHING_REGISTERED_AFTER, READ_VALID, RECORD_LAG, REGISTRATION, VISIBLE_WITHIN};

/// Removes a target of the request's resource, and its snapshot, for a Delete.
pub async fn delete(context: &Context<'_>, target: &ScalableTargetId) -> Result<(), Error> {
    ensure_fresh(context, target).await?;
    // A Create may still be running: see `freshness`.
    let max_wait = NOTHING_REGISTERED_AFTER.saturating_sub(context.aws.request.age.elapsed());
    let mut registered = find_own(context, target, max_wait).await?;
    let mut was_own = is_own(context, registered.as_ref());
    let respelled = if was_own { None } else { respelled(context, target).await };
    let target = respelled.as_ref().unwrap_or(target);
    if respelled.is_some() {
        registered = context.aws.registered(target).await?;
        was_own = is_own(context, registered.as_ref());
    }
    remove(context, target, registered, Freshness::Fresh).await?;
    // Drop the snapshot, too: otherwise the gate would restore the target later. A gate that is restoring it now checks
    // afterwards that the snapshot still exists, and deregisters the target if it does not.
    let may_have_snapshot = !was_own || context.lifecycle().properties().get("UpdateGate").is_some();
    if !may_have_snapshot {
        return Ok(());
    }
    let Some(stored) = store::drop_or_release(&context.aws, context.owner(), target).await? else { return Ok(()) };
    context.progress().decided(Decision::DropSnapshot);
    remove(context, target, context.aws.registered(target).await?, Freshness::Fresh).await?;
    let is_dropped = ownership::is_own(context.owner(), Some(&stored.snapshot.as_registered()));
    if !is_dropped && stored.snapshot.is_by_new_gate() {
        // Until every read shows the snapshot as it is now, a restore may use the one before.
        sleep(VISIBLE_WITHIN).await;
        restore_left(context, vec![stored]).await?;
    }
    Ok(())
}

/// The target in the spelling of its endpoint, under which a Create registers. The id may have the template's spelling: it
/// does if CloudFormation generated it, or if the Create failed before it read the endpoint.
async fn respelled(context: &Context<'_>, target: &ScalableTargetId) -> Option<ScalableTargetId> {
    let ScalableTargetId::Variant { endpoint: name, .. } = target else { return None };
    match context.aws.endpoint(name).await {
        Ok(found) => found.and_then(|found| reconcile::respelled(target, &found)),
        Err(error) => {
            tracing::warn!(%error, "the target may be registered under another spelling of its endpoint's name");
            None
        }
    }
}

/// Fails if the request is stale. Before that, undoes what the request has registered if it must not stay.
/// Returns whether the freshness was checked.
pub(super) async fn ensure_fresh(context: &Context<'_>, target: &ScalableTargetId) -> Result<bool, Error> {
    if !context.checks_freshness() {
        return Ok(false);
    }
    let Some(mut latest) = context.freshness().await else { return Ok(true) };
    let mut is_first = true;
    let mut is_confirmed = false;
    let undo = async || {
        loop {
            if !is_first {
                latest = context.freshness().await.unwrap_or_else(|| latest.clone());
            }
            is_first = false;
            let (freshness, record) = &latest;
            let may_have_registered = context.progress().may_have_registered();
            match freshness {
                Freshness::Fresh => return Ok::<_, Error>(ControlFlow::Break(true)),
                Freshness::Superseded if !may_have_registered || !record.has_other_target(target) => {
                    return Ok(ControlFlow::Break(false));
                }
                Freshness::Deleted | Freshness::Superseded => {}
            }
            let reading = Stopwatch::start();
            let registered = context.aws.registered(target).await?;
            if reading.elapsed() >= READ_VALID {
                // The record may be too old now: the registered target may belong to a resource that was created anew.
                continue;
            }
            if is_own(context, registered.as_ref()) {
                if !is_confirmed {
                    // The record lags: an Update may have registered the target for a resource that could not be created.
                    sleep(RECORD_LAG).await;
                    is_confirmed = true;
                    continue;
                }
                remove(context, target, registered, *freshness).await?;
                return Ok(ControlFlow::Break(false));
            }
            // The registration of this request may not be visible yet.
            return Ok(if may_have_registered { ControlFlow::Continue(false) } else { ControlFlow::Break(false) });
        }
    };
    let (Ok(is_fresh) | Err(is_fresh)) = poll(REGISTRATION, context.aws.left_to_work(), undo).await?;
    if is_fresh { Ok(true) } else { Err(Stale { status: latest.1.status }.into()) }
}

/// Undoes what a failed request may have registered, if it is stale, or `even_if_fresh`. Takes at most half of
/// the time left, and logs its own failure.
pub(super) async fn undo(context: &Context<'_>, failure: &Error, target: &ScalableTargetId, even_if_fresh: bool) {
    if matches!(failure, Error::Stale(_)) {
        return;
    }
    let undo = async {
        if context.checks_freshness() && context.progress().may_have_registered() {
            sleep(RECORD_LAG).await;
        }
        ensure_fresh(context, target).await?;
        if even_if_fresh {
            let registered = find_own(context, target, VISIBLE_WITHIN).await?;
            remove(context, target, registered, Freshness::Fresh).await?;
        }
        Ok::<_, Error>(())
    };
    match timeout(context.aws.left_to_work() / 2, undo).await {
        Ok(Ok(()) | Err(Error::Stale(_))) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the registration could not be undone"),
        Err(_) => tracing::warn!("the registration could not be undone in time"),
    }
}

/// Reads a target until this resource owns it: a new registration may not be visible yet, and another resource may
/// remove it. Returns the last read.
pub(super) async fn find_own(
    context: &Context<'_>,
    target: &ScalableTargetId,
    max_wait: Duration,
) -> Result<Option<Registered>, AwsError> {
    let read = async || {
        let registered = context.aws.registered(target).await?;
        if is_own(context, registered.as_ref()) {
            return Ok(ControlFlow::Break(registered));
        }
        context
            .progress()
            .waiting(format!("waiting for a registration of {} that may not be visible yet", target.resource_id()));
        Ok(ControlFlow::Continue(registered))
    };
    let (Ok(registered) | Err(registered)) =
        poll(REGISTRATION.for_at_most(max_wait), context.aws.left_to_work(), read).await?;
    Ok(registered)
}

/// Removes a target. An adopted target stays registered, with its policies and scheduled actions.
///
/// Does nothing once the request no longer has the freshness that this was decided for.
pub(super) async fn remove(
    context: &Context<'_>,
    target: &ScalableTargetId,
    mut registered: Option<Registered>,
    freshness: Freshness,
) -> Result<(), Error> {
    let aws = &context.aws;
    loop {
        let former = former_owner::of(context, target, registered.as_ref()).await;
        let state = TargetState::new(context.owner(), registered.as_ref());
        let mut precondition = Precondition::new(target, state, freshness);
        let done = match ownership::removal(context.owner(), registered.as_ref(), former) {
            Removal::Nothing => Ok(()),
            Removal::Deregister => {
                context.progress().decided(Decision::Deregister);
                aws.deregister_target(target, &mut precondition).await
            }
            Removal::HandBack { arn, to } => {
                context.progress().decided(Decision::HandBack);
                hand_back(aws, &arn, &to, &mut precondition).await
            }
            Removal::FinishHandBack { arn } => {
                context.progress().decided(Decision::HandBack);
                finish_hand_back(aws, &arn, &mut precondition).await
            }
            Removal::Release { arn, keys } => {
                context.progress().decided(Decision::Release);
                aws.untag(&arn, &keys, &mut precondition).await
            }
        };
        let has_changed = unless_outdated(done)?.is_none();
        if !has_changed || context.freshness().await.is_some_and(|(now, _)| now != freshness) {
            return Ok(());
        }
        registered = aws.registered(target).await?;
    }
}

fn is_own(context: &Context<'_>, registered: Option<&Registered>) -> bool {
    ownership::is_own(context.owner(), registered)
}
