//! Registers a target with its policies and scheduled actions, once its endpoint is ready and its ownership allows it.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::sleep;

use super::own_snapshot::{ensure_fits, is_update, own_snapshot, restore_others, restored_spec};
use super::ownership::{self, Registration};
use super::readiness::{Readiness, component_readiness, variant_readiness};
use super::reconcile::no_longer_declared;
use super::remove::ensure_fresh;
use super::roll_back;
use crate::apply::{OnRejection, attach, detach, finish_restoring, restoring_tags};
use crate::aws::{ChangeError, Precondition, RegisterError, TargetState, unless_outdated};
use crate::context::Context;
use crate::deadline::Stopwatch;
use crate::error::Error;
use crate::model::attributes::{self, Attributes, TARGET_ARN};
use crate::model::{AttachmentKey, Ownership, Registered, ScalableTargetId, Tags, VariantDimension};
use crate::observability::Decision;
use crate::polling::poll;
use crate::properties::{Declared, Desired};
use crate::request::Freshness;
use crate::snapshot::current_registration;
use crate::snapshot::store::{self, Stored};
use crate::timing::{ENDPOINT, READ_VALID, RECORD_LAG, VISIBLE};

/// The last read of a target.
#[derive(Debug)]
pub(super) enum LastRead {
    /// There is no recent read. The target is created, which fails if it exists.
    None,
    /// It was read just now.
    Now(Option<Registered>),
}

/// What to register: the template alone, or the template with the attachments and tags that others put, from a snapshot.
struct Plan<'a> {
    /// The template.
    desired: &'a Desired,
    /// The one description that is applied.
    merged: Desired,
    /// The previous template.
    previous: &'a Declared,
    /// The attachments that left the template.
    to_delete: Vec<AttachmentKey>,
    /// The target's snapshot. It is dropped once the target is registered.
    snapshot: Option<Stored>,
    /// Whether `merged` restores the snapshot. Otherwise somebody has registered the target since.
    restores: bool,
}

/// A target that this resource has registered.
struct OwnedTarget {
    /// Started before the call that registered it.
    registered: Stopwatch,
    arn: String,
    ownership: Ownership,
    /// Whether it has the restoring tag.
    is_marked: bool,
    /// Tags to put when the restoring tag is removed: see [`restoring_tags`].
    deferred: Tags,
}

/// Registers the target with its policies and scheduled actions, or refuses. Returns its attributes.
pub(super) async fn register(
    context: &Context<'_>,
    desired: &Desired,
    readiness: Result<Readiness, Error>,
    last_read: LastRead,
    previous: &Declared,
) -> Result<Attributes, Error> {
    let target = &desired.spec.id;
    let ready = wait_until_ready(context, desired, readiness, last_read, previous).await;
    if roll_back::is_rolling_back(context, desired, ready.as_ref().err()).await? {
        return roll_back::keep_as_snapshot(context, desired, previous).await;
    }
    let mut registered = ready?;
    let (plan, attributes) = loop {
        let plan;
        (plan, registered) = self::plan(context, desired, previous, registered).await?;
        let Some(owned) = register_target(context, &plan, registered).await? else {
            // A gate may have deregistered it meanwhile.
            registered = context.aws.registered(target).await?;
            continue;
        };
        context.progress().registered();
        if let Some(policies) = unless_outdated(complete(context, &plan, &owned).await)? {
            let mut attributes = attributes::of_target(&desired.spec);
            attributes.extend(policies);
            attributes.insert(TARGET_ARN.to_owned(), owned.arn);
            break (plan, attributes);
        }
        registered = context.aws.registered(target).await?;
    };
    // A Delete that runs at the same time either finds this registration, or CloudFormation has already recorded the
    // deletion: see `freshness`.
    if context.checks_freshness() {
        sleep(RECORD_LAG).await;
    }
    ensure_fresh(context, target).await?;
    if let Some(stored) = &plan.snapshot {
        store::drop_snapshot(&context.aws, stored).await?;
    }
    if plan.restores {
        context.progress().decided(Decision::Restore);
        tracing::info!(target = target.resource_id(), dimension = target.dimension().as_str(), "restored");
    }
    restore_others(context, desired).await?;
    Ok(attributes)
}

