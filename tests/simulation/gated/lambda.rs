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
use crate::common::invocation::{QUEUED, judge, outcome, with_retries};

/// The function, deployed.
#[derive(Clone, Debug)]
pub(crate) struct Lambda {
    pub(crate) world: World,
    pub(crate) services: Services,
    pub(crate) duplicates: Arc<Vec<Duplicate>>,
    pub(crate) timeout: Duration,
}

impl Lambda {
    /// Queues a request, as an asynchronous invocation does, and again for each duplicate in the history.
    pub(crate) fn invoke(&self, request: usize) {
        let payload = self.world.state().requests[request].payload(request);
        self.deliver(request, payload.clone(), Duration::ZERO);
        let after_set_up = {
            let state = self.world.state();
            state.is_set_up.then(|| request - state.ledger.requests_before)
        };
        for duplicate in self.duplicates.iter().filter(|duplicate| Some(duplicate.request) == after_set_up) {
            self.deliver(request, payload.clone(), Duration::from_millis(duplicate.after));
        }
    }

    /// Queues the next invocation for a request, as the function has requested it.
    pub(crate) fn continue_with(&self, request: usize, payload: &str) {
        self.deliver(request, payload.to_owned(), QUEUED);
    }

    fn deliver(&self, request: usize, payload: String, after: Duration) {
        let lambda = self.clone();
        let key = {
            let mut state = self.world.state();
            let key = state.requests[request].key();
            *state.open.entry(key.clone()).or_default() += 1;
            key
        };
        tokio::task::spawn_local(async move {
            sleep(after).await;
            let answered = with_retries(async || lambda.run(request, &payload).await).await;
            let mut state = lambda.world.state();
            if !answered {
                state.note_unanswered(request);
            }
            *state.open.get_mut(&key).expect("counted") -= 1;
        });
    }

    /// One invocation. `false`: Lambda retries.
    async fn run(&self, request: usize, payload: &str) -> bool {
        self.world.state().note_late_delivery(request);
        let deadline = {
            let mut state = self.world.state();
            state.tell(|| format!("  {request}: invoked"));
            state.running.push(request);
            let clock = state.clock.date();
            Deadline::from_now(clock, clock + self.timeout)
        };
        let (lambda, killed, sent) = (self.clone(), Notify::new(), Mutex::default());
        let invocation = Arc::new(Invocation { lambda, request, deadline, killed, sent });
        let work = handle(payload, FUNCTION_ARN, deadline, &self.services);
        let work = INVOCATION.scope(Arc::clone(&invocation), AssertUnwindSafe(work).catch_unwind());
        let outcome = outcome(&invocation.killed, self.timeout, work).await;
        let mut state = self.world.state();
        let ended = state.running.iter().position(|running| *running == request).expect("it ran");
        state.running.swap_remove(ended);
        let (is_done, broken) = judge(request, outcome, &invocation.sent.lock().expect("not poisoned"));
        if let Some((kind, text)) = broken {
            state.violation(kind, text);
        }
        is_done
    }
}
