//! Time limits: during the work, during a wait for an endpoint, and in short invocations.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use serde_json::json;
use test_support::account::Account as _;
use test_support::function::Deadline;
use test_support::loopback::Act;
use test_support::request::{ID, create, delete, update};
use tokio::time::Instant;

use crate::support::aws::{ALWAYS, ANY, Fault};
use crate::support::stage::{AMPLE, SHORT, Stage};

pub(crate) async fn work_that_takes_too_long_fails_before_the_deadline() {
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

pub(crate) async fn a_wait_that_takes_too_long_fails_with_the_status_of_the_endpoint() {
    join_all([create(), update()].map(|request| async move {
        let stage = Stage::new().await;
        stage.succeed(create()).await;
        stage.aws.create_slow_endpoint(100_000);
        let is_update = request.0["RequestType"] == "Update";
        let request = request.with("EndpointName", json!("slow")).with("ServiceTimeout", json!("60"));
        let (reason, id) = stage.refuse(request, SHORT).await;
        let expected = "out of time while waiting for endpoint slow to be InService (it is Creating)";
        assert!(reason.starts_with(expected), "{reason}");
        assert_eq!(id == ID, is_update, "a failed Update keeps its id");
        stage.succeed(delete().of(&id)).await;
        stage.succeed(delete()).await;
        assert!(stage.aws.registered().is_empty());
    }))
    .await;
}

pub(crate) async fn a_shorter_service_timeout_is_the_deadline() {
    join_all([json!("2"), json!(2)].map(|timeout| async move {
        let stage = Stage::new().await;
        stage.aws.create_slow_endpoint(100_000);
        let start = Instant::now();
        let request = create().with("EndpointName", json!("slow")).with("ServiceTimeout", timeout);
        stage.refuse(request, AMPLE).await;
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }))
    .await;
}

pub(crate) async fn a_short_invocation_is_answered() {
    let ends = [1_000, 1_500, 2_000].map(|millis| async move {
        let stage = Stage::new().await;
        stage.aws.plan(ANY, ALWAYS, Fault::Before(Act::Hang));
        stage.refuse(create(), Duration::from_millis(millis)).await
    });
    for (reason, _) in join_all(ends).await {
        assert!(reason.starts_with("out of time"), "{reason}");
    }
}

pub(crate) async fn a_deadline_in_the_past_is_ignored() {
    let stage = Stage::new().await;
    let payload = stage.addressed(create()).0.to_string();
    let deadline = Deadline::new(SystemTime::UNIX_EPOCH + Duration::from_secs(600));
    stage.invoke_by(&payload, deadline, AMPLE).await.expect("an answer is accepted");
    assert_eq!(stage.cloudformation.answer()["Status"], "SUCCESS");
}
