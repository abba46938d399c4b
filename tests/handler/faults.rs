//! Errors of AWS and of the network: which are retried, which are final, and that each request is answered.

use std::time::Duration;

use crate::support::world::{Trouble, World};
use serde_json::json;
use test_support::account::Account as _;
use test_support::function::Unanswered;
use test_support::request::{ID, MY_VARIANT, NOT_REGISTERED, Request, create, delete, update};
use test_support::secrets::{SIGNATURE, assert_no_secret};
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn a_transient_error_is_retried() {
    for code in [
        "ThrottlingException",
        "ConcurrentUpdateException",
        "InternalServiceException",
        "ServiceUnavailable",
        "TooManyRequestsException",
    ] {
        let world = World::new();
        world.fail("RegisterScalableTarget", code, 6);
        world.fail("DescribeEndpoint", code, 6);
        world.succeed(create()).await;
        world.fail("DeregisterScalableTarget", code, 6);
        world.succeed(delete()).await;
        assert!(world.registered().is_empty(), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_final_error_is_not_retried() {
    for code in
        ["LimitExceededException", "ValidationException", "AccessDeniedException", "UnrecognizedClientException"]
    {
        let world = World::new();
        world.called();
        world.fail("RegisterScalableTarget", code, 2);
        let (reason, id) = world.refuse(create()).await;
        assert!(reason.contains(&format!("{code}: injected")), "{reason}");
        assert_eq!(id, NOT_REGISTERED);
        assert_eq!(world.called().iter().filter(|name| *name == "RegisterScalableTarget").count(), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn endless_throttling_fails_before_the_deadline_with_the_last_error() {
    let world = World::new();
    world.fail("RegisterScalableTarget", "ThrottlingException", 1_000_000);
    let start = Instant::now();
    let (reason, _) = world.refuse(create()).await;
    assert!(reason.contains("ThrottlingException: injected") && reason.contains("attempts"), "{reason}");
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(60) && elapsed > Duration::from_secs(20), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_cut_off_is_told_with_the_last_error() {
    let world = World::new();
    world.fail("RegisterScalableTarget", "ThrottlingException", 1_000_000);
    let slow_attempt = async {
        sleep(Duration::from_secs(3)).await;
        world.slow("RegisterScalableTarget", Duration::from_secs(9));
    };
    let request = create().0.to_string();
    tokio::join!(slow_attempt, async { world.invoke_for(&request, Duration::from_secs(12)).await.unwrap() });
    let answer = world.last_answer();
    let expected = "out of time while retrying: RegisterScalableTarget failed for";
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.contains(expected) && reason.contains("ThrottlingException: injected"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_delete_of_a_target_that_is_deregistered_meanwhile_succeeds() {
    let world = World::new();
    world.succeed(create()).await;
    world.fail("DeregisterScalableTarget", "ObjectNotFoundException", 1);
    world.succeed(delete()).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_retried_whether_it_took_effect_or_not() {
    for trouble in [Trouble::ResetBefore, Trouble::ResetAfter, Trouble::Status(503), Trouble::Garbage, Trouble::Hang] {
        let world = World::new();
        for operation in ["DescribeEndpoint", "RegisterScalableTarget"] {
            world.trouble(operation, trouble);
        }
        assert_eq!(world.succeed(create()).await["PhysicalResourceId"], ID, "{trouble:?}");
        assert_eq!(world.registered(), [MY_VARIANT]);
        for operation in ["DescribeScalableTargets", "ListTagsForResource", "DeregisterScalableTarget"] {
            world.trouble(operation, trouble);
        }
        world.succeed(delete()).await;
        assert!(world.registered().is_empty(), "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_reply_is_retried() {
    let world = World::new();
    world.trouble("RegisterScalableTarget", Trouble::Empty);
    world.succeed(create()).await;
    assert_eq!(world.registered(), [MY_VARIANT]);
    world.trouble("DescribeScalableTargets", Trouble::Empty);
    world.succeed(delete()).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_effect_is_unknown_answers_with_the_real_id() {
    let world = World::new();
    world.trouble("RegisterScalableTarget", Trouble::ResetAfter);
    world.fail("DescribeScalableTargets", "AccessDeniedException", 9);
    let (_, id) = world.refuse(create()).await;
    assert_eq!(id, ID);

    // The first attempt may have taken effect, although the second is refused.
    let world = World::new();
    world.trouble("RegisterScalableTarget", Trouble::ResetBefore);
    world.fail("RegisterScalableTarget", "AccessDeniedException", 1);
    assert_eq!(world.refuse(create()).await.1, ID);

    // The check before the second attempt fails, and the target of the first one is not visible yet.
    let world = World::new();
    world.trouble("RegisterScalableTarget", Trouble::ResetAfter);
    let fault = json!({ "Operation": "GetParameter", "Code": "ValidationException", "Status": 400, "Times": 1 });
    world.before("RegisterScalableTarget", 0, &[("LocalAws.InjectFaults", fault)]);
    world.read_late(&["DescribeScalableTargets"], Duration::from_secs(5));
    assert_eq!(world.refuse(create().with("AdoptExisting", json!("true"))).await.1, ID);
}

#[tokio::test(start_paused = true)]
async fn a_delete_after_a_create_that_was_aborted_deregisters() {
    let world = World::new();
    // The target is registered, but the reply hangs until the work is aborted.
    for _ in 0..100 {
        world.trouble("RegisterScalableTarget", Trouble::Hang);
    }
    let (reason, id) = world.refuse(create()).await;
    assert!(reason.contains("RegisterScalableTarget"), "{reason}");
    assert_eq!((id.as_str(), world.registered()), (ID, vec![MY_VARIANT.to_owned()]));
    world.succeed(delete().of(&id)).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_takes_too_long_fails_with_the_status_of_the_endpoint() {
    let world = World::new();
    world.create_slow_endpoint(100_000);
    let start = Instant::now();
    let in_a_minute =
        |request: Request| request.with("EndpointName", json!("slow")).with("ServiceTimeout", json!("60"));
    let (reason, id) = world.refuse(in_a_minute(create())).await;
    assert!(
        reason.starts_with("out of time while waiting for endpoint slow to be InService (it is Creating)"),
        "{reason}"
    );
    assert!(start.elapsed() < Duration::from_secs(60));
    world.succeed(delete().of(&id)).await;
    assert!(world.registered().is_empty());

    assert_eq!(world.refuse(in_a_minute(update())).await.1, ID, "a failed Update keeps its id");
}

#[tokio::test(start_paused = true)]
async fn a_target_of_another_owner_is_refused_before_the_endpoint_is_ready() {
    let world = World::new();
    world.succeed(create().in_stack("theirs")).await;
    world.endpoints_take(100_000);
    world.scale("MyEndPoint", "MyVariant", 2);
    let start = Instant::now();
    let (reason, _) = world.refuse(create()).await;
    assert!(reason.contains("stack/theirs/1"), "{reason}");
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_create_that_fails_answers_with_the_id_that_the_first_registered() {
    let world = World::new();
    world.succeed(create()).await;
    world.endpoints_take(100_000);
    world.scale("MyEndPoint", "MyVariant", 2);
    let (_, id) = world.refuse(create()).await;
    assert_eq!(id, ID, "the Delete that follows has to deregister");
    world.succeed(delete()).await;
    assert!(world.registered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_work_is_answered() {
    for operation in ["DescribeEndpoint", "RegisterScalableTarget"] {
        let world = World::new();
        world.trouble(operation, Trouble::Panic);
        let (reason, id) = world.refuse(create()).await;
        assert!(reason.contains(&format!("panicked while calling {operation}: a planted defect")), "{reason}");
        world.succeed(delete().of(&id)).await;
        world.succeed(create()).await;
    }
    let world = World::new();
    world.trouble("DescribeScalableTargets", Trouble::Panic);
    assert_eq!(world.refuse(update()).await.1, ID);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_sent_again_until_it_is_accepted() {
    for trouble in [Trouble::Status(500), Trouble::Status(503), Trouble::Status(408), Trouble::Status(429)]
        .into_iter()
        .chain([Trouble::ResetBefore, Trouble::Hang])
    {
        let world = World::new();
        for _ in 0..3 {
            world.trouble_delivering(trouble);
        }
        world.succeed(create()).await;
        assert_eq!(world.puts(), 4, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_that_could_not_be_delivered_is_a_success_for_the_retry() {
    let world = World::new();
    for _ in 0..1_000 {
        world.trouble_delivering(Trouble::Status(500));
    }
    let start = Instant::now();
    let error = world.invoke(&create().0.to_string()).await.expect_err("the answer is not accepted");
    assert!(matches!(error, Unanswered::Undelivered(undelivered) if undelivered.attempts > 5), "{error}");
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(60) && elapsed > Duration::from_secs(50), "{elapsed:?}");
    let world = World::new();
    world.trouble_delivering(Trouble::Status(403));
    world.invoke(&create().0.to_string()).await.expect_err("the answer is rejected");
    assert_eq!(world.succeed(create()).await["PhysicalResourceId"], ID);
}

#[tokio::test(start_paused = true)]
async fn a_short_invocation_is_answered() {
    for millis in [50, 300, 3_000] {
        let world = World::new();
        world.fail("DescribeEndpoint", "ThrottlingException", 1_000_000);
        let start = Instant::now();
        world.invoke_for(&create().0.to_string(), Duration::from_millis(millis)).await.unwrap();
        assert_eq!(world.last_answer()["Status"], "FAILED");
        assert!(start.elapsed() < Duration::from_millis(millis), "{millis}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_reason_contains_a_secret() {
    let world = World::new();
    world.fail("RegisterScalableTarget", "InvalidSignatureException", 1);
    let (reason, _) = world.refuse(create()).await;
    assert!(reason.contains("InvalidSignatureException: check the function's credentials"), "{reason}");

    let (reason, _) = world.refuse(create().with("VariantName", json!(format!("X-Amz-Signature={SIGNATURE}")))).await;
    assert_no_secret(&reason, &[]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_keeps_its_physical_id_and_gives_the_reason() {
    let world = World::new();
    world.succeed(create()).await;
    world.fail("DeregisterScalableTarget", "AccessDeniedException", 1);
    let (reason, id) = world.refuse(delete()).await;
    assert!(reason.contains("DeregisterScalableTarget failed"), "{reason}");
    assert_eq!((id.as_str(), world.registered()), (ID, vec![MY_VARIANT.to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_sagemaker_other_than_a_missing_endpoint_is_quoted() {
    let world = World::new();
    world.fail("DescribeEndpoint", "ValidationException", 1);
    let (reason, _) = world.refuse(create()).await;
    assert!(reason.starts_with("DescribeEndpoint failed for endpoint MyEndPoint: ValidationException: injected"));
}

#[tokio::test(start_paused = true)]
async fn retries_and_reads_are_few() {
    let count = |world: &World, operation: &str| world.called().iter().filter(|name| *name == operation).count();
    let world = World::new();
    world.fail("RegisterScalableTarget", "ThrottlingException", 1_000_000);
    world.refuse(create()).await;
    let attempts = count(&world, "RegisterScalableTarget");
    assert!((5..100).contains(&attempts), "{attempts} attempts in a minute");

    let world = World::new();
    world.succeed(create()).await;
    world.called();
    world.fail("RegisterScalableTarget", "ThrottlingException", 1);
    world.succeed(update()).await;
    assert_eq!(count(&world, "DescribeScalableTargets"), 1, "a read is valid for several attempts");

    let world = World::new();
    world.create_slow_endpoint(25);
    world.succeed(create().with("EndpointName", json!("slow"))).await;
    let reads = count(&world, "DescribeEndpoint");
    assert!((3..12).contains(&reads), "{reads} reads in 25 seconds");
}

#[tokio::test(start_paused = true)]
async fn the_first_pause_is_longer_after_throttling_than_after_a_concurrent_update() {
    // Tokio's timer rounds up to a millisecond.
    for (code, range) in [("ThrottlingException", 2_000..=4_000), ("ConcurrentUpdateException", 0..=200)] {
        let world = World::new();
        world.fail("DescribeEndpoint", code, 1);
        let start = Instant::now();
        world.succeed(create()).await;
        let took = start.elapsed().as_millis();
        assert!(range.contains(&took), "{code}: {took} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_is_retried_within_a_short_service_timeout() {
    let world = World::new();
    world.fail("DescribeEndpoint", "ThrottlingException", 3);
    world.succeed(create().with("ServiceTimeout", json!("4"))).await;
}

#[tokio::test(start_paused = true)]
async fn a_read_that_hangs_after_a_failure_does_not_replace_the_reason() {
    for request in [create(), create().late(60)] {
        let world = World::new();
        world.on_record("CREATE_IN_PROGRESS", "");
        world.on_record_before("RegisterScalableTarget", "DELETE_IN_PROGRESS", "invented");
        world.fail("RegisterScalableTarget", "AccessDeniedException", 1);
        for _ in 0..100 {
            world.trouble("DescribeScalableTargets", Trouble::Hang);
        }
        let (reason, id) = world.refuse(request).await;
        assert!(reason.contains("AccessDeniedException"), "{reason}");
        assert_eq!(id, ID, "the function does not know whether the target is registered");
    }
}

#[tokio::test(start_paused = true)]
async fn work_ends_before_the_service_timeout() {
    let world = World::new();
    world.create_slow_endpoint(100_000);
    for timeout in [json!("20"), json!(20)] {
        let start = Instant::now();
        let request = create().with("EndpointName", json!("slow")).with("ServiceTimeout", timeout);
        let (reason, _) = world.refuse(request).await;
        assert!(reason.starts_with("out of time while waiting"), "{reason}");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn the_service_timeout_starts_when_cloudformation_makes_the_request() {
    let world = World::new();
    world.create_slow_endpoint(100_000);
    let start = Instant::now();
    let request = create().with("EndpointName", json!("slow")).with("ServiceTimeout", json!("200"));
    world.refuse(request.late(180)).await;
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_arn_of_another_account_than_the_functions_is_refused() {
    let world = World::new();
    let elsewhere = "arn:aws:lambda:us-east-1:444455556666:function:sagemaker-scaling";
    let endpoint = json!("arn:aws:sagemaker:us-east-1:111122223333:endpoint/MyEndPoint");
    let request = create().with("EndpointName", endpoint);
    for (function, status) in [(elsewhere, "FAILED"), ("function-arn", "SUCCESS")] {
        world.invoke_as(function, &request.0.to_string(), Duration::from_secs(60)).await.unwrap();
        assert_eq!(world.last_answer()["Status"], status, "{function}");
    }
}
