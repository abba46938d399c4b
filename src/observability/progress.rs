//! What a request is doing and has done. If the work is cut off, the answer says so.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::deadline::{Age, Stopwatch};
use crate::timing::WAIT_LOGGED_EVERY;

/// What one request is doing, and what it may have changed.
#[derive(Debug)]
pub struct Progress {
    age: Age,
    invocation: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    doing: String,
    /// What this invocation waits for, and when that was logged.
    wait: Option<(String, Stopwatch)>,
    /// The calls to AWS that are in flight.
    in_flight: Vec<&'static str>,
    cleanup_id: Option<String>,
    changes: u32,
    registrations: u32,
    registered: bool,
    tally: Tally,
}

/// The figures of the summary.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The decisions, in their order.
    pub decisions: Vec<Decision>,
    /// The calls to AWS.
    pub calls: u32,
    /// The retries of these calls.
    pub retries: u32,
}

/// What the request does to a target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Adopt a target that no stack of this function owns.
    Adopt,
    /// Register a target that is not registered.
    Create,
    /// Deregister a target that this resource registered.
    Deregister,
    /// Drop the snapshot of a target.
    DropSnapshot,
    /// Hand a target back to the resource that it was taken over from.
    HandBack,
    /// Change nothing: the rules refuse it.
    Refuse,
    /// Release an adopted target: remove our tags, and leave it registered.
    Release,
    /// Register a target again from its snapshot.
    Restore,
    /// Take a snapshot of a target and deregister it.
    Snapshot,
    /// Take a target over from another resource of this function.
    TakeOver,
    /// Register a target again that this resource owns.
    Update,
}

impl Tally {
    /// How often something was decided.
    pub fn count(&self, decision: Decision) -> usize {
        self.decisions.iter().filter(|decided| **decided == decision).count()
    }

    /// The names of the decisions, each once.
    pub fn decision(&self) -> String {
        let mut once = Vec::new();
        for decided in &self.decisions {
            if !once.contains(decided) {
                once.push(*decided);
            }
        }
        once.iter().map(|decided| format!("{decided:?}")).collect::<Vec<_>>().join(", ")
    }
}

/// A call to AWS that is in flight. It is the last thing that the request did if it is dropped without a reply.
#[derive(Debug)]
pub struct InFlight<'a> {
    progress: &'a Progress,
    operation: &'static str,
    /// Why the attempts so far failed.
    error: Option<String>,
}

impl InFlight<'_> {
    /// Notes that an attempt failed and the call is retried. If the call is cut off, the error is told.
    pub fn retrying(&mut self, error: &impl ToString) {
        self.error = Some(error.to_string());
        self.progress.state().tally.retries += 1;
    }

    /// Notes the reply. If other calls are in flight, the request now waits for one of these.
    pub fn replied(mut self) {
        let progress = self.progress;
        self.error = None;
        drop(self);
        let mut state = progress.state();
        if let Some(other) = state.in_flight.last() {
            state.doing = format!("calling {other}");
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut state = self.progress.state();
        if let Some(index) = state.in_flight.iter().rposition(|operation| *operation == self.operation) {
            state.in_flight.remove(index);
        }
        if let Some(error) = &self.error {
            state.doing = format!("retrying: {error}");
        }
    }
}

impl Progress {
    /// The progress of a request of this age in its invocation of this number.
    pub fn new(age: Age, invocation: u32) -> Self {
        let state = Mutex::new(State {
            doing: "reading the request".to_owned(),
            wait: None,
            in_flight: Vec::new(),
            cleanup_id: None,
            changes: 0,
            registrations: 0,
            registered: false,
            tally: Tally::default(),
        });
        Self { age, invocation, state }
    }

    /// The number of the invocation, from 1 on.
    pub fn invocation(&self) -> u32 {
        self.invocation
    }

    /// Notes what the request waits for. The text is a phrase that completes "while …". Logs it once, and then every few
    /// minutes.
    pub fn waiting(&self, what: String) {
        let mut state = self.state();
        let is_logged = |(logged, at): &(String, Stopwatch)| *logged == what && at.elapsed() < WAIT_LOGGED_EVERY;
        if !state.wait.as_ref().is_some_and(is_logged) {
            let age = self.age.elapsed();
            match (age.as_secs() >= 60, self.invocation) {
                (false, 1) => tracing::info!("{what}"),
                (true, 1) => tracing::info!("{what}, for {}", in_words(age)),
                (_, invocation) => tracing::info!("{what}, for {}, invocation {invocation}", in_words(age)),
            }
            state.wait = Some((what.clone(), Stopwatch::start()));
        }
        state.doing = what;
    }

    /// Whether this invocation has waited for something, and has attempted no change, before the wait or after it.
    pub fn has_only_waited(&self) -> bool {
        let state = self.state();
        state.wait.is_some() && state.changes == 0
    }

