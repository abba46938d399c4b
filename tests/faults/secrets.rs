//! Secrets, which are in no log event, in no reason and in no error of an invocation.
//!
//! Every other test of this suite searches for them, too: see `Stage::invoke`.

use std::panic::panic_any;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use futures_util::future::join_all;
use serde_json::{Value, json};
use test_support::account::Account as _;
use test_support::function::{Deadline, log};
use test_support::log::Log;
use test_support::loopback::Act;
use test_support::request::{create, events, update};
use test_support::secrets::{CANARIES, QUERY, SECRET_KEY, found_in, made_years_ago, signatures};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::panics::{Defective, Kind};
use crate::support::aws::{ALWAYS, ANY, Fault};
use crate::support::stage::{AMPLE, SHORT, Stage};

const BRIEF: Duration = Duration::from_millis(300);

/// Faults of AWS.
fn faults() -> Vec<Fault> {
    vec![
        Fault::Quotes(400, "ThrottlingException"),
        Fault::Quotes(400, "ValidationException"),
        Fault::Quotes(403, "AccessDeniedException"),
        Fault::Quotes(403, "InvalidSignatureException"),
        Fault::Quotes(500, "InternalServiceException"),
        Fault::Before(Act::Reset),
        Fault::After(Act::Reset),
        Fault::After(Act::Hang),
        Fault::After(Act::Truncated(200, "{".into())),
        Fault::Before(Act::Reply(200, "", "<html>".into())),
        Fault::Before(Act::Reply(503, "", "<html>".into())),
    ]
}

/// Faults of the response URL.
fn refusals() -> Vec<Act> {
    vec![Act::status(403), Act::status(500), Act::status(307), Act::Reset, Act::Hang]
}

pub(crate) async fn no_request_leaks_a_secret_on_any_path() {
    let events = events();
    assert!(events.len() > 20, "{}", events.len());
    join_all(events.into_iter().map(|event| async {
        let stage = Stage::new().await;
        let payload = stage.addressed(event).0.to_string();
        stage.invoke(&payload, AMPLE).await.expect("an answer is accepted");
        for fault in faults() {
            stage.aws.plan(ANY, ALWAYS, fault);
            // On a busy machine, the time may not suffice for an answer. `invoke` searches for secrets in either case.
            let _ = stage.invoke(&payload, BRIEF).await;
            stage.aws.recover();
        }
        for refusal in refusals() {
            stage.cloudformation.always(refusal);
            stage.invoke(&payload, BRIEF).await.expect_err("the answer is not accepted");
        }
        stage.cloudformation.recover();
    }))
    .await;
}

/// AWS quotes the `Authorization` header and the session token.
pub(crate) async fn secrets_that_aws_quotes_are_redacted() {
    let stage = Stage::new().await;
    for code in ["AccessDeniedException", "ValidationException", "IncompleteSignatureException"] {
        stage.aws.plan("RegisterScalableTarget", 1, Fault::Quotes(400, code));
        let (reason, _) = stage.refuse(create(), AMPLE).await;
        assert!(reason.contains(code), "{reason}");
        let quotes = !code.contains("Signature");
        assert_eq!(reason.contains("Signature=[secret]") && reason.contains("-token: [secret]"), quotes, "{reason}");
    }
}

pub(crate) async fn an_error_of_describe_stack_resource_neither_fails_a_late_request_nor_leaks() {
    join_all(faults().into_iter().map(|fault| async {
        let stage = Stage::new().await;
        let payload = made_years_ago(&stage.addressed(create()).0.to_string());
        stage.aws.plan("DescribeStackResource", 1, fault);
        stage.invoke(&payload, AMPLE).await.expect("an answer is accepted");
        assert_eq!(stage.cloudformation.answer()["Status"], "SUCCESS");
        assert!(
            stage.aws.count("DescribeStackResource") > 1,
            "it checks its freshness before and after the registration"
        );
    }))
    .await;
}

/// The payload of a hand-over has the response URL.
pub(crate) async fn a_refused_hand_over_that_quotes_the_request_leaks_nothing() {
    let stage = Stage::new().await;
    stage.aws.create_slow_endpoint(100_000);
    let request = create().with("EndpointName", json!("slow"));
    let whole = format!("Could not parse request body: {}", stage.addressed(request.clone()).0);
    let signature = QUERY.rsplit('=').next().expect("a signature");
    let in_part = format!("Could not parse request body: …{signature}…");
    for fault in [
        Fault::Says(400, "InvalidRequestContentException", whole),
        Fault::Says(400, "InvalidRequestContentException", in_part),
        Fault::Quotes(403, "AccessDeniedException"),
        Fault::Before(Act::Hang),
    ] {
        stage.aws.plan("Invoke", ALWAYS, fault);
        let (reason, _) = stage.refuse(request.clone(), SHORT).await;
        assert!(reason.contains("It could not be handed over to another invocation"), "{reason}");
        stage.aws.recover();
    }
}

/// Whole, decoded, and in part.
pub(crate) async fn parts_of_the_response_url_in_a_property_are_redacted() {
    let stage = Stage::new().await;
    let signature = QUERY.rsplit('=').next().expect("a signature");
    let read = "IQoJcanary/tokenoftheurl+b==";
    for text in [stage.cloudformation.url(), QUERY.to_owned(), signature.to_owned(), read.to_owned()] {
        for shift in 0..80 {
            let name = format!("{}{text}", "x".repeat(shift));
            let (reason, _) = stage.refuse(create().with("VariantName", json!(name)), AMPLE).await;
            assert!(reason.starts_with("VariantName: "), "{reason}");
        }
    }
}

