//! CloudFormation behind a socket: the response URL, and how it takes answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use test_support::http::Received;
use test_support::loopback::{Act, Server};
use test_support::secrets::QUERY;

/// The path of a response URL, which has to arrive unchanged.
pub(crate) const PATH: &str =
    "/arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack/demo/6c1c%7CScaling%7Cr-1";

/// The server of the response URL. It accepts every answer unless a test plans something else.
#[derive(Debug)]
pub(crate) struct CloudFormation {
    server: Server,
    script: Arc<Mutex<Script>>,
}

#[derive(Debug)]
struct Script {
    next: VecDeque<Act>,
    then: Act,
}

impl CloudFormation {
    /// Starts the server.
    pub(crate) async fn start() -> Self {
        let script = Arc::new(Mutex::new(Script { next: VecDeque::new(), then: Act::status(200) }));
        let shared = Arc::clone(&script);
        let decide = move |_: &Received| {
            let mut script = shared.lock().expect("not poisoned");
            script.next.pop_front().unwrap_or_else(|| script.then.clone())
        };
        Self { server: Server::start_with(decide).await, script }
    }

    /// The response URL, with its secrets.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}?{QUERY}", self.server.port)
    }

    /// The next PUTs meet these acts.
    pub(crate) fn plan(&self, acts: impl IntoIterator<Item = Act>) {
        self.script().next.extend(acts);
    }

    /// From now on, each PUT meets this act.
    pub(crate) fn always(&self, act: Act) {
        self.script().then = act;
    }

    /// From now on, each answer is accepted.
    pub(crate) fn recover(&self) {
        *self.script() = Script { next: VecDeque::new(), then: Act::status(200) };
    }

    /// Every PUT so far.
    pub(crate) fn puts(&self) -> Vec<Received> {
        self.server.received()
    }

    /// The last answer.
    pub(crate) fn answer(&self) -> Value {
        let puts = self.puts();
        serde_json::from_str(&puts.last().expect("an answer").body).expect("an answer is JSON")
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("not poisoned")
    }
}
