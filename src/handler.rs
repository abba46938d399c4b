//! The path of a request: from the payload to the delivered answer.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::timeout_at;
use tracing::Instrument as _;

use crate::aws::{Aws, Clients, Pace, Reads};
use crate::context::Context;
use crate::deadline::{Age, Deadline};
use crate::error::{Error, Obstacle};
use crate::http::Connections;
use crate::model::attributes::{Attributes, Resource};
use crate::model::{FunctionArn, Location, ResourceType};
use crate::observability::{Decision, Progress, in_words, log, redact_credentials};
use crate::repair::repair;
use crate::report::{Report, report};
use crate::request::{Continuation, Envelope, Lifecycle, NoReplyAddress, Order, Request, SentRequest, requests};
use crate::response::{Answer, MAX_BODY_BYTES, Outcome, Undelivered, deliver};
use crate::timing::{MIN_CONTINUATION, MIN_WORK_BUDGET, SERVICE_TIMEOUT};
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
    /// CloudFormation did not accept the answer.
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
}

/// Carries out and answers the request in a payload, or each of the requests in an SNS event. A request that has to wait
/// longer than this invocation is handed over to another one, which answers it.
///
/// `function_arn` is the ARN of the invoked function. Its account is the account of the endpoints.
pub async fn handle(
    payload: &str,
    function_arn: &str,
    deadline: Deadline,
    services: &Services,
) -> Result<Value, Unanswered> {
    if let Some(order) = Order::read(payload) {
        return Ok(carry_out_order(&order, function_arn, deadline, services).await);
    }
    let requests = requests(payload);
    let handled = requests.iter().map(async |request| {
        // The runtime would put the panic's message into the invocation's error.
        let handled = AssertUnwindSafe(open_and_answer(request, function_arn, deadline, services)).catch_unwind().await;
        handled.unwrap_or(Err(Unanswered::Panicked))
    });
    // At the same time, because each may wait for long.
    join_all(handled).await.into_iter().collect::<Result<(), _>>()?;
    Ok(Value::Null)
}

/// Carries out an order, and returns the result of the invocation. The invocation succeeds even if the order fails: Lambda would
/// retry a failed invocation of the schedule.
async fn carry_out_order(order: &Order, function_arn: &str, deadline: Deadline, services: &Services) -> Value {
    let function = function_name(function_arn);
    let location = Location { region: services.aws.region().to_owned(), account: account(function_arn) };
    let progress = Progress::new(deadline.age(None, deadline.began()), 1);
    let pace = Pace::new();
    let reads = Reads { clients: &services.aws, deadline: &deadline, progress: &progress, pace: Some(&pace) };
    let carried_out = async {
        match order {
            Order::Report(order) => report(&reads, &location, function, order)
                .await
                .map(|report| {
                    // The counts of a later part would hide those of the first.
                    if order.continuation.is_none() {
                        log_report(function, &report);
                    }
                    json!(report)
                })
                .map_err(Error::from),
            Order::Repair(order) => repair(reads, &location, function, order).await.map(|repair| json!(repair)),
        }
    };
    let ended = timeout_at(deadline.work(), AssertUnwindSafe(carried_out).catch_unwind()).await;
    let error = match ended {
        Ok(Ok(Ok(answer))) => return answer,
        Ok(Ok(Err(error))) => error,
        Ok(Err(panic)) => Error::Panic { doing: progress.phrase(), message: message(panic.as_ref()) },
        Err(_) => Error::OutOfTime { doing: progress.phrase() },
    };
    let error = bounded(redact_credentials(&error.to_string()));
    tracing::error!(error, "report or repair failed");
    if let Order::Report(_) = order {
        tracing::info!(target: log::FAILED_REPORT, function_name = function, report_failed = 1, "report failed");
    }
    json!({ "Error": error })
}

async fn open_and_answer(
    payload: &str,
    function_arn: &str,
    deadline: Deadline,
    services: &Services,
) -> Result<(), Unanswered> {
    let envelope = Envelope::open(payload).inspect_err(
        |error| tracing::error!(%error, "the request has no usable reply address, so no answer can be sent"),
    )?;
    if let Some(connections) = &services.connections {
        // After a cold start or a short pause, the first of these has nothing to do.
        drop(connections.preconnect_origins());
        drop(connections.preconnect(envelope.reply_to.url.secret()));
    }
    let reply_to = &envelope.reply_to;
    let invocation = Invocation::new(payload, function_arn, deadline, &envelope);
    // At level error, so that each line of any level names the resource.
    let span = tracing::error_span!(
        "request",
        stack_id = reply_to.stack_id,
        logical_resource_id = reply_to.logical_resource_id,
        request_id = reply_to.request_id,
    );
    let ended = async {
        let answer = answer(&invocation, services).await?;
        let body = answer.body(reply_to);
        Some((answer, deliver(&services.http, &reply_to.url, &body, &deadline).await))
    };
    let Some((answer, delivered)) = ended.instrument(span).await else { return Ok(()) };
    log_summary(&invocation, &answer, &delivered);
    delivered.inspect_err(
        |error| tracing::error!(%error, "the answer was not delivered; ending the invocation as an error, so that Lambda retries the request"),
    )?;
    Ok(())
}

