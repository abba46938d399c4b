//! `PropagateStackTags`: the tags of the stack on the target.

use serde_json::{Map, Value, json};
use test_support::account::{Account as _, owned_by};
use test_support::request::{ID, NOT_REGISTERED, Request, STACK, create, delete, update};

use crate::support::prod::{blue_snapshot, endpoint, gate_update, gated, snapshots};
use crate::support::world::World;

/// Sets the tags of the stack of every request.
fn set(world: &World, tags: Value) {
    world.aws("LocalAws.SetStackTags", json!({ "StackId": STACK, "Tags": tags }));
}

fn propagating(request: Request) -> Request {
    request.with("PropagateStackTags", json!("true"))
}

/// An Update whose old properties propagate the stack's tags, too.
fn again() -> Request {
    let old = propagating(create()).0["ResourceProperties"].clone();
    propagating(update()).field("OldResourceProperties", old)
}

/// The tags of the only target, without those that the function reserves.
fn tags(world: &World) -> Value {
    let all = world.tags(&world.targets()[0]);
    let fields = all.as_object().expect("an object");
    let others = fields.iter().filter(|(key, _)| !key.starts_with("sagemaker-scaling:"));
    Value::Object(others.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn numbered(count: usize) -> Value {
    Value::Object((0..count).map(|number| (format!("tag-{number}"), json!("x"))).collect::<Map<_, _>>())
}

#[tokio::test(start_paused = true)]
async fn the_target_gets_the_stacks_tags_beside_the_authors_which_win() {
    let world = World::new();
    set(&world, json!({ "team": "platform", "cost-center": "7 & <8>" }));
    world.called();
    let request = propagating(create()).with("Tags", json!([{ "Key": "team", "Value": "ml" }]));
    world.succeed(request.clone()).await;
    assert_eq!(world.called(), ["DescribeStacks", "DescribeEndpoint", "RegisterScalableTarget"]);
    assert_eq!(tags(&world), json!({ "team": "ml", "cost-center": "7 & <8>" }));
    let before = world.picture();
    world.succeed(request).await;
    assert_eq!(world.picture(), before, "a second delivery changes nothing");
}

#[tokio::test(start_paused = true)]
async fn without_the_property_the_stack_is_not_read() {
    let world = World::new();
    set(&world, json!({ "team": "platform" }));
    world.called();
    world.succeed(create().with("PropagateStackTags", json!("false"))).await;
    world.succeed(update()).await;
    assert!(!world.called().contains(&"DescribeStacks".to_owned()));
    assert_eq!(tags(&world), json!({}));
}

#[tokio::test(start_paused = true)]
async fn tags_that_leave_the_stack_leave_the_target_and_those_of_others_stay() {
    let world = World::new();
    set(&world, json!({ "kept": "1", "gone": "1", "moved": "stack" }));
    world.succeed(propagating(create())).await;
    let arn = world.targets()[0]["ScalableTargetARN"].clone();
    world.aws("AnyScaleFrontendService.TagResource", json!({ "ResourceARN": arn, "Tags": { "foreign": "x" } }));
    set(&world, json!({ "kept": "2", "new": "1" }));
    world.succeed(again().with("Tags", json!([{ "Key": "moved", "Value": "author" }])).of(ID)).await;
    assert_eq!(tags(&world), json!({ "kept": "2", "new": "1", "moved": "author", "foreign": "x" }));
    let off = update().field("OldResourceProperties", again().0["ResourceProperties"].clone());
    world.succeed(off.with("Tags", json!([{ "Key": "moved", "Value": "author" }])).of(ID)).await;
    assert_eq!(tags(&world), json!({ "moved": "author", "foreign": "x" }));
    assert_eq!(world.tags(&world.targets()[0]).as_object().expect("an object").len(), 5, "and the function's three");
}

#[tokio::test(start_paused = true)]
async fn too_many_tags_and_reserved_keys_are_told_before_anything_changes() {
    let world = World::new();
    for (stack, reason) in [
        (numbered(46), "PropagateStackTags: expected at most 46 tags, found 47 of the stack and of Tags together"),
        (owned_by("stack/other", "Scaling"), "PropagateStackTags: the stack has the tag sagemaker-scaling:"),
    ] {
        set(&world, stack);
        world.called();
        let request = propagating(create()).with("Tags", json!([{ "Key": "team", "Value": "ml" }]));
        let (told, id) = world.refuse(request).await;
        assert!(told.starts_with(reason), "{told}");
        assert_eq!(id, NOT_REGISTERED);
        assert!(world.called().iter().all(|call| call.starts_with("Describe")), "only reads");
    }
    set(&world, numbered(46));
    world.succeed(propagating(create())).await;
    assert_eq!(tags(&world), numbered(46));
}

#[tokio::test(start_paused = true)]
async fn the_tags_of_a_stack_elsewhere_cannot_be_known() {
    let world = World::new();
    for stack in [
        "arn:aws:cloudformation:us-east-1:444455556666:stack/demo/1",
        "arn:aws:cloudformation:eu-west-1:111122223333:stack/demo/1",
    ] {
        world.called();
        let (reason, id) = world.refuse(propagating(create()).field("StackId", json!(stack))).await;
        let expected =
            format!("PropagateStackTags: the tags of stack {stack} cannot be known, because it is not in the");
        assert!(reason.starts_with(&expected), "{reason}");
        assert_eq!(id, NOT_REGISTERED);
        assert!(!world.called().contains(&"DescribeStacks".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_cannot_be_read_fails_the_request_and_a_throttled_read_is_retried() {
    let world = World::new();
    world.fail("DescribeStacks", "AccessDenied", 1);
    let (reason, id) = world.refuse(propagating(create())).await;
    assert!(reason.starts_with("DescribeStacks failed for arn:aws:cloudformation:"), "{reason}");
    assert_eq!((id.as_str(), world.registered().len()), (NOT_REGISTERED, 0));
    set(&world, json!({ "team": "platform" }));
    world.fail("DescribeStacks", "Throttling", 2);
    world.succeed(propagating(create())).await;
    // The first delivery has registered the target, and the second cannot read the stack.
    world.fail("DescribeStacks", "AccessDenied", 1);
    assert_eq!(world.refuse(propagating(create())).await.1, ID, "so that the Delete cleans up");
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_keeps_the_stacks_tags_when_it_is_released() {
    let world = World::new();
    set(&world, json!({ "team": "platform" }));
    world.register_by_hand(json!({ "by": "hand" }));
    let adopting = propagating(create()).with("AdoptExisting", json!("true"));
    world.succeed(adopting.clone()).await;
    let gone = delete().field("ResourceProperties", adopting.0["ResourceProperties"].clone());
    world.succeed(gone.of(ID)).await;
    assert_eq!(world.tags(&world.targets()[0]), json!({ "by": "hand", "team": "platform" }));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_has_the_stacks_tags_and_an_update_behind_a_gate_follows_the_stack() {
    let world = endpoint();
    set(&world, json!({ "kept": "1", "gone": "1" }));
    let properties = |config: &str| {
        let mut properties = gated(config, 4);
        properties["PropagateStackTags"] = json!("true");
        properties
    };
    let created = world.succeed(create().field("ResourceProperties", properties("large"))).await;
    let before = world.picture();
    world.succeed(gate_update("large", "xlarge")).await;
    assert_eq!(snapshots(&world)[0]["Name"], blue_snapshot());
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.picture(), before, "restored with all tags");

    world.succeed(gate_update("large", "xlarge")).await;
    world.update_endpoint("prod", "xlarge");
    set(&world, json!({ "kept": "2" }));
    let there = update().field("OldResourceProperties", properties("large"));
    let there = there.field("ResourceProperties", properties("xlarge"));
    world.succeed(there.of(created["PhysicalResourceId"].as_str().expect("an id"))).await;
    assert_eq!(tags(&world), json!({ "kept": "2", "team": "ml {{x}}" }));
}
