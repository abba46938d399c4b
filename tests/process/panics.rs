//! A panic is answered with `FAILED`. After an abort, Lambda's retry completes the request.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_config::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::json;
use serde_json::value::RawValue;
use test_support::Crash;
use test_support::account::Account as _;
use test_support::function::{Clients, Deadline, Services, handle, log, shipped_connector};
use test_support::request::{ID, NOT_REGISTERED, create, delete, update};
use test_support::secrets::{SESSION_TOKEN, SIGNATURE};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::support::lambda::{Age, BOOTSTRAP, Ended, Lambda};
use crate::support::world::World;

/// The SDK panics at the first call to a service whose endpoint URL is set, but empty. A Delete of what was not
/// registered calls none.
#[test]
fn a_panic_of_the_built_function_is_answered_and_the_process_serves_the_next_request() {
    let world = World::start();
    let mut lambda = Lambda::with(&world, &[BOOTSTRAP], &[("AWS_ENDPOINT_URL_SAGEMAKER", "")]);
    assert_eq!(lambda.invoke(&lambda.event(&create(), Age::Young)), Ended::Response, "not an error");
    let process = lambda.process_id();
    let answer = world.answer();
    assert_eq!(answer["Status"], "FAILED");
    let reason = "the function panicked while calling DescribeEndpoint: ";
    assert!(answer["Reason"].as_str().is_some_and(|given| given.starts_with(reason)), "{answer}");
    assert_eq!(lambda.invoke(&lambda.event(&delete().of(NOT_REGISTERED), Age::Late)), Ended::Response);
    assert_eq!((&world.answer()["Status"], lambda.process_id()), (&json!("SUCCESS"), process));
    assert!(lambda.output().contains("URL was unset"), "the message is in the log");
}

#[test]
fn a_panic_at_a_call_is_answered_and_the_process_serves_the_next_request() {
    let this = std::env::current_exe().expect("a path");
    let this = this.to_str().expect("UTF-8");
    let defective = [this, "--exact", "panics::the_function_with_a_defect", "--ignored", "--nocapture"];
    for operation in ["DescribeEndpoint", "RegisterScalableTarget"] {
        let world = World::start();
        let mut lambda = Lambda::with(&world, &defective, &[("PANIC_AT", operation)]);
        assert_eq!(lambda.invoke(&lambda.event(&create(), Age::Late)), Ended::Response, "not an error");
        let process = lambda.process_id();
        let answer = world.answer();
        assert_eq!(answer["Status"], "FAILED");
        let reason = format!("panicked while calling {operation}: a planted defect at [response URL], ");
        assert!(answer["Reason"].as_str().is_some_and(|given| given.contains(&reason)), "{answer}");

        assert_eq!(answer["PhysicalResourceId"], ID, "the Delete that follows reads the target");
        for request in [delete(), create()] {
            assert_eq!(lambda.invoke(&lambda.event(&request, Age::Late)), Ended::Response);
            assert_eq!(world.answer()["Status"], "SUCCESS");
        }
        assert_eq!((world.state_of_targets().len(), lambda.process_id()), (1, process));
        // `output` has searched for secrets already.
        let output = lambda.output();
        assert!(output.contains(&reason), "the answer is in the log: {output}");
        let location = format!(r#""message":"panicked","location":"{}:"#, file!());
        assert_eq!(output.matches(&location).count(), 1, "{output}");
    }
}

/// The function as `main.rs` wires it, with a connector that panics once, after a call has taken effect.
#[test]
#[ignore = "the test above starts it as a process"]
fn the_function_with_a_defect() {
    let Ok(operation) = std::env::var("PANIC_AT") else { return };
    log::subscriber(std::io::stdout, LevelFilter::TRACE).init();
    std::panic::set_hook(Box::new(log::on_panic));
    let function = async {
        let sound = shipped_connector();
        let http = SharedHttpConnector::new(Defective { sound: sound.clone(), operation, panicked: false.into() });
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client_fn(move |_, _| sound.clone()))
            .load()
            .await;
        let services = Services { aws: Clients::new(&config, &http), http, connections: None };
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
            let deadline = Deadline::new(event.context.deadline());
            handle(event.payload.get(), &event.context.invoked_function_arn, deadline, &services)
                .await
                .map_err(|error| Diagnostic { error_type: "Unanswered".to_owned(), error_message: error.to_string() })
        }))
        .await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(function).expect("Lambda kills this process");
}

#[derive(Debug)]
struct Defective {
    sound: SharedHttpConnector,
    operation: String,
    panicked: AtomicBool,
}

impl HttpConnector for Defective {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let panics = target.ends_with(&self.operation) && !self.panicked.swap(true, Ordering::Relaxed);
        let sound = self.sound.clone();
        HttpConnectorFuture::new(async move {
            let reply = sound.call(request).await;
            assert!(!panics, "a planted defect at {SIGNATURE}, x-amz-security-token: {SESSION_TOKEN}");
            reply
        })
    }
}

#[test]
fn the_retry_completes_the_work_of_a_process_that_aborted() {
    let world = World::start();
    let mut lambda = Lambda::new(&world);
    for (request, capacity) in
        [(create(), Some(8)), (update().with("MaxCapacity", json!("3")), Some(3)), (delete(), None)]
    {
        let event = lambda.event(&request, Age::Late);
        for at in [2, 3, 4] {
            assert!(lambda.invoke_and_die(&event, Crash { at, after_effect: at % 2 == 0 }, "ABRT"), "{at}");
            assert_eq!(world.answers().len(), 0);
        }
        assert_eq!(lambda.invoke(&event), Ended::Response);
        assert_eq!(world.answer()["Status"], "SUCCESS");
        let capacities: Vec<_> = world.state_of_targets().iter().map(|target| target["MaxCapacity"].as_u64()).collect();
        assert_eq!(capacities, Vec::from_iter(capacity.map(Some)));
    }
}

#[test]
fn a_process_that_panics_at_its_start_leaves_the_event_to_the_next_one() {
    let world = World::start();
    let mut broken = Lambda::with(&world, &[BOOTSTRAP], &[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much")]);
    let (status, ended, output) = broken.start_and_fail();
    assert_eq!((status.code(), ended), (Some(101), None), "{output}");
    // The message of a panic is not logged; its location is enough to find the variable.
    let place = output.lines().find(|line| line.contains(r#""message":"panicked","location":""#));
    assert!(place.is_some_and(|line| line.contains("/lambda_runtime-")), "{output}");
    assert!(!output.contains("MEMORY_SIZE"), "{output}");
    let mut lambda = Lambda::new(&world);
    assert_eq!(lambda.invoke(&lambda.event(&create(), Age::Young)), Ended::Response);
    assert_eq!(world.answer()["Status"], "SUCCESS");
}

#[test]
#[cfg(target_os = "linux")]
fn a_log_that_cannot_be_written_fails_no_request() {
    let world = World::start();
    let program = ["/bin/sh", "-c", r#"exec "$0" >/dev/full 2>&1"#, BOOTSTRAP];
    let mut lambda = Lambda::with(&world, &program, &[]);
    let fault = json!({"Operation": "RegisterScalableTarget", "Code": "ThrottlingException", "Times": 1});
    world.aws("LocalAws.InjectFaults", fault);
    assert_eq!(lambda.invoke(&lambda.event(&create(), Age::Young)), Ended::Response);
    assert_eq!(world.answer()["Status"], "SUCCESS");
}
