//! Who owns the target, and which physical id the resource has.

use futures_util::future::join_all;
use serde_json::{Value, json};
use test_support::account::{Account as _, owned_by};
use test_support::attached::merged;
use test_support::function::{ADOPTED_TAG, DECLARED_TAG};
use test_support::loopback::Act;
use test_support::request::{
    ID, INVENTED, MY_OTHER_VARIANT, MY_VARIANT, NOT_REGISTERED, OTHER_ID, STACK, create, delete, update,
};

use crate::support::aws::{ALWAYS, Fault};
use crate::support::stage::{AMPLE, SHORT, Stage};

async fn denied_at(operation: &str) -> Stage {
    let stage = Stage::new().await;
    stage.aws.plan(operation, ALWAYS, Fault::Says(400, "AccessDeniedException", "no".to_owned()));
    stage
}

pub(crate) async fn an_unregistered_target_is_registered_and_its_delete_does_nothing() {
    for request in [create(), update()] {
        let stage = Stage::new().await;
        assert_eq!(stage.succeed(request).await, ID);
        let tags = merged(owned_by(STACK, "Scaling"), &json!({ DECLARED_TAG: "1 zCVpV 1-8 ---" }));
        assert_eq!(stage.aws.tagged_targets()[0]["Tags"], tags);
        stage.succeed(delete()).await;
        stage.aws.called();
        assert_eq!(stage.succeed(delete()).await, ID);
        let reads = ["DescribeStackResource", "DescribeScalableTargets", "DescribeEndpoint", "GetParameter"];
        assert_eq!(stage.aws.called(), reads, "it reads the target, the endpoint's spelling and the snapshot");
    }
}

pub(crate) async fn a_request_that_is_delivered_twice_takes_effect_once() {
    let stage = Stage::new().await;
    let mut states = Vec::new();
    for request in [create(), create(), update(), update()] {
        assert_eq!(stage.succeed(request).await, ID);
        states.push(stage.aws.tagged_targets());
    }
    assert!(states.iter().all(|targets| *targets == states[0] && targets.len() == 1), "{states:?}");
    for _ in 0..2 {
        assert_eq!(stage.succeed(delete()).await, ID);
        assert!(stage.aws.registered().is_empty());
    }
}

/// The reason names the owner.
pub(crate) async fn a_target_of_another_owner_is_refused_and_not_changed() {
    let theirs = "resource Scaling of stack arn:aws:cloudformation:us-east-1:111122223333:stack/theirs/1";
    let other = format!("resource Scaling2 of stack {STACK}");
    let another = create().field("LogicalResourceId", json!("Scaling2"));
    let owners = [(create().in_stack("theirs"), theirs), (another, &other)];
    join_all(owners.map(|(owner, name)| async move {
        let stage = Stage::new().await;
        stage.succeed(owner).await;
        let before = stage.aws.tagged_targets();
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
        assert_eq!(stage.aws.tagged_targets(), before);
    }))
    .await;
}

pub(crate) async fn an_untagged_target_is_refused_or_adopted_and_released() {
    let stage = Stage::new().await;
    stage.aws.register_by_hand(json!({}));
    for request in [create(), update()] {
        let (reason, _) = stage.refuse(request, AMPLE).await;
        assert!(reason.contains("AdoptExisting"), "{reason}");
    }
    stage.succeed(delete()).await;
    assert_eq!(stage.aws.tagged_targets()[0]["Tags"], json!({}));

    assert_eq!(stage.succeed(create().with("AdoptExisting", json!("true"))).await, ID);
    assert_eq!(stage.aws.tagged_targets()[0]["Tags"][ADOPTED_TAG], "true");
    stage.succeed(delete()).await;
    assert_eq!(stage.aws.registered(), [MY_VARIANT]);
    assert_eq!(stage.aws.tagged_targets()[0]["Tags"], json!({}));
}

pub(crate) async fn a_delete_after_a_create_that_registered_nothing_calls_no_service() {
    let stage = denied_at("RegisterScalableTarget").await;
    let (_, id) = stage.refuse(create(), AMPLE).await;
    assert_eq!(id, NOT_REGISTERED);
    // The target may have another owner by now.
    stage.aws.recover();
    stage.succeed(create()).await;
    stage.aws.called();
    assert_eq!(stage.succeed(delete().of(&id)).await, id);
    assert!(stage.aws.called().is_empty());
}

pub(crate) async fn a_delete_after_a_create_that_registered_and_failed_deregisters() {
    join_all([Act::Reset, Act::Hang, Act::status(500)].map(|act| async {
        let stage = Stage::new().await;
        stage.aws.plan("RegisterScalableTarget", ALWAYS, Fault::After(act));
        let (_, id) = stage.refuse(create(), SHORT).await;
        assert_eq!((id.as_str(), stage.aws.registered()), (ID, vec![MY_VARIANT.to_owned()]));
        stage.aws.recover();
        assert_eq!(stage.succeed(delete().of(&id)).await, ID);
        assert!(stage.aws.registered().is_empty());
    }))
    .await;
}

pub(crate) async fn a_delete_with_an_invented_id_follows_the_properties() {
    let stage = Stage::new().await;
    stage.succeed(create()).await;
    assert_eq!(stage.succeed(delete().of(INVENTED)).await, INVENTED);
    assert!(stage.aws.registered().is_empty());
    for properties in [Value::Null, json!([]), json!({"EndpointName": 7})] {
        let odd = delete().of(INVENTED).field("ResourceProperties", properties);
        assert_eq!(stage.succeed(odd).await, INVENTED);
    }
}

/// The old target stays until the clean-up deletes it.
pub(crate) async fn a_changed_variant_is_a_replacement() {
    let stage = Stage::new().await;
    stage.succeed(create()).await;
    let request = update().with("VariantName", json!("MyOtherVariant"));
    assert_eq!(stage.succeed(request).await, OTHER_ID);
    assert_eq!(stage.aws.registered(), [MY_OTHER_VARIANT, MY_VARIANT]);
    stage.succeed(delete()).await;
    assert_eq!(stage.aws.registered(), [MY_OTHER_VARIANT]);
}

pub(crate) async fn a_failed_update_or_delete_keeps_its_physical_id() {
    let stage = denied_at("DescribeScalableTargets").await;
    let to_other = update().with("VariantName", json!("MyOtherVariant"));
    for id in [ID, INVENTED, OTHER_ID] {
        for request in [update(), to_other.clone(), update().with("MinCapacity", json!("x")), delete()] {
            assert_eq!(stage.refuse(request.of(id), AMPLE).await.1, id);
        }
    }
}
