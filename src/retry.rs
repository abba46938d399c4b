//! Which failures of AWS are worth another try, and when; the SDK's own classifiers are wrong for this service.
//!
//! Application Auto Scaling refuses concurrent changes with `ConcurrentUpdateException`, which the SDK does not retry,
//! and means a true quota by `LimitExceededException`, which the SDK does. And a fixed count of attempts is the wrong
//! measure: what counts is whether the request can still be answered.
//!
//! A rate limit has a schedule of its own, because whoever meets it is one of a crowd: `crowd` tries schedules out.

use std::error::Error as StdError;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::aws::Aws;
use crate::error::AwsError;

/// Exponential delays with jitter: each is a random part of a bound that doubles up to a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// The bound of the first delay.
    pub(crate) first: Duration,
    /// The bound of all later ones.
    pub(crate) longest: Duration,
    /// The least part of its bound that a delay takes; none is full jitter.
    pub(crate) least: f64,
}

impl Backoff {
    /// The delay after `attempt` attempts; `random` lies in `0.0..1.0`.
    pub(crate) fn delay(self, attempt: u32, random: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let bound = self.first.saturating_mul(doubled).min(self.longest);
        bound.mul_f64(self.least + (1.0 - self.least) * random)
    }

    /// The same, for several attempts in the time that is left.
    fn hurried(self, left: Duration) -> Self {
        Self { longest: self.longest.min(left / 4).max(CALLS.first), ..self }
    }
}

/// For calls to AWS.
pub(crate) const CALLS: Backoff =
    Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(10), least: 0.0 };

/// For those that exceed a rate limit.
const THROTTLED: Backoff = Backoff { first: Duration::from_secs(4), longest: Duration::from_secs(10), least: 0.5 };

/// Retrying is done here, so the SDK makes single attempts.
pub fn one_attempt() -> RetryConfig {
    RetryConfig::disabled()
}

/// The limit of a single attempt, after which another one is made.
pub fn attempt_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(10)).build()
}

/// What an error means for the next step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It stays an error however often one tries; nothing was changed.
    Final,
    /// Nothing was changed, and a later attempt may succeed.
    Refused,
    /// The same, because there are too many calls.
    Throttled,
    /// A later attempt may succeed; whether this one changed something is not known.
    Unknown,
}

/// Decides about an error reply.
pub(crate) fn judge_reply(code: Option<&str>, status: u16) -> Verdict {
    match code {
        Some(code) if REFUSALS.contains(&code) => Verdict::Refused,
        Some(code) if THROTTLES.contains(&code) => Verdict::Throttled,
        Some(code) if OUTAGES.contains(&code) => Verdict::Unknown,
        // A true quota here, with whatever status it comes.
        Some("LimitExceededException" | "ValidationException") => Verdict::Final,
        _ if status == 429 => Verdict::Throttled,
        // Below 400 it is a success that could not be read.
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

/// A service may say when to come back. It is followed as the SDK does: not sooner than the schedule, nor much later.
fn hinted<E>(delay: Duration, error: &SdkError<E, HttpResponse>) -> Duration {
    let hint = error.raw_response().and_then(|reply| reply.headers().get("x-amz-retry-after")?.parse().ok());
    hint.map_or(delay, |hint| Duration::from_millis(hint).clamp(delay, delay + LATER_AT_MOST))
}

/// Calls AWS until it succeeds, fails for good, or the next attempt would come too late.
pub(crate) async fn until_deadline<T, E>(
    operation: &'static str,
    resource: &str,
    aws: &Aws<'_>,
    call: impl AsyncFnMut() -> Result<T, SdkError<E, HttpResponse>>,
) -> Result<T, AwsError>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let done = while_it_holds(operation, resource, aws, async || Ok(true), call).await?;
    Ok(done.expect("it always holds"))
}

/// The same, as long as what led to the call holds; nothing where it does not any more. That is asked before each
/// attempt but the first.
pub(crate) async fn while_it_holds<T, E>(
    operation: &'static str,
    resource: &str,
    aws: &Aws<'_>,
    holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    call: impl AsyncFnMut() -> Result<T, SdkError<E, HttpResponse>>,
) -> Result<Option<T>, AwsError>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let calling = aws.progress().calls(operation);
    let end = attempts(operation, resource, aws, holds, call).await;
    calling.has_ended();
    end
}

