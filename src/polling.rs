//! Polling: the one way to wait for a change that somebody else makes.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::sleep;

use crate::deadline::Stopwatch;
use crate::timing::Schedule;

/// Calls `step` until it breaks with a result, and pauses by the schedule in between.
///
/// Returns `Err` of the last step's state when the schedule is over, or `budget` leaves no time for another poll. The last
/// poll of a schedule starts at its end or later, however slow the polls before it were. At least one step is taken.
/// `budget` is the time that the caller's deadline leaves.
pub async fn poll<T, S, E>(
    schedule: Schedule,
    budget: Duration,
    mut step: impl AsyncFnMut() -> Result<ControlFlow<T, S>, E>,
) -> Result<Result<T, S>, E> {
    let stopwatch = Stopwatch::start();
    let end = schedule.stop_after.unwrap_or(Duration::MAX);
    for polls in 1.. {
        let started = stopwatch.elapsed();
        let state = match step().await? {
            ControlFlow::Break(found) => return Ok(Ok(found)),
            ControlFlow::Continue(state) => state,
        };
        let elapsed = stopwatch.elapsed();
        let pause = schedule.pause(polls).min(end.saturating_sub(elapsed));
        if started >= end || elapsed.saturating_add(pause) > budget {
            return Ok(Err(state));
        }
        sleep(pause).await;
    }
    unreachable!("u32 counts more polls than an invocation has time for")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::timing::VISIBLE;

    async fn polls(schedule: Schedule, budget: Duration, found_at: u32) -> (Result<u32, u32>, Duration) {
        let stopwatch = Stopwatch::start();
        let mut polls = 0;
        let step = async || {
            polls += 1;
            let flow = if polls == found_at { ControlFlow::Break(polls) } else { ControlFlow::Continue(polls) };
            Ok::<_, Infallible>(flow)
        };
        let Ok(end) = poll(schedule, budget, step).await;
        (end, stopwatch.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn polling_ends_with_what_is_found() {
        assert_eq!(polls(VISIBLE, Duration::MAX, 1).await, (Ok(1), Duration::ZERO));
        assert_eq!(polls(VISIBLE, Duration::MAX, 3).await, (Ok(3), Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn polling_ends_with_the_last_state_when_the_schedule_or_the_budget_is_over() {
        assert_eq!(polls(VISIBLE, Duration::MAX, 99).await, (Err(13), Duration::from_secs(6)));
        assert_eq!(polls(VISIBLE, Duration::from_secs(1), 99).await, (Err(3), Duration::from_secs(1)));
        assert_eq!(polls(VISIBLE, Duration::ZERO, 99).await, (Err(1), Duration::ZERO));
        let schedule = VISIBLE.for_at_most(Duration::from_millis(1_200));
        assert_eq!(polls(schedule, Duration::MAX, 99).await, (Err(4), Duration::from_millis(1_200)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_poll_starts_at_the_end_of_the_schedule_or_later() {
        let mut starts = Vec::new();
        let stopwatch = Stopwatch::start();
        let step = async || {
            starts.push(stopwatch.elapsed().as_secs());
            sleep(Duration::from_secs(4)).await;
            Ok::<_, Infallible>(ControlFlow::<()>::Continue(()))
        };
        let Ok(end) = poll(VISIBLE, Duration::MAX, step).await;
        assert_eq!((end, starts), (Err(()), vec![0, 4, 8]));
    }
}
