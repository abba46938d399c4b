//! Which failures of AWS to retry, and when.
//!
//! The SDK's classifiers do not fit this service. Application Auto Scaling rejects concurrent changes with
//! `ConcurrentUpdateException`, which the SDK does not retry, and reports a true quota with `LimitExceededException`,
//! which the SDK retries. The SDK also counts attempts; here a call is retried as long as the request can be answered.
//!
//! A throttled call has a schedule of its own, because many processes share one rate limit: see
//! [`THROTTLED`].

use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::clients::{Aws, Reads};
use super::error::{AwsError, ChangeError};
use super::operation::Operation;
use super::precondition::Precondition;
use crate::observability::InFlight;
use crate::polling::poll;
use crate::timing::{CALLS, RETRY_AFTER_EXCESS, THROTTLED, VISIBLE};

/// What a failure means for the next step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    /// No retry helps. Nothing was changed.
    Final,
    /// A retry may succeed. Nothing was changed.
    Conflict,
    /// A retry may succeed. Nothing was changed, because there are too many calls.
    Throttled,
    /// A retry may succeed. Whether this attempt changed something is unknown.
    Unknown,
}

/// Decides from an error reply.
fn judge_reply(code: Option<&str>, status: u16) -> Verdict {
    match code {
        Some(code) if CONFLICTS.contains(&code) => Verdict::Conflict,
        Some(code) if THROTTLING_CODES.contains(&code) => Verdict::Throttled,
        Some(code) if OUTAGE_CODES.contains(&code) => Verdict::Unknown,
        // A true quota in this service, whatever the status. Assumed (belief limit-exceeded): it never means throttling.
        Some("LimitExceededException" | "ValidationException") => Verdict::Final,
        _ if status == 429 => Verdict::Throttled,
        // A status below 400 is a success that could not be read.
        _ if status == 408 || !(400..500).contains(&status) => Verdict::Unknown,
        _ => Verdict::Final,
    }
}

fn judge<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Verdict {
    match error {
        SdkError::ServiceError(reply) => judge_reply(reply.err().code(), reply.raw().status().as_u16()),
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Verdict::Unknown,
        SdkError::DispatchFailure(failure) if !failure.is_user() => Verdict::Unknown,
        // Such as a request that cannot be built.
        _ => Verdict::Final,
    }
}

/// The delay of a retry, prolonged within limits if the service sends `x-amz-retry-after`, in milliseconds.
///
/// The SDK keeps to such limits with `AWS_NEW_RETRIES_2026=true` only. Without it the header replaces the SDK's delay.
fn with_hint<E>(delay: Duration, error: &SdkError<E, HttpResponse>) -> Duration {
    let hint = error.raw_response().and_then(|reply| reply.headers().get("x-amz-retry-after")?.parse().ok());
    hint.map_or(delay, |hint| Duration::from_millis(hint).clamp(delay, delay + RETRY_AFTER_EXCESS))
}

/// The attempts of one call.
struct Attempts<'a> {
    reads: &'a Reads<'a>,
    operation: Operation,
    resource: &'a str,
    in_flight: InFlight<'a>,
    count: u32,
    nothing_changed: bool,
}

impl Attempts<'_> {
    /// Waits until the next attempt, or fails if none makes sense.
    async fn wait_after<E>(&mut self, error: SdkError<E, HttpResponse>) -> Result<(), AwsError>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        self.count += 1;
        let verdict = judge(&error);
        self.nothing_changed &= verdict != Verdict::Unknown;
        let left = self.reads.left_to_work();
        let backoff = if verdict == Verdict::Throttled { THROTTLED.within(left) } else { CALLS };
        let delay = with_hint(backoff.delay(self.count, fastrand::f64()), &error);
        let is_out_of_time = verdict != Verdict::Final;
        let (operation, resource) = (self.operation, self.resource);
        let error = AwsError::new(operation, resource, self.count, self.nothing_changed, is_out_of_time, &error);
        if verdict == Verdict::Final || delay >= left {
            return Err(error);
        }
        tracing::warn!(operation = operation.name(), attempts = self.count, code = error.code(), "retrying");
        self.in_flight.retrying(&error);
        tokio::time::sleep(delay).await;
        Ok(())
    }
}

