//! Errors of AWS: transient ones are retried, final ones fail the request, and the Delete that follows cleans up.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use test_support::account::Account as _;
use test_support::loopback::{Act, ClosedPort};
use test_support::request::{ID, NOT_REGISTERED, Request, create, delete, update};

use crate::support::aws::{ALWAYS, Fault};
use crate::support::stage::{AMPLE, SHORT, Stage};

const CALLS: [&str; 7] = [
    "DescribeEndpoint",
    "RegisterScalableTarget",
    "DescribeScalableTargets",
    "ListTagsForResource",
    "TagResource",
    "UntagResource",
    "DeregisterScalableTarget",
];
/// The calls of an Update (1) and of a Delete (2) of that life cycle, when the target is registered; an Update calls
/// `DescribeEndpoint`, too.
const CALLS_OF_REGISTERED: [(usize, &str); 8] = [
    (1, "DescribeScalableTargets"),
    (1, "ListTagsForResource"),
    (1, "RegisterScalableTarget"),
    (1, "UntagResource"),
    (1, "TagResource"),
    (2, "DescribeScalableTargets"),
    (2, "ListTagsForResource"),
    (2, "DeregisterScalableTarget"),
];
/// Enough for a few attempts on a busy machine, where many stages run at once.
const AMONG_MANY: Duration = Duration::from_secs(4);

/// A Create, an Update and a Delete, which make each call at least once.
fn life_cycle() -> [Request; 3] {
    let tags = json!([{"Key": "team", "Value": "ml"}]);
    [
        create().with("Tags", tags.clone()),
        update().with("Tags", json!([{"Key": "owner", "Value": "me"}])).with_old("Tags", tags),
        delete(),
    ]
}

/// Creates, updates and deletes a resource, while the first `times` calls of an operation meet a fault.
async fn succeeds_despite(operation: &str, times: usize, fault: Fault) {
    let stage = Stage::new().await;
    stage.aws.plan(operation, times, fault.clone());
    for request in life_cycle() {
        assert_eq!(stage.succeed(request).await, ID, "{operation}: {fault:?}");
    }
    assert!(stage.aws.registered().is_empty(), "{operation}: {fault:?}");
    assert!(stage.aws.count(operation) > times, "{operation} was called too rarely for {fault:?}");
}

async fn each_call_survives(faults: &[Fault]) {
    let life_cycles = CALLS.iter().flat_map(|call| faults.iter().map(|fault| succeeds_despite(call, 1, fault.clone())));
    join_all(life_cycles).await;
}

fn says(code: &'static str) -> Fault {
    Fault::Says(400, code, "Rate exceeded".to_owned())
}

/// Fails one of these requests by a fault without end. Returns the reason, the physical id and the number of attempts.
/// The Delete of that id cleans up, once AWS has recovered.
async fn ends_with(calls: &[&str], which: usize, fault: Fault) -> (String, String, usize) {
    let stage = Stage::new().await;
    let requests = life_cycle();
    for request in &requests[..which] {
        stage.succeed(request.clone()).await;
    }
    stage.aws.called();
    for call in calls {
        stage.aws.plan(call, ALWAYS, fault.clone());
    }
    let (reason, id) = stage.refuse(requests[which].clone(), AMONG_MANY).await;
    let attempts = stage.aws.count(calls[0]);
    stage.aws.recover();
    stage.succeed(delete().of(&id)).await;
    assert!(stage.aws.registered().is_empty(), "an orphaned target after {fault:?}: {reason}");
    (reason, id, attempts)
}

/// Under each name that AWS has for throttling.
pub(crate) async fn a_throttled_call_is_retried_until_it_succeeds() {
    join_all(CALLS.map(|call| succeeds_despite(call, 2, says("ThrottlingException")))).await;
    each_call_survives(&[
        says("TooManyRequestsException"),
        says("RequestLimitExceeded"),
        Fault::Before(Act::status(429)),
    ])
    .await;
}

pub(crate) async fn endless_throttling_fails_before_the_deadline_with_the_last_error() {
    let ends = [
        ends_with(&["RegisterScalableTarget"], 0, says("ThrottlingException")),
        ends_with(&["DescribeScalableTargets"], 1, says("ThrottlingException")),
        ends_with(&["DeregisterScalableTarget"], 2, says("ThrottlingException")),
    ];
    for (reason, _, attempts) in join_all(ends).await {
        assert!(reason.contains("ThrottlingException: Rate exceeded"), "{reason}");
        // On a busy machine, time may be up during the last attempt.
        let is_told = |attempts| reason.contains(&format!("after {attempts} attempts"));
        assert!(attempts > 2 && (is_told(attempts) || is_told(attempts - 1)), "{attempts}: {reason}");
    }
}

pub(crate) async fn a_call_that_meets_a_concurrent_update_is_retried() {
    let calls = ["RegisterScalableTarget", "TagResource", "UntagResource", "DeregisterScalableTarget"];
    join_all(calls.map(|call| succeeds_despite(call, 4, says("ConcurrentUpdateException")))).await;
}

/// `InternalServiceException`, and every 5xx.
pub(crate) async fn a_call_is_retried_while_the_service_is_down() {
    let page = |status| Act::Reply(status, "Content-Type: text/html\r\n", "<html>Service Unavailable</html>".into());
    each_call_survives(&[
        Fault::Says(500, "InternalServiceException", String::new()),
        Fault::Says(503, "ServiceUnavailable", String::new()),
        Fault::Before(page(500)),
        Fault::Before(page(503)),
        // The call took effect, but the reply is an error.
        Fault::After(page(502)),
        Fault::After(page(504)),
        Fault::Before(Act::status(408)),
    ])
    .await;
}

