//! A request that outlasts an invocation of the process.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::Crash;
use test_support::account::Account as _;
use test_support::request::create;

use crate::support::lambda::{Age, Deadline, Ended, Invocation, Lambda};
use crate::support::world::World;

/// A Create of the scaling of an endpoint that takes so many seconds.
fn waiting(world: &World, lambda: &Lambda<'_>, seconds: f64) -> Invocation {
    world.create_slow_endpoint(seconds);
    brief(lambda.event(&create().with("EndpointName", json!("slow")), Age::Young))
}

/// An invocation in a function with a timeout of four seconds: waiting in real time, a longer one would take minutes.
fn brief(invocation: Invocation) -> Invocation {
    Invocation { deadline: Deadline::In(Duration::from_secs(4)), ..invocation }
}

/// An invocation with enough time, also on a busy machine.
fn ample(invocation: Invocation) -> Invocation {
    Invocation { deadline: Deadline::In(Duration::from_secs(60)), ..invocation }
}

/// The next invocation that the process has requested. Its call was signed for Lambda.
fn next(world: &World) -> Option<Invocation> {
    let (signed, payload) = world.state().invoked.pop()?;
    assert!(world.state().invoked.is_empty(), "one at a time");
    assert!(signed.contains("/us-east-1/lambda/aws4_request"), "{signed}");
    Some(brief(Invocation::of(payload)))
}

#[test]
fn a_process_waits_through_several_invocations_and_answers_once() {
    let world = World::start();
    let mut lambda = Lambda::new(&world);
    let mut invocation = waiting(&world, &lambda, 100_000.0);
    for _ in 0..3 {
        assert_eq!(lambda.invoke(&invocation), Ended::Response);
        invocation = next(&world).expect("the request is handed over");
        assert!(world.state().answers.is_empty());
    }
    world.aws("LocalAws.SetEndpointStatus", json!({ "EndpointName": "slow", "Status": "InService" }));
    assert_eq!(lambda.invoke(&ample(invocation)), Ended::Response);
    assert!(next(&world).is_none());
    assert_eq!(world.answer()["Status"], "SUCCESS");
    assert_eq!(world.registered(), ["endpoint/slow/variant/MyVariant"]);
    let output = lambda.output();
    let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_request = lines.filter(|line| line["span"]["request_id"] == "r-1" || line["request_id"] == "r-1");
    let messages: Vec<_> = of_request.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect();
    let waits = "waiting for endpoint slow to be InService (it is Creating)";
    assert_eq!(messages.first().map(String::as_str), Some(waits), "{output}");
    assert!(messages.iter().any(|told| told.starts_with(waits) && told.ends_with("invocation 3")), "{output}");
    assert!(messages.iter().filter(|told| *told == "handed over to another invocation").count() == 3, "{output}");
    assert_eq!(messages.last().map(String::as_str), Some("request finished"), "{output}");
}

#[test]
fn a_process_that_dies_while_it_hands_over_gets_the_request_again() {
    for after_effect in [false, true] {
        let world = World::start();
        let mut lambda = Lambda::new(&world);
        let invocation = waiting(&world, &lambda, 10.0);
        let mut exchanges = 0;
        // Reads of the endpoint and of the target, and then the call that hands over.
        while world.state().invoked.is_empty() {
            exchanges += 1;
            assert!(exchanges < 20, "the process hands over");
            if !lambda.invoke_and_die(&invocation, Crash { at: exchanges, after_effect }, "KILL") {
                break;
            }
        }
        let continuation = next(&world);
        for invocation in continuation.into_iter().chain([invocation]) {
            assert_eq!(lambda.invoke(&ample(invocation)), Ended::Response);
        }
        let answers = world.answers();
        assert!(!answers.is_empty() && answers.iter().all(|answer| answer["Status"] == "SUCCESS"), "{answers:?}");
        assert_eq!(world.registered(), ["endpoint/slow/variant/MyVariant"]);
    }
}
