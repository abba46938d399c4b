//! The report: a test for each finding, and that a report changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::account::{Account as _, my_variant, target};
use test_support::attached::{action, merged, step, tracking};
use test_support::function::{DECLARED_TAG, FUNCTION_ARN, RESTORING_TAG, SNAPSHOTS};
use test_support::request::{ID, MY_OTHER_VARIANT, MY_VARIANT, STACK, create, gate_id};
use tokio::time::{Instant, sleep};

use crate::support::prod::{BLUE, BLUE_ID, blue, endpoint, first_snapshot, gate_update, gated};
use crate::support::world::World;

const MINUTES: Duration = Duration::from_secs(900);

/// `MyVariant`, registered with two policies and an action, and its stack.
async fn declared() -> World {
    let world = World::new();
    let policies = json!([step("steps", "1"), tracking("tracking", "70")]);
    let request = create().with("ScalingPolicies", policies).with("ScheduledActions", json!([action("morning", "1")]));
    world.succeed(request).await;
    on_stack(&world, "Scaling", ID);
    sleep(Duration::from_secs(10)).await;
    world
}

/// CloudFormation knows the resource of a target in `STACK`.
pub(crate) fn on_stack(world: &World, logical_id: &str, id: &str) {
    on_stack_as(world, logical_id, id, "Custom::SageMakerScalableTarget", "CREATE_COMPLETE");
}

/// `STACK` has retained the target of its resource `Scaling`.
pub(crate) fn retain(world: &World, id: &str) {
    on_stack_as(world, "Scaling", id, "Custom::SageMakerScalableTarget", "DELETE_SKIPPED");
}

fn on_stack_as(world: &World, logical_id: &str, id: &str, resource_type: &str, status: &str) {
    let resource = json!({
        "StackId": STACK,
        "LogicalResourceId": logical_id,
        "ResourceType": resource_type,
        "PhysicalResourceId": id,
        "ResourceStatus": status,
    });
    world.aws("LocalAws.SetStackResource", resource);
}

/// Sets the status of `STACK`.
pub(crate) fn set_stack(world: &World, status: &str) {
    world.aws("LocalAws.SetStack", json!({ "StackId": STACK, "StackStatus": status }));
}

async fn report(world: &World) -> Value {
    world.order(&json!({ "Report": {} }), MINUTES).await
}

/// The codes of the findings of all targets and snapshots, and whether each needs attention.
fn codes(report: &Value) -> Vec<(String, bool)> {
    let list = |name: &str| report[name].as_array().unwrap_or_else(|| panic!("{name} in {report}")).clone();
    let findings = [list("Targets"), list("Snapshots")].concat().into_iter();
    let findings = findings.flat_map(|item| item["Findings"].as_array().expect("findings").clone());
    let code = |finding: &Value| finding["Code"].as_str().expect("a code").to_owned();
    findings.map(|finding| (code(&finding), finding["Attention"] == true)).collect()
}

async fn assert_codes(world: &World, expected: &[(&str, bool)]) -> Value {
    let report = report(world).await;
    let expected: Vec<_> = expected.iter().map(|(code, attention)| ((*code).to_owned(), *attention)).collect();
    assert_eq!(codes(&report), expected, "{report:#}");
    report
}

#[tokio::test(start_paused = true)]
async fn a_target_as_it_was_declared_has_no_findings_and_nothing_is_changed() {
    let world = declared().await;
    let before = world.picture();
    world.called();
    let report = assert_codes(&world, &[]).await;
    let expected = json!([{
        "ResourceId": MY_VARIANT,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "Registered": true,
        "Owner": { "StackId": STACK, "LogicalResourceId": "Scaling" },
        "MinCapacity": 1,
        "MaxCapacity": 8,
        "Findings": [],
    }]);
    assert_eq!(report["Targets"], expected);
    assert_eq!((&report["Account"], &report["Region"]), (&json!("111122223333"), &json!("us-east-1")));
    assert_eq!((&report["NotLookedAt"], report.get("Continuation")), (&json!([]), None));
    let reads = |call: &String| ["Describe", "List", "Get"].iter().any(|verb| call.starts_with(verb));
    assert!(world.called().iter().all(reads));
    assert_eq!(world.picture(), before);
    assert_eq!(world.answers(), 1, "CloudFormation gets no answer to it");
}

