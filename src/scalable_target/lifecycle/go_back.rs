//! What a target has to do with its endpoint's gate. Where the endpoint is about to go back to another configuration, the
//! target is parked for the gate. Where the gate has parked it, it comes back first.

use std::collections::BTreeSet;

use futures_util::future::try_join;

use super::super::decide::{self, Refusal, Registration};
use super::super::inputs;
use super::super::properties::{Desired, Named};
use super::{Work, attributes};
use crate::answer::Data;
use crate::error::Error;
use crate::id::ScalableTargetId;
use crate::parked::{Parked, TARGET_ARN};
use crate::progress::Decision;
use crate::update_gate::is_displaced;

impl Work<'_> {
    /// Whether the endpoint is about to go back: it runs the configuration of the gate in the old properties, in which the
    /// variant is missing or has another instance type than in the new one's. That is refused while it is registered.
    ///
    /// `refused` is why the endpoint as it is now cannot be scaled, if so.
    pub(super) async fn is_going_back(&self, desired: &Desired, refused: Option<&Error>) -> Result<bool, Error> {
        let (Some(gate), ScalableTargetId::Variant { endpoint, variant, .. }) = (&desired.gate, &desired.target) else {
            return Ok(false);
        };
        let by_configuration = matches!(
            refused,
            None | Some(Error::Refused(Refusal::VariantMissing { .. } | Refusal::CannotScaleToZero(_)))
        );
        if !by_configuration {
            return Ok(false);
        }
        // It goes back from what the old properties say. An endpoint that runs anything else was updated by others, and
        // nobody would bring back what is parked.
        let Some(from) = self.lifecycle.old_gate().filter(|from| !from.is_same(gate)) else { return Ok(false) };
        let Some(endpoint) = self.aws.endpoint(endpoint).await? else { return Ok(false) };
        if !endpoint.config.eq_ignore_ascii_case(from.config.as_str()) {
            return Ok(false);
        }
        let running = self.aws.endpoint_config(&endpoint.config);
        let (running, wanted) = try_join(running, self.aws.endpoint_config(gate.config.as_str())).await?;
        let (Some(running), Some(wanted)) = (running, wanted) else { return Ok(false) };
        Ok(is_displaced(variant.as_str(), &wanted, &running))
    }

    /// Brings back what the gate has parked of a target of ours, so that what others put there is not lost. Returns whether
    /// there was anything.
    pub(super) async fn comes_back(&self, target: &ScalableTargetId) -> Result<bool, Error> {
        let parked = match self.aws.parked_by(self.us, target).await {
            Ok(Some(parked)) => parked,
            Ok(None) => return Ok(false),
            Err(Error::Parked(error)) => {
                tracing::warn!(%error, "it does not come back");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        self.stop_unless_awaited(target).await?;
        match self.aws.bring_back(parked).await {
            // Such as limits that the endpoint does not take any more. What the template says is put in any case.
            Err(Error::Aws(error)) if error.is_validation() => {
                tracing::warn!(%error, "it does not come back as it was");
            }
            done => done?,
        }
        Ok(true)
    }

    /// Writes down what is wanted, with what others attached to the target, and takes it down.
    pub(super) async fn park(&self, desired: &Desired, before: &Named) -> Result<Data, Error> {
        let target = &desired.target;
        self.stop_unless_awaited(target).await?;
        let registered = self.aws.observe(target).await?;
        let decided = decide::registration(desired, self.us, registered.as_ref(), &before.tag_keys)?;
        let mut had = None;
        if registered.is_some()
            && let Some(found) = self.aws.described(target).await?
        {
            had = self.aws.to_park(target, found).await?;
        }
        if had.is_none() {
            // Another delivery of this request may have parked it.
            had = self.aws.parked_by(self.us, target).await?;
        }
        let mut tags = had.as_ref().map(Parked::tags).unwrap_or_default();
        match decided {
            Registration::Create { tags: given } | Registration::Adopt { tags: given, .. } => tags.extend(given),
            Registration::Renew { all, removed, .. } => {
                tags.retain(|key, _| !removed.contains(key));
                tags.extend(all);
            }
        }
        let had = had.unwrap_or_else(|| Parked::new(self.aws.now(), Default::default(), Vec::new(), Vec::new()));
        let now = Named::read(self.lifecycle.properties());
        let gone = decide::no_longer_named(target, &now, before);
        let parked = had.with(
            inputs::target(desired, &tags),
            desired.policies.iter().map(inputs::policy).collect(),
            desired.actions.iter().map(inputs::action).collect(),
            &gone.policies.iter().chain(&gone.actions).copied().collect::<BTreeSet<_>>(),
        );
        self.progress.decided(Decision::Park);
        self.aws.keep(target, &parked).await?;
        tracing::info!(
            target = target.resource_id(),
            "parked: the endpoint is about to go back to another configuration"
        );
        if registered.is_some() {
            self.aws.deregister(target, async || Ok(true)).await?;
        }
        // The ones it had, since the stack may use them; it has others once it is back.
        let had = |name: &str| parked.attributes.get(name).cloned();
        let policies = desired.policies.iter().filter_map(|policy| {
            let name = format!("PolicyARN.{}", policy.name);
            had(&name).map(|arn| (name, arn))
        });
        Ok(attributes(desired, had(TARGET_ARN).unwrap_or_default(), policies.collect()))
    }
}
