//! Histories with gates: endpoints that are updated while they scale, with the real handler, in virtual time.
//!
//! ```text
//! make simulate KIND=gated SEEDS=0..1000000
//! make simulate KIND=gated SEEDS=4711 LEVEL=..express
//! ```
//!
//! `LEVEL` is what may go wrong: see `history::Level`. Without it, everything up to express mode may, and one of the levels
//! after it.

mod hands;
mod history;
mod lambda;
mod ledger;
mod request;
mod stack;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use futures_util::future::join_all;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use test_support::function::{Services, bare_services};
use test_support::seed::seed;
use tokio::task::LocalSet;
use tokio::time::sleep;

use self::history::{Adversity, Deploy, History, Level, histories};
use self::lambda::Lambda;
use self::stack::Stack;
use self::world::{Connector, Violation, World};
use crate::common::invocation::timeout;

/// What a run consisted of.
#[derive(Clone, Debug, Default)]
struct Played {
    requests: usize,
    exchanges: u32,
    crashes: u32,
    digest: u64,
    violations: Vec<Violation>,
    excused: Vec<(usize, &'static str)>,
    limits: BTreeMap<&'static str, u64>,
    events: Vec<String>,
}

thread_local! {
    /// The function of all histories of a thread.
    static SERVICES: Services = bare_services(SharedHttpConnector::new(Connector));
}

/// Plays a history in a world of its own.
fn play(history: &History, with_events: bool) -> Played {
    fastrand::seed(history.jitter);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), play_in(history, with_events))
}

