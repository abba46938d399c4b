//! Polling: the one way to wait for a change that somebody else makes.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::sleep;

use crate::deadline::Stopwatch;
use crate::timing::Schedule;

/// Calls `step` until it breaks with a result, and pauses by the schedule in between.
///
/// Returns `Err` of the last step's state when the schedule or `budget` leaves no time for another poll.
/// At least one step is taken. `budget` is the time that the caller's deadline leaves.
pub async fn poll<T, S, E>(
    schedule: Schedule,
    budget: Duration,
    mut step: impl AsyncFnMut() -> Result<ControlFlow<T, S>, E>,
) -> Result<Result<T, S>, E> {
    let stopwatch = Stopwatch::start();
    let limit = schedule.stop_after.unwrap_or(Duration::MAX).min(budget);
    for polls in 1.. {
        let state = match step().await? {
            ControlFlow::Break(found) => return Ok(Ok(found)),
            ControlFlow::Continue(state) => state,
        };
        let pause = schedule.pause(polls);
        if stopwatch.elapsed().saturating_add(pause) > limit {
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
    }
}
