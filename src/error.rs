//! Why a request failed, in words for the author of the template.

use std::time::Duration;

use thiserror::Error;

use crate::aws::AwsError;
use crate::model::Refusal;
use crate::properties::Mistakes;
use crate::request::{MAX_INVOCATIONS, Stale};
use crate::snapshot::SnapshotError;
use crate::timing::SERVICE_TIMEOUT;

/// Why a request failed. The text is the reason in the stack's events.
#[derive(Debug, Error)]
pub enum Error {
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Time is up, and no other invocation continues the request.
    #[error("out of time while {doing}; gave up after {took}. {obstacle}")]
    NotContinued {
        /// What took so long.
        doing: String,
        /// How long the request took, and in how many invocations.
        took: String,
        /// Why it is not continued.
        obstacle: Box<Obstacle>,
    },
    /// Time is up in this invocation.
    #[error("out of time while {doing}")]
    OutOfTime {
        /// What took so long.
        doing: String,
    },
    /// A defect of this function.
    #[error("the function panicked while {doing}: {message}. This is a defect; please report it")]
    Panic {
        /// What the function was doing.
        doing: String,
        /// The message of the panic.
        message: String,
    },
    /// The template has mistakes in the properties.
    #[error(transparent)]
    Properties(#[from] Mistakes),
    /// The rules refuse the request.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The envelope of the request is invalid.
    #[error("{0}")]
    Request(String),
    /// The resource type is unknown.
    #[error("ResourceType: {0}")]
    ResourceType(String),
    /// A snapshot cannot be taken or used.
    #[error(transparent)]
    Snapshot(SnapshotError),
    /// The request is stale.
    #[error(transparent)]
    Stale(#[from] Stale),
}

/// Why no other invocation continues a request that is out of time, and what to do.
#[derive(Debug, Error)]
pub enum Obstacle {
    /// Lambda did not accept the invocation.
    #[error("It could not be handed over to another invocation: {0}. Deploy again later")]
    Invoke(#[from] AwsError),
    /// The request had as many invocations as it may have.
    #[error(
        "A request has {MAX_INVOCATIONS} invocations at most: raise the Timeout of the function, or deploy again later"
    )]
    Invocations,
    /// The function does not run in Lambda.
    #[error("The function does not run in Lambda, so no other invocation can continue the request. Deploy again later")]
    NoLambda,
    /// The request does not only wait.
    #[error("Another invocation continues only a request that waits and has changed nothing; deploy again later")]
    NotWaiting,
    /// Lambda did not reply.
    #[error("It could not be handed over to another invocation: Lambda did not reply in time. Deploy again later")]
    Silence,
    /// CloudFormation does not wait for an answer.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// CloudFormation waits for an answer at most this long.
    #[error("{}", about_service_timeout(*.0))]
    ServiceTimeout(Duration),
}

fn about_service_timeout(limit: Duration) -> String {
    if limit < SERVICE_TIMEOUT {
        let (seconds, most) = (limit.as_secs(), SERVICE_TIMEOUT.as_secs());
        format!("ServiceTimeout is {seconds} s: raise it, to {most} at most, or deploy again later")
    } else {
        "CloudFormation waits for an hour at most, so there is nothing to raise: deploy again later".to_owned()
    }
}

impl From<SnapshotError> for Error {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Aws(error) => Self::Aws(error),
            other => Self::Snapshot(other),
        }
    }
}
