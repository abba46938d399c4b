//! The envelope, broken in every field, one at a time. One process serves all of it, and goes on.

use sagemaker_scaling::handler::Unanswered;
use sagemaker_scaling::request::InvalidResponseUrl;
use sagemaker_scaling::request::NoReplyAddress;
use serde_json::{Value, json};

use crate::support::canaries::QUERY;
use crate::support::request::{ID, Request, create, delete, update};
use crate::support::stage::{AMPLE, Stage};

const FIELDS: [&str; 9] = [
    "RequestType",
    "ServiceToken",
    "StackId",
    "RequestId",
    "LogicalResourceId",
    "PhysicalResourceId",
    "ResourceType",
    "ResourceProperties",
    "OldResourceProperties",
];

/// A request without a field, and with everything in it that it should not be.
fn broken(request: &Request, field: &str) -> Vec<Request> {
    let odd = [json!(null), json!(7), json!(1.5), json!(true), json!([]), json!(["x"]), json!({}), json!({"a": 1})];
    let mut all: Vec<_> = odd.into_iter().map(|odd| request.clone().field(field, odd)).collect();
    all.push(request.clone().field(field, json!("")));
    all.push(request.clone().without(field));
    all
}

/// A process that holds a target for the requests to meet.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.succeed(create()).await;
    stage
}

/// The next request is served as if nothing had been.
async fn serves(stage: &Stage) {
    assert_eq!(stage.succeed(update()).await, ID);
    assert_eq!(stage.aws.registered(), ["endpoint/MyEndPoint/variant/MyVariant"]);
}

/// Row A2, A3: each field missing, null, empty or mistyped: an answer under a valid id, which names the field if it
/// matters. Row 5c: no RequestId.
#[tokio::test]
async fn whoever_can_be_answered_is_answered() {
    for request in [create(), update(), delete()] {
        let stage = stage().await;
        let type_of = request.0["RequestType"].as_str().expect("text");
        for field in FIELDS {
            let bears = match field {
                "ServiceToken" | "OldResourceProperties" => true,
                "PhysicalResourceId" => type_of == "Create",
                // Properties of any shape never fail a Delete.
                "ResourceProperties" => type_of == "Delete",
                _ => false,
            };
            for broken in broken(&request, field) {
                // What there is before a Create is nothing.
                stage.succeed(if type_of == "Create" { delete() } else { update() }).await;
                let before = stage.aws.registered();
                let shown = broken.0.to_string();
                let answer = stage.answer(broken.clone(), AMPLE).await;
                assert_eq!(answer["Status"] == "SUCCESS", bears, "{answer} for {shown}");
                if !bears {
                    // An object is read, and its fields are missed.
                    let read = field == "ResourceProperties" && broken.0[field].is_object();
                    let named = if read { "EndpointName" } else { field };
                    assert!(answer["Reason"].as_str().expect("text").contains(named), "{answer} for {shown}");
                    assert_eq!(stage.aws.registered(), before, "{shown}");
                }
                let given = broken.0["PhysicalResourceId"].as_str().filter(|id| !id.is_empty());
                if let Some(given) = given.filter(|_| type_of != "Create") {
                    assert_eq!(answer["PhysicalResourceId"], given, "{shown}");
                }
            }
        }
        serves(&stage).await;
    }
}

/// Row 4: no ResourceProperties.
#[tokio::test]
async fn a_request_without_properties_is_told_so() {
    let stage = stage().await;
    for (request, id) in [(create(), "not-registered|Scaling"), (update(), ID)] {
        let (reason, answered) = stage.refuse(request.without("ResourceProperties"), AMPLE).await;
        assert_eq!(reason, "ResourceProperties: expected an object, found nothing");
        assert_eq!(answered, id);
    }
    assert_eq!(stage.succeed(delete().without("ResourceProperties")).await, ID);
    assert!(stage.aws.registered().is_empty(), "the id tells what to delete");
}

/// Row 4b: one property missing or bad.
#[tokio::test]
async fn a_property_that_is_missing_or_mistyped_is_named() {
    let stage = stage().await;
    for name in ["EndpointName", "VariantName", "MinCapacity", "MaxCapacity"] {
        for value in [Value::Null, json!({}), json!([]), json!(true), json!("")] {
            for request in [create(), update()] {
                let (reason, _) = stage.refuse(request.with(name, value.clone()), AMPLE).await;
                assert!(reason.starts_with(&format!("{name}: ")), "{reason}");
            }
            // The way back from such an Update, and the Delete.
            assert_eq!(stage.succeed(update().with_old(name, value.clone())).await, ID);
        }
    }
    serves(&stage).await;
}

/// Row 5: no ResponseURL, cold. Row A6: nor one to anywhere else than https, or this machine.
#[tokio::test]
async fn without_an_address_nothing_is_done() {
    let stage = Stage::new().await;
    let mut cases: Vec<_> = broken(&create(), "ResponseURL").into_iter().map(|broken| (broken, None)).collect();
    for (url, error) in [
        ("http://example.com/p", NoReplyAddress::Url(InvalidResponseUrl::Scheme)),
        ("http://127.0.0.1@example.com/p", NoReplyAddress::Url(InvalidResponseUrl::Scheme)),
        ("ftp://127.0.0.1/p", NoReplyAddress::Url(InvalidResponseUrl::Scheme)),
        ("https://", NoReplyAddress::Url(InvalidResponseUrl::NotAUrl)),
        ("/p", NoReplyAddress::Url(InvalidResponseUrl::NotAUrl)),
        ("no address", NoReplyAddress::Url(InvalidResponseUrl::NotAUrl)),
    ] {
        cases.push((create().field("ResponseURL", json!(format!("{url}?{QUERY}"))), Some(error)));
    }
    for (request, expected) in cases {
        let error = stage.invoke(&request.0.to_string(), AMPLE).await.expect_err("nobody can be answered");
        let Unanswered::NoReplyAddress(error) = error else { panic!("{error}") };
        assert_eq!(error, expected.unwrap_or(error), "{}", request.0);
    }
    assert!(stage.aws.called().is_empty() && stage.cloudformation.puts().is_empty());
}

/// Row 5b: no ResponseURL, warm: the request before is not answered again.
#[tokio::test]
async fn a_warm_process_keeps_no_address() {
    let stage = stage().await;
    let before = stage.cloudformation.puts().len();
    for request in broken(&delete(), "ResponseURL") {
        stage.invoke(&request.0.to_string(), AMPLE).await.expect_err("nobody can be answered");
    }
    assert_eq!(stage.cloudformation.puts().len(), before);
    serves(&stage).await;
}

/// Row 6: RequestType "Foo".
#[tokio::test]
async fn a_request_type_that_is_unknown_runs_nothing() {
    let stage = stage().await;
    stage.aws.called();
    for (request, id) in [(create(), "not-registered|Scaling"), (update(), ID), (delete(), ID)] {
        let (reason, answered) = stage.refuse(request.field("RequestType", json!("Foo")), AMPLE).await;
        assert_eq!(reason, "RequestType: expected Create, Update or Delete, found \"Foo\"");
        assert_eq!(answered, id);
    }
    assert!(stage.aws.called().is_empty());
}
