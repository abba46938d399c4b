//! The Lambda Runtime API, the local AWS and the receiver of answers, at one address of this machine.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use local_aws::Fault;
use serde_json::Value;
use test_support::account::{Account, forget_identity};
use test_support::secrets::assert_no_secret;

use super::http::wait_for_close;
use super::server::{Shared, State, now};

/// Everything outside the process. It ends, with all its threads, when it is dropped.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
}

impl World {
    /// A world with one endpoint, `MyEndPoint`, that has the variants `MyVariant` and `MyOtherVariant`.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared::default());
        let server = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.serve(&listener)
        });
        let world = Self { port, shared, server: Some(server) };
        world.create_endpoint("MyEndPoint", &["MyVariant", "MyOtherVariant"]);
        world
    }

    /// The targets with their tags, without ARNs and times.
    pub(crate) fn state_of_targets(&self) -> Vec<Value> {
        let mut targets = self.tagged_targets();
        targets.iter_mut().for_each(forget_identity);
        targets
    }

    /// The answers since the last call of this method, without ARNs.
    pub(crate) fn answers(&self) -> Vec<Value> {
        let answers = std::mem::take(&mut self.state().answers).into_iter().map(|(_, mut answer)| {
            if let Some(arn) = answer.pointer_mut("/Data/ScalableTargetARN") {
                *arn = Value::Null;
            }
            answer
        });
        answers.collect()
    }

    /// The only answer since the last call of `answers`.
    pub(crate) fn answer(&self) -> Value {
        let [answer] = &self.answers()[..] else { panic!("one answer") };
        answer.clone()
    }

    /// Locks the state for a change.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Waits until `find` finds something in the state.
    pub(crate) fn wait<T>(&self, limit: Duration, find: impl Fn(&State) -> Option<T>) -> Option<T> {
        let end = Instant::now() + limit;
        let mut state = self.shared.read_state();
        loop {
            if let Some(found) = find(&state) {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            state = self.shared.changed().wait_timeout(state, left).expect("not poisoned").0;
        }
    }

    /// Waits until all requests of a dead process have taken effect.
    ///
    /// Connections are accepted in order: those of the dead process come before this one.
    pub(crate) fn settle(&self) {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("the server runs");
        (&stream).write_all(b"GET /settled HTTP/1.1\r\n\r\n").expect("the server runs");
        wait_for_close(&stream);
    }
}

impl Account for World {
    fn call(&self, target: &str, input: &Value) -> Result<Value, Fault> {
        self.state().aws.call(target, input, now())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.state().closed = true;
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        let ended = self.server.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the server panicked");
            assert_no_secret(&self.state().heard, &[]);
        }
    }
}