/// One invocation for one request.
struct Invocation<'a> {
    /// The request as it arrived.
    payload: &'a str,
    function_arn: &'a str,
    deadline: Deadline,
    envelope: &'a Envelope,
    /// When the first invocation for the request began.
    first_began: SystemTime,
    age: Age,
    progress: Progress,
}

impl<'a> Invocation<'a> {
    fn new(payload: &'a str, function_arn: &'a str, deadline: Deadline, envelope: &'a Envelope) -> Self {
        let first_began = envelope.continuation.map_or_else(|| deadline.began(), |continuation| continuation.began());
        let age = deadline.age(envelope.reply_to.url.signed_at(), first_began);
        let number = envelope.continuation.map_or(1, |continuation| continuation.invocation());
        Self { payload, function_arn, deadline, envelope, first_began, age, progress: Progress::new(age, number) }
    }

    /// The time that the request has taken, with the earlier invocations.
    fn elapsed(&self) -> Duration {
        self.deadline.now().duration_since(self.first_began).unwrap_or_default()
    }

    /// Fails with `doing`, because no other invocation continues the request.
    fn not_continued(&self, doing: String, obstacle: Obstacle) -> Error {
        let age = in_words(self.age.elapsed());
        let took = match self.progress.invocation() {
            1 => age,
            invocations => format!("{age} and {invocations} invocations"),
        };
        Error::NotContinued { doing, took, obstacle: Box::new(obstacle) }
    }

    /// The continuation of a request that CloudFormation waits for `limit` long, or why it has none.
    fn continuation(&self, limit: Duration) -> Result<(Continuation, FunctionArn), Obstacle> {
        if limit.saturating_sub(self.age.elapsed()) < MIN_CONTINUATION {
            return Err(Obstacle::ServiceTimeout(limit));
        }
        let continuation = match self.envelope.continuation {
            None => Continuation::after_first(self.deadline.began(), self.progress.may_have_changed()),
            Some(continuation) => continuation.next(self.progress.may_have_changed()).ok_or(Obstacle::Invocations)?,
        };
        let function = FunctionArn::read(self.function_arn).ok_or(Obstacle::NoLambda)?;
        Ok((continuation, function))
    }
}

/// Carries out the request. Returns the answer, or `None` if another invocation continues the request.
async fn answer(invocation: &Invocation<'_>, services: &Services) -> Option<Answer> {
    let Invocation { envelope, progress, age, .. } = invocation;
    let failed = |error: &Error| Some(failed(envelope, progress, error));
    let request = match &envelope.request {
        Ok(request) => request,
        Err(error) => return failed(&Error::Request(error.to_string())),
    };
    let owner = envelope.reply_to.owner();
    let location = Location {
        region: services.aws.region().to_owned(),
        account: account(invocation.function_arn).or_else(|| account(&owner.stack_id)),
    };
    // CloudFormation no longer waits for a request that is older than `limit`. If it has no `ServiceTimeout`, somebody has
    // delivered it again by hand, and it gets the time of its invocation.
    let service_timeout = request.lifecycle.service_timeout();
    let limit = service_timeout.unwrap_or(SERVICE_TIMEOUT);
    let is_limited = service_timeout.is_some() || age.elapsed() < limit;
    let left = is_limited.then(|| limit.saturating_sub(age.elapsed()).max(MIN_WORK_BUDGET));
    let deadline = &left.map_or(invocation.deadline, |left| invocation.deadline.no_later_than(left));
    let id = &envelope.reply_to.request_id;
    let follows_change = envelope.continuation.is_some_and(|continuation| continuation.follows_change());
    let sent = SentRequest { id, lifecycle: &request.lifecycle, owner: &owner, age: *age, follows_change };
    let reads = Reads { clients: &services.aws, deadline, progress, pace: None };
    let aws = Aws { reads, request: sent };
    let context = Context { aws, location: &location, function: function_name(invocation.function_arn) };
    // The work is polled here and not spawned, so it stops when it is cut off.
    let work = AssertUnwindSafe(carry_out(request, &context)).catch_unwind();
    let (error, waits) = match timeout_at(deadline.work(), work).await {
        Ok(Ok(Ok(Resource { physical_resource_id, attributes }))) => {
            return Some(Answer { physical_resource_id, outcome: Outcome::Success { data: attributes } });
        }
        // Only a gate returns this. It has restored what it had deregistered, or has tried to: see `prepare_update`.
        Ok(Ok(Err(error @ Error::OutOfTime { .. }))) => (error, progress.has_waited()),
        Ok(Ok(Err(Error::Aws(error)))) if error.is_out_of_time => (error.into(), progress.has_only_waited()),
        Ok(Ok(Err(error))) => return failed(&error),
        Ok(Err(panic)) => return failed(&Error::Panic { doing: progress.phrase(), message: message(panic.as_ref()) }),
        Err(_) => (Error::OutOfTime { doing: progress.phrase() }, progress.has_only_waited()),
    };
    let obstacle = if waits {
        match hand_over(invocation, limit, &context).await {
            Ok(()) => return None,
            Err(obstacle) => obstacle,
        }
    } else {
        Obstacle::NotWaiting
    };
    failed(&match error {
        Error::OutOfTime { doing } => invocation.not_continued(doing, obstacle),
        error => error,
    })
}

