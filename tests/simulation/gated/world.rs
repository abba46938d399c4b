//! Everything outside the function, behind one HTTP connector: the local AWS with faults and late reads, and
//! CloudFormation's record and response URL.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use local_aws::{Fault, LocalAws};
use serde_json::{Value, json};
use test_support::function::{ACCOUNT, Deadline, REGION};
use test_support::stack_resource;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::history::{Config, History, NATIVES, Reads, Trouble, resource_id};
use super::lambda::Lambda;
use super::ledger::Ledger;
use super::request::Request;
use crate::common::clock::Clock;
use crate::common::invocation::{Sent, is_hand_over};
use crate::common::trouble::Kind;

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

/// A broken invariant.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// Which one.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// A registered target, as far as the checks of each call need it.
#[derive(Clone, Debug)]
pub(crate) struct Shadow {
    pub(crate) arn: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// When it was registered.
    pub(crate) since: f64,
    /// When its tags changed last.
    pub(crate) tagged: f64,
    /// The request that registered it.
    pub(crate) made_by: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) aws: LocalAws,
    pub(crate) clock: Clock,
    jitter: u64,
    pub(crate) record_lag: f64,
    reads: Reads,
    troubles: Vec<Trouble>,
    /// Whether the first deployment is over, and things may go wrong.
    pub(crate) is_set_up: bool,
    /// Exchanges since then, and how many of them change something.
    pub(crate) exchanges: u32,
    changes: u32,
    /// Earlier states of the services, each with the time of the change that ended it.
    past: VecDeque<(f64, LocalAws)>,
    /// The registered variants.
    pub(crate) shadows: [Option<Shadow>; 3],
    /// By the name of the configuration.
    pub(crate) configs: BTreeMap<String, Config>,
    /// By stack id and logical id.
    pub(crate) records: BTreeMap<(String, &'static str), Vec<Record>>,
    pub(crate) requests: Vec<Request>,
    /// How many deliveries are due or in progress, by stack id, logical id and request type.
    pub(crate) open: BTreeMap<(String, &'static str, &'static str), u32>,
    /// The requests of the invocations in progress.
    pub(crate) running: Vec<usize>,
    /// The requests whose answers CloudFormation waits for.
    pub(crate) waiting: BTreeSet<usize>,
    /// When CloudFormation stopped waiting for a request without an answer, in seconds since the epoch.
    pub(crate) cancelled: BTreeMap<usize, f64>,
    /// When a stack updated the endpoint last, in seconds since the epoch.
    pub(crate) endpoint_updated: f64,
    pub(crate) ledger: Ledger,
    /// Variants to which documented limits apply, and which.
    pub(crate) excused: [BTreeSet<&'static str>; 3],
    /// Documented limits that apply to no target for good, and how often.
    pub(crate) limits: BTreeMap<&'static str, u64>,
    /// Invariants that are known to be broken, and are limits in this run.
    accepted: &'static [&'static str],
    pub(crate) violations: Vec<Violation>,
    pub(crate) crashes: u32,
    /// The events, if they are wanted.
    pub(crate) events: Option<Vec<String>>,
    digest: DefaultHasher,
}

