//! One invocation of the function by Lambda, and its retries.

use std::any::Any;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use test_support::function::Unanswered;
use tokio::sync::Notify;
use tokio::time::sleep;

/// What the function sent to CloudFormation in one invocation.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) body: Option<String>,
    /// How often the function learned that the answer was accepted.
    pub(crate) taken: u32,
    /// How often the function learned that another invocation continues the request.
    pub(crate) handed_over: u32,
}

/// Makes one attempt and two retries, as `template.yaml` says: after one minute, and after two. Returns whether one answered
/// or handed the request over.
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
pub(crate) async fn outcome<T>(
    killed: &Notify,
    timeout: Duration,
    work: impl Future<Output = Result<Result<T, Unanswered>, Box<dyn Any + Send>>>,
) -> Option<Result<(), String>> {
    tokio::select! {
        biased;
        () = killed.notified() => None,
        () = sleep(timeout) => Some(Err(TIMED_OUT.to_owned())),
        outcome = work => outcome.ok().map(|outcome| outcome.map(drop).map_err(|error| error.to_string())),
    }
}

/// Whether Lambda does not retry, and the invariant that is broken: every invocation answers or hands the request over, or
/// fails, so that Lambda retries it.
pub(crate) fn judge(
    request: usize,
    outcome: Option<Result<(), String>>,
    sent: &Sent,
) -> (bool, Option<(&'static str, String)>) {
    let Sent { taken, handed_over, .. } = sent;
    match outcome {
        None => (false, None),
        Some(Ok(())) if taken + handed_over == 1 => (true, None),
        Some(Ok(())) => {
            let said =
                format!("request {request} succeeded with {taken} accepted answers and {handed_over} hand-overs");
            (true, Some(("answered once", said)))
        }
        Some(Err(error)) if taken + handed_over > 0 || error == TIMED_OUT => {
            (false, Some(("in time", format!("request {request} was answered, but {error}"))))
        }
        Some(Err(_)) => (false, None),
    }
}

/// Whether an exchange invokes the function.
pub(crate) fn is_hand_over(http: &HttpRequest) -> bool {
    http.headers().get("x-amz-invocation-type") == Some("Event")
}

/// The timeout of the function in a history: mostly the default of `template.yaml`, or so short that requests need several
/// invocations.
pub(crate) fn timeout(jitter: u64) -> Duration {
    Duration::from_secs([900, 900, 240, 60][usize::try_from(jitter % 4).expect("small")])
}

/// How long it takes until an asynchronous invocation begins: longer than the invocation that requested it needs to end.
pub(crate) const QUEUED: Duration = Duration::from_millis(200);
const TIMED_OUT: &str = "ran into Lambda's timeout";
