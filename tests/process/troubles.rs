//! Faults around a process, as Lambda sees them: answers that are rejected, time limits, and events that are no
//! requests.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::account::Account as _;
use test_support::request::{create, delete};

use crate::support::lambda::{Age, Deadline, Ended, Invocation, Lambda};
use crate::support::world::World;

#[test]
fn an_answer_that_is_rejected_fails_the_invocation_and_the_retry_completes() {
    let clean = World::start();
    let mut lambda = Lambda::new(&clean);
    assert_eq!(lambda.invoke(&lambda.event(&create(), Age::Late)), Ended::Response);

    let world = World::start();
    let mut lambda = Lambda::new(&world);
    world.state().refusals = vec![403];
    let event = lambda.event(&create(), Age::Late);
    let Ended::Error { error_type, message } = lambda.invoke(&event) else { panic!("the answer was rejected") };
    assert_eq!(error_type, "Undelivered");
    assert_eq!(
        message, "the answer could not be delivered: HTTP status 403 at attempt 1",
        "the URL is not in the message"
    );
    assert_eq!(world.answers(), [] as [Value; 0]);
    assert_eq!(lambda.invoke(&event), Ended::Response);
    assert_eq!((world.state_of_targets(), world.answer()), (clean.state_of_targets(), clean.answer()));
}

#[test]
fn an_endpoint_that_never_becomes_ready_fails_the_request_before_lambda_kills_the_process() {
    let world = World::start();
    let mut lambda = Lambda::new(&world);
    // The process is warm, so that the deadline measures the function and not the machine.
    assert_eq!(lambda.invoke(&lambda.event(&create(), Age::Young)), Ended::Response);
    world.create_slow_endpoint(100_000);
    let event =
        lambda.event(&create().with("EndpointName", json!("slow")).with("ServiceTimeout", json!("4")), Age::Young);
    world.answers();
    let ended = lambda.invoke(&Invocation { deadline: Deadline::In(Duration::from_secs(4)), ..event });
    assert_eq!(ended, Ended::Response);
    let answer = world.answer();
    assert_eq!(answer["Status"], "FAILED");
    let reason = "out of time while waiting for endpoint slow to be InService (it is Creating)";
    assert!(answer["Reason"].as_str().is_some_and(|given| given.starts_with(reason)), "{answer}");
}

#[test]
fn a_deadline_in_1970_is_ignored() {
    let world = World::start();
    let mut lambda = Lambda::new(&world);
    world.create_slow_endpoint(0.5);
    let event = lambda.event(&create().with("EndpointName", json!("slow")), Age::Young);
    assert_eq!(lambda.invoke(&Invocation { deadline: Deadline::Past, ..event }), Ended::Response);
    assert_eq!(world.answer()["Status"], "SUCCESS", "the function waited for the endpoint");
}

#[test]
fn a_payload_that_is_no_request_fails_the_invocation_and_the_process_serves_the_next() {
    let world = World::start();
    let mut lambda = Lambda::new(&world);
    assert_eq!(lambda.invoke(&lambda.event(&create(), Age::Late)), Ended::Response);
    let process = lambda.process_id();
    let event = lambda.event(&delete(), Age::Late).payload;
    let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels)).into_bytes();
    world.answers();
    for payload in [
        Vec::new(),
        b"not JSON".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"\xff\xfe".to_vec(),
        deep(100_000),
        vec![b'['; 100_000],
        json!("x".repeat(1 << 20)).to_string().into_bytes(),
        delete().without("ResponseURL").0.to_string().into_bytes(),
        delete().field("ResponseURL", json!("http://example.com/?X-Amz-Signature=")).0.to_string().into_bytes(),
        // Cut off after the secret.
        event[..event.len() - 1].to_vec(),
    ] {
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(80)]).into_owned();
        assert!(matches!(lambda.invoke(&Invocation::of(payload)), Ended::Error { .. }), "{shown}");
        assert_eq!(lambda.process_id(), process);
    }
    assert_eq!(world.answers(), [] as [Value; 0], "no answer goes to the URL of the request before");
    assert_eq!(world.state_of_targets().len(), 1, "nothing was deleted");
    assert_eq!(lambda.invoke(&lambda.event(&delete(), Age::Late)), Ended::Response);
    assert_eq!((&world.answer()["Status"], lambda.process_id()), (&json!("SUCCESS"), process));
}

#[test]
fn oversized_requests_are_answered_and_the_process_serves_the_next() {
    let world = World::start();
    let mut lambda = Lambda::new(&world);
    let with = |text: &str| {
        let payload = lambda.event(&create(), Age::Young).payload;
        String::from_utf8(payload).expect("UTF-8").replace("\"MyEndPoint\"", text).into_bytes()
    };
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = json!("x".repeat(1 << 20)).to_string();
    let mut processes = Vec::new();
    for payload in [with(&deep), with(&long)] {
        assert_eq!(lambda.invoke(&Invocation::of(payload)), Ended::Response);
        let answer = world.answer();
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        processes.extend(lambda.process_id());
    }
    assert_eq!(lambda.invoke(&lambda.event(&create(), Age::Young)), Ended::Response);
    assert_eq!(world.answer()["Status"], "SUCCESS");
    processes.extend(lambda.process_id());
    processes.dedup();
    assert_eq!(processes.len(), 1);
}
