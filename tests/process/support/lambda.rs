//! Lambda: starts the process, delivers events, and delivers an event again after the process died.

use std::io::{self, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::Crash;
use test_support::function::REGION;
use test_support::request::Request;
use test_support::secrets::{ACCESS_KEY_ID, SECRET_KEY, SESSION_TOKEN, SIGNATURE, assert_no_secret};

use super::world::World;

/// When an invocation has to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deadline {
    /// After that, Lambda kills the process.
    In(Duration),
    /// A time of 1970, as `cargo lambda watch` gives it.
    Past,
}

impl Deadline {
    pub(crate) fn millis(self, now: f64) -> u128 {
        match self {
            Self::In(limit) => (Duration::from_secs_f64(now) + limit).as_millis(),
            Self::Past => 600_000,
        }
    }
}

/// An event for the function. A retry by Lambda is the same event with the same id and a new deadline.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) id: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) deadline: Deadline,
}

impl Invocation {
    /// Any payload, with a deadline in a minute.
    pub(crate) fn of(payload: impl Into<Vec<u8>>) -> Self {
        let id = format!("8476a536-e9f4-11e8-9739-{:012x}", fastrand::u64(..1 << 48));
        Self { id, payload: payload.into(), deadline: Deadline::In(Duration::from_secs(60)) }
    }
}

/// How long ago CloudFormation made a request. A late one checks its freshness.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Age {
    Young,
    Late,
}

/// How an invocation ended, as the process reported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    Response,
    Error { error_type: String, message: String },
    InitError,
}

impl Ended {
    pub(crate) fn error(report: &Value) -> Self {
        let text = |name: &str| report[name].as_str().expect("text").to_owned();
        Self::Error { error_type: text("errorType"), message: text("errorMessage") }
    }
}

/// Lambda, with one execution environment of the function.
#[derive(Debug)]
pub(crate) struct Lambda<'a> {
    pub(crate) world: &'a World,
    program: Vec<String>,
    variables: Vec<(&'static str, String)>,
    process: Option<Process>,
}

impl<'a> Lambda<'a> {
    /// Lambda with the function as it is built.
    pub(crate) fn new(world: &'a World) -> Self {
        Self::with(world, &[BOOTSTRAP], &[])
    }

    /// Lambda with another program, or with more environment variables.
    pub(crate) fn with(world: &'a World, program: &[&str], variables: &[(&'static str, &str)]) -> Self {
        let program = program.iter().map(|word| (*word).to_owned()).collect();
        let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { world, program, variables, process: None }
    }

    /// A request, as an event with the response URL of the world.
    pub(crate) fn event(&self, request: &Request, age: Age) -> Invocation {
        let url = format!("http://127.0.0.1:{}{}", self.world.port, response_path(request, age));
        Invocation::of(request.clone().field("ResponseURL", json!(url)).0.to_string())
    }

    /// Delivers an event to the process, which has to report how it ended.
    pub(crate) fn invoke(&mut self, invocation: &Invocation) -> Ended {
        self.deliver(invocation, None);
        let (ended, _) = self.outcome(invocation);
        ended.expect("no crash was planned")
    }

    /// Delivers an event, and kills the process at an exchange. Returns whether it reached that exchange.
    pub(crate) fn invoke_and_die(&mut self, invocation: &Invocation, crash: Crash, signal: &str) -> bool {
        self.deliver(invocation, Some(crash));
        let (_, dying) = self.outcome(invocation);
        if dying {
            self.die(signal);
        }
        self.world.state().death = None;
        dying
    }

    /// Delivers an event, and kills the process some time after it took the event.
    pub(crate) fn invoke_and_die_after(&mut self, invocation: &Invocation, delay: Duration) {
        self.deliver(invocation, None);
        let taken = self.world.wait(PATIENCE, |state| state.event.is_none().then_some(()));
        taken.expect("the process takes the event");
        thread::sleep(delay);
        self.die("KILL");
    }

    /// Ends the process by a signal, and waits until the effects of all its requests are there.
    pub(crate) fn die(&mut self, signal: &str) {
        let mut process = self.process.take().expect("a process");
        process.signal(signal);
        self.world.state().alive = false;
        process.end();
        self.world.settle();
        let mut state = self.world.state();
        (state.event, state.ended, state.dying) = (None, None, false);
    }

    /// Starts a process that has to end by itself. Returns its exit status, its report and its output.
    pub(crate) fn start_and_fail(&mut self) -> (ExitStatus, Option<Ended>, String) {
        let mut process = self.start();
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = process.child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < end, "the process does not end");
            thread::sleep(Duration::from_millis(10));
        };
        self.world.state().alive = false;
        let output = process.end();
        self.world.settle();
        (status, self.world.state().ended.take(), output)
    }

    /// The id of the warm process.
    pub(crate) fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// Ends the process, and returns its output.
    pub(crate) fn output(&mut self) -> String {
        self.world.state().alive = false;
        self.process.take().expect("a process").end()
    }

    fn deliver(&mut self, invocation: &Invocation, death: Option<Crash>) {
        if self.process.is_none() {
            self.process = Some(self.start());
        }
        let mut state = self.world.state();
        (state.death, state.dying, state.ended) = (death, false, None);
        state.event = Some(invocation.clone());
    }

    fn start(&self) -> Process {
        self.world.state().alive = true;
        Process::start(self.world.port, &self.program, &self.variables)
    }

    /// Waits until the invocation has ended, or the process is to die.
    fn outcome(&mut self, invocation: &Invocation) -> (Option<Ended>, bool) {
        let end = Instant::now()
            + match invocation.deadline {
                Deadline::In(limit) => limit,
                Deadline::Past => PATIENCE,
            };
        loop {
            let outcome = self.world.wait(Duration::from_millis(100), |state| {
                let doomed = state.death.is_some_and(|crash| crash.at == state.exchanges);
                let over = state.dying || !doomed && state.ended.is_some();
                over.then(|| (state.ended.clone(), state.dying))
            });
            if let Some(outcome) = outcome {
                return outcome;
            }
            let process = self.process.as_mut().expect("a process");
            assert_eq!(process.child.try_wait().expect("a child"), None, "the process has ended");
            assert!(Instant::now() < end, "Lambda would have killed the process by now");
        }
    }
}

