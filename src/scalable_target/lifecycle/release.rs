//! What keeps a request from acting on what is no longer so, and what gives up a target.

use std::time::Duration;

use tokio::time::timeout;

use super::super::decide::{self, Refusal, Release};
use super::Work;
use crate::aws::{Registered, StackResource};
use crate::deadline::Stopwatch;
use crate::error::{AwsError, Error};
use crate::id::{PhysicalResourceId, ScalableTargetId};
use crate::progress::Decision;
use crate::standing::{ASKS_AFTER, LOOKS_FOR, RECORD_FOLLOWS, Standing};

impl Work<'_> {
    /// Refuses to go on with a request that CloudFormation no longer waits for, and takes back what it registered if that
    /// is not to stay. Returns whether CloudFormation was asked.
    pub(super) async fn stop_unless_awaited(&self, target: &ScalableTargetId) -> Result<bool, Error> {
        if !self.asks() {
            return Ok(false);
        }
        // The record may be as young as the request.
        tokio::time::sleep(ASKS_AFTER.saturating_sub(self.age.elapsed())).await;
        let Some(mut record) = self.aws.stack_resource(self.us).await else { return Ok(true) };
        let stopwatch = Stopwatch::start();
        loop {
            let standing = Standing::read(self.lifecycle, self.age.made(), &record);
            match standing {
                Standing::Awaited => return Ok(true),
                Standing::Superseded if !self.progress.has_claimed() || !is_elsewhere(&record, target) => break,
                Standing::Deleted | Standing::Superseded => {}
            }
            let looking = Stopwatch::start();
            let registered = self.aws.observe(target).await?;
            let is_fresh = looking.elapsed() < LOOK_HOLDS;
            if is_fresh && decide::release(self.us, registered.as_ref()) != Release::Nothing {
                self.release(target, registered, standing).await?;
                break;
            }
            let is_over = stopwatch.elapsed() >= SEEN_WITHIN || self.aws.left_to_work() <= BETWEEN_LOOKS;
            if is_fresh && (is_over || !self.progress.has_claimed()) {
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
            // What is seen later than this was asked may be of a resource that was created anew.
            record = self.aws.stack_resource(self.us).await.unwrap_or(record);
        }
        Err(Refusal::NotAwaited { status: record.resource_status }.into())
    }

    /// Takes back what a request that failed may have claimed before, if CloudFormation no longer waits for it. What comes
    /// of this makes no difference to the reason, so it leaves time to tell that.
    pub(super) async fn take_back_unless_awaited(&self, failed: &Error, target: &ScalableTargetId) {
        if matches!(failed, Error::Refused(Refusal::NotAwaited { .. })) {
            return;
        }
        let limit = self.aws.left_to_work() / 2;
        let take_back = async {
            if self.asks() && self.progress.has_claimed() {
                tokio::time::sleep(RECORD_FOLLOWS).await;
            }
            self.stop_unless_awaited(target).await
        };
        drop(timeout(limit, take_back).await);
    }

    /// Whether CloudFormation is asked: see `standing`.
    pub(super) fn asks(&self) -> bool {
        self.age.elapsed() >= ASKS_AFTER || self.progress.has_claimed_again()
    }

    pub(super) async fn delete(&self, target: &ScalableTargetId) -> Result<(), Error> {
        self.stop_unless_awaited(target).await?;
        // A Create may still be running: see `standing`.
        let patience = LOOKS_FOR.saturating_sub(self.age.elapsed());
        let registered = self.look_for(target, patience).await?;
        let is_ours = decide::release(self.us, registered.as_ref()) != Release::Nothing;
        self.release(target, registered, Standing::Awaited).await?;
        // The gate would bring back what is parked, and may be doing so: it looks at the record after it registered.
        if (!is_ours || self.lifecycle.properties().get("UpdateGate").is_some())
            && self.aws.release_parked(self.us, target).await?
        {
            self.release(target, self.aws.observe(target).await?, Standing::Awaited).await?;
        }
        Ok(())
    }

    /// Looks who holds a target, and again while it is not us: what we registered just now is not seen at once, and what
    /// another holds may become ours.
    pub(super) async fn look_for(
        &self,
        target: &ScalableTargetId,
        patience: Duration,
    ) -> Result<Option<Registered>, AwsError> {
        let stopwatch = Stopwatch::start();
        loop {
            let registered = self.aws.observe(target).await?;
            let ours = decide::release(self.us, registered.as_ref()) != Release::Nothing;
            if ours || stopwatch.elapsed() >= patience || self.aws.left_to_work() <= BETWEEN_LOOKS {
                return Ok(registered);
            }
            self.progress.waits(format!("looking whether {} is registered after all", target.resource_id()));
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Lets go of a target. One that was adopted stays, with what is on it.
    pub(super) async fn release(
        &self,
        target: &ScalableTargetId,
        registered: Option<Registered>,
        standing: Standing,
    ) -> Result<(), Error> {
        let decided = decide::release(self.us, registered.as_ref());
        let mut seen = Stopwatch::start();
        let same = |now: Option<&Registered>| decide::release(self.us, now) == decided;
        let holds = async || self.still_holds(target, &mut seen, standing, same).await;
        match &decided {
            Release::Nothing => {}
            Release::Deregister => {
                self.progress.decided(Decision::Deregister);
                self.aws.deregister(target, holds).await?;
            }
            Release::Untag { arn, keys } => {
                self.progress.decided(Decision::Release);
                self.aws.untag(arn, keys, holds).await?;
            }
        }
        Ok(())
    }

    /// Whether what was decided from a look may still be done; looks again where the last look is too old to act on, and
    /// asks again whether the request stands as it did with CloudFormation.
    pub(super) async fn still_holds(
        &self,
        target: &ScalableTargetId,
        seen: &mut Stopwatch,
        standing: Standing,
        same: impl Fn(Option<&Registered>) -> bool,
    ) -> Result<bool, AwsError> {
        if seen.elapsed() < LOOK_HOLDS {
            return Ok(true);
        }
        let asks = self.age.elapsed() >= ASKS_AFTER;
        loop {
            if asks
                && let Some(record) = self.aws.stack_resource(self.us).await
                && Standing::read(self.lifecycle, self.age.made(), &record) != standing
            {
                return Ok(false);
            }
            let looking = Stopwatch::start();
            let registered = self.aws.observe(target).await?;
            *seen = Stopwatch::start();
            if !asks || looking.elapsed() < LOOK_HOLDS {
                return Ok(same(registered.as_ref()));
            }
        }
    }
}

/// Whether the resource has another target on record.
fn is_elsewhere(record: &StackResource, target: &ScalableTargetId) -> bool {
    match PhysicalResourceId::read(&record.physical_resource_id) {
        PhysicalResourceId::ScalableTarget(current) => !current.is_same(target),
        PhysicalResourceId::Invented | PhysicalResourceId::NotRegistered | PhysicalResourceId::UpdateGate(_) => false,
    }
}

/// For how long what was seen may be acted on.
pub(super) const LOOK_HOLDS: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// A new target is seen by everybody some time after it was registered; how long that takes is not documented.
pub(super) const SEEN_WITHIN: Duration = Duration::from_secs(4);
