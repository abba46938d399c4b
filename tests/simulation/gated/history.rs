//! Histories with gates: two stacks on one endpoint, changes by hand, and faults.
//!
//! A history is plain data. proptest makes it from a seed, and shrinks it if it breaks an invariant. `Adversity` switches
//! off what a run is not about; the rest of the history stays as it is.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::common::trouble::Kind;

/// What may go wrong in a history. Each level has what the ones before it have, too.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Level {
    /// The endpoint and the scaling change, and every deployment succeeds.
    Plain,
    /// A gate or a scaling is added, removed, renamed or adopts, in any deployment.
    Structure,
    /// Another stack has targets on the endpoint. People change things, and the endpoint scales.
    Others,
    /// Deployments fail, are cancelled and roll back.
    Failures,
    /// CloudFormation goes on before the endpoint has settled, and rollback is disabled.
    Express,
    /// Calls fail, are slow or are lost, and requests are delivered twice.
    Troubles,
    /// Reads are eventually consistent.
    Eventual,
    /// The function is killed.
    Kills,
    /// The other stack has a gate on the endpoint, too.
    Gates,
}

impl Level {
    pub(crate) const ALL: [Self; 9] = [
        Self::Plain,
        Self::Structure,
        Self::Others,
        Self::Failures,
        Self::Express,
        Self::Troubles,
        Self::Eventual,
        Self::Kills,
        Self::Gates,
    ];
}

/// The levels whose adversity a run has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Adversity(u16);

impl Adversity {
    /// Everything up to a level.
    pub(crate) fn up_to(level: Level) -> Self {
        Self((2 << level as u16) - 1)
    }

    /// Reads the names of levels: each alone, such as `failures,kills`, or with all before it, such as `..express,kills`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let level = |name: &str| Level::ALL.into_iter().find(|level| format!("{level:?}").eq_ignore_ascii_case(name));
        let read = |name: &str| match name.strip_prefix("..") {
            Some(last) => level(last).map(Self::up_to),
            None => level(name).map(|level| Self(1 << level as u16)),
        };
        text.split(',').map(read).try_fold(Self(0), |all, read| Some(Self(all.0 | read?.0)))
    }

    /// Everything up to express mode, and one of the levels after it: each seed another one.
    pub(crate) fn of(seed: u64) -> Self {
        let last = [Level::Troubles, Level::Eventual, Level::Kills, Level::Gates];
        let index = usize::try_from(seed % 4).expect("less than four");
        Self(Self::up_to(Level::Express).0 | 1 << last[index] as u16)
    }

    pub(crate) fn has(self, level: Level) -> bool {
        self.0 & 1 << level as u16 != 0
    }
}

/// Everything that happens in one run of the world.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// Seeds the jitter of the function and the latency of its calls.
    pub(crate) jitter: u64,
    /// How long CloudFormation's record lags, in milliseconds.
    pub(crate) record_lag: u64,
    pub(crate) reads: Reads,
    /// The stack with the endpoint: its first template, which is deployed without adversity, and what follows.
    pub(crate) first: Template,
    pub(crate) main: Vec<Op>,
    /// Another stack with resources on the same endpoint.
    pub(crate) other: Vec<OtherOp>,
    /// Variants that are registered without a stack, after the first deployment.
    pub(crate) natives: [Option<Native>; 3],
    /// Whether a native resource of the stack with the endpoint registered each of them.
    pub(crate) owned_natives: [bool; 3],
    /// Variants on which somebody else than the owner puts a policy, an action and a tag, after the first deployment.
    pub(crate) foreign: [bool; 3],
    pub(crate) hands: Vec<Hand>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) duplicates: Vec<Duplicate>,
}

/// How late changes are visible to reads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reads {
    /// In milliseconds, for Application Auto Scaling.
    pub(crate) targets: u64,
    /// In milliseconds, for Parameter Store.
    pub(crate) parameters: u64,
    /// Whether each read may be as late as that, or up to date. Otherwise all are late until the time is over.
    pub(crate) mixed: bool,
}

/// An operation on the stack with the endpoint.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Deploy(Deploy),
    /// Only after a failed deployment that was not rolled back.
    RollBack {
        after: u64,
        reversed: bool,
    },
    Delete {
        after: u64,
    },
}

