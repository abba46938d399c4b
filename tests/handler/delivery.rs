//! The answer over a real socket: what is on the wire, and what happens when it is not accepted.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use test_support::function::{Deadline, Unanswered, handle, services, shipped_connector};
use test_support::http::Received;
use test_support::loopback::{Act, ClosedPort, Server};
use test_support::request::create;
use test_support::secrets::SIGNATURE;

const PATH: &str = "/arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack/demo/6c1c%7CScaling%7Cr-1";

/// Carries out a request that fails without a call to AWS, and whose response URL is on this machine.
async fn answer_at(port: u16, timeout: Duration) -> Result<(), Unanswered> {
    let url = format!("http://127.0.0.1:{port}{PATH}?X-Amz-Expires=7200&X-Amz-Signature={SIGNATURE}&x=a+b%2Bc");
    let request = create().with("VariantName", json!("\"é🦀\"")).field("ResponseURL", json!(url));
    let deadline = Deadline::new(SystemTime::now() + timeout);
    let services = services(shipped_connector(), None);
    handle(&request.0.to_string(), "function-arn", deadline, &services).await.map(drop)
}

async fn answered(acts: Vec<Act>) -> Vec<Received> {
    let server = Server::start(acts).await;
    answer_at(server.port, Duration::from_secs(20)).await.expect("accepted in the end");
    server.received()
}

async fn refused(act: Act) -> (String, usize) {
    let server = Server::start(vec![act]).await;
    let error = answer_at(server.port, Duration::from_secs(3)).await.expect_err("not accepted").to_string();
    assert!(!error.contains(SIGNATURE) && !error.contains("http:"), "{error}");
    (error, server.received().len())
}

#[tokio::test]
async fn the_answer_is_a_put_to_the_exact_path_and_query_without_a_content_type() {
    let [request] = &answered(vec![Act::status(200)]).await[..] else { panic!("one request") };
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
async fn the_same_bytes_are_sent_until_they_are_accepted() {
    let acts = vec![
        Act::Reply(500, "", "<Error/>".into()),
        Act::Reset,
        Act::Reply(429, "Retry-After: 0\r\n", String::new()),
        Act::status(408),
        Act::status(200),
    ];
    let received = answered(acts).await;
    assert_eq!(received.len(), 5);
    assert!(received.iter().all(|request| request.body == received[0].body && request.line() == received[0].line()));
}

#[tokio::test]
async fn an_answer_without_a_reply_is_sent_again() {
    // The first attempt takes half of the time that is left.
    let server = Server::start(vec![Act::Hang, Act::status(200)]).await;
    answer_at(server.port, Duration::from_secs(4)).await.expect("accepted in the end");
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn an_answer_that_never_gets_a_reply_fails_before_the_deadline() {
    let (error, attempts) = refused(Act::Hang).await;
    assert!(error.contains("no reply in time") && attempts >= 2, "{error}, {attempts}");
}

#[tokio::test]
async fn an_answer_that_always_fails_is_retried_until_the_deadline() {
    let (error, attempts) = refused(Act::status(503)).await;
    assert!(error.contains("HTTP status 503") && attempts > 1, "{error}, {attempts}");
    let (error, attempts) = refused(Act::Reset).await;
    assert!(error.contains("the connection failed") && attempts > 1, "{error}, {attempts}");
}

#[tokio::test]
async fn a_closed_port_fails_the_delivery_before_the_deadline() {
    let refusing = ClosedPort::bind();
    let error = answer_at(refusing.number(), Duration::from_secs(2)).await.expect_err("the port is closed").to_string();
    assert!(error.contains("the connection failed"), "{error}");
}

#[tokio::test]
async fn a_rejected_answer_is_not_retried() {
    for status in [400, 403, 404] {
        assert_eq!(refused(Act::status(status)).await.1, 1, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 307, 308] {
        let elsewhere = Server::start(vec![Act::status(200)]).await;
        let location = format!("Location: http://127.0.0.1:{}/elsewhere\r\n", elsewhere.port).leak();
        let (error, attempts) = refused(Act::Reply(status, location, String::new())).await;
        assert!(error.contains(&status.to_string()) && attempts == 1, "{error}");
        assert!(elsewhere.received().is_empty());
    }
}
