//! Orders in which a target, its snapshot and the endpoint may change: nothing is lost, and nothing is left over.

use std::time::Duration;

use crate::support::prod::{
    BLUE, BLUE_ID, blue, blue_snapshot, endpoint, gate_delete, gate_update, gated, register_natively, running_config,
    snapshots,
};
use crate::support::world::World;
use serde_json::{Value, json};
use test_support::account::Account as _;
use test_support::attached::{step, tracking};
use test_support::function::RESTORING_TAG;
use test_support::request::{create, create_gate, gate_id, update};

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
    world.on_record_of_stack("elsewhere", "DELETE_COMPLETE");
    world.succeed(scaling("xlarge")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 0));

    // The resource registered the target after the snapshot of another owner was left behind.
    let (world, _) = snapshotted().await;
    let kept = newer(&world);
    world.update_endpoint("prod", "xlarge");
    world.aws("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() }));
    world.succeed(scaling("xlarge")).await;
    world.aws(kept.0, kept.1);
    let request = update().field("ResourceProperties", gated("xlarge", 5));
    world.succeed(request.field("OldResourceProperties", gated("xlarge", 4)).of(BLUE_ID)).await;
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
    world.on_record("UPDATE_COMPLETE", BLUE_ID);
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
        let tags =
            &serde_json::from_str::<Value>(snapshots(&world)[0]["Value"].as_str().unwrap()).unwrap()["Target"]["Tags"];
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
async fn a_clean_up_that_runs_out_of_time_is_continued_by_the_next_delivery() {
    let world = endpoint();
    register_natively(&world, &["green"]);
    world.succeed(gate_update("large", "alone")).await;
    world.endpoints_take(220);
    world.update_endpoint("prod", "alone");
    let answers = world.answers();
    let delete = gate_delete("large").0.to_string();
    for _ in 0..2 {
        let error = world.invoke_for(&delete, Duration::from_secs(120)).await.unwrap_err().to_string();
        assert!(error.contains("waiting for endpoint prod to settle"), "{error}");
        assert_eq!((world.answers(), snapshots(&world).len()), (answers, 1));
    }
    world.invoke_for(&delete, Duration::from_secs(120)).await.unwrap();
    assert_eq!((world.last_answer()["Status"].clone(), snapshots(&world).len()), (json!("SUCCESS"), 0));
    assert!(world.registered().is_empty());

    // CloudFormation does not wait for another invocation.
    let world = endpoint();
    world.endpoints_take(300);
    world.update_endpoint("prod", "alone");
    let hurried = gate_delete("large").with("ServiceTimeout", json!("200")).0.to_string();
    world.invoke_for(&hurried, Duration::from_secs(120)).await.unwrap();
    assert_eq!(world.last_answer()["Status"], "FAILED");
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
async fn an_update_without_update_gate_keeps_what_others_attached() {
    let plain = |max: u32| {
        let mut properties = gated("large", max);
        properties.as_object_mut().unwrap().remove("UpdateGate");
        properties
    };
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", plain(4))).await;
    world.auto_scaling("PutScalingPolicy", blue(), &tracking("foreign", 70.5));
    world.succeed(gate_update("large", "xlarge")).await;
    world.update_endpoint("prod", "xlarge");
    let request = update().field("ResourceProperties", plain(5)).field("OldResourceProperties", plain(4));
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
