//! Every request with a usable response URL is answered, whatever else is wrong with it.

use crate::support::world::{Trouble, World};
use serde_json::{Value, json};
use test_support::account::Account as _;
use test_support::function::{Attempt, Unanswered};
use test_support::request::{ID, NOT_REGISTERED, Request, create, delete, update};

const ODD: [fn() -> Value; 6] = [|| json!(null), || json!(7), || json!(true), || json!([]), || json!({}), || json!("")];

async fn fails_without_an_answer(payload: &str) -> String {
    let world = World::new();
    let error = world.invoke(payload).await.expect_err("there is no response URL");
    assert!(matches!(error, Unanswered::NoReplyAddress(_)), "{error}");
    assert_eq!(world.puts(), 0);
    assert!(world.registered().is_empty());
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_response_url_fails_the_invocation() {
    for payload in ["", "null", "[]", "7", "\"x\"", "{", "{}", "{\"RequestType\":\"Create\"}", "\u{0}"] {
        fails_without_an_answer(payload).await;
    }
    for odd in ODD {
        fails_without_an_answer(&create().field("ResponseURL", odd()).0.to_string()).await;
    }
    fails_without_an_answer(&create().without("ResponseURL").0.to_string()).await;
}

#[tokio::test(start_paused = true)]
async fn a_response_url_is_https_or_http_to_a_loopback_host() {
    for (url, accepted) in [
        ("https://bucket.s3.us-iso-east-1.c2s.ic.gov/path?query", true),
        ("https://bucket.s3.eusc-de-east-1.amazonaws.eu/path", true),
        ("http://127.0.0.1:9011/path", true),
        ("http://localhost:9011/path", true),
        ("http://[::1]:9011/path", true),
        ("http://example.com/path", false),
        ("http://127.0.0.1@example.com/path", false),
        ("http://10.0.0.1/path", false),
        ("http://localhost.example.com/", false),
        ("ftp://127.0.0.1/path", false),
        ("file:///etc/passwd", false),
        ("/path", false),
        ("not a url", false),
    ] {
        let world = World::new();
        let outcome = world.invoke(&create().field("ResponseURL", json!(url)).0.to_string()).await;
        assert_eq!(outcome.is_ok(), accepted, "{url}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_or_mistyped_field_is_named_under_a_valid_physical_id() {
    for (request, fields) in [
        (create(), &["RequestType", "StackId", "RequestId", "LogicalResourceId", "ResourceType"][..]),
        (update(), &["RequestType", "StackId", "RequestId", "LogicalResourceId", "ResourceType", "PhysicalResourceId"]),
        (delete(), &["RequestType", "StackId", "RequestId", "LogicalResourceId", "ResourceType", "PhysicalResourceId"]),
    ] {
        for field in fields {
            let mut variants = vec![request.clone().without(field)];
            variants.extend(ODD.map(|odd| request.clone().field(field, odd())));
            for variant in variants {
                let world = World::new();
                let shown = variant.0.to_string();
                let (reason, id) = world.refuse(variant.clone()).await;
                assert!(reason.contains(field), "{field}: {reason}");
                let given = variant.0["PhysicalResourceId"].as_str().filter(|id| !id.is_empty());
                assert_eq!(given.is_some(), id == ID, "{id} for {shown}");
                assert!(id == ID || id.starts_with("not-registered|"), "{id} for {shown}");
                assert!(world.registered().is_empty());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ids_are_copied_unchanged() {
    let odd = "Scaling \"quoted\" \u{1F980} \\ \u{7}";
    let world = World::new();
    let answer = world.answer(create().field("LogicalResourceId", json!(odd)).field("RequestId", json!("r/ü"))).await;
    assert_eq!((&answer["LogicalResourceId"], &answer["RequestId"]), (&json!(odd), &json!("r/ü")));
}

#[tokio::test(start_paused = true)]
async fn ids_that_leave_no_room_for_an_answer_fail_the_invocation() {
    let long = "x".repeat(2_000);
    fails_without_an_answer(&create().field("LogicalResourceId", json!(long)).0.to_string()).await;
    let world = World::new();
    let (reason, id) = world.refuse(update().of(&long)).await;
    assert!(reason.contains("PhysicalResourceId"), "{reason}");
    assert_eq!(id, NOT_REGISTERED);
}

#[tokio::test(start_paused = true)]
async fn a_logical_id_that_does_not_fit_into_a_tag_is_refused() {
    let world = World::new();
    let (reason, _) = world.refuse(create().field("LogicalResourceId", json!("x".repeat(257)))).await;
    assert_eq!(reason, "LogicalResourceId: longer than CloudFormation allows");
}

#[tokio::test(start_paused = true)]
async fn a_deeply_nested_payload_is_answered() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let payload = create().0.to_string().replace("\"MyEndPoint\"", &deep);
    let world = World::new();
    world.invoke(&payload).await.unwrap();
    let answer = world.last_answer();
    assert_eq!(answer["Status"], "FAILED");
    assert!(answer["Reason"].as_str().unwrap().starts_with("ResourceProperties: cannot be parsed"), "{answer}");

    world.succeed(create()).await;
    let payload = delete().0.to_string().replace("\"MyEndPoint\"", &deep);
    world.invoke(&payload).await.unwrap();
    assert_eq!(world.last_answer()["Status"], "SUCCESS");
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_of_the_envelope_are_ignored() {
    let world = World::new();
    world.succeed(create().field("StackPolicy", json!({"a": 1}))).await;
}

#[tokio::test(start_paused = true)]
async fn a_warm_function_answers_each_request_at_its_own_response_url() {
    let world = World::new();
    world.succeed(create()).await;
    assert_eq!(world.puts(), 1);
    world.invoke(&delete().without("ResponseURL").0.to_string()).await.unwrap_err();
    assert_eq!(world.puts(), 1, "no answer goes to the URL of the request before");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_rejected_fails_the_invocation_without_naming_the_url() {
    let world = World::new();
    world.trouble_delivering(Trouble::Status(403));
    let Request(payload) = create();
    let Err(error) = world.invoke(&payload.to_string()).await else { panic!("delivered") };
    assert_eq!(error.to_string(), "the answer could not be delivered: HTTP status 403 at attempt 1");
    assert!(matches!(error, Unanswered::Undelivered(undelivered) if undelivered.last == Attempt::Status(403)));
    assert_eq!(world.puts(), 1, "a rejected answer is not retried");
}
