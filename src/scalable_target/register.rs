//! Registers a target with its policies and scheduled actions, once its endpoint is ready and its ownership allows it.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::sleep;

use super::own_snapshot::{
    ensure_fits, ensure_unchanged, is_update, own_snapshot, restore_others, restored_spec, update_of,
};
use super::ownership::{self, Registration};
use super::readiness::{Readiness, component_readiness, variant_readiness, warn_of_misfits, zero_limit};
use super::reconcile::{no_longer_declared, respelled};
use super::remove::ensure_fresh;
use super::roll_back;
use crate::apply::{OnRejection, attach, detach, finish_restoring, restoring_tags};
use crate::aws::{ChangeError, Precondition, RegisterError, TargetState, unless_outdated};
use crate::context::Context;
use crate::deadline::Stopwatch;
use crate::error::Error;
use crate::model::attributes::{self, Attributes, TARGET_ARN};
use crate::model::{AttachmentKey, Owner, Ownership, Refusal, Registered, ScalableTargetId, Tags, VariantDimension};
use crate::observability::Decision;
use crate::polling::poll;
use crate::properties::{Declared, Desired};
use crate::request::Freshness;
use crate::snapshot::store::{self, Stored};
use crate::snapshot::{EndpointUpdate, Newer, capture, current_registration, restore};
use crate::timing::{ENDPOINT, READ_VALID, RECORD_LAG, VISIBLE, VISIBLE_WITHIN};

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
    /// The update of the endpoint that the request belongs to.
    update: Option<&'a EndpointUpdate>,
    /// The previous template.
    previous: &'a Declared,
    /// The attachments that left the template.
    to_delete: Vec<AttachmentKey>,
    /// Whether the snapshot was read.
    may_have_snapshot: bool,
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
    /// Whether this request has created it.
    is_new: bool,
    /// Whether it has the restoring tag.
    is_marked: bool,
    /// Tags to put when the restoring tag is removed: see [`restoring_tags`].
    deferred: Tags,
}

impl OwnedTarget {
    /// Whether another request may be restoring it at this moment: one waits [`VISIBLE_WITHIN`] before it completes a target that has
    /// the restoring tag.
    fn may_be_restored_by_others(&self) -> bool {
        self.is_marked && (!self.is_new || self.registered.elapsed() >= VISIBLE_WITHIN)
    }
}

