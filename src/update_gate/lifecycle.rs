//! Carries out what was decided.

use std::collections::BTreeSet;

use futures_util::future::try_join;
use tokio::time::sleep;

use super::decide::{self, Refusal};
use super::properties;
use crate::answer::Data;
use crate::aws::{Aws, Endpoint, Here};
use crate::deadline::Age;
use crate::envelope::Lifecycle;
use crate::error::{AwsError, Error};
use crate::id::{EndpointName, PhysicalResourceId, ScalableDimension, ScalableTargetId, UpdateGateId};
use crate::owner::Owner;
use crate::parked::{self, Object, Parked, ParkedError};
use crate::progress::{Decision, Progress};
use crate::scalable_target::{Done, is_changing, poll_delay};
use crate::standing::{ASKS_AFTER, RECORD_FOLLOWS, Standing};

/// What was taken down.
type Down = (ScalableTargetId, Parked);

/// One request, and what it is carried out with.
#[derive(Debug)]
struct Work<'a> {
    lifecycle: &'a Lifecycle,
    age: Age,
    aws: &'a Aws<'a>,
    us: &'a Owner,
    progress: &'a Progress,
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
        Lifecycle::Create { properties } => {
            let gate = properties::read(properties, here)?;
            // The Delete that follows a Create which fails brings back what it took down.
            progress.to_be_cleaned_up(&gate);
            work.open(&gate, true).await?;
            Ok(done(gate.to_string(), &gate))
        }
        Lifecycle::Update { id, properties, old_properties } => {
            let gate = properties::read(properties, here)?;
            // Where the configuration stays, no update of the endpoint follows.
            let changes = !properties::read(old_properties, here).is_ok_and(|old| old.is_same(&gate));
            work.open(&gate, changes).await?;
            let goes_on = id.parse::<UpdateGateId>().is_ok_and(|given| given.is_same(&gate));
            Ok(done(if goes_on { id.clone() } else { gate.to_string() }, &gate))
        }
        Lifecycle::Delete { id, properties } => {
            let endpoint = match PhysicalResourceId::read(id) {
                PhysicalResourceId::UpdateGate(gate) => Some(gate.endpoint),
                PhysicalResourceId::NotRegistered => None,
                PhysicalResourceId::Invented | PhysicalResourceId::ScalableTarget(_) => {
                    properties::named_endpoint(properties)
                }
            };
            if let Some(endpoint) = endpoint {
                work.stop_unless_awaited().await?;
                work.settle(&endpoint).await?;
            }
            Ok(Done { physical_resource_id: id.clone(), data: Data::new() })
        }
    }
}

