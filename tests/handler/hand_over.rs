//! A request that outlasts an invocation is continued by another one: the function invokes itself.

use std::time::Duration;

use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::{Value, json};
use test_support::Crash;
use test_support::account::{Account as _, variant};
use test_support::attached::step;
use test_support::function::FUNCTION_ARN;
use test_support::request::{NOT_REGISTERED, Request, create, delete, update};
use tokio::time::{Instant, sleep, timeout};

use crate::support::prod::{endpoint, gate_delete, gate_update, register_natively, snapshots};
use crate::support::world::{Trouble, World};

const SHORT: Duration = Duration::from_secs(20);
/// The default of the template.
const DEFAULT: Duration = Duration::from_secs(900);

/// A world whose endpoint `slow` takes so many seconds, and a Create of its scaling.
fn slow(seconds: u32) -> (World, Request) {
    let world = World::new();
    world.create_slow_endpoint(seconds);
    (world, create().with("EndpointName", json!("slow")))
}

/// The kinds of requests that wait.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Create,
    Update,
    UpdateOfGate,
    DeleteOfGate,
}

const KINDS: [Kind; 4] = [Kind::Create, Kind::Update, Kind::UpdateOfGate, Kind::DeleteOfGate];

impl Kind {
    /// A world in which a request of this kind waits for 60 seconds, and the request.
    async fn start(self) -> (World, Request) {
        match self {
            Self::Create => slow(60),
            Self::Update => {
                let world = World::new();
                world.succeed(create()).await;
                let variants = ["MyVariant", "MyOtherVariant"].map(|name| variant(name, "other", "ml.m5.large"));
                world.create_config("other", &variants, json!({}));
                world.endpoints_take(60);
                world.update_endpoint("MyEndPoint", "other");
                (world, update().with("MaxCapacity", json!("3")))
            }
            Self::UpdateOfGate => {
                let world = endpoint();
                register_natively(&world, &["blue"]);
                world.endpoints_take(60);
                world.update_endpoint("prod", "model");
                (world, gate_update("large", "both"))
            }
            Self::DeleteOfGate => {
                let world = endpoint();
                register_natively(&world, &["blue"]);
                world.succeed(gate_update("large", "xlarge")).await;
                world.endpoints_take(60);
                world.update_endpoint("prod", "xlarge");
                (world, gate_delete("large"))
            }
        }
    }
}

/// Lambda: asynchronous invocations, which may overlap, each with its two retries. Ends when there are none.
async fn lambda(world: &World, request: &Request) {
    let deliver = async |arn: String, payload: String| {
        for pause in [0, 60, 120] {
            sleep(Duration::from_secs(pause)).await;
            if let Ok(Ok(())) = timeout(SHORT, world.invoke_once(&arn, &payload, SHORT)).await {
                return;
            }
        }
        panic!("three invocations have failed");
    };
    let mut running = FuturesUnordered::new();
    running.push(deliver(FUNCTION_ARN.to_owned(), request.0.to_string()).boxed_local());
    while !running.is_empty() {
        tokio::select! {
            _ = running.next() => {}
            () = sleep(Duration::from_millis(100)) => {}
        }
        while let Some((arn, payload)) = world.next_invocation() {
            running.push(deliver(arn, payload).boxed_local());
        }
    }
}

