//! Answers that are not accepted: once, several times, or ever.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use test_support::account::Account as _;
use test_support::function::{Attempt, Unanswered};
use test_support::http::Received;
use test_support::loopback::{Act, ClosedPort};
use test_support::request::{ID, MY_VARIANT, create, delete};
use test_support::secrets::QUERY;

use crate::support::cloudformation::PATH;
use crate::support::stage::{AMPLE, SHORT, Stage};

/// Carries out a Create. The PUTs of its answer meet these acts, and then one is accepted. Returns every PUT.
async fn created_despite(acts: Vec<Act>, timeout: Duration) -> Vec<Received> {
    let stage = Stage::new().await;
    stage.cloudformation.plan(acts);
    assert_eq!(stage.answer(create(), timeout).await["Status"], "SUCCESS");
    assert_eq!(stage.aws.registered(), [MY_VARIANT]);
    assert_eq!(stage.aws.count("RegisterScalableTarget"), 1, "the work is done once");
    stage.cloudformation.puts()
}

/// Carries out a Create, every PUT of which meets the same act. Returns the last attempt, and the number of PUTs.
async fn never_answered(act: Act) -> (Attempt, usize) {
    let stage = Stage::new().await;
    stage.cloudformation.always(act);
    let payload = stage.addressed(create()).0.to_string();
    let error = stage.invoke(&payload, SHORT).await.expect_err("the answer is not accepted");
    let Unanswered::Undelivered(undelivered) = error else { panic!("{error}") };
    let puts = stage.cloudformation.puts();
    assert!(puts.iter().all(|put| put.body == puts[0].body && put.line() == puts[0].line()));
    assert!(puts[0].body.contains("SUCCESS"), "it is a success");

    // Lambda delivers the event again: same process, same state, same answer.
    stage.cloudformation.recover();
    assert_eq!(stage.succeed(create()).await, ID);
    assert_eq!(stage.aws.registered(), [MY_VARIANT]);
    (undelivered.last, puts.len())
}

pub(crate) async fn an_answer_that_fails_once_is_sent_again_unchanged() {
    let acts = [
        Act::status(500),
        Act::status(503),
        Act::Reply(500, "", "<Error><Code>InternalError</Code></Error>".into()),
        Act::Truncated(500, String::new()),
        Act::Reset,
    ];
    for puts in join_all(acts.map(|act| created_despite(vec![act], AMPLE))).await {
        assert_eq!(puts.len(), 2);
        assert_eq!((puts[0].line(), &puts[0].body), (puts[1].line(), &puts[1].body));
    }
}

pub(crate) async fn an_answer_is_sent_again_after_408_and_429() {
    let acts = [Act::status(408), Act::Reply(429, "Retry-After: 0\r\n", String::new())];
    for puts in join_all(acts.map(|act| created_despite(vec![act], AMPLE))).await {
        assert_eq!(puts.len(), 2);
    }
}

pub(crate) async fn a_success_stays_a_success_after_many_failed_deliveries() {
    let puts = created_despite(vec![Act::status(500); 6], AMPLE).await;
    assert_eq!(puts.len(), 7);
    assert!(puts.iter().all(|put| put.body == puts[0].body && put.body.contains("SUCCESS")));
}

pub(crate) async fn an_answer_that_always_fails_is_retried_until_the_deadline_and_fails_the_invocation() {
    let cases = [
        (Act::status(500), Attempt::Status(500)),
        (Act::status(503), Attempt::Status(503)),
        (Act::status(408), Attempt::Status(408)),
        (Act::status(429), Attempt::Status(429)),
        (Act::Reset, Attempt::Transport),
    ];
    let ends = join_all(cases.map(|(act, last)| async move { (never_answered(act).await, last) })).await;
    for ((end, puts), last) in ends {
        assert_eq!(end, last);
        assert!(puts > 1, "{last}: {puts}");
    }
}

pub(crate) async fn an_answer_without_a_reply_is_retried_until_the_deadline() {
    let (once, always) =
        tokio::join!(created_despite(vec![Act::Hang], Duration::from_secs(3)), never_answered(Act::Hang));
    assert_eq!(once.len(), 2);
    assert_eq!(always.0, Attempt::Silence);
    assert!(always.1 > 1, "{}", always.1);
}

pub(crate) async fn a_rejected_answer_is_not_retried() {
    for (end, puts) in join_all([400, 403, 404].map(|status| never_answered(Act::status(status)))).await {
        assert!(matches!(end, Attempt::Status(400 | 403 | 404)) && puts == 1, "{end}: {puts}");
    }
}

pub(crate) async fn a_redirect_is_not_followed() {
    let elsewhere = Stage::new().await;
    let location = format!("Location: {}\r\n", elsewhere.cloudformation.url()).leak();
    let statuses = [301, 302, 303, 307, 308];
    let ends = statuses.map(|status| never_answered(Act::Reply(status, location, String::new())));
    for ((end, puts), status) in join_all(ends).await.into_iter().zip(statuses) {
        assert_eq!((end, puts), (Attempt::Status(status), 1));
    }
    assert!(elsewhere.cloudformation.puts().is_empty());
}

pub(crate) async fn a_response_url_that_refuses_connections_fails_the_invocation_before_the_deadline() {
    let stage = Stage::new().await;
    let refusing = ClosedPort::bind();
    let url = format!("http://127.0.0.1:{}{PATH}?{QUERY}", refusing.number());
    let payload = create().field("ResponseURL", json!(url)).0.to_string();
    let error = stage.invoke(&payload, SHORT).await.expect_err("the port is closed");
    let tried = |attempts| attempts > 1;
    assert!(matches!(error, Unanswered::Undelivered(end) if end.last == Attempt::Transport && tried(end.attempts)));
    assert_eq!(stage.succeed(create()).await, ID);
}

/// Exact path and query, the length in bytes, no `Content-Type`.
pub(crate) async fn the_put_matches_its_signature() {
    let puts = created_despite(vec![Act::status(200)], AMPLE).await;
    let [put] = &puts[..] else { panic!("one PUT") };
    assert_eq!(put.line(), format!("PUT {PATH}?{QUERY} HTTP/1.1"));
    assert_eq!(put.header("content-length"), Some(put.body.len().to_string().as_str()));
    assert_eq!((put.header("content-type"), put.header("transfer-encoding")), (None, None));
}

pub(crate) async fn a_connection_to_the_response_url_that_died_between_requests_is_replaced() {
    let stage = Stage::new().await;
    stage.cloudformation.plan([Act::Stale(200, String::new())]);
    stage.succeed(create()).await;
    stage.succeed(delete()).await;
    assert!(stage.aws.registered().is_empty());
}
