//! Every waiting time, poll schedule and time limit of the function, each with its reason.
//!
//! AWS documents few of them. A value without a link is an assumption; the reason says what it rests on.

use std::time::Duration;

/// Exponential delays with jitter. Each delay is a random part of a bound, and the bound doubles up to a limit.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The bound of the first delay.
    pub first: Duration,
    /// The bound that no later bound exceeds.
    pub longest: Duration,
    /// The part of its bound, from 0 to 1, that every delay takes. 0 is full jitter, 0.5 is half jitter.
    pub certain: f64,
}

impl Backoff {
    /// The delay after `attempts` attempts. `random` lies in `0.0..1.0`.
    pub fn delay(self, attempts: u32, random: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        let bound = self.first.saturating_mul(doubled).min(self.longest);
        bound.mul_f64(self.certain + (1.0 - self.certain) * random)
    }

    /// The same backoff, shortened so that several attempts fit into the time that is left.
    pub fn within(self, left: Duration) -> Self {
        Self { longest: self.longest.min(left / 4).max(CALLS.first), ..self }
    }
}

/// How often to poll, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// The pause after the first poll. Each later pause is longer by as much.
    pub step: Duration,
    /// The pause that no later pause exceeds.
    pub longest: Duration,
    /// When to stop polling. `None` polls until the request's work deadline cuts it off.
    pub stop_after: Option<Duration>,
}

impl Schedule {
    const fn every(pause: Duration, stop_after: Duration) -> Self {
        Self { step: pause, longest: pause, stop_after: Some(stop_after) }
    }

    /// The pause after so many polls.
    pub fn pause(self, polls: u32) -> Duration {
        self.step.saturating_mul(polls).min(self.longest)
    }

    /// The same schedule with another time limit.
    pub const fn for_at_most(self, stop_after: Duration) -> Self {
        Self { stop_after: Some(stop_after), ..self }
    }
}

/// Retries of calls to AWS. A collision or a broken connection passes soon.
pub const CALLS: Backoff =
    Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(10), certain: 0.0 };

/// Retries of throttled calls. A stack with hundreds of variants sends hundreds of Creates at once, which share the
/// account's rate limit.
/// `tests/throttled_crowd.rs` compares schedules; `docs/DESIGN.md` shows the figures.
pub const THROTTLED: Backoff =
    Backoff { first: Duration::from_secs(4), longest: Duration::from_secs(10), certain: 0.5 };

/// How much longer than its schedule a retry waits at most because the service sends `x-amz-retry-after`.
pub const RETRY_AFTER_EXCESS: Duration = Duration::from_secs(5);

/// How long one attempt of a call to AWS may take. A control plane that is silent for longer rarely answers.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Retries of the answer. CloudFormation waits for it, so they are quicker than other retries.
pub const ANSWERS: Backoff =
    Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(3), certain: 0.0 };

/// The shortest and the longest time limit of one attempt to deliver the answer.
pub const ANSWER_ATTEMPT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Polls of an endpoint or an inference component. Endpoints change in minutes, a scaling activity in one or two.
pub const ENDPOINT: Schedule =
    Schedule { step: Duration::from_secs(1), longest: Duration::from_secs(15), stop_after: None };

/// How long a change may take until every read shows it: a new target, its tags, a written parameter. AWS calls these reads
/// eventually consistent. Assumed (beliefs target-visible, tags-visible, parameter-visible): the figure.
pub const VISIBLE_WITHIN: Duration = Duration::from_secs(6);

/// How long after its registration a target may still get its policies and actions, and until reads show them.
pub const COMPLETE_WITHIN: Duration = Duration::from_secs(12);

/// Polls until a change of ours is visible.
pub const VISIBLE: Schedule = Schedule::every(Duration::from_millis(500), VISIBLE_WITHIN);

/// Polls for a registration that somebody else may be making at this moment. The caller says for how long.
pub const REGISTRATION: Schedule = Schedule::every(Duration::from_secs(2), VISIBLE_WITHIN);

/// How long a request may act on what it read. After that it reads again.
pub const READ_VALID: Duration = Duration::from_secs(5);

/// How old a snapshot may be when its target is deregistered. After that the target is read again, once: another stack may
/// have changed it. Storing a snapshot may take [`VISIBLE_WITHIN`].
pub const SNAPSHOT_VALID: Duration = Duration::from_secs(15);

/// A request that is older than this asks CloudFormation whether it is still fresh. A younger one saves the call.
pub const FRESHNESS_CHECKED_AFTER: Duration = Duration::from_secs(5);

/// The minimum age of a Delete before it concludes that nothing is registered for its resource. It covers the longest
/// unchecked Create ([`FRESHNESS_CHECKED_AFTER`]), [`VISIBLE_WITHIN`], and a second of clock difference.
pub const NOTHING_REGISTERED_AFTER: Duration = Duration::from_secs(12);

