//! Secrets: in nothing that is logged, in no reason, in no error of an invocation, on any path.
//!
//! Every other test of this suite looks for them, too: see `Stage::invoke`.

use std::fs;
use std::panic::panic_any;
use std::process::Command;
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use futures_util::future::join_all;
use sagemaker_scaling::deadline::Deadline;
use sagemaker_scaling::observability::log;
use serde_json::{Value, json};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::panics::{Defective, Kind};
use crate::support::SECRET_KEY;
use crate::support::aws::{ALWAYS, ANY, Fault};
use crate::support::canaries::{CANARIES, QUERY, found_in, made_long_ago, signatures};
use crate::support::cloudformation::says;
use crate::support::log::Log;
use crate::support::request::{Request, create, update};
use crate::support::socket::Act;
use crate::support::stage::{AMPLE, Stage};

const BRIEF: Duration = Duration::from_millis(300);

/// What may go wrong at AWS, for ever.
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

/// What may go wrong at CloudFormation, for ever.
fn refusals() -> Vec<Act> {
    vec![says(403), says(500), says(307), Act::Reset, Act::Hang]
}

/// Every request in `events/`.
fn events() -> Vec<Request> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/events");
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path());
    let events = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    events.map(|path| Request(serde_json::from_slice(&fs::read(path).expect("readable")).expect("JSON"))).collect()
}

/// Row A9, 21: every event on every path: the URL's secrets and the function's credentials are nowhere.
#[tokio::test]
async fn no_event_gives_a_secret_away_on_any_path() {
    let events = events();
    assert!(events.len() > 20, "{}", events.len());
    join_all(events.into_iter().map(|event| async {
        let stage = Stage::new().await;
        let payload = stage.addressed(event).0.to_string();
        stage.invoke(&payload, AMPLE).await.expect("it is answered");
        for fault in faults() {
            stage.aws.plan(ANY, ALWAYS, fault);
            // In so short a time not each is answered on a busy machine; none may say too much.
            let _ = stage.invoke(&payload, BRIEF).await;
            stage.aws.recover();
        }
        for refusal in refusals() {
            stage.cloudformation.always(refusal);
            stage.invoke(&payload, BRIEF).await.expect_err("nobody takes it");
        }
        stage.cloudformation.recover();
    }))
    .await;
}

/// Row A9, 20: a secret in the text of an error: AWS quotes Authorization header and session token.
#[tokio::test]
async fn what_aws_quotes_of_a_request_is_told_without_its_secrets() {
    let stage = Stage::new().await;
    for code in ["AccessDeniedException", "ValidationException", "IncompleteSignatureException"] {
        stage.aws.plan("RegisterScalableTarget", 1, Fault::Quotes(400, code));
        let (reason, _) = stage.refuse(create(), AMPLE).await;
        assert!(reason.contains(code), "{reason}");
        let quotes = !code.contains("Signature");
        assert_eq!(reason.contains("Signature=[secret]") && reason.contains("-token: [secret]"), quotes, "{reason}");
    }
}

/// Row A9: whatever CloudFormation says when it is asked: an old request, which asks, is carried out and tells nothing.
#[tokio::test]
async fn what_cloudformation_quotes_of_a_request_is_not_told() {
    join_all(faults().into_iter().map(|fault| async {
        let stage = Stage::new().await;
        let payload = made_long_ago(&stage.addressed(create()).0.to_string());
        stage.aws.plan("DescribeStackResource", 1, fault);
        stage.invoke(&payload, AMPLE).await.expect("it is answered");
        assert_eq!(stage.cloudformation.answer()["Status"], "SUCCESS");
        assert!(stage.aws.count("DescribeStackResource") > 1, "it asks before and after");
    }))
    .await;
}

