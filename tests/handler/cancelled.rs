//! Updates that CloudFormation has cancelled, and that run on while the stack rolls back.

use std::time::Duration;

use serde_json::json;
use test_support::account::Account as _;
use test_support::attached::step;
use test_support::request::{create, gate_id};
use tokio::time::sleep;

use crate::support::prod::{
    BLUE_ID, blue, blue_snapshot, endpoint, gate_delete, gate_update, gated, register_natively, scaling_update,
    snapshots, ungated,
};
use crate::support::world::World;

/// Almost the time limit of an attempt.
const SLOW: Duration = Duration::from_secs(9);

/// `blue`, with a policy of somebody else, after a gate and its endpoint were updated.
async fn updated() -> World {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    world.auto_scaling("PutScalingPolicy", blue(), &step("foreign", 1));
    world
}

/// The stack rolls back from `xlarge` to `large`. The endpoint takes a minute.
async fn roll_back(world: &World, gate_first: bool) {
    let gate = || gate_update("xlarge", "large").late(1);
    let scaling = || scaling_update(("xlarge", 5), ("large", 4)).late(1);
    world.endpoints_take(60);
    world.succeed(if gate_first { gate() } else { scaling() }).await;
    world.update_endpoint("prod", "large");
    sleep(Duration::from_secs(61)).await;
    world.succeed(if gate_first { scaling() } else { gate() }).await;
    world.on_record("UPDATE_COMPLETE", &gate_id("prod", "large"));
    world.succeed(gate_delete("xlarge")).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_update_that_runs_on_drops_no_snapshot_of_the_rollback() {
    for gate_first in [true, false] {
        let world = updated().await;
        let before = world.picture();
        world.succeed(gate_update("large", "xlarge")).await;
        world.update_endpoint("prod", "xlarge");

        world.on_record_for(20, "UPDATE_IN_PROGRESS", BLUE_ID);
        world.slow_reply("PutScheduledAction", SLOW);
        world.called();
        let cancelled = scaling_update(("large", 4), ("xlarge", 5)).late(20).0.to_string();
        let rollback = async {
            world.until_called("PutScheduledAction").await;
            world.on_record_for(2, "UPDATE_IN_PROGRESS", BLUE_ID);
            roll_back(&world, gate_first).await;
        };
        let (cancelled, ()) = tokio::join!(world.invoke(&cancelled), rollback);
        cancelled.expect("an answer");
        assert_eq!((world.picture(), snapshots(&world).len()), (before, 0), "the gate first: {gate_first}");
    }
}

/// A gate has stored its snapshot, and is cancelled before it deregisters. `next`: the gate's id in CloudFormation's record
/// once the request after it is over.
async fn unused_snapshots(next: &str, is_deleted: bool) -> usize {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.on_native("native-stack", "Native");
    world.on_record_for(20, "UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.slow_reply("PutParameter", SLOW);
    let cancelled = gate_update("large", "xlarge").late(20).0.to_string();
    let next = async {
        world.until_called("PutParameter").await;
        world.on_record_for(1, "UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
        if is_deleted {
            world.aws("AnyScaleFrontendService.DeregisterScalableTarget", blue());
            world.on_record_of("native-stack", "DELETE_COMPLETE");
        }
        sleep(Duration::from_secs(30)).await;
        assert_eq!(snapshots(&world).len(), 1, "the next request may use it");
        world.on_record_for(1, "UPDATE_COMPLETE", &gate_id("prod", next));
    };
    let invocation = world.invoke_for(&cancelled, Duration::from_secs(900));
    let (cancelled, ()) = tokio::join!(invocation, next);
    cancelled.expect("an answer");
    assert_eq!(world.last_answer()["Status"], "FAILED");
    assert_eq!(world.registered().is_empty(), is_deleted);
    snapshots(&world).len()
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_gate_that_deregistered_nothing_leaves_no_snapshot() {
    // The next update, or the rollback. Meanwhile the resource of the native target is deleted or stays.
    for next in ["other", "large"] {
        for is_deleted in [true, false] {
            assert_eq!(unused_snapshots(next, is_deleted).await, 0, "{next}, deleted: {is_deleted}");
        }
    }
}

/// Delivers an Update of the gate that is twenty seconds old, and has to fail.
async fn refuse_update(world: &World) {
    let request = gate_update("large", "xlarge").late(20).0.to_string();
    world.invoke_for(&request, Duration::from_secs(900)).await.expect("an answer");
    assert_eq!(world.last_answer()["Status"], "FAILED");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_stays_if_its_target_is_deregistered_before_the_drop_is_retried() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.on_record_for(20, "UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.on_record_before("PutParameter", "UPDATE_ROLLBACK_COMPLETE", &gate_id("prod", "large"));
    // Another delivery has stored the same snapshot, and deregisters the target.
    world.before("DeleteParameter", 0, &[("AnyScaleFrontendService.DeregisterScalableTarget", blue())]);
    world.fail("DeleteParameter", "ThrottlingException", 1);
    refuse_update(&world).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_gate_restores_if_another_delivery_was_answered_and_the_endpoint_is_already_updated() {
    let world = updated().await;
    let before = world.picture();
    world.on_record_for(20, "UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.on_record_before("DeregisterScalableTarget", "UPDATE_COMPLETE", &gate_id("prod", "xlarge"));
    let update = json!({ "EndpointName": "prod", "EndpointConfigName": "xlarge" });
    world.before("DescribeEndpoint", 1, &[("SageMaker.UpdateEndpoint", update)]);
    refuse_update(&world).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_gate_finds_what_a_cancelled_request_restores_meanwhile() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    sleep(Duration::from_secs(20)).await;
    world.on_record_for(20, "UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.on_record_before("DeregisterScalableTarget", "UPDATE_FAILED", &gate_id("prod", "large"));
    // Only reads of the next request are late. The restore is throttled, so that these show the deregistration.
    world.read_late(&[], Duration::ZERO);
    world.fail("RegisterScalableTarget", "ThrottlingException", 1);
    let cancelled = gate_update("large", "xlarge").late(20).0.to_string();
    let next = async {
        world.until_called("PutScalingPolicy").await;
        world.read_late(&["DescribeScalableTargets"], Duration::from_secs(4));
        world.on_record_for(4, "UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
        let next = gate_update("large", "both").late(4).0.to_string();
        world.invoke_for(&next, Duration::from_secs(900)).await
    };
    let (cancelled, next) = tokio::join!(world.invoke_for(&cancelled, Duration::from_secs(900)), next);
    cancelled.expect("an answer");
    next.expect("an answer");
    assert_eq!(world.last_answer()["Status"], "SUCCESS");
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_stays_if_its_registered_target_is_deregistered_before_the_drop_is_retried() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.on_record_for(20, "UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    // The deregistration is no longer wanted before it is retried.
    world.fail("DeregisterScalableTarget", "ThrottlingException", 1);
    world.on_record_before("DeregisterScalableTarget", "UPDATE_ROLLBACK_COMPLETE", &gate_id("prod", "large"));
    // Another delivery has stored the same snapshot, and deregisters the target.
    world.before("DeleteParameter", 0, &[("AnyScaleFrontendService.DeregisterScalableTarget", blue())]);
    world.fail("DeleteParameter", "ThrottlingException", 1);
    refuse_update(&world).await;
    assert_eq!(world.registered().len() + snapshots(&world).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_gate_restores_nothing_to_an_endpoint_that_was_created_meanwhile() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.on_record_for(20, "UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.on_record_before("DeregisterScalableTarget", "DELETE_COMPLETE", &gate_id("prod", "large"));
    let name = json!({ "EndpointName": "prod" });
    let anew = json!({ "EndpointName": "prod", "EndpointConfigName": "large" });
    world.before("DescribeEndpoint", 1, &[("SageMaker.DeleteEndpoint", name), ("SageMaker.CreateEndpoint", anew)]);
    refuse_update(&world).await;
    // The snapshot stays, because its target is not registered.
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_restored_target_of_another_stack_is_deregistered_if_its_delete_has_just_begun() {
    let world = endpoint();
    let other = || create().in_stack("other").field("ResourceProperties", ungated(4));
    world.succeed(other()).await;
    sleep(Duration::from_secs(20)).await;
    let include = |from, to| gate_update(from, to).with("IncludeOtherStacks", json!("true"));
    world.succeed(include("large", "xlarge")).await;
    world.called();
    let rollback = include("xlarge", "large").0.to_string();
    let delete = async {
        // The record lags.
        world.until_called("RegisterScalableTarget").await;
        sleep(Duration::from_secs(1)).await;
        world.on_record_of("stack%2Fother", "DELETE_IN_PROGRESS");
    };
    let (gate, ()) = tokio::join!(world.invoke_for(&rollback, Duration::from_secs(900)), delete);
    gate.expect("an answer");
    assert_eq!(world.last_answer()["Status"], "SUCCESS");
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_is_not_restored_again_after_its_resources_were_deleted() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let mut adopting = ungated(4);
    adopting["AdoptExisting"] = json!("true");
    world.succeed(create().field("ResourceProperties", adopting)).await;
    sleep(Duration::from_secs(20)).await;
    world.succeed(gate_update("large", "xlarge")).await;
    // Another delivery has restored it. Then its resource has released it, and the native one has deregistered it.
    world.before("GetParameter", 0, &[("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() }))]);
    world.on_record_of("LogicalResourceId=Scaling", "DELETE_COMPLETE");
    world.succeed(gate_delete("xlarge")).await;
    assert!(world.called().contains(&"RegisterScalableTarget".to_owned()));
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 0));
}
