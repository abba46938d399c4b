//! The ownership table, cell by cell: who owns the target, and what Create, Update and Delete do with it.

use std::time::Duration;

use crate::support::world::{Trouble, World};
use serde_json::{Value, json};
use test_support::account::{Account as _, my_variant, owned_by};
use test_support::attached::{merged, tracking};
use test_support::function::{ADOPTED_TAG, DECLARED_TAG, LOGICAL_ID_TAG};
use test_support::request::{ID, MY_VARIANT, NOT_REGISTERED, Request, STACK, create, delete, update};
use tokio::time::sleep;

fn by_hand(world: &World) {
    world.register_by_hand(json!({"team": "ml"}));
}

async fn refused(world: &World, request: Request, owner: &str) -> String {
    let before = world.tagged_targets();
    let (reason, id) = world.refuse(request).await;
    assert!(reason.contains(owner), "{reason}");
    assert_eq!(world.tagged_targets(), before, "a refusal changes nothing");
    id
}

#[tokio::test(start_paused = true)]
async fn a_create_registers_an_unregistered_target_with_the_tags_of_its_owner() {
    let world = World::new();
    let answer = world.succeed(create()).await;
    assert_eq!(answer["PhysicalResourceId"], ID);
    let [target] = &world.targets()[..] else { panic!("one target") };
    assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(1), &json!(8)));
    let expected = merged(owned_by(STACK, "Scaling"), &json!({ DECLARED_TAG: "1 zCVpV 1-8 ---" }));
    assert_eq!(world.tags(target), expected);
}

#[tokio::test(start_paused = true)]
async fn an_update_registers_a_target_that_is_no_longer_registered() {
    let world = World::new();
    world.succeed(update()).await;
    let [target] = &world.targets()[..] else { panic!("one target") };
    assert_eq!(world.tags(target)[LOGICAL_ID_TAG], "Scaling");
}

