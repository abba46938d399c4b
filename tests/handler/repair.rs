//! The repair: what it does, and what it refuses.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::Crash;
use test_support::account::{Account as _, my_variant, owned_by, variant};
use test_support::attached::{merged, step};
use test_support::function::{DECLARED_TAG, FUNCTION_ARN, RESTORING_TAG};
use test_support::request::{ID, MY_VARIANT, STACK, create, gate_id};

use super::report::{on_stack, retain, set_stack};
use crate::support::prod::{BLUE, BLUE_ID, blue, endpoint, gate_update, gated, snapshots};
use crate::support::world::{Trouble, World};

const MINUTES: Duration = Duration::from_secs(900);

/// Asks for a repair of a target, and returns its answer.
async fn ask(world: &World, resource: &str, dry_run: bool) -> Value {
    let dimension = "sagemaker:variant:DesiredInstanceCount";
    let order = json!({ "ResourceId": resource, "ScalableDimension": dimension, "DryRun": dry_run });
    world.order(&json!({ "Repair": order }), MINUTES).await
}

/// Asks first for a dry run, which changes nothing. Both have to say the same action.
async fn repair(world: &World, resource: &str, action: &str) {
    let before = (world.picture(), snapshots(world));
    let would = ask(world, resource, true).await;
    assert_eq!((&would["Action"], &would["Done"]), (&json!(action), &json!(false)), "{would}");
    assert_eq!((world.picture(), snapshots(world)), before, "a dry run changes nothing");
    let done = ask(world, resource, false).await;
    assert_eq!((&done["Action"], &done["Done"]), (&json!(action), &json!(true)), "{done}");
}