/// Everything that a request leaves behind, without ARNs and times.
fn picture(world: &World) -> (Value, usize, Vec<Value>) {
    let mut answers = world.all_answers();
    for answer in &mut answers {
        if let Some(data) = answer["Data"].as_object_mut() {
            data.retain(|name, _| !name.contains("ARN"));
        }
    }
    (world.picture(), snapshots(world).len(), answers)
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_through_several_invocations_and_is_answered_once() {
    for kind in KINDS {
        let (world, request) = kind.start().await;
        let answers = world.answers();
        world.invocations();
        world.invoke_for(&request.0.to_string(), SHORT).await.unwrap();
        let invocations = world.invocations();
        assert!((4..=6).contains(&invocations), "{kind:?}: {invocations} invocations");
        assert_eq!((world.answers(), &world.last_answer()["Status"]), (answers + 1, &json!("SUCCESS")), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_many_invocations_leaves_what_a_wait_of_one_leaves() {
    for kind in KINDS {
        let (one, request) = kind.start().await;
        one.invoke_for(&request.0.to_string(), DEFAULT).await.unwrap();
        let (many, _) = kind.start().await;
        many.invoke_for(&request.0.to_string(), SHORT).await.unwrap();
        assert_eq!(picture(&one), picture(&many), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_killed_at_any_exchange_of_any_invocation_ends_as_if_it_was_not() {
    let mut crashes = 0;
    for kind in KINDS {
        let (clean, request) = kind.start().await;
        lambda(&clean, &request).await;
        let (targets, snapshots, answers) = picture(&clean);
        let answer = answers.last().expect("an answer");
        for at in 1.. {
            let mut reached = false;
            for after_effect in [false, true] {
                let (world, _) = kind.start().await;
                world.without_signatures();
                let before = world.answers();
                world.plan_crash(Crash { at, after_effect });
                lambda(&world, &request).await;
                reached |= world.has_crashed();
                let now = picture(&world);
                assert_eq!((&now.0, now.1), (&targets, snapshots), "{kind:?}: {at} {after_effect}");
                assert!(now.2.len() > before, "{kind:?}: {at} {after_effect}");
                assert!(now.2[before..].iter().all(|found| found == answer), "{kind:?}: {at} {after_effect}: {now:?}");
            }
            if !reached {
                break;
            }
            crashes += 1;
        }
    }
    assert!(crashes > 100, "only {crashes} exchanges were killed");
}

#[tokio::test(start_paused = true)]
async fn the_same_version_or_alias_continues_the_request() {
    let (world, request) = slow(100);
    for qualifier in ["", ":live", ":7", ":$LATEST"] {
        let arn = format!("{FUNCTION_ARN}{qualifier}");
        world.invoke_once(&arn, &request.0.to_string(), SHORT).await.unwrap();
        let (continued, payload) = world.next_invocation().expect("an invocation");
        assert_eq!(continued, arn);
        let mut payload: Value = serde_json::from_str(&payload).unwrap();
        let field = payload.as_object_mut().unwrap().remove("sagemaker-scaling:continuation").expect("a field");
        assert_eq!((&field["Invocation"], payload), (&json!(2), request.0.clone()));
    }
    assert_eq!(world.answers(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_record_of_an_sns_event_is_continued_by_itself() {
    let (world, request) = slow(60);
    let messages = ["one", "two"].map(|id| request.clone().field("RequestId", json!(id)).0);
    let records = messages.clone().map(|message| json!({ "Sns": { "Message": message.to_string() } }));
    world.invoke_for(&json!({ "Records": records }).to_string(), SHORT).await.unwrap();
    let told = world.all_answers().into_iter().map(|answer| (answer["Status"].clone(), answer["RequestId"].clone()));
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(_, id)| id.to_string());
    assert_eq!(told, ["one", "two"].map(|id| (json!("SUCCESS"), json!(id))));
    assert!(world.invocations() >= 5, "one for both records, and then some for each");
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_almost_an_hour_and_then_nothing_can_be_raised() {
    for request in [create(), create().late(0), create().with("ServiceTimeout", json!("3600"))] {
        let (world, _) = slow(100_000);
        let start = Instant::now();
        let request = request.with("EndpointName", json!("slow")).0.to_string();
        world.invoke_for(&request, DEFAULT).await.unwrap();
        assert!((3_500..3_600).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        assert_eq!(
            world.last_answer()["Reason"],
            "out of time while waiting for endpoint slow to be InService (it is Creating); gave up after 59 min and 5 \
             invocations. CloudFormation waits for an hour at most, so there is nothing to raise: deploy again later"
        );
        assert_eq!(world.invocations(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_until_its_service_timeout_and_says_what_to_raise() {
    let (world, request) = slow(100_000);
    let start = Instant::now();
    let request = request.with("ServiceTimeout", json!("1800")).0.to_string();
    world.invoke_for(&request, DEFAULT).await.unwrap();
    assert!((1_740..1_800).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let reason = world.last_answer()["Reason"].to_string();
    assert!(reason.contains("gave up after 29 min and 3 invocations. ServiceTimeout is 1800 s: raise it"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn the_time_before_the_first_delivery_counts() {
    let (world, request) = slow(100_000);
    let start = Instant::now();
    world.invoke_for(&request.late(3_000).0.to_string(), DEFAULT).await.unwrap();
    assert!((500..600).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!((world.invocations(), world.answers()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_has_twelve_invocations_at_most() {
    let (world, request) = slow(100_000);
    world.invoke_for(&request.0.to_string(), SHORT).await.unwrap();
    assert_eq!((world.invocations(), world.answers()), (12, 1));
    let reason = world.last_answer()["Reason"].to_string();
    assert!(reason.contains("12 invocations at most: raise the Timeout of the function"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_hand_over_is_refused_fails_in_time_and_says_why() {
    for kind in [Kind::Create, Kind::DeleteOfGate] {
        let (world, request) = kind.start().await;
        let answers = world.answers();
        world.trouble("Invoke", Trouble::Status(403));
        timeout(SHORT, world.invoke_for(&request.0.to_string(), SHORT)).await.expect("in time").unwrap();
        let answer = world.last_answer();
        assert_eq!((world.answers(), &answer["Status"]), (answers + 1, &json!("FAILED")));
        let reason = answer["Reason"].to_string();
        assert!(reason.contains("out of time while waiting for endpoint"), "{reason}");
        assert!(
            reason.contains("It could not be handed over to another invocation: Invoke failed for arn:aws:lambda:"),
            "{reason}"
        );
        assert_eq!(world.next_invocation(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_is_retried() {
    let (world, request) = slow(60);
    for trouble in [Trouble::ResetBefore, Trouble::Status(503), Trouble::Status(429)] {
        world.trouble("Invoke", trouble);
    }
    world.invoke_for(&request.0.to_string(), DEFAULT / 15).await.unwrap();
    assert_eq!((&world.last_answer()["Status"], world.answers()), (&json!("SUCCESS"), 1));
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_without_a_reply_is_answered_and_its_continuation_changes_nothing() {
    let (world, request) = slow(60);
    for _ in 0..9 {
        world.trouble("Invoke", Trouble::Hang);
    }
    timeout(SHORT, world.invoke_once(FUNCTION_ARN, &request.0.to_string(), SHORT)).await.expect("in time").unwrap();
    let reason = world.last_answer()["Reason"].to_string();
    assert!(reason.contains("Lambda did not reply in time"), "{reason}");

    world.on_record("CREATE_FAILED", NOT_REGISTERED);
    let (arn, payload) = world.next_invocation().expect("it took effect");
    world.called();
    world.invoke_as(&arn, &payload, DEFAULT).await.unwrap();
    assert!(world.registered().is_empty());
    assert!(!world.called().contains(&"RegisterScalableTarget".to_owned()));
    assert!(world.last_answer()["Reason"].to_string().contains("no longer waits for this request"));
}

/// One short invocation fails the request for this reason, and does not hand it over.
async fn fails_without_a_hand_over(world: &World, request: &Request, expected: &str) {
    world.invoke_once(FUNCTION_ARN, &request.0.to_string(), SHORT).await.expect("an answer");
    assert_eq!(world.next_invocation(), None);
    let reason = world.last_answer()["Reason"].to_string();
    assert!(reason.contains(expected), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cloudformation_has_cancelled_is_not_continued() {
    let (world, request) = slow(100);
    world.on_record("DELETE_IN_PROGRESS", "invented");
    let reason = "no longer waits for this request: the resource is DELETE_IN_PROGRESS";
    fails_without_a_hand_over(&world, &request, reason).await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_in_throttled_reads_is_continued() {
    let (world, request) = slow(60);
    let payload = request.0.to_string();
    let throttled = async {
        sleep(Duration::from_secs(5)).await;
        world.fail("DescribeEndpoint", "ThrottlingException", 99);
    };
    let (ended, ()) = tokio::join!(world.invoke_once(FUNCTION_ARN, &payload, SHORT), throttled);
    ended.unwrap();
    assert!(world.next_invocation().is_some(), "{:?}", world.all_answers());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_gets_no_reply_is_no_wait() {
    let world = World::new();
    for _ in 0..9 {
        world.trouble("DescribeEndpoint", Trouble::Hang);
    }
    let reason = "out of time while retrying: DescribeEndpoint failed for";
    fails_without_a_hand_over(&world, &create(), reason).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_changed_something_is_not_continued() {
    let (world, request) = slow(4);
    world.fail("PutScalingPolicy", "ThrottlingException", 99);
    let request = request.with("ScalingPolicies", json!([step("out", "1")]));
    fails_without_a_hand_over(&world, &request, "PutScalingPolicy failed").await;
}

#[tokio::test(start_paused = true)]
async fn a_function_that_does_not_run_in_lambda_answers_when_its_time_is_up() {
    let (world, request) = slow(100);
    for name in ["function-arn", "sagemaker-scaling", ""] {
        world.invoke_as(name, &request.0.to_string(), SHORT).await.unwrap();
        assert_eq!(world.invocations(), 1);
        let reason = world.last_answer()["Reason"].to_string();
        assert!(
            reason.contains("The function does not run in Lambda, so no other invocation can continue the request"),
            "{reason}"
        );
    }
    assert!(!world.called().contains(&"Invoke".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_has_restored_what_it_deregistered_waits_on_in_another_invocation() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let before = world.picture();
    world.endpoints_take(120);
    let weights = json!([{ "VariantName": "green", "DesiredInstanceCount": 2 }]);
    let activity = json!({ "EndpointName": "prod", "DesiredWeightsAndCapacities": weights });
    world.before("DeregisterScalableTarget", 0, &[("SageMaker.UpdateEndpointWeightsAndCapacities", activity)]);
    let request = gate_update("large", "xlarge").0.to_string();
    let minute = Duration::from_secs(60);
    world.invoke_once(FUNCTION_ARN, &request, minute).await.unwrap();
    assert_eq!((world.answers(), world.picture(), snapshots(&world).len()), (0, before, 0));
    let (arn, payload) = world.next_invocation().expect("an invocation");
    world.invoke_as(&arn, &payload, minute).await.unwrap();
    assert_eq!((&world.last_answer()["Status"], world.answers()), (&json!("SUCCESS"), 1));
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_continuation_that_no_invocation_has_written_is_refused() {
    let world = World::new();
    for field in [json!(null), json!({}), json!({"Invocation": 13, "FirstBegan": 1}), json!("again")] {
        let (reason, _) = world.refuse(create().field("sagemaker-scaling:continuation", field)).await;
        assert!(reason.contains("expected what an earlier invocation wrote, found"), "{reason}");
    }
    assert!(world.called().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_need_not_wait_has_one_invocation() {
    let world = World::new();
    world.succeed(create()).await;
    world.succeed(update()).await;
    world.succeed(delete()).await;
    assert_eq!(world.invocations(), 3);
    assert!(!world.called().contains(&"Invoke".to_owned()));
}
