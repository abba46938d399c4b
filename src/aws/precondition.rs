//! The precondition of a change: the state that the change was decided for. It is checked before each retry.
//!
//! Application Auto Scaling has one conditional call, the registration with tags. Every other call acts on the target
//! that is registered when the call arrives. A retry may come minutes after the decision, so the target is read again first.

use tokio::time::sleep;

use super::clients::Aws;
use super::error::ChangeError;
use crate::deadline::Stopwatch;
use crate::model::{Owner, Ownership, Registered, ScalableTargetId};
use crate::request::Freshness;
use crate::timing::{FRESHNESS_CHECKED_AFTER, READ_VALID};

/// The state of a target when it was read, when that was, and the freshness of the request at that time.
#[derive(Clone, Debug)]
pub struct Precondition {
    target: ScalableTargetId,
    state: TargetState,
    freshness: Option<Freshness>,
    /// Whether the target has to have the restoring tag: another request may have completed the restore.
    is_restoring: bool,
    read: Stopwatch,
}

/// The state of a target that a decision rests on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TargetState {
    /// It is not registered.
    NotRegistered,
    /// It is registered, under this ARN, which is a different one after each new registration.
    Registered {
        /// Its ARN.
        arn: String,
        /// Its ownership.
        ownership: Ownership,
    },
}

impl TargetState {
    /// The state from the point of view of one resource.
    pub fn new(owner: &Owner, registered: Option<&Registered>) -> Self {
        match registered {
            None => Self::NotRegistered,
            Some(registered) => {
                let ownership = Ownership::read(owner, &registered.tags);
                Self::Registered { arn: registered.arn.clone(), ownership }
            }
        }
    }
}

impl Precondition {
    /// The state was read just now, in a request of this freshness.
    pub fn new(target: &ScalableTargetId, state: TargetState, freshness: Freshness) -> Self {
        Self {
            target: target.clone(),
            state,
            freshness: Some(freshness),
            is_restoring: false,
            read: Stopwatch::start(),
        }
    }

    /// The state was read when the stopwatch started, in a request of this freshness.
    pub fn since(read: Stopwatch, target: &ScalableTargetId, state: TargetState, freshness: Freshness) -> Self {
        Self { read, ..Self::new(target, state, freshness) }
    }

    /// The state was read just now, and the target is being restored. Restoring is also correct in a stale request.
    pub fn of_restore(target: &ScalableTargetId, state: TargetState) -> Self {
        Self { target: target.clone(), state, freshness: None, is_restoring: true, read: Stopwatch::start() }
    }

    /// The same, for a target that may have to keep its restoring tag until [`restored`](Self::restored).
    pub fn while_restoring(self, is_restoring: bool) -> Self {
        Self { is_restoring, ..self }
    }

    /// The target is completely restored.
    pub fn restored(&mut self) {
        self.is_restoring = false;
    }

    /// Reads again if the last read is too old to act on. Fails if the state is a different one.
    pub(super) async fn check(&mut self, aws: &Aws<'_>) -> Result<(), ChangeError> {
        if self.read.elapsed() < READ_VALID {
            return Ok(());
        }
        loop {
            if aws.request.is_old() {
                self.check_freshness(aws).await?;
            }
            let reading = Stopwatch::start();
            let now = aws.registered(&self.target).await?;
            self.read = Stopwatch::start();
            // After a slow read, the record may be too old.
            if self.freshness.is_none() || !aws.request.is_old() || reading.elapsed() < READ_VALID {
                let is_restoring = now.as_ref().is_some_and(Registered::is_restoring);
                let is_same = TargetState::new(aws.request.owner, now.as_ref()) == self.state
                    && (is_restoring || !self.is_restoring);
                return if is_same { Ok(()) } else { Err(ChangeError::Outdated) };
            }
        }
    }

    /// Checks before a retry. Unlike [`check`](Self::check), it reads CloudFormation's record even if the last read is recent.
    pub(super) async fn check_before_retry(&mut self, aws: &Aws<'_>) -> Result<(), ChangeError> {
        if self.read.elapsed() < READ_VALID {
            self.check_freshness(aws).await?;
        }
        self.check(aws).await
    }

    async fn check_freshness(&self, aws: &Aws<'_>) -> Result<(), ChangeError> {
        match self.freshness {
            Some(expected) => aws.ensure_freshness(expected).await,
            None => Ok(()),
        }
    }
}

impl Aws<'_> {
    /// Reads CloudFormation's record. Fails if the request has another freshness than expected.
    pub async fn ensure_freshness(&self, expected: Freshness) -> Result<(), ChangeError> {
        loop {
            let Some(record) = self.stack_record().await else { return Ok(()) };
            if self.request.freshness(&record) == expected {
                return Ok(());
            }
            if self.request.is_old() {
                return Err(ChangeError::Outdated);
            }
            // The record may lag behind a young request.
            sleep(FRESHNESS_CHECKED_AFTER.saturating_sub(self.request.age.elapsed())).await;
        }
    }
}
