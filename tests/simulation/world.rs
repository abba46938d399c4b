//! Everything outside the function, behind one HTTP connector: the local AWS with lag and faults, and CloudFormation's
//! record and response URL.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use local_aws::LocalAws;
use serde_json::json;
use test_support::function::{ACCOUNT, Deadline, REGION};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::common::clock::Clock;
use crate::common::invocation::{Sent, is_hand_over};
use crate::common::trouble::Kind;
use crate::history::{ENDPOINTS, History, Trouble, VARIANTS};
use crate::inbox::Request;
use crate::lambda::Lambda;

tokio::task_local! {
    /// The current invocation of the function.
    pub(crate) static INVOCATION: Arc<Invocation>;
}

/// One invocation of the function.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) lambda: Lambda,
    /// The request that it was invoked with, an index into `State::requests`.
    pub(crate) request: usize,
    pub(crate) deadline: Deadline,
    /// Notified when the function is to be killed.
    pub(crate) killed: Notify,
    pub(crate) sent: Mutex<Sent>,
    pub(crate) read: Mutex<Option<Read>>,
    /// When CloudFormation last said that it waits, in seconds since the epoch.
    pub(crate) fresh_at: Mutex<Option<f64>>,
    /// Whether its last request for CloudFormation's record was cut off.
    pub(crate) has_no_record: AtomicBool,
    /// Whether its last call met trouble.
    pub(crate) met_trouble: AtomicBool,
}

/// A stack id and a logical id.
pub(crate) type Owner = (String, String);

/// The owner of a target when the function last read it.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) target: usize,
    pub(crate) owner: Option<(String, String)>,
    pub(crate) at: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct World(Arc<Mutex<State>>);

/// CloudFormation's record of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) status: &'static str,
    pub(crate) id: String,
    /// In seconds since the epoch.
    pub(crate) changed: f64,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) aws: LocalAws,
    pub(crate) clock: Clock,
    pub(crate) lag: f64,
    jitter: u64,
    troubles: Vec<Trouble>,
    pub(crate) exchanges: u32,
    /// When each target was last registered after it had not been.
    pub(crate) registered_at: BTreeMap<usize, f64>,
    /// The requests that registered these targets, by ARN.
    pub(crate) made_by: BTreeMap<String, usize>,
    /// By stack id and logical id.
    pub(crate) records: BTreeMap<(String, &'static str), Vec<Record>>,
    pub(crate) requests: Vec<Request>,
    /// How many deliveries are due or in progress, by stack id, logical id and request type.
    pub(crate) open: BTreeMap<(String, &'static str, &'static str), u32>,
    /// The requests of the invocations in progress.
    pub(crate) running: Vec<usize>,
    /// Targets that were deregistered by hand, or with their endpoint, since their owner last registered them.
    pub(crate) deregistered_by_hand: BTreeSet<(usize, Owner)>,
    /// Targets that were registered by hand, and their maximum capacity.
    pub(crate) by_hand: BTreeMap<usize, u64>,
    /// Targets that CloudFormation itself has left behind, which is a documented limit.
    pub(crate) excused: BTreeSet<usize>,
    /// The ARNs of targets that a late Create could not undo, which is a documented limit.
    pub(crate) left: BTreeSet<String>,
    /// Targets that changed between a read and a call, which is a documented limit, too.
    pub(crate) windows: BTreeSet<usize>,
    /// The requests whose answers CloudFormation waits for.
    pub(crate) waiting: BTreeSet<usize>,
    pub(crate) violations: Vec<String>,
    pub(crate) crashes: u32,
    /// The events, for the report of a violation.
    pub(crate) events: Vec<String>,
}

/// The services at the beginning of each history: two endpoints, and three configurations for each.
static INITIAL: LazyLock<LocalAws> = LazyLock::new(|| {
    let mut aws = LocalAws::new(ACCOUNT, REGION, "aws");
    aws.record_calls(0);
    for endpoint in ENDPOINTS {
        for (kind, instance_type) in [("a", "ml.m5.large"), ("b", "ml.m5.large"), ("c", "ml.m5.xlarge")] {
            let variants = VARIANTS.map(|name| {
                json!({"VariantName": name, "ModelName": kind, "InstanceType": instance_type, "InitialInstanceCount": 1})
            });
            let config = json!({"EndpointConfigName": format!("{endpoint}-{kind}"), "ProductionVariants": variants});
            aws.call("SageMaker.CreateEndpointConfig", &config, 0.0).expect("a valid configuration");
        }
        let input = json!({"EndpointName": endpoint, "EndpointConfigName": format!("{endpoint}-a")});
        aws.call("SageMaker.CreateEndpoint", &input, 0.0).expect("a valid endpoint");
    }
    aws
});

