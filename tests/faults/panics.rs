//! A panic at every exchange. The same process serves the requests that follow.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::json;
use test_support::account::Account as _;
use test_support::function::{Deadline, Unanswered, shipped_connector};
use test_support::request::{ID, Request, create, delete, update};
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::support::stage::{AMPLE, Stage};

/// The shipped connector with a defect: a panic whose message quotes the whole request.
#[derive(Clone, Debug)]
pub(crate) struct Defective {
    inner: SharedHttpConnector,
    calls_until_panic: Arc<AtomicUsize>,
    counts_answers_only: Arc<AtomicBool>,
    kind: Arc<Mutex<Kind>>,
}

/// Where a call panics.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Before it returns a future.
    Calling,
    /// While the future is polled.
    Polling,
    /// After the reply, when the call has taken effect.
    Replied,
}

impl Defective {
    pub(crate) fn new() -> Self {
        Self {
            inner: shipped_connector(),
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

    /// Panics at the next PUT of an answer.
    pub(crate) fn panic_at_answer(&self, kind: Kind) {
        self.counts_answers_only.store(true, Ordering::Relaxed);
        self.panic_at(1, kind);
    }

    /// Stops panicking. Returns whether it has panicked.
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

pub(crate) async fn a_panic_at_any_exchange_is_answered() {
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
                // The same process serves the Delete that follows, which cleans up by the id of the answer.
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

pub(crate) async fn an_answer_is_sent_again_after_a_panic_while_it_is_sent() {
    let defective = Defective::new();
    let stage = Stage::with(SharedHttpConnector::new(defective.clone())).await;
    for kind in [Kind::Calling, Kind::Polling, Kind::Replied] {
        defective.panic_at_answer(kind);
        assert_eq!(stage.succeed(create()).await, ID);
        assert!(defective.mend(), "the connector panicked");
        stage.succeed(delete()).await;
    }
}

/// A log that panics at every event of the function.
#[derive(Debug)]
struct BrokenLog;

impl<S: tracing::Subscriber> Layer<S> for BrokenLog {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let of_the_function = event.metadata().target().starts_with("sagemaker_scaling");
        assert!(!of_the_function, "X-Amz-Signature=5b1f0c1de4f6canarysignature");
    }
}

pub(crate) async fn a_panic_outside_the_work_fails_the_invocation_without_its_message() {
    let stage = Stage::new().await;
    for payload in [stage.addressed(create()).0.to_string(), "nonsense".to_owned()] {
        let deadline = Deadline::new(SystemTime::now() + Duration::from_secs(5));
        let broken = tracing_subscriber::registry().with(BrokenLog);
        let outcome = stage.handle(&payload, deadline).with_subscriber(broken).await;
        let error = outcome.expect_err("the connector panicked");
        assert!(matches!(error, Unanswered::Panicked), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
    assert_eq!(stage.succeed(update()).await, ID);
}