/// The stack is updated to a template, or created.
#[derive(Clone, Debug)]
pub(crate) struct Deploy {
    /// Seconds since the previous operation.
    pub(crate) after: u64,
    pub(crate) template: Template,
    /// Native targets that the template does not have any more.
    pub(crate) drops_natives: [bool; 3],
    pub(crate) fails: Option<Fails>,
    /// Whether the rollback runs in the reverse order of dependencies.
    pub(crate) reversed: bool,
    /// Whether the clean-up runs in the order of dependencies. Otherwise it runs in the reverse order.
    pub(crate) forward_clean_up: bool,
    /// Milliseconds from the failure to the first request of the rollback.
    pub(crate) pause: u64,
    /// How many seconds the endpoint's update takes.
    pub(crate) takes: u64,
    /// Whether CloudFormation goes on while the endpoint is updated.
    pub(crate) express: bool,
    /// Whether nothing is rolled back after a failure.
    pub(crate) keeps: bool,
    /// Whether the scaling resources are updated one after the other. Otherwise they are updated at the same time.
    pub(crate) chained: bool,
    /// After an update that failed and was not rolled back: whether the properties that failed are the old ones of the
    /// next Update. Otherwise those before it are.
    pub(crate) retries_attempted: bool,
}

/// Where a deployment fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fails {
    /// A resource between the gate and the endpoint.
    BeforeEndpoint,
    /// The endpoint's update, which SageMaker rolls back.
    Endpoint,
    /// A resource between the endpoint and the scaling.
    AfterEndpoint,
    /// A resource after the scaling.
    AfterScaling,
    /// A resource that depends on nothing, or a user cancels, so many milliseconds after the deployment began.
    At(u64),
}

/// A template. The endpoint's variants are `VARIANTS`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Template {
    pub(crate) config: Config,
    /// The gate, if there is one, and whether it includes other stacks.
    pub(crate) gate: Option<bool>,
    /// The scaling of each variant.
    pub(crate) scalings: [Option<Scaling>; 3],
}

/// An endpoint configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Config {
    /// The number of the instance type of each variant that it has.
    pub(crate) types: [Option<u8>; 3],
    pub(crate) model: u8,
}

/// The properties of a scaling resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Scaling {
    /// Whether the resource has its other logical id.
    pub(crate) renamed: bool,
    /// Whether it takes its target over from the resource with the other logical id.
    pub(crate) takes_over: bool,
    pub(crate) adopt: bool,
    pub(crate) min: u8,
    pub(crate) max: u8,
    pub(crate) suspended: bool,
    /// The value of the author's tag.
    pub(crate) tag: Option<u8>,
    /// The values of the policies and the action in `ATTACHED`.
    pub(crate) attached: [Option<u8>; 3],
    /// Whether it names its gate, if there is one.
    pub(crate) gated: bool,
}

/// A target without an owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Native {
    pub(crate) max: u8,
    pub(crate) suspended: bool,
    pub(crate) tag: bool,
    pub(crate) policy: Option<u8>,
    pub(crate) action: Option<u8>,
}

/// An operation on the other stack.
#[derive(Clone, Debug)]
pub(crate) enum OtherOp {
    /// The stack is created with, or updated to, a gate for the configuration that the endpoint runs, and scaling.
    Deploy {
        after: u64,
        gate: Option<bool>,
        scalings: [Option<Scaling>; 3],
        fails: Option<Fails>,
    },
    Delete {
        after: u64,
    },
}

/// A change by hand, so many seconds after the first deployment.
#[derive(Clone, Debug)]
pub(crate) struct Hand {
    pub(crate) at: u64,
    pub(crate) does: Deed,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// Registers a variant that is not registered and in no snapshot.
    Register(usize, Native),
    /// Deregisters a target without an owner.
    Deregister(usize),
    /// Puts a policy, an action and a tag on a target with an owner.
    Attach(usize),
    /// The endpoint scales: it is updated to another number of instances.
    Scale { variant: usize, count: u8, takes: u64 },
}

/// So many exchanges go wrong, from the `at`-th on after the first deployment.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) at: u32,
    pub(crate) times: u32,
    /// Whether only calls that change something, and answers, are counted.
    pub(crate) changes: bool,
    pub(crate) kind: Kind,
}

/// Lambda delivers the `request`-th request again, so many milliseconds after the first delivery.
#[derive(Clone, Debug)]
pub(crate) struct Duplicate {
    pub(crate) request: usize,
    pub(crate) after: u64,
}