impl Drop for Lambda<'_> {
    fn drop(&mut self) {
        // The process is dropped after that, with its connections.
        self.world.state().alive = false;
    }
}

/// Path and query of the response URL of a request.
pub(crate) fn response_path(request: &Request, age: Age) -> String {
    let id = request.0["RequestId"].as_str().unwrap_or_default();
    let date = match age {
        Age::Young => "",
        Age::Late => "X-Amz-Date=20260102T030405Z&",
    };
    format!(
        "/arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack/demo/6c1c%7CScaling%7C{id}\
         ?X-Amz-Algorithm=AWS4-HMAC-SHA256&{date}X-Amz-Expires=7200&X-Amz-Signature={SIGNATURE}"
    )
}

/// A process, which never outlives this value.
#[derive(Debug)]
struct Process {
    child: Child,
    output: Option<JoinHandle<String>>,
}

impl Process {
    fn start(port: u16, program: &[String], variables: &[(&'static str, String)]) -> Self {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let here = format!("http://127.0.0.1:{port}");
        // Without a core file after an abort. The shell becomes the process.
        let child = Command::new("/bin/sh")
            .args(["-c", r#"ulimit -c 0; exec "$0" "$@""#])
            .args(program)
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
            .env("AWS_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING", &here)
            .env("AWS_ENDPOINT_URL_CLOUDFORMATION", &here)
            .env("AWS_ENDPOINT_URL_LAMBDA", &here)
            .env("AWS_ENDPOINT_URL_SAGEMAKER", &here)
            .env("AWS_ENDPOINT_URL_SSM", &here)
            .env("AWS_LAMBDA_RUNTIME_API", here.trim_start_matches("http://"))
            .env("AWS_LAMBDA_FUNCTION_NAME", "sagemaker-scaling")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_LEVEL", "TRACE")
            .env("RUST_LOG", "trace")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(writer.try_clone().expect("a pipe"))
            .stderr(writer)
            .spawn()
            .expect("the process starts");
        let output = thread::spawn(move || {
            let mut output = Vec::new();
            reader.read_to_end(&mut output).expect("a pipe");
            String::from_utf8_lossy(&output).into_owned()
        });
        Self { child, output: Some(output) }
    }

    fn signal(&mut self, signal: &str) {
        if signal == "KILL" {
            return self.child.kill().expect("a child");
        }
        let kill = format!("kill -{signal} {}", self.child.id());
        let status = Command::new("/bin/sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{kill}");
        self.child.wait().expect("a child");
    }

    /// Kills the process, if it still runs, searches its output for secrets, and returns the output.
    fn end(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let output = self.output.take().map(JoinHandle::join).and_then(Result::ok).unwrap_or_default();
        if thread::panicking() {
            eprintln!("{output}");
        } else {
            assert_no_secret(&output, &[]);
        }
        output
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The function.
pub(crate) const BOOTSTRAP: &str = env!("CARGO_BIN_EXE_bootstrap");
/// How long a process may take where there is no deadline.
const PATIENCE: Duration = Duration::from_secs(60);
