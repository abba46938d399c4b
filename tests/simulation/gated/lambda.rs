//! Lambda: asynchronous invocations, retries, duplicates, timeouts, and environments that are killed.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use test_support::function::{Deadline, FUNCTION_ARN, Services, handle};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::history::Duplicate;
use super::world::{INVOCATION, Invocation, World};

/// The function, deployed.
#[derive(Clone, Debug)]
pub(crate) struct Lambda {
    pub(crate) world: World,
    pub(crate) services: Services,
    pub(crate) duplicates: Arc<Vec<Duplicate>>,
}

impl Lambda {
    /// Queues a request, as an asynchronous invocation does, and again for each duplicate in the history.
    pub(crate) fn invoke(&self, request: usize) {
        self.deliver(request, 0);
        let after_set_up = {
            let state = self.world.state();
            state.is_set_up.then(|| request - state.ledger.requests_before)
        };
        for duplicate in self.duplicates.iter().filter(|duplicate| Some(duplicate.request) == after_set_up) {
            self.deliver(request, duplicate.after);
        }
    }

    fn deliver(&self, request: usize, after: u64) {
        let lambda = self.clone();
        let key = {
            let mut state = self.world.state();
            let key = state.requests[request].key();
            *state.open.entry(key.clone()).or_default() += 1;
            key
        };
        tokio::task::spawn_local(async move {
            sleep(Duration::from_millis(after)).await;
            // One attempt and two retries, as `template.yaml` says: after one minute, and after two.
            // https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
            let mut answered = false;
            for pause in [0, 60, 120] {
                sleep(Duration::from_secs(pause)).await;
                answered = lambda.run(request).await;
                if answered {
                    break;
                }
            }
            let mut state = lambda.world.state();
            if !answered {
                state.note_unanswered(request);
            }
            *state.open.get_mut(&key).expect("counted") -= 1;
        });
    }

    /// One invocation. `false`: Lambda retries.
    async fn run(&self, request: usize) -> bool {
        let invocation =
            Arc::new(Invocation { world: self.world.clone(), request, killed: Notify::new(), sent: Mutex::default() });
        let (payload, deadline) = {
            let mut state = self.world.state();
            state.tell(|| format!("  {request}: invoked"));
            state.running.push(request);
            let clock = state.clock();
            (state.requests[request].payload(request), Deadline::from_now(clock, clock + TIMEOUT))
        };
        let work = handle(&payload, FUNCTION_ARN, deadline, &self.services);
        let work = INVOCATION.scope(Arc::clone(&invocation), AssertUnwindSafe(work).catch_unwind());
        let outcome = tokio::select! {
            biased;
            () = invocation.killed.notified() => None,
            () = sleep(TIMEOUT) => Some(Err("ran into Lambda's timeout".to_owned())),
            outcome = work => outcome.ok().map(|outcome| outcome.map_err(|error| error.to_string())),
        };
        let mut state = self.world.state();
        let ended = state.running.iter().position(|running| *running == request).expect("it ran");
        state.running.swap_remove(ended);
        let taken = invocation.sent.lock().expect("not poisoned").taken;
        // Invariant: every invocation is answered, or fails, so that Lambda retries it.
        match outcome {
            None => false,
            Some(Ok(())) if taken == 1 => true,
            Some(Ok(())) => {
                state.violation("answered once", format!("request {request} ended well with {taken} answers"));
                true
            }
            Some(Err(error)) => {
                if taken > 0 || error.starts_with("ran into") {
                    state.violation("in time", format!("request {request} was answered, but {error}"));
                }
                false
            }
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(900);
