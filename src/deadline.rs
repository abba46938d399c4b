//! When to stop working and when to stop answering; the only reader of the clock.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The two deadlines of one invocation.
///
/// Lambda gives no warning before it kills an invocation that runs too long, so the work ends early enough to still
/// answer, and the answering ends early enough to still report that it failed.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    start: Instant,
    start_by_clock: SystemTime,
    work: Instant,
    answer: Instant,
}

impl Deadline {
    /// Splits the time until `invocation_ends`, as the `Lambda-Runtime-Deadline-Ms` header tells it.
    pub fn new(invocation_ends: SystemTime) -> Self {
        Self::from_now(now(), invocation_ends)
    }

    /// The same by another clock, which shows `now`.
    #[expect(clippy::disallowed_methods, reason = "the one place where time is read")]
    pub fn from_now(now: SystemTime, invocation_ends: SystemTime) -> Self {
        let left = invocation_ends.duration_since(now).unwrap_or_default();
        let (work, answer) = split(left);
        let start = Instant::now();
        Self { start, start_by_clock: now, work: start + work, answer: start + answer }
    }

    /// The age of a request that CloudFormation made at a time by that clock, or, where that is not known, of one that
    /// it made when the invocation began.
    pub fn age(&self, made: Option<SystemTime>) -> Age {
        let at_start = made.and_then(|made| self.start_by_clock.duration_since(made).ok()).unwrap_or_default();
        Age { made, at_start, start: self.start }
    }

    /// The same, with work that ends early enough to answer within a limit from now.
    #[expect(clippy::disallowed_methods, reason = "the one place where time is read")]
    pub fn no_later_than(&self, limit: Duration) -> Self {
        let (work, _) = split(limit);
        Self { work: self.work.min(Instant::now() + work), ..*self }
    }

    /// The time by the clock that the invocation began by.
    pub fn now(&self) -> SystemTime {
        self.start_by_clock + self.start.elapsed()
    }

    /// When the work has to end.
    pub fn work(&self) -> Instant {
        self.work
    }

    /// The time left for work.
    #[expect(clippy::disallowed_methods, reason = "the one place where time is read")]
    pub fn left_to_work(&self) -> Duration {
        self.work.saturating_duration_since(Instant::now())
    }

    /// The time left for answering.
    #[expect(clippy::disallowed_methods, reason = "the one place where time is read")]
    pub fn left_to_answer(&self) -> Duration {
        self.answer.saturating_duration_since(Instant::now())
    }
}

/// The time by the clock of this machine.
#[expect(clippy::disallowed_methods, reason = "the one place where time is read")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Measures how long something took.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[expect(clippy::disallowed_methods, reason = "the one place where time is read")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// How old a request is.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    made: Option<SystemTime>,
    at_start: Duration,
    start: Instant,
}

impl Age {
    /// When CloudFormation made it, where that is known.
    pub fn made(&self) -> Option<SystemTime> {
        self.made
    }

    /// The time since it was made.
    pub fn elapsed(&self) -> Duration {
        self.at_start.saturating_add(self.start.elapsed())
    }
}

/// How much of the time that is left goes to work, and how much to work and answering together.
///
/// `cargo lambda watch` sends a deadline of 1970; a deadline that lies in the past on arrival is none.
fn split(left: Duration) -> (Duration, Duration) {
    let left = if left.is_zero() { ASSUMED } else { left.min(LONGEST) };
    let answer = left - (left / 20).min(LONGEST_MARGIN);
    (answer - (answer / 4).min(LONGEST_RESERVE), answer)
}

const ASSUMED: Duration = Duration::from_secs(60);
/// No invocation of Lambda's runs longer: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const LONGEST: Duration = Duration::from_secs(900);
const LONGEST_MARGIN: Duration = Duration::from_secs(1);
const LONGEST_RESERVE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_follows_the_time_that_is_left() {
        for (left, work, answer) in [(3_000, 2_137, 2_850), (60_000, 44_250, 59_000), (900_000, 869_000, 899_000)] {
            let got = split(Duration::from_millis(left));
            assert_eq!((got.0.as_millis(), got.1.as_millis()), (work, answer), "{left}");
        }
    }

    #[test]
    fn some_time_is_left_for_each_step_however_short_it_is() {
        for millis in 1..5_000 {
            let left = Duration::from_millis(millis);
            let (work, answer) = split(left);
            assert!(Duration::ZERO < work && work < answer && answer < left, "{millis}");
        }
    }

    #[test]
    fn a_deadline_in_the_past_is_none() {
        let deadline = Deadline::new(SystemTime::UNIX_EPOCH + Duration::from_secs(600));
        assert!(deadline.left_to_work() > Duration::from_secs(40));
    }

    #[test]
    fn a_deadline_in_the_far_future_is_held_to_lambdas_longest() {
        assert!(split(Duration::from_secs(1_000_000)).1 < LONGEST);
    }
}