#[tokio::test(start_paused = true)]
async fn each_change_by_hand_is_a_finding() {
    let change = |operation: &'static str, input: Value| async move {
        let world = declared().await;
        world.auto_scaling(operation, my_variant(), &input);
        world
    };
    let suspended = json!({ "SuspendedState": { "ScheduledScalingSuspended": true } });
    for (operation, input, code) in [
        ("RegisterScalableTarget", json!({ "MinCapacity": 1, "MaxCapacity": 9 }), "LimitsChanged"),
        ("RegisterScalableTarget", suspended, "SuspendedStateChanged"),
        ("DeleteScalingPolicy", json!({ "PolicyName": "steps" }), "PolicyMissing"),
        ("PutScalingPolicy", step("steps", 2), "PolicyChanged"),
        ("PutScalingPolicy", tracking("tracking", 71), "PolicyChanged"),
        ("DeleteScheduledAction", json!({ "ScheduledActionName": "morning" }), "ActionMissing"),
        ("PutScheduledAction", action("morning", 2), "ActionChanged"),
    ] {
        let world = change(operation, input).await;
        let report = assert_codes(&world, &[(code, true)]).await;
        assert_eq!(report["Summary"]["Drifted"], 1, "{code}");
        let finding = &report["Targets"][0]["Findings"][0];
        assert!(finding["Next"].as_str().expect("what to do").contains("Scaling"), "{finding}");
    }
    let world = change("PutScalingPolicy", tracking("tracking", 70)).await;
    assert_codes(&world, &[]).await;
    // A deployment keeps what others attach.
    for (operation, input, code) in [
        ("PutScalingPolicy", step("by-hand", 1), "PolicyAdded"),
        ("PutScheduledAction", action("by-hand", 1), "ActionAdded"),
    ] {
        let world = change(operation, input).await;
        let report = assert_codes(&world, &[(code, false)]).await;
        assert_eq!(report["Summary"]["Drifted"], 0, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_finding_names_the_limits_that_are_registered_and_those_that_were_declared() {
    let world = declared().await;
    world.auto_scaling("RegisterScalableTarget", my_variant(), &json!({ "MinCapacity": 2, "MaxCapacity": 9 }));
    let report = report(&world).await;
    let message = report["Targets"][0]["Findings"][0]["Message"].as_str().expect("a message");
    assert_eq!(message, "Its limits are 2 to 9; the resource declared 1 to 8");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_was_deleted_and_created_again_is_reported() {
    let world = declared().await;
    // AWS has deregistered its targets.
    world.aws("SageMaker.DeleteEndpoint", json!({ "EndpointName": "MyEndPoint" }));
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "MyEndPoint", "EndpointConfigName": "MyEndPoint" }));
    let report = assert_codes(&world, &[("NotRegistered", true)]).await;
    assert_eq!((&report["Targets"][0]["Registered"], &report["Summary"]["Unregistered"]), (&json!(false), &json!(1)));

    // AWS has kept them.
    let world = declared().await;
    world.aws("LocalAws.LoseEndpoint", json!({ "EndpointName": "MyEndPoint" }));
    assert_codes(&world, &[("EndpointGone", true)]).await;
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "MyEndPoint", "EndpointConfigName": "MyEndPoint" }));
    assert_codes(&world, &[("EndpointReplaced", false)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_variant_that_is_gone_is_reported_once_the_endpoint_is_settled() {
    let world = declared().await;
    world.create_config("other", &[test_support::account::variant("MyOtherVariant", "m", "ml.m5.large")], json!({}));
    world.aws("LocalAws.LoseEndpoint", json!({ "EndpointName": "MyEndPoint" }));
    world.endpoints_take(60);
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "MyEndPoint", "EndpointConfigName": "other" }));
    assert_codes(&world, &[("EndpointReplaced", false)]).await;
    sleep(Duration::from_secs(60)).await;
    assert_codes(&world, &[("VariantGone", true)]).await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_gone_is_reported() {
    let world = declared().await;
    set_stack(&world, "DELETE_COMPLETE");
    let report = assert_codes(&world, &[("StackGone", true)]).await;
    assert_eq!(report["Summary"]["Orphans"], 1);

    // After 90 days, CloudFormation does not know the stack any more.
    let world = World::new();
    world.succeed(create()).await;
    assert_codes(&world, &[("StackGone", true)]).await;

    let world = declared().await;
    on_stack(&world, "Other", "x");
    world.aws("LocalAws.RemoveStackResource", json!({ "StackId": STACK, "LogicalResourceId": "Scaling" }));
    let report = assert_codes(&world, &[("ResourceGone", true)]).await;
    assert_eq!(report["Summary"]["Orphans"], 1);

    let world = declared().await;
    retain(&world, ID);
    assert_codes(&world, &[("ResourceGone", true)]).await;

    // The resource has another target.
    let world = declared().await;
    on_stack(&world, "Scaling", &ID.replace("MyVariant", "MyOtherVariant"));
    assert_codes(&world, &[("ResourceGone", true), ("NotRegistered", true)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_not_among_the_first_100_of_its_stack_is_found() {
    let world = World::new();
    world.succeed(create()).await;
    for number in 0..100 {
        on_stack(&world, &format!("A{number}"), "x");
    }
    on_stack(&world, "Scaling", ID);
    assert_codes(&world, &[]).await;
    world.aws("LocalAws.RemoveStackResource", json!({ "StackId": STACK, "LogicalResourceId": "Scaling" }));
    on_stack(&world, "A100", "x");
    assert_codes(&world, &[("ResourceGone", true)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_stack_is_being_changed_has_no_other_finding() {
    let world = declared().await;
    world.auto_scaling("RegisterScalableTarget", my_variant(), &json!({ "MinCapacity": 1, "MaxCapacity": 9 }));
    set_stack(&world, "UPDATE_IN_PROGRESS");
    assert_codes(&world, &[("StackBusy", false)]).await;
    world.auto_scaling("DeregisterScalableTarget", my_variant(), &json!({}));
    assert_codes(&world, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_deployed_while_the_report_runs_is_not_compared() {
    for statuses in [&["UPDATE_IN_PROGRESS"][..], &["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]] {
        let world = declared().await;
        set_stack(&world, "UPDATE_IN_PROGRESS");
        set_stack(&world, "UPDATE_COMPLETE");
        sleep(Duration::from_secs(10)).await;
        let arn = world.targets()[0]["ScalableTargetARN"].clone();
        let declares = json!({ "ResourceARN": arn, "Tags": { DECLARED_TAG: "1 zCVpV 1-9 ---" } });
        let mut deployment = vec![("AnyScaleFrontendService.TagResource", declares)];
        deployment.extend(
            statuses.iter().map(|status| ("LocalAws.SetStack", json!({ "StackId": STACK, "StackStatus": status }))),
        );
        world.before("ListTagsForResource", 0, &deployment);
        assert_codes(&world, &[("StackBusy", false)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_has_ended_is_a_note_and_explains_other_limits() {
    let world = World::new();
    let at = |name: &str| merged(action(name, "2"), &json!({ "Schedule": "at(2099-01-01T00:00:00)" }));
    world.succeed(create().with("ScheduledActions", json!([at("once"), at("twice"), action("daily", "1")]))).await;
    on_stack(&world, "Scaling", ID);
    world.auto_scaling("DeleteScheduledAction", my_variant(), &json!({ "ScheduledActionName": "once" }));
    world.auto_scaling("RegisterScalableTarget", my_variant(), &json!({ "MinCapacity": 2, "MaxCapacity": 9 }));
    let report = assert_codes(&world, &[("ActionEnded", false)]).await;
    let message = report["Targets"][0]["Findings"][0]["Message"].as_str().expect("a message");
    assert!(message.starts_with("1 declared scheduled action is gone: "), "{message}");
    world.auto_scaling("DeleteScheduledAction", my_variant(), &json!({ "ScheduledActionName": "twice" }));
    let report = assert_codes(&world, &[("ActionEnded", false)]).await;
    let message = report["Targets"][0]["Findings"][0]["Message"].as_str().expect("a message");
    assert!(message.starts_with("2 declared scheduled actions are gone: "), "{message}");
}

#[tokio::test(start_paused = true)]
async fn too_many_policies_and_actions_for_a_tag_are_compared_as_a_whole() {
    let world = World::new();
    let policies: Vec<_> = (0..23).map(|number| step(&format!("steps-{number}"), "1")).collect();
    world.succeed(create().with("ScalingPolicies", json!(policies))).await;
    on_stack(&world, "Scaling", ID);
    assert_codes(&world, &[]).await;
    world.auto_scaling("RegisterScalableTarget", my_variant(), &json!({ "MinCapacity": 1, "MaxCapacity": 9 }));
    assert_codes(&world, &[("LimitsChanged", true)]).await;
    world.auto_scaling("PutScalingPolicy", my_variant(), &step("steps-0", 2));
    let report = assert_codes(&world, &[("LimitsChanged", true), ("PartsChanged", true)]).await;
    let message = report["Targets"][0]["Findings"][1]["Message"].as_str().expect("a message");
    assert!(message.ends_with("differ from the 23 that the resource declared"), "{message}");
    // The missing one may be an action that has ended, and that had set the limits.
    world.auto_scaling("DeleteScalingPolicy", my_variant(), &json!({ "PolicyName": "steps-0" }));
    assert_codes(&world, &[("PartsChanged", true)]).await;
}

#[tokio::test(start_paused = true)]
async fn an_inference_component_that_is_gone_is_reported() {
    let world = World::new();
    let component =
        json!({ "InferenceComponentName": "llm", "EndpointName": "MyEndPoint", "VariantName": "MyVariant" });
    world.aws("SageMaker.CreateInferenceComponent", component);
    let properties = json!({ "InferenceComponentName": "llm", "MinCapacity": "0", "MaxCapacity": "3" });
    world.succeed(create().field("ResourceProperties", properties)).await;
    on_stack(&world, "Scaling", "inference-component/llm|sagemaker:inference-component:DesiredCopyCount|sagemaker");
    assert_codes(&world, &[]).await;
    world.fail("DescribeInferenceComponent", "AccessDeniedException", 1);
    let report = assert_codes(&world, &[]).await;
    let notes = report["NotLookedAt"].as_array().expect("notes");
    assert!(
        notes.len() == 1 && notes[0].as_str().is_some_and(|note| note.contains("inference component")),
        "{notes:?}"
    );
    world.aws("SageMaker.DeleteInferenceComponent", json!({ "InferenceComponentName": "llm" }));
    let report = assert_codes(&world, &[("EndpointGone", true)]).await;
    let finding = &report["Targets"][0]["Findings"][0];
    assert_eq!(finding["Message"], "Inference component llm does not exist");
}

#[tokio::test(start_paused = true)]
async fn a_native_policy_of_a_target_is_declared_by_its_stack() {
    let world = declared().await;
    let policy = world.auto_scaling("PutScalingPolicy", my_variant(), &step("native", 1));
    let arn = policy["PolicyARN"].as_str().expect("an ARN");
    assert_codes(&world, &[("PolicyAdded", false)]).await;
    for id in [arn.to_owned(), format!("{arn}|sagemaker:variant:DesiredInstanceCount")] {
        on_stack_as(&world, "Native", &id, "AWS::ApplicationAutoScaling::ScalingPolicy", "CREATE_COMPLETE");
        assert_codes(&world, &[]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_registered_while_the_report_runs_counts_as_registered() {
    let world = World::new();
    on_stack(&world, "Scaling", ID);
    let limits = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
    let registers = ("AnyScaleFrontendService.RegisterScalableTarget", merged(my_variant(), &limits));
    world.before("DescribeStackResources", 0, &[registers]);
    assert_codes(&world, &[]).await;
    world.auto_scaling("DeregisterScalableTarget", my_variant(), &json!({}));
    assert_codes(&world, &[("NotRegistered", true)]).await;
}

#[tokio::test(start_paused = true)]
async fn targets_that_the_function_cannot_judge_are_notes() {
    let world = World::new();
    world.register_by_hand(json!({ "team": "ml" }));
    let report = assert_codes(&world, &[("NoOwner", false)]).await;
    assert_eq!(report["Targets"][0].get("Owner"), None);

    let world = World::new();
    world.invoke_as(&format!("{FUNCTION_ARN}-other"), &create().0.to_string(), MINUTES).await.expect("an answer");
    on_stack(&world, "Scaling", ID);
    assert_codes(&world, &[("OtherFunction", false)]).await;
    // That deployment reports it.
    world.auto_scaling("RegisterScalableTarget", my_variant(), &json!({ "MinCapacity": 1, "MaxCapacity": 9 }));
    assert_codes(&world, &[("OtherFunction", false)]).await;

    let world = World::new();
    let elsewhere = STACK.replace("us-east-1", "eu-west-1");
    world.succeed(create().field("StackId", json!(elsewhere))).await;
    assert_codes(&world, &[("NotInThisAccount", false)]).await;

    // An earlier version of the function registered it.
    let world = declared().await;
    let arn = world.targets()[0]["ScalableTargetARN"].clone();
    world.aws("AnyScaleFrontendService.UntagResource", json!({ "ResourceARN": arn, "TagKeys": [DECLARED_TAG] }));
    assert_codes(&world, &[("NotComparable", false)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_declared_target_that_has_lost_its_tags_is_reported() {
    let world = declared().await;
    let arn = world.targets()[0]["ScalableTargetARN"].clone();
    for (tag, next) in [
        ("sagemaker-scaling:stack-id", "Remove the tags sagemaker-scaling:logical-id by hand. Deploy the stack"),
        ("sagemaker-scaling:logical-id", "Deploy the stack"),
    ] {
        world.aws("AnyScaleFrontendService.UntagResource", json!({ "ResourceARN": arn, "TagKeys": [tag] }));
        let report = assert_codes(&world, &[("OwnerLost", true)]).await;
        let expected = format!("{next} with AdoptExisting: true for resource Scaling");
        assert_eq!(report["Targets"][0]["Findings"][0]["Next"], expected);
        assert_eq!(report["Summary"]["Drifted"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_the_gate_of_another_stack_restores_is_not_compared() {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4)).in_stack("other")).await;
    let resource = json!({
        "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/other/1",
        "LogicalResourceId": "Scaling",
        "ResourceType": "Custom::SageMakerScalableTarget",
        "PhysicalResourceId": BLUE_ID,
    });
    world.aws("LocalAws.SetStackResource", resource);
    sleep(Duration::from_secs(10)).await;
    assert_codes(&world, &[]).await;
    let arn = json!({ "ResourceARN": world.targets()[0]["ScalableTargetARN"] });
    let tags = world.aws("AnyScaleFrontendService.ListTagsForResource", arn)["Tags"].take();
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.succeed(gate_update("large", "xlarge").with("IncludeOtherStacks", json!("true"))).await;
    set_stack(&world, "UPDATE_IN_PROGRESS");
    assert_codes(&world, &[("Waiting", false)]).await;
    // Some of it is restored.
    let restored = json!({ "MinCapacity": 1, "MaxCapacity": 4, "Tags": tags });
    world.auto_scaling("RegisterScalableTarget", blue(), &restored);
    assert_codes(&world, &[("StackBusy", false), ("Waiting", false)]).await;
    set_stack(&world, "UPDATE_FAILED");
    let report = report(&world).await;
    assert!(codes(&report).iter().any(|(_, attention)| *attention), "{report:#}");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_reported_with_its_age() {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    on_stack(&world, "Scaling", BLUE_ID);
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.succeed(gate_update("large", "xlarge")).await;
    assert_eq!(world.registered(), Vec::<String>::new());

    set_stack(&world, "UPDATE_IN_PROGRESS");
    sleep(Duration::from_secs(3_600)).await;
    let report = assert_codes(&world, &[("Waiting", false)]).await;
    let snapshot = &report["Snapshots"][0];
    assert!(snapshot["Parameter"].as_str().expect("a name").starts_with(SNAPSHOTS), "{snapshot}");
    assert_eq!((&snapshot["ResourceId"], &snapshot["Owner"]["LogicalResourceId"]), (&json!(BLUE), &json!("Scaling")));
    assert!(snapshot["AgeSeconds"].as_u64().is_some_and(|age| (3_590..3_700).contains(&age)), "{snapshot}");

    // In express mode, the endpoint is changed for longer than its stack.
    set_stack(&world, "UPDATE_COMPLETE");
    world.endpoints_take(60);
    world.update_endpoint("prod", "xlarge");
    assert_codes(&world, &[("Waiting", false)]).await;
    sleep(Duration::from_secs(60)).await;

    // Rollback was disabled.
    set_stack(&world, "UPDATE_FAILED");
    let report = assert_codes(&world, &[("NotRegistered", true), ("Stale", true)]).await;
    assert_eq!(report["Summary"]["StaleSnapshots"], 1);
    sleep(Duration::from_secs(86_400)).await;
    set_stack(&world, "UPDATE_IN_PROGRESS");
    assert_codes(&world, &[("Stale", true)]).await;

    // The function was killed while it restored the target.
    set_stack(&world, "UPDATE_COMPLETE");
    let restoring = json!({ "MinCapacity": 1, "MaxCapacity": 4, "Tags": { "sagemaker-scaling:restoring": "true" } });
    world.auto_scaling("RegisterScalableTarget", blue(), &restoring);
    assert_codes(&world, &[("OwnerLost", true), ("Stale", true)]).await;
    world.auto_scaling("DeregisterScalableTarget", blue(), &json!({}));

    world.auto_scaling("RegisterScalableTarget", blue(), &json!({ "MinCapacity": 1, "MaxCapacity": 4 }));
    assert_codes(&world, &[("OwnerLost", true), ("AlreadyRegistered", false)]).await;
    assert!(first_snapshot(&world).is_object(), "it is kept");
    // A restore was killed.
    let arn = world.targets()[0]["ScalableTargetARN"].clone();
    world.aws("AnyScaleFrontendService.TagResource", json!({ "ResourceARN": arn, "Tags": { RESTORING_TAG: "true" } }));
    assert_codes(&world, &[("OwnerLost", true), ("Stale", true)]).await;
    world.aws("AnyScaleFrontendService.UntagResource", json!({ "ResourceARN": arn, "TagKeys": [RESTORING_TAG] }));

    let parameter = json!({ "Name": format!("{SNAPSHOTS}/x"), "Value": "{}", "Type": "String" });
    world.aws("AmazonSSM.PutParameter", parameter);
    assert_codes(&world, &[("OwnerLost", true), ("AlreadyRegistered", false), ("Unreadable", true)]).await;
}

#[tokio::test(start_paused = true)]
async fn failed_and_refused_activities_of_the_last_day_are_reported_with_their_cause() {
    let world = declared().await;
    let record = |input: Value| world.aws("LocalAws.RecordScalingActivity", merged(my_variant(), &input));
    let failed = |message: &str| json!({ "StatusCode": "Failed", "StatusMessage": message });
    record(failed("too old: insufficient capacity"));
    sleep(Duration::from_secs(2 * 86_400)).await;
    let capacity =
        "Failed to set desired instance count to 9: ResourceLimitExceeded: the account-level service limit is 4";
    record(failed("insufficient capacity"));
    record(failed(capacity));
    record(failed("ValidationException: the endpoint is being updated"));
    record(json!({ "StatusCode": "Unfulfilled", "StatusMessage": "no idea" }));
    record(json!({ "StatusCode": "Successful" }));
    let not_scaled = |code: &str| json!({ "StatusCode": "Failed", "NotScaledReasons": [{ "Code": code }] });
    record(not_scaled("AlreadyAtMaxCapacity"));
    record(not_scaled("AlreadyAtMaxCapacity"));
    record(not_scaled("AutoScalingAnticipatedFlapping"));
    record(not_scaled("TargetServicePutResourceAsUnscalable"));
    let expected = [
        ("ActivityFailed", true),
        ("ActivityFailed", true),
        ("ActivityFailed", true),
        ("AtMaximum", false),
        ("NotScaled", false),
    ];
    let report = assert_codes(&world, &expected).await;
    let findings = report["Targets"][0]["Findings"].as_array().expect("findings");
    let causes: Vec<_> = findings[..3].iter().map(|found| (&found["Cause"], &found["Count"])).collect();
    assert_eq!(
        causes,
        [(&json!("Capacity"), &json!(2)), (&json!("Refused"), &json!(2)), (&json!("Other"), &json!(1)),]
    );
    assert!(findings[0]["Message"].as_str().expect("text").ends_with(capacity), "the last one: {}", findings[0]);
    assert_eq!(report["Summary"]["FailedActivities"], 5);
}

#[tokio::test(start_paused = true)]
async fn a_report_names_activities_that_it_has_no_time_for() {
    let world = declared().await;
    for _ in 0..60 {
        let failed = json!({ "StatusCode": "Failed", "StatusMessage": "no idea" });
        world.aws("LocalAws.RecordScalingActivity", merged(my_variant(), &failed));
    }
    let (all, part) = (report(&world).await, world.order(&json!({ "Report": {} }), Duration::from_secs(60)).await);
    let looked = |report: &Value| (report["Summary"]["FailedActivities"].clone(), report["NotLookedAt"].clone());
    let note = "The earlier scaling activities of the last day could not be read: there are too many";
    assert_eq!((looked(&all), looked(&part)), ((json!(60), json!([])), (json!(50), json!([note]))));
}

#[tokio::test(start_paused = true)]
async fn a_report_names_what_the_role_may_not_read_and_has_all_the_rest() {
    let world = declared().await;
    for (operation, code) in [
        ("DescribeScalingActivities", "AccessDeniedException"),
        ("DescribeStacks", "AccessDenied"),
        ("DescribeStackResources", "AccessDenied"),
        ("DescribeEndpoint", "AccessDeniedException"),
        ("GetParametersByPath", "AccessDeniedException"),
    ] {
        world.fail(operation, code, 1);
        let report = report(&world).await;
        let notes = report["NotLookedAt"].as_array().expect("notes");
        assert!(notes.len() == 1 && notes[0].as_str().is_some_and(|note| note.contains(operation)), "{notes:?}");
        assert_eq!(report["Summary"]["Targets"], 1);
    }
    world.fail("DescribeScalableTargets", "AccessDeniedException", 1);
    let failed = report(&world).await;
    assert!(failed["Error"].as_str().is_some_and(|error| error.contains("DescribeScalableTargets")), "{failed}");
}

/// Registers many variants by hand.
fn register_many(world: &World, count: usize) -> Vec<String> {
    let names: Vec<_> = (0..count).map(|number| format!("v{number}")).collect();
    for chunk in names.chunks(10) {
        let endpoint = format!("many-{}", chunk[0]);
        world.create_endpoint(&endpoint, &chunk.iter().map(String::as_str).collect::<Vec<_>>());
        for variant in chunk {
            let id = target(&format!("endpoint/{endpoint}/variant/{variant}"));
            world.auto_scaling("RegisterScalableTarget", id, &json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
        }
    }
    names
}

#[tokio::test(start_paused = true)]
async fn five_hundred_targets_take_little_longer_than_the_limit_of_calls_allows() {
    let world = World::new();
    world.without_signatures();
    let names = register_many(&world, 500);
    world.aws("LocalAws.LimitCalls", json!({ "PerSecond": 10, "Burst": 20 }));
    world.called();
    let began = Instant::now();
    let report = report(&world).await;
    let (took, calls) = (began.elapsed(), world.called());
    let limited = calls.iter().filter(|call| !call.contains("Stack") && !call.contains("Parameter")).count();
    let found = report["Targets"].as_array().expect("targets");
    assert_eq!((found.len(), report.get("Continuation")), (names.len(), None));
    let ideal = limited as f64 / 10.0;
    println!("{limited} calls in {took:?}, at best {ideal} s");
    assert!(took.as_secs_f64() <= 1.25 * ideal, "{took:?} for {limited} calls");
    assert!(limited < 600, "one call for each target, and few more: {limited}");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_out_of_time_is_continued() {
    let world = World::new();
    world.without_signatures();
    register_many(&world, 230);
    on_stack(&world, "Lost", &ID.replace("MyVariant", "MyOtherVariant"));
    let (mut order, mut seen, mut parts) = (json!({ "Report": {} }), Vec::new(), 0);
    loop {
        let part = world.order(&order, Duration::from_secs(85)).await;
        let targets = part["Targets"].as_array().unwrap_or_else(|| panic!("{part}"));
        seen.extend(targets.iter().map(|target| target["ResourceId"].as_str().expect("an id").to_owned()));
        parts += 1;
        let Some(continuation) = part.get("Continuation") else { break };
        order = json!({ "Report": { "Continuation": continuation } });
    }
    assert!(parts > 1);
    seen.sort();
    let all = seen.len();
    seen.dedup();
    assert_eq!((seen.len(), all), (231, 231), "each once, in {parts} parts");
    assert!(seen.iter().any(|id| id == MY_OTHER_VARIANT));
}

#[test]
fn the_tables_of_the_page_list_every_code_and_say_which_are_notes() {
    let page = include_str!("../../docs/REPORT.md");
    let tables = page.split("| code of a ").skip(1);
    let rows = tables.flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')));
    let mut listed = BTreeMap::new();
    for row in rows {
        let [_, codes, note, ..] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else { panic!("{row}") };
        for code in codes.split('`').skip(1).step_by(2) {
            assert_eq!(listed.insert(code, note == "note"), None, "{code} is listed twice");
        }
    }
    let types = include_str!("../../src/report/finding.rs");
    let (_, variants) = types.split_once("pub enum Code {").expect("the codes");
    let codes = variants.lines().skip(1).take_while(|line| *line != "}").map(|line| line.trim().trim_end_matches(','));
    // The functions that make findings take their code first.
    let rules = include_str!("../../src/report/judge.rs");
    let notes = rules.split("Finding::note(").skip(1).filter_map(|call| call.trim_start().strip_prefix("Code::"));
    let notes: BTreeSet<_> = notes.filter_map(|code| code.split(',').next()).collect();
    assert_eq!(listed, codes.map(|code| (code, notes.contains(code))).collect());
}

#[tokio::test(start_paused = true)]
async fn a_request_with_a_report_in_it_is_a_request() {
    let world = World::new();
    let mut request = create();
    request.0["Report"] = json!({});
    world.succeed(request).await;
    world.invoke(&json!({ "Report": { "Other": 1 } }).to_string()).await.expect_err("it has no reply address");
}
