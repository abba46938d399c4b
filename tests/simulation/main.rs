//! The whole world in virtual time, with the real handler: stacks, changes by hand, Lambda, AWS, and faults.
//!
//! A seed makes a history. A history that breaks an invariant is shrunk and printed. To play many seeds, or one again:
//!
//! ```text
//! make simulate SEEDS=0..1000000
//! make simulate SEEDS=4711
//! ```
//!
//! `JOBS` is the number of threads; without it, there is one for each core.

#![expect(clippy::disallowed_methods, reason = "the harness reads its seeds and measures")]

mod cloudformation;
mod common;
mod gated;
mod hands;
mod history;
mod inbox;
mod lambda;
mod run;
mod services;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use test_support::seed::seed;

use crate::history::histories;
use crate::run::{Tally, run};

#[test]
fn known_seeds_keep_every_invariant() {
    let all = simulate(0..150);
    // The histories contain requests and crashes, and most targets are checked at the end.
    assert!(all.requests > all.histories && all.crashes > 0, "{all:?}");
    assert!(all.excused < all.histories / 2, "{all:?}");
}

#[test]
fn new_seeds_keep_every_invariant() {
    let first = seed() % 1_000_000_000;
    simulate(first..first + 150);
}

/// The history of a seed is the same every time, and so are its events.
#[test]
fn a_seed_plays_the_same_history_twice() {
    let play = || (0..20).map(|seed| format!("{:?}", replay(seed))).collect::<Vec<_>>();
    assert_eq!(play(), play());
}

#[test]
#[ignore = "as many as SEEDS says: make simulate SEEDS=0..1000000"]
fn seeds() {
    simulate(seeds_to_play());
}

/// The seeds that `SEEDS` names.
fn seeds_to_play() -> Range<u64> {
    let seeds = std::env::var("SEEDS").expect("SEEDS is set, to one seed or to FROM..TO");
    let (from, to) = match seeds.split_once("..") {
        Some((from, to)) => (from.parse(), to.parse()),
        None => (seeds.parse(), seeds.parse().map(|seed: u64| seed + 1)),
    };
    from.expect("a seed")..to.expect("a seed")
}

/// Plays a range of seeds, and panics at the first that breaks an invariant.
fn simulate(seeds: Range<u64>) -> Tally {
    quietly();
    let (start, mut all, mut last) = (Instant::now(), Tally::default(), 0);
    println!("seeds {seeds:?}");
    play_in_threads(seeds, replay, |seed, played| {
        match played {
            Ok(tally) => all += tally,
            Err(failure) => panic!("{failure}"),
        }
        let seconds = start.elapsed().as_secs();
        if seconds >= last + 60 {
            last = seconds;
            println!("{seconds} s: up to seed {seed}, {all:?}");
        }
    });
    println!("{:.1} s: {all:?}", start.elapsed().as_secs_f64());
    all
}

/// Plays seeds in threads, as many as JOBS says or the machine has cores, and takes the results in the order of the seeds.
/// Ends when `take` panics: at the same seed each time.
fn play_in_threads<T: Send>(seeds: Range<u64>, play: impl Fn(u64) -> T + Sync, mut take: impl FnMut(u64, T)) {
    let jobs = std::env::var("JOBS").ok().filter(|jobs| !jobs.is_empty());
    let jobs = match jobs {
        Some(jobs) => jobs.parse().unwrap_or_else(|_| panic!("JOBS={jobs}: expected a number")),
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    let next = AtomicU64::new(seeds.start);
    let (sender, played) = mpsc::sync_channel(1_000);
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, next, play) = (sender.clone(), &next, &play);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || sender.send((seed, play(seed))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let (mut early, mut turn) = (BTreeMap::new(), seeds.start);
        for (seed, result) in played {
            early.insert(seed, result);
            while let Some(result) = early.remove(&turn) {
                take(turn, result);
                turn += 1;
            }
        }
    });
}

/// Plays the history of one seed. If it breaks an invariant, finds the smallest history that does.
fn replay(seed: u64) -> Result<Tally, String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: 3_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let tally = std::cell::Cell::new(Tally::default());
    let outcome = runner.run(&histories(), |history| {
        tally.set(run(&history).map_err(proptest::test_runner::TestCaseError::fail)?);
        Ok(())
    });
    match outcome {
        Ok(()) => Ok(tally.get()),
        Err(TestError::Fail(reason, history)) => Err(format!(
            "seed {seed} breaks an invariant: {reason}\nin this history, which is as small as possible:\n{history:?}\n\
             replay: make simulate SEEDS={seed}"
        )),
        Err(TestError::Abort(reason)) => Err(format!("seed {seed}: {reason}")),
    }
}

/// Planted panics are not reported.
fn quietly() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&common::trouble::PLANTED) {
            report(panic);
        }
    }));
}