/// Hands the request over: invokes the function asynchronously, with the request as its payload.
async fn hand_over(invocation: &Invocation<'_>, limit: Duration, context: &Context<'_>) -> Result<(), Obstacle> {
    let doing = invocation.progress.phrase();
    let deadline = invocation.deadline.hand_over();
    let reads = Reads { deadline: &deadline, ..context.aws.reads };
    let context = Context { aws: Aws { reads, ..context.aws }, ..*context };
    let handed_over = async {
        let (continuation, function) = invocation.continuation(limit)?;
        context.ensure_fresh().await?;
        let payload = continuation.payload(invocation.payload).expect("an opened request is a JSON object");
        context.aws.invoke(&function, &payload).await?;
        Ok(continuation.invocation())
    };
    match timeout_at(deadline.work(), handed_over).await.unwrap_or(Err(Obstacle::Silence)) {
        Ok(invocation) => {
            tracing::info!(invocation, doing, "handed over to another invocation");
            Ok(())
        }
        Err(obstacle) => {
            let error = invocation.envelope.reply_to.url.redact(&obstacle.to_string());
            tracing::warn!(error, doing, "not handed over to another invocation");
            Err(obstacle)
        }
    }
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
fn log_summary(invocation: &Invocation<'_>, answer: &Answer, delivered: &Result<u32, Undelivered>) {
    let Invocation { envelope, .. } = invocation;
    let tally = invocation.progress.tally();
    let (resource_type, request_type) = match &envelope.request {
        Ok(request) => (request.resource_type.as_str(), request.lifecycle.name()),
        Err(_) => ("unknown", "unknown"),
    };
    let (outcome, reason) = match &answer.outcome {
        Outcome::Success { data: _ } => ("SUCCESS", String::new()),
        Outcome::Failed { reason } => ("FAILED", envelope.reply_to.url.redact(reason)),
    };
    let elapsed_ms = u64::try_from(invocation.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        target: log::SUMMARY,
        function_name = function_name(invocation.function_arn),
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
        invocation = invocation.progress.invocation(),
        failed = u32::from(outcome == "FAILED"),
        calls = tally.calls,
        retries = tally.retries,
        delivery_attempts = delivered.as_ref().map_or_else(|undelivered| undelivered.attempts, |attempts| *attempts),
        snapshotted = tally.count(Decision::Snapshot),
        restored = tally.count(Decision::Restore),
        "request finished"
    );
}

/// Logs the counts of a report as metrics, and each target whose scaling failed.
fn log_report(function: &str, report: &Report) {
    let summary = &report.summary;
    tracing::info!(
        target: log::REPORT,
        function_name = function,
        targets = summary.targets,
        orphans = summary.orphans,
        unregistered_targets = summary.unregistered,
        drifted_targets = summary.drifted,
        stale_snapshots = summary.stale_snapshots,
        failed_activities = summary.failed_activities,
        attention = summary.attention,
        // What was not looked at may hide something: an alarm that counts nothing would be wrong. Nobody asks for the rest of a
        // daily report.
        report_failed = u32::from(!report.not_looked_at.is_empty() || report.continuation.is_some()),
        not_looked_at = ?report.not_looked_at,
        is_complete = report.continuation.is_none(),
        "report finished"
    );
    for target in &report.targets {
        for finding in &target.findings {
            let Some((cause, count)) = finding.cause.zip(finding.count) else { continue };
            tracing::info!(
                target: log::FAILED_SCALING,
                function_name = function,
                resource_id = target.resource_id,
                cause = cause.dimension(),
                target_failed_activities = count,
                "scaling failed"
            );
        }
    }
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
