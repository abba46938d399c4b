//! The path itself: whatever happens on it becomes an answer.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use thiserror::Error;
use tokio::time::timeout_at;
use tracing::Instrument as _;

use crate::answer::{Answer, Data, MAX_BODY_BYTES, Outcome};
use crate::aws::{Aws, Clients, Here};
use crate::deadline::{Age, Deadline, Stopwatch};
use crate::deliver::{Undelivered, deliver};
use crate::envelope::{self, Envelope, Lifecycle, NoReplyAddress, Request};
use crate::error::Error;
use crate::logs;
use crate::owner::Owner;
use crate::progress::{Decision, Progress, Tally};
use crate::scalable_target::{self, Done};
use crate::transport::Connections;
use crate::update_gate;

/// What lives as long as the process does.
#[derive(Clone, Debug)]
pub struct Services {
    /// For calls to AWS.
    pub aws: Clients,
    /// For the answer.
    pub http: SharedHttpConnector,
    /// Where its connection is opened while the work goes on; nowhere, where there is no network.
    pub connections: Option<Connections>,
}

/// Why nobody was answered. Lambda delivers the request again, and sends it to the queue of failures in the end.
#[derive(Debug, Error)]
pub enum Unanswered {
    /// It is not known whom to answer.
    #[error(transparent)]
    NoReplyAddress(#[from] NoReplyAddress),
    /// A defect of this function, outside of the work, whose panics are answered. What it said may hold secrets.
    #[error("the function panicked; its log says where. This is a defect; please report it")]
    Panicked,
    /// The answer was not taken.
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
}

/// Carries out what is requested and answers it: one request, or as many as SNS brings, each answered at its own address.
///
/// `function_arn` is the invoked function's, where there is a real one: endpoints of its account can be scaled.
pub async fn handle(
    payload: &str,
    function_arn: &str,
    deadline: Deadline,
    services: &Services,
) -> Result<(), Unanswered> {
    let requests = envelope::requests(payload);
    let handled = requests.iter().map(async |request| {
        // What catches panics around this function would show what they said as the invocation's error.
        let handled = AssertUnwindSafe(open_and_answer(request, function_arn, deadline, services)).catch_unwind().await;
        handled.unwrap_or(Err(Unanswered::Panicked))
    });
    // All at the same time, since one may wait for long.
    join_all(handled).await.into_iter().collect()
}

async fn open_and_answer(
    payload: &str,
    function_arn: &str,
    deadline: Deadline,
    services: &Services,
) -> Result<(), Unanswered> {
    let stopwatch = Stopwatch::start();
    let envelope = Envelope::open(payload).inspect_err(|error| tracing::error!(%error, "nobody can be answered"))?;
    if let Some(connections) = &services.connections {
        // They are open already at a cold start, and after a short pause.
        drop(connections.open_often());
        drop(connections.open_ahead(envelope.reply_to.url.secret()));
    }
    let progress = Progress::new();
    let reply_to = &envelope.reply_to;
    // Enabled at every level, so that each line names the resource.
    let span = tracing::error_span!(
        "request",
        stack_id = reply_to.stack_id,
        logical_resource_id = reply_to.logical_resource_id,
        request_id = reply_to.request_id,
    );
    let (answer, delivered) = async {
        let answer = answer(&envelope, function_arn, &deadline, services, &progress).await;
        let body = answer.body(reply_to);
        let delivered = deliver(&services.http, &reply_to.url, &body, &deadline).await;
        (answer, delivered)
    }
    .instrument(span)
    .await;
    log(&envelope, function_arn, &answer, &delivered, &progress.tally(), stopwatch);
    delivered.inspect_err(|error| tracing::error!(%error, "Lambda is to deliver the request again"))?;
    Ok(())
}

async fn answer(
    envelope: &Envelope,
    function_arn: &str,
    deadline: &Deadline,
    services: &Services,
    progress: &Progress,
) -> Answer {
    let failed = |error: Error| Answer {
        physical_resource_id: progress.to_clean_up().unwrap_or_else(|| envelope.id_of_failure()),
        outcome: Outcome::Failed { reason: bounded(error.to_string()) },
    };
    let request = match &envelope.request {
        Ok(request) => request,
        Err(error) => return failed(Error::Request(error.to_string())),
    };
    let age = deadline.age(envelope.reply_to.url.signed_at());
    let owner = envelope.reply_to.owner();
    let here = Here {
        region: services.aws.region().to_owned(),
        account: account(function_arn).or_else(|| account(&owner.stack_id)),
    };
    // After that, CloudFormation no longer listens.
    let left = request.lifecycle.service_timeout().map(|limit| limit.saturating_sub(age.elapsed()).max(SHORTEST));
    let deadline = &left.map_or(*deadline, |left| deadline.no_later_than(left));
    let aws = Aws::new(&services.aws, deadline, progress);
    // The work is polled here and not spawned: when it is cut off, it stops. Boxed, because its type is too deep.
    let work = Box::pin(carry_out(request, age, &aws, &here, &owner, progress));
    let work = AssertUnwindSafe(work).catch_unwind();
    match timeout_at(deadline.work(), work).await {
        Ok(Ok(Ok(done))) => {
            Answer { physical_resource_id: done.physical_resource_id, outcome: Outcome::Success { data: done.data } }
        }
        Ok(Ok(Err(error))) => {
            if matches!(error, Error::Gate(_) | Error::Refused(_)) {
                progress.decided(Decision::Refuse);
            }
            failed(error)
        }
        Ok(Err(panic)) => failed(Error::Panic { doing: progress.phrase(), message: said(panic.as_ref()) }),
        Err(_) => failed(Error::OutOfTime { doing: progress.phrase() }),
    }
}

async fn carry_out(
    request: &Request,
    age: Age,
    aws: &Aws<'_>,
    here: &Here,
    owner: &Owner,
    progress: &Progress,
) -> Result<Done, Error> {
    let lifecycle = &request.lifecycle;
    match (request.resource_type.as_str(), lifecycle) {
        (SCALABLE_TARGET, _) => scalable_target::carry_out(lifecycle, age, aws, here, owner, progress).await,
        (UPDATE_GATE, _) => update_gate::carry_out(lifecycle, age, aws, here, owner, progress).await,
        // What was never supported was never registered.
        (_, Lifecycle::Delete { id, properties: _ }) => {
            Ok(Done { physical_resource_id: id.clone(), data: Data::new() })
        }
        (other, _) => Err(Error::ResourceType(format!("expected {SCALABLE_TARGET} or {UPDATE_GATE}, found {other}"))),
    }
}

/// One event a request, which its metrics are taken from, too. Of the properties it shows only what a mistake quotes; of
/// the response URL, nothing.
fn log(
    envelope: &Envelope,
    function_arn: &str,
    answer: &Answer,
    delivered: &Result<u32, Undelivered>,
    tally: &Tally,
    stopwatch: Stopwatch,
) {
    let (resource_type, request_type) = match &envelope.request {
        Ok(request) => (request.resource_type.as_str(), request.lifecycle.name()),
        Err(_) => ("unknown", "unknown"),
    };
    let (outcome, reason) = match &answer.outcome {
        Outcome::Success { data: _ } => ("SUCCESS", String::new()),
        Outcome::Failed { reason } => ("FAILED", envelope.reply_to.url.scrub(reason)),
    };
    let elapsed_ms = u64::try_from(stopwatch.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        target: logs::SUMMARY,
        function_name = function_name(function_arn),
        request_type,
        resource_type,
        stack_id = envelope.reply_to.stack_id,
        request_id = envelope.reply_to.request_id,
        logical_resource_id = envelope.reply_to.logical_resource_id,
        physical_resource_id = answer.physical_resource_id,
        decision = tally.decision(),
        outcome,
        reason,
        delivered = delivered.is_ok(),
        elapsed_ms,
        failed = u32::from(outcome == "FAILED"),
        calls = tally.calls,
        retries = tally.retries,
        delivery_attempts = delivered.as_ref().map_or_else(|undelivered| undelivered.attempts, |attempts| *attempts),
        parked = tally.count(Decision::Park),
        brought_back = tally.count(Decision::BringBack),
        "answered"
    );
}

/// The name in a function's ARN; what local tools give instead, as it is.
fn function_name(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or(arn)
}

/// The account in an ARN; local tools give a name instead of one.
fn account(arn: &str) -> Option<String> {
    let account = arn.strip_prefix("arn:")?.split(':').nth(3)?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then(|| account.to_owned())
}

/// As much of a reason as is worth looking through: an answer has room for half of it.
fn bounded(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(2 * MAX_BODY_BYTES));
    reason
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

/// Of a request that comes when CloudFormation listens no longer.
const SHORTEST: Duration = Duration::from_secs(1);
const SCALABLE_TARGET: &str = "Custom::SageMakerScalableTarget";
const UPDATE_GATE: &str = "Custom::SageMakerEndpointUpdateGate";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_name_is_that_of_its_metrics_whatever_version_or_alias_was_invoked() {
        let function = "arn:aws:lambda:us-east-1:111122223333:function:sagemaker-scaling";
        for arn in [function, &format!("{function}:live"), "sagemaker-scaling"] {
            assert_eq!(function_name(arn), "sagemaker-scaling");
        }
    }

    #[test]
    fn the_account_is_read_from_a_real_arn_only() {
        let function = "arn:aws:lambda:us-east-1:111122223333:function:sagemaker-scaling";
        assert_eq!(account(function).as_deref(), Some("111122223333"));
        for text in ["function-arn", "", "arn:aws:lambda", "arn:aws:lambda:us-east-1:local:function:f"] {
            assert_eq!(account(text), None, "{text}");
        }
    }
}
