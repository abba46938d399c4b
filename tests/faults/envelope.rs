//! The envelope, with one broken field at a time. One process serves all of these requests, and the next one.

use serde_json::{Value, json};
use test_support::account::Account as _;
use test_support::function::{InvalidResponseUrl, NoReplyAddress, Unanswered};
use test_support::request::{ID, MY_VARIANT, NOT_REGISTERED, Request, create, delete, update};
use test_support::secrets::QUERY;

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

/// A request without a field, and with values in it that it should not have.
fn broken(request: &Request, field: &str) -> Vec<Request> {
    let odd = [json!(null), json!(7), json!(1.5), json!(true), json!([]), json!(["x"]), json!({}), json!({"a": 1})];
    let mut all: Vec<_> = odd.into_iter().map(|odd| request.clone().field(field, odd)).collect();
    all.push(request.clone().field(field, json!("")));
    all.push(request.clone().without(field));
    all
}

/// A process whose resource has registered its target.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.succeed(create()).await;
    stage
}

/// The next request is served as usual.
async fn serves(stage: &Stage) {
    assert_eq!(stage.succeed(update()).await, ID);
    assert_eq!(stage.aws.registered(), [MY_VARIANT]);
}

/// Missing, null, empty or of the wrong type. A reason names the field, if it matters; the id is a valid one.
pub(crate) async fn a_request_with_a_broken_field_is_answered() {
    for request in [create(), update(), delete()] {
        let stage = stage().await;
        let type_of = request.0["RequestType"].as_str().expect("text");
        for field in FIELDS {
            let succeeds = match field {
                "ServiceToken" | "OldResourceProperties" => true,
                "PhysicalResourceId" => type_of == "Create",
                // Properties of any shape never fail a Delete.
                "ResourceProperties" => type_of == "Delete",
                _ => false,
            };
            for broken in broken(&request, field) {
                // Before a Create, nothing is registered.
                stage.succeed(if type_of == "Create" { delete() } else { update() }).await;
                let before = stage.aws.registered();
                let shown = broken.0.to_string();
                let answer = stage.answer(broken.clone(), AMPLE).await;
                assert_eq!(answer["Status"] == "SUCCESS", succeeds, "{answer} for {shown}");
                if !succeeds {
                    // An object is read, and its missing fields are named.
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

pub(crate) async fn missing_properties_fail_a_create_and_an_update() {
    let stage = stage().await;
    for (request, id) in [(create(), NOT_REGISTERED), (update(), ID)] {
        let (reason, answered) = stage.refuse(request.without("ResourceProperties"), AMPLE).await;
        assert_eq!(reason, "ResourceProperties: expected an object, found nothing");
        assert_eq!(answered, id);
    }
    assert_eq!(stage.succeed(delete().without("ResourceProperties")).await, ID);
    assert!(stage.aws.registered().is_empty(), "the id says what to delete");
}

pub(crate) async fn a_missing_or_mistyped_property_is_named() {
    let stage = stage().await;
    for name in ["EndpointName", "VariantName", "MinCapacity", "MaxCapacity"] {
        for value in [Value::Null, json!({}), json!([]), json!(true), json!("")] {
            for request in [create(), update()] {
                let (reason, _) = stage.refuse(request.with(name, value.clone()), AMPLE).await;
                assert!(reason.starts_with(&format!("{name}: ")), "{reason}");
            }
            // The rollback of such an Update.
            assert_eq!(stage.succeed(update().with_old(name, value.clone())).await, ID);
        }
    }
    serves(&stage).await;
}

pub(crate) async fn a_request_without_a_usable_response_url_fails_the_invocation() {
    let stage = Stage::new().await;
    let missing = |request: Request| {
        let is_text = request.0["ResponseURL"].is_string();
        (request, if is_text { NoReplyAddress::Url(InvalidResponseUrl::NotAUrl) } else { NoReplyAddress::Missing })
    };
    let mut cases: Vec<_> = broken(&create(), "ResponseURL").into_iter().map(missing).collect();
    for (url, error) in [
        ("http://example.com/p", NoReplyAddress::Url(InvalidResponseUrl::Scheme)),
        ("http://127.0.0.1@example.com/p", NoReplyAddress::Url(InvalidResponseUrl::Scheme)),
        ("ftp://127.0.0.1/p", NoReplyAddress::Url(InvalidResponseUrl::Scheme)),
        ("https://", NoReplyAddress::Url(InvalidResponseUrl::NotAUrl)),
        ("/p", NoReplyAddress::Url(InvalidResponseUrl::NotAUrl)),
        ("no address", NoReplyAddress::Url(InvalidResponseUrl::NotAUrl)),
    ] {
        cases.push((create().field("ResponseURL", json!(format!("{url}?{QUERY}"))), error));
    }
    for (request, expected) in cases {
        let error = stage.invoke(&request.0.to_string(), AMPLE).await.expect_err("there is no response URL");
        let Unanswered::NoReplyAddress(error) = error else { panic!("{error}") };
        assert_eq!(error, expected, "{}", request.0);
    }
    assert!(stage.aws.called().is_empty() && stage.cloudformation.puts().is_empty());
}

pub(crate) async fn a_warm_process_does_not_reuse_a_response_url() {
    let stage = stage().await;
    let before = stage.cloudformation.puts().len();
    for request in broken(&delete(), "ResponseURL") {
        stage.invoke(&request.0.to_string(), AMPLE).await.expect_err("there is no response URL");
    }
    assert_eq!(stage.cloudformation.puts().len(), before);
    serves(&stage).await;
}

pub(crate) async fn an_unknown_request_type_calls_no_service() {
    let stage = stage().await;
    stage.aws.called();
    for (request, id) in [(create(), NOT_REGISTERED), (update(), ID), (delete(), ID)] {
        let (reason, answered) = stage.refuse(request.field("RequestType", json!("Foo")), AMPLE).await;
        assert_eq!(reason, "RequestType: expected Create, Update or Delete, found \"Foo\"");
        assert_eq!(answered, id);
    }
    assert!(stage.aws.called().is_empty());
}