pub(crate) async fn secrets_that_a_panic_quotes_are_redacted() {
    let defective = Defective::new();
    let stage = Stage::with(SharedHttpConnector::new(defective.clone())).await;
    defective.panic_at(2, Kind::Polling);
    let (reason, _) = stage.refuse(create(), AMPLE).await;
    assert!(reason.contains("a planted defect") && reason.contains("Signature=[secret]"), "{reason}");
    let url = stage.cloudformation.url();
    let panic = std::panic::catch_unwind(|| panic_any(format!("at {url}"))).expect_err("a panic");
    assert!(found_in(panic.downcast_ref::<String>().expect("text"), &[]).len() > 3, "the panic quotes secrets");
}

/// The log at TRACE of a Create whose answer is rejected once, and the signatures of its calls.
async fn logged<S: Subscriber + Send + Sync>(subscriber: impl FnOnce(Log) -> S) -> (String, Vec<String>) {
    let log = Log::default();
    // The tasks of the HTTP client run on this thread, too.
    let _guard = tracing::subscriber::set_default(subscriber(log.clone()));
    let stage = Stage::new().await;
    stage.cloudformation.plan([Act::status(500)]);
    let payload = stage.addressed(create()).0.to_string();
    tracing::trace!(target: "lambda_runtime::layers::api_response", body = payload, "raw JSON event received");
    let deadline = Deadline::new(SystemTime::now() + AMPLE);
    stage.handle(&payload, deadline).await.expect("an answer is accepted");
    (log.text(), signatures(&stage.aws.received()))
}

pub(crate) async fn the_shipped_log_contains_only_events_of_the_function() {
    let (text, signatures) = logged(|log| log::subscriber(move || log.clone(), LevelFilter::TRACE)).await;
    assert!(text.contains("\"request finished\"") && text.contains("retrying the answer"), "{text}");
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"].is_string())));
    assert_eq!(found_in(&text, &signatures), Vec::<&str>::new(), "{text}");
}

/// The runtime, the SDK and the HTTP client do. This shows that the search finds secrets, and that the filter is
/// needed.
pub(crate) async fn other_crates_log_secrets_without_the_filter() {
    let everything = |log: Log| {
        let lines = tracing_subscriber::fmt::layer().with_writer(move || log.clone());
        tracing_subscriber::registry().with(lines).with(LevelFilter::TRACE)
    };
    let (text, signatures) = logged(everything).await;
    let of_others: Vec<_> = text.lines().filter(|line| !line.contains("lambda_runtime")).collect();
    let found = found_in(&of_others.join("\n"), &signatures);
    assert!(!found.is_empty(), "other crates log no secrets any more, so the filter is not needed");
    assert!(found_in(&text, &signatures).len() > found.len(), "the runtime log no secrets: {found:?}");
}

/// Panics in the work, and on another thread. This is the whole work of a process.
fn panic_in_process() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let defective = Defective::new();
        let stage = Stage::with(SharedHttpConnector::new(defective.clone())).await;
        for call in 1..3 {
            defective.panic_at(call, Kind::Polling);
            let payload = stage.addressed(update()).0.to_string();
            let deadline = Deadline::new(SystemTime::now() + AMPLE);
            stage.handle(&payload, deadline).await.expect("an answer is accepted");
        }
        let url = stage.cloudformation.url();
        std::thread::spawn(|| panic_any(url)).join().expect_err("it panicked");
    });
}

#[test]
#[ignore = "a panic hook belongs to the whole process: another test starts this one"]
fn a_process_that_panics_with_the_hook() {
    let log = log::subscriber(std::io::stdout, LevelFilter::TRACE);
    tracing::subscriber::set_global_default(log).expect("no other subscriber is set");
    std::panic::set_hook(Box::new(log::on_panic));
    panic_in_process();
}

#[test]
#[ignore = "a panic hook belongs to the whole process: another test starts this one"]
fn a_process_that_panics_without_the_hook() {
    panic_in_process();
}

fn output_of(test: &str) -> String {
    let this = std::env::current_exe().expect("a path");
    let output =
        Command::new(this).args(["--exact", test, "--ignored", "--nocapture"]).output().expect("the test binary runs");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    text
}

/// Rust's own hook prints the message, which Lambda would log.
pub(crate) async fn a_panic_is_logged_with_its_location_only() {
    let text = output_of("secrets::a_process_that_panics_with_the_hook");
    let folder = Path::new(file!()).parent().expect("a folder").display();
    let locations = text.matches(&format!(r#""message":"panicked","location":"{folder}/"#)).count();
    assert_eq!(locations, 3, "{text}");
    assert!(text.contains("\"FAILED\""), "the reason is in the log: {text}");
    assert_eq!(found_in(&text, &[]), Vec::<&str>::new(), "{text}");
    assert!(!text.contains("Signature=") || text.contains("Signature=[secret]"), "{text}");

    let text = output_of("secrets::a_process_that_panics_without_the_hook");
    // All but the secret key, which never leaves the process.
    let found = found_in(&text, &[]);
    assert!(CANARIES.iter().all(|canary| found.contains(canary) || *canary == SECRET_KEY), "{found:?}");
}
