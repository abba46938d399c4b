//! Compares retry schedules for a crowd: hundreds of functions are invoked at once and share one rate limit.
//!
//! The service is a token bucket, in virtual time and from a seed. `docs/DESIGN.md` shows the figures, which this test
//! prints: `cargo test --test throttled_crowd -- --nocapture`.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use sagemaker_scaling::timing::{Backoff, CALLS, THROTTLED};

/// The delay after so many attempts, the last of which waited for a time. The third argument is random.
type Schedule = Box<dyn Fn(u32, Duration, f64) -> Duration>;

/// The cost of a schedule.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// The time until the last call succeeds, over the shortest time that the limit allows. 0 if nothing is throttled.
    over_ideal: f64,
    /// Throttled attempts for each needed call.
    throttled: f64,
}

impl Outcome {
    fn meets_the_goals(self) -> bool {
        self.over_ideal <= 1.25 && self.throttled <= 5.0
    }
}

/// The next attempt of a client.
struct Attempt {
    calls_left: u32,
    number: u32,
    last_delay: Duration,
}

impl Attempt {
    fn first(calls_left: u32) -> Self {
        Self { calls_left, number: 1, last_delay: Duration::ZERO }
    }
}

/// Lets clients make their calls, each client one call after the other.
fn play(clients: u32, seed: u64, schedule: &Schedule) -> Outcome {
    let mut random = Rng::with_seed(seed);
    let mut queue: BTreeMap<_, _> =
        (0..clients).map(|client| ((START.mul_f64(random.f64()), client), Attempt::first(CALLS_EACH))).collect();
    let (mut tokens, mut filled, mut throttled) = (BURST, Duration::ZERO, 0_u32);
    while let Some(((now, client), attempt)) = queue.pop_first() {
        tokens = (tokens + (now - filled).as_secs_f64() * RATE).min(BURST);
        filled = now;
        if tokens < 1.0 {
            throttled += 1;
            let delay = schedule(attempt.number, attempt.last_delay, random.f64());
            let again = Attempt { number: attempt.number + 1, last_delay: delay, ..attempt };
            queue.insert((now + ROUND_TRIP + delay, client), again);
            continue;
        }
        tokens -= 1.0;
        if attempt.calls_left > 1 {
            queue.insert((now + ROUND_TRIP, client), Attempt::first(attempt.calls_left - 1));
        }
    }
    let needed = f64::from(clients * CALLS_EACH);
    let ideal = (needed - BURST) / RATE;
    Outcome {
        over_ideal: if ideal > 0.0 { filled.as_secs_f64() / ideal } else { 0.0 },
        throttled: f64::from(throttled) / needed,
    }
}

/// The worst of some seeds, for each figure separately.
fn worst(clients: u32, schedule: &Schedule) -> Outcome {
    let outcomes: Vec<_> = SEEDS.map(|seed| play(clients, seed, schedule)).collect();
    let most = |measure: fn(&Outcome) -> f64| outcomes.iter().map(measure).fold(0.0, f64::max);
    Outcome { over_ideal: most(|outcome| outcome.over_ideal), throttled: most(|outcome| outcome.throttled) }
}

/// The costs for crowds of 1, 10, 100 and 500 clients. Prints a row of the table in `docs/DESIGN.md`.
fn costs(name: &str, schedule: &Schedule) -> [Outcome; 4] {
    let costs = [1, 10, 100, 500].map(|clients| worst(clients, schedule));
    let [.., of_100, of_500] =
        costs.map(|Outcome { over_ideal, throttled }| format!("{over_ideal:.2} | {throttled:.1}"));
    println!("| {name} | {of_100} | {of_500} |");
    costs
}

fn exponential(first_ms: u64, longest_ms: u64, certain: f64) -> Schedule {
    backoff(Backoff { first: Duration::from_millis(first_ms), longest: Duration::from_millis(longest_ms), certain })
}

fn backoff(backoff: Backoff) -> Schedule {
    Box::new(move |attempts, _, random| backoff.delay(attempts, random))
}

/// Between the first delay and three times the last one.
fn decorrelated(first_s: u64, longest_s: u64) -> Schedule {
    let (first, longest) = (Duration::from_secs(first_s), Duration::from_secs(longest_s));
    Box::new(move |_, last, random| (first + (3 * last).saturating_sub(first).mul_f64(random)).min(longest))
}

#[test]
fn a_throttled_crowd_of_any_size_succeeds_in_time_with_few_refusals() {
    let costs = costs("4 to 10 s, half jitter", &backoff(THROTTLED));
    assert!(costs.into_iter().all(Outcome::meets_the_goals), "{costs:?}");
}

#[test]
fn every_other_schedule_misses_a_goal() {
    for (name, schedule) in [
        ("0.2 to 10 s, full jitter", backoff(CALLS)),
        ("0.2 to 5 s, half jitter", exponential(200, 5_000, 0.5)),
        ("0.5 to 5 s, half jitter", exponential(500, 5_000, 0.5)),
        ("1 to 20 s, full jitter", exponential(1_000, 20_000, 0.0)),
        ("2 to 10 s, half jitter", exponential(2_000, 10_000, 0.5)),
        ("4 to 10 s, full jitter", exponential(4_000, 10_000, 0.0)),
        ("4 to 10 s, no jitter", exponential(4_000, 10_000, 1.0)),
        ("4 to 20 s, half jitter", exponential(4_000, 20_000, 0.5)),
        ("1 to 10 s, decorrelated", decorrelated(1, 10)),
        ("2 to 20 s, decorrelated", decorrelated(2, 20)),
    ] {
        let costs = costs(name, &schedule);
        assert!(!costs.into_iter().all(Outcome::meets_the_goals), "{name} meets the goals, too: {costs:?}");
    }
}

const SEEDS: std::ops::Range<u64> = 0..12;
/// A plain Create describes the endpoint, then registers.
const CALLS_EACH: u32 = 2;
/// Calls a second, and calls at once after a pause. AWS does not publish its limit.
const RATE: f64 = 10.0;
const BURST: f64 = 20.0;
/// All functions are invoked within this time.
const START: Duration = Duration::from_millis(50);
const ROUND_TRIP: Duration = Duration::from_millis(20);