/// Asks for a repair that is refused, and changes nothing. Returns the message.
async fn refused(world: &World, resource: &str) -> String {
    let before = (world.picture(), snapshots(world));
    let answer = ask(world, resource, false).await;
    assert_eq!((&answer["Action"], &answer["Done"]), (&json!("None"), &json!(false)), "{answer}");
    assert_eq!((world.picture(), snapshots(world)), before);
    answer["Message"].as_str().expect("a message").to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_target_of_a_deleted_stack_is_deregistered() {
    let world = World::new();
    world.succeed(create().with("ScalingPolicies", json!([step("own", "1")]))).await;
    set_stack(&world, "DELETE_COMPLETE");
    repair(&world, MY_VARIANT, "Deregister").await;
    assert!(world.registered().is_empty());
    assert!(refused(&world, MY_VARIANT).await.starts_with("The target is not registered, and has no snapshot"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_its_deleted_stack_retained_is_deregistered() {
    let world = World::new();
    world.succeed(create()).await;
    retain(&world, ID);
    set_stack(&world, "DELETE_COMPLETE");
    // Before the retry, the function reads CloudFormation's record of the resource.
    world.fail("DeregisterScalableTarget", "ThrottlingException", 1);
    repair(&world, MY_VARIANT, "Deregister").await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_repair_is_a_dry_run_by_default() {
    let world = World::new();
    world.succeed(create()).await;
    let order = json!({ "ResourceId": MY_VARIANT, "ScalableDimension": "sagemaker:variant:DesiredInstanceCount" });
    let answer = world.order(&json!({ "Repair": order }), MINUTES).await;
    assert_eq!((&answer["Action"], &answer["DryRun"]), (&json!("Deregister"), &json!(true)));
    assert_eq!(world.registered(), [MY_VARIANT]);
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_of_a_deleted_stack_loses_the_tags() {
    let world = World::new();
    world.register_by_hand(json!({ "by": "hand" }));
    world.succeed(create().with("AdoptExisting", json!("true"))).await;
    repair(&world, MY_VARIANT, "RemoveTags").await;
    assert_eq!(world.tags(&world.targets()[0]), json!({ "by": "hand" }));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_taken_over_is_handed_back_to_a_resource_that_exists() {
    let world = World::new();
    let old = "arn:aws:cloudformation:us-east-1:111122223333:stack/old/1";
    world.succeed(create().field("StackId", json!(old))).await;
    let resource = json!({ "StackId": old, "LogicalResourceId": "Scaling", "ResourceType": "Custom::X" });
    world.aws("LocalAws.SetStackResource", resource);
    world.succeed(create().with("TakeOverFrom", json!(format!("{old}/Scaling")))).await;
    repair(&world, MY_VARIANT, "HandBack").await;
    assert_eq!(world.tags(&world.targets()[0]), owned_by(old, "Scaling"));
}

#[tokio::test(start_paused = true)]
async fn no_target_is_removed_while_its_stack_may_exist() {
    let world = World::new();
    world.succeed(create()).await;
    for (status, reason) in
        [("UPDATE_COMPLETE", "exists"), ("DELETE_FAILED", "exists"), ("DELETE_IN_PROGRESS", "changed")]
    {
        set_stack(&world, status);
        let message = refused(&world, MY_VARIANT).await;
        assert!(message.contains(reason) && message.contains(STACK), "{status}: {message}");
    }
    // CloudFormation does not say.
    world.fail("DescribeStacks", "AccessDenied", 1);
    let failed = ask(&world, MY_VARIANT, false).await;
    assert!(failed["Error"].as_str().is_some_and(|error| error.contains("DescribeStacks")), "{failed}");
    assert_eq!(world.registered(), [MY_VARIANT]);

    let world = World::new();
    world.succeed(create().field("StackId", json!(STACK.replace("111122223333", "444455556666")))).await;
    assert!(refused(&world, MY_VARIANT).await.contains("another account"));
}

#[tokio::test(start_paused = true)]
async fn targets_of_others_are_never_repaired() {
    let world = World::new();
    world.register_by_hand(json!({}));
    assert!(refused(&world, MY_VARIANT).await.starts_with("No resource of this function owns the target"));

    // Another deployment of the function.
    let world = World::new();
    world.invoke_as(&format!("{FUNCTION_ARN}-other"), &create().0.to_string(), MINUTES).await.expect("an answer");
    assert!(refused(&world, MY_VARIANT).await.starts_with("Another deployment of the function"));

    // Any deployment of an earlier version.
    let arn = world.targets()[0]["ScalableTargetARN"].clone();
    world.aws("AnyScaleFrontendService.UntagResource", json!({ "ResourceARN": arn, "TagKeys": [DECLARED_TAG] }));
    assert!(refused(&world, MY_VARIANT).await.starts_with("It is not known which deployment"));
}

/// `blue` of `prod`, registered behind a gate.
async fn registered_behind_gate() -> World {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    world
}

/// `blue` of `prod` in a snapshot of the gate, after an update that failed and was not rolled back.
async fn kept() -> World {
    let world = registered_behind_gate().await;
    on_stack(&world, "Scaling", BLUE_ID);
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.succeed(gate_update("large", "xlarge")).await;
    set_stack(&world, "UPDATE_FAILED");
    world
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_restored() {
    let before = registered_behind_gate().await.picture();
    let world = kept().await;
    repair(&world, BLUE, "RestoreSnapshot").await;
    assert_eq!(world.picture(), before);
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_killed_is_completed() {
    let before = registered_behind_gate().await.picture();
    for at in 1.. {
        let world = kept().await;
        let dimension = "sagemaker:variant:DesiredInstanceCount";
        let order = json!({ "Repair": { "ResourceId": BLUE, "ScalableDimension": dimension, "DryRun": false } });
        world.plan_crash(Crash { at, after_effect: true });
        drop(tokio::time::timeout(MINUTES, world.order(&order, MINUTES)).await);
        if !world.has_crashed() {
            assert!(at > 10, "a repair takes more than {at} calls");
            return;
        }
        // A snapshot of a target that is complete stays for the next gate, which drops it.
        let answer = ask(&world, BLUE, false).await;
        assert!(answer["Action"] == "RestoreSnapshot" || answer["Action"] == "None", "at {at}: {answer}");
        assert_eq!(world.picture(), before, "at {at}");
        assert_eq!(world.tags(&world.targets()[0]).get(RESTORING_TAG), None, "at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_not_restored_while_it_may_be_needed() {
    let world = kept().await;
    set_stack(&world, "UPDATE_ROLLBACK_IN_PROGRESS");
    assert!(refused(&world, BLUE).await.contains("is being changed"));
    set_stack(&world, "UPDATE_ROLLBACK_FAILED");
    world.endpoints_take(60);
    world.update_endpoint("prod", "xlarge");
    assert!(refused(&world, BLUE).await.contains("Endpoint prod is Updating"));

    let world = kept().await;
    world.create_config("green", &[variant("green", "m", "ml.m5.large")], json!({}));
    world.update_endpoint("prod", "green");
    assert!(refused(&world, BLUE).await.starts_with("Endpoint prod has no variant blue, so nothing is restored"));

    let world = kept().await;
    world.aws("LocalAws.LoseEndpoint", json!({ "EndpointName": "prod" }));
    assert!(refused(&world, BLUE).await.starts_with("Endpoint prod does not exist, so nothing is restored"));
    set_stack(&world, "DELETE_COMPLETE");
    assert!(refused(&world, BLUE).await.contains("Delete parameter"));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_not_restored_for_a_resource_that_no_longer_has_the_target() {
    let world = kept().await;
    world.on_record("GONE", "");
    assert!(refused(&world, BLUE).await.contains("no longer has this target"));
    world.on_record("UPDATE_COMPLETE", &BLUE_ID.replace("blue", "green"));
    assert!(refused(&world, BLUE).await.contains("no longer has this target"));
    world.trouble("DescribeStackResource", Trouble::Hang);
    assert!(refused(&world, BLUE).await.contains("does not say"));
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_comes_too_late_does_not_claim_to_be_done() {
    let world = kept().await;
    let limits = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
    let by_hand = ("AnyScaleFrontendService.RegisterScalableTarget", merged(blue(), &limits));
    world.before("RegisterScalableTarget", 0, &[by_hand]);
    let answer = ask(&world, BLUE, false).await;
    assert_eq!((&answer["Action"], &answer["Done"]), (&json!("None"), &json!(false)), "{answer}");
    assert!(answer["Message"].as_str().expect("text").contains("meanwhile"), "{answer}");
    assert_eq!(world.targets()[0]["MaxCapacity"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_no_target_is_refused() {
    let world = World::new();
    let told = refused(&world, "endpoint/prod").await;
    assert!(told.starts_with("ResourceId and ScalableDimension do not name a scalable target"), "{told}");
    world.auto_scaling("RegisterScalableTarget", my_variant(), &json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
}