impl Work<'_> {
    /// Takes down what stands in the way of a configuration that changes, or brings back what is parked if the endpoint
    /// runs it.
    async fn open(&self, gate: &UpdateGateId, changes: bool) -> Result<(), Error> {
        self.stop_unless_awaited().await?;
        let mut down = Vec::new();
        let done = self.make_way(gate, changes, &mut down).await;
        if matches!(done, Err(Error::Gate(Refusal::NotAwaited(_)))) && !self.is_answered(gate).await {
            // Nobody will update the endpoint for this request any more.
            let endpoint = self.aws.endpoint(&gate.endpoint).await?;
            down.retain(|(id, _)| endpoint.as_ref().is_some_and(|endpoint| has(endpoint, id)));
            let mut failed = None;
            for (_, parked) in down {
                failed = failed.or(self.aws.bring_back(parked).await.err());
            }
            failed.map_or(Ok(()), Err)?;
        }
        done
    }

    /// The same; what it takes `down` is told, also where it fails.
    async fn make_way(&self, gate: &UpdateGateId, changes: bool, down: &mut Vec<Down>) -> Result<(), Error> {
        let mut judged = None;
        for poll in 0.. {
            let Some(endpoint) = self.aws.endpoint(&gate.endpoint).await? else { break };
            let is_changing = is_changing(&endpoint.status);
            let runs_it = endpoint.config.eq_ignore_ascii_case(gate.config.as_str());
            if runs_it && !is_changing {
                return self.bring_back(&gate.endpoint, &endpoint, false).await.map(drop);
            }
            if !changes {
                return Ok(());
            }
            // While an endpoint changes it may be on its way to a configuration of which nothing can be seen yet, and
            // others may register what was not there before.
            if !runs_it && judged.as_ref() != Some(&(endpoint.config.clone(), is_changing)) {
                let stood = down.len();
                self.take_down(gate, &endpoint, down).await?;
                if !is_changing && down.len() == stood {
                    break;
                }
                judged = Some((endpoint.config, is_changing));
                continue;
            }
            if !is_changing {
                break;
            }
            let (name, status) = (&gate.endpoint, endpoint.status);
            self.progress.waits(format!("waiting for endpoint {name} to settle before its update (it is {status})"));
            sleep(poll_delay(poll)).await;
        }
        if !down.is_empty() {
            // A request that was cancelled in the meantime has taken down what nobody else brings back.
            sleep(RECORD_FOLLOWS.max(ASKS_AFTER.saturating_sub(self.age.elapsed()))).await;
            self.stop_unless_awaited().await?;
        }
        Ok(())
    }

    /// Parks and deregisters what stands in the way.
    async fn take_down(&self, gate: &UpdateGateId, endpoint: &Endpoint, down: &mut Vec<Down>) -> Result<(), Error> {
        let mut whole = Vec::new();
        for (id, registered) in self.in_the_way(gate, endpoint).await? {
            let Some(parked) = self.aws.to_park(&id, registered).await? else { continue };
            // Before any of them goes.
            parked.value()?;
            let name = parked::parameter_name(&id);
            if let Some((other, _)) = whole.iter().find(|(other, _)| parked::parameter_name(other) == name) {
                return Err(ParkedError::Twice(other.resource_id(), id.resource_id()).into());
            }
            whole.push((id, parked));
        }
        for (id, parked) in whole {
            self.aws.keep(&id, &parked).await?;
            down.push((id.clone(), parked));
            self.stop_unless_awaited().await?;
            self.progress.decided(Decision::Park);
            tracing::info!(target = id.resource_id(), dimension = id.dimension().as_str(), "parked");
            // Where it is not awaited any more, the question that follows tells.
            self.aws.deregister(&id, async || Ok(self.stop_unless_awaited().await.is_ok())).await?;
        }
        Ok(())
    }

    /// Whether another delivery of this request has answered it: then the endpoint is about to be updated.
    async fn is_answered(&self, gate: &UpdateGateId) -> bool {
        self.aws.stack_resource(self.us).await.is_some_and(|record| {
            record.resource_status.ends_with("_COMPLETE") && record.physical_resource_id == gate.to_string()
        })
    }

    /// The registered targets of the variants that SageMaker would refuse to change.
    async fn in_the_way(
        &self,
        gate: &UpdateGateId,
        endpoint: &Endpoint,
    ) -> Result<Vec<(ScalableTargetId, Object)>, Error> {
        let wanted = self.aws.endpoint_config(gate.config.as_str());
        let (wanted, running) = try_join(wanted, self.aws.endpoint_config(&endpoint.config)).await?;
        let Some(wanted) = wanted else { return Err(Refusal::ConfigMissing(gate.config.clone()).into()) };
        let is_displaced = |variant: &&String| match &running {
            Some(running) => decide::is_displaced(variant, running, &wanted),
            // The configuration was deleted, so nobody knows: better one too many.
            None => true,
        };
        let displaced = endpoint.variants.iter().filter(is_displaced);
        // A target may have been registered under any spelling of the endpoint's name.
        let name = gate.endpoint.as_str();
        let spellings = BTreeSet::from([name.to_owned(), name.to_ascii_lowercase(), endpoint.name.clone()]);
        let ids = displaced
            .flat_map(|variant| spellings.iter().map(move |name| format!("endpoint/{name}/variant/{variant}")));
        let ids: Vec<_> = ids.collect();
        let found = if ids.is_empty() { Vec::new() } else { self.aws.registered(&ids).await? };
        let with_id = |registered: Object| Some((Parked::id_of(&registered)?, registered));
        Ok(found.into_iter().filter_map(with_id).filter(|(id, _)| id.dimension() != COPIES).collect())
    }

    /// Brings back what is parked for variants that the endpoint has. Returns what is parked for others, and, where this is
    /// the last chance, what the service takes no more.
    async fn bring_back(
        &self,
        name: &EndpointName,
        endpoint: &Endpoint,
        is_last: bool,
    ) -> Result<Vec<ScalableTargetId>, Error> {
        let mut rest = Vec::new();
        let mut failed = None;
        for parked in self.aws.parked(name).await? {
            let brought = match parked {
                Ok(parked) => match parked.id() {
                    Some(id) if has(endpoint, &id) => {
                        let record = parked.value().unwrap_or_default();
                        match self.aws.bring_back(parked).await {
                            // Such as a dimension that the variant has no more.
                            Err(Error::Aws(error)) if is_last && error.is_validation() => {
                                tracing::warn!(%error, record, "it does not come back");
                                rest.push(id);
                                Ok(())
                            }
                            done => done,
                        }
                    }
                    id => {
                        rest.extend(id);
                        Ok(())
                    }
                },
                Err(error) => Err(error.into()),
            };
            // One that fails keeps no other from coming back.
            failed = failed.or_else(|| brought.err());
        }
        failed.map_or(Ok(rest), Err)
    }

    /// Brings back what is parked, and forgets what cannot come back.
    async fn settle(&self, name: &EndpointName) -> Result<(), Error> {
        let rest = match self.endpoint_with_variants(name).await? {
            Some(endpoint) => self.bring_back(name, &endpoint, true).await?,
            None => {
                let parked = self.aws.parked(name).await?.into_iter();
                let readable = |parked: Result<Parked, ParkedError>| {
                    parked.inspect_err(|error| tracing::warn!(%error, "left as it is")).ok()
                };
                parked.filter_map(readable).filter_map(|parked| parked.id()).collect()
            }
        };
        for id in rest {
            self.progress.decided(Decision::Forget);
            tracing::info!(target = id.resource_id(), dimension = id.dimension().as_str(), "forgotten");
            self.aws.forget(&id).await?;
        }
        Ok(())
    }

    /// The endpoint; one that is being created shows no variants until it is there.
    async fn endpoint_with_variants(&self, name: &EndpointName) -> Result<Option<Endpoint>, AwsError> {
        for poll in 0.. {
            match self.aws.endpoint(name).await? {
                Some(endpoint) if endpoint.variants.is_empty() && is_changing(&endpoint.status) => {
                    self.progress.waits(format!("waiting for endpoint {name} to show its variants"));
                    sleep(poll_delay(poll)).await;
                }
                found => return Ok(found),
            }
        }
        unreachable!("polls are not counted to the end")
    }

    /// Refuses to go on with a request that CloudFormation no longer waits for, as far as it is asked: see `standing`.
    async fn stop_unless_awaited(&self) -> Result<(), Error> {
        if self.asks()
            && let Some(record) = self.aws.stack_resource(self.us).await
            && Standing::read(self.lifecycle, self.age.made(), &record) != Standing::Awaited
        {
            return Err(Refusal::NotAwaited(record.resource_status).into());
        }
        Ok(())
    }

    fn asks(&self) -> bool {
        self.age.elapsed() >= ASKS_AFTER
    }
}

fn done(physical_resource_id: String, gate: &UpdateGateId) -> Done {
    let names = [("EndpointName", gate.endpoint.as_str()), ("EndpointConfigName", gate.config.as_str())];
    Done { physical_resource_id, data: names.map(|(name, value)| (name.to_owned(), value.to_owned())).into() }
}

fn has(endpoint: &Endpoint, id: &ScalableTargetId) -> bool {
    match id {
        ScalableTargetId::InferenceComponent(_) => false,
        ScalableTargetId::Variant { variant, .. } => endpoint.variants.iter().any(|has| has == variant.as_str()),
    }
}

const COPIES: ScalableDimension = ScalableDimension::InferenceComponentDesiredCopyCount;
