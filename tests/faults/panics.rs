//! A panic at every exchange with the outside, while one process serves on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use sagemaker_scaling::deadline::Deadline;
use sagemaker_scaling::handler::Unanswered;
use sagemaker_scaling::http;
use serde_json::json;
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::support::request::{ID, Request, create, delete, update};
use crate::support::stage::{AMPLE, Stage};

/// The connector that is shipped, and a defect in it that quotes the whole request.
#[derive(Clone, Debug)]
pub(crate) struct Defective {
    inner: SharedHttpConnector,
    calls_until_panic: Arc<AtomicUsize>,
    counts_answers_only: Arc<AtomicBool>,
    kind: Arc<Mutex<Kind>>,
}

/// Where in a call the panic is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Before there is a future.
    Calling,
    /// While it is polled.
    Polling,
    /// When the reply is there, so that the call took effect.
    Replied,
}

impl Defective {
    pub(crate) fn new() -> Self {
        Self {
            inner: http::client(http::Roots::bundled()).0,
            calls_until_panic: Arc::new(AtomicUsize::new(usize::MAX)),
            counts_answers_only: Arc::default(),
            kind: Arc::new(Mutex::new(Kind::Calling)),
        }
    }

    /// Panics at a call, counted from 1.
    pub(crate) fn panic_at(&self, call: usize, kind: Kind) {
        *self.kind.lock().expect("not poisoned") = kind;
        self.calls_until_panic.store(call, Ordering::Relaxed);
    }

    /// Panics at an answer.
    pub(crate) fn panic_at_answer(&self, kind: Kind) {
        self.counts_answers_only.store(true, Ordering::Relaxed);
        self.panic_at(1, kind);
    }

    /// Panics no more. Returns whether it did.
    pub(crate) fn mend(&self) -> bool {
        self.calls_until_panic.swap(usize::MAX, Ordering::Relaxed) > usize::MAX / 2
    }
}

fn quoting(request: &HttpRequest) -> String {
    let headers: Vec<_> = request.headers().iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("a planted defect at {} {:?}", request.uri(), headers.join("\n"))
}

impl HttpConnector for Defective {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let counts = !self.counts_answers_only.load(Ordering::Relaxed) || request.method() == "PUT";
        if !counts || self.calls_until_panic.fetch_sub(1, Ordering::Relaxed) != 1 {
            return self.inner.call(request);
        }
        let message = quoting(&request);
        let kind = *self.kind.lock().expect("not poisoned");
        match kind {
            Kind::Calling => std::panic::panic_any(message),
            Kind::Polling => HttpConnectorFuture::new(async move { std::panic::panic_any(message) }),
            Kind::Replied => {
                let reply = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    drop(reply.await);
                    std::panic::panic_any(message)
                })
            }
        }
    }
}

fn requests() -> Vec<Request> {
    let tags = json!([{"Key": "team", "Value": "ml"}]);
    vec![
        create(),
        create().with("VariantName", json!("MyOtherVariant")),
        update().with("Tags", tags.clone()),
        update().with_old("Tags", tags),
        update().with("MinCapacity", json!("x")),
        delete(),
        update().field("RequestType", json!("Foo")),
    ]
}

/// Row P1: panic anywhere in the work. Row 2: a panic is no silence.
#[tokio::test]
async fn a_panic_at_any_exchange_is_an_answer() {
    let defective = Defective::new();
    let stage = Stage::with(SharedHttpConnector::new(defective.clone())).await;
    let mut panics = 0;
    for kind in [Kind::Calling, Kind::Polling, Kind::Replied] {
        for request in requests() {
            for call in 1.. {
                if request.0["RequestType"] != "Create" {
                    stage.succeed(update()).await;
                }
                defective.panic_at(call, kind);
                let answer = stage.answer(request.clone(), AMPLE).await;
                let reached = defective.mend();
                let reason = answer["Reason"].as_str().unwrap_or_default();
                if reason.contains("panicked") {
                    assert!(reason.contains("while calling ") && reason.contains("a planted defect at "), "{reason}");
                }
                // The same process serves what comes next, and cleans up by the id that it was told.
                stage.succeed(delete().of(answer["PhysicalResourceId"].as_str().expect("text"))).await;
                assert!(stage.aws.registered().is_empty(), "{kind:?} at {call}: {answer}");
                if !reached {
                    break;
                }
                panics += 1;
            }
        }
    }
    assert!(panics > 50, "{panics}");
}

/// Row P1: a panic while the answer is sent is one more attempt that failed: the same answer is sent again.
#[tokio::test]
async fn a_panic_while_answering_does_not_silence_the_answer() {
    let defective = Defective::new();
    let stage = Stage::with(SharedHttpConnector::new(defective.clone())).await;
    for kind in [Kind::Calling, Kind::Polling, Kind::Replied] {
        defective.panic_at_answer(kind);
        assert_eq!(stage.succeed(create()).await, ID);
        assert!(defective.mend(), "it panicked");
        stage.succeed(delete()).await;
    }
}

/// Logs nothing, and breaks at it.
#[derive(Debug)]
struct BrokenLog;

impl<S: tracing::Subscriber> Layer<S> for BrokenLog {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let ours = event.metadata().target().starts_with("sagemaker_scaling");
        assert!(!ours, "X-Amz-Signature=5b1f0c1de4f6canarysignature");
    }
}

/// Row P1: a panic where nothing is left to answer fails the invocation, in words of ours.
#[tokio::test]
async fn a_panic_outside_of_the_work_fails_the_invocation_and_is_not_quoted() {
    let stage = Stage::new().await;
    for payload in [stage.addressed(create()).0.to_string(), "nonsense".to_owned()] {
        let deadline = Deadline::new(SystemTime::now() + Duration::from_secs(5));
        let broken = tracing_subscriber::registry().with(BrokenLog);
        let outcome = stage.handle(&payload, deadline).with_subscriber(broken).await;
        let error = outcome.expect_err("it panicked");
        assert!(matches!(error, Unanswered::Panicked), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
    assert_eq!(stage.succeed(update()).await, ID);
}
