//! Who holds the target, and under which id the resource goes on.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::aws::{ALWAYS, Fault};
use crate::support::request::{ID, STACK, create, delete, update};
use crate::support::socket::Act;
use crate::support::stage::{AMPLE, SHORT, Stage};

const MINE: &str = "endpoint/MyEndPoint/variant/MyVariant";
const OTHER: &str = "endpoint/MyEndPoint/variant/MyOtherVariant";
const OTHER_ID: &str = "endpoint/MyEndPoint/variant/MyOtherVariant|sagemaker:variant:DesiredInstanceCount|sagemaker";
const NOT_REGISTERED: &str = "not-registered|Scaling";
/// As CloudFormation invents it for a Create that never answered.
const INVENTED: &str = "demo-Scaling-1A2B3C4D5E6F";

async fn denied_at(operation: &str) -> Stage {
    let stage = Stage::new().await;
    stage.aws.plan(operation, ALWAYS, Fault::Says(400, "AccessDeniedException", "no".to_owned()));
    stage
}

/// Row O1: nobody holds it: Create and Update register it with the owner's tags; Delete has nothing to do.
#[tokio::test]
async fn what_nobody_holds_is_registered_and_its_delete_does_nothing() {
    for request in [create(), update()] {
        let stage = Stage::new().await;
        assert_eq!(stage.succeed(request).await, ID);
        let tags = json!({"sagemaker-scaling:stack-id": STACK, "sagemaker-scaling:logical-id": "Scaling"});
        assert_eq!(stage.aws.targets()[0]["Tags"], tags);
        stage.succeed(delete()).await;
        stage.aws.called();
        assert_eq!(stage.succeed(delete()).await, ID);
        let looks = ["DescribeStackResource", "DescribeScalableTargets", "GetParameter"];
        assert_eq!(stage.aws.called(), looks, "registered, or parked?");
    }
}

/// Row O2: we hold it. Row 12: duplicate delivery, of each request, also while the first answer is lost.
#[tokio::test]
async fn what_we_hold_is_registered_again_and_deregistered_once() {
    let stage = Stage::new().await;
    let mut seen = Vec::new();
    for request in [create(), create(), update(), update()] {
        assert_eq!(stage.succeed(request).await, ID);
        seen.push(stage.aws.targets());
    }
    assert!(seen.iter().all(|targets| *targets == seen[0] && targets.len() == 1), "{seen:?}");
    for _ in 0..2 {
        assert_eq!(stage.succeed(delete()).await, ID);
        assert!(stage.aws.registered().is_empty());
    }
}

/// Row O3: another stack holds it, or another resource of ours.
#[tokio::test]
async fn what_another_holds_is_refused_by_name_and_left_alone() {
    let theirs = "resource Scaling of stack arn:aws:cloudformation:us-east-1:111122223333:stack/theirs/1";
    let ours = format!("resource Scaling2 of stack {STACK}");
    let another = create().field("LogicalResourceId", json!("Scaling2"));
    let holders = [(create().in_stack("theirs"), theirs), (another, &ours)];
    join_all(holders.map(|(holder, name)| async move {
        let stage = Stage::new().await;
        stage.succeed(holder).await;
        let before = stage.aws.targets();
        for (request, id) in [
            (create(), NOT_REGISTERED),
            (create().with("AdoptExisting", json!("true")), NOT_REGISTERED),
            (update(), ID),
        ] {
            let (reason, answered) = stage.refuse(request, AMPLE).await;
            assert!(reason.contains(name), "{reason}");
            assert_eq!(answered, id);
        }
        for id in [ID, NOT_REGISTERED, INVENTED] {
            assert_eq!(stage.succeed(delete().of(id)).await, id);
        }
        assert_eq!(stage.aws.targets(), before);
    }))
    .await;
}

