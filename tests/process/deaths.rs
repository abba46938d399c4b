//! A process that is killed at any moment, and whose event the next one receives, leaves the state of an uninterrupted run.

use std::thread;
use std::time::{Duration, Instant};

use local_aws::LocalAws;
use serde_json::{Value, json};
use test_support::Crash;
use test_support::account::Account as _;
use test_support::request::{Request, create, delete, update};
use test_support::seed::seed;

use crate::support::lambda::{Age, Ended, Invocation, Lambda};
use crate::support::world::World;

/// A request, the AWS account before it, and the targets and the answer of an uninterrupted run.
#[derive(Debug)]
struct Case {
    request: Request,
    age: Age,
    before: LocalAws,
    clean: (Vec<Value>, Value),
    took: Duration,
}

impl Case {
    fn new(prepare: fn(&World), before: &[Request], request: Request, age: Age) -> Self {
        let world = World::start();
        prepare(&world);
        let mut lambda = Lambda::new(&world);
        for request in before {
            assert_eq!(lambda.invoke(&lambda.event(request, Age::Young)), Ended::Response);
        }
        world.answers();
        let before = world.state().aws.clone();
        let clock = Instant::now();
        assert_eq!(lambda.invoke(&lambda.event(&request, age)), Ended::Response);
        let took = clock.elapsed();
        Self { request, age, before, clean: (world.state_of_targets(), world.answer()), took }
    }

    /// Kills processes as `die` says, one after the other. Lambda delivers the same event to the next process.
    ///
    /// Every answer, and the targets at the end, are those of the uninterrupted run.
    fn check(&self, mut die: impl FnMut(&mut Lambda<'_>, &Invocation, u32) -> bool) -> u32 {
        let world = World::start();
        let mut lambda = Lambda::new(&world);
        for deaths in 0.. {
            world.state().aws = self.before.clone();
            let event = lambda.event(&self.request, self.age);
            let died = die(&mut lambda, &event, deaths);
            if died {
                assert_eq!(lambda.invoke(&event), Ended::Response, "after death {deaths}");
            }
            let answers = world.answers();
            assert!(!answers.is_empty(), "after death {deaths}");
            for answer in answers {
                assert_eq!((world.state_of_targets(), answer), self.clean, "after death {deaths}");
            }
            if !died {
                return deaths;
            }
        }
        unreachable!("the count of deaths has no end")
    }

    fn die_at_each_exchange(&self, after_effect: bool) -> u32 {
        self.check(|lambda, event, deaths| lambda.invoke_and_die(event, Crash { at: deaths + 1, after_effect }, "KILL"))
    }

    /// At random times after the process took the event: during the run, or some time after its end.
    fn die_at_random(&self, seed: u64) -> u32 {
        let mut random = fastrand::Rng::with_seed(seed);
        self.check(|lambda, event, deaths| {
            let delay = self.took.mul_f64(1.2 * random.f64());
            if deaths < RANDOM_DEATHS {
                lambda.invoke_and_die_after(event, delay);
                return true;
            }
            assert_eq!(lambda.invoke(event), Ended::Response);
            false
        })
    }
}

/// Kills a request, which follows others, at each exchange and at random times. Returns the number of its exchanges.
fn kill_everywhere(prepare: fn(&World), before: &[Request], request: Request, age: Age) -> u32 {
    let seed = seed();
    let case = Case::new(prepare, before, request, age);
    thread::scope(|scope| {
        let before = scope.spawn(|| case.die_at_each_exchange(false));
        let after = scope.spawn(|| case.die_at_each_exchange(true));
        let random = scope.spawn(|| case.die_at_random(seed));
        let [before, after, random] = [before, after, random].map(|deaths| deaths.join().expect("the thread succeeds"));
        println!("{} deaths", before + after + random);
        assert_eq!((before, random), (after, RANDOM_DEATHS));
        before
    })
}

fn nothing(_: &World) {}

fn registered_by_hand(world: &World) {
    world.register_by_hand(json!({"by": "hand"}));
}

fn adopting() -> Request {
    create().with("AdoptExisting", json!("true"))
}

#[test]
fn a_create_survives_a_kill_at_any_moment() {
    assert_eq!(kill_everywhere(nothing, &[], create(), Age::Young), 4);
    assert_eq!(kill_everywhere(nothing, &[], create(), Age::Late), 6);
}

#[test]
fn an_update_of_capacity_and_tags_survives_a_kill_at_any_moment() {
    let tags = |key: &str| json!([{"Key": key, "Value": "ml"}]);
    let old = create().with("Tags", tags("team"));
    let new = update().with_old("Tags", tags("team")).with("Tags", tags("group")).with("MaxCapacity", json!("3"));
    assert_eq!(kill_everywhere(nothing, std::slice::from_ref(&old), new.clone(), Age::Young), 8);
    assert!(kill_everywhere(nothing, &[old], new, Age::Late) >= 10);
}

#[test]
fn a_replacement_survives_a_kill_at_any_moment() {
    let new = update().with("VariantName", json!("MyOtherVariant"));
    assert!(kill_everywhere(nothing, &[create()], new, Age::Late) >= 7);
}

#[test]
fn the_rollback_of_a_replacement_survives_a_kill_at_any_moment() {
    let new = update().with("VariantName", json!("MyOtherVariant"));
    let back = update().with_old("VariantName", json!("MyOtherVariant"));
    assert!(kill_everywhere(nothing, &[create(), new], back, Age::Late) >= 10);
}

#[test]
fn a_delete_survives_a_kill_at_any_moment() {
    assert!(kill_everywhere(nothing, &[create()], delete(), Age::Late) >= 6);
}

#[test]
fn an_adoption_survives_a_kill_at_any_moment() {
    assert!(kill_everywhere(registered_by_hand, &[], adopting(), Age::Late) >= 10);
}

#[test]
fn the_release_of_an_adopted_target_survives_a_kill_at_any_moment() {
    assert!(kill_everywhere(registered_by_hand, &[adopting()], delete(), Age::Late) >= 6);
}

#[test]
fn a_refusal_survives_a_kill_at_any_moment() {
    assert!(kill_everywhere(nothing, &[create().in_stack("theirs")], create(), Age::Young) >= 6);
}

const RANDOM_DEATHS: u32 = 4;
