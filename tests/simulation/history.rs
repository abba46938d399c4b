//! Histories: a few stacks that are deployed and deleted, changes by hand, and faults.
//!
//! A history is plain data. proptest makes it from a seed, and shrinks it if it breaks an invariant.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::common::trouble::Kind;

/// Everything that happens in one run of the world.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// Seeds the jitter of the function and the latency of its calls.
    pub(crate) jitter: u64,
    /// How long a new target is not visible.
    pub(crate) lag_ms: u64,
    /// The operations on each stack, in order.
    pub(crate) stacks: Vec<Vec<Op>>,
    pub(crate) hands: Vec<Hand>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) duplicates: Vec<Duplicate>,
}

/// An operation on a stack.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Deploy(Deploy),
    Delete { after: u64 },
}

/// A stack is created with, or updated to, a template.
#[derive(Clone, Debug)]
pub(crate) struct Deploy {
    pub(crate) after: u64,
    /// The properties of each resource in `LOGICAL_IDS`, if the template has it.
    pub(crate) template: [Option<Props>; 2],
    /// Whether the resources depend on each other, in their order. Otherwise they are created at the same time.
    pub(crate) chained: bool,
    /// Another resource of the stack fails so many seconds after the deployment began.
    pub(crate) fails_after: Option<u64>,
    /// Whether a rollback runs in the reverse order of dependencies.
    pub(crate) reversed: bool,
}

/// The properties of one resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Props {
    /// A number for `names()`.
    pub(crate) target: usize,
    pub(crate) max: u32,
    pub(crate) adopt: bool,
    /// The value of the author's tag.
    pub(crate) tag: Option<u8>,
    /// The values of the policies and the action in `ATTACHED`.
    pub(crate) attached: [Option<u8>; 3],
}

/// A change by hand.
#[derive(Clone, Debug)]
pub(crate) struct Hand {
    pub(crate) at: u64,
    pub(crate) does: Deed,
}

#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Registers an unregistered target, without tags.
    Register(usize),
    /// Deregisters a target of any owner.
    Deregister(usize),
    /// Changes the model of an endpoint, which takes a while.
    ChangeModel { endpoint: usize, takes: u64 },
    /// Changes the instance type of an endpoint, which is refused while a variant of it is registered.
    ChangeType { endpoint: usize, takes: u64 },
    /// Deletes an endpoint, and with it its targets, and creates it again.
    Remake { endpoint: usize, takes: u64 },
}

/// So many exchanges go wrong, from the `at`-th on.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) at: u32,
    pub(crate) times: u32,
    pub(crate) kind: Kind,
}

/// Lambda delivers the `request`-th request again, so many seconds after the first delivery.
#[derive(Clone, Debug)]
pub(crate) struct Duplicate {
    pub(crate) request: usize,
    pub(crate) after: u64,
}

pub(crate) fn histories() -> impl Strategy<Value = History> {
    (
        any::<u64>(),
        0_u64..2_000,
        vec(vec(ops(), 1..4), 1..3),
        vec(hands(), 0..3),
        vec(troubles(), 0..5),
        vec(duplicates(), 0..3),
    )
        .prop_map(|(jitter, lag_ms, stacks, hands, troubles, duplicates)| History {
            jitter,
            lag_ms,
            stacks,
            hands,
            troubles,
            duplicates,
        })
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![4 => deploys().prop_map(Op::Deploy), 1 => pauses().prop_map(|after| Op::Delete { after })]
}

/// Boxed, as the properties are: the values of a strategy are large, and proptest moves them often.
fn deploys() -> BoxedStrategy<Deploy> {
    let fails_after = option::weighted(0.35, prop_oneof![0_u64..20, 20_u64..1_500]);
    let template = [option::weighted(0.8, props()), option::weighted(0.4, props())];
    (pauses(), template, any::<bool>(), fails_after, any::<bool>())
        .prop_map(|(after, template, chained, fails_after, reversed)| Deploy {
            after,
            template,
            chained,
            fails_after,
            reversed,
        })
        .boxed()
}

