//! The body of an answer, when there is more than fits, or the text is unusual.

use serde_json::{Value, json};
use test_support::account::Account as _;
use test_support::function::MAX_BODY_BYTES;
use test_support::request::{Request, STACK, create, delete, update};

use crate::support::aws::{Fault, VARIANTS};
use crate::support::stage::{AMPLE, Stage};

/// The longest name that SageMaker allows.
const LONG_NAME: &str = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
const PREFIX: &str = "RegisterScalableTarget failed for endpoint/MyEndPoint/variant/MyVariant: ValidationException: ";

/// The body and the reason of the answer to a Create that the service refuses with a message.
async fn refused_with(stage: &Stage, message: &str) -> (String, String) {
    stage.aws.plan("RegisterScalableTarget", 1, Fault::Says(400, "ValidationException", message.to_owned()));
    let (reason, _) = stage.refuse(create(), AMPLE).await;
    let puts = stage.cloudformation.puts();
    let put = puts.last().expect("an answer");
    assert_eq!(put.header("content-length"), Some(put.body.len().to_string().as_str()));
    (put.body.clone(), reason)
}

/// Too long before it is escaped, or only afterwards.
pub(crate) async fn a_long_reason_is_cut_at_the_size_limit() {
    let stage = Stage::new().await;
    for (piece, times) in [
        ("a", 10_000),
        ("a", 4_000),
        // These fit until they are escaped.
        ("\"", 2_500),
        ("\\", 2_500),
        ("\n", 2_500),
        ("\u{1}", 700),
        ("\u{7f}\u{0}\u{1b}", 1_000),
        ("é", 5_000),
        ("\u{2028}", 2_000),
        ("🦀", 3_000),
        ("👩‍👩‍👧‍👦", 500),
        ("a\"🦀\u{0}", 2_000),
    ] {
        let message = piece.repeat(times);
        let (body, reason) = refused_with(&stage, &message).await;
        assert!((MAX_BODY_BYTES - 16..=MAX_BODY_BYTES).contains(&body.len()), "{piece:?}: {} bytes", body.len());
        let (kept, _) = reason.rsplit_once(" …").expect("an ellipsis marks the cut");
        assert!(format!("{PREFIX}{message}").starts_with(kept) && kept.len() > PREFIX.len(), "{piece:?}: {kept}");
    }
}

pub(crate) async fn a_reason_is_never_cut_inside_a_character() {
    let stage = Stage::new().await;
    for character in ["é", "€", "🦀"] {
        for shift in 0..character.len() {
            let message = format!("{}{}", "x".repeat(shift), character.repeat(2_500));
            let (body, reason) = refused_with(&stage, &message).await;
            assert!((MAX_BODY_BYTES - 16..=MAX_BODY_BYTES).contains(&body.len()), "{} bytes", body.len());
            let (kept, _) = reason.rsplit_once(" …").expect("an ellipsis marks the cut");
            assert!(format!("{PREFIX}{message}").starts_with(kept), "{character} after {shift}: {kept}");
        }
    }
}

pub(crate) async fn a_reason_that_fits_is_not_cut() {
    let stage = Stage::new().await;
    let (body, _) = refused_with(&stage, "x").await;
    let room = MAX_BODY_BYTES - body.len() + 1;
    let (body, reason) = refused_with(&stage, &"x".repeat(room)).await;
    assert_eq!((body.len(), reason), (MAX_BODY_BYTES, format!("{PREFIX}{}", "x".repeat(room))));
    let (body, reason) = refused_with(&stage, &"x".repeat(room + 1)).await;
    assert!(body.len() <= MAX_BODY_BYTES && reason.ends_with(" …"), "{reason}");
}

/// A request in which each copied part is as long as it may be, and even longer in JSON.
fn bulky() -> Request {
    let stack = format!("{STACK}/{}", "s".repeat(255 - STACK.len()));
    let logical = "\"".repeat(120);
    create()
        .field("StackId", json!(stack))
        .field("LogicalResourceId", json!(logical))
        .field("RequestId", json!("🦀".repeat(128)))
        .with("EndpointName", json!(LONG_NAME))
}

pub(crate) async fn the_longest_success_fits_the_size_limit() {
    let stage = Stage::new().await;
    stage.aws.create_endpoint(LONG_NAME, &VARIANTS);
    let id = stage.succeed(bulky()).await;
    // CloudFormation allows an id of 1 KB.
    let invented = "i".repeat(1_024);
    let again = bulky().field("RequestType", json!("Update"));
    assert_eq!(stage.succeed(again.of(&invented)).await, invented);
    stage.succeed(bulky().field("RequestType", json!("Delete")).of(&id)).await;
    assert!(stage.aws.registered().is_empty());
}

pub(crate) async fn every_attribute_is_text() {
    let stage = Stage::new().await;
    for request in [create(), update(), create().with("MinCapacity", json!(2)).with("MaxCapacity", json!(7))] {
        let answer = stage.answer(request, AMPLE).await;
        let data = answer["Data"].as_object().expect("attributes");
        assert!(data.len() == 8 && data.values().all(Value::is_string), "{answer}");
        assert_eq!(answer.as_object().expect("an object").len(), 6, "only fields that CloudFormation knows");
    }
    let answer = stage.answer(delete(), AMPLE).await;
    assert_eq!(answer.get("Data"), None);
    assert_eq!(answer.get("Reason"), None, "a success has no reason, not even null");
}

pub(crate) async fn non_ascii_text_arrives_unchanged() {
    let stage = Stage::new().await;
    let logical = "Skalierung-größe-🦀-\u{7}-\"x\"";
    stage.succeed(create().field("LogicalResourceId", json!(logical))).await;
    let puts = stage.cloudformation.puts();
    assert_eq!(puts[0].header("content-length"), Some(puts[0].body.len().to_string().as_str()));
    assert_eq!(stage.cloudformation.answer()["LogicalResourceId"], logical);
    let (reason, _) = stage.refuse(create().with("VariantName", json!("größe🦀")), AMPLE).await;
    assert!(reason.ends_with("found \"größe🦀\""), "{reason}");
}
