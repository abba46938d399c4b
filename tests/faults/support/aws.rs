//! AWS behind a socket: the local AWS, and faults on the way to it and back.

use std::sync::{Arc, Mutex, MutexGuard};

use local_aws::LocalAws;
use serde_json::{Value, json};
use test_support::account::Account;
use test_support::function::{ACCOUNT, REGION};
use test_support::http::Received;
use test_support::loopback::{Act, Server};
use test_support::stack_resource;
use tokio::time::Instant;

/// How a call goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The call takes effect, but this is the reply.
    After(Act),
    /// The call takes no effect, and this is the reply.
    Before(Act),
    /// The service fails with a status and a code, and quotes the whole head of the request.
    Quotes(u16, &'static str),
    /// The service fails with a status, a code and a message.
    Says(u16, &'static str, String),
}

/// Any operation.
pub(crate) const ANY: &str = "";
/// The variants of every endpoint.
pub(crate) const VARIANTS: [&str; 2] = ["MyVariant", "MyOtherVariant"];
/// A fault without end.
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
        aws.create_endpoint("MyEndPoint", &VARIANTS);
        aws
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    /// The requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.server.received()
    }

    /// The next calls of an operation meet a fault.
    pub(crate) fn plan(&self, operation: &str, times: usize, fault: Fault) {
        self.state().planned.push((operation.to_owned(), times, fault));
    }

    /// No more calls meet a fault.
    pub(crate) fn recover(&self) {
        self.state().planned.clear();
    }

    /// The operations that the function has called since the last call of this method.
    pub(crate) fn called(&self) -> Vec<String> {
        std::mem::take(&mut self.state().called)
    }

    /// How often the function has called an operation since the last call of `called`.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.state().called.iter().filter(|called| *called == operation).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }
}

impl Account for Aws {
    fn call(&self, target: &str, input: &Value) -> Result<Value, local_aws::Fault> {
        self.state().call(target, input)
    }
}

impl State {
    fn call(&mut self, target: &str, input: &Value) -> Result<Value, local_aws::Fault> {
        self.model.call(target, input, 1_700_000_000.0 + self.start.elapsed().as_secs_f64())
    }

    fn reply(&mut self, request: &Received) -> Act {
        // Calls of CloudFormation, which are forms, and of Lambda have no such header.
        let is_invoke = request.header("x-amz-invocation-type").is_some();
        let other = if is_invoke { "Lambda.Invoke" } else { "CloudFormation.DescribeStackResource" };
        let target = request.header("x-amz-target").unwrap_or(other).to_owned();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let fault = self.next_fault(&operation);
        self.called.push(operation);
        let refusal = |status, code: &str, message: &str| reply(status, &json!({"__type": code, "message": message}));
        let said = match &fault {
            Some(Fault::Before(act)) => return act.clone(),
            Some(Fault::Quotes(status, code)) => return refusal(*status, code, &request.head),
            Some(Fault::Says(status, code, message)) => return refusal(*status, code, message),
            None if is_invoke => return Act::status(202),
            // CloudFormation knows no stack.
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
    Act::json(status, body.to_string())
}

fn unknown_stack() -> Act {
    Act::Reply(400, "Content-Type: text/xml\r\n", stack_resource::unknown_stack())
}
