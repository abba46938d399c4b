//! `TakeOverFrom`: a resource is renamed, or moves to another stack, and its target stays registered.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::Crash;
use test_support::account::{Account as _, my_variant, owned_by};
use test_support::attached::{action, merged, step};
use test_support::function::{ADOPTED_TAG, DECLARED_TAG, FORMER_LOGICAL_ID_TAG, FORMER_STACK_ID_TAG, LOGICAL_ID_TAG};
use test_support::request::{
    ID, MY_VARIANT, NOT_REGISTERED, OTHER_ID, Request, STACK, create, delete, gate_id, update,
};

use crate::support::prod::{
    BLUE, BLUE_ID, blue, endpoint, first_snapshot, gate_delete, gate_update, gated, register_natively, scaling_update,
    snapshots, stores_snapshot_of, ungated,
};
use crate::support::world::World;

/// Part of each request for CloudFormation's record of `Old`.
const OLD: &str = "LogicalResourceId=Old";

fn of_old(request: Request) -> Request {
    request.field("LogicalResourceId", json!("Old"))
}

fn taking_over(request: Request) -> Request {
    request.with("TakeOverFrom", json!("Old"))
}

/// The target of resource `Old`, with a policy of its own, and a policy and an action of others.
async fn owned_by_old(request: Request) -> World {
    let world = World::new();
    let policies = json!([step("own", "1")]);
    world.succeed(of_old(request).with("ScalingPolicies", policies)).await;
    world.auto_scaling("PutScalingPolicy", my_variant(), &step("foreign", 1));
    world.auto_scaling("PutScheduledAction", my_variant(), &action("foreign", 1));
    world
}

/// The tags of the target, without what was declared.
fn tags(world: &World) -> Value {
    let mut tags = world.tags(&world.targets()[0]);
    tags.as_object_mut().expect("an object").remove(DECLARED_TAG);
    tags
}

/// All targets as the former owner gets them back: nobody has declared their limits for it.
fn picture(world: &World) -> Value {
    let mut picture = world.picture();
    for target in picture.as_object_mut().expect("an object").values_mut() {
        target["Tags"].as_object_mut().expect("an object").remove(DECLARED_TAG);
    }
    picture
}

/// The owner's tags after `Scaling` has taken over.
fn taken_over() -> Value {
    let former = json!({ FORMER_STACK_ID_TAG: STACK, FORMER_LOGICAL_ID_TAG: "Old" });
    merged(owned_by(STACK, "Scaling"), &former)
}

