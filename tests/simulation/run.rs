//! Plays a history in a world of its own, in virtual time, and checks the targets at the end.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use futures_util::future::join_all;
use test_support::function::{Services, bare_services};
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::cloudformation::Stack;
use crate::common::attachments::says;
use crate::common::invocation::timeout;
use crate::history::{History, LOGICAL_IDS, Props};
use crate::lambda::Lambda;
use crate::world::{Connector, World};

/// What a run consisted of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) histories: u64,
    pub(crate) requests: u64,
    pub(crate) exchanges: u64,
    pub(crate) crashes: u64,
    /// Histories with a target that a documented limit excludes from the checks.
    pub(crate) excused: u64,
    /// A digest of the events.
    pub(crate) events: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.histories += other.histories;
        self.requests += other.requests;
        self.exchanges += other.exchanges;
        self.crashes += other.crashes;
        self.excused += other.excused;
        self.events ^= other.events;
    }
}

thread_local! {
    /// The function of all histories of a thread.
    static SERVICES: Services = bare_services(SharedHttpConnector::new(Connector));
}

/// Plays a history. Fails with the invariants that it breaks.
pub(crate) fn run(history: &History) -> Result<Tally, String> {
    fastrand::seed(history.jitter);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), play(history))
}

async fn play(history: &History) -> Result<Tally, String> {
    let world = World::new(history);
    let lambda = Lambda {
        world: world.clone(),
        services: SERVICES.with(Services::clone),
        duplicates: Arc::new(history.duplicates.clone()),
        timeout: timeout(history.jitter),
    };
    let mut stacks: Vec<_> = (0..history.stacks.len())
        .map(|number| Stack {
            lambda: lambda.clone(),
            name: format!("stack-{number}"),
            lives: 0,
            exists: false,
            resources: Default::default(),
        })
        .collect();
    let lives = stacks.iter_mut().zip(&history.stacks).map(|(stack, ops)| stack.live(ops));
    let hands = history.hands.iter().map(|hand| world.act_by_hand(hand));
    tokio::join!(join_all(lives), join_all(hands));
    // Late deliveries run now.
    while world.state().open.values().any(|open| *open > 0) {
        sleep(Duration::from_secs(60)).await;
    }
    check_targets(&world, &stacks);

    let state = world.state();
    if state.violations.is_empty() {
        Ok(Tally {
            histories: 1,
            requests: state.requests.len() as u64,
            exchanges: u64::from(state.exchanges),
            crashes: u64::from(state.crashes),
            events: digest(&state.events),
            excused: u64::from(!state.excused.is_empty() || !state.windows.is_empty()),
        })
    } else {
        Err(format!("{}\nevents:\n{}", state.violations.join("\n"), state.events.join("\n")))
    }
}

fn digest(events: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    events.hash(&mut hasher);
    hasher.finish()
}

/// Invariant: the registered targets are those that the stacks declare, as they declare them, and those by hand.
fn check_targets(world: &World, stacks: &[Stack]) {
    let mut state = world.state();
    let registered = state.registered();
    let mut wrong = Vec::new();
    let mut declared = Vec::new();
    for stack in stacks {
        for (place, resource) in &stack.resources {
            let target = resource.props.target;
            let owner = (stack.id(), LOGICAL_IDS[*place].to_owned());
            declared.push((target, owner.clone()));
            let found = registered.iter().find(|found| found.target == target);
            let is_right = found.is_some_and(|found| {
                found.owner() == Some((owner.0.as_str(), owner.1.as_str()))
                    && found.max == u64::from(resource.props.max)
                    && says(&found.tags, resource.props.max, resource.props.attached.iter().flatten().count())
                    // A release does not remove the author's tags from an adopted target, which may be adopted again.
                    && (found.tags.get("team") == resource.props.tag.map(|tag| tag.to_string()).as_ref()
                        || found.is_adopted() && resource.props.tag.is_none())
            });
            let attached = state.is_attached(&resource.props);
            if is_right && let Err(attached) = attached {
                wrong.push((target, format!("{owner:?}: {attached}")));
            }
            if !is_right && !state.deregistered_by_hand.contains(&(target, owner.clone())) {
                wrong.push((target, format!("{owner:?} declares {resource:?}, but there is {found:?}")));
            }
        }
    }
    for found in &registered {
        let (target, by_hand) = (found.target, state.by_hand.get(&found.target).copied());
        match found.owner() {
            Some((stack, logical)) if !declared.contains(&(target, (stack.to_owned(), logical.to_owned()))) => {
                if state.left.contains(&found.arn) {
                    state.windows.insert(target);
                }
                wrong.push((target, format!("orphaned target: {found:?}")));
            }
            Some(_) => {}
            None if by_hand.is_none() => {
                wrong.push((target, format!("no owner, and not registered by hand: {found:?}")))
            }
            None if by_hand.is_some_and(|max| max != found.max && max != ADOPTED) => {
                wrong.push((target, format!("changed, although it is not owned by a stack: {found:?}")));
            }
            None => {
                let nothing = Props { target, max: 1, adopt: false, tag: None, attached: [None; 3] };
                if let Err(attached) = state.is_attached(&nothing) {
                    wrong.push((target, format!("not owned by a stack, but {attached}")));
                }
            }
        }
    }
    for target in state.by_hand.keys() {
        if registered.iter().all(|found| found.target != *target) {
            wrong.push((*target, format!("target {target} was registered by hand, and is not registered any more")));
        }
    }
    for (target, wrong) in wrong {
        if !state.excused.contains(&target) && !state.windows.contains(&target) {
            state.violation(wrong);
        }
    }
}

/// Stands for the limit of an adopted target, which a release does not reset.
pub(crate) const ADOPTED: u64 = 0;