/// Row O4: untagged: refused, or taken over, and released by the Delete.
#[tokio::test]
async fn what_is_untagged_is_refused_or_adopted_and_released() {
    let stage = Stage::new().await;
    stage.aws.register_by_hand();
    for request in [create(), update()] {
        let (reason, _) = stage.refuse(request, AMPLE).await;
        assert!(reason.contains("AdoptExisting"), "{reason}");
    }
    stage.succeed(delete()).await;
    assert_eq!(stage.aws.targets()[0]["Tags"], json!({}));

    assert_eq!(stage.succeed(create().with("AdoptExisting", json!("true"))).await, ID);
    assert_eq!(stage.aws.targets()[0]["Tags"]["sagemaker-scaling:adopted"], "true");
    stage.succeed(delete()).await;
    assert_eq!(stage.aws.registered(), [MINE]);
    assert_eq!(stage.aws.targets()[0]["Tags"], json!({}));
}

/// Row O5: a Create that failed before anything was registered says so. Row 13: Delete after failed Create.
#[tokio::test]
async fn the_delete_after_a_create_that_did_nothing_does_nothing() {
    let stage = denied_at("RegisterScalableTarget").await;
    let (_, id) = stage.refuse(create(), AMPLE).await;
    assert_eq!(id, NOT_REGISTERED);
    // Somebody else's by now, or not ours to take down.
    stage.aws.recover();
    stage.succeed(create()).await;
    stage.aws.called();
    assert_eq!(stage.succeed(delete().of(&id)).await, id);
    assert!(stage.aws.called().is_empty());
}

/// Row O6: a Create that registered, and then failed, answers with the real id. Row 13: its Delete cleans up.
#[tokio::test]
async fn the_delete_after_a_create_that_was_half_done_cleans_up() {
    join_all([Act::Reset, Act::Hang, Act::Reply(500, "", String::new())].map(|act| async {
        let stage = Stage::new().await;
        stage.aws.plan("RegisterScalableTarget", ALWAYS, Fault::After(act));
        let (_, id) = stage.refuse(create(), SHORT).await;
        assert_eq!((id.as_str(), stage.aws.registered()), (ID, vec![MINE.to_owned()]));
        stage.aws.recover();
        assert_eq!(stage.succeed(delete().of(&id)).await, ID);
        assert!(stage.aws.registered().is_empty());
    }))
    .await;
}

/// Row 15: Delete with an id that CloudFormation invented: the properties tell what to delete.
#[tokio::test]
async fn an_invented_id_is_deleted_by_the_properties() {
    let stage = Stage::new().await;
    stage.succeed(create()).await;
    assert_eq!(stage.succeed(delete().of(INVENTED)).await, INVENTED);
    assert!(stage.aws.registered().is_empty());
    for properties in [Value::Null, json!([]), json!({"EndpointName": 7})] {
        let odd = delete().of(INVENTED).field("ResourceProperties", properties);
        assert_eq!(stage.succeed(odd).await, INVENTED);
    }
}

/// Row 16: Update, identity changed: another id, and the old target waits for its Delete.
#[tokio::test]
async fn a_changed_variant_is_another_id() {
    let stage = Stage::new().await;
    stage.succeed(create()).await;
    let request = update().with("VariantName", json!("MyOtherVariant"));
    assert_eq!(stage.succeed(request).await, OTHER_ID);
    assert_eq!(stage.aws.registered(), [OTHER, MINE]);
    stage.succeed(delete()).await;
    assert_eq!(stage.aws.registered(), [OTHER]);
}

/// Row 17, A3: a failed Update keeps its id, and so does a failed Delete, whatever id it was given.
#[tokio::test]
async fn what_failed_keeps_the_id_that_it_was_given() {
    let stage = denied_at("DescribeScalableTargets").await;
    let to_other = update().with("VariantName", json!("MyOtherVariant"));
    for id in [ID, INVENTED, OTHER_ID] {
        for request in [update(), to_other.clone(), update().with("MinCapacity", json!("x")), delete()] {
            assert_eq!(stage.refuse(request.of(id), AMPLE).await.1, id);
        }
    }
}
