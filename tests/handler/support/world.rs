//! The local AWS and CloudFormation behind one HTTP connector: no sockets, and whatever time the test says it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use local_aws::LocalAws;
use sagemaker_scaling::deadline::Deadline;
use sagemaker_scaling::handler::{Services, Unanswered, handle};
use sagemaker_scaling::response::MAX_BODY_BYTES;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::request::Request;
use super::{ACCOUNT, REGION, services};

pub(crate) const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:sagemaker-scaling";

/// How an exchange goes wrong on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// The reply never comes; the request took effect if it was a call to AWS.
    Hang,
    /// The connection breaks after the request took effect.
    ResetAfter,
    /// The connection breaks before the request took effect.
    ResetBefore,
    /// Another status, and no effect.
    Status(u16),
    /// A success without contents.
    Empty,
    /// A reply that is not JSON.
    Garbage,
    /// A defect of ours while calling.
    Panic,
    /// This reply.
    Reply(&'static str),
}

/// What somebody else does at the worst moment.
#[derive(Debug)]
struct Intervention {
    operation: String,
    skipped: u32,
    calls: Vec<(&'static str, Value)>,
}

/// The exchange at which the function dies, counted from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) at: u32,
    /// Whether the exchange still took effect.
    pub(crate) after_effect: bool,
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
    /// What CloudFormation has on record for every resource; nothing where it knows none.
    record: Option<(&'static str, String)>,
    /// How long ago that changed, where the record says so.
    record_changed: Option<Duration>,
    record_before: Option<(&'static str, &'static str, &'static str)>,
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
            record_changed: None,
            record_before: None,
            slow: None,
        };
        let world = Self(Arc::new(Mutex::new(state)));
        world.endpoint("MyEndPoint", &["MyVariant", "MyOtherVariant"]);
        world
    }

    /// Adds an endpoint.
    pub(crate) fn endpoint(&self, name: &str, variants: &[&str]) {
        self.endpoint_with(name, variants, json!({}));
    }