/// How long a resource's recorded status may lag behind CloudFormation's actions. Assumed (belief record-lag).
pub const RECORD_LAG: Duration = Duration::from_secs(2);

/// How much later than its request a resource's status may change and still count as changed by that request. The response URL
/// dates the request to the second. Assumed (belief request-date): CloudFormation changes the status when it sends the request.
pub const SAME_EVENT: Duration = Duration::from_secs(3);

/// The longest wait for CloudFormation's record. A request that gets no reply counts as fresh.
pub const RECORD_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause between two calls of a report to CloudFormation, and between two calls to the other services: nine a second each.
///
/// Assumed (belief request-rates): ten a second, as `docs/SCALE.md` does; AWS documents no limit. Nine leave room for requests.
pub const PACE: Duration = Duration::from_millis(110);

/// A report starts another chunk of targets only if this much time is left: for the calls of the chunk, for the snapshots, and
/// for declared targets that are not registered.
pub const TO_END_A_REPORT: Duration = Duration::from_secs(60);

/// How far back a report looks for scaling activities.
pub const RECENT_ACTIVITIES: Duration = Duration::from_secs(86_400);

/// The age at which a snapshot is reported as stale. A deployment is expected to finish within a day.
pub const STALE_SNAPSHOT: Duration = Duration::from_secs(86_400);

/// The minimum time to work with once `ServiceTimeout` has passed.
pub const MIN_WORK_BUDGET: Duration = Duration::from_secs(1);

/// How long CloudFormation waits without a `ServiceTimeout`, which is also the longest `ServiceTimeout`:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html>.
pub const SERVICE_TIMEOUT: Duration = Duration::from_secs(3_600);

/// The time until `ServiceTimeout` that another invocation needs at least: to start, to work, and [`ANSWER_RESERVE`].
pub const MIN_CONTINUATION: Duration = Duration::from_secs(60);

/// How often a request that waits for the same thing logs that.
pub const WAIT_LOGGED_EVERY: Duration = Duration::from_secs(300);

/// The time to assume where Lambda gives a deadline in the past, as `cargo lambda watch` does (it sends 1970).
pub const ASSUMED_INVOCATION: Duration = Duration::from_secs(60);

/// The time kept at the end of an invocation, so that it can still report a failed delivery. At most a twentieth.
pub const REPORT_MARGIN: Duration = Duration::from_secs(1);

/// The time that a gate keeps to restore what it has deregistered, if it runs out of time. At most an eighth of what is left. A restore
/// makes about ten calls for each target, waits [`RECORD_LAG`] for one of another stack, and [`VISIBLE_WITHIN`] once.
pub const RESTORE_RESERVE: Duration = Duration::from_secs(60);

/// The time kept for the answer. At most a quarter of what is left.
pub const ANSWER_RESERVE: Duration = Duration::from_secs(30);

/// The time limit of a TCP and TLS handshake.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an idle connection is used again. AWS does not say how long its servers keep one open. Endpoints are
/// polled every 15 s, so a waiting request keeps its connection.
pub const IDLE_CONNECTION: Duration = Duration::from_secs(20);

/// How long the start of the process waits for preconnected connections. Its CPU is not throttled, but the first event
/// waits, too.
pub const PRECONNECT_BUDGET: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_up_to_the_longest_and_a_delay_is_a_part_of_its_bound() {
        let bounds = [1, 2, 3, 6, 7, 40, u32::MAX].map(|attempts| CALLS.delay(attempts, 1.0).as_millis());
        assert_eq!(bounds, [200, 400, 800, 6_400, 10_000, 10_000, 10_000]);
        assert_eq!(CALLS.delay(3, 0.5).as_millis(), 400);
        assert_eq!(CALLS.delay(3, 0.0), Duration::ZERO);
    }

    #[test]
    fn half_of_a_throttled_calls_delay_is_certain() {
        assert_eq!([1, 2, 3].map(|attempts| THROTTLED.delay(attempts, 0.0).as_secs()), [2, 4, 5]);
        assert_eq!([1, 2, 3].map(|attempts| THROTTLED.delay(attempts, 1.0).as_secs()), [4, 8, 10]);
    }

    #[test]
    fn several_attempts_fit_into_little_time() {
        for (left, longest) in [(60_000, 10_000), (20_000, 5_000), (4_000, 1_000), (100, 200)] {
            let shortened = THROTTLED.within(Duration::from_millis(left));
            assert_eq!(shortened.delay(9, 1.0).as_millis(), longest, "{left}");
        }
    }

    #[test]
    fn an_endpoint_is_polled_less_and_less_often() {
        assert_eq!([1, 2, 15, 16, u32::MAX].map(|polls| ENDPOINT.pause(polls).as_secs()), [1, 2, 15, 15, 15]);
    }
}
