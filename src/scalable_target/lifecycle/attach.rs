//! What belongs to a target: scaling policies and scheduled actions.

use super::super::decide::{self, Attached, Release};
use super::super::properties::{Desired, Named};
use super::Work;
use crate::answer::Data;
use crate::aws::Registered;
use crate::deadline::Stopwatch;
use crate::error::{AwsError, Error};
use crate::id::ScalableTargetId;
use crate::standing::Standing;

impl Work<'_> {
    /// Deletes what was named before and is not any more, then puts the rest, one after the other: the service refuses
    /// concurrent changes. Returns the ARNs of the policies, or nothing where the target is no longer ours.
    pub(super) async fn attach(&self, desired: &Desired, before: &Named) -> Result<Option<Data>, Error> {
        let target = &desired.target;
        let mut seen = Stopwatch::start();
        let ours = |now: Option<&Registered>| decide::release(self.us, now) != Release::Nothing;
        let mut holds = async || self.still_holds(target, &mut seen, Standing::Awaited, ours).await;

        let now = Named::read(self.lifecycle.properties());
        if !self.detach(target, &decide::no_longer_named(target, &now, before), &mut holds).await? {
            return Ok(None);
        }
        let mut arns = Data::new();
        for policy in &desired.policies {
            if !holds().await? {
                return Ok(None);
            }
            let Some(arn) = self.aws.put_policy(target, policy, &mut holds).await? else { return Ok(None) };
            arns.insert(format!("PolicyARN.{}", policy.name), arn);
        }
        for action in &desired.actions {
            if !holds().await? || !self.aws.put_action(target, action, &mut holds).await? {
                return Ok(None);
            }
        }
        Ok(Some(arns))
    }

    /// Deletes policies and actions, while that `holds`; returns whether it held.
    async fn detach(
        &self,
        target: &ScalableTargetId,
        attached: &Attached<'_>,
        mut holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    ) -> Result<bool, AwsError> {
        for name in &attached.policies {
            if !holds().await? || !self.aws.delete_policy(target, name, &mut holds).await? {
                return Ok(false);
            }
        }
        for name in &attached.actions {
            if !holds().await? || !self.aws.delete_action(target, name, &mut holds).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