pub(crate) fn histories(adversity: Adversity) -> impl Strategy<Value = History> {
    let reads = (0_u64..5_000, 0_u64..5_000, any::<bool>()).prop_map(|(targets, parameters, mixed)| Reads {
        targets,
        parameters,
        mixed,
    });
    (
        (any::<u64>(), 0_u64..2_000, reads),
        (templates(), vec(ops(), 1..4), vec(other_ops(), 0..4)),
        (
            [(); 3].map(|()| option::weighted(0.35, natives())),
            [(); 3].map(|()| prop::bool::weighted(0.25)),
            any::<[bool; 3]>(),
        ),
        (vec(hands(), 0..3), vec(troubles(), 0..4), vec(crashes(), 0..3), vec(duplicates(), 0..3)),
    )
        .prop_map(move |(base, stacks, around, (hands, troubles, crashes, duplicates))| {
            let (jitter, record_lag, reads) = base;
            let (first, main, other) = stacks;
            let (natives, foreign, owned_natives) = around;
            let history = History {
                jitter,
                record_lag,
                reads,
                first,
                main,
                other,
                natives,
                owned_natives,
                foreign,
                hands,
                troubles: troubles.into_iter().chain(crashes).collect(),
                duplicates,
            };
            history.taking_over().limited_to(adversity)
        })
}

impl History {
    /// In half of the histories, renamed resources take their targets over.
    fn taking_over(mut self) -> Self {
        let takes_over = self.jitter.is_multiple_of(2);
        let of_main = self.main.iter_mut().filter_map(|op| match op {
            Op::Deploy(deploy) => Some(&mut deploy.template.scalings),
            Op::RollBack { .. } | Op::Delete { .. } => None,
        });
        let of_other = self.other.iter_mut().filter_map(|op| match op {
            OtherOp::Deploy { scalings, .. } => Some(scalings),
            OtherOp::Delete { .. } => None,
        });
        for scaling in of_main.chain(of_other).chain([&mut self.first.scalings]).flatten().flatten() {
            scaling.takes_over = takes_over;
        }
        self
    }

    /// The same history without the adversity that a run does not have.
    fn limited_to(mut self, adversity: Adversity) -> Self {
        let has = |level| adversity.has(level);
        self.first.gate = Some(self.first.gate.unwrap_or(false));
        if !has(Level::Structure) {
            let natives = self.natives.map(|native| native.is_some());
            self.first.make_regular(&self.first.clone(), natives);
        }
        for scaling in self.first.scalings.iter_mut().flatten() {
            scaling.renamed = false;
            scaling.gated = true;
        }
        self.first.make_possible();
        for op in &mut self.main {
            if let Op::RollBack { after, .. } | Op::Delete { after } = *op
                && !has(if matches!(op, Op::RollBack { .. }) { Level::Express } else { Level::Structure })
            {
                let template = self.first.clone();
                *op = Op::Deploy(Deploy::plain(after, template));
            }
            let Op::Deploy(deploy) = op else { continue };
            if !has(Level::Structure) {
                deploy.template.make_regular(&self.first, self.natives.map(|native| native.is_some()));
            }
            if !has(Level::Structure) {
                deploy.drops_natives = [false; 3];
            }
            if !has(Level::Failures) {
                deploy.fails = None;
            }
            if !has(Level::Express) {
                (deploy.express, deploy.keeps) = (false, false);
            }
            deploy.template.make_possible();
        }
        if !has(Level::Others) {
            self.other.clear();
            self.hands.clear();
        }
        for op in &mut self.other {
            let OtherOp::Deploy { gate, fails, .. } = op else { continue };
            if !has(Level::Failures) {
                *fails = None;
            }
            if !has(Level::Gates) {
                *gate = None;
            }
        }
        self.troubles.retain(|trouble| {
            has(if matches!(trouble.kind, Kind::Crash { .. }) { Level::Kills } else { Level::Troubles })
        });
        if !has(Level::Troubles) {
            self.duplicates.clear();
        }
        if !has(Level::Eventual) {
            self.reads = Reads::default();
        }
        self
    }
}

impl Deploy {
    pub(crate) fn plain(after: u64, template: Template) -> Self {
        Self {
            after,
            template,
            drops_natives: [false; 3],
            fails: None,
            reversed: false,
            forward_clean_up: false,
            pause: 8_000,
            takes: 60,
            express: false,
            keeps: false,
            chained: false,
            retries_attempted: false,
        }
    }
}

