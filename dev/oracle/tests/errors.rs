//! Compares how both clients read and classify failures.

use std::time::Duration;

use aws_smithy_http_client::test_util::{NeverClient, infallible_client_fn};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use sagemaker_scaling::aws::single_attempts;
use tokio::time::timeout;

use crate::clients::{Outcome, Reply, config, outcomes};

const BAD: Reply = Reply { status: 400, headers: &[], body: b"" };

fn failed(kind: &'static str, status: u16, code: Option<&str>, message: Option<&str>) -> Outcome {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Outcome::Failed { kind, status: Some(status), code: owned(code), message: owned(message) }
}

#[tokio::test]
async fn codes_and_messages_are_the_official_ones() {
    for (body, code, message) in [
        (r#"{"__type":"Oops","message":"no"}"#, Some("Oops"), Some("no")),
        (r#"{"message":"no","__type":"Oops","More":{"__type":"Deep","message":"deep"}}"#, Some("Oops"), Some("no")),
        (r#"{"__type":"com.amazonaws.sagemaker#Oops","message":"no"}"#, Some("Oops"), Some("no")),
        (r#"{"__type":"Oops:http://internal.amazon.com/coral/","message":"no"}"#, Some("Oops"), Some("no")),
        (r#"{"__type":"a.b#Oops:http://internal.amazon.com/#top","message":"no"}"#, Some("Oops"), Some("no")),
        (r#"{"__type":"","message":"no"}"#, Some(""), Some("no")),
        (r#"{"__type":"a.b#","message":"no"}"#, Some(""), Some("no")),
        (r#"{"__type":"Oops","__type":"Later"}"#, Some("Later"), None),
        (r#"{"code":"Oops","message":"no"}"#, Some("Oops"), Some("no")),
        (r#"{"__type":"Other","code":"a#Oops","message":"no"}"#, Some("Oops"), Some("no")),
        (r#"{"__type":"Oops","code":5}"#, Some("Oops"), None),
        (r#"{"__type":"Oops","code":null}"#, Some("Oops"), None),
        (r#"{"__type":5,"Code":"Other","message":"no"}"#, None, Some("no")),
        (r#"{"__type":"Oops","Message":"no"}"#, Some("Oops"), Some("no")),
        (r#"{"__type":"Oops","Message":"less","message":"no"}"#, Some("Oops"), Some("no")),
        (r#"{"__type":"Oops","message":null,"Message":"no"}"#, Some("Oops"), Some("no")),
        (
            r#"{"__type":"Oops","message":"Could not find endpoint \"\u00e9\"."}"#,
            Some("Oops"),
            Some(r#"Could not find endpoint "é"."#),
        ),
        (r#"{"__type":"Oops","message":""}"#, Some("Oops"), Some("")),
        (r#"{"__type":"Oops","message":{"no":1}}"#, Some("Oops"), None),
        (r#"{"__type":"Oops"}"#, Some("Oops"), None),
        (r#"{"__type":"a#b#Oops","errorMessage":"no"}"#, Some("b#Oops"), Some("no")),
        (r#"{"message":"no"}"#, None, Some("no")),
        ("{}", None, None),
        ("", None, None),
        (" ", None, None),
        ("null", None, None),
        ("5", None, None),
        (r#""__type""#, None, None),
        (r#"["__type","Oops"]"#, None, None),
    ] {
        for status in [300, 302, 304, 400, 403, 404, 413, 429, 500, 503] {
            let [ours, official] = Reply { status, body: body.as_bytes(), ..BAD }.read().await;
            assert_eq!(ours, official, "{status} {body}");
            assert_eq!(ours, failed("service", status, code, message), "{status} {body}");
        }
    }
}

#[tokio::test]
async fn the_header_comes_before_the_body() {
    for (headers, body, code) in [
        ([("x-amzn-errortype", "Oops")].as_slice(), r#"{"__type":"Other","code":"Other"}"#, "Oops"),
        (&[("X-Amzn-ErrorType", "a.b#Oops:http://internal.amazon.com/coral/")], "{}", "Oops"),
        (&[("x-amzn-errortype", "Oops"), ("x-amzn-errortype", "Other")], "{}", "Oops"),
        (&[("x-amzn-errortype", "Oops")], "", "Oops"),
        (&[("x-amzn-errortype", "")], r#"{"__type":"Other"}"#, ""),
        (&[("x-amzn-error-type", "Other")], r#"{"__type":"Oops"}"#, "Oops"),
    ] {
        let [ours, official] = Reply { headers, body: body.as_bytes(), ..BAD }.read().await;
        assert_eq!(ours, official, "{headers:?} {body}");
        assert_eq!(ours, failed("service", 400, Some(code), None), "{headers:?} {body}");
    }
}

/// The official client treats it as unreadable, so it would retry a refusal by a proxy until time is up.
#[tokio::test]
async fn what_is_not_json_is_an_error_reply_only_to_ours() {
    for status in [400, 403, 500, 502, 503] {
        for body in [b"<html><body>503</body></html>".as_slice(), b"Forbidden", b"{", br#"{"__type":"Oops""#, b"\xff"] {
            let both = Reply { status, body, ..BAD }.read().await;
            let expected = [failed("service", status, None, None), failed("response", status, None, None)];
            assert_eq!(both, expected, "{status} {}", body.escape_ascii());
        }
    }
    let both = Reply { headers: &[("x-amzn-errortype", "Oops")], body: b"<html>", ..BAD }.read().await;
    assert_eq!(both, [failed("service", 400, Some("Oops"), None), failed("response", 400, None, None)]);
}

/// None of these was observed at SageMaker.
#[tokio::test]
async fn oddities_are_read_differently() {
    let query_error = [("x-amzn-query-error", "Other;Sender")].as_slice();
    for (headers, body, [ours, official]) in [
        ([].as_slice(), r#"{"message":"first","Message":"last"}"#, [(None, Some("first")), (None, Some("last"))]),
        (&[], r#"{"__type":"Oops"} and more"#, [(None, None), (Some("Oops"), None)]),
        (query_error, r#"{"__type":"Oops"}"#, [(Some("Oops"), None), (Some("Other"), None)]),
    ] {
        let both = Reply { headers, body: body.as_bytes(), ..BAD }.read().await;
        let expected = [ours, official].map(|(code, message)| failed("service", 400, code, message));
        assert_eq!(both, expected, "{headers:?} {body}");
    }
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_of_the_same_kind() {
    for status in [200, 400, 500] {
        let http = infallible_client_fn(move |_| {
            http::Response::builder().status(status).body(SdkBody::taken()).expect("it is a valid response")
        });
        let both = outcomes(&config(http).build()).await;
        let expected = failed("response", status, None, None);
        assert_eq!(both, [expected.clone(), expected], "{status}");
    }
}

/// A transport that never connects.
#[derive(Clone, Copy, Debug)]
struct Broken(fn() -> ConnectorError);

impl HttpConnector for Broken {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Err((self.0)()))
    }
}

impl From<Broken> for SharedHttpClient {
    fn from(broken: Broken) -> Self {
        http_client_fn(move |_, _| SharedHttpConnector::new(broken))
    }
}

#[tokio::test]
async fn a_transport_that_fails_is_of_the_same_kind() {
    for (error, kind) in [
        ((|| ConnectorError::io("reset".into())) as fn() -> _, "dispatch: i/o"),
        (|| ConnectorError::timeout("slow".into()), "dispatch: timeout"),
        (|| ConnectorError::user("typo".into()), "dispatch: user"),
        (|| ConnectorError::other("odd".into(), None), "dispatch"),
    ] {
        let both = outcomes(&config(SharedHttpClient::from(Broken(error))).build()).await;
        let expected = Outcome::Failed { kind, status: None, code: None, message: None };
        assert_eq!(both, [expected.clone(), expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_up_is_of_the_same_kind() {
    let second = Duration::from_secs(1);
    for timeouts in [
        single_attempts(SdkConfig::builder()).build().timeout_config().expect("a time limit").clone(),
        TimeoutConfig::builder().operation_attempt_timeout(second).build(),
        TimeoutConfig::builder().operation_timeout(second).build(),
    ] {
        let config = config(NeverClient::new()).timeout_config(timeouts).build();
        let both = timeout(60 * second, outcomes(&config)).await.expect("there is a limit");
        let expected = Outcome::Failed { kind: "timeout", status: None, code: None, message: None };
        assert_eq!(both, [expected.clone(), expected]);
    }
}