/// Registers the target with its policies and scheduled actions, or refuses. Returns its attributes.
///
/// `former_id` is the target's id in the spelling that it has, if this request re-registers it in another one.
pub(super) async fn register(
    context: &Context<'_>,
    desired: &Desired,
    readiness: Result<Readiness, Error>,
    last_read: LastRead,
    previous: &Declared,
    former_id: Option<&ScalableTargetId>,
) -> Result<Attributes, Error> {
    let target = &desired.spec.id;
    let ready = wait_until_ready(context, desired, readiness, last_read, previous).await;
    let mut update = update_of(context, desired);
    if let Some(roll_back) = roll_back::expected(context, desired, ready.as_ref().err()).await? {
        roll_back::remove_replaced(context, desired, &roll_back).await?;
        if roll_back.is_blocked_by(target) {
            // Deregister the target in the spelling that it has.
            let mut desired = desired.clone();
            desired.spec.id = former_id.unwrap_or(target).clone();
            return roll_back::keep_as_snapshot(context, &desired, previous, &roll_back).await;
        }
        update = roll_back.update(context, desired);
    }
    let mut registered = ready?;
    let mut since_ready = Stopwatch::start();
    let mut restored: Option<Stored> = None;
    let (plan, attributes) = loop {
        let plan;
        (plan, registered) = self::plan(context, desired, update.as_ref(), previous, former_id, registered).await?;
        if since_ready.elapsed() >= READ_VALID {
            let readiness = self::readiness(context, desired).await?;
            since_ready = Stopwatch::start();
            if let Readiness::Changing { .. } = readiness {
                let last_read = LastRead::Now(registered);
                registered = wait_until_ready(context, desired, Ok(readiness), last_read, previous).await?;
                continue;
            }
        }
        let Some(owned) = register_target(context, &plan, registered).await? else {
            registered = read_again(context, &plan).await?;
            continue;
        };
        context.progress().registered();
        if let Some(policies) = unless_outdated(complete(context, &plan, &owned).await)? {
            restored = plan.snapshot.clone().filter(|_| plan.restores).or(restored);
            if owned.may_be_restored_by_others() {
                // Such a request has read the restoring tag before it was removed, and puts what the snapshot holds.
                sleep(VISIBLE_WITHIN).await;
                registered = read_again(context, &plan).await?;
                continue;
            }
            let mut attributes = attributes::of_target(&desired.spec);
            attributes.extend(attributes::of_policies(&desired.spec, &policies));
            attributes.insert(TARGET_ARN.to_owned(), owned.arn);
            break (plan, attributes);
        }
        registered = read_again(context, &plan).await?;
    };
    let former_owner = restored.as_ref().and_then(|stored| Owner::read(&stored.snapshot.spec.tags));
    if former_owner.is_some_and(|former| former != *context.owner()) {
        // The Delete of the former owner, which comes after this request, must not find the target that it had.
        sleep(VISIBLE_WITHIN).await;
    }
    // A Delete that runs at the same time either finds this registration, or CloudFormation has already recorded the
    // deletion: see `freshness`.
    if context.checks_freshness() {
        sleep(RECORD_LAG).await;
    }
    ensure_fresh(context, target).await?;
    if let (Some(former_id), Some(arn)) = (former_id, attributes.get(TARGET_ARN)) {
        deregister_former(context, former_id, arn).await?;
    }
    if let Some(stored) = plan.snapshot.as_ref().or(restored.as_ref()) {
        store::drop_snapshot(&context.aws, stored).await?;
    }
    if restored.is_some() {
        context.progress().decided(Decision::Restore);
        tracing::info!(target = target.resource_id(), dimension = target.dimension().as_str(), "restored");
    }
    restore_others(context, desired).await?;
    Ok(attributes)
}

impl Plan<'_> {
    /// Adds the attachments and tags that others put on the target in its former spelling.
    async fn add_attached_to(&mut self, context: &Context<'_>, former_id: &ScalableTargetId) -> Result<(), Error> {
        let Some(description) = context.aws.describe_target(former_id).await? else { return Ok(()) };
        let Some(attached) = capture(&context.aws, former_id, description, None).await? else { return Ok(()) };
        let merged = restored_spec(context, &self.merged, &attached, &self.to_delete, self.previous).await?;
        self.merged.spec = merged.unwrap_or_else(|| self.merged.spec.clone());
        Ok(())
    }

    /// Whether a gate that deregisters the target now leaves a snapshot that this request has to look for.
    fn may_get_snapshot(&self, context: &Context<'_>) -> bool {
        self.may_have_snapshot || restores_deregistered(context, self.desired)
    }
}

/// Whether the request restores its target from a snapshot if the target is not registered. An earlier delivery of a Create may
/// have adopted it. An ordinary Create saves the call.
fn restores_deregistered(context: &Context<'_>, desired: &Desired) -> bool {
    desired.gate.is_some() || desired.take_over_from.is_some() || desired.adopt_existing || is_update(context)
}

/// Whether the request would adopt a target that a restore has registered and not completed.
fn adopts_half_restored(context: &Context<'_>, desired: &Desired, registered: Option<&Registered>) -> bool {
    let is_untagged = |found: &Registered| Ownership::read(context.owner(), &found.tags) == Ownership::Untagged;
    desired.adopt_existing && registered.is_some_and(|found| found.is_restoring() && is_untagged(found))
}

