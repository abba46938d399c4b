//! What a request is doing and has done. If the work is cut off, the answer says so.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What one request is doing, and what it may have changed.
#[derive(Debug)]
pub struct Progress(Mutex<State>);

#[derive(Debug)]
struct State {
    doing: String,
    logged_wait: String,
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
    /// Take over a target that no stack of this function owns.
    Adopt,
    /// Register a target that is not registered.
    Create,
    /// Deregister a target that this resource registered.
    Deregister,
    /// Drop the snapshot of a target.
    DropSnapshot,
    /// Change nothing: the rules refuse it.
    Refuse,
    /// Release an adopted target: remove our tags, and leave it registered.
    Release,
    /// Register a target again from its snapshot.
    Restore,
    /// Take a snapshot of a target and deregister it.
    Snapshot,
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
}

impl InFlight<'_> {
    /// Notes the reply. If other calls are in flight, the request now waits for one of these.
    pub fn replied(self) {
        let progress = self.progress;
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
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self(Mutex::new(State {
            doing: "reading the request".to_owned(),
            logged_wait: String::new(),
            in_flight: Vec::new(),
            cleanup_id: None,
            changes: 0,
            registrations: 0,
            registered: false,
            tally: Tally::default(),
        }))
    }
}

impl Progress {
    /// Notes what the request waits for, and logs it once. The text is a phrase that completes "while …".
    pub fn waiting(&self, what: String) {
        let mut state = self.state();
        if state.logged_wait != what {
            tracing::info!("{what}");
            state.logged_wait.clone_from(&what);
        }
        state.doing = what;
    }

    /// Notes a call to AWS. It is in flight until the returned value is dropped.
    pub fn calling(&self, operation: &'static str) -> InFlight<'_> {
        let mut state = self.state();
        state.doing = format!("calling {operation}");
        state.in_flight.push(operation);
        state.tally.calls += 1;
        InFlight { progress: self, operation }
    }

    /// Notes a retry of a call.
    pub fn retrying(&self) {
        self.state().tally.retries += 1;
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_waits_for_the_call_that_is_still_in_flight() {
        let progress = Progress::default();
        let slow = progress.calling("DescribeScalableTargets");
        progress.calling("DescribeEndpoint").replied();
        assert_eq!(progress.phrase(), "calling DescribeScalableTargets");
        slow.replied();
        assert_eq!(progress.phrase(), "calling DescribeScalableTargets", "it was the last");
    }

    #[test]
    fn a_call_that_was_cut_off_is_told_until_the_next_one() {
        let progress = Progress::default();
        drop(progress.calling("DescribeStackResource"));
        assert_eq!(progress.phrase(), "calling DescribeStackResource");
        progress.calling("RegisterScalableTarget").replied();
        assert_eq!(progress.phrase(), "calling RegisterScalableTarget");
    }
}
