//! When to stop working and when to stop answering. This is the only module that reads the clock.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::timing::{ANSWER_RESERVE, ASSUMED_INVOCATION, REPORT_MARGIN};

/// The two deadlines of one invocation.
///
/// Lambda kills an invocation that runs too long without a warning. So the work ends early enough to answer, and the
/// answering ends early enough to report a failed delivery.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    start: Instant,
    start_by_clock: SystemTime,
    work: Instant,
    answer: Instant,
}

impl Deadline {
    /// Splits the time until `invocation_ends`, which Lambda sends in the `Lambda-Runtime-Deadline-Ms` header.
    pub fn new(invocation_ends: SystemTime) -> Self {
        Self::from_now(now(), invocation_ends)
    }

    /// The same for a clock that shows `now`.
    #[expect(clippy::disallowed_methods, reason = "this module reads the clock")]
    pub fn from_now(now: SystemTime, invocation_ends: SystemTime) -> Self {
        let left = invocation_ends.duration_since(now).unwrap_or_default();
        let (work, answer) = split(left);
        let start = Instant::now();
        Self { start, start_by_clock: now, work: start + work, answer: start + answer }
    }

    /// When the invocation began, by that clock.
    pub fn began(&self) -> SystemTime {
        self.start_by_clock
    }

    /// The age of a request that CloudFormation sent at a time by that clock. A request without a known time counts as
    /// sent when its first invocation began.
    pub fn age(&self, sent: Option<SystemTime>, first_began: SystemTime) -> Age {
        let at_start = self.start_by_clock.duration_since(sent.unwrap_or(first_began)).unwrap_or_default();
        Age { sent, at_start, start: self.start }
    }

    /// The same deadlines, with work that ends early enough to answer within `limit` from now.
    #[expect(clippy::disallowed_methods, reason = "this module reads the clock")]
    pub fn no_later_than(&self, limit: Duration) -> Self {
        let (work, _) = split(limit);
        Self { work: self.work.min(Instant::now() + work), ..*self }
    }

    /// The same deadlines after the work has ended, with a part of the time for the answer to work in.
    #[expect(clippy::disallowed_methods, reason = "this module reads the clock")]
    pub fn hand_over(&self) -> Self {
        Self { work: Instant::now() + self.left_to_answer() / 2, ..*self }
    }

    /// The time now, by the clock that this deadline was made with.
    pub fn now(&self) -> SystemTime {
        self.start_by_clock + self.start.elapsed()
    }

    /// When the work has to end.
    pub fn work(&self) -> Instant {
        self.work
    }

    /// The time left for work.
    #[expect(clippy::disallowed_methods, reason = "this module reads the clock")]
    pub fn left_to_work(&self) -> Duration {
        self.work.saturating_duration_since(Instant::now())
    }

    /// The time left for answering.
    #[expect(clippy::disallowed_methods, reason = "this module reads the clock")]
    pub fn left_to_answer(&self) -> Duration {
        self.answer.saturating_duration_since(Instant::now())
    }
}

/// The time by the clock of the machine.
#[expect(clippy::disallowed_methods, reason = "this module reads the clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Measures how long something took.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[expect(clippy::disallowed_methods, reason = "this module reads the clock")]
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
    sent: Option<SystemTime>,
    at_start: Duration,
    start: Instant,
}

impl Age {
    /// When CloudFormation sent the request, if the response URL has a date.
    pub fn sent(&self) -> Option<SystemTime> {
        self.sent
    }

    /// The time since this invocation began.
    pub fn in_this_invocation(&self) -> Duration {
        self.start.elapsed()
    }

    /// The time since CloudFormation sent the request.
    pub fn elapsed(&self) -> Duration {
        self.at_start.saturating_add(self.start.elapsed())
    }
}

/// How much of the time that is left goes to work, and how much to work and answering together.
///
/// A deadline that lies in the past on arrival is no deadline.
fn split(left: Duration) -> (Duration, Duration) {
    let left = if left.is_zero() { ASSUMED_INVOCATION } else { left };
    let answer = left - (left / 20).min(REPORT_MARGIN);
    (answer - (answer / 4).min(ANSWER_RESERVE), answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_split_into_work_and_answering() {
        for (left, work, answer) in [
            (3_000, 2_137, 2_850),
            (60_000, 44_250, 59_000),
            (900_000, 869_000, 899_000),
            (5_400_000, 5_369_000, 5_399_000),
        ] {
            let got = split(Duration::from_millis(left));
            assert_eq!((got.0.as_millis(), got.1.as_millis()), (work, answer), "{left}");
        }
    }

    #[test]
    fn each_step_has_some_time_in_the_shortest_invocation() {
        for millis in 1..5_000 {
            let left = Duration::from_millis(millis);
            let (work, answer) = split(left);
            assert!(Duration::ZERO < work && work < answer && answer < left, "{millis}");
        }
    }

    #[test]
    fn a_deadline_in_the_past_counts_as_a_minute() {
        let deadline = Deadline::new(SystemTime::UNIX_EPOCH + Duration::from_secs(600));
        assert!(deadline.left_to_work() > Duration::from_secs(40));
    }

    #[test]
    fn a_deadline_in_the_far_future_is_taken_as_it_is() {
        let years = Duration::from_secs(3_000_000_000);
        let deadline = Deadline::new(now() + years);
        assert!(deadline.left_to_work() > years - Duration::from_secs(60));
    }
}
