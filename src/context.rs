//! What every step of a request needs: the calls to AWS, the request, and the place of the function.

use tokio::time::sleep;

use crate::aws::Aws;
use crate::model::{Location, Owner};
use crate::observability::Progress;
use crate::request::{Freshness, Lifecycle, StackRecord, Stale};
use crate::timing::FRESHNESS_CHECKED_AFTER;

/// One request, and what it is carried out with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The calls to AWS.
    pub aws: Aws<'a>,
    /// The account and Region of the function.
    pub location: &'a Location,
    /// The name of the function.
    pub function: &'a str,
}

impl<'a> Context<'a> {
    /// What to do.
    pub fn lifecycle(&self) -> &'a Lifecycle {
        self.aws.request.lifecycle
    }

    /// The resource that the request is for.
    pub fn owner(&self) -> &'a Owner {
        self.aws.request.owner
    }

    /// What the request has done.
    pub fn progress(&self) -> &'a Progress {
        self.aws.progress
    }

    /// Whether the request has to check its freshness: see [`freshness`](crate::request::freshness).
    pub fn checks_freshness(&self) -> bool {
        self.aws.request.is_old() || self.progress().registered_repeatedly()
    }

    /// Reads whether the request is fresh. `None` if that is not checked or cannot be read; then it counts as fresh.
    pub async fn freshness(&self) -> Option<(Freshness, StackRecord)> {
        if !self.checks_freshness() {
            return None;
        }
        // The record may lag behind a young request.
        sleep(FRESHNESS_CHECKED_AFTER.saturating_sub(self.aws.request.age.elapsed())).await;
        let record = self.aws.stack_record().await?;
        Some((self.aws.request.freshness(&record), record))
    }

    /// Fails if the request is stale.
    pub async fn ensure_fresh(&self) -> Result<(), Stale> {
        match self.freshness().await {
            None | Some((Freshness::Fresh, _)) => Ok(()),
            Some((Freshness::Deleted | Freshness::Superseded, record)) => Err(Stale { status: record.status }),
        }
    }
}