/// Deregisters the target in its former spelling, unless both spellings name the target with this ARN.
async fn deregister_former(context: &Context<'_>, former_id: &ScalableTargetId, new_arn: &str) -> Result<(), Error> {
    let aws = &context.aws;
    while let Some(found) = aws.registered(former_id).await?.filter(|found| found.arn != new_arn) {
        if !ownership::is_own(context.owner(), Some(&found)) {
            break;
        }
        let state = TargetState::new(context.owner(), Some(&found));
        let mut precondition = Precondition::new(former_id, state, Freshness::Fresh);
        if unless_outdated(aws.deregister_target(former_id, &mut precondition).await)?.is_some() {
            // The physical id keeps the former spelling. A Delete by it must not find this target any more.
            sleep(VISIBLE_WITHIN).await;
            break;
        }
    }
    Ok(())
}

/// Reads a target that has changed since the plan.
async fn read_again(context: &Context<'_>, plan: &Plan<'_>) -> Result<Option<Registered>, Error> {
    let registered = context.aws.registered(&plan.desired.spec.id).await?;
    if registered.is_none() && plan.may_get_snapshot(context) {
        // A gate may have deregistered it just now, and its snapshot may not be visible yet.
        sleep(VISIBLE_WITHIN).await;
    }
    Ok(registered)
}

/// Decides what to register, from the template and the target's snapshot. Returns the last read of the target, too.
async fn plan<'a>(
    context: &Context<'_>,
    desired: &'a Desired,
    update: Option<&'a EndpointUpdate>,
    previous: &'a Declared,
    former_id: Option<&ScalableTargetId>,
    mut registered: Option<Registered>,
) -> Result<(Plan<'a>, Option<Registered>), Error> {
    let target = &desired.spec.id;
    let to_delete = no_longer_declared(target, &Declared::read(context.lifecycle().properties()), previous);
    let may_have_snapshot = match &registered {
        None => restores_deregistered(context, desired),
        Some(found) => desired.gate.is_some() || found.is_restoring(),
    };
    let merged = desired.clone();
    let mut plan =
        Plan { desired, merged, update, previous, to_delete, may_have_snapshot, snapshot: None, restores: false };
    if may_have_snapshot && let Some(stored) = own_snapshot(context, desired, update).await? {
        ensure_fresh(context, target).await?;
        registered = current_registration(&context.aws, &stored.snapshot).await?;
        // Without the restoring tag, the snapshot is out of date.
        if registered.as_ref().is_none_or(Registered::is_restoring) {
            if let Some(spec) = restored_spec(context, desired, &stored.snapshot, &plan.to_delete, previous).await? {
                plan.merged.spec = spec;
                plan.restores = true;
            } else if adopts_half_restored(context, desired, registered.as_ref()) {
                // The restore was killed before it undid its registration, because the resource was deleted. Continue it.
                restore(&context.aws, stored.clone(), Newer::Leave).await?;
                registered = None;
            }
        }
        plan.snapshot = Some(stored);
    }
    if let Some(former_id) = former_id {
        plan.add_attached_to(context, former_id).await?;
    }
    if let Some(gate) = &desired.gate {
        ensure_fits(context, &plan.merged, gate)?;
    }
    Ok((plan, registered))
}

