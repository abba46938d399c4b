//! What goes wrong with an exchange.

use std::time::Duration;

use aws_smithy_runtime_api::client::result::ConnectorError;
use serde_json::json;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    ConcurrentUpdate,
    /// The function is killed before, or after, the exchange took effect.
    Crash {
        after_effect: bool,
    },
    Denied,
    Garbage,
    Hang,
    InternalError,
    Panic,
    Quota,
    Reset {
        after_effect: bool,
    },
    /// It takes so many seconds.
    Slow(u64),
    Throttled,
}

/// A status and a body, or none.
pub(crate) type Reply = Result<(u16, String), ConnectorError>;

impl Kind {
    /// What goes wrong of what was planned. The freshness check succeeds, if not at once. Where it cannot, is a documented
    /// limit.
    pub(crate) fn of(planned: Option<Self>, is_freshness_check: bool) -> Option<Self> {
        planned.filter(|kind| !is_freshness_check || matches!(kind, Self::Crash { .. } | Self::Slow(_)))
    }

    /// How much longer the exchange takes.
    pub(crate) fn delay(self) -> Duration {
        if let Self::Slow(seconds) = self { Duration::from_secs(seconds) } else { Duration::ZERO }
    }

    /// The reply to an exchange that does not take effect. `put`: it is an answer to CloudFormation.
    pub(crate) fn before_effect(self, put: bool) -> Option<Reply> {
        let refused = |status: u16, code: &str| {
            let body = json!({"__type": code, "Message": "injected"});
            Some(Ok(if put { (status, String::new()) } else { (400, body.to_string()) }))
        };
        match self {
            Self::Reset { after_effect: false } => Some(Err(reset())),
            Self::Panic => std::panic::panic_any(PLANTED),
            Self::Throttled => refused(429, "ThrottlingException"),
            Self::ConcurrentUpdate => refused(408, "ConcurrentUpdateException"),
            Self::InternalError => refused(500, "InternalServiceException"),
            Self::Denied => refused(403, "AccessDeniedException"),
            Self::Quota => refused(400, "LimitExceededException"),
            Self::Crash { .. } | Self::Garbage | Self::Hang | Self::Reset { .. } | Self::Slow(_) => None,
        }
    }

    /// The reply to an exchange that took effect, and of which the function does not learn that. `is_status_only`: the
    /// function does not read the body of a success.
    pub(crate) async fn after_effect(self, is_status_only: bool, status: u16) -> Option<Reply> {
        match self {
            Self::Hang => std::future::pending().await,
            Self::Reset { after_effect: true } => Some(Err(reset())),
            Self::Garbage if !is_status_only => Some(Ok((status, "<html>".to_owned()))),
            _ => None,
        }
    }
}

fn reset() -> ConnectorError {
    ConnectorError::io("connection reset by peer".into())
}

/// What a planted panic says.
pub(crate) const PLANTED: &str = "a planted defect";