impl Reads<'_> {
    /// Calls an operation until it succeeds, fails for good, or the next attempt would come too late.
    pub(super) async fn call<T, E>(
        &self,
        operation: Operation,
        resource: &str,
        attempt: impl AsyncFnMut() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        self.repeat(operation, resource, async || Ok::<_, AwsError>(()), attempt).await
    }

    async fn repeat<T, E, F: From<AwsError>>(
        &self,
        operation: Operation,
        resource: &str,
        mut before_retry: impl AsyncFnMut() -> Result<(), F>,
        mut attempt: impl AsyncFnMut() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, F>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        if let Some(pace) = self.pace {
            pace.turn(operation).await;
        }
        let in_flight = self.progress.calling(operation.name());
        let mut attempts = Attempts { reads: self, operation, resource, in_flight, count: 0, nothing_changed: true };
        let end = async {
            loop {
                // Boxed, and so is the check, because the types of everything that makes calls would be too deep.
                match Box::pin(attempt()).await {
                    Ok(output) => return Ok(output),
                    Err(error) => attempts.wait_after(error).await?,
                }
                Box::pin(before_retry()).await?;
            }
        };
        let end = end.await;
        attempts.in_flight.replied();
        end
    }
}

impl Aws<'_> {
    /// Calls an operation that changes something. Before each retry, `is_wanted` checks that the change is still wanted.
    pub(super) async fn change<T, E>(
        &self,
        operation: Operation,
        resource: &str,
        mut is_wanted: impl AsyncFnMut() -> Result<(), ChangeError>,
        mut attempt: impl AsyncFnMut() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, ChangeError>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let attempt = async || {
            self.progress.changing();
            attempt().await
        };
        let before_retry = async || {
            is_wanted().await.map_err(|mut error| {
                if let ChangeError::Aws(error) = &mut error {
                    // The check has changed nothing, but the attempt before it may have.
                    error.nothing_changed = false;
                }
                error
            })
        };
        self.repeat(operation, resource, before_retry, attempt).await
    }

    /// Calls an operation that changes a target. Checks the precondition before each attempt.
    pub(super) async fn change_target<T, E>(
        &self,
        operation: Operation,
        resource: &str,
        precondition: &mut Precondition,
        attempt: impl AsyncFnMut() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, ChangeError>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        precondition.check(self).await?;
        self.change(operation, resource, async || precondition.check_before_retry(self).await, attempt).await
    }

    /// Like [`change_target`](Self::change_target), for a target that was registered just now: the service may not find it yet.
    pub(super) async fn change_once_visible<T, E>(
        &self,
        operation: Operation,
        resource: &str,
        precondition: &mut Precondition,
        is_not_found: fn(&AwsError) -> bool,
        mut attempt: impl AsyncFnMut() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, ChangeError>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let mut polls = 0;
        let change = async || {
            if polls > 0 {
                // The target may not be visible yet, or a Delete may have deregistered it.
                precondition.check_before_retry(self).await?;
            }
            polls += 1;
            match self.change_target(operation, resource, precondition, &mut attempt).await {
                Err(ChangeError::Aws(error)) if is_not_found(&error) => Ok(ControlFlow::Continue(error)),
                done => done.map(ControlFlow::Break),
            }
        };
        poll(VISIBLE, self.left_to_work(), change).await?.map_err(ChangeError::Aws)
    }
}

