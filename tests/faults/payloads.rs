//! Payloads that are no request of CloudFormation. One process receives all of them, and serves the next request.

use serde_json::{Value, json};
use test_support::account::Account as _;
use test_support::request::{ID, Request, create, delete, update};

use crate::support::stage::{AMPLE, Stage};

const MEGABYTE: usize = 1_000_000;

fn nested(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}

/// A request with JSON of any shape as the name of its endpoint.
fn with_endpoint(stage: &Stage, request: Request, json: &str) -> String {
    stage.addressed(request).0.to_string().replace("\"MyEndPoint\"", json)
}

/// Not JSON, not an object, or without a response URL.
pub(crate) async fn a_payload_that_is_no_request_fails_only_its_invocation() {
    let stage = Stage::new().await;
    let whole = stage.addressed(create()).0.to_string();
    let cut = &whole[..whole.len() - 1];
    let long = "x".repeat(MEGABYTE);
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let (deep, wide, text) = (nested(100_000), format!("[{}1]", "1,".repeat(MEGABYTE / 2)), format!("\"{long}\""));
    let payloads = [
        "",
        " ",
        "null",
        "true",
        "7",
        "\"text\"",
        "[]",
        "[{}]",
        "{",
        "{}",
        "{\"a\":1}",
        "\u{0}",
        "\u{feff}{}",
        "🦀",
        "<html>",
        "{'a': 1}",
        "{\"a\":1,}",
        "NaN",
        cut,
        &deep,
        &objects,
        &wide,
        &text,
        &long,
    ];
    for payload in payloads {
        let shown: String = payload.chars().take(40).collect();
        stage.invoke(payload, AMPLE).await.expect_err(&shown);
        assert!(stage.aws.called().is_empty(), "{shown}");
        stage.succeed(update()).await;
        stage.aws.called();
    }
    assert_eq!(stage.cloudformation.puts().len(), payloads.len());
}

pub(crate) async fn an_odd_payload_with_a_response_url_is_answered() {
    let stage = Stage::new().await;
    let url = stage.cloudformation.url();
    for payload in [
        json!({"ResponseURL": url}).to_string(),
        json!({"ResponseURL": url, "RequestType": {"a": [1, 2, {"b": null}]}}).to_string(),
        json!({"ResponseURL": url, "": "", "\u{0}": 1, "🦀": {}}).to_string(),
        // Two fields of the same name: the last one counts.
        stage.addressed(create()).0.to_string().replacen('{', "{\"RequestType\":7,\"ResponseURL\":null,", 1),
        with_endpoint(&stage, create(), "1e999"),
        with_endpoint(&stage, create(), "\"\\ud800\""),
        with_endpoint(&stage, create(), "123456789012345678901234567890"),
    ] {
        let before = stage.cloudformation.puts().len();
        stage.invoke(&payload, AMPLE).await.expect(&payload);
        assert_eq!(stage.cloudformation.puts().len(), before + 1, "{payload}");
        stage.succeed(update()).await;
    }
}

/// A Create and an Update fail; a Delete succeeds.
pub(crate) async fn a_deeply_nested_payload_is_answered() {
    let stage = Stage::new().await;
    for depth in [100, 127, 128, 129, 10_000, 200_000] {
        stage.succeed(update()).await;
        for request in [create(), update()] {
            let payload = with_endpoint(&stage, request, &nested(depth));
            stage.invoke(&payload, AMPLE).await.expect("an answer is accepted");
            assert_eq!(stage.cloudformation.answer()["Status"], "FAILED", "{depth}");
        }
        // In a field that the function does not read.
        let odd = update().0.to_string().replacen('{', &format!("{{\"Extra\":{},", nested(depth)), 1);
        let odd = odd.replace(update().0["ResponseURL"].as_str().expect("text"), &stage.cloudformation.url());
        stage.invoke(&odd, AMPLE).await.expect("an answer is accepted");
        assert_eq!(stage.cloudformation.answer()["Status"], "SUCCESS", "{depth}");

        stage.invoke(&with_endpoint(&stage, delete(), &nested(depth)), AMPLE).await.expect("an answer is accepted");
        assert_eq!(stage.cloudformation.answer()["Status"], "SUCCESS", "{depth}");
        assert!(stage.aws.registered().is_empty());
    }
}

/// A Create and an Update fail; a Delete, and an Update away from such properties, succeed.
pub(crate) async fn a_megabyte_of_properties_is_answered() {
    let keys = (0..50_000).map(|key| (format!("key-{key}"), json!("0123456789")));
    let bulks = [
        json!("x".repeat(MEGABYTE)),
        json!("🦀\"\u{0}".repeat(MEGABYTE / 12)),
        json!(vec![0; MEGABYTE / 2]),
        Value::Object(keys.collect()),
        json!({"x".repeat(MEGABYTE): 1}),
    ];
    let stage = Stage::new().await;
    for bulk in bulks {
        for request in [update().field("ResourceProperties", bulk.clone()), create().with("Tags", bulk.clone())] {
            stage.refuse(request, AMPLE).await;
        }
        stage.succeed(update().field("OldResourceProperties", bulk.clone())).await;
        assert_eq!(stage.succeed(delete().field("ResourceProperties", bulk)).await, ID);
        assert!(stage.aws.registered().is_empty());
    }
}
