//! Scaling policies, scheduled actions, and the dimensions other than instance counts.

use serde_json::{Value, json};
use test_support::account::{Account as _, my_variant};
use test_support::attached::{action, merged, step, tracking};
use test_support::request::{ID, NOT_REGISTERED, OTHER_ID, Request, create, delete, update};

use crate::support::world::{Trouble, World};

fn described(world: &World, what: &str, id: &Value) -> Vec<Value> {
    let found = world.aws(&format!("AnyScaleFrontendService.Describe{what}"), id.clone());
    found[what].as_array().cloned().unwrap_or_default()
}

fn policies(world: &World) -> Vec<Value> {
    described(world, "ScalingPolicies", &my_variant())
}

fn actions(world: &World) -> Vec<Value> {
    described(world, "ScheduledActions", &my_variant())
}

fn names(items: &[Value], name: &str) -> Vec<String> {
    items.iter().map(|item| item[name].as_str().expect("a name").to_owned()).collect()
}

fn policy_names(world: &World) -> Vec<String> {
    names(&policies(world), "PolicyName")
}

/// Puts a policy by hand.
fn by_hand(world: &World, name: &str, adjustment: i32) {
    world.auto_scaling("PutScalingPolicy", my_variant(), &step(name, adjustment));
}

#[tokio::test(start_paused = true)]
async fn policies_and_actions_are_put_with_typed_values_and_their_arns_are_attributes() {
    let world = World::new();
    world.called();
    let mut morning = action("morning", "2");
    morning["Timezone"] = json!("Europe/Berlin");
    morning["StartTime"] = json!("2030-01-01T00:00:00Z");
    let wanted = create()
        .with("ScalingPolicies", json!([tracking("requests", "70"), step("backlog", "1")]))
        .with("ScheduledActions", json!([morning]));
    let answer = world.succeed(wanted).await;
    let order =
        ["DescribeEndpoint", "RegisterScalableTarget", "PutScalingPolicy", "PutScalingPolicy", "PutScheduledAction"];
    assert_eq!(world.called(), order);

    let put = policies(&world);
    assert_eq!(names(&put, "PolicyName"), ["backlog", "requests"]);
    for policy in &put {
        let name = policy["PolicyName"].as_str().unwrap();
        assert_eq!(answer["Data"][format!("PolicyARN.{name}")], policy["PolicyARN"]);
    }
    // In the order of the template.
    let by_position = [&answer["Data"]["PolicyARN1"], &answer["Data"]["PolicyARN2"]];
    assert_eq!(by_position, [&put[1]["PolicyARN"], &put[0]["PolicyARN"]]);
    assert_eq!(put[1]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"], json!(70.0));
    let steps = json!([{ "MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1 }]);
    assert_eq!(put[0]["StepScalingPolicyConfiguration"]["StepAdjustments"], steps);
    let put = &actions(&world)[0];
    assert_eq!(put["ScalableTargetAction"], json!({ "MinCapacity": 2 }));
    assert_eq!((&put["Timezone"], &put["StartTime"]), (&json!("Europe/Berlin"), &json!(1_893_456_000)));
}

#[tokio::test(start_paused = true)]
async fn removed_policies_and_actions_are_deleted_first_and_those_of_others_stay() {
    let world = World::new();
    let before = json!([tracking("requests", "70"), step("old", "1")]);
    let old_actions = json!([action("morning", "2"), action("evening", "1")]);
    world.succeed(create().with("ScalingPolicies", before.clone()).with("ScheduledActions", old_actions.clone())).await;
    by_hand(&world, "theirs", 5);
    world.called();

    let after = update()
        .with("ScalingPolicies", json!([step("new", "2")]))
        .with("ScheduledActions", json!([action("morning", "3")]))
        .with_old("ScalingPolicies", before)
        .with_old("ScheduledActions", old_actions);
    world.succeed(after).await;
    assert_eq!(policy_names(&world), ["new", "theirs"]);
    assert_eq!(names(&actions(&world), "ScheduledActionName"), ["morning"]);
    assert_eq!(actions(&world)[0]["ScalableTargetAction"], json!({ "MinCapacity": 3 }));
    let called = world.called();
    let changing = called.iter().filter(|call| call.starts_with("Put") || call.starts_with("Delete"));
    let order = [
        "DeleteScalingPolicy",
        "DeleteScalingPolicy",
        "DeleteScheduledAction",
        "PutScalingPolicy",
        "PutScheduledAction",
    ];
    assert!(changing.eq(order.iter()), "{called:?}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_was_changed_by_hand_is_corrected_and_one_of_another_type_is_replaced() {
    let world = World::new();
    let before = json!([step("mine", "1")]);
    world.succeed(create().with("ScalingPolicies", before.clone())).await;
    by_hand(&world, "mine", 9);
    let update = update().with_old("ScalingPolicies", before.clone());
    world.succeed(update.clone().with("ScalingPolicies", before).with("MaxCapacity", json!("9"))).await;
    let steps = &policies(&world)[0]["StepScalingPolicyConfiguration"]["StepAdjustments"];
    assert_eq!(steps[0]["ScalingAdjustment"], 1);

    world.succeed(update.with("ScalingPolicies", json!([tracking("mine", "70")]))).await;
    assert_eq!(policies(&world).len(), 1);
    assert_eq!(policies(&world)[0]["PolicyType"], "TargetTrackingScaling");
}

#[tokio::test(start_paused = true)]
async fn two_policies_can_exchange_their_metrics() {
    let world = World::new();
    let tracking = |name: &str, metric: &str| {
        let mut policy = tracking(name, "70");
        policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"] =
            json!(metric);
        policy
    };
    let (one, other) =
        ("SageMakerVariantInvocationsPerInstance", "SageMakerVariantConcurrentRequestsPerModelHighResolution");
    let before = json!([tracking("a", one), tracking("b", other)]);
    world.succeed(create().with("ScalingPolicies", before.clone())).await;
    let after = json!([tracking("a", other), tracking("b", one)]);
    world.succeed(update().with("ScalingPolicies", after).with_old("ScalingPolicies", before)).await;
    let shown = policies(&world)[0]["TargetTrackingScalingPolicyConfiguration"].to_string();
    assert!(shown.contains(other), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn removed_times_and_time_zones_are_reset() {
    let world = World::new();
    let mut before = action("morning", "2");
    before["Timezone"] = json!("Europe/Berlin");
    before["StartTime"] = json!("2030-01-01T00:00:00Z");
    before["EndTime"] = json!("2031-01-01T00:00:00Z");
    world.succeed(create().with("ScheduledActions", json!([before]))).await;
    assert_eq!(actions(&world)[0]["EndTime"], 1_924_992_000);
    let update = update()
        .with("ScheduledActions", json!([action("morning", "2")]))
        .with_old("ScheduledActions", json!([before]));
    world.succeed(update).await;
    let action = actions(&world).remove(0);
    assert_eq!((action.get("StartTime"), action.get("EndTime")), (None, None));
    assert_eq!(action["Timezone"], "UTC");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_fails_after_registering_answers_with_the_real_id_for_the_delete() {
    let world = World::new();
    let wanted = json!([tracking("requests", "70"), step("backlog", "1")]);
    let refused = json!({
        "Operation": "PutScalingPolicy", "Code": "ValidationException", "Status": 400, "Message": "no such metric",
        "Times": 1,
    });
    // The second policy of the two.
    world.before("PutScalingPolicy", 1, &[("LocalAws.InjectFaults", refused)]);
    let (reason, id) = world.refuse(create().with("ScalingPolicies", wanted.clone())).await;
    let expected = "PutScalingPolicy failed for scaling policy backlog of endpoint/MyEndPoint/variant/MyVariant: \
                    ValidationException: no such metric";
    assert_eq!((reason.as_str(), id.as_str()), (expected, ID));
    assert_eq!(policy_names(&world), ["requests"]);
    world.succeed(delete().with("ScalingPolicies", wanted)).await;
    assert!(world.targets().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_create_that_fails_after_registering_answers_with_the_real_id_while_its_target_is_not_visible() {
    let world = World::new();
    world.fail("PutScalingPolicy", "AccessDeniedException", 1);
    world.trouble("DescribeScalableTargets", Trouble::Reply(r#"{"ScalableTargets": []}"#));
    let (_, id) = world.refuse(create().with("ScalingPolicies", json!([step("backlog", "1")]))).await;
    assert_eq!(id, ID);
}

#[tokio::test(start_paused = true)]
async fn the_rollback_corrects_an_update_that_failed_half_way() {
    let world = World::new();
    let before = json!([step("a", "1"), step("b", "1")]);
    let after = json!([step("c", "3"), step("b", "2"), step("d", "4")]);
    world.succeed(create().with("ScalingPolicies", before.clone())).await;
    let original = policies(&world);
    let refused =
        json!({"Operation": "PutScalingPolicy", "Code": "LimitExceededException", "Status": 400, "Message": "full"});
    world.before("PutScalingPolicy", 2, &[("LocalAws.InjectFaults", refused)]);
    let forward = update().with("ScalingPolicies", after.clone()).with_old("ScalingPolicies", before.clone());
    world.refuse(forward).await;
    assert_eq!(policy_names(&world), ["b", "c"]);

    world.succeed(update().with("ScalingPolicies", before).with_old("ScalingPolicies", after)).await;
    let configurations = |policies: Vec<Value>| -> Vec<Value> {
        let each =
            |mut policy: Value| json!([policy["PolicyName"].take(), policy["StepScalingPolicyConfiguration"].take()]);
        policies.into_iter().map(each).collect()
    };
    assert_eq!(configurations(policies(&world)), configurations(original));
}

#[tokio::test(start_paused = true)]
async fn puts_are_retried_until_a_new_target_is_visible() {
    let world = World::new();
    world.fail("PutScalingPolicy", "ObjectNotFoundException", 3);
    world.fail("PutScheduledAction", "ConcurrentUpdateException", 3);
    let wanted = create()
        .with("ScalingPolicies", json!([step("backlog", "1")]))
        .with("ScheduledActions", json!([action("morning", "2")]));
    world.succeed(wanted).await;
    assert_eq!((policies(&world).len(), actions(&world).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_deregistered_meanwhile_is_registered_again_with_its_policies() {
    let world = World::new();
    world.before("PutScalingPolicy", 1, &[("AnyScaleFrontendService.DeregisterScalableTarget", my_variant())]);
    world.succeed(create().with("ScalingPolicies", json!([step("a", "1"), step("b", "1")]))).await;
    assert_eq!(policy_names(&world), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_somebody_else_registers_meanwhile_gets_no_policies() {
    let world = World::new();
    let limits = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
    let registration = [
        ("AnyScaleFrontendService.DeregisterScalableTarget", my_variant()),
        ("AnyScaleFrontendService.RegisterScalableTarget", merged(my_variant(), &limits)),
        (
            "LocalAws.InjectFaults",
            json!({
                "Operation": "PutScalingPolicy", "Code": "ThrottlingException", "Status": 400, "Message": "", "Times": 12,
            }),
        ),
    ];
    world.before("PutScalingPolicy", 0, &registration);
    let (reason, _) = world.refuse(create().with("ScalingPolicies", json!([step("a", "1")]))).await;
    assert!(reason.contains("is already registered, but not by this function"), "{reason}");
    assert!(policies(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_is_released_with_its_policies_and_actions() {
    let world = World::new();
    world.register_by_hand(json!({}));
    by_hand(&world, "theirs", 5);
    let adopting = |request: Request| {
        request
            .with("AdoptExisting", json!("true"))
            .with("ScalingPolicies", json!([step("own", "1")]))
            .with("ScheduledActions", json!([action("morning", "2")]))
    };
    world.succeed(adopting(create())).await;
    assert_eq!(policy_names(&world), ["own", "theirs"]);
    world.succeed(adopting(delete())).await;
    assert_eq!(policy_names(&world), ["own", "theirs"]);
    assert_eq!(actions(&world).len(), 1);
    assert_eq!(world.tags(&world.targets()[0]), json!({}));
}

#[tokio::test(start_paused = true)]
async fn a_replacement_does_not_delete_policies_of_the_same_name_on_the_new_target() {
    let world = World::new();
    let other = json!("MyOtherVariant");
    let before = json!([step("shared", "1")]);
    world.succeed(create().with("VariantName", other.clone()).with("ScalingPolicies", before.clone())).await;
    world.register_by_hand(json!({}));
    by_hand(&world, "shared", 5);
    let moving = update()
        .of(OTHER_ID)
        .with("AdoptExisting", json!("true"))
        .with_old("VariantName", other)
        .with_old("ScalingPolicies", before);
    world.succeed(moving).await;
    assert_eq!(policy_names(&world), ["shared"]);
}

#[tokio::test(start_paused = true)]
async fn the_provisioned_concurrency_of_a_serverless_variant_scales_from_zero() {
    let world = World::new();
    let serverless = json!({ "MaxConcurrency": 20, "MemorySizeInMB": 2048, "ProvisionedConcurrency": 1 });
    let variant = json!({ "VariantName": "MyVariant", "ModelName": "m", "ServerlessConfig": serverless });
    let config = json!({ "EndpointConfigName": "serverless", "ProductionVariants": [variant] });
    world.aws("SageMaker.CreateEndpointConfig", config);
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "Serverless", "EndpointConfigName": "serverless" }));

    let dimension = "sagemaker:variant:DesiredProvisionedConcurrency";
    let mut policy = tracking("utilization", "0.7");
    policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"] =
        json!("SageMakerVariantProvisionedConcurrencyUtilization");
    let request = create()
        .with("EndpointName", json!("Serverless"))
        .with("ScalableDimension", json!(dimension))
        .with("MinCapacity", json!("0"))
        .with("ScalingPolicies", json!([policy]));
    let answer = world.succeed(request).await;
    let id = format!("endpoint/Serverless/variant/MyVariant|{dimension}|sagemaker");
    assert_eq!(answer["PhysicalResourceId"], id);
    assert_eq!(answer["Data"]["ScalableDimension"], dimension);
    assert_eq!(world.targets()[0]["MinCapacity"], 0);
    world.succeed(delete().of(&id)).await;
    assert!(world.targets().is_empty());
}

fn of_component(name: &str) -> Request {
    let properties = json!({ "InferenceComponentName": name, "MinCapacity": "0", "MaxCapacity": "3" });
    create().field("ResourceProperties", properties)
}

#[tokio::test(start_paused = true)]
async fn the_copies_of_an_inference_component_scale_to_zero() {
    let world = World::new();
    let component = json!({"InferenceComponentName": "llm", "EndpointName": "MyEndPoint", "VariantName": "MyVariant"});
    world.aws("SageMaker.CreateInferenceComponent", component);
    let answer = world.succeed(of_component("llm")).await;
    let id = "inference-component/llm|sagemaker:inference-component:DesiredCopyCount|sagemaker";
    assert_eq!(answer["PhysicalResourceId"], id);
    assert_eq!(answer["Data"]["InferenceComponentName"], "llm");
    assert_eq!(answer["Data"].get("EndpointName"), None);
    assert_eq!(world.targets()[0]["MinCapacity"], 0);
    world.succeed(delete().of(id)).await;
    assert!(world.targets().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_missing_inference_component_fails_at_once_and_a_broken_connection_is_retried() {
    let world = World::new();
    let (reason, id) = world.refuse(of_component("none")).await;
    assert_eq!(reason, "InferenceComponentName: there is no inference component none in this account and Region");
    assert_eq!(id, NOT_REGISTERED);
    let component = json!({"InferenceComponentName": "llm", "EndpointName": "MyEndPoint", "VariantName": "MyVariant"});
    world.aws("SageMaker.CreateInferenceComponent", component);
    world.trouble("DescribeInferenceComponent", Trouble::ResetBefore);
    world.succeed(of_component("llm")).await;
}

#[tokio::test(start_paused = true)]
async fn an_inference_component_without_a_status_is_waited_for() {
    let world = World::new();
    let component = json!({"InferenceComponentName": "llm", "EndpointName": "MyEndPoint", "VariantName": "MyVariant"});
    world.aws("SageMaker.CreateInferenceComponent", component);
    (0..400).for_each(|_| world.trouble("DescribeInferenceComponent", Trouble::Reply("{}")));
    let (reason, _) = world.refuse(of_component("llm")).await;
    let wait = "out of time while waiting for inference component llm to be InService (it is of unknown status)";
    assert!(reason.starts_with(wait), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn all_invalid_properties_are_named_before_any_call() {
    let world = World::new();
    world.called();
    let mut wrong = tracking("p", "many");
    wrong["PolicyTpye"] = json!("x");
    let mut late = action("a", "x");
    late["Timezone"] = json!("Mars");
    let request =
        create().with("ScalingPolicies", json!([step("s", "1"), wrong])).with("ScheduledActions", json!([late]));
    let (reason, id) = world.refuse(request).await;
    for mistake in [
        "ScalingPolicies[1].PolicyTpye: unknown property, found \"x\"; did you mean PolicyType?",
        "ScalingPolicies[1].TargetTrackingScalingPolicyConfiguration.TargetValue: expected a number, found \"many\"",
        "ScheduledActions[0].ScalableTargetAction.MinCapacity: expected a whole number",
        "ScheduledActions[0].Timezone: expected the name of a time zone",
    ] {
        assert!(reason.contains(mistake), "{mistake} is not in: {reason}");
    }
    assert_eq!(id, NOT_REGISTERED);
    assert!(world.called().is_empty());
}
