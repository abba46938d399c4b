//! The answer over a real socket: what is on the wire, and what happens when it is not taken.

use std::time::{Duration, SystemTime};

use sagemaker_scaling::deadline::Deadline;
use sagemaker_scaling::handler::{Unanswered, handle};
use sagemaker_scaling::http;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::request::{SIGNATURE, create};
use crate::support::services;
use crate::support::socket::{Act, Received, Server};

const PATH: &str = "/arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack/demo/6c1c%7CScaling%7Cr-1";

fn ok() -> Act {
    Act::Reply(200, "", String::new())
}

/// Answers a request that is refused without a call to AWS, at an address of this machine.
async fn answer_at(port: u16, timeout: Duration) -> Result<(), Unanswered> {
    let url = format!("http://127.0.0.1:{port}{PATH}?X-Amz-Expires=7200&X-Amz-Signature={SIGNATURE}&x=a+b%2Bc");
    let request = create().with("VariantName", json!("\"é🦀\"")).field("ResponseURL", json!(url));
    let deadline = Deadline::new(SystemTime::now() + timeout);
    let services = services(http::client(http::Roots::bundled()).0, None);
    handle(&request.0.to_string(), "function-arn", deadline, &services).await
}

async fn answered(acts: Vec<Act>) -> Vec<Received> {
    let server = Server::start(acts).await;
    answer_at(server.port, Duration::from_secs(20)).await.expect("taken in the end");
    server.received()
}

async fn refused(act: Act) -> (String, usize) {
    let server = Server::start(vec![act]).await;
    let error = answer_at(server.port, Duration::from_secs(3)).await.expect_err("not taken").to_string();
    assert!(!error.contains(SIGNATURE) && !error.contains("http:"), "{error}");
    (error, server.received().len())
}

#[tokio::test]
async fn it_is_a_put_of_the_exact_path_and_query_without_a_content_type() {
    let [request] = &answered(vec![ok()]).await[..] else { panic!("one request") };
    let line = format!("PUT {PATH}?X-Amz-Expires=7200&X-Amz-Signature={SIGNATURE}&x=a+b%2Bc HTTP/1.1");
    assert_eq!(request.line(), line);
    assert_eq!(request.header("content-type"), None);
    assert_eq!(request.header("transfer-encoding"), None);
    assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["Status"], "FAILED");
    assert!(body["Reason"].as_str().unwrap().ends_with(r#"found "\"é🦀\"""#), "{body}");
}

#[tokio::test]
async fn the_same_bytes_are_sent_until_they_are_taken() {
    let acts = vec![
        Act::Reply(500, "", "<Error/>".into()),
        Act::Reset,
        Act::Reply(429, "Retry-After: 0\r\n", String::new()),
        Act::Reply(408, "", String::new()),
        ok(),
    ];
    let received = answered(acts).await;
    assert_eq!(received.len(), 5);
    assert!(received.iter().all(|request| request.body == received[0].body && request.line() == received[0].line()));
}

#[tokio::test]
async fn an_address_that_hangs_is_tried_again() {
    // The first attempt gets half of the time that is left.
    let server = Server::start(vec![Act::Hang, ok()]).await;
    answer_at(server.port, Duration::from_secs(4)).await.expect("taken in the end");
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn an_address_that_hangs_for_ever_is_given_up_in_time() {
    let (error, attempts) = refused(Act::Hang).await;
    assert!(error.contains("no reply in time") && attempts >= 2, "{error}, {attempts}");
}

#[tokio::test]
async fn what_fails_for_ever_is_tried_until_time_is_up() {
    let (error, attempts) = refused(Act::Reply(503, "", String::new())).await;
    assert!(error.contains("HTTP status 503") && attempts > 1, "{error}, {attempts}");
    let (error, attempts) = refused(Act::Reset).await;
    assert!(error.contains("the connection failed") && attempts > 1, "{error}, {attempts}");
}

#[tokio::test]
async fn nobody_listening_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = answer_at(port, Duration::from_secs(2)).await.expect_err("nobody there").to_string();
    assert!(error.contains("the connection failed"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_final() {
    for status in [400, 403, 404] {
        assert_eq!(refused(Act::Reply(status, "", String::new())).await.1, 1, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 307, 308] {
        let elsewhere = Server::start(vec![ok()]).await;
        let location = format!("Location: http://127.0.0.1:{}/elsewhere\r\n", elsewhere.port).leak();
        let (error, attempts) = refused(Act::Reply(status, location, String::new())).await;
        assert!(error.contains(&status.to_string()) && attempts == 1, "{error}");
        assert!(elsewhere.received().is_empty());
    }
}
