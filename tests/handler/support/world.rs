//! The local AWS and CloudFormation behind one HTTP connector: no sockets, and virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use local_aws::{Fault, LocalAws, query};
use serde_json::{Value, json};
use test_support::account::{Account, forget_identity};
use test_support::function::{
    ACCOUNT, Deadline, FUNCTION_ARN, MAX_BODY_BYTES, REGION, Services, Unanswered, bare_services, handle, services,
};
use test_support::request::Request;
use test_support::{Crash, stack_resource};
use tokio::time::{Instant, sleep};

/// How an exchange goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// The reply never arrives. A call to AWS takes effect.
    Hang,
    /// The connection breaks after the request took effect.
    ResetAfter,
    /// The connection breaks before the request took effect.
    ResetBefore,
    /// This status; the request takes no effect.
    Status(u16),
    /// A success with an empty body.
    Empty,
    /// A reply that is not JSON.
    Garbage,
    /// The function panics while it calls.
    Panic,
    /// A success with this body.
    Reply(&'static str),
}

/// Calls of somebody else at the worst moment.
#[derive(Debug)]
struct Intervention {
    operation: String,
    skipped: u32,
    calls: Vec<(&'static str, Value)>,
}

/// Everything outside the function.
#[derive(Clone, Debug)]
pub(crate) struct World(Arc<Mutex<State>>);

/// The connections of one invocation.
#[derive(Clone, Debug)]
struct Connections {
    world: World,
    /// Whether the invocation was killed.
    is_dead: Arc<AtomicBool>,
}

#[derive(Debug)]
struct State {
    aws: LocalAws,
    epoch: Instant,
    /// The time of the machine then.
    began: SystemTime,
    calls: Vec<(String, Value)>,
    answers: Vec<Value>,
    puts: u32,
    call_troubles: Vec<(String, Trouble)>,
    interventions: Vec<Intervention>,
    exchanges: u32,
    crash: Option<Crash>,
    put_troubles: VecDeque<Trouble>,
    /// CloudFormation's record of every resource: status and physical id. `None`: see the stacks of the local AWS.
    record: Option<(&'static str, String)>,
    /// The status that each DescribeStackResource whose request contains a text returns.
    record_of: Option<(&'static str, &'static str)>,
    /// How long ago the record changed, if it has a time.
    record_changed: Option<Duration>,
    record_before: Option<(&'static str, &'static str, String)>,
    /// The asynchronous invocations that the function has requested and that have not begun: its ARN and payload.
    invoked: VecDeque<(String, String)>,
    /// How many invocations there were.
    invocations: u32,
    /// Whether calls are neither signed nor sent through the SDK's runtime, which takes most of their time.
    is_bare: bool,
    /// The native resource that registered each target: stack and logical id.
    native: Option<(&'static str, &'static str)>,
    /// A gate, as CloudFormation knows it: its stack and its physical id.
    gates: Vec<(&'static str, String)>,
    slow: Option<(&'static str, Duration)>,
    slow_reply: Option<(&'static str, Duration)>,
    /// The operations whose reads are late, and by how much.
    late_reads: Option<(&'static [&'static str], Duration)>,
    /// What AWS was until each change, and when that change came.
    past: Vec<(Instant, LocalAws)>,
}

impl World {
    /// A world with one endpoint, `MyEndPoint`, that has the variants `MyVariant` and `MyOtherVariant`.
    pub(crate) fn new() -> Self {
        let state = State {
            aws: LocalAws::new(ACCOUNT, REGION, "aws"),
            epoch: Instant::now(),
            began: SystemTime::now(),
            calls: Vec::new(),
            answers: Vec::new(),
            puts: 0,
            call_troubles: Vec::new(),
            interventions: Vec::new(),
            exchanges: 0,
            crash: None,
            put_troubles: VecDeque::new(),
            record: None,
            record_of: None,
            record_changed: None,
            record_before: None,
            invoked: VecDeque::new(),
            invocations: 0,
            is_bare: false,
            native: None,
            gates: Vec::new(),
            slow: None,
            slow_reply: None,
            late_reads: None,
            past: Vec::new(),
        };
        let world = Self(Arc::new(Mutex::new(state)));
        world.create_endpoint("MyEndPoint", &["MyVariant", "MyOtherVariant"]);
        world
    }

    /// The next calls of an operation fail with an error code of the service.
    pub(crate) fn fail(&self, operation: &str, code: &str, times: u32) {
        let fault = json!({"Operation": operation, "Code": code, "Status": 400, "Message": "injected", "Times": times});
        self.aws("LocalAws.InjectFaults", fault);
    }

    /// The next call of an operation goes wrong. Several are used in order.
    pub(crate) fn trouble(&self, operation: &str, trouble: Trouble) {
        self.state().call_troubles.push((operation.to_owned(), trouble));
    }

    /// Somebody else calls AWS right before a call of an operation, which `skipped` others precede.
    pub(crate) fn before(&self, operation: &str, skipped: u32, calls: &[(&'static str, Value)]) {
        let operation = operation.to_owned();
        self.state().interventions.push(Intervention { operation, skipped, calls: calls.to_vec() });
    }

    /// The next PUT of an answer goes wrong. Several are used in order.
    pub(crate) fn trouble_delivering(&self, trouble: Trouble) {
        self.state().put_troubles.push_back(trouble);
    }

    /// Sets CloudFormation's record of every resource.
    pub(crate) fn on_record(&self, status: &'static str, id: &str) {
        self.state().record = Some((status, id.to_owned()));
    }

    /// Sets the status that each DescribeStackResource whose request contains this text returns, such as the name of a stack.
    pub(crate) fn on_record_of(&self, text: &'static str, status: &'static str) {
        self.state().record_of = Some((text, status));
    }

    /// The same, with a record that changed so many seconds ago.
    pub(crate) fn on_record_for(&self, seconds: u64, status: &'static str, id: &str) {
        self.on_record(status, id);
        self.state().record_changed = Some(Duration::from_secs(seconds));
    }

    /// Whether CloudFormation has a record.
    pub(crate) fn has_record(&self) -> bool {
        self.state().record.is_some()
    }

    /// CloudFormation's record changes right before the next call of an operation takes effect.
    pub(crate) fn on_record_before(&self, operation: &'static str, status: &'static str, id: &str) {
        self.state().record_before = Some((operation, status, id.to_owned()));
    }

    /// CloudFormation knows a gate of a stack with this physical id. Of several with one id, it shows the first.
    pub(crate) fn has_gate(&self, stack: &'static str, id: &str) {
        self.state().gates.push((stack, id.to_owned()));
    }

    /// An alarm goes off later.
    pub(crate) fn trip_alarm_in(&self, time: Duration, alarm: &'static str) {
        let world = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            world.aws("LocalAws.TripAlarm", json!({ "AlarmName": alarm }));
        });
    }

    /// A native resource registered all targets.
    pub(crate) fn on_native(&self, stack: &'static str, logical_id: &'static str) {
        self.state().native = Some((stack, logical_id));
    }

    /// The next call of an operation takes so long until it takes effect.
    pub(crate) fn slow(&self, operation: &'static str, way: Duration) {
        self.state().slow = Some((operation, way));
    }

    /// The reply to the next call of an operation takes so long. The call takes effect at once.
    pub(crate) fn slow_reply(&self, operation: &'static str, way: Duration) {
        self.state().slow_reply = Some((operation, way));
    }

    /// From now on, the function's reads by these operations are eventually consistent: each shows what was so long ago.
    pub(crate) fn read_late(&self, operations: &'static [&'static str], lag: Duration) {
        self.state().late_reads = Some((operations, lag));
    }

    /// All targets with their tags, policies and scheduled actions, without ARNs and times.
    pub(crate) fn picture(&self) -> Value {
        let mut described = BTreeMap::new();
        for mut target in self.tagged_targets() {
            let id = json!({
                "ServiceNamespace": "sagemaker",
                "ResourceId": target["ResourceId"],
                "ScalableDimension": target["ScalableDimension"],
            });
            for kind in ["ScalingPolicies", "ScheduledActions"] {
                target[kind] = self.auto_scaling(&format!("Describe{kind}"), id.clone(), &json!({}))[kind].take();
                target[kind].as_array_mut().expect("a list").iter_mut().for_each(forget_identity);
            }
            forget_identity(&mut target);
            described.insert(id["ResourceId"].to_string() + &id["ScalableDimension"].to_string(), target);
        }
        json!(described)
    }

    /// The operations that the function has called since the last call of this method, in order.
    pub(crate) fn called(&self) -> Vec<String> {
        let operation = |target: String| target.rsplit('.').next().unwrap_or_default().to_owned();
        self.targets_called().into_iter().map(operation).collect()
    }

    /// The same, each with its service in front, such as `SageMaker.DescribeEndpoint`.
    pub(crate) fn targets_called(&self) -> Vec<String> {
        std::mem::take(&mut self.state().calls).into_iter().map(|(target, _)| target).collect()
    }

    /// Waits until the function calls an operation.
    pub(crate) async fn until_called(&self, operation: &str) {
        while !self.called().iter().any(|called| called == operation) {
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// How many PUTs of answers there were.
    pub(crate) fn puts(&self) -> u32 {
        self.state().puts
    }

    /// All answers that were delivered.
    pub(crate) fn all_answers(&self) -> Vec<Value> {
        self.state().answers.clone()
    }

    /// How many answers were delivered.
    pub(crate) fn answers(&self) -> usize {
        self.state().answers.len()
    }

    /// Invokes the function, and kills it at an exchange. Returns whether it reached that exchange.
    pub(crate) async fn crash(&self, request: &Request, crash: Crash) -> bool {
        self.plan_crash(crash);
        drop(tokio::time::timeout(Duration::from_secs(40), self.invoke(&request.0.to_string())).await);
        self.has_crashed()
    }

    /// Kills the invocation that makes this exchange, counted from now.
    pub(crate) fn plan_crash(&self, crash: Crash) {
        let mut state = self.state();
        (state.exchanges, state.crash) = (0, Some(crash));
    }

    /// Whether that exchange was reached. It is no longer planned.
    pub(crate) fn has_crashed(&self) -> bool {
        let mut state = self.state();
        let reached = state.exchanges;
        state.crash.take().is_some_and(|crash| reached >= crash.at)
    }

    /// The function, warm.
    pub(crate) fn services(&self) -> Services {
        let connections = Connections { world: self.clone(), is_dead: Arc::default() };
        let http = SharedHttpConnector::new(connections);
        if self.state().is_bare { bare_services(http) } else { services(http, None) }
    }

    /// From now on, calls are not signed, for tests that make very many.
    pub(crate) fn without_signatures(&self) {
        self.state().is_bare = true;
    }

    /// Invokes the function as Lambda does, with a minute to run.
    pub(crate) async fn invoke(&self, payload: &str) -> Result<(), Unanswered> {
        self.invoke_for(payload, Duration::from_secs(60)).await
    }

    /// Invokes the function as Lambda does.
    pub(crate) async fn invoke_for(&self, payload: &str, timeout: Duration) -> Result<(), Unanswered> {
        self.invoke_as(FUNCTION_ARN, payload, timeout).await
    }

    /// Invokes a function by its ARN, and then as often as the function invokes itself.
    pub(crate) async fn invoke_as(&self, arn: &str, payload: &str, timeout: Duration) -> Result<(), Unanswered> {
        self.invoke_once(arn, payload, timeout).await?;
        while let Some((arn, payload)) = self.next_invocation() {
            self.invoke_once(&arn, &payload, timeout).await?;
        }
        Ok(())
    }

    /// The next asynchronous invocation that the function has requested: ARN and payload.
    pub(crate) fn next_invocation(&self) -> Option<(String, String)> {
        self.state().invoked.pop_front()
    }

    /// Makes one invocation.
    pub(crate) async fn invoke_once(&self, arn: &str, payload: &str, timeout: Duration) -> Result<(), Unanswered> {
        self.state().invocations += 1;
        let now = self.state().date();
        let deadline = Deadline::from_now(now, now + timeout);
        handle(payload, arn, deadline, &self.services()).await.map(drop)
    }

    /// Invokes the function directly, with so long to run, and returns its answer.
    pub(crate) async fn order(&self, order: &Value, timeout: Duration) -> Value {
        let now = self.state().date();
        let deadline = Deadline::from_now(now, now + timeout);
        handle(&order.to_string(), FUNCTION_ARN, deadline, &self.services()).await.expect("an answer")
    }

    /// How many invocations there were since the last call of this method.
    pub(crate) fn invocations(&self) -> u32 {
        std::mem::take(&mut self.state().invocations)
    }

    /// Sends a request and returns the answer to it.
    pub(crate) async fn answer(&self, request: Request) -> Value {
        self.invoke(&request.0.to_string()).await.expect("an answer");
        self.last_answer()
    }

    /// Sends a request that has to succeed.
    pub(crate) async fn succeed(&self, request: Request) -> Value {
        let answer = self.answer(request).await;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        answer
    }

    /// Sends a request that has to fail, and returns the reason and the id.
    pub(crate) async fn refuse(&self, request: Request) -> (String, String) {
        let answer = self.answer(request).await;
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        let text = |name: &str| answer[name].as_str().expect("text").to_owned();
        (text("Reason"), text("PhysicalResourceId"))
    }

    /// The answer that was delivered last.
    pub(crate) fn last_answer(&self) -> Value {
        self.state().answers.last().cloned().expect("an answer was delivered")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("not poisoned")
    }
}

impl Account for World {
    fn call(&self, target: &str, input: &Value) -> Result<Value, Fault> {
        self.state().call_aws(target, input)
    }
}

impl State {
    fn now(&self) -> f64 {
        self.date().duration_since(SystemTime::UNIX_EPOCH).expect("a date of today").as_secs_f64()
    }

    /// The time of the machine, if virtual time were its own.
    fn date(&self) -> SystemTime {
        self.began + self.epoch.elapsed()
    }

    /// How the next exchange of an invocation is killed. An invocation that was killed makes no more exchanges.
    fn next_exchange(&mut self, is_dead: &AtomicBool) -> Option<Crash> {
        if is_dead.load(Ordering::Relaxed) {
            return Some(Crash { at: self.exchanges, after_effect: false });
        }
        self.exchanges += 1;
        let crash = self.crash.filter(|crash| crash.at == self.exchanges)?;
        is_dead.store(true, Ordering::Relaxed);
        Some(crash)
    }

    fn call(&mut self, target: &str, path: &str, body: &[u8]) -> Result<(u16, String), ConnectorError> {
        assert!(is_allowed(target), "the role in template.yaml does not allow {target}");
        let input: Value = match target {
            DESCRIBE_STACK_RESOURCE | DESCRIBE_STACK_RESOURCES | INVOKE => String::from_utf8_lossy(body).into(),
            DESCRIBE_STACKS => query::read_form(&String::from_utf8_lossy(body)).expect("a form").1,
            _ => serde_json::from_slice(body).expect("the function sends JSON"),
        };
        self.calls.push((target.to_owned(), input.clone()));
        let planned = self.call_troubles.iter().position(|(operation, _)| target.ends_with(operation.as_str()));
        let trouble = planned.map(|index| self.call_troubles.remove(index).1);
        match trouble {
            Some(Trouble::ResetBefore) => return Err(reset()),
            Some(Trouble::Status(status)) => return Ok((status, "<html>".to_owned())),
            Some(Trouble::Panic) => panic!("a planted defect"),
            _ => {}
        }
        let planned = self.interventions.iter().position(|planned| target.ends_with(planned.operation.as_str()));
        if let Some(index) = planned {
            if self.interventions[index].skipped > 0 {
                self.interventions[index].skipped -= 1;
            } else {
                for (target, input) in self.interventions.remove(index).calls {
                    self.call_aws(target, &input).expect("an intervention that works");
                }
            }
        }
        if let Some((_, status, id)) = self.record_before.take_if(|(operation, ..)| target.ends_with(*operation)) {
            self.record = Some((status, id));
            self.record_changed = Some(Duration::ZERO);
        }
        let reply = if target == INVOKE {
            let function = path.strip_prefix(FUNCTIONS).and_then(|path| path.strip_suffix("/invocations"));
            let function = function.expect("the path of Invoke").replace("%3A", ":").replace("%24", "$");
            self.invoked.push_back((function, input.as_str().unwrap_or_default().to_owned()));
            Err((202, String::new()))
        } else if target == DESCRIBE_STACK_RESOURCE {
            let form = input.as_str().unwrap_or_default();
            Err(self.describe_stack_resource(form).unwrap_or_else(|| self.query(form)))
        } else if target == DESCRIBE_STACK_RESOURCES {
            let form = input.as_str().unwrap_or_default();
            let asked = stack_resource::asked_id(form).unwrap_or_default();
            let of_stack = stack_resource::asked_stack(form);
            let is_asked = |(stack, id): &&(&str, String)| *id == asked || of_stack.as_deref() == Some(stack);
            let gate = self.gates.iter().find(is_asked);
            Err(match (gate, self.native) {
                (Some((stack, id)), _) => {
                    (200, stack_resource::resources(stack, "Gate", stack_resource::UPDATE_GATE, id))
                }
                (None, Some((stack, logical_id))) if !asked.ends_with("|update-gate") => {
                    (200, stack_resource::resources(stack, logical_id, stack_resource::NATIVE_TARGET, &asked))
                }
                (None, _) => self.query(form),
            })
        } else if target == DESCRIBE_STACKS {
            Err(self.query(&String::from_utf8_lossy(body)))
        } else {
            self.read_or_change(target, &input)
                .map_err(|fault| (fault.status, json!({"__type": fault.code, "Message": fault.message}).to_string()))
        };
        match trouble {
            Some(Trouble::ResetAfter) => Err(reset()),
            Some(Trouble::Empty) => Ok((200, "{}".to_owned())),
            Some(Trouble::Garbage) => Ok((200, "<html>".to_owned())),
            Some(Trouble::Reply(reply)) => Ok((200, reply.to_owned())),
            Some(Trouble::Hang) => Err(ConnectorError::timeout("hangs".into())),
            _ => Ok(match reply {
                Ok(output) => (200, output.to_string()),
                Err(other) => other,
            }),
        }
    }

    /// A call of the function. A late read shows the past.
    fn read_or_change(&mut self, target: &str, input: &Value) -> Result<Value, Fault> {
        let late = self.late_reads.filter(|(reads, _)| reads.iter().any(|read| target.ends_with(read)));
        let now = self.now();
        let past = late.and_then(|(_, lag)| self.past.iter_mut().find(|(ended, _)| ended.elapsed() < lag));
        match past {
            Some((_, aws)) => aws.call(target, input, now),
            None => self.call_aws(target, input),
        }
    }

    /// Calls AWS as it is now, and keeps what it was before if reads are late.
    fn call_aws(&mut self, target: &str, input: &Value) -> Result<Value, Fault> {
        let now = self.now();
        let is_read = ["Describe", "Get", "List"].iter().any(|read| target.contains(&format!(".{read}")));
        if self.late_reads.is_some() && !is_read {
            self.past.push((Instant::now(), self.aws.clone()));
        }
        self.aws.call(target, input, now)
    }

    /// The record that a test has set for every resource.
    fn describe_stack_resource(&self, form: &str) -> Option<(u16, String)> {
        if let Some((_, status)) = self.record_of.filter(|(text, _)| form.contains(text)) {
            return Some((200, stack_resource::described(status, "", None)));
        }
        let (status, id) = self.record.as_ref()?;
        if *status == "GONE" {
            return Some((400, stack_resource::unknown_resource()));
        }
        let changed = self.record_changed.map(|ago| self.began - ago);
        Some((200, stack_resource::described(status, id, changed)))
    }

    /// Calls CloudFormation's part of the local AWS, whose stacks `LocalAws.SetStack` and its like set.
    fn query(&mut self, form: &str) -> (u16, String) {
        let (action, input) = query::read_form(form).expect("a form");
        let answer = self.aws.call(&format!("CloudFormation.{action}"), &input, self.now());
        (answer.as_ref().map_or_else(|fault| fault.status, |_| 200), query::reply(&action, &answer))
    }

    fn put(&mut self, body: &str) -> Result<u16, ConnectorError> {
        self.puts += 1;
        assert!(body.len() <= MAX_BODY_BYTES, "{} bytes", body.len());
        match self.put_troubles.pop_front() {
            Some(Trouble::Status(status)) => Ok(status),
            Some(Trouble::Hang) => Err(ConnectorError::timeout("hangs".into())),
            Some(_) => Err(reset()),
            None => {
                self.answers.push(serde_json::from_str(body).expect("an answer is JSON"));
                Ok(200)
            }
        }
    }
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { world, is_dead } = self.clone();
        HttpConnectorFuture::new(async move {
            let body = request.body().bytes().expect("a body in memory");
            let crash = world.state().next_exchange(&is_dead);
            if crash.is_some_and(|crash| !crash.after_effect) {
                std::future::pending::<()>().await;
            }
            let queries = [DESCRIBE_STACK_RESOURCE, DESCRIBE_STACK_RESOURCES, DESCRIBE_STACKS];
            let is_for = |query: &&str| {
                let action = query.rsplit('.').next().unwrap_or_default();
                body.starts_with(format!("Action={action}&").as_bytes())
            };
            let path = request.uri().parse::<http::Uri>().map(|uri| uri.path().to_owned()).unwrap_or_default();
            let is_invoke = path.starts_with(FUNCTIONS);
            let query = if is_invoke { Some(INVOKE) } else { queries.into_iter().find(is_for) };
            let query = query.filter(|_| request.method() == "POST");
            let target = request.headers().get("x-amz-target").or(query);
            let slow = target.and_then(|target| world.state().slow.take_if(|(slow, _)| target.ends_with(*slow)));
            if let Some((_, way)) = slow {
                tokio::time::sleep(way).await;
            }
            let outcome = match target {
                Some(target) => {
                    // Caught here so that the lock is not poisoned, and resumed in the function.
                    let call = std::panic::AssertUnwindSafe(|| world.state().call(target, &path, body));
                    std::panic::catch_unwind(call).unwrap_or_else(|panic| {
                        world.0.clear_poison();
                        std::panic::resume_unwind(panic)
                    })
                }
                None => {
                    world.state().put(std::str::from_utf8(body).expect("UTF-8")).map(|status| (status, String::new()))
                }
            };
            let slow_reply =
                target.and_then(|target| world.state().slow_reply.take_if(|(slow, _)| target.ends_with(*slow)));
            if let Some((_, way)) = slow_reply {
                tokio::time::sleep(way).await;
            }
            if crash.is_some() || matches!(&outcome, Err(error) if error.is_timeout()) {
                std::future::pending::<()>().await;
            }
            let (status, body) = outcome?;
            let status = status.try_into().expect("a status");
            Ok(HttpResponse::new(status, SdkBody::from(body)))
        })
    }
}

/// Whether the function's role may call an operation.
fn is_allowed(target: &str) -> bool {
    let (service, operation) = target.split_once('.').expect("a service and an operation");
    let prefix = match service {
        "AmazonSSM" => "ssm",
        "AnyScaleFrontendService" => "application-autoscaling",
        "CloudFormation" => "cloudformation",
        "Lambda" => return operation == "Invoke" && ACTIONS.contains("lambda:InvokeFunction"),
        "SageMaker" => "sagemaker",
        _ => return false,
    };
    ACTIONS.contains(format!("{prefix}:{operation}").as_str())
}

/// The actions in the policies of the function's role. `tests/e2e` makes sure that all of them are allowed.
static ACTIONS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let template = include_str!("../../../template.yaml");
    // The policies in the role, and the one that names the function.
    let policies = [("\n  Role:\n", "\n      Policies:\n"), ("\n  InvokeItself:\n", "\n      PolicyDocument:\n")];
    let lines = policies.into_iter().flat_map(|(resource, policies)| {
        let (_, resource) = template.split_once(resource).expect("the resource");
        let (_, policies) = resource.split_once(policies).expect("its policies");
        policies.lines().take_while(|line| line.is_empty() || line.starts_with("      "))
    });
    lines.map(|line| line.trim().trim_start_matches("- ").trim_start_matches("Action: ")).collect()
});
const DESCRIBE_STACK_RESOURCE: &str = "CloudFormation.DescribeStackResource";
const INVOKE: &str = "Lambda.Invoke";
const FUNCTIONS: &str = "/2015-03-31/functions/";
const DESCRIBE_STACK_RESOURCES: &str = "CloudFormation.DescribeStackResources";
const DESCRIBE_STACKS: &str = "CloudFormation.DescribeStacks";

fn reset() -> ConnectorError {
    ConnectorError::io("connection reset by peer".into())
}
