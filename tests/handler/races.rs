//! Requests that run at the same time, late, or twice: a stale request does not change the result.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::account::{Account as _, my_variant, owned_by};
use test_support::attached::step;
use test_support::request::{ID, INVENTED, OTHER_ID, Request, STACK, create, delete, update};
use tokio::time::{Instant, sleep};

use crate::support::world::{Trouble, World};

async fn on_slow_endpoint(world: &World, seconds: u64) -> (Request, Request) {
    world.create_slow_endpoint(seconds);
    let slow = |request: Request| request.with("EndpointName", json!("slow"));
    (slow(create()), slow(delete().of(INVENTED)))
}

#[tokio::test(start_paused = true)]
async fn a_create_that_waits_stops_when_its_resource_is_deleted() {
    let world = World::new();
    let (create, delete) = on_slow_endpoint(&world, 25).await;
    let cancelled = async {
        sleep(Duration::from_secs(10)).await;
        world.on_record("DELETE_IN_PROGRESS", INVENTED);
        world.invoke(&delete.0.to_string()).await.unwrap();
        assert_eq!(world.last_answer()["Status"], "SUCCESS");
        world.on_record("DELETE_COMPLETE", INVENTED);
    };
    let payload = create.0.to_string();
    let (created, ()) = tokio::join!(world.invoke(&payload), cancelled);
    created.unwrap();
    let answer = world.last_answer();
    assert_eq!(answer["Reason"], "CloudFormation no longer waits for this request: the resource is DELETE_COMPLETE");
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_create_undoes_its_registration_when_its_resource_was_deleted_meanwhile() {
    let world = World::new();
    world.on_record("CREATE_IN_PROGRESS", "");
    // The Delete runs between the two freshness checks of the Create, when the target is not visible yet.
    world.on_record_before("RegisterScalableTarget", "DELETE_IN_PROGRESS", INVENTED);
    let (reason, _) = world.refuse(create().late(60)).await;
    assert!(reason.contains("DELETE_IN_PROGRESS"), "{reason}");
    assert!(world.called().contains(&"DeregisterScalableTarget".to_owned()));
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_stale_before_its_retry_undoes_its_registration() {
    let world = World::new();
    world.on_record("CREATE_IN_PROGRESS", "");
    world.on_record_before("RegisterScalableTarget", "DELETE_IN_PROGRESS", INVENTED);
    // The first attempt takes effect.
    world.trouble("RegisterScalableTarget", Trouble::ResetAfter);
    let (reason, _) = world.refuse(create().late(60)).await;
    assert!(reason.contains("DELETE_IN_PROGRESS"), "{reason}");
    let registrations = world.called().iter().filter(|operation| *operation == "RegisterScalableTarget").count();
    assert_eq!((registrations, world.registered().len()), (1, 0));
}

/// A new target is not visible at once.
#[tokio::test(start_paused = true)]
async fn a_stale_create_waits_until_its_registration_is_visible_to_undo_it() {
    for is_visible_later in [true, false] {
        let world = World::new();
        world.on_record("CREATE_IN_PROGRESS", "");
        world.on_record_before("RegisterScalableTarget", "DELETE_IN_PROGRESS", INVENTED);
        world.before(
            "DescribeScalableTargets",
            0,
            &[("AnyScaleFrontendService.DeregisterScalableTarget", my_variant())],
        );
        let visible = async {
            sleep(Duration::from_secs(3)).await;
            if is_visible_later {
                world.register_by_hand(owned_by(STACK, "Scaling"));
            }
        };
        let start = Instant::now();
        tokio::join!(world.refuse(create().late(60)), visible);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert!(world.registered().is_empty(), "{is_visible_later}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_a_rollback_made_stale_undoes_its_registration() {
    let world = World::new();
    world.succeed(create()).await;
    let before = world.targets();
    world.on_record("UPDATE_IN_PROGRESS", ID);
    world.on_record_before("RegisterScalableTarget", "UPDATE_COMPLETE", ID);
    let (reason, _) = world.refuse(update().with("VariantName", json!("MyOtherVariant")).late(60)).await;
    assert!(reason.ends_with("the resource is UPDATE_COMPLETE"), "{reason}");
    assert_eq!(world.targets(), before);
}

#[tokio::test(start_paused = true)]
async fn a_stale_update_of_an_invented_id_leaves_the_target_to_the_rollback() {
    let world = World::new();
    world.on_record("UPDATE_IN_PROGRESS", INVENTED);
    world.on_record_before("RegisterScalableTarget", "UPDATE_COMPLETE", INVENTED);
    world.refuse(update().of(INVENTED).late(60)).await;
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delete_waits_for_a_young_create_that_does_not_check_its_freshness() {
    let world = World::new();
    // The registration takes four seconds.
    world.slow("RegisterScalableTarget", Duration::from_secs(4));
    world.on_record("DELETE_IN_PROGRESS", INVENTED);
    let payloads = (create().0.to_string(), delete().of(INVENTED).0.to_string());
    let (created, deleted) = tokio::join!(world.invoke(&payloads.0), world.invoke(&payloads.1));
    created.and(deleted).unwrap();
    assert!(world.registered().is_empty(), "the Delete waited for the registration");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_delivered_again_after_its_delete_registers_nothing() {
    for status in ["DELETE_IN_PROGRESS", "DELETE_COMPLETE", "CREATE_FAILED", "DELETE_FAILED"] {
        let world = World::new();
        world.on_record(status, INVENTED);
        let (reason, _) = world.refuse(create().late(90)).await;
        assert!(reason.ends_with(status), "{reason}");
        assert!(world.registered().is_empty(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_create_does_not_deregister_a_target_that_was_created_again() {
    let world = World::new();
    world.on_record("DELETE_COMPLETE", INVENTED);
    let created_again = async {
        sleep(Duration::from_secs(1)).await;
        world.on_record_for(0, "CREATE_COMPLETE", ID);
        world.register_by_hand(owned_by(STACK, "Scaling"));
    };
    // An earlier delivery may have registered the target, so it reads what is registered.
    let ((reason, _), ()) = tokio::join!(world.refuse(create().late(90)), created_again);
    assert!(reason.ends_with("DELETE_COMPLETE"), "{reason}");
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_create_of_a_resource_that_its_stack_no_longer_has_is_stale() {
    let world = World::new();
    world.on_record("GONE", "");
    let (reason, _) = world.refuse(create().late(90)).await;
    assert!(reason.ends_with("DELETE_COMPLETE"), "{reason}");
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_another_owner_still_waits_for_a_young_create() {
    let world = World::new();
    world.succeed(create().in_stack("theirs")).await;
    // The other stack deregisters the target, and the Create registers it, right after the Delete has read it.
    world.slow("RegisterScalableTarget", Duration::from_secs(4));
    let payloads = [delete().of(INVENTED), delete().in_stack("theirs"), create()].map(|request| request.0.to_string());
    let [deleted, released, created] = payloads.each_ref().map(|payload| world.invoke(payload));
    let (deleted, released, created) = tokio::join!(deleted, released, created);
    created.and(released).and(deleted).unwrap();
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_killed_after_registering_undoes_it_when_its_resource_is_deleted() {
    let world = World::new();
    world.register_by_hand(owned_by(STACK, "Scaling"));
    world.on_record("DELETE_COMPLETE", INVENTED);
    world.refuse(create().late(90)).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_delivered_again_after_a_later_request_changes_nothing() {
    let other = OTHER_ID;
    for (request, status, id) in [
        (create(), "CREATE_COMPLETE", ID),
        (create().with("VariantName", json!("MyOtherVariant")), "UPDATE_COMPLETE", ID),
        (update().with("MaxCapacity", json!("2")), "UPDATE_COMPLETE", ID),
        (delete(), "CREATE_COMPLETE", ID),
        (delete(), "CREATE_IN_PROGRESS", ""),
        (delete(), "UPDATE_IN_PROGRESS", ID),
    ] {
        let world = World::new();
        world.succeed(create().with("MaxCapacity", json!("7"))).await;
        let before = world.targets();
        world.on_record(status, id);
        let (reason, _) = world.refuse(request.clone().late(120)).await;
        assert!(reason.ends_with(&format!("the resource is {status}")), "{reason}");
        assert_eq!(world.targets(), before, "{request:?}");
    }
    // The clean-up of a replacement is fresh: CloudFormation's record has the new id.
    let world = World::new();
    world.succeed(create()).await;
    world.on_record("UPDATE_COMPLETE", other);
    world.succeed(delete().late(120)).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_late_request_is_carried_out_while_cloudformation_waits_or_gives_no_status() {
    let carried_out = async |world: &World| {
        let on_record = |status, id| {
            if world.has_record() {
                world.on_record(status, id);
            }
        };
        on_record("CREATE_IN_PROGRESS", "");
        world.succeed(create().late(600)).await;
        on_record("UPDATE_IN_PROGRESS", ID);
        world.succeed(update().with("MaxCapacity", json!("3")).late(600)).await;
        assert_eq!(world.targets()[0]["MaxCapacity"], 3);
        on_record("DELETE_IN_PROGRESS", ID);
        world.succeed(delete().late(600)).await;
        assert!(world.registered().is_empty());
    };
    let world = World::new();
    carried_out(&world).await;
    world.on_record("", "");
    carried_out(&world).await;
    for trouble in [Trouble::Hang, Trouble::Status(403), Trouble::Garbage] {
        let world = World::new();
        for _ in 0..100 {
            world.trouble("DescribeStackResource", trouble);
        }
        carried_out(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_a_rollback_made_stale_changes_nothing() {
    let world = World::new();
    world.succeed(create().with("MaxCapacity", json!("7"))).await;
    let before = world.targets();
    let stale = update().with("MaxCapacity", json!("2")).late(120);
    // The Update in progress began a minute ago: it is the rollback.
    world.on_record_for(60, "UPDATE_IN_PROGRESS", ID);
    let (reason, _) = world.refuse(stale.clone()).await;
    assert!(reason.ends_with("the resource is UPDATE_IN_PROGRESS"), "{reason}");
    assert_eq!(world.targets(), before);

    world.on_record_for(120, "UPDATE_IN_PROGRESS", ID);
    world.succeed(stale).await;
    assert_eq!(world.targets()[0]["MaxCapacity"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_stale_update_does_not_remove_a_tag_that_a_rollback_restores() {
    let world = World::new();
    world.succeed(create().with("Tags", json!([{"Key": "team", "Value": "ml"}]))).await;
    let before = world.targets();
    let without = update().with_old("Tags", json!([{"Key": "team", "Value": "ml"}])).late(10);
    world.on_record("UPDATE_IN_PROGRESS", ID);
    for _ in 0..20 {
        world.trouble("UntagResource", Trouble::ResetBefore);
    }
    let rollback = async {
        sleep(Duration::from_secs(20)).await;
        world.on_record("UPDATE_COMPLETE", ID);
    };
    let ((reason, _), ()) = tokio::join!(world.refuse(without), rollback);
    assert!(reason.ends_with("the resource is UPDATE_COMPLETE"), "{reason}");
    assert_eq!(world.tags(&world.targets()[0])["team"], "ml");
    assert_eq!(world.targets(), before);
}

#[tokio::test(start_paused = true)]
async fn an_update_checks_its_freshness_again_after_a_slow_read() {
    let world = World::new();
    world.succeed(create()).await;
    world.on_record("UPDATE_IN_PROGRESS", ID);
    // Both take effect, and time out after ten seconds.
    world.trouble("RegisterScalableTarget", Trouble::Hang);
    let rollback = async {
        sleep(Duration::from_secs(5)).await;
        world.trouble("DescribeScalableTargets", Trouble::Hang);
        sleep(Duration::from_secs(10)).await;
        world.on_record("UPDATE_COMPLETE", ID);
        let mut capacity = my_variant();
        capacity["MaxCapacity"] = json!(7);
        world.aws("AnyScaleFrontendService.RegisterScalableTarget", capacity);
    };
    let ((reason, _), ()) = tokio::join!(world.refuse(update().with("MaxCapacity", json!("2")).late(10)), rollback);
    assert!(reason.ends_with("the resource is UPDATE_COMPLETE"), "{reason}");
    assert_eq!(world.targets()[0]["MaxCapacity"], 7);
}

#[tokio::test(start_paused = true)]
async fn a_young_create_that_registers_twice_does_not_trust_a_status_that_may_lag() {
    let world = World::new();
    world.on_record("CREATE_IN_PROGRESS", "");
    world.trouble("RegisterScalableTarget", Trouble::ResetAfter);
    let cancelled = async {
        sleep(Duration::from_secs(4)).await;
        world.on_record("DELETE_IN_PROGRESS", INVENTED);
    };
    let ((reason, _), ()) = tokio::join!(world.refuse(create()), cancelled);
    assert!(reason.ends_with("DELETE_IN_PROGRESS"), "{reason}");
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_freshness_check_is_retried_after_throttling() {
    let world = World::new();
    world.on_record("DELETE_COMPLETE", INVENTED);
    for _ in 0..3 {
        world.trouble("DescribeStackResource", Trouble::Status(503));
    }
    world.refuse(create().late(90)).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_young_request_does_not_check_its_freshness() {
    for age in [0, 3] {
        let world = World::new();
        world.called();
        world.succeed(create().late(age)).await;
        assert_eq!(world.called(), ["DescribeEndpoint", "RegisterScalableTarget"]);
    }
    let world = World::new();
    world.succeed(create().late(7)).await;
    assert!(world.called().contains(&"DescribeStackResource".to_owned()));
}

/// Guards the fixture: a request without a valid date is always fresh.
#[tokio::test(start_paused = true)]
async fn the_url_of_a_late_request_has_its_date() {
    let Value::String(url) = create().late(0).0["ResponseURL"].take() else { panic!("text") };
    assert!(url.contains("X-Amz-Date=20"), "{url}");
}

#[tokio::test(start_paused = true)]
async fn a_stale_request_that_fails_after_registering_undoes_it() {
    for (request, status) in [(create(), "CREATE_IN_PROGRESS"), (update(), "UPDATE_IN_PROGRESS")] {
        let world = World::new();
        world.on_record(status, "");
        world.fail("PutScalingPolicy", "AccessDeniedException", 1);
        // CloudFormation's record lags behind its actions.
        let deleted = async {
            sleep(Duration::from_secs(1)).await;
            world.on_record("DELETE_COMPLETE", INVENTED);
        };
        let request = request.with("ScalingPolicies", json!([step("p", "1")])).late(90);
        let ((reason, _), ()) = tokio::join!(world.refuse(request), deleted);
        assert!(reason.starts_with("PutScalingPolicy failed"), "{reason}");
        assert!(world.registered().is_empty(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_create_does_not_put_its_policy_on_a_target_that_another_stack_registered_meanwhile() {
    let world = World::new();
    world.on_record("CREATE_IN_PROGRESS", "");
    // The Delete deregisters the target after the Create has registered it, and before the Create puts the policy.
    world.before("PutScalingPolicy", 0, &[("AnyScaleFrontendService.DeregisterScalableTarget", my_variant())]);
    world.on_record_before("PutScalingPolicy", "DELETE_IN_PROGRESS", INVENTED);
    let registered_by_another = async {
        world.until_called("PutScalingPolicy").await;
        world.register_by_hand(owned_by("stack/theirs/1", "Scaling"));
    };
    let request = create().with("ScalingPolicies", json!([step("own", "1")]));
    let ((reason, _), ()) = tokio::join!(world.refuse(request), registered_by_another);
    assert!(reason.contains("DELETE_IN_PROGRESS"), "{reason}");
    let policies = world.auto_scaling("DescribeScalingPolicies", my_variant(), &json!({}));
    assert_eq!(policies["ScalingPolicies"], json!([]));
}

/// A gate registers a target anew when it restores a snapshot.
#[tokio::test(start_paused = true)]
async fn a_delete_deregisters_a_target_that_was_registered_anew_meanwhile() {
    let world = World::new();
    world.succeed(create()).await;
    world.on_record("DELETE_IN_PROGRESS", ID);
    world.fail("DeregisterScalableTarget", "ThrottlingException", 1);
    // The throttled call takes six seconds. The function acts on a read for five, so it reads again before it retries.
    world.slow_reply("DeregisterScalableTarget", Duration::from_secs(6));
    let registered_anew = async {
        world.until_called("DeregisterScalableTarget").await;
        world.auto_scaling("DeregisterScalableTarget", my_variant(), &json!({}));
        world.register_by_hand(owned_by(STACK, "Scaling"));
    };
    tokio::join!(world.succeed(delete().late(60)), registered_anew);
    assert!(world.registered().is_empty());
}
