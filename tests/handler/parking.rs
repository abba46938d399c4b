//! What is parked comes back whole, whoever acts at the same moment.

use serde_json::{Value, json};

use crate::gate::{BLUES_RECORD, behind, by_hand, gate, gate_update, parked, with_endpoint};
use crate::support::request::{Request, create, delete, update};
use crate::support::world::{Crash, World};

/// A request that CloudFormation made long ago.
fn late(request: Request) -> Request {
    let url = "https://b.s3.amazonaws.com/p?X-Amz-Date=20190101T000000Z&X-Amz-Signature=0123456789abcdef0123";
    request.field("ResponseURL", json!(url))
}

fn gate_delete(config: &str) -> Request {
    gate(config).field("RequestType", json!("Delete")).of(&format!("endpoint/prod/config/{config}|update-gate"))
}

fn blue(more: Value) -> Value {
    let mut input = json!({
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/prod/variant/blue",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    });
    input.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
    input
}

const BLUE: &str = "endpoint/prod/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker";

fn endpoint_runs(world: &World, config: &str) {
    world.aws("SageMaker.UpdateEndpoint", json!({ "EndpointName": "prod", "EndpointConfigName": config }));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_came_back_in_part_is_parked_whole_again() {
    for at in 1.. {
        let world = with_endpoint();
        by_hand(&world, &["blue"]);
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
async fn what_stands_in_the_way_goes_and_comes_back_in_so_many_calls() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    world.called();
    world.succeed(gate_update("large", "xlarge")).await;
    let down = [
        "DescribeEndpoint",
        "DescribeEndpointConfig",
        "DescribeEndpointConfig",
        "DescribeScalableTargets",
        "ListTagsForResource",
        "DescribeScalingPolicies",
        "DescribeScheduledActions",
        "GetParameter",
        "PutParameter",
        "GetParameter",
        "DeregisterScalableTarget",
        "DescribeEndpoint",
        "DescribeStackResource",
    ];
    assert_eq!(world.called(), down);
    world.succeed(gate_update("xlarge", "large")).await;
    let back = [
        "DescribeEndpoint",
        "GetParametersByPath",
        "DescribeScalableTargets",
        "RegisterScalableTarget",
        "PutScalingPolicy",
        "GetParameter",
        "UntagResource",
        "DescribeScalableTargets",
        "ListTagsForResource",
        "DeleteParameter",
    ];
    assert_eq!(world.called(), back);
}

#[tokio::test(start_paused = true)]
async fn a_second_delivery_that_looks_while_the_first_takes_down_loses_nothing() {
    let twin = with_endpoint();
    by_hand(&twin, &["blue"]);
    twin.succeed(gate_update("large", "xlarge")).await;
    let record = json!({ "Name": BLUES_RECORD, "Value": parked(&twin)[0]["Value"], "Type": "String" });
    for (operation, parks) in [("ListTagsForResource", 0), ("DescribeScalingPolicies", 1)] {
        let world = with_endpoint();
        by_hand(&world, &["blue"]);
        let before = world.picture();
        let first = [
            ("AmazonSSM.PutParameter", record.clone()),
            ("AnyScaleFrontendService.DeregisterScalableTarget", blue(json!({}))),
        ];
        world.before(operation, 0, &first);
        world.called();
        world.succeed(gate_update("large", "xlarge")).await;
        let puts = world.called().iter().filter(|operation| *operation == "PutParameter").count();
        assert_eq!(puts, parks);
        world.succeed(gate_update("xlarge", "large")).await;
        assert_eq!(world.picture(), before, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_young_gate_that_is_overtaken_brings_back_what_it_took_down() {
    let world = with_endpoint();
    by_hand(&world, &["blue", "green"]);
    let before = world.picture();
    world.on_record("UPDATE_IN_PROGRESS", "endpoint/prod/config/large|update-gate");
    world.on_record_before(
        "DeregisterScalableTarget",
        "UPDATE_ROLLBACK_COMPLETE",
        "endpoint/prod/config/large|update-gate",
    );
    let (reason, _) = world.refuse(gate_update("large", "both")).await;
    assert!(reason.ends_with("UPDATE_ROLLBACK_COMPLETE"), "{reason}");
    assert_eq!(world.picture(), before);
    assert!(parked(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_another_delivery_was_answered_for_stays_down() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    world.on_record("UPDATE_IN_PROGRESS", "endpoint/prod/config/large|update-gate");
    let answered = "endpoint/prod/config/xlarge|update-gate";
    world.on_record_before("DeregisterScalableTarget", "UPDATE_COMPLETE", answered);
    world.refuse(late(gate_update("large", "xlarge"))).await;
    assert!(world.registered().is_empty());
    assert_eq!(parked(&world).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_service_refuses_keeps_nothing_else_from_coming_back() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    let step = json!({
        "PolicyName": "z", "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{ "MetricIntervalLowerBound": 0, "ScalingAdjustment": 1 }],
        },
    });
    world.aws("AnyScaleFrontendService.PutScalingPolicy", blue(step));
    let action = json!({
        "ScheduledActionName": "daily", "Schedule": "rate(1 day)", "ScalableTargetAction": { "MinCapacity": 1 },
    });
    world.aws("AnyScaleFrontendService.PutScheduledAction", blue(action));
    world.succeed(gate_update("large", "xlarge")).await;
    world.fail("PutScalingPolicy", "ValidationException", 1);
    world.succeed(gate_update("xlarge", "large")).await;
    let shown = world.picture().to_string();
    assert_eq!(shown.matches("PolicyName").count(), 1, "{shown}");
    assert!(shown.contains("daily") && !shown.contains("returning"), "{shown}");
    assert!(parked(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gate_judges_by_the_configuration_that_an_endpoint_settles_on() {
    // An update is on its way when the stack goes back: what is shown is the old configuration.
    let world = with_endpoint();
    by_hand(&world, &["green"]);
    world.aws("LocalAws.SetEndpointTakes", json!({ "Seconds": 30 }));
    endpoint_runs(&world, "xlarge");
    by_hand(&world, &["blue"]);
    let shown = world.aws("SageMaker.DescribeEndpoint", json!({ "EndpointName": "prod" }));
    assert_eq!((&shown["EndpointConfigName"], &shown["EndpointStatus"]), (&json!("large"), &json!("Updating")));
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.registered(), ["endpoint/prod/variant/green"]);
    endpoint_runs(&world, "large");
    // And with one that goes back by itself, what is parked comes back.
    world.succeed(gate_delete("xlarge")).await;
    assert_eq!(world.registered().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_for_an_endpoint_that_is_being_created_waits_for_its_variants() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    world.succeed(gate_update("large", "xlarge")).await;
    world.aws("SageMaker.DeleteEndpoint", json!({ "EndpointName": "prod" }));
    world.aws("LocalAws.SetEndpointTakes", json!({ "Seconds": 20 }));
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "prod", "EndpointConfigName": "xlarge" }));
    world.succeed(gate_delete("large")).await;
    assert_eq!(world.registered(), ["endpoint/prod/variant/blue"]);
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_outlives_the_update_that_removes_its_resource() {
    for gate_first in [false, true] {
        let world = with_endpoint();
        by_hand(&world, &["blue"]);
        let adopting = |config| {
            let mut properties = behind(config, 4);
            properties["AdoptExisting"] = json!("true");
            properties
        };
        world.succeed(create().field("ResourceProperties", adopting("large"))).await;
        world.succeed(gate_update("large", "xlarge")).await;
        endpoint_runs(&world, "xlarge");
        let mut clean_up = vec![delete().field("ResourceProperties", adopting("large")).of(BLUE), gate_delete("large")];
        if gate_first {
            clean_up.reverse();
        }
        for request in clean_up {
            world.succeed(request).await;
        }
        assert_eq!(world.registered(), ["endpoint/prod/variant/blue"], "gate first: {gate_first}");
        assert_eq!(world.tags(&world.targets()[0]), json!({ "by": "hand", "team": "ml {{x}}" }));
        assert!(parked(&world).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_while_the_gate_brings_it_back_is_gone() {
    // The gate brings back what the Delete of its resource forgets at that moment.
    let parked_ours = async || {
        let world = with_endpoint();
        world.succeed(create().field("ResourceProperties", behind("large", 4))).await;
        world.succeed(gate_update("large", "xlarge")).await;
        endpoint_runs(&world, "xlarge");
        world
    };
    let world = parked_ours().await;
    world.before("PutScalingPolicy", 1, &[("AmazonSSM.DeleteParameter", json!({ "Name": BLUES_RECORD }))]);
    world.succeed(gate_delete("large")).await;
    assert!(world.registered().is_empty());

    // And the Delete looks again after it has forgotten.
    let world = parked_ours().await;
    let record: Value = serde_json::from_str(parked(&world)[0]["Value"].as_str().unwrap()).unwrap();
    let back = ("AnyScaleFrontendService.RegisterScalableTarget", record["Target"].clone());
    world.before("DeleteParameter", 0, &[back]);
    world.succeed(delete().field("ResourceProperties", behind("large", 4)).of(BLUE)).await;
    assert!(world.registered().is_empty());
    assert!(parked(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_another_delivery_has_brought_back_already_is_not_taken_down() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    let before = world.picture();
    world.succeed(gate_update("large", "xlarge")).await;
    let record: Value = serde_json::from_str(parked(&world)[0]["Value"].as_str().unwrap()).unwrap();
    let mut returning = record["Target"].clone();
    returning["Tags"]["sagemaker-scaling:restoring"] = json!("true");
    let arn = world.aws("AnyScaleFrontendService.RegisterScalableTarget", returning)["ScalableTargetARN"].clone();
    // The other one is done while this one is on its way.
    let untag = json!({ "ResourceARN": arn, "TagKeys": ["sagemaker-scaling:restoring"] });
    let done = [
        ("AnyScaleFrontendService.UntagResource", untag),
        ("AmazonSSM.DeleteParameter", json!({ "Name": BLUES_RECORD })),
    ];
    world.before("PutScalingPolicy", 0, &done);
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.picture(), before);
    let named = update().field("ResourceProperties", behind("large", 4));
    assert!(world.refuse(named.of(BLUE)).await.0.contains("by no stack of this function"));
}

#[tokio::test(start_paused = true)]
async fn an_overtaken_gate_brings_back_the_others_where_one_is_refused() {
    let world = with_endpoint();
    by_hand(&world, &["blue", "green"]);
    world.on_record("UPDATE_IN_PROGRESS", "endpoint/prod/config/large|update-gate");
    world.on_record_before("DeregisterScalableTarget", "UPDATE_ROLLBACK_COMPLETE", "x");
    world.fail("RegisterScalableTarget", "LimitExceededException", 1);
    world.refuse(gate_update("large", "both")).await;
    assert_eq!((world.registered().len(), parked(&world).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_registered_while_a_gate_waits_is_taken_down_too() {
    let world = with_endpoint();
    world.aws("LocalAws.SetEndpointTakes", json!({ "Seconds": 20 }));
    let weights = json!([{ "VariantName": "green", "DesiredInstanceCount": 2 }]);
    let scale = json!({ "EndpointName": "prod", "DesiredWeightsAndCapacities": weights });
    by_hand(&world, &["green"]);
    world.aws("SageMaker.UpdateEndpointWeightsAndCapacities", scale);
    let theirs = blue(json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
    world.before("DescribeEndpoint", 3, &[("AnyScaleFrontendService.RegisterScalableTarget", theirs)]);
    world.succeed(gate_update("large", "both")).await;
    assert!(world.registered().is_empty());
    assert_eq!(parked(&world).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_spellings_of_one_endpoint_are_told_before_anything_is_taken_down() {
    let world = with_endpoint();
    world.aws("SageMaker.DeleteEndpoint", json!({ "EndpointName": "prod" }));
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "Prod", "EndpointConfigName": "large" }));
    for name in ["Prod", "prod"] {
        let mut target = blue(json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
        target["ResourceId"] = json!(format!("endpoint/{name}/variant/blue"));
        world.aws("AnyScaleFrontendService.RegisterScalableTarget", target);
    }
    let (reason, _) = world.refuse(gate_update("large", "xlarge")).await;
    assert!(reason.contains("are both registered, and are one variant to SageMaker"), "{reason}");
    assert_eq!((world.registered().len(), parked(&world).len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_last_delete_cannot_bring_back_is_told_and_forgotten() {
    let world = with_endpoint();
    by_hand(&world, &["blue", "green"]);
    world.succeed(gate_update("large", "both")).await;
    endpoint_runs(&world, "both");
    world.fail("RegisterScalableTarget", "ValidationException", 1);
    world.succeed(gate_delete("large")).await;
    assert_eq!((world.registered().len(), parked(&world).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_tags_cannot_be_seen_is_not_left_in_the_way_silently() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    world.fail("ListTagsForResource", "ResourceNotFoundException", 20);
    let (reason, _) = world.refuse(gate_update("large", "xlarge")).await;
    assert!(reason.starts_with("the tags of endpoint/prod/variant/blue cannot be seen"), "{reason}");
    assert_eq!(world.registered().len(), 1);
}
