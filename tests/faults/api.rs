//! AWS in trouble: what passes is waited out, what does not is told, and what is left can be cleaned up.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::aws::{ALWAYS, Fault};
use crate::support::request::{ID, Request, create, delete, update};
use crate::support::socket::Act;
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
/// Many stages reach it at once, on a machine that may be busy: each has to answer in the rest of it.
const AMONG_MANY: Duration = Duration::from_secs(4);
const NOT_REGISTERED: &str = "not-registered|Scaling";

/// A Create, an Update and a Delete, which make each call at least once.
fn life() -> [Request; 3] {
    let tags = json!([{"Key": "team", "Value": "ml"}]);
    [
        create().with("Tags", tags.clone()),
        update().with("Tags", json!([{"Key": "owner", "Value": "me"}])).with_old("Tags", tags),
        delete(),
    ]
}

/// The whole life of a resource, with every call of one operation meeting the fault the first `times` times.
async fn lives_in_spite_of(operation: &str, times: usize, fault: Fault) {
    let stage = Stage::new().await;
    stage.aws.plan(operation, times, fault.clone());
    for request in life() {
        assert_eq!(stage.succeed(request).await, ID, "{operation}: {fault:?}");
    }
    assert!(stage.aws.registered().is_empty(), "{operation}: {fault:?}");
    assert!(stage.aws.count(operation) > times, "{operation} was called too rarely for {fault:?}");
}

async fn each_call_bears(faults: &[Fault]) {
    let lives = CALLS.iter().flat_map(|call| faults.iter().map(|fault| lives_in_spite_of(call, 1, fault.clone())));
    join_all(lives).await;
}

fn says(code: &'static str) -> Fault {
    Fault::Says(400, code, "Rate exceeded".to_owned())
}

/// What one fault does to a request of a life when it never ends: the reason and the id of the answer. Whatever was
/// left is cleaned up by the Delete of that id, once AWS is well again.
async fn ends_with(calls: &[&str], which: usize, fault: Fault) -> (String, String, usize) {
    let stage = Stage::new().await;
    let requests = life();
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
    assert!(stage.aws.registered().is_empty(), "left behind after {fault:?}: {reason}");
    (reason, id, attempts)
}

/// Row 18: API throttled, recovers at the 3rd call. Row R1: under each of its names.
#[tokio::test]
async fn throttling_that_passes_is_waited_out() {
    join_all(CALLS.map(|call| lives_in_spite_of(call, 2, says("ThrottlingException")))).await;
    each_call_bears(&[
        says("TooManyRequestsException"),
        says("RequestLimitExceeded"),
        Fault::Before(Act::Reply(429, "", String::new())),
    ])
    .await;
}

/// Row 18b: API throttled always. Row R9: until the time for work is up, and the last word is told.
#[tokio::test]
async fn throttling_without_end_is_told_in_time() {
    let ends = [
        ends_with(&["RegisterScalableTarget"], 0, says("ThrottlingException")),
        ends_with(&["DescribeScalableTargets"], 1, says("ThrottlingException")),
        ends_with(&["DeregisterScalableTarget"], 2, says("ThrottlingException")),
    ];
    for (reason, _, attempts) in join_all(ends).await {
        assert!(reason.contains("ThrottlingException: Rate exceeded"), "{reason}");
        assert!(attempts > 1 && reason.contains(&format!("after {attempts} attempts")), "{attempts}: {reason}");
    }
}

/// Row 19: ConcurrentUpdateException (400), many times. Row R2.
#[tokio::test]
async fn a_concurrent_update_is_waited_out() {
    let calls = ["RegisterScalableTarget", "TagResource", "UntagResource", "DeregisterScalableTarget"];
    join_all(calls.map(|call| lives_in_spite_of(call, 4, says("ConcurrentUpdateException")))).await;
}

/// Row R3: InternalServiceException, and every 5xx.
#[tokio::test]
async fn an_outage_is_waited_out() {
    let page = |status| Act::Reply(status, "Content-Type: text/html\r\n", "<html>Service Unavailable</html>".into());
    each_call_bears(&[
        Fault::Says(500, "InternalServiceException", String::new()),
        Fault::Says(503, "ServiceUnavailable", String::new()),
        Fault::Before(page(500)),
        Fault::Before(page(503)),
        // It took effect, and nobody was told.
        Fault::After(page(502)),
        Fault::After(page(504)),
        Fault::Before(Act::Reply(408, "", String::new())),
    ])
    .await;
}

/// Row R4: the API resets, before the call takes effect, and after.
#[tokio::test]
async fn a_connection_that_breaks_is_made_anew() {
    each_call_bears(&[
        Fault::Before(Act::Reset),
        Fault::After(Act::Reset),
        Fault::After(Act::Truncated(200, "{\"ScalableTarget".into())),
        Fault::After(Act::Truncated(400, "{\"__type".into())),
    ])
    .await;
}