/// Deletes and puts the attachments of a registered target. Returns the ARNs of the template's policies.
async fn complete(context: &Context<'_>, plan: &Plan<'_>, owned: &OwnedTarget) -> Result<Attributes, ChangeError> {
    let (aws, target) = (&context.aws, &plan.desired.spec.id);
    let state = TargetState::Registered { arn: owned.arn.clone(), ownership: owned.ownership.clone() };
    let precondition = Precondition::since(owned.registered, target, state, Freshness::Fresh);
    // If another request has completed the restore meanwhile, the target has the limits of the snapshot.
    let mut precondition = precondition.while_restoring(owned.is_marked);
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

/// Registers the target itself, as its ownership allows. `None` if somebody has registered or deregistered it since the
/// last read.
async fn register_target(
    context: &Context<'_>,
    plan: &Plan<'_>,
    mut registered: Option<Registered>,
) -> Result<Option<OwnedTarget>, Error> {
    let (aws, owner, desired) = (&context.aws, context.owner(), &plan.merged);
    let target = &desired.spec.id;
    let mut shows_owner = is_update(context);
    loop {
        if ensure_fresh(context, target).await? && registered.is_some() {
            let reading = Stopwatch::start();
            registered = aws.registered(target).await?;
            if registered.is_none() && plan.may_get_snapshot(context) {
                return Ok(None);
            }
            if reading.elapsed() >= READ_VALID {
                // Then the record of CloudFormation is too old.
                continue;
            }
        }
        let decided = ownership::registration(desired, owner, registered.as_ref(), &plan.previous.tags)?;
        context.progress().decided(match decided {
            Registration::Adopt { .. } => Decision::Adopt,
            Registration::Create { .. } => Decision::Create,
            Registration::TakeOver { .. } => Decision::TakeOver,
            Registration::Update { .. } => Decision::Update,
        });
        let mut precondition =
            Precondition::new(target, TargetState::new(owner, registered.as_ref()), Freshness::Fresh);
        let registering = Stopwatch::start();
        match decided {
            Registration::Create { tags } => {
                let (tags, deferred) = if plan.restores { restoring_tags(tags) } else { (tags, Tags::new()) };
                let is_wanted = async || {
                    aws.ensure_freshness(Freshness::Fresh).await?;
                    if plan.may_have_snapshot {
                        ensure_unchanged(context, plan.desired, plan.update, plan.snapshot.as_ref()).await?;
                    }
                    Ok(())
                };
                match aws.create_target(&desired.spec, &tags, is_wanted).await {
                    Ok(arn) => {
                        let ownership = Ownership::read(owner, &tags);
                        return Ok(Some(OwnedTarget {
                            registered: registering,
                            arn,
                            ownership,
                            is_new: true,
                            is_marked: plan.restores,
                            deferred,
                        }));
                    }
                    Err(RegisterError::Aws(error)) => return Err(error.into()),
                    Err(RegisterError::Outdated) => return Ok(None),
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
            Registration::TakeOver { arn, tags } => {
                context.progress().registering();
                unless_outdated(aws.tag(&arn, &tags, &mut precondition).await)?;
                // The Delete of the former owner, which comes after this request, has to find the new tags.
                sleep(VISIBLE_WITHIN).await;
                shows_owner = true;
            }
            Registration::Update { arn, missing, removed, all } => {
                let found = registered.as_ref().map(|registered| &registered.tags);
                if !shows_owner && found.and_then(Owner::read_former).is_some() {
                    // Another delivery may have put these tags just now.
                    sleep(VISIBLE_WITHIN).await;
                }
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
                                is_new: true,
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
                                is_new: false,
                                is_marked,
                                deferred,
                            }));
                        }
                    }
                }
            }
        }
        registered = aws.registered(target).await?;
        if registered.is_none() && plan.may_get_snapshot(context) {
            return Ok(None);
        }
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
    Ok(describe(context, desired).await?.readiness?)
}

/// What SageMaker says of the endpoint or inference component.
#[derive(Clone, Debug)]
pub(super) struct Described {
    /// Whether it is ready.
    pub(super) readiness: Result<Readiness, Refusal>,
    /// The target in the endpoint's own spelling, if the template has another one.
    pub(super) respelled: Option<ScalableTargetId>,
}

/// Reads the endpoint or inference component.
pub(super) async fn describe(context: &Context<'_>, desired: &Desired) -> Result<Described, Error> {
    Ok(match &desired.spec.id {
        ScalableTargetId::InferenceComponent(name) => {
            let found = context.aws.inference_component(name).await?;
            Described { readiness: component_readiness(name, found.as_ref()), respelled: None }
        }
        ScalableTargetId::Variant { endpoint, variant, dimension } => {
            let scales_instances = *dimension == VariantDimension::InstanceCount;
            let zero_limit = zero_limit(&desired.spec).filter(|_| scales_instances);
            let found = context.aws.endpoint(endpoint).await?;
            let readiness = variant_readiness(endpoint, variant, zero_limit, found.as_ref());
            if let (Ok(Readiness::Ready), Some(endpoint)) = (&readiness, &found) {
                warn_of_misfits(&desired.spec, endpoint);
            }
            Described { readiness, respelled: found.and_then(|found| respelled(&desired.spec.id, &found)) }
        }
    })
}
