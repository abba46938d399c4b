//! The local AWS and CloudFormation behind one HTTP connector: no sockets, and virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use local_aws::{Fault, LocalAws};
use serde_json::{Value, json};
use test_support::account::{Account, forget_identity};
use test_support::function::{
    ACCOUNT, Deadline, FUNCTION_ARN, MAX_BODY_BYTES, REGION, Services, Unanswered, handle, services,
};
use test_support::request::Request;
use test_support::{Crash, stack_resource};
use tokio::time::Instant;

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

#[derive(Debug)]
struct State {
    aws: LocalAws,
    epoch: Instant,
    calls: Vec<(String, Value)>,
    answers: Vec<Value>,
    puts: u32,
    call_troubles: Vec<(String, Trouble)>,
    interventions: Vec<Intervention>,
    exchanges: u32,
    crash: Option<Crash>,
    put_troubles: VecDeque<Trouble>,
    /// CloudFormation's record of every resource: status and physical id. `None`: there is no such stack.
    record: Option<(&'static str, String)>,
    /// The status of every resource of another stack, whose name this is a part of.
    record_of_stack: Option<(&'static str, &'static str)>,
    /// How long ago the record changed, if it has a time.
    record_changed: Option<Duration>,
    record_before: Option<(&'static str, &'static str, String)>,
    /// The native resource that registered each target: stack and logical id.
    native: Option<(&'static str, &'static str)>,
    slow: Option<(&'static str, Duration)>,
}

impl World {
    /// A world with one endpoint, `MyEndPoint`, that has the variants `MyVariant` and `MyOtherVariant`.
    pub(crate) fn new() -> Self {
        let state = State {
            aws: LocalAws::new(ACCOUNT, REGION, "aws"),
            epoch: Instant::now(),
            calls: Vec::new(),
            answers: Vec::new(),
            puts: 0,
            call_troubles: Vec::new(),
            interventions: Vec::new(),
            exchanges: 0,
            crash: None,
            put_troubles: VecDeque::new(),
            record: None,
            record_of_stack: None,
            record_changed: None,
            record_before: None,
            native: None,
            slow: None,
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

    /// Sets CloudFormation's record of every resource of another stack.
    pub(crate) fn on_record_of_stack(&self, stack: &'static str, status: &'static str) {
        self.state().record_of_stack = Some((stack, status));
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

    /// A native resource registered all targets.
    pub(crate) fn on_native(&self, stack: &'static str, logical_id: &'static str) {
        self.state().native = Some((stack, logical_id));
    }

    /// The next call of an operation takes so long until it takes effect.
    pub(crate) fn slow(&self, operation: &'static str, way: Duration) {
        self.state().slow = Some((operation, way));
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
        let calls = std::mem::take(&mut self.state().calls);
        calls.into_iter().map(|(target, _)| target.rsplit('.').next().unwrap_or_default().to_owned()).collect()
    }

    /// How many PUTs of answers there were.
    pub(crate) fn puts(&self) -> u32 {
        self.state().puts
    }

    /// How many answers were delivered.
    pub(crate) fn answers(&self) -> usize {
        self.state().answers.len()
    }

    /// Invokes the function, and kills it at an exchange. Returns whether it reached that exchange.
    pub(crate) async fn crash(&self, request: &Request, crash: Crash) -> bool {
        self.state().exchanges = 0;
        self.state().crash = Some(crash);
        drop(tokio::time::timeout(Duration::from_secs(40), self.invoke(&request.0.to_string())).await);
        let mut state = self.state();
        state.crash = None;
        state.exchanges >= crash.at
    }

    /// The function, warm.
    pub(crate) fn services(&self) -> Services {
        services(SharedHttpConnector::new(self.clone()), None)
    }

    /// Invokes the function as Lambda does, with a minute to run.
    pub(crate) async fn invoke(&self, payload: &str) -> Result<(), Unanswered> {
        self.invoke_for(payload, Duration::from_secs(60)).await
    }

    /// Invokes the function as Lambda does.
    pub(crate) async fn invoke_for(&self, payload: &str, timeout: Duration) -> Result<(), Unanswered> {
        self.invoke_as(FUNCTION_ARN, payload, timeout).await
    }

    /// Invokes a function by its ARN.
    pub(crate) async fn invoke_as(&self, arn: &str, payload: &str, timeout: Duration) -> Result<(), Unanswered> {
        let deadline = Deadline::new(SystemTime::now() + timeout);
        handle(payload, arn, deadline, &self.services()).await
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
        let mut state = self.state();
        let now = state.now();
        state.aws.call(target, input, now)
    }
}

impl State {
    fn now(&self) -> f64 {
        1_700_000_000.0 + self.epoch.elapsed().as_secs_f64()
    }

    fn next_exchange(&mut self) -> Option<Crash> {
        self.exchanges += 1;
        let crash = self.crash.filter(|crash| crash.at <= self.exchanges)?;
        // A function that is killed makes no more exchanges.
        Some(Crash { after_effect: crash.after_effect && crash.at == self.exchanges, ..crash })
    }

    fn call(&mut self, target: &str, body: &[u8]) -> Result<(u16, String), ConnectorError> {
        assert!(is_allowed(target), "the role in template.yaml does not allow {target}");
        let input: Value = match target {
            DESCRIBE_STACK_RESOURCE | DESCRIBE_STACK_RESOURCES => String::from_utf8_lossy(body).into(),
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
        let now = self.now();
        let planned = self.interventions.iter().position(|planned| target.ends_with(planned.operation.as_str()));
        if let Some(index) = planned {
            if self.interventions[index].skipped > 0 {
                self.interventions[index].skipped -= 1;
            } else {
                for (target, input) in self.interventions.remove(index).calls {
                    self.aws.call(target, &input, now).expect("an intervention that works");
                }
            }
        }
        if let Some((_, status, id)) = self.record_before.take_if(|(operation, ..)| target.ends_with(*operation)) {
            self.record = Some((status, id));
        }
        let reply = if target == DESCRIBE_STACK_RESOURCE {
            Err(self.describe_stack_resource(input.as_str().unwrap_or_default()))
        } else if target == DESCRIBE_STACK_RESOURCES {
            Err(match self.native {
                Some((stack, logical_id)) => {
                    (200, stack_resource::natives(stack, logical_id, input.as_str().unwrap_or_default()))
                }
                None => (400, stack_resource::unknown_stack()),
            })
        } else {
            self.aws
                .call(target, &input, now)
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

    fn describe_stack_resource(&self, form: &str) -> (u16, String) {
        if let Some((_, status)) = self.record_of_stack.filter(|(stack, _)| form.contains(stack)) {
            return (200, stack_resource::described(status, "", None));
        }
        match &self.record {
            Some(("GONE", _)) => (400, stack_resource::unknown_resource()),
            Some((status, id)) => {
                let changed = self.record_changed.map(|ago| SystemTime::now() - ago);
                (200, stack_resource::described(status, id, changed))
            }
            None => (400, stack_resource::unknown_stack()),
        }
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

impl HttpConnector for World {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let world = self.clone();
        HttpConnectorFuture::new(async move {
            let body = request.body().bytes().expect("a body in memory");
            let crash = world.state().next_exchange();
            if crash.is_some_and(|crash| !crash.after_effect) {
                std::future::pending::<()>().await;
            }
            let is_list = body.starts_with(b"Action=DescribeStackResources&");
            let query = if is_list { DESCRIBE_STACK_RESOURCES } else { DESCRIBE_STACK_RESOURCE };
            let query = (request.method() == "POST").then_some(query);
            let target = request.headers().get("x-amz-target").or(query);
            let slow = target.and_then(|target| world.state().slow.take_if(|(slow, _)| target.ends_with(*slow)));
            if let Some((_, way)) = slow {
                tokio::time::sleep(way).await;
            }
            let outcome = match target {
                Some(target) => {
                    // Caught here so that the lock is not poisoned, and resumed in the function.
                    let call = std::panic::AssertUnwindSafe(|| world.state().call(target, body));
                    std::panic::catch_unwind(call).unwrap_or_else(|panic| {
                        world.0.clear_poison();
                        std::panic::resume_unwind(panic)
                    })
                }
                None => {
                    world.state().put(std::str::from_utf8(body).expect("UTF-8")).map(|status| (status, String::new()))
                }
            };
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
        "SageMaker" => "sagemaker",
        _ => return false,
    };
    ACTIONS.contains(format!("{prefix}:{operation}").as_str())
}

/// The actions in the policies of the function's role. `tests/e2e` makes sure that all of them are allowed.
static ACTIONS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let template = include_str!("../../../template.yaml");
    let (_, role) = template.split_once("\n  Role:\n").expect("the role");
    let (_, policies) = role.split_once("\n      Policies:\n").expect("its policies");
    let policies = policies.lines().take_while(|line| line.is_empty() || line.starts_with("      "));
    policies.map(|line| line.trim().trim_start_matches("- ").trim_start_matches("Action: ")).collect()
});
const DESCRIBE_STACK_RESOURCE: &str = "CloudFormation.DescribeStackResource";
const DESCRIBE_STACK_RESOURCES: &str = "CloudFormation.DescribeStackResources";

fn reset() -> ConnectorError {
    ConnectorError::io("connection reset by peer".into())
}
