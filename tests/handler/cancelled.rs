//! Updates that CloudFormation has cancelled, and that run on while the stack rolls back.

use std::time::Duration;

use test_support::account::Account as _;
use test_support::attached::step;
use test_support::request::{create, gate_id};
use tokio::time::sleep;

use crate::support::prod::{
    BLUE_ID, blue, endpoint, gate_delete, gate_update, gated, register_natively, scaling_update, snapshots,
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