async fn play_in(history: &History, with_events: bool) -> Played {
    let world = World::new(history, with_events);
    let lambda = Lambda {
        world: world.clone(),
        services: SERVICES.with(Services::clone),
        duplicates: Arc::new(history.duplicates.clone()),
        timeout: timeout(history.jitter),
    };
    let (mut main, mut other) = (Stack::new(&lambda, "main"), Stack::new(&lambda, "other"));
    main.deploy(&Deploy::plain(0, history.first.clone())).await;
    for (variant, native) in history.natives.iter().enumerate() {
        let Some(native) = native else { continue };
        let is_free = world.state().shadows[variant].is_none();
        if is_free && world.state().register_natively(variant, *native) && history.owned_natives[variant] {
            main.own_native(variant);
        }
    }
    {
        let mut state = world.state();
        for variant in (0..3).filter(|variant| history.foreign[*variant]) {
            state.attach_foreign(variant);
        }
        // What the first deployment registered is visible to every server.
        state.shadows.iter_mut().flatten().for_each(|shadow| shadow.since -= 60.0);
        state.is_set_up = true;
        state.ledger.exchanges_before = state.exchanges;
        state.ledger.requests_before = state.requests.len();
        state.tell(|| "the first deployment is over");
    }
    let hands = history.hands.iter().map(|hand| world.act_by_hand(hand));
    tokio::join!(main.live(&history.main), other.live_beside(&history.other), join_all(hands));
    // Late deliveries run now.
    while world.state().open.values().any(|open| *open > 0) {
        sleep(Duration::from_secs(60)).await;
    }
    while world.state().endpoint().is_some_and(|found| found["EndpointStatus"] == "Updating") {
        sleep(Duration::from_secs(60)).await;
    }
    let mut state = world.state();
    ledger::check(&mut state, &[&main, &other]);
    let excused = state.excused.iter().enumerate();
    Played {
        requests: state.requests.len(),
        exchanges: state.exchanges,
        crashes: state.crashes,
        digest: state.digest(),
        excused: excused.flat_map(|(variant, limits)| limits.iter().map(move |limit| (variant, *limit))).collect(),
        limits: std::mem::take(&mut state.limits),
        violations: std::mem::take(&mut state.violations),
        events: state.events.take().unwrap_or_default(),
    }
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// The history of a seed. `adversity`: what may go wrong in it, or `None` for [`Adversity::of`].
fn history(seed: u64, adversity: Option<Adversity>) -> History {
    let adversity = adversity.unwrap_or_else(|| Adversity::of(seed));
    histories(adversity).new_tree(&mut runner(seed)).expect("no history is rejected").current()
}

/// Finds the smallest history that breaks the same invariant as that of a seed, and shows it with its events.
fn smallest(seed: u64, adversity: Option<Adversity>) -> String {
    let adversity = adversity.unwrap_or_else(|| Adversity::of(seed));
    let mut tree = histories(adversity).new_tree(&mut runner(seed)).expect("no history is rejected");
    let first = play(&tree.current(), false).violations.first().map(|violation| violation.kind);
    let Some(kind) = first else { return format!("seed {seed} keeps every invariant") };
    let mut history = tree.current();
    let mut goes_on = tree.simplify();
    for _ in 0..MAX_SHRINKS {
        if !goes_on {
            break;
        }
        let smaller = tree.current();
        let is_same = play(&smaller, false).violations.first().is_some_and(|violation| violation.kind == kind);
        if is_same {
            history = smaller;
        }
        goes_on = if is_same { tree.simplify() } else { tree.complicate() };
    }
    let played = play(&history, true);
    let shown = played.violations.iter().map(|broken| format!("{}: {}\n", broken.kind, broken.text));
    format!(
        "seed {seed} breaks an invariant:\n{}events:\n{}\nin this history, which is as small as possible:\n{history:?}\n",
        shown.collect::<String>(),
        played.events.join("\n"),
    )
}

/// What many histories consisted of.
#[derive(Debug, Default)]
struct Tally {
    histories: u64,
    requests: usize,
    exchanges: u64,
    crashes: u64,
    excused: u64,
    limits: BTreeMap<&'static str, u64>,
    /// By invariant: how many, and the seed with the fewest exchanges.
    broken: BTreeMap<&'static str, (u64, u64, u32)>,
}

impl Tally {
    fn add(&mut self, seed: u64, played: &Played) {
        self.histories += 1;
        self.requests += played.requests;
        self.exchanges += u64::from(played.exchanges);
        self.crashes += u64::from(played.crashes);
        self.excused += u64::from(!played.excused.is_empty());
        let limits: BTreeSet<_> = played.excused.iter().map(|(_, limit)| limit).chain(played.limits.keys()).collect();
        limits.into_iter().for_each(|limit| *self.limits.entry(limit).or_default() += 1);
        if let Some(broken) = played.violations.first() {
            let entry = self.broken.entry(broken.kind).or_insert((0, seed, u32::MAX));
            entry.0 += 1;
            if played.exchanges < entry.2 {
                (entry.1, entry.2) = (seed, played.exchanges);
            }
        }
    }
}

/// Plays a range of seeds, and panics at the first that breaks an invariant.
fn simulate(seeds: Range<u64>, adversity: Option<Adversity>) -> Tally {
    let mut all = Tally::default();
    super::play_in_threads(
        seeds,
        |seed| play(&history(seed, adversity), false),
        |seed, played| {
            if !played.violations.is_empty() {
                panic!("{}", smallest(seed, adversity));
            }
            all.add(seed, &played);
        },
    );
    println!("{all:?}");
    all
}

#[test]
fn known_seeds_keep_every_invariant() {
    for level in Level::ALL {
        simulate(0..15, Some(Adversity::up_to(level)));
    }
    simulate(0..30, None);
}

#[test]
fn new_seeds_keep_every_invariant() {
    let first = seed() % 1_000_000_000;
    simulate(first..first + 30, Some(Adversity::up_to(Level::Plain)));
}

/// The history of a seed is the same every time, and so are its exchanges.
#[test]
fn a_seed_plays_the_same_history_twice() {
    let adversity = Some(Adversity::up_to(Level::Gates));
    for seed in 0..10 {
        let digests = [(); 2].map(|()| play(&history(seed, adversity), false).digest);
        assert_eq!(digests[0], digests[1], "{seed}");
    }
}

#[test]
#[ignore = "as many as SEEDS says: make simulate KIND=gated SEEDS=0..1000000"]
fn seeds() {
    let (seeds, adversity) = (super::seeds_to_play(), adversity_to_play());
    simulate(seeds, adversity);
}

/// Plays a range of seeds to its end, and counts those that break an invariant, by invariant.
#[test]
#[ignore = "as many as SEEDS says: make simulate KIND=survey SEEDS=0..2000 LEVEL=..failures"]
fn survey() {
    let (seeds, adversity) = (super::seeds_to_play(), adversity_to_play());
    let (start, mut all) = (Instant::now(), Tally::default());
    super::play_in_threads(
        seeds,
        |seed| play(&history(seed, adversity), false),
        |seed, played| {
            if std::env::var("SHOW").is_ok()
                && let Some(broken) = played.violations.first()
            {
                println!("{seed}: {}: {}", broken.kind, broken.text);
            }
            all.add(seed, &played);
        },
    );
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:.1} s: {} histories, {} requests, {} exchanges, {} crashes, {} with a limit",
        seconds, all.histories, all.requests, all.exchanges, all.crashes, all.excused
    );
    for (limit, count) in &all.limits {
        println!("  limit {count:6}  {limit}");
    }
    let broken: u64 = all.broken.values().map(|(count, ..)| count).sum();
    println!("broken {broken}");
    for (kind, (count, seed, exchanges)) in &all.broken {
        println!("  broken {count:6}  {kind}  (seed {seed}, {exchanges} exchanges)");
    }
}

/// The invariants that `ACCEPT` names, separated by commas: faults that are known, so that a survey finds others.
fn accepted() -> &'static [&'static str] {
    static ACCEPTED: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let named: &'static str = std::env::var("ACCEPT").unwrap_or_default().leak();
        named.split(',').filter(|kind| !kind.is_empty()).collect()
    });
    &ACCEPTED
}

/// What may go wrong, from `LEVEL`.
fn adversity_to_play() -> Option<Adversity> {
    let level = std::env::var("LEVEL").ok().filter(|level| !level.is_empty())?;
    Some(Adversity::read(&level).unwrap_or_else(|| panic!("LEVEL={level}: no level")))
}

/// How many smaller histories are tried.
const MAX_SHRINKS: u32 = 2_000;
