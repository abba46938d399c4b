//! Why a request failed, in words for the author of the template.

use thiserror::Error;

use crate::aws::AwsError;
use crate::model::Refusal;
use crate::properties::Mistakes;
use crate::request::Stale;
use crate::snapshot::SnapshotError;

/// Why a request failed. The text is the reason in the stack's events.
#[derive(Debug, Error)]
pub enum Error {
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Time is up.
    #[error("out of time while {doing}; nothing further is done. Deploy again later")]
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

impl From<SnapshotError> for Error {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Aws(error) => Self::Aws(error),
            other => Self::Snapshot(other),
        }
    }
}