impl World {
    pub(crate) fn new(history: &History, with_events: bool) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
        let record_lag = history.record_lag as f64 / 1e3;
        Self(Arc::new(Mutex::new(State {
            aws: LocalAws::new(ACCOUNT, REGION, "aws"),
            clock: Clock::start(),
            jitter: history.jitter,
            record_lag,
            reads: history.reads,
            troubles: history.troubles.clone(),
            is_set_up: false,
            exchanges: 0,
            changes: 0,
            past: VecDeque::new(),
            shadows: [const { None }; 3],
            configs: BTreeMap::new(),
            records: BTreeMap::new(),
            requests: Vec::new(),
            open: BTreeMap::new(),
            running: Vec::new(),
            waiting: BTreeSet::new(),
            cancelled: BTreeMap::new(),
            endpoint_updated: 0.0,
            ledger: Ledger::default(),
            excused: [const { BTreeSet::new() }; 3],
            limits: BTreeMap::new(),
            accepted: super::accepted(),
            violations: Vec::new(),
            crashes: 0,
            events: with_events.then(Vec::new),
            digest: DefaultHasher::new(),
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
    let target = http.headers().get("x-amz-target").unwrap_or(form);
    let operation = if put { "PUT" } else { target.rsplit('.').next().unwrap_or_default() };
    let body = http.body().bytes().expect("a body in memory");
    let request = invocation.request;
    let (way, trouble) = invocation.lambda.world.state().next_exchange(request, operation);
    let was_awaited = invocation.lambda.world.state().waiting.contains(&request);
    if let Some(trouble) = trouble {
        let mut state = invocation.lambda.world.state();
        state.tell(|| format!("  {request}: {operation} meets {trouble:?}"));
        if trouble == Kind::Denied {
            state.note_denied(request, body);
        }
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
            state.tell(|| format!("  {request}: PUT {body}"));
            state.take_answer(invocation, body);
            (200, String::new())
        } else if hands_over {
            let payload = std::str::from_utf8(body).expect("a payload is UTF-8");
            state.tell(|| format!("  {request}: hands over"));
            drop(state);
            invocation.lambda.continue_with(request, payload);
            (202, String::new())
        } else {
            state.call(request, was_awaited, target, operation, body)
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
        self.killed.notify_one();
        std::future::pending().await
    }
}

impl State {
    pub(crate) fn now(&self) -> f64 {
        self.clock.now()
    }

    /// Records an event, if events are wanted.
    pub(crate) fn tell<T: Display>(&mut self, what: impl FnOnce() -> T) {
        if let Some(events) = &mut self.events {
            events.push(self.clock.line(what()));
        }
    }

    pub(crate) fn violation(&mut self, kind: &'static str, text: impl Into<String>) {
        let text = text.into();
        if self.accepted.contains(&kind) {
            self.excuse_all(kind);
            return;
        }
        self.tell(|| format!("VIOLATION ({kind}): {text}"));
        self.violations.push(Violation { kind, text });
    }

    /// Excludes a variant from the checks at the end, by the name of a documented limit.
    pub(crate) fn excuse(&mut self, variant: usize, limit: &'static str) {
        if self.excused[variant].insert(limit) {
            self.tell(|| format!("EXCUSED {variant}: {limit}"));
        }
    }

    pub(crate) fn excuse_all(&mut self, limit: &'static str) {
        (0..3).for_each(|variant| self.excuse(variant, limit));
    }

    /// A digest of the exchanges and answers.
    pub(crate) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// How long the next exchange takes, and what goes wrong with it.
    fn next_exchange(&mut self, request: usize, operation: &str) -> (Duration, Option<Kind>) {
        (request, operation, self.clock.elapsed()).hash(&mut self.digest);
        // The function's jitter depends on the history alone, and not on the random numbers that the SDK consumes.
        fastrand::seed(self.draw(7));
        let mut way = Duration::from_millis(4 + self.draw(0) % 80);
        if !self.is_set_up {
            self.exchanges += 1;
            return (way, None);
        }
        let changes = is_change(operation) || operation == "PUT";
        let (all, changing) = (self.exchanges - self.ledger.exchanges_before, self.changes);
        self.exchanges += 1;
        self.changes += u32::from(changes);
        let planned = self.troubles.iter().find(|planned| {
            let number = if planned.changes { changing } else { all };
            (changes || !planned.changes) && (planned.at..planned.at + planned.times).contains(&number)
        });
        let kind = Kind::of(planned.map(|planned| planned.kind), operation == "DescribeStackResource");
        way += kind.map(Kind::delay).unwrap_or_default();
        self.crashes += u32::from(matches!(kind, Some(Kind::Crash { .. })));
        (way, kind)
    }

    /// A random number for this exchange.
    fn draw(&self, salt: u64) -> u64 {
        let mixed = (self.jitter ^ (u64::from(self.exchanges) << 8) ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32
    }

    /// Replies to a call of the function.
    fn call(&mut self, request: usize, was_awaited: bool, target: &str, operation: &str, body: &[u8]) -> (u16, String) {
        if operation == "DescribeStackResource" {
            let reply = self.describe_stack_resource(&String::from_utf8_lossy(body));
            self.tell(|| format!("  {request}: {operation} -> {}", reply.1));
            return reply;
        }
        let input: Value = serde_json::from_slice(body).expect("the function sends JSON");
        let answer = match self.late(target) {
            Some(seen_at) if !is_change(operation) => self.past_at(seen_at, target, &input),
            Some(seen_at) if self.is_not_visible(operation, &input, seen_at) => {
                let code = if operation.starts_with("Put") { "ObjectNotFound" } else { "ResourceNotFound" };
                return (400, json!({"__type": format!("{code}Exception"), "Message": "not yet"}).to_string());
            }
            _ => None,
        };
        let is_late = answer.is_some();
        let answer = match answer {
            Some(answer) => answer,
            None if is_change(operation) => {
                self.note_late_change(request, was_awaited, operation);
                self.change(Some(request), target, &input)
            }
            None => {
                let now = self.now();
                self.aws.call(target, &input, now)
            }
        };
        self.tell(|| {
            let late = if is_late { " (late)" } else { "" };
            let said = match &answer {
                Ok(output) => output.to_string().chars().take(300).collect::<String>(),
                Err(fault) => fault.to_string(),
            };
            let about = input["ResourceId"].as_str().or_else(|| input["Name"].as_str()).unwrap_or_default();
            format!("  {request}: {operation} {about}{late} -> {said}")
        });
        match answer {
            Ok(output) => (200, output.to_string()),
            Err(fault) => (fault.status, fault.body().to_string()),
        }
    }

    /// The time whose state this read shows, if it is late.
    fn late(&self, target: &str) -> Option<f64> {
        let lag = match target.split('.').next() {
            Some("AnyScaleFrontendService") => self.reads.targets,
            Some("AmazonSSM") => self.reads.parameters,
            _ => 0,
        };
        if lag == 0 || !self.is_set_up || self.past.is_empty() {
            return None;
        }
        let lag = match self.draw(1) % 4 {
            0 | 1 if self.reads.mixed => return None,
            2 if self.reads.mixed => self.draw(2) % lag,
            _ => lag,
        };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
        let seen_at = self.now() - lag as f64 / 1e3;
        Some(seen_at)
    }

    fn past_at(&mut self, seen_at: f64, target: &str, input: &Value) -> Option<Result<Value, Fault>> {
        let now = self.now();
        let (_, state) = self.past.iter_mut().find(|(ended, _)| *ended > seen_at)?;
        let answer = state.call(target, input, now);
        state.forget_calls();
        Some(answer)
    }

    /// Whether a change meets a server on which its target is not registered yet.
    fn is_not_visible(&self, operation: &str, input: &Value, seen_at: f64) -> bool {
        matches!(operation, "PutScalingPolicy" | "PutScheduledAction" | "TagResource" | "UntagResource")
            && self
                .variant_of(input)
                .and_then(|variant| self.shadows[variant].as_ref())
                .is_some_and(|shadow| shadow.since > seen_at)
    }

    /// Makes a call that changes something, and keeps what the checks need. `request`: the request of the function.
    pub(crate) fn change(&mut self, request: Option<usize>, target: &str, input: &Value) -> Result<Value, Fault> {
        let now = self.now();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let longest = self.reads.targets.max(self.reads.parameters);
        let before = (longest > 0 && self.is_set_up).then(|| self.aws.clone());
        let answer = self.aws.call(target, input, now);
        self.aws.forget_calls();
        let Ok(output) = &answer else { return answer };
        if request.is_none() {
            // Documented limit: what somebody changed a moment ago may not be in a snapshot.
            self.past.clear();
        } else if let Some(before) = before {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
            let oldest = now - longest as f64 / 1e3;
            while self.past.front().is_some_and(|(ended, _)| *ended < oldest) {
                self.past.pop_front();
            }
            self.past.push_back((now, before));
        }
        if let (Some(request), "PutParameter") = (request, operation) {
            self.note_snapshot(request, input);
        }
        let variant = self.variant_of(input);
        if let (Some(request), Some(variant)) = (request, variant) {
            self.check_change(request, operation, input, variant);
            self.ledger.changed[variant] = Some((now, self.requests[request].stack_id.clone()));
        }
        self.follow(request, operation, input, output, variant);
        answer
    }

    /// Keeps the shadows up to date.
    fn follow(
        &mut self,
        request: Option<usize>,
        operation: &str,
        input: &Value,
        output: &Value,
        variant: Option<usize>,
    ) {
        let now = self.now();
        if operation == "DeleteEndpoint" {
            self.shadows = [const { None }; 3];
        }
        let Some(variant) = variant else { return };
        let shadow = &mut self.shadows[variant];
        match operation {
            "RegisterScalableTarget" => {
                let arn = output["ScalableTargetARN"].as_str().unwrap_or_default();
                if shadow.as_ref().is_none_or(|shadow| shadow.arn != arn) {
                    let tags = serde_json::from_value(input["Tags"].clone()).unwrap_or_default();
                    *shadow = Some(Shadow { arn: arn.to_owned(), tags, since: now, tagged: now, made_by: request });
                }
            }
            "DeregisterScalableTarget" => *shadow = None,
            "TagResource" => {
                if let (Some(shadow), Some(tags)) = (shadow, input["Tags"].as_object()) {
                    let tags = tags.iter().map(|(key, tag)| (key.clone(), tag.as_str().unwrap_or_default().to_owned()));
                    shadow.tags.extend(tags);
                    shadow.tagged = now;
                }
            }
            "UntagResource" => {
                if let (Some(shadow), Some(keys)) = (shadow, input["TagKeys"].as_array()) {
                    keys.iter().filter_map(Value::as_str).for_each(|key| drop(shadow.tags.remove(key)));
                    shadow.tagged = now;
                }
            }
            _ => {}
        }
    }

    /// The variant that a call names by its id or by the ARN of its target.
    pub(crate) fn variant_of(&self, input: &Value) -> Option<usize> {
        if let Some(id) = input["ResourceId"].as_str() {
            return (0..3).find(|variant| resource_id(*variant) == id);
        }
        let arn = input["ResourceARN"].as_str()?;
        (0..3).find(|variant| self.shadows[*variant].as_ref().is_some_and(|shadow| shadow.arn == arn))
    }

    /// Calls a service by hand, or for CloudFormation.
    pub(crate) fn by_hand(&mut self, target: &str, input: &Value) -> Result<Value, Fault> {
        if is_change(target.rsplit('.').next().unwrap_or_default()) {
            return self.change(None, target, input);
        }
        let now = self.now();
        self.aws.call(target, input, now)
    }

    pub(crate) fn has_late_reads(&self) -> bool {
        self.reads.targets > 0 || self.reads.parameters > 0
    }

    pub(crate) fn has_slow_calls(&self) -> bool {
        self.troubles.iter().any(|trouble| matches!(trouble.kind, Kind::Slow(_)))
    }

    /// How late a read of a target may be, in seconds.
    pub(crate) fn latest_read(&self) -> f64 {
        Duration::from_millis(self.reads.targets).as_secs_f64()
    }

    /// How late a read of a parameter may be, in seconds.
    pub(crate) fn latest_parameter_read(&self) -> f64 {
        Duration::from_millis(self.reads.parameters).as_secs_f64()
    }

    /// CloudFormation's record, which lags.
    fn describe_stack_resource(&self, form: &str) -> (u16, String) {
        let visible = self.now() - self.record_lag;
        if form.starts_with("Action=DescribeStackResources&") {
            let (asked, of_stack) = (stack_resource::asked_id(form), stack_resource::asked_stack(form));
            let mut found = self.records.iter().filter_map(|((stack, logical), records)| {
                let last = records.iter().rev().find(|record| record.changed <= visible)?;
                let is_asked =
                    asked.as_ref() == Some(&last.id) || of_stack.as_ref() == Some(stack) && *logical == "Gate";
                let is_shown = (NATIVES.contains(logical) || *logical == "Gate") && last.status != "DELETE_COMPLETE";
                (is_shown && is_asked).then_some((stack, logical, &last.id))
            });
            // Assumed (belief stack-of-resource): of several stacks with a resource of this id, any is shown.
            let found = if self.exchanges.is_multiple_of(2) { found.next() } else { found.next_back() };
            return match found {
                Some((stack, logical, id)) => {
                    let is_gate = *logical == "Gate";
                    let kind = if is_gate { stack_resource::UPDATE_GATE } else { stack_resource::NATIVE_TARGET };
                    (200, stack_resource::resources(stack, logical, kind, id))
                }
                None => (400, stack_resource::unknown_stack()),
            };
        }
        let field = |name: &str| form.split('&').find_map(|field| field.strip_prefix(name)).unwrap_or_default();
        let stack_id = field("StackName=").replace("%3A", ":").replace("%2F", "/");
        let logical_id = field("LogicalResourceId=");
        let mut records = self.records.iter();
        let records = records.find(|((stack, logical), _)| *stack == stack_id && *logical == logical_id);
        let records = records.map(|(_, records)| records);
        match records.and_then(|records| records.iter().rev().find(|record| record.changed <= visible)) {
            Some(Record { status, id, changed }) => {
                let changed = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(*changed);
                (200, stack_resource::described(status, id, Some(changed)))
            }
            None => (400, stack_resource::unknown_resource()),
        }
    }
}

/// Whether an operation of a service changes something that the function reads.
fn is_change(operation: &str) -> bool {
    matches!(
        operation,
        "DeleteEndpoint"
            | "DeleteParameter"
            | "DeleteScalingPolicy"
            | "DeleteScheduledAction"
            | "DeregisterScalableTarget"
            | "PutParameter"
            | "PutScalingPolicy"
            | "PutScheduledAction"
            | "RegisterScalableTarget"
            | "TagResource"
            | "UntagResource"
    )
}
