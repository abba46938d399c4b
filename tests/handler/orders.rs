//! Orders in which a target, its snapshot and the endpoint may change: nothing is lost, and nothing is left over.

use std::time::Duration;

use crate::support::prod::{
    BLUE, BLUE_ID, blue, blue_snapshot, configs, create_prod, endpoint, first_snapshot, gate_delete, gate_update,
    gated, register_natively, running_config, scaling_update, snapshots, stores_snapshot_of, ungated,
};
use crate::support::world::{Trouble, World};
use serde_json::{Value, json};
use test_support::Crash;
use test_support::account::{Account as _, owned_by, target};
use test_support::attached::{merged, step, tracking};
use test_support::function::{ADOPTED_TAG, RESTORING_TAG};
use test_support::request::{INVENTED, NOT_REGISTERED, STACK, create, create_gate, gate_id, update};

/// `prod` after a gate has taken a snapshot of `blue`, which was registered natively.
async fn snapshotted() -> (World, Value) {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    world.succeed(gate_update("large", "xlarge")).await;
    assert!(world.registered().is_empty());
    (world, before)
}

fn scaling(config: &str) -> test_support::request::Request {
    create().field("ResourceProperties", gated(config, 4))
}

/// A later snapshot of `blue`.
fn newer(world: &World) -> (&'static str, Value) {
    let value =
        snapshots(world)[0]["Value"].as_str().expect("a text").replace("\"MaxCapacity\":7", "\"MaxCapacity\":9");
    ("AmazonSSM.PutParameter", json!({ "Name": blue_snapshot(), "Value": value, "Type": "String", "Overwrite": true }))
}