/// Row A9, 20: the URL in the text of an error: an author writes it into a property, as it is, as it reads, or in part.
#[tokio::test]
async fn what_an_author_copies_of_the_url_is_told_without_its_secrets() {
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

/// Row A9, P1: a panic that quotes URL and headers is told without their secrets.
#[tokio::test]
async fn what_a_panic_quotes_is_told_without_its_secrets() {
    let defective = Defective::new();
    let stage = Stage::with(SharedHttpConnector::new(defective.clone())).await;
    defective.panic_at(2, Kind::Polling);
    let (reason, _) = stage.refuse(create(), AMPLE).await;
    assert!(reason.contains("a planted defect") && reason.contains("Signature=[secret]"), "{reason}");
    let url = stage.cloudformation.url();
    let panic = std::panic::catch_unwind(|| panic_any(format!("at {url}"))).expect_err("a panic");
    assert!(found_in(panic.downcast_ref::<String>().expect("text"), &[]).len() > 3, "the canaries sing");
}

/// What is logged at TRACE while a target is created and an answer is refused.
async fn logged<S: Subscriber + Send + Sync>(subscriber: impl FnOnce(Log) -> S) -> (String, Vec<String>) {
    let log = Log::default();
    // The tasks of the HTTP client are on this thread, too.
    let _guard = tracing::subscriber::set_default(subscriber(log.clone()));
    let stage = Stage::new().await;
    stage.cloudformation.plan([says(500)]);
    let payload = stage.addressed(create()).0.to_string();
    tracing::trace!(target: "lambda_runtime::layers::api_response", body = payload, "raw JSON event received");
    let deadline = Deadline::new(SystemTime::now() + AMPLE);
    stage.handle(&payload, deadline).await.expect("it is answered");
    (log.text(), signatures(&stage.aws.received()))
}

/// Row A9: the log as it is shipped, at TRACE, with all crates logging.
#[tokio::test]
async fn the_log_as_it_is_shipped_holds_nothing_that_others_log() {
    let (text, signatures) = logged(|log| log::subscriber(move || log.clone(), LevelFilter::TRACE)).await;
    assert!(text.contains("\"answered\"") && text.contains("answering again"), "{text}");
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"].is_string())));
    assert_eq!(found_in(&text, &signatures), Vec::<&str>::new(), "{text}");
}

/// Row A9: without the filter the runtime, the SDK and the HTTP client give secrets away: it is what keeps them out.
#[tokio::test]
async fn without_the_filter_secrets_are_logged() {
    let everything = |log: Log| {
        let lines = tracing_subscriber::fmt::layer().with_writer(move || log.clone());
        tracing_subscriber::registry().with(lines).with(LevelFilter::TRACE)
    };
    let (text, signatures) = logged(everything).await;
    let of_others: Vec<_> = text.lines().filter(|line| !line.contains("lambda_runtime")).collect();
    let found = found_in(&of_others.join("\n"), &signatures);
    assert!(!found.is_empty(), "nobody else logs secrets any more: then the filter is for nothing");
    assert!(found_in(&text, &signatures).len() > found.len(), "{found:?} is all");
}

/// Panics in the work, and on a thread of its own, as a process that has no other tests.
fn panic_in_process() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let defective = Defective::new();
        let stage = Stage::with(SharedHttpConnector::new(defective.clone())).await;
        for call in 1..3 {
            defective.panic_at(call, Kind::Polling);
            let payload = stage.addressed(update()).0.to_string();
            let deadline = Deadline::new(SystemTime::now() + AMPLE);
            stage.handle(&payload, deadline).await.expect("it is answered");
        }
        let url = stage.cloudformation.url();
        std::thread::spawn(|| panic_any(url)).join().expect_err("it panicked");
    });
}

#[test]
#[ignore = "a panic hook is the whole process's: this is one that another test starts"]
fn a_process_that_panics_with_the_hook() {
    let log = log::subscriber(std::io::stdout, LevelFilter::TRACE);
    tracing::subscriber::set_global_default(log).expect("the first one");
    std::panic::set_hook(Box::new(log::on_panic));
    panic_in_process();
}

#[test]
#[ignore = "a panic hook is the whole process's: this is one that another test starts"]
fn a_process_that_panics_without_the_hook() {
    panic_in_process();
}

fn output_of(test: &str) -> String {
    let this = std::env::current_exe().expect("a path");
    let output = Command::new(this).args(["--exact", test, "--ignored", "--nocapture"]).output().expect("it runs");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    text
}

/// Row A9, P1: what a panic says is not printed either, where Rust's own hook prints it, and so Lambda logs it.
#[test]
fn a_panic_is_logged_by_its_place_alone() {
    let text = output_of("secrets::a_process_that_panics_with_the_hook");
    let places = text.matches("\"message\":\"panicked\",\"location\":\"tests/faults/").count();
    assert_eq!(places, 3, "{text}");
    assert!(text.contains("\"FAILED\""), "the reason is in the log: {text}");
    assert_eq!(found_in(&text, &[]), Vec::<&str>::new(), "{text}");
    assert!(!text.contains("Signature=") || text.contains("Signature=[secret]"), "{text}");

    let text = output_of("secrets::a_process_that_panics_without_the_hook");
    // But for the secret key, which never leaves the process.
    let found = found_in(&text, &[]);
    assert!(CANARIES.iter().all(|canary| found.contains(canary) || *canary == SECRET_KEY), "{found:?}");
}
