//! Carries out what was decided: observe, decide, act, and again while there is something to wait for.

mod attach;
mod go_back;
mod release;

use std::time::Duration;

use futures_util::future::try_join;
use futures_util::{FutureExt as _, TryFutureExt as _};

use self::release::{LOOK_HOLDS, SEEN_WITHIN};
use super::decide::{self, Readiness, Refusal, Registration, Release};
use super::properties::{Desired, Named};
use crate::answer::Data;
use crate::aws::{Aws, Here, RegisterError, Registered};
use crate::deadline::{Age, Stopwatch};
use crate::envelope::Lifecycle;
use crate::error::Error;
use crate::id::{PhysicalResourceId, SERVICE_NAMESPACE, ScalableTargetId, VariantDimension};
use crate::owner::Owner;
use crate::progress::{Decision, Progress};
use crate::standing::{RECORD_FOLLOWS, Standing};

/// A resource after a request: what `Ref` and `Fn::GetAtt` return.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Done {
    /// The resource's id.
    pub physical_resource_id: String,
    /// Its attributes.
    pub data: Data,
}

/// One request, and what it is carried out with.
#[derive(Debug)]
struct Work<'a> {
    lifecycle: &'a Lifecycle,
    age: Age,
    aws: &'a Aws<'a>,
    us: &'a Owner,
    progress: &'a Progress,
}

/// What has been seen of who holds the target.
#[derive(Debug)]
enum Look {
    /// Nothing, or too long ago: registering will tell.
    Not,
    /// This, just now.
    Seen(Option<Registered>),
}

/// Carries out one request, or fails with what its author can do.
///
/// Safe to run again from the start at any point: each run decides afresh from what AWS shows, and every action may be
/// repeated.
pub async fn carry_out(
    lifecycle: &Lifecycle,
    age: Age,
    aws: &Aws<'_>,
    here: &Here,
    us: &Owner,
    progress: &Progress,
) -> Result<Done, Error> {
    let work = Work { lifecycle, age, aws, us, progress };
    match lifecycle {
        Lifecycle::Create { properties } => work.create(&Desired::read(properties, here)?).await,
        Lifecycle::Update { id, properties, old_properties } => {
            work.update(id, Desired::read(properties, here)?, old_properties).await
        }
        Lifecycle::Delete { id, properties } => {
            let target = match PhysicalResourceId::read(id) {
                PhysicalResourceId::ScalableTarget(target) => Some(target),
                PhysicalResourceId::NotRegistered => None,
                PhysicalResourceId::Invented | PhysicalResourceId::UpdateGate(_) => Named::read(properties).target,
            };
            if let Some(target) = target {
                work.delete(&target).await?;
            }
            Ok(Done { physical_resource_id: id.clone(), data: Data::new() })
        }
    }
}

