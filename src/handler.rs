//! The path of a request: from the payload to the delivered answer.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use thiserror::Error;
use tokio::time::timeout_at;
use tracing::Instrument as _;

use crate::aws::{Aws, Clients};
use crate::context::Context;
use crate::deadline::{Age, Deadline, Stopwatch};
use crate::error::Error;
use crate::http::Connections;
use crate::model::attributes::{Attributes, Resource};
use crate::model::{Location, ResourceType};
use crate::observability::log;
use crate::observability::{Decision, Progress, Tally};
use crate::request::{Envelope, Lifecycle, NoReplyAddress, Request, SentRequest, requests};
use crate::response::{Answer, MAX_BODY_BYTES, Outcome, Undelivered, deliver};
use crate::timing::{MIN_WORK_BUDGET, REDELIVERY, SERVICE_TIMEOUT};
use crate::{scalable_target, update_gate};

/// What the process makes once.
#[derive(Clone, Debug)]
pub struct Services {
    /// The clients for AWS.
    pub aws: Clients,
    /// The HTTP client for the answer.
    pub http: SharedHttpConnector,
    /// Preconnects the answer's connection while the request is carried out. `None` without a network.
    pub connections: Option<Connections>,
}

/// Why CloudFormation got no answer. The invocation fails, so Lambda delivers the request again, and after its retries
/// sends it to a queue.
#[derive(Debug, Error)]
pub enum Unanswered {
    /// There is no reply address.
    #[error(transparent)]
    NoReplyAddress(#[from] NoReplyAddress),
    /// A defect of this function outside the work. (A panic in the work is answered.) Its message may hold secrets.
    #[error("the function panicked; its log says where. This is a defect; please report it")]
    Panicked,
    /// A gate's Delete has to wait longer. Without an answer, Lambda delivers the request again.
    #[error("the invocation ended while {doing}; the next delivery of the request continues")]
    Continues {
        /// What the request waits for.
        doing: String,
    },
    /// CloudFormation did not accept the answer.
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
}

/// Carries out and answers the request in a payload, or each of the requests in an SNS event.
///
/// `function_arn` is the ARN of the invoked function. Its account is the account of the endpoints.
pub async fn handle(
    payload: &str,
    function_arn: &str,
    deadline: Deadline,
    services: &Services,
) -> Result<(), Unanswered> {
    let requests = requests(payload);
    let handled = requests.iter().map(async |request| {
        // The runtime would put the panic's message into the invocation's error.
        let handled = AssertUnwindSafe(open_and_answer(request, function_arn, deadline, services)).catch_unwind().await;
        handled.unwrap_or(Err(Unanswered::Panicked))
    });
    // At the same time, because each may wait for long.
    join_all(handled).await.into_iter().collect()
}

async fn open_and_answer(
    payload: &str,
    function_arn: &str,
    deadline: Deadline,
    services: &Services,
) -> Result<(), Unanswered> {
    let stopwatch = Stopwatch::start();
    let envelope = Envelope::open(payload).inspect_err(
        |error| tracing::error!(%error, "the request has no usable reply address, so no answer can be sent"),
    )?;
    if let Some(connections) = &services.connections {
        // After a cold start or a short pause, the first of these has nothing to do.
        drop(connections.preconnect_origins());
        drop(connections.preconnect(envelope.reply_to.url.secret()));
    }
    let progress = Progress::default();
    let reply_to = &envelope.reply_to;
    // At level error, so that each line of any level names the resource.
    let span = tracing::error_span!(
        "request",
        stack_id = reply_to.stack_id,
        logical_resource_id = reply_to.logical_resource_id,
        request_id = reply_to.request_id,
    );
    let (answer, delivered) = async {
        let answer = answer(&envelope, function_arn, &deadline, services, &progress).await?;
        let body = answer.body(reply_to);
        let delivered = deliver(&services.http, &reply_to.url, &body, &deadline).await;
        Ok::<_, Unanswered>((answer, delivered))
    }
    .instrument(span)
    .await?;
    log_summary(&envelope, function_arn, &answer, &delivered, &progress.tally(), stopwatch);
    delivered.inspect_err(
        |error| tracing::error!(%error, "the answer was not delivered; ending the invocation as an error, so that Lambda retries the request"),
    )?;
    Ok(())
}

async fn answer(
    envelope: &Envelope,
    function_arn: &str,
    deadline: &Deadline,
    services: &Services,
    progress: &Progress,
) -> Result<Answer, Unanswered> {
    let request = match &envelope.request {
        Ok(request) => request,
        Err(error) => return Ok(failed(envelope, progress, &Error::Request(error.to_string()))),
    };
    let invocation = deadline.left_to_answer();
    let age = deadline.age(envelope.reply_to.url.signed_at());
    let owner = envelope.reply_to.owner();
    let location = Location {
        region: services.aws.region().to_owned(),
        account: account(function_arn).or_else(|| account(&owner.stack_id)),
    };
    // After `ServiceTimeout`, CloudFormation no longer waits.
    let left =
        request.lifecycle.service_timeout().map(|limit| limit.saturating_sub(age.elapsed()).max(MIN_WORK_BUDGET));
    let deadline = &left.map_or(*deadline, |left| deadline.no_later_than(left));
    let sent = SentRequest { lifecycle: &request.lifecycle, owner: &owner, age };
    let aws = Aws { clients: &services.aws, deadline, progress, request: sent };
    let context = Context { aws, location: &location };
    // The work is polled here and not spawned, so it stops when it is cut off.
    let work = AssertUnwindSafe(carry_out(request, &context)).catch_unwind();
    let error = match timeout_at(deadline.work(), work).await {
        Ok(Ok(Ok(Resource { physical_resource_id, attributes }))) => {
            return Ok(Answer { physical_resource_id, outcome: Outcome::Success { data: attributes } });
        }
        Ok(Ok(Err(error))) => error,
        Ok(Err(panic)) => Error::Panic { doing: progress.phrase(), message: message(panic.as_ref()) },
        Err(_) if may_continue(request, &age, invocation) => {
            let doing = progress.phrase();
            tracing::warn!(doing, "the invocation has ended; the next delivery of the request continues");
            return Err(Unanswered::Continues { doing });
        }
        Err(_) => Error::OutOfTime { doing: progress.phrase() },
    };
    Ok(failed(envelope, progress, &error))
}

/// Whether a later delivery should continue the request: no other request restores what a gate's Delete does not, and
/// CloudFormation waits for another invocation of this length.
fn may_continue(request: &Request, age: &Age, invocation: Duration) -> bool {
    let is_gate = ResourceType::read(&request.resource_type) == Some(ResourceType::UpdateGate);
    let is_clean_up = is_gate && matches!(request.lifecycle, Lifecycle::Delete { .. });
    let waits = request.lifecycle.service_timeout().unwrap_or(SERVICE_TIMEOUT);
    // Lambda delivers a request three times at most.
    is_clean_up && age.elapsed() < 3 * invocation && age.elapsed() + REDELIVERY + invocation <= waits
}

/// The answer to a request that failed.
fn failed(envelope: &Envelope, progress: &Progress, error: &Error) -> Answer {
    let mut reason = error.to_string();
    if let Error::Refused(_) | Error::Stale(_) = error {
        progress.decided(Decision::Refuse);
    }
    if let Error::Refused(refusal) = error
        && refusal.is_about_ownership()
        && !progress.may_have_changed()
    {
        reason.push_str(". Nothing was changed");
    }
    Answer {
        physical_resource_id: progress.cleanup_id().unwrap_or_else(|| envelope.id_of_failure()),
        outcome: Outcome::Failed { reason: bounded(reason) },
    }
}

async fn carry_out(request: &Request, context: &Context<'_>) -> Result<Resource, Error> {
    match (ResourceType::read(&request.resource_type), &request.lifecycle) {
        (Some(ResourceType::ScalableTarget), _) => scalable_target::carry_out(context).await,
        (Some(ResourceType::UpdateGate), _) => update_gate::carry_out(context).await,
        // Nothing was ever registered for an unknown type.
        (None, Lifecycle::Delete { id, properties: _ }) => {
            Ok(Resource { physical_resource_id: id.clone(), attributes: Attributes::new() })
        }
        (None, _) => {
            let known = ResourceType::ALL.map(ResourceType::name).join(" or ");
            Err(Error::ResourceType(format!("expected {known}, found {}", request.resource_type)))
        }
    }
}

/// Logs the summary of a request, whether or not its answer was delivered. It contains no part of the response URL, and
/// only those properties that a mistake quotes.
fn log_summary(
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
        Outcome::Failed { reason } => ("FAILED", envelope.reply_to.url.redact(reason)),
    };
    let elapsed_ms = u64::try_from(stopwatch.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        target: log::SUMMARY,
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
        snapshotted = tally.count(Decision::Snapshot),
        restored = tally.count(Decision::Restore),
        "request finished"
    );
}

/// The function's name in its ARN. Local tools give a name instead of an ARN.
fn function_name(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or(arn)
}

/// The account in an ARN. Local tools give a name instead of an ARN.
fn account(arn: &str) -> Option<String> {
    let account = arn.strip_prefix("arn:")?.split(':').nth(3)?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then(|| account.to_owned())
}

/// The part of a reason that an answer may have room for, before secrets are removed.
fn bounded(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(2 * MAX_BODY_BYTES));
    reason
}

/// The message of a panic.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_and_alias_of_a_function_has_the_same_metrics() {
        let function = "arn:aws:lambda:us-east-1:111122223333:function:sagemaker-scaling";
        for arn in [function, &format!("{function}:live"), "sagemaker-scaling"] {
            assert_eq!(function_name(arn), "sagemaker-scaling");
        }
    }

    #[test]
    fn the_account_is_read_from_a_valid_arn_only() {
        let function = "arn:aws:lambda:us-east-1:111122223333:function:sagemaker-scaling";
        assert_eq!(account(function).as_deref(), Some("111122223333"));
        for text in ["function-arn", "", "arn:aws:lambda", "arn:aws:lambda:us-east-1:local:function:f"] {
            assert_eq!(account(text), None, "{text}");
        }
    }
}
