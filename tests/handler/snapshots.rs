//! Snapshots: targets are restored completely, whatever happens at the same moment.

use std::time::Duration;

use crate::support::prod::{
    BLUE, BLUE_ID, blue, blue_snapshot, create_prod, endpoint, first_snapshot, gate_delete, gate_update, gated,
    register_natively, scaling_update, snapshots, stores_snapshot_of, ungated,
};
use crate::support::world::World;
use serde_json::{Value, json};
use test_support::Crash;
use test_support::account::{Account as _, target};
use test_support::attached::{merged, step};
use test_support::function::RESTORING_TAG;
use test_support::request::{create, delete, gate_id, update};

#[tokio::test(start_paused = true)]
async fn the_snapshot_of_a_half_restored_target_stays_complete() {
    for at in 1.. {
        let world = endpoint();
        register_natively(&world, &["blue"]);
        let before = world.picture();
        world.succeed(gate_update("large", "xlarge")).await;
        let was_killed = world.crash(&gate_update("xlarge", "large"), Crash { at, after_effect: true }).await;
        world.succeed(gate_update("large", "xlarge")).await;
        assert!(world.registered().is_empty(), "killed at {at}");
        world.succeed(gate_update("xlarge", "large")).await;
        assert_eq!(world.picture(), before, "killed at {at}");
        if !was_killed {
            assert!(at > 5, "only {at}");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_and_a_restore_make_only_these_calls() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    // A younger target is read again.
    tokio::time::sleep(Duration::from_secs(12)).await;
    world.called();
    world.succeed(gate_update("large", "xlarge")).await;
    let snapshot_calls = [
        "DescribeEndpoint",
        "DescribeEndpointConfig",
        "DescribeEndpointConfig",
        "DescribeScalableTargets",
        "ListTagsForResource",
        "DescribeScalingPolicies",
        "DescribeScheduledActions",
        "DescribeStackResources",
        "GetParameter",
        "DescribeStackResource",
        "PutParameter",
        "GetParameter",
        "DescribeStackResource",
        "DeregisterScalableTarget",
        // Before the answer.
        "DescribeStackResource",
        "DescribeEndpoint",
        "DescribeScalableTargets",
        // Snapshots of an earlier update that failed.
        "GetParametersByPath",
    ];
    assert_eq!(world.called(), snapshot_calls);
    world.succeed(gate_update("xlarge", "large")).await;
    let restore_calls = [
        "DescribeEndpoint",
        "GetParametersByPath",
        "DescribeStackResource",
        "GetParametersByPath",
        "GetParameter",
        "RegisterScalableTarget",
        "PutScalingPolicy",
        "GetParameter",
        "UntagResource",
        "DescribeScalableTargets",
        "ListTagsForResource",
        "GetParameter",
        "DeleteParameter",
    ];
    assert_eq!(world.called(), restore_calls);
}

#[tokio::test(start_paused = true)]
async fn two_deliveries_that_take_a_snapshot_at_once_lose_nothing() {
    let twin = endpoint();
    register_natively(&twin, &["blue"]);
    twin.succeed(gate_update("large", "xlarge")).await;
    let snapshot = stores_snapshot_of(&twin);
    for (operation, expected) in [("ListTagsForResource", 0), ("DescribeScalingPolicies", 1)] {
        let world = endpoint();
        register_natively(&world, &["blue"]);
        let before = world.picture();
        let first = [snapshot.clone(), ("AnyScaleFrontendService.DeregisterScalableTarget", blue())];
        world.before(operation, 0, &first);
        world.called();
        world.succeed(gate_update("large", "xlarge")).await;
        let puts = world.called().iter().filter(|operation| *operation == "PutParameter").count();
        assert_eq!(puts, expected);
        world.succeed(gate_update("xlarge", "large")).await;
        assert_eq!(world.picture(), before, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_young_gate_that_becomes_stale_restores_its_targets() {
    let world = endpoint();
    register_natively(&world, &["blue", "green"]);
    let before = world.picture();
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.on_record_before("DeregisterScalableTarget", "UPDATE_ROLLBACK_COMPLETE", &gate_id("prod", "large"));
    let (reason, _) = world.refuse(gate_update("large", "both")).await;
    assert!(reason.ends_with("UPDATE_ROLLBACK_COMPLETE"), "{reason}");
    assert_eq!(world.picture(), before);
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stale_gate_does_not_restore_after_another_delivery_succeeded() {
    // Or the next request for the gate has failed since.
    for status in ["UPDATE_COMPLETE", "UPDATE_FAILED"] {
        let world = endpoint();
        register_natively(&world, &["blue"]);
        world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
        let answered = gate_id("prod", "xlarge");
        world.on_record_before("DeregisterScalableTarget", status, &answered);
        world.refuse(gate_update("large", "xlarge").from_years_ago()).await;
        assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_cannot_be_restored_blocks_no_other_restore() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let step = json!({
        "PolicyName": "z", "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{ "MetricIntervalLowerBound": 0, "ScalingAdjustment": 1 }],
        },
    });
    world.auto_scaling("PutScalingPolicy", blue(), &step);
    let action = json!({
        "ScheduledActionName": "daily", "Schedule": "rate(1 day)", "ScalableTargetAction": { "MinCapacity": 1 },
    });
    world.auto_scaling("PutScheduledAction", blue(), &action);
    world.succeed(gate_update("large", "xlarge")).await;
    world.fail("PutScalingPolicy", "ValidationException", 1);
    world.succeed(gate_update("xlarge", "large")).await;
    let shown = world.picture().to_string();
    assert_eq!(shown.matches("PolicyName").count(), 1, "{shown}");
    assert!(shown.contains("daily") && !shown.contains(RESTORING_TAG), "{shown}");
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gate_compares_with_the_configuration_that_the_endpoint_settles_on() {
    // The stack rolls back while an update is in progress, when Describe still returns the old configuration.
    let world = endpoint();
    register_natively(&world, &["green"]);
    world.endpoints_take(15);
    world.update_endpoint("prod", "xlarge");
    register_natively(&world, &["blue"]);
    let shown = world.aws("SageMaker.DescribeEndpoint", json!({ "EndpointName": "prod" }));
    assert_eq!((&shown["EndpointConfigName"], &shown["EndpointStatus"]), (&json!("large"), &json!("Updating")));
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.registered(), ["endpoint/prod/variant/green"]);
    world.update_endpoint("prod", "large");
    // After the endpoint itself has rolled back, the gate restores.
    world.succeed(gate_delete("xlarge")).await;
    assert_eq!(world.registered().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_restore_waits_for_an_endpoint_that_is_being_created() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.succeed(gate_update("large", "xlarge")).await;
    world.aws("SageMaker.DeleteEndpoint", json!({ "EndpointName": "prod" }));
    world.endpoints_take(20);
    create_prod(&world, "xlarge");
    world.succeed(gate_delete("large")).await;
    assert_eq!(world.registered(), [BLUE]);
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_survives_an_update_that_removes_its_resource() {
    for gate_first in [false, true] {
        let world = endpoint();
        register_natively(&world, &["blue"]);
        let adopting = |config| {
            let mut properties = gated(config, 4);
            properties["AdoptExisting"] = json!("true");
            properties
        };
        world.succeed(create().field("ResourceProperties", adopting("large"))).await;
        world.succeed(gate_update("large", "xlarge")).await;
        world.update_endpoint("prod", "xlarge");
        let mut clean_up =
            vec![delete().field("ResourceProperties", adopting("large")).of(BLUE_ID), gate_delete("large")];
        if gate_first {
            clean_up.reverse();
        }
        for request in clean_up {
            world.succeed(request).await;
        }
        assert_eq!(world.registered(), [BLUE], "gate first: {gate_first}");
        assert_eq!(world.tags(&world.targets()[0]), json!({ "by": "hand", "team": "ml {{x}}" }));
        assert!(snapshots(&world).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_deleted_while_the_gate_restores_it_is_deregistered() {
    // The Delete of the resource drops the snapshot while the gate restores the target.
    let with_snapshot = async || {
        let world = endpoint();
        world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
        world.succeed(gate_update("large", "xlarge")).await;
        world.update_endpoint("prod", "xlarge");
        world
    };
    let world = with_snapshot().await;
    world.before("PutScalingPolicy", 1, &[("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() }))]);
    world.on_record_before("PutScalingPolicy", "DELETE_IN_PROGRESS", BLUE_ID);
    world.succeed(gate_delete("large")).await;
    assert!(world.registered().is_empty());

    // The Delete reads the target again after it has dropped the snapshot.
    let world = with_snapshot().await;
    let snapshot = first_snapshot(&world);
    let registration = ("AnyScaleFrontendService.RegisterScalableTarget", snapshot["Target"].clone());
    world.before("DeleteParameter", 0, &[registration]);
    world.succeed(delete().field("ResourceProperties", gated("large", 4)).of(BLUE_ID)).await;
    assert!(world.registered().is_empty());
    assert!(snapshots(&world).is_empty());
}

/// An Update gave the resource another variant. It dropped the snapshot, and may have looked for the target before the restore.
#[tokio::test(start_paused = true)]
async fn a_restored_target_whose_owner_has_another_one_is_deregistered_if_its_snapshot_is_gone() {
    const GREEN_ID: &str = "endpoint/prod/variant/green|sagemaker:variant:DesiredInstanceCount|sagemaker";
    for is_gone in [true, false] {
        let world = endpoint();
        world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
        world.succeed(gate_update("large", "xlarge")).await;
        world.update_endpoint("prod", "xlarge");
        if is_gone {
            world.before("PutScalingPolicy", 1, &[("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() }))]);
        }
        world.on_record_before("PutScalingPolicy", "UPDATE_COMPLETE", GREEN_ID);
        world.succeed(gate_delete("large")).await;
        assert_eq!((world.registered().is_empty(), snapshots(&world).len()), (is_gone, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_another_delivery_restored_stays_registered() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    world.succeed(gate_update("large", "xlarge")).await;
    let snapshot = first_snapshot(&world);
    let mut restoring = snapshot["Target"].clone();
    restoring["Tags"][RESTORING_TAG] = json!("true");
    let arn = world.aws("AnyScaleFrontendService.RegisterScalableTarget", restoring)["ScalableTargetARN"].clone();
    // The other delivery finishes while this one restores.
    let untag = json!({ "ResourceARN": arn, "TagKeys": [RESTORING_TAG] });
    let done = [
        ("AnyScaleFrontendService.UntagResource", untag),
        ("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() })),
    ];
    world.before("PutScalingPolicy", 0, &done);
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.picture(), before);
    let named = update().field("ResourceProperties", gated("large", 4));
    assert!(world.refuse(named.of(BLUE_ID)).await.0.contains("but not by this function"));
}

#[tokio::test(start_paused = true)]
async fn a_stale_gate_restores_the_other_targets_when_one_restore_fails() {
    let world = endpoint();
    register_natively(&world, &["blue", "green"]);
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.on_record_before("DeregisterScalableTarget", "UPDATE_ROLLBACK_COMPLETE", "x");
    world.fail("RegisterScalableTarget", "LimitExceededException", 1);
    world.refuse(gate_update("large", "both")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_registered_while_the_gate_waits_is_snapshotted() {
    let world = endpoint();
    world.endpoints_take(20);
    let weights = json!([{ "VariantName": "green", "DesiredInstanceCount": 2 }]);
    let scale = json!({ "EndpointName": "prod", "DesiredWeightsAndCapacities": weights });
    register_natively(&world, &["green"]);
    world.aws("SageMaker.UpdateEndpointWeightsAndCapacities", scale);
    let registered = merged(blue(), &json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
    world.before("DescribeEndpoint", 3, &[("AnyScaleFrontendService.RegisterScalableTarget", registered)]);
    world.succeed(gate_update("large", "both")).await;
    assert!(world.registered().is_empty());
    assert_eq!(snapshots(&world).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_the_first_to_be_registered_while_the_gate_waits_is_snapshotted() {
    let world = endpoint();
    world.endpoints_take(20);
    world.scale("prod", "green", 2);
    let registered = merged(blue(), &json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
    world.before("DescribeEndpoint", 3, &[("AnyScaleFrontendService.RegisterScalableTarget", registered)]);
    world.succeed(gate_update("large", "xlarge")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn two_targets_that_differ_in_letter_case_fail_the_gate_before_anything_changes() {
    let world = endpoint();
    world.aws("SageMaker.DeleteEndpoint", json!({ "EndpointName": "prod" }));
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "Prod", "EndpointConfigName": "large" }));
    for name in ["Prod", "prod"] {
        let limits = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
        world.auto_scaling("RegisterScalableTarget", target(&format!("endpoint/{name}/variant/blue")), &limits);
    }
    let (reason, _) = world.refuse(gate_update("large", "xlarge")).await;
    assert!(reason.contains("are both registered and are one variant to SageMaker"), "{reason}");
    assert_eq!((world.registered().len(), snapshots(&world).len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn the_last_delete_drops_a_snapshot_that_cannot_be_restored() {
    let world = endpoint();
    register_natively(&world, &["blue", "green"]);
    world.succeed(gate_update("large", "both")).await;
    world.update_endpoint("prod", "both");
    world.fail("RegisterScalableTarget", "ValidationException", 1);
    world.succeed(gate_delete("large")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_tags_are_not_visible_fails_the_gate() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.fail("ListTagsForResource", "ResourceNotFoundException", 20);
    let (reason, _) = world.refuse(gate_update("large", "xlarge")).await;
    assert!(reason.starts_with("the tags of endpoint/prod/variant/blue are not visible"), "{reason}");
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_delete_fails_if_a_restore_is_denied_and_keeps_the_snapshot() {
    let world = endpoint();
    register_natively(&world, &["blue", "green"]);
    world.succeed(gate_update("large", "both")).await;
    world.update_endpoint("prod", "both");
    world.fail("RegisterScalableTarget", "AccessDeniedException", 1);
    let (reason, _) = world.refuse(gate_delete("large")).await;
    assert!(reason.contains("AccessDeniedException"), "{reason}");
    assert_eq!((world.registered().len(), snapshots(&world).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_delete_does_not_try_to_restore_a_variant_that_is_gone() {
    let world = endpoint();
    register_natively(&world, &["green"]);
    world.succeed(gate_update("large", "alone")).await;
    world.update_endpoint("prod", "alone");
    world.succeed(gate_delete("large")).await;
    assert!(!world.called().contains(&"RegisterScalableTarget".to_owned()));
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_cannot_be_read_fails_a_delete_only_while_the_endpoint_exists() {
    for exists in [true, false] {
        let world = endpoint();
        let unreadable = json!({ "Name": blue_snapshot(), "Value": "x", "Type": "String" });
        world.aws("AmazonSSM.PutParameter", unreadable);
        if exists {
            world.refuse(gate_delete("large")).await;
        } else {
            world.aws("SageMaker.DeleteEndpoint", json!({ "EndpointName": "prod" }));
            world.succeed(gate_delete("large")).await;
        }
        assert_eq!(snapshots(&world).len(), 1, "exists: {exists}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_may_not_read_tags_says_so() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.fail("ListTagsForResource", "AccessDeniedException", 20);
    let (reason, _) = world.refuse(gate_update("large", "xlarge")).await;
    assert!(reason.contains("AccessDeniedException"), "{reason}");
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delete_needs_no_permission_to_read_snapshots_and_tells_any_other_failure() {
    for (code, succeeds) in [("AccessDeniedException", true), ("ValidationException", false)] {
        let world = endpoint();
        world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
        world.fail("GetParameter", code, 1);
        let request = delete().field("ResourceProperties", gated("large", 4)).of(BLUE_ID);
        if succeeds {
            world.succeed(request).await;
        } else {
            let (reason, _) = world.refuse(request).await;
            assert!(reason.contains(code), "{reason}");
        }
        assert!(world.registered().is_empty());
    }
}

/// A target may have 50 tags. One of them makes room for the tag that marks it as half restored.
#[tokio::test(start_paused = true)]
async fn a_target_with_all_the_tags_that_it_may_have_gets_the_last_one_back_also_after_a_slow_call() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let tags: Value = (1..50).map(|number| (format!("t{number}"), json!("x"))).collect();
    let arn = world.targets()[0]["ScalableTargetARN"].clone();
    world.aws("AnyScaleFrontendService.TagResource", json!({ "ResourceARN": arn, "Tags": tags }));
    let before = world.picture();
    world.succeed(gate_update("large", "xlarge")).await;
    world.slow_reply("UntagResource", Duration::from_secs(6));
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn whatever_is_registered_behind_a_gate_fits_into_a_snapshot() {
    let padded = |length: usize| {
        let mut properties = gated("large", 4);
        properties["Tags"] = (0..40)
            .map(|number| json!({ "Key": format!("t{number}"), "Value": "x".repeat((length / 40).min(256)) }))
            .chain([json!({ "Key": "rest", "Value": "x".repeat(length % 40) })])
            .collect();
        create().field("ResourceProperties", properties)
    };
    let (mut fits, mut exceeds) = (0, 10_000);
    while exceeds - fits > 1 {
        let middle = usize::midpoint(fits, exceeds);
        let world = endpoint();
        *if world.answer(padded(middle)).await["Status"] == "SUCCESS" { &mut fits } else { &mut exceeds } = middle;
    }
    assert!(fits > 4_000 && exceeds < 9_000, "{fits} and {exceeds}");
    let world = endpoint();
    world.succeed(padded(fits)).await;
    let before = world.picture();
    world.succeed(gate_update("large", "xlarge")).await;
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_of_a_target_that_was_registered_anew_has_nothing_of_the_former_target() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.succeed(gate_update("large", "xlarge")).await;
    let limits = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
    world.auto_scaling("RegisterScalableTarget", blue(), &limits);
    // The same request is delivered again.
    world.succeed(gate_update("large", "xlarge")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    world.succeed(gate_update("xlarge", "large")).await;
    let policies = world.auto_scaling("DescribeScalingPolicies", blue(), &json!({}));
    assert_eq!((&world.targets()[0]["MaxCapacity"], &policies["ScalingPolicies"]), (&json!(2), &json!([])));
}

/// It read, late, the snapshot of its own that the new one replaced.
#[tokio::test(start_paused = true)]
async fn a_gate_stores_a_snapshot_again_that_a_cancelled_request_has_dropped() {
    let world = endpoint();
    register_natively(&world, &["blue", "green"]);
    let before = world.picture();
    world.before("DeregisterScalableTarget", 0, &[("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() }))]);
    world.succeed(gate_update("large", "both")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 2));
    world.succeed(gate_update("both", "large")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_scaling_that_rolls_back_stores_a_snapshot_again_that_a_cancelled_request_has_dropped() {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4)).of(BLUE_ID)).await;
    world.auto_scaling("PutScalingPolicy", blue(), &step("foreign", 1));
    world.before("DeregisterScalableTarget", 0, &[("AmazonSSM.DeleteParameter", json!({ "Name": blue_snapshot() }))]);
    world.succeed(scaling_update(("large", 4), ("xlarge", 4))).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    assert!(snapshots(&world)[0]["Value"].as_str().expect("a text").contains("foreign"));
}

/// `blue`, whose scaling the stack owns, and to which somebody has attached a policy. It is in a snapshot, and the endpoint runs
/// `xlarge`.
async fn updated_with_a_foreign_policy() -> World {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4)).of(BLUE_ID)).await;
    world.auto_scaling("PutScalingPolicy", blue(), &step("foreign", 1));
    world.succeed(gate_update("large", "xlarge")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    world.update_endpoint("prod", "xlarge");
    world
}

/// Whether the policy is attached.
fn has_foreign_policy(world: &World) -> bool {
    let policies = world.auto_scaling("DescribeScalingPolicies", blue(), &json!({}));
    policies["ScalingPolicies"].as_array().expect("a list").iter().any(|policy| policy["PolicyName"] == "foreign")
}

const A_DAY_LATER: Duration = Duration::from_secs(25 * 60 * 60);

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_this_update_is_restored_however_late() {
    let world = updated_with_a_foreign_policy().await;
    tokio::time::sleep(A_DAY_LATER).await;
    world.succeed(scaling_update(("large", 4), ("xlarge", 5))).await;
    assert!(has_foreign_policy(&world));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_the_own_target_from_another_update_is_not_restored() {
    let world = updated_with_a_foreign_policy().await;
    world.update_endpoint("prod", "both");
    world.succeed(scaling_update(("alone", 4), ("both", 5))).await;
    assert_eq!((world.registered().len(), has_foreign_policy(&world)), (1, false));
}

#[tokio::test(start_paused = true)]
async fn without_a_gate_a_snapshot_is_restored_for_a_day() {
    for (later, is_restored) in [(Duration::ZERO, true), (A_DAY_LATER, false)] {
        let world = updated_with_a_foreign_policy().await;
        tokio::time::sleep(later).await;
        let request = update().field("ResourceProperties", ungated(5)).field("OldResourceProperties", ungated(4));
        world.succeed(request.of(BLUE_ID)).await;
        assert_eq!((world.registered().len(), has_foreign_policy(&world)), (1, is_restored), "{later:?}");
    }
}