impl Work<'_> {
    async fn create(&self, desired: &Desired) -> Result<Done, Error> {
        // An earlier delivery of this request may have registered it.
        self.progress.to_be_cleaned_up(&desired.target);
        match self.register(desired, self.readiness(desired).await, Look::Not, &Named::default()).await {
            Ok(data) => Ok(Done { physical_resource_id: desired.target.to_string(), data }),
            Err(error) => {
                self.take_back_unless_awaited(&error, &desired.target).await;
                if self.is_certainly_not_registered(&error, &desired.target).await {
                    self.progress.nothing_to_clean_up();
                }
                Err(error)
            }
        }
    }

    /// Whether the Delete that follows a failed Create has nothing to do, as far as can be told in time.
    async fn is_certainly_not_registered(&self, error: &Error, target: &ScalableTargetId) -> bool {
        match error {
            Error::Refused(Refusal::HeldByAnother { .. } | Refusal::HeldByNobody(_)) => true,
            Error::Aws(error) if !error.nothing_changed => false,
            Error::Aws(_)
            | Error::OutOfTime { .. }
            | Error::Gate(_)
            | Error::Panic { .. }
            | Error::Parked(_)
            | Error::Properties(_)
            | Error::Refused(_)
            | Error::Request(_)
            | Error::ResourceType(_) => {
                // What was registered, perhaps by one of several attempts, may not be seen at once.
                !self.progress.has_registered()
                    && !self.progress.has_claimed_again()
                    && self
                        .aws
                        .glance(target)
                        .await
                        .is_some_and(|held| decide::release(self.us, held.as_ref()) == Release::Nothing)
            }
        }
    }

    async fn update(&self, id: &str, mut desired: Desired, old_properties: &serde_json::Value) -> Result<Done, Error> {
        let given = PhysicalResourceId::read(id);
        let given_target = match &given {
            PhysicalResourceId::ScalableTarget(target) => Some(target),
            PhysicalResourceId::Invented | PhysicalResourceId::NotRegistered | PhysicalResourceId::UpdateGate(_) => {
                None
            }
        };
        desired.target = decide::continued(given_target, &desired.target);
        let before = Named::read(old_properties);
        let look = self.aws.observe(&desired.target).map_err(Error::from);
        // That it is not ready is no end yet.
        let readiness = self.readiness(&desired).map(Ok);
        let (look, readiness) = try_join(look, readiness).await?;
        let registered = self.register(&desired, readiness, Look::Seen(look), &before).await;
        if let Err(error) = &registered
            && self.progress.has_claimed()
        {
            self.take_back_unless_awaited(error, &desired.target).await;
        }
        let data = registered?;

        if let Some(stray) = decide::left_behind(given_target, &desired.target, before.target.as_ref()) {
            self.release(stray, self.look_for(stray, SEEN_WITHIN).await?, Standing::Awaited).await?;
        }
        let physical_resource_id =
            if given == PhysicalResourceId::Invented { id.to_owned() } else { desired.target.to_string() };
        Ok(Done { physical_resource_id, data })
    }

    /// Registers the target if we may, with all that belongs to it, or refuses. Returns its attributes.
    async fn register(
        &self,
        desired: &Desired,
        readiness: Result<Readiness, Error>,
        look: Look,
        before: &Named,
    ) -> Result<Data, Error> {
        let ready = self.wait_until_ready(desired, readiness, look, before).await;
        if self.is_going_back(desired, ready.as_ref().err()).await? {
            return self.park(desired, before).await;
        }
        let mut registered = ready?;
        if desired.gate.is_some() && self.comes_back(&desired.target).await? {
            registered = self.aws.observe(&desired.target).await?;
        }
        let data = loop {
            let arn = self.register_now(desired, registered, before).await?;
            self.progress.registered();
            if let Some(policies) = self.attach(desired, before).await? {
                break attributes(desired, arn, policies);
            }
            registered = self.aws.observe(&desired.target).await?;
        };
        if desired.gate.is_some() {
            self.aws.forget(&desired.target).await?;
        }
        // Whoever deletes the resource meanwhile did not see this registration, or is seen here: see `standing`.
        if self.asks() {
            tokio::time::sleep(RECORD_FOLLOWS).await;
        }
        self.stop_unless_awaited(&desired.target).await?;
        Ok(data)
    }

    async fn register_now(
        &self,
        desired: &Desired,
        mut registered: Option<Registered>,
        before: &Named,
    ) -> Result<String, Error> {
        loop {
            let target = &desired.target;
            if self.stop_unless_awaited(target).await? && registered.is_some() {
                let looking = Stopwatch::start();
                registered = self.aws.observe(target).await?;
                if looking.elapsed() >= LOOK_HOLDS {
                    // Then what CloudFormation said is old.
                    continue;
                }
            }
            let decided = decide::registration(desired, self.us, registered.as_ref(), &before.tag_keys)?;
            self.progress.decided(match decided {
                Registration::Adopt { .. } => Decision::Adopt,
                Registration::Create { .. } => Decision::Create,
                Registration::Renew { .. } => Decision::Renew,
            });
            let mut seen = Stopwatch::start();
            let mut holds = async || {
                let same = |now: Option<&Registered>| {
                    decide::registration(desired, self.us, now, &before.tag_keys).is_ok_and(|now| now == decided)
                };
                self.still_holds(target, &mut seen, Standing::Awaited, same).await
            };
            match &decided {
                Registration::Create { tags } => match self.aws.create(desired, tags).await {
                    Ok(arn) => return Ok(arn),
                    Err(RegisterError::Aws(error)) => return Err(error.into()),
                    // Somebody holds it; a target that was just registered may not be seen at once.
                    Err(RegisterError::AlreadyExists) => tokio::time::sleep(LOOK_AGAIN).await,
                },
                // Then it is ours, unless somebody else was faster.
                Registration::Adopt { arn, tags } => {
                    self.progress.claims();
                    self.aws.tag(arn, tags, holds).await?;
                }
                Registration::Renew { arn, missing, removed, all } => {
                    if let Some(now) = self.aws.renew(desired, &mut holds).await? {
                        let tagged = if now == *arn {
                            // A target has 50 tags at most: make room first. The owner's are never among the removed.
                            self.aws.untag(&now, removed, &mut holds).await?
                                && self.aws.tag(&now, missing, &mut holds).await?
                        } else {
                            // It was gone by then. What was registered anew has no tags, unless somebody was faster.
                            decide::reclaim(desired, self.us, self.aws.observe(target).await?.as_ref())?;
                            self.aws.tag(&now, all, async || Ok(true)).await?
                        };
                        if tagged {
                            return Ok(now);
                        }
                    }
                }
            }
            registered = self.aws.observe(target).await?;
        }
    }

    /// Waits for what is to be scaled, and returns who holds the target then, if that was looked at.
    ///
    /// Before it waits, it looks who holds the target, so that a refusal comes at once.
    async fn wait_until_ready(
        &self,
        desired: &Desired,
        mut readiness: Result<Readiness, Error>,
        mut look: Look,
        before: &Named,
    ) -> Result<Option<Registered>, Error> {
        for poll in 0.. {
            let Readiness::Changing { status } = readiness? else { break };
            if poll == 0 {
                let registered = match look {
                    Look::Seen(registered) => registered,
                    Look::Not => self.aws.observe(&desired.target).await?,
                };
                decide::registration(desired, self.us, registered.as_ref(), &before.tag_keys)?;
                look = Look::Not;
            }
            let what = match &desired.target {
                ScalableTargetId::InferenceComponent(name) => format!("inference component {name}"),
                ScalableTargetId::Variant { endpoint, .. } => format!("endpoint {endpoint}"),
            };
            self.progress.waits(format!("waiting for {what} to be InService (it is {status})"));
            tokio::time::sleep(poll_delay(poll)).await;
            readiness = self.readiness(desired).await;
        }
        match look {
            Look::Not => Ok(None),
            Look::Seen(registered) => Ok(registered),
        }
    }

    async fn readiness(&self, desired: &Desired) -> Result<Readiness, Error> {
        let readiness = match &desired.target {
            ScalableTargetId::InferenceComponent(name) => {
                decide::component_readiness(name, self.aws.inference_component(name).await?.as_ref())
            }
            ScalableTargetId::Variant { endpoint, variant, dimension } => {
                let to_zero_instances = *dimension == VariantDimension::InstanceCount && desired.capacity.min() == 0;
                let found = self.aws.endpoint(endpoint).await?;
                decide::variant_readiness(endpoint, variant, to_zero_instances, found.as_ref())
            }
        };
        Ok(readiness?)
    }
}