async fn attempts<T, E>(
    operation: &'static str,
    resource: &str,
    aws: &Aws<'_>,
    mut holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    mut call: impl AsyncFnMut() -> Result<T, SdkError<E, HttpResponse>>,
) -> Result<Option<T>, AwsError>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let mut nothing_changed = true;
    for attempts in 1_u32.. {
        let error = match call().await {
            Ok(output) => return Ok(Some(output)),
            Err(error) => error,
        };
        let verdict = judge(&error);
        nothing_changed &= verdict != Verdict::Unknown;
        let left = aws.left_to_work();
        let backoff = if verdict == Verdict::Throttled { THROTTLED.hurried(left) } else { CALLS };
        let delay = hinted(backoff.delay(attempts, fastrand::f64()), &error);
        if verdict == Verdict::Final || delay >= left {
            return Err(AwsError::new(operation, resource, attempts, nothing_changed, &error));
        }
        tracing::warn!(operation, attempts, code = error.code(), "trying again");
        aws.progress().tries_again();
        tokio::time::sleep(delay).await;
        if !holds().await? {
            return Ok(None);
        }
    }
    unreachable!("attempts are not counted to the end")
}

/// How much later than by the schedule a call is tried again because the service says so.
const LATER_AT_MOST: Duration = Duration::from_secs(5);
/// These are about the target, not about the rate of calls.
const REFUSALS: &[&str] =
    &["ConcurrentUpdateException", "PriorRequestNotComplete", "TooManyUpdates", "TransactionInProgressException"];
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/CommonErrors.html>, and the SDK's list of
/// throttling codes but for `LimitExceededException`.
const THROTTLES: &[&str] = &[
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
const OUTAGES: &[&str] = &[
    "InternalFailure",
    "InternalServerError",
    "InternalServiceException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
];

#[cfg(test)]
mod crowd;

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn the_codes_that_pass_are_tried_again_whatever_their_status() {
        for code in ["Throttling", "ThrottlingException", "TooManyRequestsException"] {
            assert_eq!(judge_reply(Some(code), 400), Verdict::Throttled, "{code}");
        }
        assert_eq!(judge_reply(Some("ConcurrentUpdateException"), 400), Verdict::Refused);
        for code in ["InternalServiceException", "ServiceUnavailable", "InternalFailure"] {
            assert_eq!(judge_reply(Some(code), 400), Verdict::Unknown, "{code}");
        }
    }

    #[test]
    fn quotas_mistakes_and_denials_are_final() {
        for code in [
            "LimitExceededException",
            "ValidationException",
            "AccessDeniedException",
            "ObjectNotFoundException",
            "UnrecognizedClientException",
        ] {
            assert_eq!(judge_reply(Some(code), 400), Verdict::Final, "{code}");
        }
        assert_eq!(judge_reply(Some("LimitExceededException"), 500), Verdict::Final);
    }

    #[test]
    fn a_reply_without_a_code_is_judged_by_its_status() {
        for (status, verdict) in [
            (200, Verdict::Unknown),
            (400, Verdict::Final),
            (403, Verdict::Final),
            (408, Verdict::Unknown),
            (429, Verdict::Throttled),
            (500, Verdict::Unknown),
            (503, Verdict::Unknown),
        ] {
            assert_eq!(judge_reply(None, status), verdict, "{status}");
        }
    }

    #[test]
    fn a_service_that_says_when_to_come_back_is_followed_within_bounds() {
        let delay = Duration::from_secs(2);
        for (hint, expected) in
            [("3500", 3_500), ("100", 2_000), ("3600000", 7_000), ("soon", 2_000), ("18446744073709551615", 7_000)]
        {
            let mut reply = HttpResponse::new(400.try_into().unwrap(), SdkBody::empty());
            reply.headers_mut().insert("x-amz-retry-after", hint);
            let error = SdkError::service_error((), reply);
            assert_eq!(hinted(delay, &error).as_millis(), expected, "{hint}");
        }
        assert_eq!(hinted(delay, &SdkError::<(), _>::timeout_error("no reply")), delay);
    }

    #[test]
    fn delays_double_up_to_the_longest_and_are_a_part_of_their_bound() {
        let bounds = [1, 2, 3, 6, 7, 40, u32::MAX].map(|attempt| CALLS.delay(attempt, 1.0).as_millis());
        assert_eq!(bounds, [200, 400, 800, 6_400, 10_000, 10_000, 10_000]);
        assert_eq!(CALLS.delay(3, 0.5).as_millis(), 400);
        assert_eq!(CALLS.delay(3, 0.0), Duration::ZERO);
    }

    #[test]
    fn under_a_rate_limit_half_of_a_delay_is_certain() {
        assert_eq!([1, 2, 3].map(|attempt| THROTTLED.delay(attempt, 0.0).as_secs()), [2, 4, 5]);
        assert_eq!([1, 2, 3].map(|attempt| THROTTLED.delay(attempt, 1.0).as_secs()), [4, 8, 10]);
    }

    #[test]
    fn where_little_time_is_left_there_are_still_several_attempts() {
        for (left, longest) in [(60_000, 10_000), (20_000, 5_000), (4_000, 1_000), (100, 200)] {
            let hurried = THROTTLED.hurried(Duration::from_millis(left));
            assert_eq!(hurried.delay(9, 1.0).as_millis(), longest, "{left}");
        }
    }
}