    /// Adds an endpoint with more in its configuration.
    pub(crate) fn endpoint_with(&self, name: &str, variants: &[&str], mut config: Value) {
        let variants: Vec<_> = variants
            .iter()
            .map(|name| {
                json!({"VariantName": name, "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1})
            })
            .collect();
        config["EndpointConfigName"] = json!(format!("{name}-config"));
        config["ProductionVariants"] = json!(variants);
        self.aws("SageMaker.CreateEndpointConfig", config);
        let endpoint = json!({"EndpointName": name, "EndpointConfigName": format!("{name}-config")});
        self.aws("SageMaker.CreateEndpoint", endpoint);
    }

    /// Calls AWS by hand, as somebody else would.
    pub(crate) fn aws(&self, target: &str, input: Value) -> Value {
        let mut state = self.state();
        let now = state.now();
        state.aws.call(target, &input, now).unwrap_or_else(|fault| panic!("{target}: {fault}"))
    }

    /// The same, or what the service says no with.
    pub(crate) fn try_aws(&self, target: &str, input: &Value) -> Result<Value, String> {
        let mut state = self.state();
        let now = state.now();
        state.aws.call(target, input, now).map_err(|fault| fault.to_string())
    }

    /// The next calls of an operation fail with a code of the service's.
    pub(crate) fn fail(&self, operation: &str, code: &str, times: u32) {
        let fault = json!({"Operation": operation, "Code": code, "Status": 400, "Message": "injected", "Times": times});
        self.aws("LocalAws.InjectFaults", fault);
    }

    /// The next call of an operation meets trouble; several add up.
    pub(crate) fn trouble(&self, operation: &str, trouble: Trouble) {
        self.state().call_troubles.push((operation.to_owned(), trouble));
    }

    /// Right before a call of an operation, after `skipped` others, somebody else calls AWS.
    pub(crate) fn before(&self, operation: &str, skipped: u32, calls: &[(&'static str, Value)]) {
        let operation = operation.to_owned();
        self.state().interventions.push(Intervention { operation, skipped, calls: calls.to_vec() });
    }

    /// The next answer meets trouble; several add up.
    pub(crate) fn trouble_answering(&self, trouble: Trouble) {
        self.state().put_troubles.push_back(trouble);
    }

    /// From now on CloudFormation has a status and an id on record, if anybody asks.
    pub(crate) fn on_record(&self, status: &'static str, id: &str) {
        self.state().record = Some((status, id.to_owned()));
    }

    /// The same, and that it has been so for a time.
    pub(crate) fn on_record_for(&self, seconds: u64, status: &'static str, id: &'static str) {
        self.on_record(status, id);
        self.state().record_changed = Some(Duration::from_secs(seconds));
    }

    /// Whether CloudFormation has anything on record.
    pub(crate) fn knows_cloudformation(&self) -> bool {
        self.state().record.is_some()
    }

    /// What CloudFormation has on record changes right before a call takes effect.
    pub(crate) fn on_record_before(&self, operation: &'static str, status: &'static str, id: &'static str) {
        self.state().record_before = Some((operation, status, id));
    }

    /// The next call of an operation is on its way for so long before it takes effect.
    pub(crate) fn slow(&self, operation: &'static str, way: Duration) {
        self.state().slow = Some((operation, way));
    }

    /// Registers `MyVariant` as somebody would who knows nothing of this function.
    pub(crate) fn register_by_hand(&self, tags: Value) {
        let mut input = my_variant();
        input["MinCapacity"] = json!(1);
        input["MaxCapacity"] = json!(2);
        input["Tags"] = tags;
        self.aws("AnyScaleFrontendService.RegisterScalableTarget", input);
    }

    /// What is registered, as the API describes it.
    pub(crate) fn targets(&self) -> Vec<Value> {
        let found =
            self.aws("AnyScaleFrontendService.DescribeScalableTargets", json!({"ServiceNamespace": "sagemaker"}));
        found["ScalableTargets"].as_array().cloned().unwrap_or_default()
    }

    /// The `ResourceId`s of what is registered.
    pub(crate) fn registered(&self) -> Vec<String> {
        self.targets().iter().filter_map(|target| Some(target["ResourceId"].as_str()?.to_owned())).collect()
    }

    /// The tags of a target.
    pub(crate) fn tags(&self, target: &Value) -> Value {
        let arn = json!({"ResourceARN": target["ScalableTargetARN"]});
        self.aws("AnyScaleFrontendService.ListTagsForResource", arn)["Tags"].clone()
    }

    /// Everything that is registered, without what differs from registration to registration.
    pub(crate) fn picture(&self) -> Value {
        let mut seen = BTreeMap::new();
        for mut target in self.targets() {
            let id = json!({
                "ServiceNamespace": "sagemaker",
                "ResourceId": target["ResourceId"],
                "ScalableDimension": target["ScalableDimension"],
            });
            target["Tags"] = self.tags(&target);
            for what in ["ScalingPolicies", "ScheduledActions"] {
                target[what] = self.aws(&format!("AnyScaleFrontendService.Describe{what}"), id.clone())[what].take();
                for item in target[what].as_array_mut().into_iter().flatten() {
                    item.as_object_mut()
                        .expect("an object")
                        .retain(|name, _| !name.ends_with("ARN") && name != "CreationTime");
                }
            }
            target
                .as_object_mut()
                .expect("an object")
                .retain(|name, _| !name.ends_with("ARN") && name != "CreationTime");
            seen.insert(id["ResourceId"].to_string() + &id["ScalableDimension"].to_string(), target);
        }
        json!(seen)
    }

    /// The operations that the function called, in order, since the last time this was asked.
    pub(crate) fn called(&self) -> Vec<String> {
        let calls = std::mem::take(&mut self.state().calls);
        calls.into_iter().map(|(target, _)| target.rsplit('.').next().unwrap_or_default().to_owned()).collect()
    }

    /// How often an answer was sent.
    pub(crate) fn puts(&self) -> u32 {
        self.state().puts
    }

    /// How many answers were delivered.
    pub(crate) fn answers(&self) -> usize {
        self.state().answers.len()
    }

    /// Invokes the function, which is killed at an exchange. Returns whether it came so far.
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

impl State {
    fn now(&self) -> f64 {
        1_700_000_000.0 + self.epoch.elapsed().as_secs_f64()
    }

    fn next_exchange(&mut self) -> Option<Crash> {
        self.exchanges += 1;
        let crash = self.crash.filter(|crash| crash.at <= self.exchanges)?;
        // A function that is killed is silent from then on.
        Some(Crash { after_effect: crash.after_effect && crash.at == self.exchanges, ..crash })
    }

    fn call(&mut self, target: &str, body: &[u8]) -> Result<(u16, String), ConnectorError> {
        assert!(is_allowed(target), "the role in template.yaml does not allow {target}");
        let input: Value = match target {
            DESCRIBE_STACK_RESOURCE => String::from_utf8_lossy(body).into(),
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
            self.record = Some((status, id.to_owned()));
        }
        let reply = if target == DESCRIBE_STACK_RESOURCE {
            Err(self.describe_stack_resource())
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

    fn describe_stack_resource(&self) -> (u16, String) {
        match &self.record {
            Some(("GONE", _)) => {
                let message = "Resource Scaling does not exist for stack x";
                (400, format!("<R><Code>ValidationError</Code><Message>{message}</Message></R>"))
            }
            Some((status, id)) => {
                let changed = self.record_changed.map_or(String::new(), |ago| {
                    let changed = DateTime::from(SystemTime::now() - ago).fmt(Format::DateTime).expect("a date");
                    format!("<LastUpdatedTimestamp>{changed}</LastUpdatedTimestamp>")
                });
                let detail =
                    format!("<ResourceStatus>{status}</ResourceStatus><PhysicalResourceId>{id}</PhysicalResourceId>");
                (200, format!("<R>{changed}{detail}</R>"))
            }
            None => (400, "<R><Code>ValidationError</Code><Message>Stack x does not exist</Message></R>".to_owned()),
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
            let query = (request.method() == "POST").then_some(DESCRIBE_STACK_RESOURCE);
            let target = request.headers().get("x-amz-target").or(query);
            let slow = target.and_then(|target| world.state().slow.take_if(|(slow, _)| target.ends_with(*slow)));
            if let Some((_, way)) = slow {
                tokio::time::sleep(way).await;
            }
            let outcome = match target {
                Some(target) => {
                    // Caught here so that the lock is not poisoned, and thrown again where the function is.
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

/// `MyVariant`, as the API names it.
pub(crate) fn my_variant() -> Value {
    json!({
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/MyEndPoint/variant/MyVariant",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    })
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

static ACTIONS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let template = include_str!("../../../template.yaml");
    template.lines().map(|line| line.trim().trim_start_matches("- ").trim_start_matches("Action: ")).collect()
});
const DESCRIBE_STACK_RESOURCE: &str = "CloudFormation.DescribeStackResource";

fn reset() -> ConnectorError {
    ConnectorError::io("connection reset by peer".into())
}