#[tokio::test(start_paused = true)]
async fn a_renamed_resource_takes_its_target_over_with_everything() {
    let world = owned_by_old(create()).await;
    let arn = world.targets()[0]["ScalableTargetARN"].clone();
    let attached = || {
        ["DescribeScalingPolicies", "DescribeScheduledActions"]
            .map(|operation| world.auto_scaling(operation, my_variant(), &json!({})))
    };
    let before = attached();

    let created = world.succeed(taking_over(create()).with("MaxCapacity", json!("3"))).await;
    assert_eq!(created["PhysicalResourceId"], ID);
    assert_eq!(world.targets()[0]["ScalableTargetARN"], arn, "it was never deregistered");
    assert_eq!((world.targets()[0]["MaxCapacity"].clone(), tags(&world)), (json!(3), taken_over()));
    assert_eq!(attached(), before);

    // The clean-up.
    let now = world.picture();
    world.succeed(of_old(delete())).await;
    assert_eq!(world.picture(), now, "the former owner's Delete does nothing");

    world.on_record("UPDATE_IN_PROGRESS", ID);
    world.on_record_of(OLD, "DELETE_COMPLETE");
    world.succeed(taking_over(update())).await;
    assert_eq!(tags(&world), owned_by(STACK, "Scaling"), "the next Update removes the former owner's tags");
    world.succeed(delete()).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rollback_hands_the_target_back() {
    for record in [None, Some("UPDATE_COMPLETE")] {
        let world = owned_by_old(create()).await;
        let before = picture(&world);
        world.succeed(taking_over(create())).await;
        if let Some(status) = record {
            world.on_record("DELETE_IN_PROGRESS", ID);
            world.on_record_of(OLD, status);
        }
        world.succeed(taking_over(delete())).await;
        assert_eq!(picture(&world), before, "{record:?}");
        // `Old` can be updated and deleted.
        world.on_record("UPDATE_IN_PROGRESS", ID);
        world.succeed(of_old(update())).await;
        world.succeed(of_old(delete())).await;
        assert!(world.registered().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_former_owner_is_deleted_is_deregistered() {
    let world = owned_by_old(create()).await;
    world.succeed(taking_over(create())).await;
    world.on_record("DELETE_IN_PROGRESS", ID);
    world.on_record_of(OLD, "DELETE_IN_PROGRESS");
    world.succeed(delete()).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_former_owner_is_remembered_as_long_as_it_exists() {
    let world = owned_by_old(create()).await;
    world.succeed(taking_over(create())).await;
    world.on_record("UPDATE_IN_PROGRESS", ID);
    world.on_record_of(OLD, "CREATE_COMPLETE");
    // Rollback was disabled, and this update corrects the failed one.
    world.succeed(taking_over(update())).await;
    assert_eq!(tags(&world), taken_over());
    world.succeed(delete()).await;
    assert_eq!(tags(&world), owned_by(STACK, "Old"));
}

#[tokio::test(start_paused = true)]
async fn a_former_owner_that_would_not_have_the_target_again_does_not_get_it() {
    // It has another target, it was left when its stack was deleted, or it is the owner itself.
    for (status, id) in [("UPDATE_COMPLETE", OTHER_ID), ("DELETE_SKIPPED", ID)] {
        let world = owned_by_old(create()).await;
        world.succeed(taking_over(create())).await;
        world.on_record(status, id);
        world.on_record_of("LogicalResourceId=Scaling", "DELETE_IN_PROGRESS");
        world.succeed(delete()).await;
        assert!(world.registered().is_empty(), "{status} {id}");
    }
    let world = World::new();
    world.register_by_hand(merged(taken_over(), &json!({ FORMER_LOGICAL_ID_TAG: "Scaling" })));
    world.succeed(delete()).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rollback_in_which_the_former_owner_comes_first_gives_it_the_target() {
    let world = owned_by_old(create()).await;
    world.succeed(of_old(update()).with("VariantName", json!("MyOtherVariant"))).await;
    world.succeed(taking_over(create())).await;
    // The rollback.
    let back = of_old(update()).of(OTHER_ID).with_old("VariantName", json!("MyOtherVariant"));
    world.succeed(back).await;
    world.succeed(delete()).await;
    world.succeed(of_old(delete()).with("VariantName", json!("MyOtherVariant")).of(OTHER_ID)).await;
    assert_eq!((world.registered(), tags(&world)[LOGICAL_ID_TAG].clone()), (vec![MY_VARIANT.into()], json!("Old")));
    world.on_record("DELETE_IN_PROGRESS", ID);
    world.on_record_of("LogicalResourceId=Scaling", "DELETE_COMPLETE");
    world.succeed(of_old(delete())).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_takes_over_from_another_one_does_not_forget_that_one() {
    let world = owned_by_old(create()).await;
    world.succeed(taking_over(create())).await;
    // `Old`, which exists, owns it again, and remembers a resource that does not exist.
    world.on_record("UPDATE_IN_PROGRESS", ID);
    let newest = |request: Request| request.field("LogicalResourceId", json!("Newest"));
    world.on_record_of(OLD, "DELETE_COMPLETE");
    world.succeed(newest(update()).with("TakeOverFrom", json!("Scaling"))).await;
    assert_eq!(tags(&world)[FORMER_LOGICAL_ID_TAG], "Scaling");
}

#[tokio::test(start_paused = true)]
async fn the_tags_of_the_former_stack_leave_the_target() {
    let world = World::new();
    let set = |tags| world.aws("LocalAws.SetStackTags", json!({ "StackId": STACK, "Tags": tags }));
    set(json!({ "cost": "1" }));
    world.succeed(of_old(create()).with("PropagateStackTags", json!("true"))).await;
    assert_eq!(tags(&world)["cost"], "1");
    set(json!({ "team": "2" }));
    world.succeed(taking_over(create()).with("PropagateStackTags", json!("true"))).await;
    assert_eq!((tags(&world)["team"].clone(), tags(&world).get("cost")), (json!("2"), None));
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_moves_to_another_stack_takes_its_target_over() {
    let theirs = |request: Request| request.in_stack("theirs");
    let their_id = theirs(create()).0["StackId"].as_str().unwrap().to_owned();
    for from in ["theirs/Scaling".to_owned(), format!("{their_id}/Scaling")] {
        let world = World::new();
        world.succeed(theirs(create())).await;
        let before = picture(&world);
        let create = || create().with("TakeOverFrom", json!(from));
        world.succeed(create()).await;
        let former = json!({ FORMER_STACK_ID_TAG: their_id, FORMER_LOGICAL_ID_TAG: "Scaling" });
        assert_eq!(tags(&world), merged(owned_by(STACK, "Scaling"), &former));
        let (reason, _) = world.refuse(theirs(update())).await;
        let taken =
            format!("was taken over by resource Scaling of stack {STACK}; remove this resource from its template");
        assert!(reason.contains(&taken), "{reason}");
        world.succeed(delete()).await;
        assert_eq!(picture(&world), before, "{from}");
        world.succeed(create()).await;
        world.succeed(theirs(delete())).await;
        assert_eq!(world.registered().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_named_resource_loses_its_target() {
    for (from, adopts) in [(None, false), (Some("Other"), false), (Some("theirs/Old"), false), (None, true)] {
        let world = owned_by_old(create()).await;
        let before = world.tagged_targets();
        let mut request = create().with("AdoptExisting", json!(adopts));
        if let Some(from) = from {
            request = request.with("TakeOverFrom", json!(from));
        }
        let (reason, id) = world.refuse(request).await;
        assert!(reason.contains("is registered by resource Old of stack"), "{reason}");
        assert!(reason.contains("set TakeOverFrom to take it over"), "{reason}");
        assert_eq!((id.as_str(), world.tagged_targets()), (NOT_REGISTERED, before), "{from:?}");
    }
    // A target without an owner is not taken over, either.
    let world = World::new();
    world.register_by_hand(json!({}));
    let (reason, _) = world.refuse(taking_over(create())).await;
    assert!(reason.contains("set AdoptExisting to true"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_registered_is_created_without_a_former_owner() {
    let world = World::new();
    world.succeed(taking_over(create())).await;
    assert_eq!(tags(&world), owned_by(STACK, "Scaling"));
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_stays_adopted() {
    let world = World::new();
    world.register_by_hand(json!({ "by": "hand" }));
    world.succeed(of_old(create()).with("AdoptExisting", json!("true"))).await;
    let before = picture(&world);
    world.succeed(taking_over(create())).await;
    assert_eq!(tags(&world)[ADOPTED_TAG], "true");
    world.succeed(delete()).await;
    assert_eq!(picture(&world), before);

    world.succeed(taking_over(create())).await;
    world.on_record("DELETE_IN_PROGRESS", ID);
    world.on_record_of(OLD, "DELETE_COMPLETE");
    world.succeed(delete()).await;
    assert_eq!(tags(&world), json!({ "by": "hand" }), "it is released");
}

/// Resource `Old` scales `blue` of `prod` behind a gate.
async fn gated_by_old() -> World {
    let world = endpoint();
    world.succeed(of_old(create()).field("ResourceProperties", gated("large", 4))).await;
    world.auto_scaling("PutScalingPolicy", blue(), &step("foreign", 1));
    register_natively(&world, &["green"]);
    world
}

/// An update to `both`, in which a resource takes over from `Old` what the gate has deregistered.
async fn take_over_in_update(world: &World) {
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.on_record_of(OLD, "UPDATE_COMPLETE");
    world.succeed(gate_update("large", "both")).await;
    world.update_endpoint("prod", "both");
    world.on_record("CREATE_IN_PROGRESS", "");
    world.succeed(taking_over(create().field("ResourceProperties", gated("both", 4)))).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_in_a_snapshot_is_taken_over_and_handed_back() {
    for fails in [false, true] {
        let world = gated_by_old().await;
        let before = picture(&world);
        take_over_in_update(&world).await;
        assert_eq!(world.registered(), [BLUE]);
        assert_eq!(world.tags(&world.targets()[0])[FORMER_LOGICAL_ID_TAG], "Old");
        if fails {
            // The stack rolls back. The new resource is deleted in the clean-up.
            world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "both"));
            world.succeed(gate_update("both", "large")).await;
            assert_eq!(first_snapshot(&world)["Target"]["Tags"][FORMER_LOGICAL_ID_TAG], "Old");
            world.update_endpoint("prod", "large");
            world.on_record("DELETE_IN_PROGRESS", BLUE_ID);
            world.succeed(delete().field("ResourceProperties", gated("both", 4)).of(BLUE_ID)).await;
            world.on_record("DELETE_IN_PROGRESS", &gate_id("prod", "both"));
            world.succeed(gate_delete("both")).await;
            assert_eq!(picture(&world), before);
        } else {
            world.on_record("DELETE_IN_PROGRESS", BLUE_ID);
            world.on_record_of(OLD, "DELETE_IN_PROGRESS");
            world.succeed(of_old(delete()).field("ResourceProperties", gated("large", 4)).of(BLUE_ID)).await;
            world.succeed(gate_delete("large")).await;
            assert_eq!(world.registered().len(), 2);
        }
        assert!(snapshots(&world).is_empty(), "fails: {fails}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_former_owner_that_owns_its_target_again_has_no_former_owner_tags() {
    let world = gated_by_old().await;
    take_over_in_update(&world).await;
    // The Create fails after that, without a rollback. The next update reverts it, without the new resource.
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "both"));
    world.succeed(gate_update("both", "large")).await;
    world.update_endpoint("prod", "large");
    world.on_record("UPDATE_IN_PROGRESS", BLUE_ID);
    world.on_record_of("LogicalResourceId=Scaling", "CREATE_FAILED");
    world.succeed(of_old(scaling_update(("large", 4), ("large", 4)))).await;
    let tags = || world.tags(&world.targets().into_iter().find(|found| found["ResourceId"] == BLUE).expect("blue"));
    let before = tags();
    assert_eq!((&before[LOGICAL_ID_TAG], before.get(FORMER_LOGICAL_ID_TAG)), (&json!("Old"), None));
    assert!(before.get(DECLARED_TAG).is_some());
    world.on_record_of("LogicalResourceId=Scaling", "DELETE_IN_PROGRESS");
    world.succeed(delete().field("ResourceProperties", gated("both", 4)).of(BLUE_ID)).await;
    assert_eq!(tags(), before);
}

#[tokio::test(start_paused = true)]
async fn a_gate_completes_an_interrupted_hand_back() {
    for at in 1.. {
        let world = gated_by_old().await;
        let before = picture(&world);
        let properties = gated("large", 4);
        world.succeed(taking_over(create().field("ResourceProperties", properties.clone()))).await;
        world.on_record("DELETE_IN_PROGRESS", BLUE_ID);
        world.on_record_of(OLD, "UPDATE_COMPLETE");
        let delete = delete().field("ResourceProperties", properties).of(BLUE_ID);
        assert!(world.crash(&delete, Crash { at, after_effect: true }).await, "at {at}");
        let blue = world.targets().into_iter().find(|target| target["ResourceId"] == BLUE).expect("blue");
        let tags = world.tags(&blue);
        if tags[LOGICAL_ID_TAG] == "Old" {
            assert_eq!(tags[FORMER_LOGICAL_ID_TAG], "Old", "at {at}: killed between the two calls");
            world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
            world.succeed(gate_update("large", "both")).await;
            world.succeed(gate_update("both", "large")).await;
            assert_eq!(picture(&world), before);
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_delete_of_another_resource_finishes_an_interrupted_hand_back_and_tags_nothing() {
    for at in 1.. {
        let world = owned_by_old(create()).await;
        world.succeed(taking_over(create())).await;
        world.on_record("DELETE_IN_PROGRESS", ID);
        world.on_record_of(OLD, "UPDATE_COMPLETE");
        assert!(world.crash(&taking_over(delete()), Crash { at, after_effect: true }).await, "at {at}");
        if tags(&world)[LOGICAL_ID_TAG] == "Old" {
            world.called();
            world.succeed(delete().field("LogicalResourceId", json!("Another"))).await;
            assert!(!world.called().contains(&"TagResource".to_owned()));
            assert_eq!(tags(&world), owned_by(STACK, "Old"));
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_former_owners_request_finds_the_new_tags_although_reads_are_late() {
    const READS: &[&str] = &["DescribeScalableTargets", "ListTagsForResource"];
    let world = owned_by_old(create()).await;
    let before = picture(&world);
    world.read_late(READS, Duration::from_secs(5));
    world.succeed(taking_over(create())).await;
    world.succeed(of_old(delete())).await;
    assert_eq!(world.registered().len(), 1, "the clean-up does not deregister it");
    world.succeed(delete()).await;
    assert_eq!(picture(&world), before);
    world.succeed(of_old(update())).await;
}

#[tokio::test(start_paused = true)]
async fn a_resource_without_update_gate_takes_over_what_the_snapshot_holds() {
    let world = gated_by_old().await;
    world.succeed(gate_update("large", "both")).await;
    world.update_endpoint("prod", "both");
    world.succeed(taking_over(create().field("ResourceProperties", ungated(4)))).await;
    let policies = world.auto_scaling("DescribeScalingPolicies", blue(), &json!({})).to_string();
    assert!(policies.contains("foreign"), "{policies}");
    assert_eq!(world.tags(&world.targets()[0])[FORMER_LOGICAL_ID_TAG], "Old");
}

#[tokio::test(start_paused = true)]
async fn a_resource_without_update_gate_takes_over_what_a_gate_deregisters_meanwhile() {
    let taken = gated_by_old().await;
    taken.succeed(gate_update("large", "both")).await;
    let world = gated_by_old().await;
    world.on_record("CREATE_IN_PROGRESS", "");
    world.on_record_of(OLD, "UPDATE_COMPLETE");
    // Between two reads of the Create.
    let gate = [stores_snapshot_of(&taken), ("AnyScaleFrontendService.DeregisterScalableTarget", blue())];
    world.before("DescribeScalableTargets", 1, &gate);
    world.succeed(taking_over(create().field("ResourceProperties", ungated(4))).late(60)).await;
    let policies = world.auto_scaling("DescribeScalingPolicies", blue(), &json!({})).to_string();
    assert!(policies.contains("foreign"), "{policies}");
    let blue = world.targets().into_iter().find(|target| target["ResourceId"] == BLUE).expect("blue");
    assert_eq!(world.tags(&blue)[FORMER_LOGICAL_ID_TAG], "Old");
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_former_owners_delete_leaves_a_target_that_was_taken_over_from_its_snapshot_just_now() {
    let taken = gated_by_old().await;
    taken.succeed(gate_update("large", "both")).await;
    let world = gated_by_old().await;
    // Reads are late only in the Delete, but show what was before the Create.
    world.read_late(&[], Duration::ZERO);
    let gate = [stores_snapshot_of(&taken), ("AnyScaleFrontendService.DeregisterScalableTarget", blue())];
    world.before("GetParameter", 0, &gate);
    world.on_record("CREATE_IN_PROGRESS", "");
    world.on_record_of(OLD, "UPDATE_COMPLETE");
    world.succeed(taking_over(create().field("ResourceProperties", ungated(4))).late(60)).await;
    world.on_record_of(OLD, "DELETE_IN_PROGRESS");
    world.read_late(&["DescribeScalableTargets", "ListTagsForResource"], Duration::from_secs(5));
    world.succeed(of_old(delete()).field("ResourceProperties", gated("large", 4)).of(BLUE_ID)).await;
    assert!(world.registered().contains(&BLUE.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_restore_whose_owner_is_deleted_meanwhile_hands_the_target_back() {
    let world = gated_by_old().await;
    world.succeed(taking_over(create().field("ResourceProperties", gated("large", 4)))).await;
    world.succeed(gate_update("large", "both")).await;
    world.on_record_of("LogicalResourceId=Scaling", "DELETE_IN_PROGRESS");
    world.succeed(gate_update("both", "large")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (2, 0));
    let blue = world.targets().into_iter().find(|target| target["ResourceId"] == BLUE).expect("blue");
    let tags = world.tags(&blue);
    assert_eq!((tags[LOGICAL_ID_TAG].as_str(), tags.get(FORMER_LOGICAL_ID_TAG)), (Some("Old"), None));
}