/// Codes that concern the target, not the rate of calls.
const CONFLICTS: &[&str] =
    &["ConcurrentUpdateException", "PriorRequestNotComplete", "TooManyUpdates", "TransactionInProgressException"];
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/CommonErrors.html>, and the SDK's list of
/// throttling codes without `LimitExceededException`.
const THROTTLING_CODES: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
];
const OUTAGE_CODES: &[&str] = &[
    "InternalFailure",
    "InternalServerError",
    "InternalServiceException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
];

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::metadata::ErrorMetadata;

    use super::super::protocol::ErrorReply;
    use super::*;

    /// What the function makes of each code and status. The SDK differs in the rows with a comment.
    const TABLE: &[(Option<&str>, u16, Verdict)] = &[
        (Some("Throttling"), 400, Verdict::Throttled),
        (Some("ThrottlingException"), 400, Verdict::Throttled),
        (Some("TooManyRequestsException"), 400, Verdict::Throttled),
        // The SDK makes one attempt.
        (Some("ConcurrentUpdateException"), 400, Verdict::Conflict),
        (Some("InternalServiceException"), 400, Verdict::Unknown),
        (Some("ServiceUnavailable"), 400, Verdict::Unknown),
        (Some("InternalFailure"), 400, Verdict::Unknown),
        // The SDK makes three attempts.
        (Some("LimitExceededException"), 400, Verdict::Final),
        (Some("LimitExceededException"), 500, Verdict::Final),
        (Some("ValidationException"), 400, Verdict::Final),
        (Some("ObjectNotFoundException"), 400, Verdict::Final),
        // The SDK makes three attempts if the reply's `Date` is off by more than four minutes, because a skewed clock makes
        // a signature invalid. Lambda sets the function's clock.
        (Some("AccessDeniedException"), 400, Verdict::Final),
        (Some("InvalidSignatureException"), 403, Verdict::Final),
        (Some("RequestTimeTooSkewed"), 403, Verdict::Final),
        (Some("UnrecognizedClientException"), 400, Verdict::Final),
        (Some("SomethingNew"), 400, Verdict::Final),
        (Some("SomethingNew"), 503, Verdict::Unknown),
        // A success that cannot be read.
        (None, 200, Verdict::Unknown),
        (None, 400, Verdict::Final),
        (None, 403, Verdict::Final),
        // The SDK makes one attempt for this status without a code, and for the next.
        (None, 408, Verdict::Unknown),
        (None, 429, Verdict::Throttled),
        (None, 500, Verdict::Unknown),
        (None, 503, Verdict::Unknown),
    ];

    #[test]
    fn a_failure_is_judged_by_its_code_and_then_by_its_status() {
        for (code, status, verdict) in TABLE {
            assert_eq!(judge_reply(*code, *status), *verdict, "{code:?} {status}");
        }
    }

    #[test]
    fn the_date_of_a_reply_does_not_change_its_verdict() {
        let mut reply = HttpResponse::new(400.try_into().unwrap(), SdkBody::empty());
        reply.headers_mut().insert("date", "Sun, 01 Jan 2017 00:00:00 GMT");
        let error = ErrorReply(ErrorMetadata::builder().code("AccessDeniedException").build());
        assert_eq!(judge(&SdkError::service_error(error, reply)), Verdict::Final);
    }

    #[test]
    fn a_retry_hint_of_the_service_is_followed_within_limits() {
        let delay = Duration::from_secs(2);
        for (hint, expected) in [
            ("0", 2_000),
            ("100", 2_000),
            ("3000", 3_000),
            ("60000", 7_000),
            ("18446744073709551615", 7_000),
            ("-1", 2_000),
            ("soon", 2_000),
        ] {
            let mut reply = HttpResponse::new(400.try_into().unwrap(), SdkBody::empty());
            reply.headers_mut().insert("x-amz-retry-after", hint);
            let error = SdkError::service_error((), reply);
            assert_eq!(with_hint(delay, &error).as_millis(), expected, "{hint}");
        }
        assert_eq!(with_hint(delay, &SdkError::<(), _>::timeout_error("no reply")), delay);
    }
}