/// Decides what to register, from the template and the target's snapshot. Returns the last read of the target, too.
async fn plan<'a>(
    context: &Context<'_>,
    desired: &'a Desired,
    previous: &'a Declared,
    mut registered: Option<Registered>,
) -> Result<(Plan<'a>, Option<Registered>), Error> {
    let target = &desired.spec.id;
    let to_delete = no_longer_declared(target, &Declared::read(context.lifecycle().properties()), previous);
    let mut plan = Plan { desired, merged: desired.clone(), previous, to_delete, snapshot: None, restores: false };
    // An ordinary Create saves the call.
    let may_have_snapshot = desired.gate.is_some() || (is_update(context) && registered.is_none());
    if may_have_snapshot && let Some(stored) = own_snapshot(context, desired).await? {
        ensure_fresh(context, target).await?;
        registered = current_registration(&context.aws, &stored.snapshot).await?;
        // Without the restoring tag, the snapshot is out of date.
        if registered.as_ref().is_none_or(Registered::is_restoring)
            && let Some(spec) = restored_spec(context, desired, &stored.snapshot, &plan.to_delete, previous).await?
        {
            plan.merged.spec = spec;
            plan.restores = true;
        }
        plan.snapshot = Some(stored);
    }
    if let Some(gate) = &desired.gate {
        ensure_fits(context, &plan.merged.spec, gate)?;
    }
    Ok((plan, registered))
}

/// Deletes and puts the attachments of a registered target. Returns the ARNs of the template's policies.
async fn complete(context: &Context<'_>, plan: &Plan<'_>, owned: &OwnedTarget) -> Result<Attributes, ChangeError> {
    let (aws, target) = (&context.aws, &plan.desired.spec.id);
    let state = TargetState::Registered { arn: owned.arn.clone(), ownership: owned.ownership.clone() };
    let mut precondition = Precondition::since(owned.registered, target, state, Freshness::Fresh);
    detach(aws, target, &plan.to_delete, &mut precondition).await?;
    let of_others = plan.merged.spec.attachments.iter().filter(|attachment| !plan.desired.spec.has(&attachment.key()));
    attach(aws, target, of_others, OnRejection::Skip, &mut precondition).await?;
    let declared = &plan.desired.spec.attachments;
    let policies = attach(aws, target, declared, OnRejection::Fail, &mut precondition).await?;
    if owned.is_marked {
        finish_restoring(aws, target, &owned.arn, &owned.deferred, &mut precondition).await?;
    }
    Ok(policies)
}

/// Registers the target itself, as its ownership allows. `None` if somebody has registered it since the last read.
async fn register_target(
    context: &Context<'_>,
    plan: &Plan<'_>,
    mut registered: Option<Registered>,
) -> Result<Option<OwnedTarget>, Error> {
    let (aws, owner, desired) = (&context.aws, context.owner(), &plan.merged);
    let target = &desired.spec.id;
    loop {
        if ensure_fresh(context, target).await? && registered.is_some() {
            let reading = Stopwatch::start();
            registered = aws.registered(target).await?;
            if reading.elapsed() >= READ_VALID {
                // Then the record of CloudFormation is too old.
                continue;
            }
        }
        let decided = ownership::registration(desired, owner, registered.as_ref(), &plan.previous.tags)?;
        context.progress().decided(match decided {
            Registration::Adopt { .. } => Decision::Adopt,
            Registration::Create { .. } => Decision::Create,
            Registration::Update { .. } => Decision::Update,
        });
        let mut precondition =
            Precondition::new(target, TargetState::new(owner, registered.as_ref()), Freshness::Fresh);
        let registering = Stopwatch::start();
        match decided {
            Registration::Create { tags } => {
                let (tags, deferred) = if plan.restores { restoring_tags(tags) } else { (tags, Tags::new()) };
                match aws.create_target(&desired.spec, &tags).await {
                    Ok(arn) => {
                        let ownership = Ownership::read(owner, &tags);
                        return Ok(Some(OwnedTarget {
                            registered: registering,
                            arn,
                            ownership,
                            is_marked: plan.restores,
                            deferred,
                        }));
                    }
                    Err(RegisterError::Aws(error)) => return Err(error.into()),
                    // Somebody has registered it. That, or the removal of its owner's tags, may not be visible yet.
                    Err(RegisterError::AlreadyExists) => {
                        sleep(VISIBLE.step).await;
                        aws.earlier_changes_visible().await;
                        return Ok(None);
                    }
                }
            }
            // Then this resource owns it, unless another one was faster.
            Registration::Adopt { arn, tags } => {
                context.progress().registering();
                unless_outdated(aws.tag(&arn, &tags, &mut precondition).await)?;
            }
            Registration::Update { arn, missing, removed, all } => {
                let found = registered.as_ref().map(|registered| &registered.tags);
                let is_marked = registered.as_ref().is_some_and(Registered::is_restoring);
                let adopted =
                    found.is_some_and(|tags| Ownership::read(owner, tags) == Ownership::Own { adopted: true });
                if let Some(now) = unless_outdated(aws.update_target(&desired.spec, &mut precondition).await)? {
                    if now != arn {
                        // The target had been deregistered, so this call registered a new one without tags.
                        ownership::claim_new(desired, owner, aws.registered(target).await?.as_ref())?;
                        let ownership = Ownership::Own { adopted: false };
                        let state = TargetState::Registered { arn: now.clone(), ownership: Ownership::Untagged };
                        let mut precondition = Precondition::new(target, state, Freshness::Fresh);
                        if unless_outdated(aws.tag(&now, &all, &mut precondition).await)?.is_some() {
                            return Ok(Some(OwnedTarget {
                                registered: registering,
                                arn: now,
                                ownership,
                                is_marked: false,
                                deferred: Tags::new(),
                            }));
                        }
                    } else {
                        // A resource has at most 50 tags, so make room first.
                        let (missing, deferred) =
                            if is_marked { (Tags::new(), missing) } else { (missing, Tags::new()) };
                        let tagged = async {
                            aws.untag(&now, &removed, &mut precondition).await?;
                            aws.tag(&now, &missing, &mut precondition).await
                        };
                        if unless_outdated(tagged.await)?.is_some() {
                            return Ok(Some(OwnedTarget {
                                registered: registering,
                                arn: now,
                                ownership: Ownership::Own { adopted },
                                is_marked,
                                deferred,
                            }));
                        }
                    }
                }
            }
        }
        registered = aws.registered(target).await?;
    }
}