impl World {
    pub(crate) fn new(history: &History) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
        let lag = history.lag_ms as f64 / 1e3;
        Self(Arc::new(Mutex::new(State {
            aws: INITIAL.clone(),
            clock: Clock::start(),
            lag,
            jitter: history.jitter,
            troubles: history.troubles.clone(),
            exchanges: 0,
            registered_at: BTreeMap::new(),
            made_by: BTreeMap::new(),
            records: BTreeMap::new(),
            requests: Vec::new(),
            open: BTreeMap::new(),
            running: Vec::new(),
            deregistered_by_hand: BTreeSet::new(),
            by_hand: BTreeMap::new(),
            excused: BTreeSet::new(),
            left: BTreeSet::new(),
            windows: BTreeSet::new(),
            waiting: BTreeSet::new(),
            violations: Vec::new(),
            crashes: 0,
            events: Vec::new(),
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("not poisoned")
    }
}

/// Connects each call to the world of the invocation that makes it.
#[derive(Clone, Debug)]
pub(crate) struct Connector;

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let invocation = INVOCATION.get();
        HttpConnectorFuture::new(async move {
            let (status, body) = exchange(&invocation, &request).await?;
            Ok(HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body)))
        })
    }
}

async fn exchange(invocation: &Invocation, http: &HttpRequest) -> Result<(u16, String), ConnectorError> {
    let (put, hands_over) = (http.method() == "PUT", is_hand_over(http));
    let form = if hands_over { "Lambda.Invoke" } else { "CloudFormation.DescribeStackResource" };
    let target = http.headers().get("x-amz-target").unwrap_or(form).to_owned();
    let body = http.body().bytes().expect("a body in memory");
    let (way, trouble) = invocation.lambda.world.state().next_exchange(put, &target);
    let fresh = invocation.lambda.world.state().is_waiting(invocation.request);
    let operation = if put { "PUT" } else { target.rsplit('.').next().unwrap_or_default() };
    let request = invocation.request;
    let asks = operation == "DescribeStackResource";
    if asks {
        invocation.has_no_record.store(true, Ordering::Relaxed);
    }
    if !put {
        invocation.met_trouble.store(trouble.is_some(), Ordering::Relaxed);
    }
    if let Some(trouble) = trouble {
        invocation.lambda.world.state().record_event(format_args!("  {request}: {operation} meets {trouble:?}"));
    }
    sleep(way / 2).await;
    if let Some(Kind::Crash { after_effect: false }) = trouble {
        invocation.die().await;
    }
    if let Some(reply) = trouble.and_then(|trouble| trouble.before_effect(put)) {
        return reply;
    }
    let reply = {
        let mut state = invocation.lambda.world.state();
        if put {
            let body = std::str::from_utf8(body).expect("an answer is UTF-8");
            state.record_event(format_args!("  {request}: PUT {body}"));
            state.take_answer(invocation, body);
            (200, String::new())
        } else if hands_over {
            let payload = std::str::from_utf8(body).expect("a payload is UTF-8");
            state.record_event(format_args!("  {request}: hands over"));
            drop(state);
            invocation.lambda.continue_with(request, payload);
            (202, String::new())
        } else {
            let reply = state.call(invocation, fresh, &target, body);
            // Waiting for an endpoint reads it often, and each reply is long and the same.
            if operation != "DescribeEndpoint" {
                let (status, said) = (reply.0, &reply.1[..reply.1.floor_char_boundary(400)]);
                state.record_event(format_args!("  {request}: {operation} -> {status} {said}"));
            }
            reply
        }
    };
    if let Some(Kind::Crash { after_effect: true }) = trouble {
        invocation.die().await;
    }
    if let Some(trouble) = trouble
        && let Some(reply) = trouble.after_effect(put || hands_over, reply.0).await
    {
        return reply;
    }
    sleep(way / 2).await;
    if asks {
        invocation.has_no_record.store(false, Ordering::Relaxed);
    }
    if put {
        invocation.sent.lock().expect("not poisoned").taken += 1;
    }
    if hands_over {
        invocation.sent.lock().expect("not poisoned").handed_over += 1;
    }
    Ok(reply)
}

impl Invocation {
    async fn die(&self) {
        {
            let mut state = self.lambda.world.state();
            if state.made_by.values().any(|made| *made == self.request) && !state.is_waiting(self.request) {
                // Documented limit: killed between a registration and the freshness check that follows.
                state.excuse(self.request);
            }
        }
        self.killed.notify_one();
        std::future::pending().await
    }
}

impl State {
    pub(crate) fn now(&self) -> f64 {
        self.clock.now()
    }

    /// Records an event.
    pub(crate) fn record_event(&mut self, what: impl std::fmt::Display) {
        self.events.push(self.clock.line(what));
    }

    pub(crate) fn violation(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.record_event(format_args!("VIOLATION: {what}"));
        self.violations.push(what);
    }

    /// How long the next exchange takes, and what goes wrong with it.
    fn next_exchange(&mut self, put: bool, target: &str) -> (Duration, Option<Kind>) {
        let number = self.exchanges;
        self.exchanges += 1;
        let mixed = (self.jitter ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // The function's jitter depends on the history alone, and not on the random numbers that the SDK consumes.
        fastrand::seed(mixed);
        let mut way = Duration::from_millis(4 + (mixed >> 32) % 80);
        let planned = self.troubles.iter().find(|planned| (planned.at..planned.at + planned.times).contains(&number));
        let is_freshness_check = !put && target.starts_with("CloudFormation");
        let kind = Kind::of(planned.map(|planned| planned.kind), is_freshness_check);
        way += kind.map(Kind::delay).unwrap_or_default();
        self.crashes += u32::from(matches!(kind, Some(Kind::Crash { .. })));
        (way, kind)
    }
}