/// The attributes, beside those of the policies.
pub(super) fn attributes(desired: &Desired, arn: String, mut data: Data) -> Data {
    let target = &desired.target;
    match target {
        ScalableTargetId::InferenceComponent(name) => {
            data.insert("InferenceComponentName".to_owned(), name.to_string());
        }
        ScalableTargetId::Variant { endpoint, variant, .. } => {
            data.insert("EndpointName".to_owned(), endpoint.to_string());
            data.insert("VariantName".to_owned(), variant.to_string());
        }
    }
    let others = [
        ("MaxCapacity", desired.capacity.max().to_string()),
        ("MinCapacity", desired.capacity.min().to_string()),
        ("ResourceId", target.resource_id()),
        ("ScalableTargetARN", arn),
        ("ScalableDimension", target.dimension().as_str().to_owned()),
        ("ServiceNamespace", SERVICE_NAMESPACE.to_owned()),
    ];
    data.extend(others.map(|(name, value)| (name.to_owned(), value)));
    data
}

/// Endpoints change in minutes; a scaling activity in one or two.
pub(crate) fn poll_delay(poll: u32) -> Duration {
    Duration::from_secs(u64::from(poll).saturating_add(1).min(15))
}

const LOOK_AGAIN: Duration = Duration::from_millis(500);