fn props() -> BoxedStrategy<Props> {
    let target = prop_oneof![3 => 0_usize..2, 1 => 0_usize..4];
    let attached = [(); 3].map(|()| option::weighted(0.3, 1_u8..3));
    (target, 1_u32..4, prop::bool::weighted(0.2), option::weighted(0.2, 0_u8..2), attached)
        .prop_map(|(target, max, adopt, tag, attached)| Props { target, max, adopt, tag, attached })
        .boxed()
}

fn pauses() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..3, 0_u64..30, 0_u64..600]
}

fn hands() -> impl Strategy<Value = Hand> {
    let takes = || prop_oneof![0_u64..60, 60_u64..1_200];
    let endpoint = 0_usize..2;
    let deeds = prop_oneof![
        2 => (0_usize..2).prop_map(Deed::Register),
        2 => (0_usize..2).prop_map(Deed::Deregister),
        4 => (endpoint.clone(), takes()).prop_map(|(endpoint, takes)| Deed::ChangeModel { endpoint, takes }),
        1 => (endpoint.clone(), takes()).prop_map(|(endpoint, takes)| Deed::ChangeType { endpoint, takes }),
        1 => (endpoint, takes()).prop_map(|(endpoint, takes)| Deed::Remake { endpoint, takes }),
    ];
    (prop_oneof![0_u64..10, 0_u64..600], deeds).prop_map(|(at, does)| Hand { at, does })
}

fn troubles() -> impl Strategy<Value = Trouble> {
    let kinds = prop_oneof![
        3 => any::<bool>().prop_map(|after_effect| Kind::Crash { after_effect }),
        3 => any::<bool>().prop_map(|after_effect| Kind::Reset { after_effect }),
        1 => Just(Kind::ConcurrentUpdate),
        1 => Just(Kind::Denied),
        1 => Just(Kind::Garbage),
        1 => Just(Kind::Hang),
        1 => Just(Kind::InternalError),
        1 => Just(Kind::Panic),
        1 => Just(Kind::Quota),
        2 => (1_u64..9).prop_map(Kind::Slow),
        1 => Just(Kind::Throttled),
    ];
    (0_u32..60, prop_oneof![4 => 1_u32..4, 1 => 4_u32..40], kinds).prop_map(|(at, times, kind)| Trouble {
        at,
        times,
        kind,
    })
}

fn duplicates() -> impl Strategy<Value = Duplicate> {
    (0_usize..8, prop_oneof![6_u64..40, 40_u64..900]).prop_map(|(request, after)| Duplicate { request, after })
}

pub(crate) const ENDPOINTS: [&str; 2] = ["one", "two"];
pub(crate) const VARIANTS: [&str; 2] = ["blue", "green"];
pub(crate) const LOGICAL_IDS: [&str; 2] = ["A", "B"];
/// Two scaling policies and a scheduled action.
pub(crate) const ATTACHED: [&str; 3] = ["p", "q", "s"];

impl Props {
    /// The policies and actions of the target: names and values.
    pub(crate) fn attached(&self) -> BTreeMap<String, u64> {
        let named = ATTACHED.iter().zip(self.attached);
        named.filter_map(|(name, value)| Some(((*name).to_owned(), value?.into()))).collect()
    }
}

/// The `ResourceId`s of the targets.
pub(crate) const RESOURCE_IDS: [&str; 4] = [
    "endpoint/one/variant/blue",
    "endpoint/one/variant/green",
    "endpoint/two/variant/blue",
    "endpoint/two/variant/green",
];

/// The endpoint and the variant of a target.
pub(crate) fn names(target: usize) -> (&'static str, &'static str) {
    (ENDPOINTS[target / 2], VARIANTS[target % 2])
}

/// The `ResourceId` of a target.
pub(crate) fn resource_id(target: usize) -> &'static str {
    RESOURCE_IDS[target]
}

/// The `PhysicalResourceId` of a target.
pub(crate) fn physical_id(target: usize) -> String {
    format!("{}|sagemaker:variant:DesiredInstanceCount|sagemaker", resource_id(target))
}