impl Template {
    /// A template with the gate, and with the scaling of the same variants as the first.
    fn make_regular(&mut self, first: &Self, natives: [bool; 3]) {
        self.gate = Some(self.gate.unwrap_or_default());
        for (variant, (scaling, first)) in self.scalings.iter_mut().zip(&first.scalings).enumerate() {
            *scaling = if natives[variant] { None } else { first.map(|first| scaling.unwrap_or(first)) };
            if let Some(scaling) = scaling {
                (scaling.renamed, scaling.adopt, scaling.gated) = (false, false, true);
            }
        }
    }

    /// A template that the services accept: no endpoint without a variant, and no scaling without its variant.
    fn make_possible(&mut self) {
        if self.config.types == [None; 3] {
            self.config.types[0] = Some(0);
        }
        for (scaling, kind) in self.scalings.iter_mut().zip(self.config.types) {
            if kind.is_none() {
                *scaling = None;
            }
        }
    }
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => deploys().prop_map(Op::Deploy),
        3 => (pauses(), any::<bool>()).prop_map(|(after, reversed)| Op::RollBack { after, reversed }),
        1 => pauses().prop_map(|after| Op::Delete { after }),
    ]
}

fn deploys() -> impl Strategy<Value = Deploy> {
    (
        (pauses(), templates(), [(); 3].map(|()| prop::bool::weighted(0.2)), option::weighted(0.45, fails())),
        (any::<bool>(), any::<bool>(), prop_oneof![0_u64..8_000, Just(8_000)]),
        (takes(), prop::bool::weighted(0.3), prop::bool::weighted(0.35), any::<bool>(), prop::bool::weighted(0.3)),
    )
        .prop_map(|(what, way_back, how)| {
            let (after, template, drops_natives, fails) = what;
            let (reversed, forward_clean_up, pause) = way_back;
            let (takes, express, keeps, chained, retries_attempted) = how;
            Deploy {
                after,
                template,
                drops_natives,
                fails,
                reversed,
                forward_clean_up,
                pause,
                takes,
                express,
                keeps,
                chained,
                retries_attempted,
            }
        })
}

fn fails() -> impl Strategy<Value = Fails> {
    prop_oneof![
        1 => Just(Fails::BeforeEndpoint),
        2 => Just(Fails::Endpoint),
        1 => Just(Fails::AfterEndpoint),
        2 => Just(Fails::AfterScaling),
        5 => prop_oneof![2 => 0_u64..1_500, 2 => 0_u64..8_000, 1 => 0_u64..40_000, 1 => 0_u64..1_200_000].prop_map(Fails::At),
    ]
}

fn templates() -> impl Strategy<Value = Template> {
    let types = [0.9, 0.75, 0.4].map(|present| option::weighted(present, 0_u8..2));
    let config = (types, 0_u8..2).prop_map(|(types, model)| Config { types, model });
    let gate = option::weighted(0.93, prop::bool::weighted(0.3));
    (config, gate, scalings(0.65)).prop_map(|(config, gate, scalings)| Template { config, gate, scalings })
}

fn scalings(present: f64) -> impl Strategy<Value = [Option<Scaling>; 3]> {
    [(); 3].map(|()| option::weighted(present, scaling()))
}

fn scaling() -> impl Strategy<Value = Scaling> {
    let attached = [(); 3].map(|()| option::weighted(0.3, 1_u8..3));
    let flags = [0.12, 0.2, 0.15].map(prop::bool::weighted);
    let gated = prop::bool::weighted(0.95);
    let limits = (prop_oneof![6 => Just(1_u8), 1 => Just(2)], 2_u8..4);
    (flags, limits, option::weighted(0.2, 0_u8..2), attached, gated).prop_map(
        |([renamed, adopt, suspended], (min, max), tag, attached, gated)| Scaling {
            renamed,
            takes_over: false,
            adopt,
            min,
            max,
            suspended,
            tag,
            attached,
            gated,
        },
    )
}

fn natives() -> impl Strategy<Value = Native> {
    let values = || option::weighted(0.6, 1_u8..3);
    (4_u8..6, any::<bool>(), any::<bool>(), values(), values())
        .prop_map(|(max, suspended, tag, policy, action)| Native { max, suspended, tag, policy, action })
}

fn other_ops() -> impl Strategy<Value = OtherOp> {
    let deploy = (pauses(), option::weighted(0.5, any::<bool>()), scalings(0.3), option::weighted(0.2, fails()));
    prop_oneof![
        5 => deploy.prop_map(|(after, gate, scalings, fails)| OtherOp::Deploy { after, gate, scalings, fails }),
        1 => pauses().prop_map(|after| OtherOp::Delete { after }),
    ]
}

