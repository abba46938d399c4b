//! Out of time: while working, while waiting for an endpoint, and when there was hardly any.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use sagemaker_scaling::deadline::Deadline;
use serde_json::json;
use tokio::time::Instant;

use crate::support::aws::{ALWAYS, ANY, Fault};
use crate::support::request::{ID, create, delete, update};
use crate::support::socket::Act;
use crate::support::stage::{AMPLE, SHORT, Stage};

/// Row 3: timeout imminent, Create. Row 3b: timeout imminent, Update. Row A7: an answer comes before it, also of a Delete.
#[tokio::test]
async fn work_that_takes_too_long_is_answered_in_time() {
    let requests =
        [(create(), "DescribeEndpoint"), (update(), "DescribeEndpoint"), (delete(), "DescribeScalableTargets")];
    join_all(requests.map(|(request, call)| async move {
        let stage = Stage::new().await;
        stage.succeed(create()).await;
        stage.aws.plan(ANY, ALWAYS, Fault::Before(Act::Hang));
        let (reason, id) = stage.refuse(request, SHORT).await;
        assert!(reason.starts_with(&format!("out of time while calling {call};")), "{reason}");
        assert_eq!(id, ID);
        stage.aws.recover();
        stage.succeed(delete()).await;
        assert!(stage.aws.registered().is_empty());
    }))
    .await;
}

/// Row 3, 3b: timeout imminent while waiting for an endpoint.
#[tokio::test]
async fn waiting_that_takes_too_long_tells_what_it_waits_for() {
    join_all([create(), update()].map(|request| async move {
        let stage = Stage::new().await;
        stage.succeed(create()).await;
        stage.aws.slow_down();
        stage.aws.endpoint("slow");
        let is_update = request.0["RequestType"] == "Update";
        let (reason, id) = stage.refuse(request.with("EndpointName", json!("slow")), SHORT).await;
        let told = "out of time while waiting for endpoint slow to be InService (it is Creating)";
        assert!(reason.starts_with(told), "{reason}");
        assert_eq!(id == ID, is_update, "a failed Update keeps its id");
        stage.succeed(delete().of(&id)).await;
        stage.succeed(delete()).await;
        assert!(stage.aws.registered().is_empty());
    }))
    .await;
}

/// Row A7: CloudFormation may stop listening before Lambda stops the function.
#[tokio::test]
async fn a_service_timeout_that_is_shorter_is_kept() {
    join_all([json!("2"), json!(2)].map(|timeout| async move {
        let stage = Stage::new().await;
        stage.aws.slow_down();
        stage.aws.endpoint("slow");
        let start = Instant::now();
        let request = create().with("EndpointName", json!("slow")).with("ServiceTimeout", timeout);
        stage.refuse(request, AMPLE).await;
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }))
    .await;
}

/// Row A7: hardly any time is some.
#[tokio::test]
async fn a_short_invocation_is_answered_too() {
    let ends = [1_000, 1_500, 2_000].map(|millis| async move {
        let stage = Stage::new().await;
        stage.aws.plan(ANY, ALWAYS, Fault::Before(Act::Hang));
        stage.refuse(create(), Duration::from_millis(millis)).await
    });
    for (reason, _) in join_all(ends).await {
        assert!(reason.starts_with("out of time"), "{reason}");
    }
}

/// Row A7: a deadline of 1970 is none.
#[tokio::test]
async fn a_deadline_in_the_past_is_no_reason_to_give_up() {
    let stage = Stage::new().await;
    let payload = stage.addressed(create()).0.to_string();
    let deadline = Deadline::new(SystemTime::UNIX_EPOCH + Duration::from_secs(600));
    stage.invoke_by(&payload, deadline, AMPLE).await.expect("it is answered");
    assert_eq!(stage.cloudformation.answer()["Status"], "SUCCESS");
}
