//! Lambda: asynchronous invocations, retries, duplicates, timeouts, and environments that are killed.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use test_support::function::{Deadline, FUNCTION_ARN, Services, handle};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::common::invocation::{QUEUED, judge, outcome, with_retries};
use crate::history::Duplicate;
use crate::world::{INVOCATION, Invocation, World};

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
        for duplicate in self.duplicates.iter().filter(|duplicate| duplicate.request == request) {
            self.deliver(request, payload.clone(), Duration::from_secs(duplicate.after));
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
            if !answered && !state.is_waiting(request) {
                // Documented limit: all retries failed, and CloudFormation has continued.
                state.excuse(request);
            }
            *state.open.get_mut(&key).expect("counted") -= 1;
        });
    }

    /// One invocation. `false`: Lambda retries.
    async fn run(&self, request: usize, payload: &str) -> bool {
        let deadline = {
            let mut state = self.world.state();
            if state.running.contains(&request) {
                // Documented limit: two deliveries of one request that run at the same time.
                state.excuse(request);
            }
            state.running.push(request);
            let clock = state.clock.date();
            Deadline::from_now(clock, clock + self.timeout)
        };
        let invocation = Arc::new(Invocation {
            lambda: self.clone(),
            request,
            deadline,
            killed: Notify::new(),
            sent: Mutex::default(),
            read: Mutex::default(),
            fresh_at: Mutex::default(),
            has_no_record: AtomicBool::new(false),
            met_trouble: AtomicBool::new(false),
        });
        let work = handle(payload, FUNCTION_ARN, deadline, &self.services);
        let work = INVOCATION.scope(Arc::clone(&invocation), AssertUnwindSafe(work).catch_unwind());
        let outcome = outcome(&invocation.killed, self.timeout, work).await;
        let mut state = self.world.state();

        let ended = state.running.iter().position(|running| *running == request).expect("it ran");
        state.running.swap_remove(ended);
        let (is_done, broken) = judge(request, outcome, &invocation.sent.lock().expect("not poisoned"));
        if let Some((_, text)) = broken {
            state.violation(text);
        }
        is_done
    }
}
