//! The server of the world: one thread per connection, one exchange per connection.

use std::net::{TcpListener, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use local_aws::LocalAws;
use serde_json::Value;
use test_support::function::FUNCTION_ARN;
use test_support::http::Received;
use test_support::{Crash, stack_resource};

use super::http::{Reply, read, wait_for_close};
use super::lambda::{Ended, Invocation};

/// The state, which tests read and change.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) aws: LocalAws,
    /// The accepted answers: path and body.
    pub(crate) answers: Vec<(String, Value)>,
    /// The asynchronous invocations that the process has requested: the signed header and the payload of each.
    pub(crate) invoked: Vec<(String, String)>,
    /// The next answers are rejected with these statuses.
    pub(crate) refusals: Vec<u16>,
    /// Whether there is a process.
    pub(crate) alive: bool,
    /// The event that `next` returns, once.
    pub(crate) event: Option<Invocation>,
    /// CloudFormation's record, which says that it waits for the answer to the current event.
    record: String,
    /// The id of the current event.
    pub(crate) running: Option<String>,
    /// How the invocation ended, as the process reported.
    pub(crate) ended: Option<Ended>,
    /// The exchange at which the process is to be killed.
    pub(crate) death: Option<Crash>,
    /// Whether the process has reached that exchange.
    pub(crate) dying: bool,
    /// The number of exchanges since the process took the event.
    pub(crate) exchanges: u32,
    /// All answers and reports of all processes.
    pub(crate) heard: String,
    pub(crate) closed: bool,
    connections: u32,
}

/// The state, and a condition variable for threads that wait for a change.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    /// Locks the state for a change: it wakes the threads that wait.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        let state = self.read_state();
        self.changed.notify_all();
        state
    }

    /// Locks the state to read it.
    pub(crate) fn read_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    pub(crate) fn changed(&self) -> &Condvar {
        &self.changed
    }

    /// Serves until the world is closed and every connection is done.
    pub(crate) fn serve(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            while !self.read_state().closed {
                let (stream, _) = listener.accept().expect("a connection");
                self.state().connections += 1;
                scope.spawn(move || {
                    // A client without a request has died meanwhile, or only wakes this loop.
                    if let Ok(request) = read(&stream) {
                        self.exchange(&stream, &request);
                    }
                    drop(stream);
                    self.state().connections -= 1;
                });
            }
        });
    }

    fn exchange(&self, stream: &TcpStream, request: &Received) {
        match (request.method(), request.path()) {
            ("GET", NEXT) => self.next().iter().for_each(|reply| reply.write(stream)),
            ("GET", "/settled") => self.settled(),
            _ => {
                let death = self.death();
                if death.is_some_and(|moment| !moment.after_effect) {
                    return self.die(stream);
                }
                let reply = self.effect(request);
                if death.is_some() {
                    return self.die(stream);
                }
                reply.write(stream);
            }
        }
    }

    /// Whether the process dies at this exchange.
    fn death(&self) -> Option<Crash> {
        let mut state = self.state();
        state.exchanges += 1;
        state.death.filter(|moment| moment.at == state.exchanges)
    }

    fn die(&self, stream: &TcpStream) {
        self.state().dying = true;
        wait_for_close(stream);
    }

    /// Waits for an event, as `next` of the Lambda Runtime API does; `None` if the process died.
    fn next(&self) -> Option<Reply> {
        let mut state = self.read_state();
        while state.alive && !state.closed {
            if let Some(event) = state.event.take() {
                state.running = Some(event.id.clone());
                state.exchanges = 0;
                state.record = record(&event.payload);
                self.changed.notify_all();
                return Some(
                    Reply::new(200, event.payload)
                        .header("Content-Type", "application/json")
                        .header("Lambda-Runtime-Aws-Request-Id", event.id)
                        .header("Lambda-Runtime-Deadline-Ms", event.deadline.millis(now()))
                        .header("Lambda-Runtime-Invoked-Function-Arn", FUNCTION_ARN)
                        .header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0"),
                );
            }
            state = self.changed.wait(state).expect("not poisoned");
        }
        None
    }

    fn settled(&self) {
        let mut state = self.read_state();
        while state.connections > 1 {
            state = self.changed.wait(state).expect("not poisoned");
        }
    }

    fn effect(&self, request: &Received) -> Reply {
        let mut state = self.state();
        if let Some(target) = request.header("x-amz-target") {
            let input = serde_json::from_str(&request.body).expect("the function sends JSON");
            return match state.aws.call(target, &input, now()) {
                Ok(output) => Reply::new(200, output.to_string()),
                Err(fault) => Reply::new(fault.status, fault.body().to_string()),
            };
        }
        let body = &request.body;
        if request.path() == INVOKE {
            assert_eq!(request.header("x-amz-invocation-type"), Some("Event"));
            let signed = request.header("authorization").expect("a signature").to_owned();
            state.invoked.push((signed, body.clone()));
            return Reply::new(202, "");
        }
        if body.starts_with("Action=DescribeStackResource&") {
            return Reply::new(200, state.record.as_str());
        }
        state.heard += body;
        let json = serde_json::from_str::<Value>(body);
        if request.method() == "PUT" {
            if !state.refusals.is_empty() {
                return Reply::new(state.refusals.remove(0), "");
            }
            state.answers.push((request.path().to_owned(), json.expect("an answer is JSON")));
            return Reply::new(200, "");
        }
        let prefix = format!("/2018-06-01/runtime/invocation/{}/", state.running.as_deref().unwrap_or_default());
        let ended = match (request.path().strip_prefix(prefix.as_str()), request.path()) {
            (Some("response"), _) => Ended::Response,
            (Some("error"), _) => Ended::error(&json.expect("an error is JSON")),
            (_, "/2018-06-01/runtime/init/error") => Ended::InitError,
            (_, path) => panic!("{} {path} is not of the Lambda Runtime API", request.method()),
        };
        assert_eq!(state.ended.replace(ended), None, "reported twice");
        Reply::new(202, r#"{"status":"OK"}"#).header("Content-Type", "application/json")
    }
}

fn record(payload: &[u8]) -> String {
    let event: Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let status = format!("{}_IN_PROGRESS", text("RequestType").to_uppercase());
    stack_resource::described(&status, text("PhysicalResourceId"), None)
}

/// The time for AWS and Lambda, in seconds since the epoch.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// `Invoke` of `FUNCTION_ARN`.
const INVOKE: &str =
    "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Asagemaker-scaling/invocations";
const NEXT: &str = "/2018-06-01/runtime/invocation/next";
