//! How far a request has come: what an answer has to know when the work was cut off at any point.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What one request is doing, and what may be registered because of it.
#[derive(Debug)]
pub struct Progress(Mutex<State>);

#[derive(Debug)]
struct State {
    doing: String,
    waited: String,
    /// The calls to AWS that go on.
    calling: Vec<&'static str>,
    to_clean_up: Option<String>,
    claims: u32,
    registered: bool,
    tally: Tally,
}

/// What a request did, for its line in the log.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// What was decided, in this order.
    pub decisions: Vec<Decision>,
    /// The calls to AWS.
    pub calls: u32,
    /// How often one of them was tried again.
    pub retries: u32,
}

/// What is done about a target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Take over one that no stack owned.
    Adopt,
    /// Register one that was parked as it was.
    BringBack,
    /// Register one that nobody holds.
    Create,
    /// Deregister ours.
    Deregister,
    /// Drop what is parked of one.
    Forget,
    /// Write one down, and deregister it.
    Park,
    /// Touch none: the rules say no.
    Refuse,
    /// Give up one that was adopted.
    Release,
    /// Register ours again.
    Renew,
}

impl Tally {
    /// How often something was decided.
    pub fn count(&self, decision: Decision) -> usize {
        self.decisions.iter().filter(|decided| **decided == decision).count()
    }

    /// The names of what was decided, each once.
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

/// A call to AWS that goes on.
#[derive(Debug)]
pub struct Calling<'a> {
    progress: &'a Progress,
    operation: &'static str,
}

impl Calling<'_> {
    /// Notes that there is a reply. Where other calls go on, it is they that are waited for.
    pub fn has_ended(self) {
        let progress = self.progress;
        drop(self);
        let mut state = progress.state();
        if let Some(other) = state.calling.last() {
            state.doing = format!("calling {other}");
        }
    }
}

/// A call that is cut off is what was being done then.
impl Drop for Calling<'_> {
    fn drop(&mut self) {
        let mut state = self.progress.state();
        if let Some(place) = state.calling.iter().rposition(|operation| *operation == self.operation) {
            state.calling.remove(place);
        }
    }
}

impl Progress {
    /// Nothing is done yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            doing: "reading the request".to_owned(),
            waited: String::new(),
            calling: Vec::new(),
            to_clean_up: None,
            claims: 0,
            registered: false,
            tally: Tally::default(),
        }))
    }

    /// Notes what is being done, as a phrase that completes "while …".
    pub fn doing(&self, what: impl Into<String>) {
        self.state().doing = what.into();
    }

    /// The same, of what may last: the log tells it, once.
    pub fn waits(&self, what: String) {
        let mut state = self.state();
        if state.waited != what {
            tracing::info!("{what}");
            state.waited.clone_from(&what);
        }
        state.doing = what;
    }

    /// Notes a call to AWS, which goes on until what this returns is dropped.
    pub fn calls(&self, operation: &'static str) -> Calling<'_> {
        let mut state = self.state();
        state.doing = format!("calling {operation}");
        state.calling.push(operation);
        state.tally.calls += 1;
        Calling { progress: self, operation }
    }

    /// Notes that a call is tried again.
    pub fn tries_again(&self) {
        self.state().tally.retries += 1;
    }

    /// Notes what is about to be done.
    pub fn decided(&self, decision: Decision) {
        self.state().tally.decisions.push(decision);
    }

    /// What was done.
    pub fn tally(&self) -> Tally {
        self.state().tally.clone()
    }

    /// What is being done.
    pub fn phrase(&self) -> String {
        self.state().doing.clone()
    }

    /// From now on a Delete may have to clean up under an id: something is about to be made, or an earlier delivery of
    /// the same request may have made it.
    pub fn to_be_cleaned_up(&self, id: &impl ToString) {
        self.state().to_clean_up = Some(id.to_string());
    }

    /// It is certain now that nothing is there for the resource that asks.
    pub fn nothing_to_clean_up(&self) {
        self.state().to_clean_up = None;
    }

    /// The id under which a Delete may have to clean up.
    pub fn to_clean_up(&self) -> Option<String> {
        self.state().to_clean_up.clone()
    }

    /// Notes an attempt to register a target or to take it over.
    pub fn claims(&self) {
        self.state().claims += 1;
    }

    /// Whether a target was claimed at all.
    pub fn has_claimed(&self) -> bool {
        self.state().claims > 0
    }

    /// Whether a target was claimed more than once: what somebody took away in between is there again.
    pub fn has_claimed_again(&self) -> bool {
        self.state().claims > 1
    }

    /// Notes that a target was registered, though not everybody may see it yet.
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
    fn of_two_calls_the_one_that_goes_on_is_told() {
        let progress = Progress::new();
        let slow = progress.calls("DescribeScalableTargets");
        progress.calls("DescribeEndpoint").has_ended();
        assert_eq!(progress.phrase(), "calling DescribeScalableTargets");
        slow.has_ended();
        assert_eq!(progress.phrase(), "calling DescribeScalableTargets", "it was the last");
    }

    #[test]
    fn a_call_that_was_cut_off_is_told_until_the_next() {
        let progress = Progress::new();
        drop(progress.calls("DescribeStackResource"));
        assert_eq!(progress.phrase(), "calling DescribeStackResource");
        progress.calls("RegisterScalableTarget").has_ended();
        assert_eq!(progress.phrase(), "calling RegisterScalableTarget");
    }
}
