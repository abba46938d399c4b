//! The answer, which is not taken: at once, at times, or never.

use std::time::Duration;

use futures_util::future::join_all;
use sagemaker_scaling::handler::Unanswered;
use sagemaker_scaling::response::Attempt;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::canaries::QUERY;
use crate::support::cloudformation::{PATH, says, taken};
use crate::support::request::{ID, create, delete};
use crate::support::socket::{Act, Received};
use crate::support::stage::{AMPLE, SHORT, Stage};

const MINE: &str = "endpoint/MyEndPoint/variant/MyVariant";

/// A Create whose answer meets these acts, and is taken then. Returns every PUT.
async fn created_in_spite_of(acts: Vec<Act>, timeout: Duration) -> Vec<Received> {
    let stage = Stage::new().await;
    stage.cloudformation.plan(acts);
    assert_eq!(stage.answer(create(), timeout).await["Status"], "SUCCESS");
    assert_eq!(stage.aws.registered(), [MINE]);
    assert_eq!(stage.aws.count("RegisterScalableTarget"), 1, "the work is done once");
    stage.cloudformation.puts()
}

/// A Create whose answer meets one act for ever. Returns how it ended, and how often it was sent.
async fn never_answered(act: Act) -> (Attempt, usize) {
    let stage = Stage::new().await;
    stage.cloudformation.always(act);
    let payload = stage.addressed(create()).0.to_string();
    let error = stage.invoke(&payload, SHORT).await.expect_err("nobody takes it");
    let Unanswered::Undelivered(undelivered) = error else { panic!("{error}") };
    let puts = stage.cloudformation.puts();
    assert!(puts.iter().all(|put| put.body == puts[0].body && put.line() == puts[0].line()));
    assert!(puts[0].body.contains("SUCCESS"), "a success stays one");

    // Lambda delivers it again: the same process, the same state, the same answer.
    stage.cloudformation.recover();
    assert_eq!(stage.succeed(create()).await, ID);
    assert_eq!(stage.aws.registered(), [MINE]);
    (undelivered.last, puts.len())
}

/// Row 8b: PUT 500 once. Row 10: PUT reset once.
#[tokio::test]
async fn what_fails_once_is_sent_again_unchanged() {
    let acts = [
        says(500),
        says(503),
        Act::Reply(500, "", "<Error><Code>InternalError</Code></Error>".into()),
        Act::Truncated(500, String::new()),
        Act::Reset,
    ];
    for puts in join_all(acts.map(|act| created_in_spite_of(vec![act], AMPLE))).await {
        assert_eq!(puts.len(), 2);
        assert_eq!((puts[0].line(), &puts[0].body), (puts[1].line(), &puts[1].body));
    }
}

/// Row A5: PUT 408 and 429 pass, too.
#[tokio::test]
async fn a_busy_bucket_is_asked_again() {
    let acts = [says(408), Act::Reply(429, "Retry-After: 0\r\n", String::new())];
    for puts in join_all(acts.map(|act| created_in_spite_of(vec![act], AMPLE))).await {
        assert_eq!(puts.len(), 2);
    }
}

/// Row 8c, A4: SUCCESS meets 6 times 500, then is taken: the work is not undone, and the answer not turned.
#[tokio::test]
async fn a_success_that_meets_many_failures_stays_a_success() {
    let puts = created_in_spite_of(vec![says(500); 6], AMPLE).await;
    assert_eq!(puts.len(), 7);
    assert!(puts.iter().all(|put| put.body == puts[0].body && put.body.contains("SUCCESS")));
}

/// Row 8: PUT 500 always. Row 10b: PUT reset always. Row A8: what is not delivered fails the invocation.
#[tokio::test]
async fn what_fails_for_ever_is_sent_until_time_is_up_and_fails_the_invocation() {
    let cases = [
        (says(500), Attempt::Status(500)),
        (says(503), Attempt::Status(503)),
        (says(408), Attempt::Status(408)),
        (says(429), Attempt::Status(429)),
        (Act::Reset, Attempt::Transport),
    ];
    let ends = join_all(cases.map(|(act, last)| async move { (never_answered(act).await, last) })).await;
    for ((end, puts), last) in ends {
        assert_eq!(end, last);
        assert!(puts > 1, "{last}: {puts}");
    }
}

/// Row 11: PUT hangs, once and for ever.
#[tokio::test]
async fn a_silent_bucket_is_asked_again_and_given_up_in_time() {
    let (once, always) =
        tokio::join!(created_in_spite_of(vec![Act::Hang], Duration::from_secs(3)), never_answered(Act::Hang));
    assert_eq!(once.len(), 2);
    assert_eq!(always.0, Attempt::Silence);
    assert!(always.1 > 1, "{}", always.1);
}

/// Row 9: PUT 403, and whatever else does not improve.
#[tokio::test]
async fn a_refusal_is_final() {
    for (end, puts) in join_all([400, 403, 404].map(|status| never_answered(says(status)))).await {
        assert!(matches!(end, Attempt::Status(400 | 403 | 404)) && puts == 1, "{end}: {puts}");
    }
}

/// Row A5: PUT redirected.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Stage::new().await;
    let location = format!("Location: {}\r\n", elsewhere.cloudformation.url()).leak();
    let statuses = [301, 302, 303, 307, 308];
    let ends = statuses.map(|status| never_answered(Act::Reply(status, location, String::new())));
    for ((end, puts), status) in join_all(ends).await.into_iter().zip(statuses) {
        assert_eq!((end, puts), (Attempt::Status(status), 1));
    }
    assert!(elsewhere.cloudformation.puts().is_empty());
}

/// Row A5: PUT refused: nobody listens.
#[tokio::test]
async fn nobody_listening_is_given_up_in_time() {
    let stage = Stage::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{PATH}?{QUERY}", listener.local_addr().unwrap());
    drop(listener);
    let payload = create().field("ResponseURL", json!(url)).0.to_string();
    let error = stage.invoke(&payload, SHORT).await.expect_err("nobody is there");
    let tried = |attempts| attempts > 1;
    assert!(matches!(error, Unanswered::Undelivered(end) if end.last == Attempt::Transport && tried(end.attempts)));
    assert_eq!(stage.succeed(create()).await, ID);
}

/// Row A5: exact path and query, length in bytes, no Content-Type.
#[tokio::test]
async fn the_put_is_as_it_was_signed() {
    let puts = created_in_spite_of(vec![taken()], AMPLE).await;
    let [put] = &puts[..] else { panic!("one PUT") };
    assert_eq!(put.line(), format!("PUT {PATH}?{QUERY} HTTP/1.1"));
    assert_eq!(put.header("content-length"), Some(put.body.len().to_string().as_str()));
    assert_eq!((put.header("content-type"), put.header("transfer-encoding")), (None, None));
}

/// Row A8: a connection that died since the last request is no failure of the next.
#[tokio::test]
async fn a_connection_that_died_between_two_requests_is_made_anew() {
    let stage = Stage::new().await;
    stage.cloudformation.plan([Act::Stale(200, String::new())]);
    stage.succeed(create()).await;
    stage.succeed(delete()).await;
    assert!(stage.aws.registered().is_empty());
}