#[tokio::test(start_paused = true)]
async fn a_delete_of_an_unregistered_target_succeeds_and_changes_nothing() {
    let world = World::new();
    world.succeed(delete()).await;
    let mut called = world.called();
    assert_eq!(called.pop().as_deref(), Some("GetParameter"), "there may be a snapshot");
    assert_eq!(called.pop().as_deref(), Some("DescribeEndpoint"), "the endpoint may have another spelling");
    assert!(called.iter().all(|name| name == "DescribeScalableTargets"), "{called:?}");
    assert!((2..8).contains(&called.len()), "it reads again, since a new target may not be visible yet: {called:?}");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_delivered_twice_registers_once_with_the_same_answer() {
    let world = World::new();
    let first = world.succeed(create()).await;
    let before = world.tagged_targets();
    assert_eq!(world.succeed(create()).await, first);
    assert_eq!(world.tagged_targets(), before);
}

#[tokio::test(start_paused = true)]
async fn an_update_changes_a_target_that_this_resource_owns() {
    let world = World::new();
    let arn = world.succeed(create()).await["Data"]["ScalableTargetARN"].clone();
    let answer = world.succeed(update().with("MaxCapacity", json!("3"))).await;
    assert_eq!((&answer["PhysicalResourceId"], &answer["Data"]["MaxCapacity"]), (&json!(ID), &json!("3")));
    assert_eq!(answer["Data"]["ScalableTargetARN"], arn, "it is the same target");
    assert_eq!(world.targets()[0]["MaxCapacity"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_delete_deregisters_a_target_that_this_resource_owns() {
    let world = World::new();
    world.succeed(create()).await;
    world.succeed(delete()).await;
    assert!(world.registered().is_empty());
    world.succeed(delete()).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_of_another_stack_is_refused_with_its_owner_and_not_deleted() {
    let world = World::new();
    world.succeed(create().in_stack("theirs")).await;
    let owner = "stack/theirs/1";
    let id = refused(&world, create(), owner).await;
    assert_eq!(id, NOT_REGISTERED, "the Delete that follows does nothing");
    assert_eq!(refused(&world, update(), owner).await, ID, "a failed Update keeps its id");
    refused(&world, create().with("AdoptExisting", json!("true")), owner).await;

    let before = world.tagged_targets();
    world.succeed(delete()).await;
    world.succeed(delete().of(&id)).await;
    assert_eq!(world.tagged_targets(), before);
}

#[tokio::test(start_paused = true)]
async fn a_target_of_another_resource_of_the_stack_is_refused_with_its_owner_and_not_deleted() {
    let world = World::new();
    world.succeed(create().field("LogicalResourceId", json!("Other"))).await;
    refused(&world, create(), "resource Other of stack").await;
    refused(&world, update(), "resource Other of stack").await;
    let before = world.tagged_targets();
    world.succeed(delete()).await;
    assert_eq!(world.tagged_targets(), before);
}

#[tokio::test(start_paused = true)]
async fn an_untagged_target_is_refused_and_not_deleted() {
    let world = World::new();
    by_hand(&world);
    let id = refused(&world, create(), "AdoptExisting").await;
    assert_eq!(id, NOT_REGISTERED);
    refused(&world, update(), "AdoptExisting").await;
    refused(&world, create().with("AdoptExisting", json!("false")), "AdoptExisting").await;
    let before = world.tagged_targets();
    world.succeed(delete()).await;
    assert_eq!(world.tagged_targets(), before);
}

#[tokio::test(start_paused = true)]
async fn an_untagged_target_is_adopted_on_request_and_released_by_its_delete() {
    let world = World::new();
    by_hand(&world);
    world.auto_scaling("PutScalingPolicy", my_variant(), &tracking("theirs", 70.0));
    let adopting = || create().with("AdoptExisting", json!("true"));
    assert_eq!(world.succeed(adopting()).await["PhysicalResourceId"], ID);
    let [target] = &world.targets()[..] else { panic!("one target") };
    assert_eq!(target["MaxCapacity"], 8);
    assert_eq!(world.tags(target)[ADOPTED_TAG], "true");

    // A tag remembers that the target was adopted, not the property.
    world.succeed(adopting()).await;
    world.succeed(update().with("MaxCapacity", json!("5"))).await;
    world.succeed(delete()).await;
    let [target] = &world.targets()[..] else { panic!("an adopted target stays") };
    assert_eq!(world.tags(target), json!({"team": "ml"}));
    let policies = json!({"ServiceNamespace": "sagemaker"});
    let policies = world.aws("AnyScaleFrontendService.DescribeScalingPolicies", policies);
    assert_eq!(policies["ScalingPolicies"][0]["PolicyName"], "theirs");
}

#[tokio::test(start_paused = true)]
async fn an_update_adopts_on_request() {
    let world = World::new();
    by_hand(&world);
    world.succeed(update().with("AdoptExisting", json!(true))).await;
    world.succeed(delete()).await;
    assert_eq!(world.registered(), [MY_VARIANT]);
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_that_is_registered_again_is_owned_and_no_longer_adopted() {
    let world = World::new();
    by_hand(&world);
    world.succeed(create().with("AdoptExisting", json!("true"))).await;
    world.aws(DEREGISTER, my_variant());
    world.succeed(update()).await;
    world.succeed(delete()).await;
    assert!(world.registered().is_empty());
}

const DEREGISTER: &str = "AnyScaleFrontendService.DeregisterScalableTarget";

/// What stack `theirs` does to own the target: deregister it, and register it again.
fn registered_by_theirs() -> [(&'static str, Value); 2] {
    let theirs = json!({ "MinCapacity": 5, "MaxCapacity": 6, "Tags": owned_by("theirs", "Theirs") });
    [(DEREGISTER, my_variant()), ("AnyScaleFrontendService.RegisterScalableTarget", merged(my_variant(), &theirs))]
}

#[tokio::test(start_paused = true)]
async fn a_target_that_another_stack_registers_during_a_wait_is_refused() {
    for adopting in [false, true] {
        let world = World::new();
        if adopting {
            by_hand(&world);
        } else {
            world.succeed(create()).await;
        }
        world.endpoints_take(30);
        world.scale("MyEndPoint", "MyOtherVariant", 2);
        world.before("DescribeEndpoint", 1, &registered_by_theirs());
        let (reason, _) = world.refuse(update().with("AdoptExisting", json!(adopting.to_string()))).await;
        assert!(reason.contains("resource Theirs of stack theirs"), "{adopting}: {reason}");
        assert_eq!(world.targets()[0]["MinCapacity"], 5);
        world.succeed(delete()).await;
        assert_eq!(world.registered().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_another_stack_registers_right_before_an_update_is_not_tagged() {
    let world = World::new();
    world.succeed(create()).await;
    world.before("RegisterScalableTarget", 0, &registered_by_theirs());
    let (reason, _) = world.refuse(update()).await;
    assert!(reason.contains("resource Theirs of stack theirs"), "{reason}");
    world.succeed(delete()).await;
    assert_eq!(world.registered().len(), 1, "the target of the other stack stays");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_another_stack_registers_while_a_call_hangs_is_not_changed() {
    for (operation, request, status) in
        [("RegisterScalableTarget", update(), "FAILED"), ("DeregisterScalableTarget", delete(), "SUCCESS")]
    {
        let world = World::new();
        world.succeed(create()).await;
        world.trouble(operation, Trouble::Hang);
        let registration = async {
            sleep(Duration::from_secs(6)).await;
            if !world.registered().is_empty() {
                world.aws(DEREGISTER, my_variant());
            }
            world.register_by_hand(owned_by("theirs", "Theirs"));
            world.tagged_targets()
        };
        let (answer, before) = tokio::join!(world.answer(request), registration);
        assert_eq!(answer["Status"], status, "{answer}");
        assert_eq!(world.tagged_targets(), before, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_another_stack_registers_while_tags_are_not_visible_is_not_changed() {
    let world = World::new();
    world.succeed(create()).await;
    world.fail("TagResource", "ResourceNotFoundException", 9);
    let registration = async {
        sleep(Duration::from_secs(4)).await;
        world.aws(DEREGISTER, my_variant());
        world.register_by_hand(owned_by("theirs", "Theirs"));
        world.tagged_targets()
    };
    let tagged = update().with("Tags", json!([{"Key": "team", "Value": "ml"}]));
    let (answer, before) = tokio::join!(world.answer(tagged), registration);
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    assert_eq!(world.tagged_targets(), before);
}

/// A read that shows the other owner may be older than the adoption by this resource. Then its Delete has to look.
#[tokio::test(start_paused = true)]
async fn one_of_two_concurrent_adoptions_is_refused() {
    // Before the function has tagged the target, and after that.
    for (reads_before, expected) in [(1, NOT_REGISTERED), (2, ID)] {
        let world = World::new();
        by_hand(&world);
        let arn = world.targets()[0]["ScalableTargetARN"].clone();
        let tag = json!({"ResourceARN": arn, "Tags": owned_by("theirs", "Theirs")});
        world.before("ListTagsForResource", reads_before, &[("AnyScaleFrontendService.TagResource", tag)]);
        let (reason, id) = world.refuse(create().with("AdoptExisting", json!("true"))).await;
        assert!(reason.contains("resource Theirs of stack theirs"), "{reason}");
        assert_eq!(id, expected);
        assert_eq!(world.called().contains(&"TagResource".to_owned()), expected == ID);
        assert_eq!(world.targets()[0]["MaxCapacity"], 2, "the limits stay");
    }
}

#[tokio::test(start_paused = true)]
async fn tagging_is_retried_until_a_new_target_is_visible() {
    let world = World::new();
    world.succeed(create()).await;
    world.fail("ListTagsForResource", "ResourceNotFoundException", 2);
    world.succeed(update()).await;

    world.before("RegisterScalableTarget", 0, &[(DEREGISTER, my_variant())]);
    world.fail("TagResource", "ResourceNotFoundException", 3);
    world.succeed(update()).await;
    assert_eq!(world.tags(&world.targets()[0])[LOGICAL_ID_TAG], "Scaling");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_leaves_the_template_is_removed_once_a_new_target_is_visible() {
    let world = World::new();
    let tagged = || create().with("Tags", json!([{"Key": "team", "Value": "ml"}]));
    world.succeed(tagged()).await;
    world.fail("UntagResource", "ResourceNotFoundException", 3);
    let request = update().field("OldResourceProperties", tagged().0["ResourceProperties"].clone());
    world.succeed(request).await;
    assert!(world.tags(&world.targets()[0]).get("team").is_none());
}

#[tokio::test(start_paused = true)]
async fn the_release_of_a_target_that_is_deregistered_meanwhile_succeeds() {
    let world = World::new();
    by_hand(&world);
    world.succeed(create().with("AdoptExisting", json!("true"))).await;
    world.before("UntagResource", 0, &[(DEREGISTER, my_variant())]);
    world.succeed(delete()).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_target_says_what_was_declared() {
    let world = World::new();
    let declared = || world.tags(&world.targets()[0])[DECLARED_TAG].as_str().unwrap_or_default().to_owned();
    world.succeed(create()).await;
    let first = declared();
    world.called();
    world.succeed(update().field("OldResourceProperties", create().0["ResourceProperties"].clone()).of(ID)).await;
    assert_eq!(declared(), first);
    assert!(!world.called().iter().any(|call| call.starts_with("TagResource")), "nothing has changed");

    let old = create().0["ResourceProperties"].clone();
    let policies = json!([tracking("own", 5)]);
    let changed = |request: Request| request.with("MaxCapacity", json!("3")).with("ScalingPolicies", policies.clone());
    world.succeed(changed(update()).field("OldResourceProperties", old.clone()).of(ID)).await;
    assert!(declared().starts_with("1 zCVpV 1-3 --- p"), "{}", declared());
    // The rollback puts the tag in any case, because its read may be older than the last change.
    world.called();
    let back = update().field("OldResourceProperties", changed(create()).0["ResourceProperties"].clone());
    world.succeed(back.of(ID)).await;
    assert_eq!(declared(), first);
    assert!(world.called().iter().any(|call| call.starts_with("TagResource")));

    // Another deployment of the function has another name.
    let moved = update().with("ServiceToken", json!("arn:aws:lambda:us-east-1:111122223333:function:other"));
    world.called();
    world.succeed(moved.field("OldResourceProperties", old).of(ID)).await;
    assert!(world.called().iter().any(|call| call.starts_with("TagResource")));
}

#[tokio::test(start_paused = true)]
async fn a_released_target_says_nothing_that_was_declared() {
    let world = World::new();
    by_hand(&world);
    world.succeed(create().with("AdoptExisting", json!("true"))).await;
    assert_ne!(world.tags(&world.targets()[0])[DECLARED_TAG], json!(null));
    world.succeed(delete()).await;
    assert_eq!(world.tags(&world.targets()[0]), json!({"team": "ml"}));
}