fn pauses() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..3, 0_u64..30, 0_u64..600]
}

fn takes() -> impl Strategy<Value = u64> {
    prop_oneof![2 => 0_u64..20, 4 => 20_u64..300, 1 => 300_u64..1_200]
}

fn hands() -> impl Strategy<Value = Hand> {
    let deeds = prop_oneof![
        1 => (0_usize..3, natives()).prop_map(|(variant, native)| Deed::Register(variant, native)),
        1 => (0_usize..3).prop_map(Deed::Deregister),
        2 => (0_usize..3).prop_map(Deed::Attach),
        2 => (0_usize..2, 1_u8..4, takes()).prop_map(|(variant, count, takes)| Deed::Scale { variant, count, takes }),
    ];
    (prop_oneof![0_u64..10, 0_u64..900], deeds).prop_map(|(at, does)| Hand { at, does })
}

fn troubles() -> impl Strategy<Value = Trouble> {
    let kinds = prop_oneof![
        3 => any::<bool>().prop_map(|after_effect| Kind::Reset { after_effect }),
        1 => Just(Kind::ConcurrentUpdate),
        1 => Just(Kind::Denied),
        1 => Just(Kind::Garbage),
        1 => Just(Kind::Hang),
        1 => Just(Kind::InternalError),
        2 => (1_u64..9).prop_map(Kind::Slow),
        3 => Just(Kind::Throttled),
    ];
    placed(kinds, prop_oneof![6 => 1_u32..3, 1 => 3_u32..30])
}

fn crashes() -> impl Strategy<Value = Trouble> {
    placed(
        any::<bool>().prop_map(|after_effect| Kind::Crash { after_effect }),
        prop_oneof![4 => Just(1_u32), 1 => 2_u32..4],
    )
}

fn placed(kinds: impl Strategy<Value = Kind>, times: impl Strategy<Value = u32>) -> impl Strategy<Value = Trouble> {
    let at = prop_oneof![(0_u32..25).prop_map(|at| (at, true)), (0_u32..90).prop_map(|at| (at, false))];
    (at, times, kinds).prop_map(|((at, changes), times, kind)| Trouble { at, times, changes, kind })
}

fn duplicates() -> impl Strategy<Value = Duplicate> {
    let after = prop_oneof![0_u64..500, 0_u64..10_000, 0_u64..900_000];
    (0_usize..10, after).prop_map(|(request, after)| Duplicate { request, after })
}

pub(crate) const ENDPOINT: &str = "prod";
/// Two variants on instances, and one without servers.
pub(crate) const VARIANTS: [&str; 3] = ["blue", "green", "grey"];
pub(crate) const DIMENSIONS: [&str; 3] = [
    "sagemaker:variant:DesiredInstanceCount",
    "sagemaker:variant:DesiredInstanceCount",
    "sagemaker:variant:DesiredProvisionedConcurrency",
];
/// The logical ids of the scaling of each variant, and those after a renaming.
pub(crate) const SCALINGS: [[&str; 3]; 2] = [["Blue", "Green", "Grey"], ["Blue2", "Green2", "Grey2"]];
/// The logical ids of native targets.
pub(crate) const NATIVES: [&str; 3] = ["NativeBlue", "NativeGreen", "NativeGrey"];
/// `green` has the second as an instance pool.
pub(crate) const INSTANCE_TYPES: [&str; 2] = ["ml.m5.large", "ml.m5.xlarge"];
/// Two scaling policies and a scheduled action.
pub(crate) const ATTACHED: [&str; 3] = ["p", "q", "s"];

/// The `ResourceId` of a variant.
pub(crate) fn resource_id(variant: usize) -> String {
    format!("endpoint/{ENDPOINT}/variant/{}", VARIANTS[variant])
}

/// The `PhysicalResourceId` of the scaling of a variant.
pub(crate) fn scaling_id(variant: usize) -> String {
    format!("{}|{}|sagemaker", resource_id(variant), DIMENSIONS[variant])
}

/// The `PhysicalResourceId` of a gate.
pub(crate) fn gate_id(config: &str) -> String {
    format!("endpoint/{ENDPOINT}/config/{config}|update-gate")
}

/// The name of the parameter that holds the snapshot of a variant.
pub(crate) fn parameter(variant: usize) -> String {
    let dimension = DIMENSIONS[variant].replace(':', ".");
    format!("/sagemaker-scaling/snapshots/endpoint/{ENDPOINT}/variant/{}/{dimension}", VARIANTS[variant])
}