    /// Whether this invocation has waited for something.
    pub fn has_waited(&self) -> bool {
        self.state().wait.is_some()
    }

    /// Notes a call to AWS. It is in flight until the returned value is dropped.
    pub fn calling(&self, operation: &'static str) -> InFlight<'_> {
        let mut state = self.state();
        state.doing = format!("calling {operation}");
        state.in_flight.push(operation);
        state.tally.calls += 1;
        InFlight { progress: self, operation, error: None }
    }

    /// Notes a decision.
    pub fn decided(&self, decision: Decision) {
        self.state().tally.decisions.push(decision);
    }

    /// The figures of the summary.
    pub fn tally(&self) -> Tally {
        self.state().tally.clone()
    }

    /// What the request is doing.
    pub fn phrase(&self) -> String {
        self.state().doing.clone()
    }

    /// Notes that a Delete may have to clean up under this id. The request is about to make something, or an earlier
    /// delivery of it may have made it.
    pub fn needs_cleanup(&self, id: &impl ToString) {
        self.state().cleanup_id = Some(id.to_string());
    }

    /// Notes that nothing is registered for the resource.
    pub fn needs_no_cleanup(&self) {
        self.state().cleanup_id = None;
    }

    /// The id under which a Delete may have to clean up.
    pub fn cleanup_id(&self) -> Option<String> {
        self.state().cleanup_id.clone()
    }

    /// Notes an attempt of a call that changes something.
    pub fn changing(&self) {
        self.state().changes += 1;
    }

    /// Whether a call that changes something was attempted.
    pub fn may_have_changed(&self) -> bool {
        self.state().changes > 0
    }

    /// Notes an attempt to register or adopt a target.
    pub fn registering(&self) {
        self.state().registrations += 1;
    }

    /// Whether the request may have registered or adopted a target.
    pub fn may_have_registered(&self) -> bool {
        self.state().registrations > 0
    }

    /// Whether the request tried more than once to register or adopt. It may have undone what a Delete did in between.
    pub fn registered_repeatedly(&self) -> bool {
        self.state().registrations > 1
    }

    /// Notes that a target was registered. It may not be visible yet.
    pub fn registered(&self) {
        self.state().registered = true;
    }

    /// Whether a target was registered.
    pub fn has_registered(&self) -> bool {
        self.state().registered
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time in the unit in which people say it.
pub(crate) fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::deadline::Deadline;

    fn progress() -> Progress {
        let now = SystemTime::UNIX_EPOCH;
        Progress::new(Deadline::from_now(now, now).age(None, now), 1)
    }

    #[test]
    fn the_request_waits_for_the_call_that_is_still_in_flight() {
        let progress = progress();
        let slow = progress.calling("DescribeScalableTargets");
        progress.calling("DescribeEndpoint").replied();
        assert_eq!(progress.phrase(), "calling DescribeScalableTargets");
        slow.replied();
        assert_eq!(progress.phrase(), "calling DescribeScalableTargets", "it was the last");
    }

    #[test]
    fn a_call_that_was_cut_off_is_told_until_the_next_one() {
        let progress = progress();
        drop(progress.calling("DescribeStackResource"));
        assert_eq!(progress.phrase(), "calling DescribeStackResource");
        progress.calling("RegisterScalableTarget").replied();
        assert_eq!(progress.phrase(), "calling RegisterScalableTarget");
    }

    #[test]
    fn a_retried_call_that_was_cut_off_is_told_with_its_last_error() {
        let progress = progress();
        let mut register = progress.calling("RegisterScalableTarget");
        register.retrying(&"RegisterScalableTarget failed after 2 attempts");
        let check = progress.calling("DescribeStackResource");
        assert_eq!(progress.phrase(), "calling DescribeStackResource");
        drop(check);
        drop(register);
        assert_eq!(progress.phrase(), "retrying: RegisterScalableTarget failed after 2 attempts");

        let mut tag = progress.calling("TagResource");
        tag.retrying(&"TagResource failed");
        tag.replied();
        assert_eq!((progress.phrase().as_str(), progress.tally().retries), ("calling TagResource", 2));
    }

    #[test]
    fn a_time_is_told_in_seconds_or_minutes() {
        let told = [0, 59, 60, 119, 3_540].map(|seconds| in_words(Duration::from_secs(seconds)));
        assert_eq!(told, ["0 s", "59 s", "1 min", "1 min", "59 min"]);
    }

    #[test]
    fn a_request_has_only_waited_until_it_attempts_a_change() {
        let progress = progress();
        assert!(!progress.has_only_waited());
        progress.waiting("waiting for endpoint prod".to_owned());
        progress.calling("DescribeEndpoint").replied();
        assert!(progress.has_only_waited());
        progress.changing();
        assert!(!progress.has_only_waited() && progress.has_waited());
    }
}