#[tokio::test(start_paused = true)]
async fn a_target_in_a_snapshot_is_refused_like_a_registered_one() {
    let (world, before) = snapshotted().await;
    world.update_endpoint("prod", "xlarge");
    let (reason, _) = world.refuse(scaling("xlarge")).await;
    assert!(reason.contains("already registered, but not by this function"), "{reason}");
    world.update_endpoint("prod", "large");
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn a_target_in_a_snapshot_is_adopted_with_all_that_it_had() {
    let (world, _) = snapshotted().await;
    world.update_endpoint("prod", "xlarge");
    let adopting = |config: &str| {
        let mut properties = gated(config, 4);
        properties["AdoptExisting"] = json!("true");
        properties
    };
    world.succeed(create().field("ResourceProperties", adopting("xlarge"))).await;
    assert!(snapshots(&world).is_empty());
    let policies = world.auto_scaling("DescribeScalingPolicies", blue(), &json!({}))["ScalingPolicies"].to_string();
    assert!(policies.contains("SageMakerEndpointInvocationScalingPolicy") && policies.contains("always"));
    // The Delete leaves it registered: it was adopted.
    world.succeed(test_support::request::delete().field("ResourceProperties", adopting("xlarge")).of(BLUE_ID)).await;
    assert_eq!(world.registered(), [BLUE]);
    assert_eq!(world.tags(&world.targets()[0])["by"], "hand");
}

#[tokio::test(start_paused = true)]
async fn a_create_does_not_adopt_the_snapshot_of_a_deleted_native_resource() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.on_native("native-stack", "Native");
    world.succeed(gate_update("large", "xlarge")).await;
    world.update_endpoint("prod", "xlarge");
    world.on_record_of("native-stack", "DELETE_COMPLETE");
    let mut properties = gated("xlarge", 4);
    properties["AdoptExisting"] = json!("true");
    world.succeed(create().field("ResourceProperties", properties.clone())).await;
    let tags = world.tags(&world.targets()[0]);
    assert_eq!((tags.get(ADOPTED_TAG), tags.get("by")), (None, None), "it is a new target");
    assert!(snapshots(&world).is_empty());
    world.succeed(test_support::request::delete().field("ResourceProperties", properties).of(BLUE_ID)).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_another_owner_is_refused_while_that_owner_exists() {
    for (other, stack) in [("Renamed", None), ("Scaling", Some("other"))] {
        let owned = || {
            let request = create().field("LogicalResourceId", json!(other));
            match stack {
                Some(stack) => request.in_stack(stack),
                None => request,
            }
        };
        let world = endpoint();
        world.on_record("CREATE_IN_PROGRESS", "");
        world.succeed(owned().field("ResourceProperties", gated("large", 4))).await;
        let before = world.picture();
        world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
        world.succeed(gate_update("large", "xlarge").with("IncludeOtherStacks", json!("true"))).await;
        world.update_endpoint("prod", "xlarge");
        world.on_record("CREATE_IN_PROGRESS", "");
        let (reason, _) = world.refuse(scaling("xlarge")).await;
        world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "xlarge"));
        assert!(reason.contains(&format!("is registered by resource {other}")), "{reason}");
        assert!(reason.contains(snapshots(&world)[0]["Name"].as_str().expect("a name")), "{reason}");
        world.update_endpoint("prod", "large");
        world.succeed(gate_update("xlarge", "large")).await;
        assert_eq!(world.picture(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_a_deleted_owner_and_one_that_is_out_of_date_refuse_nothing() {
    let other = || create().in_stack("elsewhere").field("ResourceProperties", gated("large", 4));
    let include = || gate_update("large", "xlarge").with("IncludeOtherStacks", json!("true"));
    let world = endpoint();
    world.succeed(other()).await;
    world.succeed(include()).await;
    world.update_endpoint("prod", "xlarge");
    world.on_record_of("elsewhere", "DELETE_COMPLETE");
    world.succeed(scaling("xlarge")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 0));

    // The resource registered the target after the snapshot of another owner was left behind.
    let (world, _) = snapshotted().await;
    let kept = newer(&world);
    world.update_endpoint("prod", "xlarge");
    world.aws("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() }));
    world.succeed(scaling("xlarge")).await;
    world.aws(kept.0, kept.1);
    world.succeed(scaling_update(("xlarge", 4), ("xlarge", 5))).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_restore_uses_a_newer_snapshot_and_drops_no_other() {
    let (world, _) = snapshotted().await;
    world.before("PutScalingPolicy", 0, &[newer(&world)]);
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.targets()[0]["MaxCapacity"], 9);
    assert!(snapshots(&world).is_empty());

    let (world, _) = snapshotted().await;
    world.before("UntagResource", 0, &[newer(&world)]);
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_restore_leaves_a_newer_snapshot_of_another_update() {
    let (world, _) = snapshotted().await;
    let (put, mut parameter) = newer(&world);
    let value = parameter["Value"]
        .as_str()
        .expect("a text")
        .replace("\"large\"", "\"alone\"")
        .replace("\"xlarge\"", "\"both\"");
    parameter["Value"] = json!(value);
    world.before("PutScalingPolicy", 0, &[(put, parameter)]);
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(snapshots(&world)[0]["Value"], value);
}

/// The request that stored it, such as the next update's, restores it.
#[tokio::test(start_paused = true)]
async fn a_cancelled_gate_leaves_a_newer_snapshot() {
    let (twin, _) = snapshotted().await;
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.on_record_before("DeregisterScalableTarget", "UPDATE_ROLLBACK_COMPLETE", &gate_id("prod", "large"));
    let newer = newer(&twin);
    world.before("PutScalingPolicy", 0, std::slice::from_ref(&newer));
    world.refuse(gate_update("large", "xlarge")).await;
    assert_eq!(snapshots(&world)[0]["Value"], newer.1["Value"]);
}

#[tokio::test(start_paused = true)]
async fn a_create_is_not_part_of_a_rollback() {
    let world = endpoint();
    world.has_gate(STACK, &gate_id("prod", "large"));
    world.succeed(scaling("xlarge")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_registration_drops_no_snapshot_that_was_taken_meanwhile() {
    let world = endpoint();
    world.succeed(scaling("large")).await;
    world.succeed(gate_update("large", "xlarge")).await;
    world.update_endpoint("prod", "xlarge");
    let value = snapshots(&world)[0]["Value"].as_str().unwrap().replace("\"MaxCapacity\":4", "\"MaxCapacity\":5");
    let newer = json!({ "Name": blue_snapshot(), "Value": value, "Type": "String", "Overwrite": true });
    world.before("UntagResource", 0, &[("AmazonSSM.PutParameter", newer)]);
    let old = gated("large", 4);
    let request = update().field("ResourceProperties", gated("xlarge", 4)).field("OldResourceProperties", old);
    world.succeed(request.of(BLUE_ID)).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_restored_target_stays_when_its_snapshot_is_gone_and_its_owner_exists() {
    let gone = ("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() }));
    let (world, before) = snapshotted().await;
    world.before("PutScalingPolicy", 0, std::slice::from_ref(&gone));
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.picture(), before, "no owner");

    let world = endpoint();
    world.succeed(scaling("large")).await;
    let before = world.picture();
    world.succeed(gate_update("large", "xlarge")).await;
    world.before("PutScalingPolicy", 0, &[gone]);
    world.on_record("UPDATE_IN_PROGRESS", BLUE_ID);
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.picture(), before, "an owner that exists");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_gate_that_was_cancelled_deregisters_nothing() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.fail("DeregisterScalableTarget", "ThrottlingException", 1);
    world.on_record_before("DeregisterScalableTarget", "UPDATE_FAILED", &gate_id("prod", "large"));
    world.refuse(gate_update("large", "xlarge")).await;
    let calls = world.called();
    assert_eq!(calls.iter().filter(|operation| *operation == "DeregisterScalableTarget").count(), 1, "{calls:?}");
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_gate_restores_even_if_the_rollback_has_dropped_the_snapshot() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.before("DeregisterScalableTarget", 0, &[("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() }))]);
    world.on_record_before("DeregisterScalableTarget", "UPDATE_ROLLBACK_COMPLETE", &gate_id("prod", "large"));
    world.refuse(gate_update("large", "xlarge")).await;
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn a_gate_deregisters_nothing_if_no_update_of_its_endpoint_follows() {
    let id = |endpoint: &str, config: &str| gate_id(endpoint, config);
    for (what, request) in [
        ("the endpoint was updated by others", gate_update("xlarge", "xlarge")),
        ("the gate gets another endpoint", gate_update("large", "xlarge").of(&id("former", "large"))),
        ("its own Update failed", gate_update("both", "xlarge").of(&id("prod", "xlarge"))),
    ] {
        let world = endpoint();
        register_natively(&world, &["blue", "green"]);
        let before = world.picture();
        world.succeed(request).await;
        assert_eq!(world.picture(), before, "{what}");
        assert!(snapshots(&world).is_empty(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_rolls_back_its_failed_update_restores_whatever_the_endpoint_runs() {
    let (world, before) = snapshotted().await;
    world.update_endpoint("prod", "model");
    // CloudFormation did not accept the answer, so the physical id has stayed.
    world.succeed(gate_update("xlarge", "large").of(&gate_id("prod", "large"))).await;
    assert_eq!(world.picture(), before);
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_is_changed_in_place_keeps_the_snapshots_of_an_update_to_come() {
    // Rollback is disabled, and the endpoint's update failed: the next one tries it again.
    let (world, before) = snapshotted().await;
    world.succeed(gate_update("xlarge", "xlarge").with("IncludeOtherStacks", json!("true"))).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    world.update_endpoint("prod", "xlarge");
    world.succeed(gate_delete("large")).await;
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_an_earlier_update_is_not_restored() {
    let (world, _) = snapshotted().await;
    world.update_endpoint("prod", "both");
    world.succeed(gate_update("alone", "both")).await;
    world.succeed(gate_delete("alone")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_a_failed_update_belongs_to_the_next_one() {
    // Rollback is disabled. The endpoint still runs large.
    let (world, before) = snapshotted().await;
    world.succeed(gate_update("xlarge", "both")).await;
    world.update_endpoint("prod", "both");
    assert!(world.refuse(scaling("both")).await.0.contains("already registered"));
    world.succeed(gate_delete("xlarge")).await;
    assert_eq!(world.picture(), before);
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_gate_of_another_stack_leaves_the_snapshots_alone() {
    let (world, before) = snapshotted().await;
    world.succeed(gate_delete("xlarge").in_stack("other")).await;
    world.succeed(create_gate("prod", "large").in_stack("other")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    world.update_endpoint("prod", "xlarge");
    world.succeed(gate_delete("large")).await;
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_taken_in_a_rollback_has_no_tag_that_left_the_template() {
    let with_tag = |config: &str, key: &str| {
        let mut properties = gated(config, 4);
        properties["Tags"] = json!([{ "Key": key, "Value": "x" }]);
        properties
    };
    for is_registered in [true, false] {
        let world = endpoint();
        world.succeed(create().field("ResourceProperties", with_tag("large", "new"))).await;
        if !is_registered {
            world.succeed(gate_update("large", "xlarge")).await;
        }
        // The stack rolls back from large to xlarge, and the endpoint still runs large.
        let request = update()
            .field("ResourceProperties", with_tag("xlarge", "former"))
            .field("OldResourceProperties", with_tag("large", "new"));
        world.succeed(request.of(BLUE_ID)).await;
        let tags = &first_snapshot(&world)["Target"]["Tags"];
        assert_eq!((&tags["former"], &tags["new"]), (&json!("x"), &Value::Null), "registered: {is_registered}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clean_up_waits_until_the_endpoint_is_settled() {
    let world = endpoint();
    register_natively(&world, &["blue", "green"]);
    world.succeed(gate_update("large", "alone")).await;
    world.endpoints_take(30);
    world.update_endpoint("prod", "alone");
    world.succeed(gate_delete("large")).await;
    assert_eq!(running_config(&world), "alone");
    assert_eq!((world.registered(), snapshots(&world).len()), (vec![BLUE.to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn a_gate_deregisters_nothing_while_the_endpoint_changes() {
    let world = endpoint();
    register_natively(&world, &["green"]);
    let before = world.picture();
    world.endpoints_take(10_000);
    world.update_endpoint("prod", "model");
    let (reason, _) = world.refuse(gate_update("large", "both")).await;
    assert!(reason.contains("out of time while waiting for endpoint prod to settle"), "{reason}");
    assert_eq!(world.picture(), before);
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_runs_out_of_time_restores_what_it_has_deregistered() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    world.endpoints_take(10_000);
    let weights = json!([{ "VariantName": "green", "DesiredInstanceCount": 2 }]);
    let activity = json!({ "EndpointName": "prod", "DesiredWeightsAndCapacities": weights });
    world.before("DeregisterScalableTarget", 0, &[("SageMaker.UpdateEndpointWeightsAndCapacities", activity)]);
    let (reason, _) = world.refuse(gate_update("large", "xlarge")).await;
    assert!(reason.contains("out of time while waiting for endpoint prod to settle"), "{reason}");
    assert_eq!(world.picture(), before);
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_no_snapshot_can_hold_is_refused_before_it_is_registered() {
    let world = endpoint();
    let mut properties = gated("large", 4);
    let policies = (0..40).map(|n| step(&format!("policy-{n}-{}", "x".repeat(150)), "1"));
    properties["ScalingPolicies"] = policies.collect();
    let (reason, _) = world.refuse(create().field("ResourceProperties", properties.clone())).await;
    assert!(reason.contains("so a gate cannot deregister and restore it"), "{reason}");
    assert!(world.registered().is_empty());
    properties.as_object_mut().unwrap().remove("UpdateGate");
    world.succeed(create().field("ResourceProperties", properties)).await;
}

#[tokio::test(start_paused = true)]
async fn a_resource_behind_a_new_gate_restores_the_targets_of_others() {
    let world = endpoint();
    register_natively(&world, &["green"]);
    let before = world.picture();
    world.succeed(create_gate("prod", "both")).await;
    assert!(world.registered().is_empty());
    world.update_endpoint("prod", "both");
    world.succeed(scaling("both")).await;
    assert_eq!(world.registered().len(), 2);
    assert!(snapshots(&world).is_empty());
    world.succeed(test_support::request::delete().field("ResourceProperties", gated("both", 4)).of(BLUE_ID)).await;
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn a_resource_behind_a_new_gate_restores_the_target_of_another_stack() {
    let world = endpoint();
    let theirs =
        merged(json!({ "MinCapacity": 1, "MaxCapacity": 3 }), &json!({ "Tags": owned_by("stack/theirs/1", "Green") }));
    world.auto_scaling("RegisterScalableTarget", target("endpoint/prod/variant/green"), &theirs);
    let before = world.picture();
    world.succeed(create_gate("prod", "both").with("IncludeOtherStacks", json!("true"))).await;
    assert!(world.registered().is_empty());
    world.update_endpoint("prod", "both");
    world.succeed(scaling("both")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (2, 0));
    world.succeed(test_support::request::delete().field("ResourceProperties", gated("both", 4)).of(BLUE_ID)).await;
    assert_eq!(world.picture(), before);
}

/// `prod` behind a new gate, which has taken a snapshot of `green`. Right before the next restore, it scales out for so long, as
/// for a minimum over the instances that it has.
async fn scales_out_behind_a_new_gate(seconds: u32) -> World {
    let world = endpoint();
    register_natively(&world, &["green"]);
    world.succeed(create_gate("prod", "both")).await;
    world.update_endpoint("prod", "both");
    world.endpoints_take(seconds);
    let scales_out = json!({ "EndpointName": "prod", "EndpointConfigName": "both" });
    world.before("GetParametersByPath", 0, &[("SageMaker.UpdateEndpoint", scales_out)]);
    world
}

#[tokio::test(start_paused = true)]
async fn a_resource_behind_a_new_gate_waits_for_an_endpoint_that_scales_out() {
    let world = scales_out_behind_a_new_gate(20).await;
    world.succeed(scaling("both")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (2, 0));
}

/// A documented limit: it has made changes, so it is not handed over.
#[tokio::test(start_paused = true)]
async fn a_resource_behind_a_new_gate_succeeds_if_the_endpoint_scales_out_until_the_time_is_up() {
    let before = endpoint();
    register_natively(&before, &["green"]);
    let world = scales_out_behind_a_new_gate(2_000).await;
    world.succeed(scaling("both")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 1));
    tokio::time::sleep(Duration::from_secs(2_000)).await;
    world.succeed(gate_delete("both")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (2, 0));
    world.succeed(test_support::request::delete().field("ResourceProperties", gated("both", 4)).of(BLUE_ID)).await;
    assert_eq!(world.picture(), before.picture());
}

/// In express mode, CloudFormation goes on although the endpoint's update fails.
#[tokio::test(start_paused = true)]
async fn a_resource_behind_a_new_gate_restores_the_targets_of_others_if_the_endpoint_was_not_updated() {
    let world = endpoint();
    register_natively(&world, &["green"]);
    let before = world.picture();
    world.succeed(create_gate("prod", "both")).await;
    assert!(world.registered().is_empty());
    world.succeed(scaling("both")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (2, 0));
    world.succeed(test_support::request::delete().field("ResourceProperties", gated("both", 4)).of(BLUE_ID)).await;
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn the_delete_of_a_resource_that_adopted_restores_what_a_new_gate_has_deregistered() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let of_prod = create().with("EndpointName", json!("prod")).with("VariantName", json!("blue"));
    let adopts = of_prod.with("AdoptExisting", json!("true"));
    let properties = adopts.0["ResourceProperties"].clone();
    world.succeed(adopts).await;
    world.succeed(create_gate("prod", "xlarge")).await;
    assert!(world.registered().is_empty());
    world.update_endpoint("prod", "xlarge");
    let delete = test_support::request::delete().field("ResourceProperties", properties);
    world.succeed(delete.of(BLUE_ID)).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 0));
    let tags = world.tags(&world.targets()[0]);
    assert_eq!((tags.get("by"), tags.get("sagemaker-scaling:adopted")), (Some(&json!("hand")), None));
}

#[tokio::test(start_paused = true)]
async fn an_update_without_update_gate_keeps_what_others_attached() {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", ungated(4))).await;
    world.auto_scaling("PutScalingPolicy", blue(), &tracking("foreign", 70.5));
    world.succeed(gate_update("large", "xlarge")).await;
    world.update_endpoint("prod", "xlarge");
    let request = update().field("ResourceProperties", ungated(5)).field("OldResourceProperties", ungated(4));
    world.succeed(request.of(BLUE_ID)).await;
    world.succeed(gate_delete("large")).await;
    let shown = world.picture().to_string();
    assert!(shown.contains("foreign") && shown.contains("at-5") && !shown.contains(RESTORING_TAG), "{shown}");
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_native_target_that_left_its_template_is_not_restored() {
    for (status, stays) in [("UPDATE_COMPLETE", true), ("DELETE_COMPLETE", false), ("GONE", false)] {
        let world = endpoint();
        world.on_native("arn:aws:cloudformation:us-east-1:111122223333:stack/native/1", "Target");
        register_natively(&world, &["blue"]);
        let before = world.picture();
        world.succeed(gate_update("large", "xlarge")).await;
        world.update_endpoint("prod", "xlarge");
        // CloudFormation has deleted the native resource, and found nothing to deregister.
        world.on_record(status, BLUE_ID);
        world.succeed(gate_delete("large")).await;
        assert_eq!(world.picture() == before, stays, "{status}");
        assert!(stays || world.registered().is_empty(), "{status}");
        assert!(snapshots(&world).is_empty(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_registers_after_another_one_was_undone_is_undone_too() {
    let world = endpoint();
    world.on_native("arn:aws:cloudformation:us-east-1:111122223333:stack/native/1", "Target");
    register_natively(&world, &["blue"]);
    world.succeed(gate_update("large", "xlarge")).await;
    world.update_endpoint("prod", "xlarge");
    world.on_record("DELETE_COMPLETE", BLUE_ID);
    // Another delivery has dropped the snapshot. The reply to the registration is lost.
    let gone = ("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() }));
    world.before("RegisterScalableTarget", 0, &[gone]);
    world.trouble("RegisterScalableTarget", Trouble::ResetAfter);
    world.succeed(gate_delete("large")).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gate_whose_create_was_cancelled_deregisters_in_its_update() {
    // Rollback is disabled, and the next update has the same configuration. The endpoint was not updated.
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.succeed(gate_update("xlarge", "xlarge").of(INVENTED)).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_stacks_own_gate_restores_what_a_rollback_keeps() {
    // The stack reverts several updates, in the reverse order: its gate still has the configuration that runs.
    for (stacks, running, kept_for) in [
        (&[STACK][..], "both", Some(json!(STACK))),
        (&[STACK], "xlarge", Some(json!(STACK))),
        (&["other", STACK], "both", Some(json!(STACK))),
        (&["other"], "both", None),
        (&[STACK], "model", None),
    ] {
        let world = endpoint();
        world.update_endpoint("prod", "both");
        world.succeed(create().field("ResourceProperties", gated("both", 4))).await;
        stacks.iter().for_each(|stack| world.has_gate(stack, &gate_id("prod", running)));
        world.succeed(scaling_update(("xlarge", 4), ("large", 4))).await;
        let kept = snapshots(&world).first().map(|kept| {
            let value: Value = serde_json::from_str(kept["Value"].as_str().unwrap()).unwrap();
            value["Update"]["StackId"].clone()
        });
        assert_eq!(
            (kept.clone(), world.registered().len()),
            (kept_for, usize::from(kept.is_none())),
            "{stacks:?} {running}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_registration_is_not_retried_once_a_gate_keeps_the_target() {
    let (taken, _) = snapshotted().await;
    let world = endpoint();
    // The first attempt fails, and before the second a gate takes the snapshot.
    world.trouble("RegisterScalableTarget", Trouble::ResetBefore);
    let put = stores_snapshot_of(&taken);
    world.before("RegisterScalableTarget", 1, std::slice::from_ref(&put));
    world.before("DescribeStackResource", 0, &[put]);
    let (reason, _) = world.refuse(scaling("large")).await;
    assert!(reason.contains("already registered, but not by this function"), "{reason}");
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_adoption_is_refused_if_a_gate_deregisters_the_target_meanwhile() {
    let (taken, _) = snapshotted().await;
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let put = stores_snapshot_of(&taken);
    world.read_late(&["GetParameter"], Duration::from_millis(5_400));
    // After the Create read it, a gate deregisters the target.
    world.before("DescribeScalableTargets", 0, &[put, ("AnyScaleFrontendService.DeregisterScalableTarget", blue())]);
    let (reason, _) = world.refuse(scaling("large")).await;
    assert!(reason.contains("already registered, but not by this function"), "{reason}");
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_a_target_that_was_released_since_may_be_adopted() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let mut adopting = gated("large", 4);
    adopting["AdoptExisting"] = json!("true");
    world.succeed(create().field("ResourceProperties", adopting.clone()).in_stack("other")).await;
    let mut including = gate_update("large", "xlarge");
    including.0["ResourceProperties"]["IncludeOtherStacks"] = json!("true");
    world.succeed(including).await;
    world.on_record_of("other", "DELETE_COMPLETE");
    world.update_endpoint("prod", "xlarge");
    let (reason, _) = world.refuse(scaling("xlarge")).await;
    assert!(reason.contains("already registered, but not by this function"), "{reason}");
    world
        .succeed(scaling("xlarge").field("ResourceProperties", {
            adopting["UpdateGate"] = json!(gate_id("prod", "xlarge"));
            adopting
        }))
        .await;
    let registered = world.picture().to_string();
    assert!(registered.contains(ADOPTED_TAG) && registered.contains("SageMakerEndpointInvocationScalingPolicy"));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_gate_leaves_its_snapshots_to_a_later_request_in_progress() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    let id = gate_id("prod", "large");
    world.on_record("UPDATE_IN_PROGRESS", &id);
    // The retry of a failed update that is not rolled back.
    world.on_record_before("DeregisterScalableTarget", "UPDATE_IN_PROGRESS", &id);
    let (reason, _) = world.refuse(gate_update("large", "xlarge").late(60)).await;
    assert!(reason.contains("no longer waits"), "{reason}");
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    world.on_record("UPDATE_COMPLETE", &gate_id("prod", "xlarge"));
    world.update_endpoint("prod", "xlarge");
    world.succeed(gate_delete("large")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_gate_takes_over_the_snapshots_of_the_gates_earlier_request() {
    let (world, before) = snapshotted().await;
    let kept_by = |world: &World| first_snapshot(world)["Update"]["KeptBy"].clone();
    assert_eq!(kept_by(&world), "r-1");
    world.succeed(gate_update("large", "xlarge").field("RequestId", json!("retry"))).await;
    assert_eq!(kept_by(&world), "retry");
    world.update_endpoint("prod", "xlarge");
    world.succeed(gate_delete("large")).await;
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_takes_over_snapshots_asks_at_its_end_whether_it_was_cancelled() {
    let (world, _) = snapshotted().await;
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.on_record_before("PutParameter", "UPDATE_ROLLBACK_COMPLETE", &gate_id("prod", "large"));
    let retry = gate_update("large", "xlarge").field("RequestId", json!("retry"));
    let (reason, _) = world.refuse(retry.late(60)).await;
    assert!(reason.contains("no longer waits"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn two_deliveries_that_store_different_snapshots_do_not_fail() {
    let twin = endpoint();
    register_natively(&twin, &["blue"]);
    twin.succeed(gate_update("large", "xlarge")).await;
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.before("GetParameter", 1, &[newer(&twin)]);
    world.succeed(gate_update("large", "xlarge")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    world.update_endpoint("prod", "xlarge");
    world.succeed(gate_delete("large")).await;
    assert_eq!((world.targets()[0]["MaxCapacity"].clone(), snapshots(&world).len()), (json!(7), 0));
}

#[tokio::test(start_paused = true)]
async fn a_target_behind_a_gate_is_not_registered_if_its_snapshot_cannot_be_read() {
    let world = endpoint();
    world.fail("GetParameter", "AccessDeniedException", 1);
    let (reason, _) = world.refuse(scaling("large")).await;
    assert!(reason.contains("GetParameter failed"), "{reason}");
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_a_new_target_has_the_policies_that_it_gets_after_a_moment() {
    let world = endpoint();
    world.auto_scaling("RegisterScalableTarget", blue(), &json!({ "MinCapacity": 1, "MaxCapacity": 7 }));
    let completing = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(9)).await;
        completing.auto_scaling("PutScalingPolicy", blue(), &tracking("late", 70.5));
    });
    world.succeed(gate_update("large", "xlarge")).await;
    assert!(snapshots(&world)[0]["Value"].as_str().unwrap().contains("\"late\""));
}

#[tokio::test(start_paused = true)]
async fn a_release_does_not_store_a_snapshot_that_was_dropped_a_moment_ago() {
    let (world, _) = snapshotted().await;
    world.update_endpoint("prod", "xlarge");
    let mut adopting = gated("xlarge", 4);
    adopting["AdoptExisting"] = json!("true");
    world.read_late(&["GetParameter"], Duration::from_millis(5_400));
    world.succeed(create().field("ResourceProperties", adopting.clone())).await;
    world.succeed(test_support::request::delete().field("ResourceProperties", adopting).of(BLUE_ID)).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_adoption_without_a_gate_completes_a_restore_that_was_killed() {
    let (world, _) = snapshotted().await;
    let half = json!({ "MinCapacity": 1, "MaxCapacity": 7, "Tags": { "by": "hand", RESTORING_TAG: "true" } });
    world.auto_scaling("RegisterScalableTarget", blue(), &half);
    let mut adopting = ungated(4);
    adopting["AdoptExisting"] = json!("true");
    world.succeed(create().field("ResourceProperties", adopting)).await;
    let registered = world.picture().to_string();
    assert!(registered.contains("SageMakerEndpointInvocationScalingPolicy") && !registered.contains(RESTORING_TAG));
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_adoption_undoes_a_restore_that_was_killed_if_the_native_resource_was_deleted() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.on_native("native-stack", "Native");
    world.succeed(gate_update("large", "xlarge")).await;
    world.on_record_of("native-stack", "DELETE_COMPLETE");
    let half = json!({ "MinCapacity": 1, "MaxCapacity": 7, "Tags": { "by": "hand", RESTORING_TAG: "true" } });
    world.auto_scaling("RegisterScalableTarget", blue(), &half);
    let mut adopting = ungated(4);
    adopting["AdoptExisting"] = json!("true");
    world.succeed(create().field("ResourceProperties", adopting.clone())).await;
    let tags = world.tags(&world.targets()[0]);
    assert_eq!((tags.get(ADOPTED_TAG), tags.get("by")), (None, None), "it is a new target");
    assert!(!world.picture().to_string().contains("SageMakerEndpointInvocationScalingPolicy"));
    assert!(snapshots(&world).is_empty());
    world.succeed(test_support::request::delete().field("ResourceProperties", adopting).of(BLUE_ID)).await;
    assert!(world.registered().is_empty());
}

/// A Create without `UpdateGate` in another stack, which adopts.
fn adopting_elsewhere() -> test_support::request::Request {
    let mut adopting = ungated(4);
    adopting["AdoptExisting"] = json!("true");
    create().field("ResourceProperties", adopting).in_stack("other")
}

/// The gate of a stack deregisters what another stack has adopted.
async fn deregistered_after_adoption() -> World {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.succeed(adopting_elsewhere()).await;
    world.succeed(gate_update("large", "xlarge").with("IncludeOtherStacks", json!("true"))).await;
    assert!(world.registered().is_empty());
    world
}

fn is_adopted_with_all_that_it_had(world: &World) -> bool {
    let shown = world.picture().to_string();
    [ADOPTED_TAG, "\"by\"", "SageMakerEndpointInvocationScalingPolicy"].iter().all(|part| shown.contains(part))
        && snapshots(world).is_empty()
}

#[tokio::test(start_paused = true)]
async fn a_create_without_a_gate_that_is_delivered_again_restores_what_it_has_adopted() {
    // The first delivery was killed after it had adopted the target.
    let world = deregistered_after_adoption().await;
    world.update_endpoint("prod", "xlarge");
    world.succeed(adopting_elsewhere().late(60)).await;
    world.succeed(gate_delete("large")).await;
    assert!(is_adopted_with_all_that_it_had(&world), "{}", world.picture());
}

#[tokio::test(start_paused = true)]
async fn an_adoption_without_a_gate_whose_target_is_deregistered_meanwhile_restores_it() {
    let put = stores_snapshot_of(&deregistered_after_adoption().await);
    for read in [1, 2] {
        let world = endpoint();
        register_natively(&world, &["blue"]);
        world.on_record("CREATE_IN_PROGRESS", "");
        // Between two reads of the Create.
        let gate = [put.clone(), ("AnyScaleFrontendService.DeregisterScalableTarget", blue())];
        world.before("DescribeScalableTargets", read, &gate);
        world.succeed(adopting_elsewhere().late(60)).await;
        assert!(is_adopted_with_all_that_it_had(&world), "{read}: {}", world.picture());
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_without_a_gate_whose_target_is_deregistered_meanwhile_restores_it() {
    let properties = ungated(4);
    let register = async || {
        let world = endpoint();
        world.succeed(create().field("ResourceProperties", properties.clone())).await;
        world.auto_scaling("PutScalingPolicy", blue(), &tracking("of-others", 70.5));
        world
    };
    let taken = register().await;
    taken.succeed(gate_update("large", "xlarge")).await;
    let put = stores_snapshot_of(&taken);
    let world = register().await;
    world.on_record("UPDATE_IN_PROGRESS", BLUE_ID);
    // Between two reads of the Update.
    let gate = [put, ("AnyScaleFrontendService.DeregisterScalableTarget", blue())];
    world.before("DescribeScalableTargets", 1, &gate);
    let request = update().field("ResourceProperties", properties.clone()).field("OldResourceProperties", properties);
    world.succeed(request.of(BLUE_ID).late(60)).await;
    assert!(world.picture().to_string().contains("of-others"));
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_was_deleted_meanwhile_restores_what_it_has_deregistered() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    let id = gate_id("prod", "xlarge");
    world.on_record("CREATE_IN_PROGRESS", "");
    // Its Create failed in another delivery, with its id, and its Delete found no snapshot yet.
    world.on_record_before("DeregisterScalableTarget", "DELETE_COMPLETE", &id);
    world.refuse(create_gate("prod", "xlarge").late(60)).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_gate_leaves_a_target_that_another_delivery_of_its_request_has_deregistered() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    // This delivery cannot see what it has stored, so it fails before it deregisters.
    world.read_late(&["GetParameter"], Duration::from_secs(60));
    world.before("GetParameter", 1, &[("AnyScaleFrontendService.DeregisterScalableTarget", blue())]);
    let (reason, _) = world.refuse(gate_update("large", "xlarge")).await;
    assert!(reason.contains("does not hold what was written"), "{reason}");
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_another_request_makes_at_this_moment_is_not_made_again() {
    let (world, _) = snapshotted().await;
    world.update_endpoint("prod", "xlarge");
    let restoring = json!({ "MinCapacity": 1, "MaxCapacity": 4, "Tags": { "by": "hand", RESTORING_TAG: "true" } });
    world.auto_scaling("RegisterScalableTarget", blue(), &restoring);
    let other = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let untag = json!({ "ResourceARN": other.targets()[0]["ScalableTargetARN"], "TagKeys": [RESTORING_TAG] });
        other.aws("AnyScaleFrontendService.UntagResource", untag);
    });
    world.succeed(gate_delete("large")).await;
    assert_eq!((&world.targets()[0]["MaxCapacity"], snapshots(&world).len()), (&json!(4), 0));
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_was_killed_and_cancelled_restores_when_it_is_delivered_again() {
    for at in 1.. {
        let world = endpoint();
        register_natively(&world, &["blue"]);
        let before = world.picture();
        world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
        assert!(world.crash(&gate_update("large", "xlarge"), Crash { at, after_effect: true }).await);
        if world.registered().is_empty() {
            world.on_record("UPDATE_ROLLBACK_COMPLETE", &gate_id("prod", "large"));
            world.refuse(gate_update("large", "xlarge").late(120)).await;
            assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_of_a_resource_that_could_not_be_created_undoes_what_it_registered_if_it_fails() {
    let world = endpoint();
    world.on_record("UPDATE_IN_PROGRESS", NOT_REGISTERED);
    let properties = gated("large", 4);
    let request = update().field("ResourceProperties", properties.clone()).field("OldResourceProperties", properties);
    world.fail("PutScalingPolicy", "LimitExceededException", 1);
    let (reason, id) = world.refuse(request.of(NOT_REGISTERED)).await;
    assert!(reason.contains("LimitExceededException"), "{reason}");
    // The Delete of this id does nothing.
    assert_eq!((id.as_str(), world.registered().len()), (NOT_REGISTERED, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_gate_leaves_its_snapshots_to_a_later_request_that_was_answered() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    // The update of the endpoint follows that answer.
    world.on_record_before("DeregisterScalableTarget", "UPDATE_COMPLETE", &gate_id("prod", "both"));
    world.refuse(gate_update("large", "xlarge").late(60)).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    world.update_endpoint("prod", "both");
    world.succeed(gate_delete("large")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

/// A rollback over several updates gives the gate another id than it had, for the configuration that the endpoint runs.
#[tokio::test(start_paused = true)]
async fn a_cancelled_gate_restores_if_the_endpoint_runs_what_the_later_request_wanted() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "both"));
    world.on_record_before("DeregisterScalableTarget", "UPDATE_COMPLETE", &gate_id("prod", "large"));
    world.refuse(gate_update("both", "xlarge").late(60)).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_stored_slowly_has_what_somebody_puts_meanwhile() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.fail("PutParameter", "ThrottlingException", 5);
    let other = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(12)).await;
        other.auto_scaling("PutScalingPolicy", blue(), &step("late", 1));
    });
    world.invoke_for(&gate_update("large", "xlarge").0.to_string(), Duration::from_secs(300)).await.unwrap();
    assert_eq!(world.last_answer()["Status"], "SUCCESS");
    assert!(snapshots(&world)[0]["Value"].as_str().unwrap().contains("\"late\""));
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_was_killed_before_it_deregistered_restores_nothing_that_was_deleted_since() {
    for at in 1.. {
        let world = endpoint();
        register_natively(&world, &["blue"]);
        world.auto_scaling("PutScalingPolicy", blue(), &step("deleted", 1));
        assert!(world.crash(&gate_update("large", "xlarge"), Crash { at, after_effect: true }).await);
        if !snapshots(&world).is_empty() {
            world.auto_scaling("DeleteScalingPolicy", blue(), &json!({ "PolicyName": "deleted" }));
            let before = world.picture();
            world.succeed(gate_update("large", "xlarge").late(120)).await;
            world.succeed(gate_update("xlarge", "large")).await;
            assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_adoption_keeps_its_own_limits_if_another_request_completes_its_restore() {
    let (world, _) = snapshotted().await;
    world.update_endpoint("prod", "xlarge");
    let mut adopting = gated("xlarge", 4);
    adopting["AdoptExisting"] = json!("true");
    // A gate's request completes the restore meanwhile.
    world.slow_reply("RegisterScalableTarget", Duration::from_secs(6));
    let gate = world.clone();
    tokio::spawn(async move {
        gate.until_called("RegisterScalableTarget").await;
        complete_restore(&gate, 7);
    });
    world.succeed(create().field("ResourceProperties", adopting)).await;
    assert_eq!((&world.targets()[0]["MaxCapacity"], snapshots(&world).len()), (&json!(4), 0));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_completes_a_restore_decides_the_limits_if_another_request_completes_it_too() {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    let tags = world.tags(&world.targets()[0]);
    world.succeed(gate_update("large", "xlarge")).await;
    let half = json!({ "MinCapacity": 1, "MaxCapacity": 4, "Tags": merged(tags, &json!({ RESTORING_TAG: "true" })) });
    world.auto_scaling("RegisterScalableTarget", blue(), &half);
    // A gate's request has read the restoring tag just before this Update removes it.
    let gate = world.clone();
    tokio::spawn(async move {
        gate.until_called("UntagResource").await;
        complete_restore(&gate, 4);
        gate.auto_scaling("PutScalingPolicy", blue(), &step("at-4", 4));
    });
    world.succeed(scaling_update(("xlarge", 4), ("large", 5)).late(60)).await;
    assert_eq!((&world.targets()[0]["MaxCapacity"], snapshots(&world).len()), (&json!(5), 0));
    assert!(!world.picture().to_string().contains("at-4"));
}

/// What another request does that restores `blue` with this maximum.
fn complete_restore(world: &World, max: u32) {
    world.auto_scaling("RegisterScalableTarget", blue(), &json!({ "MaxCapacity": max }));
    let untag = json!({ "ResourceARN": world.targets()[0]["ScalableTargetARN"], "TagKeys": [RESTORING_TAG] });
    world.aws("AnyScaleFrontendService.UntagResource", untag);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_registered_again_during_a_rollback_is_deregistered_again() {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    // The stack rolls back from large to xlarge, and the endpoint still runs large.
    let request = scaling_update(("large", 4), ("xlarge", 4));
    // The gate's request, which was cancelled, restores what it had deregistered.
    let (other, tags) = (world.clone(), world.tags(&world.targets()[0]));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert!(other.registered().is_empty());
        let restored = json!({ "MinCapacity": 1, "MaxCapacity": 4, "Tags": tags });
        other.auto_scaling("RegisterScalableTarget", blue(), &restored);
    });
    world.succeed(request).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_gets_another_owner_while_a_rollback_stores_it_stays_registered() {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    let request = scaling_update(("large", 4), ("xlarge", 4));
    let theirs = json!({ "MinCapacity": 1, "MaxCapacity": 9, "Tags": owned_by("stack/theirs", "Theirs") });
    world.before(
        "PutParameter",
        0,
        &[
            ("AnyScaleFrontendService.DeregisterScalableTarget", blue()),
            ("AnyScaleFrontendService.RegisterScalableTarget", merged(blue(), &theirs)),
        ],
    );
    world.slow_reply("PutParameter", Duration::from_secs(6));
    let (reason, _) = world.refuse(request).await;
    assert!(reason.contains("resource Theirs"), "{reason}");
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_over_several_updates_finds_the_snapshot_of_the_last_one() {
    let world = configs();
    world.endpoints_take(0);
    create_prod(&world, "xlarge");
    world.succeed(create().field("ResourceProperties", gated("xlarge", 4))).await;
    world.auto_scaling("PutScalingPolicy", blue(), &step("foreign", 1));
    world.succeed(gate_update("xlarge", "both")).await;
    // The endpoint still runs xlarge, for which the stack has a gate, and returns to large.
    world.has_gate(STACK, &gate_id("prod", "xlarge"));
    let request = scaling_update(("large", 4), ("large", 4));
    world.succeed(request).await;
    assert!(snapshots(&world)[0]["Value"].as_str().unwrap().contains("\"foreign\""));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_over_several_updates_restores_a_target_whose_gate_stays_the_same() {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    world.auto_scaling("PutScalingPolicy", blue(), &step("foreign", 1));
    let before = world.picture();
    // The first update fails after the scaling, the second one after the endpoint, and the third one after the gate.
    world.succeed(scaling_update(("large", 4), ("large", 5))).await;
    world.succeed(gate_update("large", "model")).await;
    world.update_endpoint("prod", "model");
    world.succeed(gate_update("model", "xlarge")).await;
    assert!(world.registered().is_empty());
    world.has_gate(STACK, &gate_id("prod", "xlarge"));
    world.succeed(scaling_update(("large", 5), ("large", 4))).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn the_clean_up_restores_a_snapshot_that_its_rollback_took_over() {
    let (world, before) = snapshotted().await;
    // The next update fails in the endpoint, and the stack rolls back to large.
    world.update_endpoint("prod", "xlarge");
    world.succeed(gate_update("both", "large")).await;
    world.update_endpoint("prod", "large");
    world.succeed(gate_delete("both")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_late_create_that_failed_leaves_what_an_update_has_registered_since() {
    let world = endpoint();
    world.on_record("CREATE_FAILED", NOT_REGISTERED);
    let properties = gated("large", 4);
    world.succeed(create().field("ResourceProperties", properties.clone())).await;
    let late = create().field("ResourceProperties", properties).late(120);
    // The record lags behind the Update, which has just registered the target.
    world.on_record_for(1, "CREATE_FAILED", NOT_REGISTERED);
    let other = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        other.on_record("UPDATE_COMPLETE", BLUE_ID);
    });
    world.refuse(late).await;
    assert_eq!(world.registered(), [BLUE]);
}
