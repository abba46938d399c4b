//! Rollback is disabled, or continued without a resource: `ContinueUpdateRollback` with `ResourcesToSkip`.

use serde_json::Value;
use test_support::account::Account as _;
use test_support::request::create;

use crate::support::prod::{
    BLUE, endpoint, gate_delete, gate_update, gated, register_natively, running_config, scaling_update, snapshots,
};
use crate::support::world::World;

/// `prod` runs `large`. This stack scales `blue`; `green` is registered natively.
async fn scaled() -> (World, Value) {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    register_natively(&world, &["green"]);
    let before = world.picture();
    (world, before)
}

/// [`scaled`] after an update to `both`, in which another resource failed before the clean-up.
async fn updated() -> (World, Value) {
    let (world, before) = scaled().await;
    world.succeed(gate_update("large", "both")).await;
    world.update_endpoint("prod", "both");
    world.succeed(scaling_update(("large", 4), ("both", 4))).await;
    assert_eq!((world.registered(), snapshots(&world).len()), (vec![BLUE.to_owned()], 1));
    (world, before)
}

#[track_caller]
fn assert_is(world: &World, picture: &Value, config: &str) {
    assert_eq!((&world.picture(), snapshots(world).len()), (picture, 0));
    assert_eq!(running_config(world), config);
}

#[tokio::test(start_paused = true)]
async fn without_rollback_the_next_update_to_the_same_configuration_restores_the_targets() {
    let (world, before) = scaled().await;
    world.succeed(gate_update("large", "both")).await;
    // The endpoint's update failed. The stack keeps the gate as it is, so that the next update sends it no request.
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 2));
    world.update_endpoint("prod", "both");
    world.succeed(scaling_update(("large", 4), ("both", 4))).await;
    assert_eq!(world.registered(), [BLUE]);
    world.succeed(gate_delete("large")).await;
    assert_is(&world, &before, "both");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_is_continued_without_the_endpoint_restores_the_targets_in_its_clean_up() {
    for gate_first in [true, false] {
        let (world, before) = updated().await;
        let (gate, scaling) = (gate_update("both", "large"), scaling_update(("both", 4), ("large", 4)));
        let [first, second] = if gate_first { [gate, scaling] } else { [scaling, gate] };
        world.succeed(first).await;
        world.succeed(second).await;
        assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 2), "gate first: {gate_first}");
        world.succeed(gate_delete("both")).await;
        assert_is(&world, &before, "both");
        // The next update compares with what the endpoint runs, and finds nothing to do.
        world.called();
        world.succeed(gate_update("large", "both")).await;
        assert!(!world.called().contains(&"DeregisterScalableTarget".to_owned()));
        assert_is(&world, &before, "both");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_is_continued_without_the_scalable_target_restores_it_in_its_clean_up() {
    let (world, before) = updated().await;
    world.succeed(gate_update("both", "large")).await;
    world.update_endpoint("prod", "large");
    world.succeed(gate_delete("both")).await;
    assert_is(&world, &before, "large");
}

#[tokio::test(start_paused = true)]
async fn after_a_rollback_that_skips_the_gate_the_next_update_restores_the_targets() {
    // AWS does not document which id CloudFormation records for the skipped gate.
    for recorded in ["large", "both"] {
        let (world, before) = updated().await;
        world.succeed(scaling_update(("both", 4), ("large", 4))).await;
        world.update_endpoint("prod", "large");
        assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 2), "{recorded}");
        world.succeed(gate_update(recorded, "model")).await;
        world.update_endpoint("prod", "model");
        world.succeed(gate_delete(recorded)).await;
        assert_is(&world, &before, "model");
    }
}
