//! One invocation of the function by Lambda, and its retries.

use std::any::Any;
use std::time::Duration;

use test_support::function::Unanswered;
use tokio::sync::Notify;
use tokio::time::sleep;

/// What the function sent to CloudFormation in one invocation.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) body: Option<String>,
    /// How often the function learned that the answer was accepted.
    pub(crate) taken: u32,
}

/// Makes one attempt and two retries, as `template.yaml` says: after one minute, and after two. Returns whether one answered.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
pub(crate) async fn with_retries(mut attempt: impl AsyncFnMut() -> bool) -> bool {
    for pause in [0, 60, 120] {
        sleep(Duration::from_secs(pause)).await;
        if attempt().await {
            return true;
        }
    }
    false
}

/// Runs the function until it ends, is killed (`None`), or runs into Lambda's timeout.
pub(crate) async fn outcome(
    killed: &Notify,
    work: impl Future<Output = Result<Result<(), Unanswered>, Box<dyn Any + Send>>>,
) -> Option<Result<(), String>> {
    tokio::select! {
        biased;
        () = killed.notified() => None,
        () = sleep(TIMEOUT) => Some(Err(TIMED_OUT.to_owned())),
        outcome = work => outcome.ok().map(|outcome| outcome.map_err(|error| error.to_string())),
    }
}

/// Whether Lambda does not retry, and the invariant that is broken: every invocation is answered, or fails, so that Lambda
/// retries it.
pub(crate) fn judge(
    request: usize,
    outcome: Option<Result<(), String>>,
    taken: u32,
) -> (bool, Option<(&'static str, String)>) {
    match outcome {
        None => (false, None),
        Some(Ok(())) if taken == 1 => (true, None),
        Some(Ok(())) => {
            (true, Some(("answered once", format!("request {request} succeeded with {taken} accepted answers"))))
        }
        Some(Err(error)) if taken > 0 || error == TIMED_OUT => {
            (false, Some(("in time", format!("request {request} was answered, but {error}"))))
        }
        Some(Err(_)) => (false, None),
    }
}

/// Lambda's limit.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(900);
const TIMED_OUT: &str = "ran into Lambda's timeout";
