//! What is on the wire when there is more to say than fits, or it is odd.

use sagemaker_scaling::response::MAX_BODY_BYTES;
use serde_json::{Value, json};

use crate::support::aws::Fault;
use crate::support::request::{Request, STACK, create, delete, update};
use crate::support::stage::{AMPLE, Stage};

/// SageMaker allows no longer one.
const LONG_NAME: &str = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
const TOLD: &str = "RegisterScalableTarget failed for endpoint/MyEndPoint/variant/MyVariant: ValidationException: ";

/// The body of the answer to a Create that the service refuses with a message.
async fn refused_with(stage: &Stage, message: &str) -> (String, String) {
    stage.aws.plan("RegisterScalableTarget", 1, Fault::Says(400, "ValidationException", message.to_owned()));
    let (reason, _) = stage.refuse(create(), AMPLE).await;
    let puts = stage.cloudformation.puts();
    let put = puts.last().expect("an answer");
    assert_eq!(put.header("content-length"), Some(put.body.len().to_string().as_str()));
    (put.body.clone(), reason)
}

/// Row 7b: 10 kB of error text. Row A4: too long before escaping, or only after it; made of quotes, control characters
/// and emoji.
#[tokio::test]
async fn a_reason_that_is_too_long_is_cut_where_the_body_is_full() {
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
        let (kept, _) = reason.rsplit_once(" …").expect("it says that it is cut");
        assert!(format!("{TOLD}{message}").starts_with(kept) && kept.len() > TOLD.len(), "{piece:?}: {kept}");
    }
}

/// Row A4: a reason that is cut inside a character of two, three or four bytes is cut before it.
#[tokio::test]
async fn a_character_is_never_cut_in_two() {
    let stage = Stage::new().await;
    for character in ["é", "€", "🦀"] {
        for shift in 0..character.len() {
            let message = format!("{}{}", "x".repeat(shift), character.repeat(2_500));
            let (body, reason) = refused_with(&stage, &message).await;
            assert!((MAX_BODY_BYTES - 16..=MAX_BODY_BYTES).contains(&body.len()), "{} bytes", body.len());
            let (kept, _) = reason.rsplit_once(" …").expect("it says that it is cut");
            assert!(format!("{TOLD}{message}").starts_with(kept), "{character} after {shift}: {kept}");
        }
    }
}

/// Row A4: what just fits is whole.
#[tokio::test]
async fn a_reason_that_fits_is_not_cut() {
    let stage = Stage::new().await;
    let (body, _) = refused_with(&stage, "x").await;
    let room = MAX_BODY_BYTES - body.len() + 1;
    let (body, reason) = refused_with(&stage, &"x".repeat(room)).await;
    assert_eq!((body.len(), reason), (MAX_BODY_BYTES, format!("{TOLD}{}", "x".repeat(room))));
    let (body, reason) = refused_with(&stage, &"x".repeat(room + 1)).await;
    assert!(body.len() <= MAX_BODY_BYTES && reason.ends_with(" …"), "{reason}");
}

/// A request whose every copied part is as long as it may be, and takes more room in JSON.
fn bulky() -> Request {
    let stack = format!("{STACK}/{}", "s".repeat(255 - STACK.len()));
    let logical = "\"".repeat(120);
    create()
        .field("StackId", json!(stack))
        .field("LogicalResourceId", json!(logical))
        .field("RequestId", json!("🦀".repeat(128)))
        .with("EndpointName", json!(LONG_NAME))
}

/// Row 7: reply of more than 4096 bytes: there is none, whatever is copied into it.
#[tokio::test]
async fn the_longest_success_fits() {
    let stage = Stage::new().await;
    stage.aws.endpoint(LONG_NAME);
    let id = stage.succeed(bulky()).await;
    // CloudFormation allows an id of 1 KB.
    let invented = "i".repeat(1_024);
    let again = bulky().field("RequestType", json!("Update"));
    assert_eq!(stage.succeed(again.of(&invented)).await, invented);
    stage.succeed(bulky().field("RequestType", json!("Delete")).of(&id)).await;
    assert!(stage.aws.registered().is_empty());
}

/// Row 22: Data that is no text. Row 23: Data that cannot be serialised: there is neither.
#[tokio::test]
async fn every_attribute_is_text() {
    let stage = Stage::new().await;
    for request in [create(), update(), create().with("MinCapacity", json!(2)).with("MaxCapacity", json!(7))] {
        let answer = stage.answer(request, AMPLE).await;
        let data = answer["Data"].as_object().expect("attributes");
        assert!(data.len() == 8 && data.values().all(Value::is_string), "{answer}");
        assert_eq!(answer.as_object().expect("an object").len(), 6, "nothing that CloudFormation does not know");
    }
    let answer = stage.answer(delete(), AMPLE).await;
    assert_eq!(answer.get("Data"), None);
    assert_eq!(answer.get("Reason"), None, "a success gives none, and no null either");
}

/// Row 24: non-ASCII, in what is copied and in what is told: the length counts bytes.
#[tokio::test]
async fn what_is_not_ascii_arrives_whole() {
    let stage = Stage::new().await;
    let logical = "Skalierung-größe-🦀-\u{7}-\"x\"";
    stage.succeed(create().field("LogicalResourceId", json!(logical))).await;
    let puts = stage.cloudformation.puts();
    assert_eq!(puts[0].header("content-length"), Some(puts[0].body.len().to_string().as_str()));
    assert_eq!(stage.cloudformation.answer()["LogicalResourceId"], logical);
    let (reason, _) = stage.refuse(create().with("VariantName", json!("größe🦀")), AMPLE).await;
    assert!(reason.ends_with("found \"größe🦀\""), "{reason}");
}
