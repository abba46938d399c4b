//! What a schedule does to a crowd: hundreds of functions that are invoked at once and share one rate limit.
//!
//! The world is a token bucket and a queue of attempts, in virtual time and from a seed. `docs/DESIGN.md` shows what comes
//! of it.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;

use super::{Backoff, CALLS, THROTTLED};

/// A schedule on trial: the delay after so many attempts, of which the last delay was that.
type Schedule = Box<dyn Fn(u32, Duration, f64) -> Duration>;

/// What a crowd came to.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// How long it took, over the shortest time that the limit allows; zero where it allows everything at once.
    over_ideal: f64,
    /// Refused attempts for each call that was needed.
    refused: f64,
}

impl Outcome {
    fn is_good(self) -> bool {
        self.over_ideal <= 1.25 && self.refused <= 5.0
    }
}

/// What a client does next.
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

/// Lets so many clients make their calls, each one after the other.
fn play(clients: u32, seed: u64, schedule: &Schedule) -> Outcome {
    let mut random = Rng::with_seed(seed);
    let mut queue: BTreeMap<_, _> =
        (0..clients).map(|client| ((START.mul_f64(random.f64()), client), Attempt::first(CALLS_EACH))).collect();
    let (mut tokens, mut filled, mut refused) = (BURST, Duration::ZERO, 0_u32);
    while let Some(((now, client), attempt)) = queue.pop_first() {
        tokens = (tokens + (now - filled).as_secs_f64() * RATE).min(BURST);
        filled = now;
        if tokens < 1.0 {
            refused += 1;
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
        refused: f64::from(refused) / needed,
    }
}

/// The worst of some seeds, each measure for itself.
fn worst(clients: u32, schedule: &Schedule) -> Outcome {
    let outcomes: Vec<_> = SEEDS.map(|seed| play(clients, seed, schedule)).collect();
    let most = |measure: fn(&Outcome) -> f64| outcomes.iter().map(measure).fold(0.0, f64::max);
    Outcome { over_ideal: most(|outcome| outcome.over_ideal), refused: most(|outcome| outcome.refused) }
}

/// Whether a schedule is good for every crowd; what comes of the large ones has to be in the table of the page.
fn serves(name: &str, schedule: &Schedule) -> bool {
    let [of_1, of_10, of_100, of_500] = [1, 10, 100, 500].map(|clients| worst(clients, schedule));
    let [at_100, at_500] =
        [of_100, of_500].map(|Outcome { over_ideal, refused }| format!("{over_ideal:.2} | {refused:.1}"));
    let row = format!("| {name} | {at_100} | {at_500} |");
    assert!(include_str!("../../docs/DESIGN.md").contains(&row), "the page does not say: {row}");
    [of_1, of_10, of_100, of_500].into_iter().all(Outcome::is_good)
}

fn by(backoff: Backoff) -> Schedule {
    Box::new(move |number, _, random| backoff.delay(number, random))
}

fn exponential(first: u64, longest: u64, least: f64) -> Schedule {
    by(Backoff { first: Duration::from_millis(first), longest: Duration::from_millis(longest), least })
}

/// Between the first delay and three times the last one.
fn decorrelated(first: u64, longest: u64) -> Schedule {
    let (first, longest) = (Duration::from_secs(first), Duration::from_secs(longest));
    Box::new(move |_, last, random| (first + (3 * last).saturating_sub(first).mul_f64(random)).min(longest))
}

#[test]
fn a_crowd_of_any_size_gets_through_in_time_and_with_few_refusals() {
    assert!(serves("4 to 10 s, half jitter", &by(THROTTLED)));
}

#[test]
fn with_other_schedules_a_crowd_is_late_or_refused_more() {
    for (name, schedule) in [
        ("0.2 to 10 s, full jitter", by(CALLS)),
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
        assert!(!serves(name, &schedule), "{name} would do, too");
    }
}

const SEEDS: std::ops::Range<u64> = 0..12;
/// A plain Create describes the endpoint, then registers.
const CALLS_EACH: u32 = 2;
/// Calls a second, and calls at once after a pause.
const RATE: f64 = 10.0;
const BURST: f64 = 20.0;
/// Within which all are invoked.
const START: Duration = Duration::from_millis(50);
const ROUND_TRIP: Duration = Duration::from_millis(20);
