//! The properties of the resource, its physical id, its replacement, and rollbacks.

use crate::support::world::{Trouble, World};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::account::{Account as _, my_variant, owned_by, target, variant};
use test_support::attached::{action, merged, step};
use test_support::function::{ADOPTED_TAG, LOGICAL_ID_TAG};
use test_support::request::{
    ID, INVENTED, LOWER, LOWER_ID, MY_OTHER_VARIANT, MY_VARIANT, NOT_REGISTERED, OTHER_ID, Request, STACK, create,
    delete, update, update_gate,
};

#[tokio::test(start_paused = true)]
async fn the_answer_has_all_attributes_as_text() {
    let world = World::new();
    let mut data = world.succeed(create()).await["Data"].clone();
    let arn = data.as_object_mut().unwrap().remove("ScalableTargetARN").unwrap();
    assert_eq!(arn, world.targets()[0]["ScalableTargetARN"]);
    let expected = json!({
        "ResourceId": MY_VARIANT,
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "EndpointName": "MyEndPoint",
        "VariantName": "MyVariant",
        "MinCapacity": "1",
        "MaxCapacity": "8",
    });
    assert_eq!(data, expected);
}

#[tokio::test(start_paused = true)]
async fn a_create_makes_two_calls_an_update_four_and_a_delete_three() {
    let world = World::new();
    world.called();
    world.succeed(create()).await;
    assert_eq!(world.called(), ["DescribeEndpoint", "RegisterScalableTarget"]);
    world.succeed(update()).await;
    let update = ["DescribeScalableTargets", "ListTagsForResource", "DescribeEndpoint", "RegisterScalableTarget"];
    assert_eq!(world.called(), update);
    world.succeed(delete()).await;
    assert_eq!(world.called(), ["DescribeScalableTargets", "ListTagsForResource", "DeregisterScalableTarget"]);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_arn_is_the_same_as_the_name_of_the_endpoint() {
    let world = World::new();
    world.succeed(create()).await;
    let arn = json!("arn:aws:sagemaker:us-east-1:111122223333:endpoint/myendpoint");
    let answer = world.succeed(update().with("EndpointName", arn.clone())).await;
    assert_eq!(answer["PhysicalResourceId"], ID, "neither the ARN nor letter case changes the id");
    assert_eq!(world.registered(), [MY_VARIANT]);
    world.succeed(update().with_old("EndpointName", arn)).await;
    assert_eq!(world.registered(), [MY_VARIANT]);
}

/// `!Ref` of an endpoint is its ARN, in lower case. CloudWatch's metrics carry the endpoint's own spelling.
fn by_arn(request: Request) -> Request {
    request.with("EndpointName", json!("arn:aws:sagemaker:us-east-1:111122223333:endpoint/myendpoint"))
}

#[tokio::test(start_paused = true)]
async fn a_new_target_has_the_spelling_of_its_endpoint() {
    for name in ["MYENDPOINT", "myendpoint", "arn:aws:sagemaker:us-east-1:111122223333:endpoint/myendpoint"] {
        let world = World::new();
        let answer = world.succeed(create().with("EndpointName", json!(name))).await;
        assert_eq!(answer["PhysicalResourceId"], ID);
        assert_eq!(
            (&answer["Data"]["EndpointName"], world.registered()),
            (&json!("MyEndPoint"), vec![MY_VARIANT.into()])
        );
        let answer = world.succeed(update().with("EndpointName", json!(name)).with("MaxCapacity", json!("3"))).await;
        assert_eq!((&answer["PhysicalResourceId"], &world.targets()[0]["MaxCapacity"]), (&json!(ID), &json!(3)));
        world.succeed(delete().with("EndpointName", json!(name))).await;
        assert!(world.registered().is_empty());
    }
}

/// The Delete of a Create that was cancelled, and of one that did not read the endpoint.
#[tokio::test(start_paused = true)]
async fn a_delete_by_another_spelling_deregisters_the_target() {
    for id in [INVENTED, LOWER_ID] {
        let world = World::new();
        world.succeed(by_arn(create())).await;
        world.succeed(by_arn(delete()).of(id)).await;
        assert!(world.registered().is_empty(), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_to_another_endpoint_takes_its_spelling() {
    let world = World::new();
    let replaced = "endpoint/former/variant/MyVariant|sagemaker:variant:DesiredInstanceCount|sagemaker";
    let answer = world.succeed(by_arn(update()).with_old("EndpointName", json!("former")).of(replaced)).await;
    assert_eq!((&answer["PhysicalResourceId"], world.registered()), (&json!(ID), vec![MY_VARIANT.into()]));
}

/// An Update of a target that an earlier version has registered in the template's spelling.
fn update_by_arn() -> Request {
    by_arn(update()).of(LOWER_ID).with_old("EndpointName", json!("myendpoint"))
}

#[tokio::test(start_paused = true)]
async fn a_target_in_another_spelling_is_registered_anew_with_everything_and_the_resource_keeps_its_id() {
    let world = World::new();
    world.register_in_lower_case(merged(owned_by(STACK, "Scaling"), &json!({ "by": "hand" })));
    world.auto_scaling("PutScalingPolicy", target(LOWER), &step("foreign", 1));
    world.auto_scaling("PutScalingPolicy", target(LOWER), &step("gone", 1));
    world.auto_scaling("PutScheduledAction", target(LOWER), &action("foreign", 1));
    let request = update_by_arn().with_old("ScalingPolicies", json!([step("gone", "1")]));
    let answer = world.succeed(request.with("ScalingPolicies", json!([step("own", "1")]))).await;
    assert_eq!((&answer["PhysicalResourceId"], &answer["Data"]["ResourceId"]), (&json!(LOWER_ID), &json!(MY_VARIANT)));
    assert_eq!(world.registered(), [MY_VARIANT]);
    let [found] = &world.targets()[..] else { panic!("one target") };
    assert_eq!((&found["MaxCapacity"], &world.tags(found)["by"]), (&json!(8), &json!("hand")));
    let names = |operation: &str, list: &str, name: &str| {
        let found = world.auto_scaling(operation, my_variant(), &json!({}));
        found[list].as_array().unwrap().iter().map(|found| found[name].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("DescribeScalingPolicies", "ScalingPolicies", "PolicyName"), ["foreign", "own"]);
    assert_eq!(names("DescribeScheduledActions", "ScheduledActions", "ScheduledActionName"), ["foreign"]);

    let before = world.picture();
    world.succeed(update_by_arn().with_old("ScalingPolicies", json!([step("own", "1")]))).await;
    assert_ne!(world.picture(), before, "the policy left the template");
    assert_eq!(world.registered(), [MY_VARIANT]);
    world.succeed(by_arn(delete()).of(LOWER_ID)).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deregistered_target_is_registered_in_the_spelling_of_its_endpoint() {
    let world = World::new();
    let answer = world.succeed(update_by_arn()).await;
    assert_eq!((&answer["PhysicalResourceId"], world.registered()), (&json!(LOWER_ID), vec![MY_VARIANT.into()]));
    world.succeed(by_arn(delete()).of(LOWER_ID)).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_moved_just_now_is_deleted_although_reads_are_late() {
    let world = World::new();
    world.register_in_lower_case(owned_by(STACK, "Scaling"));
    world.read_late(&["DescribeScalableTargets", "ListTagsForResource"], Duration::from_secs(5));
    world.succeed(update_by_arn()).await;
    world.succeed(by_arn(delete()).of(LOWER_ID)).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_and_one_whose_new_spelling_is_taken_keep_their_spelling() {
    let adopted = merged(owned_by(STACK, "Scaling"), &json!({ ADOPTED_TAG: "true" }));
    let world = World::new();
    world.register_in_lower_case(adopted);
    world.succeed(update_by_arn()).await;
    assert_eq!(world.registered(), [LOWER]);
    let world = World::new();
    world.register_in_lower_case(owned_by(STACK, "Scaling"));
    world.register_by_hand(owned_by("stack/theirs/1", "Scaling"));
    world.succeed(update_by_arn()).await;
    assert_eq!(world.registered().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_keeps_the_templates_spelling() {
    let world = World::new();
    world.register_in_lower_case(json!({}));
    let (reason, _) = world.refuse(by_arn(create())).await;
    assert!(reason.contains("already registered, but not by this function"), "{reason}");
    world.succeed(by_arn(create()).with("AdoptExisting", json!("true"))).await;
    assert_eq!(world.registered(), [LOWER]);
}

/// Otherwise an adopted target would get a spelling that its alarms and its former owner do not know.
#[tokio::test(start_paused = true)]
async fn a_target_in_a_snapshot_keeps_its_spelling_only_if_this_resource_has_adopted_it() {
    let adopted = merged(owned_by(STACK, "Scaling"), &json!({ ADOPTED_TAG: "true" }));
    for (tags, expected) in [(adopted, LOWER), (owned_by(STACK, "Scaling"), MY_VARIANT)] {
        let world = World::new();
        world.register_in_lower_case(tags);
        world.create_config("larger", &[variant("MyVariant", "m", "ml.m5.xlarge")], json!({}));
        world.succeed(update_gate("MyEndPoint", "MyEndPoint", "larger")).await;
        assert!(world.registered().is_empty());
        world.succeed(update_by_arn()).await;
        assert_eq!(world.registered(), [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspended_state_is_registered_and_reset_when_it_is_removed() {
    let world = World::new();
    let state = json!({"DynamicScalingInSuspended": "true", "ScheduledScalingSuspended": "false"});
    world.succeed(create().with("SuspendedState", state.clone())).await;
    let suspended = |dynamic_in| {
        json!({
            "DynamicScalingInSuspended": dynamic_in,
            "DynamicScalingOutSuspended": false,
            "ScheduledScalingSuspended": false,
        })
    };
    assert_eq!(world.targets()[0]["SuspendedState"], suspended(true));
    world.succeed(update().with_old("SuspendedState", state)).await;
    assert_eq!(world.targets()[0]["SuspendedState"], suspended(false));
}

#[tokio::test(start_paused = true)]
async fn tags_follow_the_template_and_tags_of_others_stay() {
    let world = World::new();
    let tags = |pairs: &[(&str, &str)]| -> Value {
        pairs.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
    };
    let first = tags(&[("team", "ml"), ("stage", "dev")]);
    world.succeed(create().with("Tags", first.clone())).await;
    let target = world.targets()[0].clone();
    let arn = target["ScalableTargetARN"].clone();
    world.aws("AnyScaleFrontendService.TagResource", json!({"ResourceARN": arn, "Tags": {"by": "hand"}}));

    world.succeed(update().with("Tags", tags(&[("team", "research")])).with_old("Tags", first)).await;
    let mut left = world.tags(&target);
    left.as_object_mut().unwrap().retain(|key, _| !key.starts_with("sagemaker-scaling:"));
    assert_eq!(left, json!({"team": "research", "by": "hand"}));
}

#[tokio::test(start_paused = true)]
async fn a_changed_variant_is_a_replacement_and_the_old_target_stays_until_its_delete() {
    let world = World::new();
    world.succeed(create()).await;
    let answer = world.succeed(update().with("VariantName", json!("MyOtherVariant"))).await;
    assert_eq!(answer["PhysicalResourceId"], OTHER_ID);
    assert_eq!(world.registered(), [MY_OTHER_VARIANT, MY_VARIANT]);

    // CloudFormation cleans up: a Delete with the old id and the old properties.
    world.succeed(delete()).await;
    assert_eq!(world.registered(), [MY_OTHER_VARIANT]);
}

#[tokio::test(start_paused = true)]
async fn the_rollback_of_a_replacement_keeps_the_old_target_and_deletes_the_new_one() {
    let world = World::new();
    world.succeed(create()).await;
    let to_other = || update().with("VariantName", json!("MyOtherVariant"));
    world.succeed(to_other()).await;
    // The stack fails elsewhere: CloudFormation rolls the resource back, and then deletes the new id.
    let rollback = update().of(OTHER_ID).with_old("VariantName", json!("MyOtherVariant"));
    assert_eq!(world.succeed(rollback).await["PhysicalResourceId"], ID);
    world.succeed(delete().of(OTHER_ID).with("VariantName", json!("MyOtherVariant"))).await;
    assert_eq!(world.registered(), [MY_VARIANT]);
}

#[tokio::test(start_paused = true)]
async fn the_rollback_of_a_replacement_that_failed_after_registering_leaves_no_orphaned_target() {
    let world = World::new();
    world.succeed(create()).await;
    // The Update registered the new target, but its answer, with the new id, was lost.
    world.trouble_delivering(Trouble::Status(403));
    let request = update().with("VariantName", json!("MyOtherVariant"));
    world.invoke(&request.0.to_string()).await.expect_err("the answer is rejected");
    assert_eq!(world.registered(), [MY_OTHER_VARIANT, MY_VARIANT]);

    let rollback = update().with_old("VariantName", json!("MyOtherVariant"));
    assert_eq!(world.succeed(rollback).await["PhysicalResourceId"], ID);
    assert_eq!(world.registered(), [MY_VARIANT]);
}

#[tokio::test(start_paused = true)]
async fn the_rollback_of_a_replacement_does_not_change_a_target_of_another_owner() {
    let world = World::new();
    world.succeed(create()).await;
    world
        .succeed(create().field("LogicalResourceId", json!("Neighbour")).with("VariantName", json!("MyOtherVariant")))
        .await;
    world.refuse(update().with("VariantName", json!("MyOtherVariant"))).await;
    world.succeed(update().with_old("VariantName", json!("MyOtherVariant"))).await;
    assert_eq!(world.registered(), [MY_OTHER_VARIANT, MY_VARIANT]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_with_an_invented_id_follows_the_properties() {
    let world = World::new();
    world.succeed(create()).await;
    world.succeed(delete().of(INVENTED)).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_keeps_an_invented_id() {
    // A new id would cause a Delete of the invented one, which would follow the same properties.
    let world = World::new();
    let invented = INVENTED;
    world.succeed(create()).await;
    assert_eq!(world.succeed(update().of(invented)).await["PhysicalResourceId"], invented);
    world.succeed(delete().of(invented)).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delete_after_a_create_that_registered_nothing_makes_no_call() {
    let world = World::new();
    world.succeed(create()).await;
    world.called();
    let answer = world.succeed(delete().of(NOT_REGISTERED)).await;
    assert_eq!(answer["PhysicalResourceId"], NOT_REGISTERED);
    assert!(world.called().is_empty());
    assert_eq!(world.registered(), [MY_VARIANT]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_accepts_properties_of_any_shape() {
    for properties in
        [json!(null), json!([]), json!("x"), json!({"EndpointName": {"a": 1}, "Tags": 7, "Nonsense": "1"})]
    {
        let world = World::new();
        world.succeed(create()).await;
        world.succeed(delete().field("ResourceProperties", properties.clone())).await;
        assert!(world.registered().is_empty(), "the id is enough: {properties}");
        world.succeed(delete().of("invented").field("ResourceProperties", properties)).await;
    }
    let world = World::new();
    world.succeed(create()).await;
    world.succeed(delete().without("ResourceProperties")).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_accepts_old_properties_of_any_shape() {
    for old in [json!(null), json!([1]), json!("x"), json!({"EndpointName": 5, "Tags": {"a": "b"}})] {
        let world = World::new();
        world.succeed(create()).await;
        world.succeed(update().field("OldResourceProperties", old)).await;
        world.succeed(update().without("OldResourceProperties")).await;
        assert_eq!(world.registered(), [MY_VARIANT]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_after_its_endpoint_was_deleted_succeeds() {
    let world = World::new();
    world.succeed(create()).await;
    world.aws("SageMaker.DeleteEndpoint", json!({"EndpointName": "MyEndPoint"}));
    world.succeed(delete()).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_create_waits_for_an_endpoint_that_is_being_created() {
    let world = World::new();
    world.create_slow_endpoint(25);
    world.called();
    world.succeed(create().with("EndpointName", json!("slow"))).await;
    let called = world.called();
    assert!(called.iter().filter(|name| *name == "DescribeEndpoint").count() > 3, "{called:?}");
    let end = ["DescribeStackResource", "RegisterScalableTarget", "DescribeStackResource"];
    assert_eq!(called[called.len() - 3..], end, "the freshness is checked before and after the registration");
}

#[tokio::test(start_paused = true)]
async fn an_update_reads_the_target_and_the_endpoint_at_the_same_time() {
    let world = World::new();
    world.succeed(create()).await;
    world.called();
    world.slow("DescribeScalableTargets", Duration::from_secs(1));
    world.succeed(update()).await;
    assert_eq!(world.called()[..2], ["DescribeEndpoint", "DescribeScalableTargets"], "both reads start at once");
}

#[tokio::test(start_paused = true)]
async fn an_update_that_may_not_read_its_target_does_not_wait_for_the_endpoint() {
    let world = World::new();
    world.succeed(create()).await;
    world.fail("DescribeScalableTargets", "AccessDeniedException", 1);
    world.fail("DescribeEndpoint", "ThrottlingException", 99);
    world.called();
    let (reason, _) = world.refuse(update()).await;
    assert!(reason.starts_with("DescribeScalableTargets"), "{reason}");
    assert_eq!(world.called(), ["DescribeScalableTargets"]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_needs_an_asynchronous_endpoint() {
    let world = World::new();
    let output = json!({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/p"}}});
    world.create_endpoint_with("queue", &["MyVariant"], output);
    let closes = json!([action("opens", "1"), {
        "ScheduledActionName": "closes", "Schedule": "rate(1 day)", "ScalableTargetAction": { "MaxCapacity": "0" },
    }]);
    for (name, value, limit) in [
        ("MinCapacity", json!("0"), "MinCapacity"),
        ("ScheduledActions", json!([action("night", "0")]), "ScheduledActions[0].ScalableTargetAction.MinCapacity"),
        ("ScheduledActions", closes, "ScheduledActions[1].ScalableTargetAction.MaxCapacity"),
    ] {
        let request = create().with(name, value);
        world.succeed(request.clone().with("EndpointName", json!("queue"))).await;
        let (reason, _) = world.refuse(request).await;
        let expected = format!("{limit}: expected at least 1, found 0: endpoint MyEndPoint is not asynchronous");
        assert!(reason.starts_with(&expected), "{reason}");
        assert_eq!(world.targets().len(), 1, "only the target of the asynchronous endpoint");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_deregistered_during_an_update_is_registered_again_with_tags() {
    let world = World::new();
    world.succeed(create()).await;
    let by_hand = ("AnyScaleFrontendService.DeregisterScalableTarget", my_variant());
    world.before("RegisterScalableTarget", 0, &[by_hand]);
    world.succeed(update()).await;
    let [target] = &world.targets()[..] else { panic!("one target") };
    assert_eq!(world.tags(target)[LOGICAL_ID_TAG], "Scaling");
}

#[tokio::test(start_paused = true)]
async fn all_tags_can_be_renamed_in_one_update() {
    let tags = |prefix: &str| -> Value {
        (0..47).map(|index| json!({"Key": format!("{prefix}{index}"), "Value": "x"})).collect()
    };
    let world = World::new();
    world.succeed(create().with("Tags", tags("a"))).await;
    world.succeed(update().with("Tags", tags("b")).with_old("Tags", tags("a"))).await;
    let left = world.tags(&world.targets()[0]);
    assert!(left["b46"] == "x" && left["a0"].is_null(), "{left}");
}