/// Row R10: the API's reply is malformed.
#[tokio::test]
async fn a_reply_that_cannot_be_read_is_asked_for_again() {
    let reply = |body: &str| Act::Reply(200, "Content-Type: application/x-amz-json-1.1\r\n", body.to_owned());
    // The other calls have no output, so nothing is read of it.
    let read = ["DescribeEndpoint", "RegisterScalableTarget", "DescribeScalableTargets", "ListTagsForResource"];
    let bodies = ["<html>", "{\"ScalableTargets\": [", "[]", "\"\"", "7"];
    let lives = read.iter().flat_map(|call| bodies.map(|body| (call, Fault::After(reply(body)))));
    join_all(lives.map(|(call, fault)| lives_in_spite_of(call, 1, fault))).await;
    each_call_bears(&[Fault::Before(Act::Reply(307, "Location: http://127.0.0.1:9/\r\n", String::new()))]).await;
}

/// Row R4: the API hangs: the work is cut off, and the Delete that follows cleans up.
#[tokio::test]
async fn an_api_that_hangs_is_given_up_in_time() {
    let hang = |effect: bool| if effect { Fault::After(Act::Hang) } else { Fault::Before(Act::Hang) };
    let mut ends = Vec::new();
    for effect in [false, true] {
        for (which, call) in [
            (0, "DescribeEndpoint"),
            (0, "RegisterScalableTarget"),
            (1, "DescribeScalableTargets"),
            (1, "ListTagsForResource"),
            (1, "RegisterScalableTarget"),
            (1, "UntagResource"),
            (1, "TagResource"),
            (2, "DescribeScalableTargets"),
            (2, "ListTagsForResource"),
            (2, "DeregisterScalableTarget"),
        ] {
            ends.push(async move { (ends_with(&[call], which, hang(effect)).await, call) });
        }
    }
    for ((reason, id, _), call) in join_all(ends).await {
        assert!(reason.starts_with(&format!("out of time while calling {call};")), "{reason}");
        assert_eq!(id, ID);
    }
}

/// Row R4: nobody listens where the API should be.
#[tokio::test]
async fn an_api_that_refuses_connections_is_told_in_time() {
    let stage = Stage::without_aws().await;
    for (request, call) in [(create(), "DescribeEndpoint"), (delete(), "DescribeScalableTargets")] {
        let (reason, id) = stage.refuse(request, SHORT).await;
        assert!(reason.contains(call), "{reason}");
        assert_eq!(id, ID);
    }
}

/// Row R5: a quota. Row R6: ValidationException. Row R7: denied. Row 1: an error in Create, under an id that says that
/// nothing is there.
#[tokio::test]
async fn what_does_not_pass_is_told_at_once() {
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
        let told = format!(
            "RegisterScalableTarget failed for endpoint/MyEndPoint/variant/MyVariant: {code}: said the service"
        );
        assert_eq!((reason.as_str(), id.as_str(), attempts), (told.as_str(), NOT_REGISTERED, 1));
    }
}

/// Row R7: denied at any call of an Update or a Delete: the id stays, and nothing is hidden.
#[tokio::test]
async fn a_denial_names_the_call_that_is_denied() {
    let fault = || Fault::Says(400, "AccessDeniedException", "not authorized to perform this".to_owned());
    let cases = [
        (1, "DescribeEndpoint"),
        (1, "DescribeScalableTargets"),
        (1, "ListTagsForResource"),
        (1, "RegisterScalableTarget"),
        (1, "UntagResource"),
        (1, "TagResource"),
        (2, "DescribeScalableTargets"),
        (2, "ListTagsForResource"),
        (2, "DeregisterScalableTarget"),
    ];
    let ends = cases.map(|(which, call)| async move { (ends_with(&[call], which, fault()).await, call) });
    for ((reason, id, attempts), call) in join_all(ends).await {
        assert!(reason.starts_with(&format!("{call} failed for ")) && reason.contains("not authorized"), "{reason}");
        assert_eq!((id.as_str(), attempts), (ID, 1), "{call}");
    }
}

/// Row R8: ObjectNotFoundException at deregistration. Row 14: Delete of an absent target.
#[tokio::test]
async fn what_is_gone_already_is_deleted() {
    let stage = Stage::new().await;
    assert_eq!(stage.succeed(delete()).await, ID);
    stage.succeed(create()).await;
    stage.aws.plan("DeregisterScalableTarget", 1, says("ObjectNotFoundException"));
    assert_eq!(stage.succeed(delete()).await, ID);
}

/// Row R4: a connection to AWS that died since the last request is no failure of the next.
#[tokio::test]
async fn a_connection_that_died_between_two_requests_is_made_anew() {
    let stage = Stage::new().await;
    let registered =
        json!({"ScalableTargetARN": "arn:aws:application-autoscaling:us-east-1:111122223333:scalable-target/1"});
    stage.aws.plan("RegisterScalableTarget", 1, Fault::Before(Act::Stale(200, registered.to_string())));
    stage.succeed(create()).await;
    stage.succeed(create()).await;
    assert_eq!(stage.answer(delete(), AMPLE).await["Status"], "SUCCESS");
    assert!(stage.aws.registered().is_empty());
}