/// Waits until the endpoint is ready. Returns the last read of the target, if it is recent.
///
/// Before the wait it checks the ownership, so that a refusal comes at once.
async fn wait_until_ready(
    context: &Context<'_>,
    desired: &Desired,
    readiness: Result<Readiness, Error>,
    last_read: LastRead,
    previous: &Declared,
) -> Result<Option<Registered>, Error> {
    let status = match readiness? {
        Readiness::Ready => {
            return Ok(match last_read {
                LastRead::None => None,
                LastRead::Now(registered) => registered,
            });
        }
        Readiness::Changing { status } => status,
    };
    let registered = match last_read {
        LastRead::Now(registered) => registered,
        LastRead::None => context.aws.registered(&desired.spec.id).await?,
    };
    ownership::registration(desired, context.owner(), registered.as_ref(), &previous.tags)?;
    let mut known = Some(status);
    let wait = async || {
        let status = match known.take() {
            Some(status) => status,
            None => match self::readiness(context, desired).await? {
                Readiness::Ready => return Ok(ControlFlow::Break(())),
                Readiness::Changing { status } => status,
            },
        };
        let name = match &desired.spec.id {
            ScalableTargetId::InferenceComponent(name) => format!("inference component {name}"),
            ScalableTargetId::Variant { endpoint, .. } => format!("endpoint {endpoint}"),
        };
        context.progress().waiting(format!("waiting for {name} to be InService (it is {status})"));
        Ok::<_, Error>(ControlFlow::Continue(()))
    };
    // The work deadline ends this poll, and reports what the request waits for.
    let (Ok(()) | Err(())) = poll(ENDPOINT, Duration::MAX, wait).await?;
    // The target may have been registered during the wait.
    Ok(None)
}

/// Whether the endpoint or inference component is ready.
pub(super) async fn readiness(context: &Context<'_>, desired: &Desired) -> Result<Readiness, Error> {
    let readiness = match &desired.spec.id {
        ScalableTargetId::InferenceComponent(name) => {
            component_readiness(name, context.aws.inference_component(name).await?.as_ref())
        }
        ScalableTargetId::Variant { endpoint, variant, dimension } => {
            let is_zero = desired.spec.capacity("MinCapacity") == 0;
            let to_zero_instances = *dimension == VariantDimension::InstanceCount && is_zero;
            let found = context.aws.endpoint(endpoint).await?;
            variant_readiness(endpoint, variant, to_zero_instances, found.as_ref())
        }
    };
    Ok(readiness?)
}
