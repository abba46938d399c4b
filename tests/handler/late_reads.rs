//! Eventually consistent reads: a change is not visible for some seconds, and what it replaced still is. Nothing is lost, and
//! nothing is left over.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::account::{Account as _, owned_by};
use test_support::attached::merged;
use test_support::function::ADOPTED_TAG;
use test_support::request::{STACK, create, gate_id, update};

use crate::support::prod::{
    BLUE_ID, blue, endpoint, gate_delete, gate_update, gated, register_natively, scaling_update, snapshots,
};
use crate::support::world::World;

/// How late they are. The function assumes at most six seconds.
const LAG: Duration = Duration::from_millis(5_400);
const TARGETS: &[&str] = &["DescribeScalableTargets", "ListTagsForResource"];
const ATTACHMENTS: &[&str] = &["DescribeScalingPolicies", "DescribeScheduledActions"];
const PARAMETERS: &[&str] = &["GetParameter", "GetParametersByPath"];
const TARGETS_AND_PARAMETERS: &[&str] =
    &["DescribeScalableTargets", "ListTagsForResource", "GetParameter", "GetParametersByPath"];
const LISTED_PARAMETERS: &[&str] = &["GetParametersByPath"];

/// `prod` with `blue`, which was registered natively, and what is registered.
fn native() -> (World, Value) {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    (world, before)
}

#[tokio::test(start_paused = true)]
async fn a_deregistered_target_that_is_still_visible_is_restored() {
    let (world, before) = native();
    world.read_late(TARGETS, LAG);
    world.succeed(gate_update("large", "xlarge")).await;
    assert!(world.registered().is_empty());
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_visible_yet_does_not_stay_registered_for_the_update_of_its_endpoint() {
    let world = endpoint();
    world.read_late(TARGETS, LAG);
    world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    let before = world.picture();
    world.succeed(gate_update("large", "xlarge")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn policies_and_actions_that_are_not_visible_yet_are_restored() {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    world.read_late(ATTACHMENTS, LAG);
    world.succeed(scaling_update(("large", 4), ("large", 5))).await;
    let before = world.picture();
    world.succeed(gate_update("large", "xlarge")).await;
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_snapshot_that_is_still_visible_is_not_restored() {
    let (world, before) = native();
    world.read_late(PARAMETERS, LAG);
    world.succeed(gate_update("large", "xlarge")).await;
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.picture(), before);
    // On purpose.
    world.aws("AnyScaleFrontendService.DeregisterScalableTarget", blue());
    world.succeed(gate_delete("xlarge")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_was_overwritten_is_restored_as_it_is_now() {
    let (world, _) = native();
    world.succeed(gate_update("large", "xlarge")).await;
    world.read_late(LISTED_PARAMETERS, LAG);
    world.succeed(gate_update("xlarge", "large")).await;
    world.auto_scaling("RegisterScalableTarget", blue(), &json!({ "MaxCapacity": 9 }));
    let before = world.picture();
    world.succeed(gate_update("large", "xlarge")).await;
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_not_visible_yet_is_restored_if_no_delete_follows() {
    let (world, before) = native();
    world.read_late(LISTED_PARAMETERS, LAG);
    world.succeed(gate_update("large", "xlarge")).await;
    // CloudFormation did not accept the answer, so the physical id has stayed.
    world.succeed(gate_update("xlarge", "large").of(&gate_id("prod", "large"))).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_changes_there_and_back_within_seconds_is_put_each_time() {
    let tagged = |value: &str| {
        let mut properties = gated("large", 4);
        properties["Tags"] = json!([{ "Key": "team", "Value": value }]);
        properties
    };
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", tagged("a"))).await;
    world.read_late(TARGETS, LAG);
    for (from, to) in [("a", "b"), ("b", "a")] {
        let request = update().field("ResourceProperties", tagged(to)).field("OldResourceProperties", tagged(from));
        world.succeed(request.of(BLUE_ID)).await;
        assert_eq!(world.tags(&world.targets()[0])["team"], to);
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_keeps_its_new_snapshot_while_the_old_one_is_visible() {
    let (world, _) = native();
    // Reads are late only from the deregistration on, but show what was before it.
    world.read_late(&[], Duration::ZERO);
    world.succeed(gate_update("large", "xlarge")).await;
    world.update_endpoint("prod", "xlarge");
    // Somebody else has registered it since.
    register_natively(&world, &["blue"]);
    let before = world.picture();
    world.slow_reply("DeregisterScalableTarget", LAG / 4);
    world.called();
    let late = async {
        world.until_called("DeregisterScalableTarget").await;
        world.read_late(TARGETS_AND_PARAMETERS, LAG);
    };
    let next = gate_update("xlarge", "large").field("RequestId", json!("r-2"));
    tokio::join!(world.succeed(next), late);
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    world.update_endpoint("prod", "large");
    world.succeed(gate_delete("xlarge")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

/// Another delivery of the request has deregistered the target just now.
#[tokio::test(start_paused = true)]
async fn a_cancelled_gate_keeps_the_snapshot_of_a_target_that_is_only_still_visible() {
    let adopted = merged(owned_by(STACK, "Scaling"), &json!({ ADOPTED_TAG: "true" }));
    for (tags, owners_status) in [(json!({}), "UPDATE_COMPLETE"), (adopted, "DELETE_COMPLETE")] {
        let world = endpoint();
        let limits = json!({ "MinCapacity": 1, "MaxCapacity": 2, "Tags": tags });
        world.auto_scaling("RegisterScalableTarget", blue(), &limits);
        world.read_late(TARGETS, LAG);
        tokio::time::sleep(Duration::from_secs(12)).await;
        world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
        world.on_record_of("LogicalResourceId=Scaling", owners_status);
        world.before("PutParameter", 0, &[("AnyScaleFrontendService.DeregisterScalableTarget", blue())]);
        world.on_record_before("PutParameter", "UPDATE_ROLLBACK_COMPLETE", &gate_id("prod", "large"));
        world.refuse(gate_update("large", "xlarge").late(60)).await;
        assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1), "{owners_status}");
    }
}
