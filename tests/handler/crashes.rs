//! A request that is killed at any exchange and delivered again ends in the state of an uninterrupted run.

use serde_json::{Value, json};
use test_support::Crash;
use test_support::account::{Account as _, owned_by, target};
use test_support::attached::{action, merged, step};
use test_support::request::{
    INVENTED, LOWER, LOWER_ID, NOT_REGISTERED, OTHER_ID, Request, STACK, create, delete, update,
};

use crate::support::world::World;

/// The registered targets and the last answer, without ARNs and times.
fn picture(world: &World) -> (Value, Value) {
    let mut answer = world.last_answer();
    if let Some(data) = answer["Data"].as_object_mut() {
        data.retain(|name, _| !name.contains("ARN"));
    }
    (world.picture(), answer)
}

fn by_hand(world: &World) {
    world.register_by_hand(json!({}));
}

fn by_old(world: &World) {
    world.register_by_hand(owned_by(STACK, "Old"));
}

/// As an earlier version registered it.
fn in_lower_case(world: &World) {
    world.register_in_lower_case(merged(owned_by(STACK, "Scaling"), &json!({ "by": "hand" })));
    world.auto_scaling("PutScalingPolicy", target(LOWER), &step("foreign", 1));
}

/// The requests of a resource, in a world that may have a target of another owner.
type Life = (fn(&World), Vec<Request>);

fn lives() -> Vec<Life> {
    let nothing: fn(&World) = |_| {};
    let tags = json!([{"Key": "team", "Value": "ml"}]);
    let adopting = || create().with("AdoptExisting", json!("true"));
    // In another spelling than the endpoint's.
    let respelled = |request: Request| request.with("EndpointName", json!("myendpoint"));
    let taking_over = || create().with("TakeOverFrom", json!("Old"));
    let taking_over_again = || create().field("LogicalResourceId", json!("Old")).with("TakeOverFrom", json!("Scaling"));
    let to_other = || update().with("VariantName", json!("MyOtherVariant"));
    let attached = [json!([step("a", "1"), step("b", "1")]), json!([action("morning", "1")])];
    let others = [json!([step("b", "2"), step("c", "1")]), json!([action("evening", "2")])];
    let attached_to_new = attached.clone();
    let with = |request: Request, [policies, actions]: [Value; 2]| {
        request.with("ScalingPolicies", policies).with("ScheduledActions", actions)
    };
    let with_old = |request: Request, [policies, actions]: [Value; 2]| {
        request.with_old("ScalingPolicies", policies).with_old("ScheduledActions", actions)
    };
    vec![
        (nothing, vec![with(create(), attached.clone()), with(with_old(update(), attached.clone()), others)]),
        (by_hand, vec![with(adopting(), attached.clone()), with(delete(), attached)]),
        (nothing, vec![create(), update().with("MaxCapacity", json!("3")), delete()]),
        (nothing, vec![create().with("Tags", tags.clone()), update().with_old("Tags", tags.clone())]),
        (nothing, vec![create(), update().with("Tags", tags)]),
        (nothing, vec![create(), to_other(), delete()]),
        (nothing, vec![create(), to_other(), update().of(OTHER_ID).with_old("VariantName", json!("MyOtherVariant"))]),
        (nothing, vec![create(), update().with_old("VariantName", json!("MyOtherVariant"))]),
        (nothing, vec![create(), delete().of(INVENTED)]),
        (
            nothing,
            vec![
                respelled(create()),
                respelled(update()).with("MaxCapacity", json!("3")),
                respelled(delete()).of(INVENTED),
            ],
        ),
        (
            in_lower_case,
            vec![
                respelled(update()).of(LOWER_ID).with("ScalingPolicies", json!([step("own", "1")])),
                respelled(delete()).of(LOWER_ID),
            ],
        ),
        (by_hand, vec![adopting(), update(), delete()]),
        (by_hand, vec![create(), delete().of(NOT_REGISTERED)]),
        // `Old` counts as existing: its record cannot be read.
        (by_old, vec![with(taking_over(), attached_to_new), update().with("MaxCapacity", json!("3")), delete()]),
        (by_old, vec![taking_over(), taking_over_again()]),
        (by_hand, vec![create().with("VariantName", json!("MyOtherVariant")), delete().of(OTHER_ID)]),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_killed_at_any_exchange_and_delivered_again_ends_as_if_it_ran_once() {
    let mut crashes = 0;
    for (prepare, requests) in lives() {
        let clean = World::new();
        prepare(&clean);
        for (index, request) in requests.iter().enumerate() {
            clean.answer(request.clone()).await;
            for at in 1.. {
                let mut reached = false;
                for after_effect in [false, true] {
                    let world = World::new();
                    prepare(&world);
                    for before in &requests[..index] {
                        world.answer(before.clone()).await;
                    }
                    if world.crash(request, Crash { at, after_effect }).await {
                        reached = true;
                        crashes += 1;
                        world.answer(request.clone()).await;
                        assert_eq!(picture(&world), picture(&clean), "{at} {after_effect}: {request:?}");
                    }
                }
                if !reached {
                    break;
                }
            }
        }
    }
    assert!(crashes > 100, "only {crashes} crashes were tried");
}

#[tokio::test(start_paused = true)]
async fn a_second_delivery_of_any_request_changes_nothing() {
    for (prepare, requests) in lives() {
        let world = World::new();
        prepare(&world);
        for request in requests {
            world.answer(request.clone()).await;
            let once = picture(&world);
            world.answer(request).await;
            assert_eq!(picture(&world), once);
        }
    }
}
