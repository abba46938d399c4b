//! AWS behind a socket: the local model, and whatever goes wrong on the way to it and back.

use std::sync::{Arc, Mutex, MutexGuard};

use local_aws::LocalAws;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::socket::{Act, Received, Server};
use super::{ACCOUNT, REGION};

/// How a call goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The call takes effect, but this is what comes back.
    After(Act),
    /// The call takes no effect, and this is what comes back.
    Before(Act),
    /// The service says no with a code, and quotes the whole head of the request.
    Quotes(u16, &'static str),
    /// The service says no: status, code and message.
    Says(u16, &'static str, String),
}

/// Any operation.
pub(crate) const ANY: &str = "";
/// Without end.
pub(crate) const ALWAYS: usize = usize::MAX;

/// An account with one endpoint, `MyEndPoint`, that has the variants `MyVariant` and `MyOtherVariant`.
#[derive(Debug)]
pub(crate) struct Aws {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    model: LocalAws,
    start: Instant,
    planned: Vec<(String, usize, Fault)>,
    called: Vec<String>,
}

impl Aws {
    /// Starts the server.
    pub(crate) async fn start() -> Self {
        let model = LocalAws::new(ACCOUNT, REGION, "aws");
        let state = State { model, start: Instant::now(), planned: Vec::new(), called: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let server = Server::start_with(move |request| shared.lock().expect("not poisoned").reply(request)).await;
        let aws = Self { server, state };
        aws.endpoint("MyEndPoint");
        aws
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    /// What came so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.server.received()
    }

    /// The next calls of an operation meet a fault.
    pub(crate) fn plan(&self, operation: &str, times: usize, fault: Fault) {
        self.state().planned.push((operation.to_owned(), times, fault));
    }

    /// No call meets a fault any more.
    pub(crate) fn recover(&self) {
        self.state().planned.clear();
    }

    /// From now on endpoints take for ever to get ready.
    pub(crate) fn slow_down(&self) {
        self.call("LocalAws.SetEndpointTakes", json!({"Seconds": 100_000}));
    }

    /// Adds an endpoint with both variants.
    pub(crate) fn endpoint(&self, name: &str) {
        let variants = ["MyVariant", "MyOtherVariant"].map(|name| {
            json!({"VariantName": name, "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1})
        });
        let config = json!({"EndpointConfigName": name, "ProductionVariants": variants});
        self.call("SageMaker.CreateEndpointConfig", config);
        self.call("SageMaker.CreateEndpoint", json!({"EndpointName": name, "EndpointConfigName": name}));
    }

    /// Registers `MyVariant` as somebody would who knows nothing of this function.
    pub(crate) fn register_by_hand(&self) {
        let input = json!({
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/MyEndPoint/variant/MyVariant",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "MinCapacity": 1,
            "MaxCapacity": 2,
        });
        self.call("AnyScaleFrontendService.RegisterScalableTarget", input);
    }

    /// What is registered, each with its tags.
    pub(crate) fn targets(&self) -> Vec<Value> {
        let found = json!({"ServiceNamespace": "sagemaker"});
        let found = self.call("AnyScaleFrontendService.DescribeScalableTargets", found);
        let targets = found["ScalableTargets"].as_array().expect("a list").iter().cloned();
        let tagged = targets.map(|mut target| {
            let arn = json!({"ResourceARN": target["ScalableTargetARN"]});
            target["Tags"] = self.call("AnyScaleFrontendService.ListTagsForResource", arn)["Tags"].clone();
            target
        });
        tagged.collect()
    }

    /// The `ResourceId`s of what is registered.
    pub(crate) fn registered(&self) -> Vec<String> {
        self.targets().iter().map(|target| target["ResourceId"].as_str().expect("text").to_owned()).collect()
    }

    /// The operations that the function called since this was asked last.
    pub(crate) fn called(&self) -> Vec<String> {
        std::mem::take(&mut self.state().called)
    }

    /// How often the function called an operation since it was asked last what it called.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.state().called.iter().filter(|called| *called == operation).count()
    }

    fn call(&self, target: &str, input: Value) -> Value {
        self.state().call(target, &input).unwrap_or_else(|fault| panic!("{target}: {fault}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }
}

impl State {
    fn call(&mut self, target: &str, input: &Value) -> Result<Value, local_aws::Fault> {
        self.model.call(target, input, 1_700_000_000.0 + self.start.elapsed().as_secs_f64())
    }

    fn reply(&mut self, request: &Received) -> Act {
        // A form is for CloudFormation.
        let target = request.header("x-amz-target").unwrap_or("CloudFormation.DescribeStackResource").to_owned();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let fault = self.next_fault(&operation);
        self.called.push(operation);
        let refusal = |status, code: &str, message: &str| reply(status, &json!({"__type": code, "message": message}));
        let said = match &fault {
            Some(Fault::Before(act)) => return act.clone(),
            Some(Fault::Quotes(status, code)) => return refusal(*status, code, &request.head),
            Some(Fault::Says(status, code, message)) => return refusal(*status, code, message),
            // It knows none of the stacks here.
            None if target.starts_with("CloudFormation") => return unknown_stack(),
            Some(Fault::After(act)) if target.starts_with("CloudFormation") => return act.clone(),
            Some(Fault::After(_)) | None => self.call(&target, &serde_json::from_str(&request.body).expect("JSON")),
        };
        match (fault, said) {
            (Some(Fault::After(act)), _) => act,
            (_, Ok(output)) => reply(200, &output),
            (_, Err(fault)) => reply(fault.status, &fault.body()),
        }
    }

    fn next_fault(&mut self, operation: &str) -> Option<Fault> {
        let planned = |(name, times, _): &&mut (String, usize, Fault)| *times > 0 && (name == operation || name == ANY);
        let (_, times, fault) = self.planned.iter_mut().find(planned)?;
        *times -= 1;
        Some(fault.clone())
    }
}

fn reply(status: u16, body: &Value) -> Act {
    Act::Reply(status, "Content-Type: application/x-amz-json-1.1\r\n", body.to_string())
}

fn unknown_stack() -> Act {
    let error = "<Code>ValidationError</Code><Message>Stack x does not exist</Message>";
    Act::Reply(400, "Content-Type: text/xml\r\n", format!("<ErrorResponse>{error}</ErrorResponse>"))
}