/// Before the call takes effect, and after.
pub(crate) async fn a_call_whose_connection_breaks_is_retried() {
    each_call_survives(&[
        Fault::Before(Act::Reset),
        Fault::After(Act::Reset),
        Fault::After(Act::Truncated(200, "{\"ScalableTarget".into())),
        Fault::After(Act::Truncated(400, "{\"__type".into())),
    ])
    .await;
}

pub(crate) async fn a_call_whose_reply_is_malformed_is_retried() {
    let reply = |body: &str| Act::Reply(200, "Content-Type: application/x-amz-json-1.1\r\n", body.to_owned());
    // The other calls have no output that the function reads.
    let read = ["DescribeEndpoint", "RegisterScalableTarget", "DescribeScalableTargets", "ListTagsForResource"];
    let bodies = ["<html>", "{\"ScalableTargets\": [", "[]", "\"\"", "7"];
    let life_cycles = read.iter().flat_map(|call| bodies.map(|body| (call, Fault::After(reply(body)))));
    join_all(life_cycles.map(|(call, fault)| succeeds_despite(call, 1, fault))).await;
    each_call_survives(&[Fault::Before(Act::Reply(307, "Location: http://127.0.0.1:9/\r\n", String::new()))]).await;
}

/// The Delete that follows cleans up.
pub(crate) async fn a_call_that_hangs_is_aborted_before_the_deadline() {
    let hang = |effect: bool| if effect { Fault::After(Act::Hang) } else { Fault::Before(Act::Hang) };
    let mut ends = Vec::new();
    for effect in [false, true] {
        let calls_of_create = [(0, "DescribeEndpoint"), (0, "RegisterScalableTarget")];
        for (which, call) in calls_of_create.into_iter().chain(CALLS_OF_REGISTERED) {
            ends.push(async move { (ends_with(&[call], which, hang(effect)).await, call) });
        }
    }
    for ((reason, id, _), call) in join_all(ends).await {
        assert!(reason.starts_with(&format!("out of time while calling {call};")), "{reason}");
        assert_eq!(id, ID);
    }
}

pub(crate) async fn refused_connections_to_aws_fail_before_the_deadline() {
    let refusing = ClosedPort::bind();
    let stage = Stage::without_aws(&refusing).await;
    for (request, call) in [(create(), "DescribeEndpoint"), (delete(), "DescribeScalableTargets")] {
        let (reason, id) = stage.refuse(request, SHORT).await;
        assert!(reason.contains(call), "{reason}");
        assert_eq!(id, ID);
    }
}

/// The id of the answer says that nothing is registered.
pub(crate) async fn a_final_error_fails_a_create_at_once() {
    let codes = [
        (400, "LimitExceededException"),
        (500, "LimitExceededException"),
        (400, "ValidationException"),
        (400, "AccessDeniedException"),
        (403, "AccessDenied"),
        (400, "UnrecognizedClientException"),
        (403, "ExpiredTokenException"),
        (400, "FailedResourceAccessException"),
    ];
    let ends = codes.map(|(status, code)| async move {
        let fault = Fault::Says(status, code, "said the service".to_owned());
        (ends_with(&["RegisterScalableTarget"], 0, fault).await, code)
    });
    for ((reason, id, attempts), code) in join_all(ends).await {
        let expected = format!(
            "RegisterScalableTarget failed for endpoint/MyEndPoint/variant/MyVariant: {code}: said the service"
        );
        assert_eq!((reason.as_str(), id.as_str(), attempts), (expected.as_str(), NOT_REGISTERED, 1));
    }
}

/// At any call of an Update or a Delete; the physical id stays.
pub(crate) async fn a_denied_call_is_named_in_the_reason() {
    let fault = || Fault::Says(400, "AccessDeniedException", "not authorized to perform this".to_owned());
    let calls = CALLS_OF_REGISTERED.into_iter().chain([(1, "DescribeEndpoint")]);
    let ends = calls.map(|(which, call)| async move { (ends_with(&[call], which, fault()).await, call) });
    for ((reason, id, attempts), call) in join_all(ends).await {
        assert!(reason.starts_with(&format!("{call} failed for ")) && reason.contains("not authorized"), "{reason}");
        assert_eq!((id.as_str(), attempts), (ID, 1), "{call}");
    }
}

pub(crate) async fn a_delete_of_an_absent_target_succeeds() {
    let stage = Stage::new().await;
    assert_eq!(stage.succeed(delete()).await, ID);
    stage.succeed(create()).await;
    stage.aws.plan("DeregisterScalableTarget", 1, says("ObjectNotFoundException"));
    assert_eq!(stage.succeed(delete()).await, ID);
}

pub(crate) async fn a_connection_to_aws_that_died_between_requests_is_replaced() {
    let stage = Stage::new().await;
    let registered =
        json!({"ScalableTargetARN": "arn:aws:application-autoscaling:us-east-1:111122223333:scalable-target/1"});
    stage.aws.plan("RegisterScalableTarget", 1, Fault::Before(Act::Stale(200, registered.to_string())));
    stage.succeed(create()).await;
    stage.succeed(create()).await;
    assert_eq!(stage.answer(delete(), AMPLE).await["Status"], "SUCCESS");
    assert!(stage.aws.registered().is_empty());
}
