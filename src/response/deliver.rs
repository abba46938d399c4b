//! The delivery of an answer: the same bytes until CloudFormation accepts them or time is up.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use futures_util::FutureExt as _;
use thiserror::Error;
use tokio::time::{sleep, timeout};

use crate::deadline::Deadline;
use crate::request::ResponseUrl;
use crate::timing::{ANSWER_ATTEMPT, ANSWERS};

/// CloudFormation did not accept the answer. The error names no part of the URL.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the answer could not be delivered: {last} at attempt {attempts}")]
pub struct Undelivered {
    /// The number of attempts.
    pub attempts: u32,
    /// How the last attempt ended.
    pub last: Attempt,
}

/// How one attempt to deliver ended.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Attempt {
    /// An HTTP status other than success.
    #[error("HTTP status {0}")]
    Status(u16),
    /// The connection failed.
    #[error("the connection failed")]
    Transport,
    /// A defect of this function.
    #[error("the function panicked")]
    Panic,
    /// No reply in time.
    #[error("no reply in time")]
    Silence,
}

/// PUTs an answer. Returns the number of attempts.
pub async fn deliver(
    http: &SharedHttpConnector,
    url: &ResponseUrl,
    body: &str,
    deadline: &Deadline,
) -> Result<u32, Undelivered> {
    for attempts in 1_u32.. {
        let attempt = AssertUnwindSafe(put(http, url, body, limit(deadline.left_to_answer()))).catch_unwind();
        let last = match attempt.await {
            Ok(Ok(())) => return Ok(attempts),
            Ok(Err(attempt)) => attempt,
            Err(_) => Attempt::Panic,
        };
        let delay = ANSWERS.delay(attempts, fastrand::f64());
        if !is_retryable(last) || delay >= deadline.left_to_answer() {
            return Err(Undelivered { attempts, last });
        }
        tracing::warn!(attempts, %last, "retrying the answer");
        sleep(delay).await;
    }
    unreachable!("u32 counts more attempts than an invocation has time for")
}

async fn put(http: &SharedHttpConnector, url: &ResponseUrl, body: &str, limit: Duration) -> Result<(), Attempt> {
    // No Content-Type: the URL is signed without one.
    let request = http::Request::put(url.secret())
        .header(http::header::CONTENT_LENGTH, body.len())
        .body(SdkBody::from(body))
        .ok()
        .and_then(|request| HttpRequest::try_from(request).ok())
        .ok_or(Attempt::Transport)?;
    match timeout(limit, http.call(request)).await {
        Ok(Ok(response)) if response.status().is_success() => Ok(()),
        Ok(Ok(response)) => Err(Attempt::Status(response.status().as_u16())),
        // The error's text may contain the URL.
        Ok(Err(_)) => Err(Attempt::Transport),
        Err(_) => Err(Attempt::Silence),
    }
}

/// Whether another attempt may succeed.
///
/// Other 4xx are final: the URL is signed for this one request, and has expired or does not match it. Redirects are not
/// followed, because the signature is valid for the given host only.
fn is_retryable(attempt: Attempt) -> bool {
    match attempt {
        Attempt::Status(status) => matches!(status, 408 | 429 | 500..=599),
        Attempt::Panic | Attempt::Silence | Attempt::Transport => true,
    }
}

/// The time limit of one attempt. It leaves time for another attempt.
fn limit(left: Duration) -> Duration {
    let (shortest, longest) = ANSWER_ATTEMPT;
    (left / 2).max(shortest).min(longest).min(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_failures_are_retried() {
        for attempt in [Attempt::Panic, Attempt::Silence, Attempt::Transport] {
            assert!(is_retryable(attempt), "{attempt}");
        }
        for status in [408, 429, 500, 502, 503, 599] {
            assert!(is_retryable(Attempt::Status(status)), "{status}");
        }
    }

    #[test]
    fn a_refusal_or_a_redirect_is_final() {
        for status in [301, 302, 307, 308, 400, 403, 404, 411] {
            assert!(!is_retryable(Attempt::Status(status)), "{status}");
        }
    }

    #[test]
    fn an_attempt_leaves_time_for_another_attempt() {
        for (left, expected) in [(60_000, 10_000), (6_000, 3_000), (700, 500), (300, 300)] {
            assert_eq!(limit(Duration::from_millis(left)).as_millis(), expected, "{left}");
        }
    }
}
