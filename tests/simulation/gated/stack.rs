//! CloudFormation: stacks with a gate, an endpoint and its scaling, in the order gate, endpoint, scaling.
//!
//! Documented: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>, and for a failed update
//! that is not rolled back <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html>.
//!
//! Assumed (beliefs rollback-order, cancelled-requests, rollback-update, delete-retries, express-mode, old-properties):
//!
//! * A rollback runs in the order of dependencies or in the reverse, and so does a clean-up. A history has either.
//! * A resource that is cancelled counts as failed at once, while its request runs on.
//! * A rollback sends an Update to every resource whose update was begun, also where it changed the physical id.
//! * A Delete is tried three times, and then the resource is left behind. An operator continues a failed rollback twice,
//!   and then skips the resource.
//! * An endpoint that is changing is waited for before it is updated, and one that runs a configuration is not updated
//!   to it.
//! * In express mode, an endpoint's update is complete when SageMaker has accepted it.
//! * After a failed update that is not rolled back, the next update sends an Update to the resources that failed. The old
//!   properties are those that failed, or those before. A history has either. Nothing is cleaned up before an update or
//!   a rollback succeeds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use test_support::function::LOGICAL_ID_TAG;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::history::{
    Config, Deploy, ENDPOINT, Fails, INSTANCE_TYPES, NATIVES, Op, OtherOp, SCALINGS, Scaling, VARIANTS, gate_id,
    scaling_id,
};
use super::lambda::Lambda;
use super::request::{Props, Request};
use super::world::{Record, State};

/// A stack.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) lambda: Lambda,
    pub(crate) name: &'static str,
    lives: u32,
    exists: bool,
    pub(crate) resources: Resources,
    /// The resources before a failed update that was not rolled back.
    stable: Option<Resources>,
    /// The resources when a rollback began.
    failed: Resources,
    /// Former ids, which the clean-up deletes.
    obsolete: Vec<(&'static str, Resource)>,
    /// How long its endpoint's updates take.
    takes: u64,
    /// Whether the template that is being deployed has a gate.
    gated: bool,
    /// Whether that gate is new.
    is_new_gate: bool,
    /// Whether the endpoint did not run the stack's configuration when the last deployment began.
    is_behind: bool,
    /// Whether the update follows a failed one that was not rolled back.
    follows_failure: bool,
    /// Whether the rollback in progress runs in the reverse order.
    reversed: bool,
    /// When the last deployment from stable resources began, in seconds since the epoch.
    began: f64,
    /// Whether an update after a failed one that was not rolled back has what failed as its old properties.
    retries_attempted: bool,
}

type Resources = BTreeMap<&'static str, Resource>;

/// A resource, as CloudFormation knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Resource {
    pub(crate) props: Props,
    pub(crate) id: String,
    /// Its last Create or Update failed.
    failed: bool,
    /// How often its variant, or the endpoint, had been removed when it was last created or updated.
    pub(crate) removals: u32,
}

/// What a deployment wants, and how it goes.
#[derive(Clone, Debug)]
struct Plan {
    /// The endpoint's configuration, if the stack has the endpoint.
    config: Option<Config>,
    gate: Option<bool>,
    scalings: [Option<Scaling>; 3],
    drops_natives: [bool; 3],
    fails: Option<Fails>,
    reversed: bool,
    forward_clean_up: bool,
    pause: u64,
    express: bool,
    keeps: bool,
    chained: bool,
    retries_attempted: bool,
}

/// How a request ended, as CloudFormation sees it.
#[derive(Debug)]
enum Ended {
    Succeeded(String),
    Failed(String),
    /// It was cancelled, or not answered in time.
    Unanswered,
}

/// Something failed.
struct Failed;

type Cancelled = watch::Receiver<bool>;

impl Stack {
    pub(crate) fn new(lambda: &Lambda, name: &'static str) -> Self {
        Self {
            lambda: lambda.clone(),
            name,
            lives: 0,
            exists: false,
            resources: Resources::new(),
            stable: None,
            failed: Resources::new(),
            obsolete: Vec::new(),
            takes: 0,
            gated: false,
            is_new_gate: false,
            is_behind: false,
            follows_failure: false,
            reversed: false,
            began: 0.0,
            retries_attempted: false,
        }
    }

    pub(crate) fn id(&self) -> String {
        format!("arn:aws:cloudformation:us-east-1:111122223333:stack/{}/{}", self.name, self.lives)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.lambda.world.state()
    }

    fn tell(&self, what: impl std::fmt::Display) {
        self.state().tell(|| format!("{}/{}: {what}", self.name, self.lives));
    }

    /// Plays the operations of the stack with the endpoint. At the end, an operator rolls a failed update back.
    pub(crate) async fn live(&mut self, ops: &[Op]) {
        for op in ops {
            match op {
                Op::Deploy(deploy) => self.deploy(deploy).await,
                Op::RollBack { after, reversed } => {
                    sleep(Duration::from_secs(*after)).await;
                    self.roll_back(*reversed).await;
                }
                Op::Delete { after } => {
                    sleep(Duration::from_secs(*after)).await;
                    self.delete().await;
                }
            }
        }
        sleep(Duration::from_secs(20)).await;
        self.roll_back(false).await;
    }

    pub(crate) async fn deploy(&mut self, deploy: &Deploy) {
        sleep(Duration::from_secs(deploy.after)).await;
        self.takes = deploy.takes;
        let template = &deploy.template;
        self.carry_out(&Plan {
            config: Some(template.config),
            gate: template.gate,
            scalings: template.scalings,
            drops_natives: deploy.drops_natives,
            fails: deploy.fails,
            reversed: deploy.reversed,
            forward_clean_up: deploy.forward_clean_up,
            pause: deploy.pause,
            express: deploy.express,
            keeps: deploy.keeps,
            chained: deploy.chained,
            retries_attempted: deploy.retries_attempted,
        })
        .await;
    }

    /// Plays the operations of the other stack.
    pub(crate) async fn live_beside(&mut self, ops: &[OtherOp]) {
        for op in ops {
            match op {
                OtherOp::Deploy { after, gate, scalings, fails } => {
                    sleep(Duration::from_secs(*after)).await;
                    self.carry_out(&Plan {
                        config: None,
                        gate: *gate,
                        scalings: *scalings,
                        drops_natives: [false; 3],
                        fails: fails.filter(|fails| *fails != Fails::Endpoint),
                        reversed: false,
                        forward_clean_up: false,
                        pause: 8_000,
                        express: false,
                        keeps: false,
                        chained: false,
                        retries_attempted: false,
                    })
                    .await;
                }
                OtherOp::Delete { after } => {
                    sleep(Duration::from_secs(*after)).await;
                    self.delete().await;
                }
            }
        }
    }

    async fn carry_out(&mut self, plan: &Plan) {
        let creating = !self.exists;
        if creating {
            self.exists = true;
            self.lives += 1;
            self.stable = None;
            self.obsolete.clear();
        }
        self.tell(format_args!("{} {plan:?}", if creating { "create" } else { "update" }));
        self.gated = plan.gate.is_some();
        self.is_new_gate = self.gated && !self.resources.contains_key("Gate");
        self.retries_attempted = plan.retries_attempted;
        self.is_behind = self.endpoint_is_behind();
        self.follows_failure = self.stable.is_some();
        if self.stable.is_none() {
            let now = self.state().now();
            self.began = now;
        } else if plan.gate.is_none() {
            // Documented limit: nobody restores what the failed update has left in snapshots.
            self.state().excuse_all("the gate was removed after an update that was not rolled back");
        }
        let before = self.resources.clone();
        let stable = self.stable.clone().unwrap_or(before);
        if self.update_resources(plan).await.is_ok() {
            self.stable = None;
            let wanted = self.wanted(plan);
            let gone: Vec<_> = self.resources.keys().copied().filter(|name| !wanted.contains(name)).collect();
            self.clean_up(gone, plan.forward_clean_up).await;
            self.note_new_gate(&stable);
            self.tell("complete");
        } else if plan.keeps && !creating {
            self.stable = Some(stable);
            self.tell("failed, not rolled back");
        } else {
            sleep(Duration::from_millis(plan.pause)).await;
            if creating {
                self.delete().await;
                return;
            }
            self.stable = Some(stable);
            self.roll_back(plan.reversed).await;
        }
    }

    /// Whether the endpoint runs another configuration than the stack says: its update failed in express mode.
    fn endpoint_is_behind(&self) -> bool {
        let Some(Props::Endpoint { config }) = self.resources.get("Endpoint").map(|endpoint| &endpoint.props) else {
            return false;
        };
        self.state().endpoint().is_some_and(|found| {
            let pending = &found["PendingDeploymentSummary"]["EndpointConfigName"];
            found["EndpointConfigName"] != *config && *pending != *config
        })
    }

    fn wanted(&self, plan: &Plan) -> Vec<&'static str> {
        let mut wanted = Vec::new();
        if plan.config.is_some() {
            wanted.extend(["Config", "Endpoint"]);
        }
        if plan.gate.is_some() {
            wanted.push("Gate");
        }
        for (variant, scaling) in plan.scalings.iter().enumerate() {
            wanted.extend(scaling.map(|scaling| logical_id(variant, &scaling)));
            // A native target cannot stay without its variant.
            let exists = plan.config.is_some_and(|config| config.types[variant].is_some());
            if exists && !plan.drops_natives[variant] {
                wanted.push(NATIVES[variant]);
            }
        }
        wanted
    }

    /// Creates and updates the resources of the template.
    async fn update_resources(&mut self, plan: &Plan) -> Result<(), Failed> {
        let (cancel, cancelled) = watch::channel(false);
        let cancel = Arc::new(cancel);
        if let Some(Fails::At(after)) = plan.fails {
            let cancel = Arc::clone(&cancel);
            tokio::task::spawn_local(async move {
                sleep(Duration::from_millis(after)).await;
                cancel.send_replace(true);
            });
        }
        let done = self.take_steps(plan, &cancel, &cancelled).await;
        if matches!(plan.fails, Some(Fails::At(_))) && done.is_ok() {
            let mut cancelled = cancelled;
            cancelled.wait_for(|cancelled| *cancelled).await.expect("the sender lives");
            return Err(Failed);
        }
        done
    }

    async fn take_steps(
        &mut self,
        plan: &Plan,
        cancel: &watch::Sender<bool>,
        cancelled: &Cancelled,
    ) -> Result<(), Failed> {
        if let Some(config) = plan.config {
            self.replace_config(config);
        }
        let mut gate = None;
        if let Some(include) = plan.gate {
            let config = self.config_name();
            let props = Props::Gate { config: config.clone(), include };
            self.bring("Gate", props, cancel, cancelled.clone()).await?;
            gate = Some(self.resources["Gate"].id.clone());
        }
        self.fail_at(plan, Fails::BeforeEndpoint, cancelled)?;
        if plan.config.is_some() {
            let config = self.config_name();
            let fails = plan.fails == Some(Fails::Endpoint);
            self.bring_endpoint(config, fails, plan.express, cancelled.clone()).await?;
        }
        self.fail_at(plan, Fails::AfterEndpoint, cancelled)?;
        let mut steps = Vec::new();
        for (variant, scaling) in plan.scalings.iter().enumerate() {
            let Some(scaling) = *scaling else { continue };
            let gate = gate.clone().filter(|_| scaling.gated);
            let logical = logical_id(variant, &scaling);
            steps.push((logical, Props::Scaling { variant, scaling, gate }));
        }
        if plan.chained {
            for (logical, props) in steps {
                self.bring(logical, props, cancel, cancelled.clone()).await?;
            }
        } else {
            let steps = steps.into_iter().filter(|(logical, props)| self.needs(logical, props)).collect::<Vec<_>>();
            let requests = steps.iter().map(|(logical, props)| self.take(logical, props, cancel, cancelled.clone()));
            let ended = join_all(requests).await;
            let mut done = Ok(());
            for ((logical, props), ended) in steps.into_iter().zip(ended) {
                if self.note(logical, props, ended).is_err() {
                    done = Err(Failed);
                }
            }
            done?;
        }
        self.fail_at(plan, Fails::AfterScaling, cancelled)
    }

    fn fail_at(&self, plan: &Plan, here: Fails, cancelled: &Cancelled) -> Result<(), Failed> {
        if plan.fails == Some(here) || *cancelled.borrow() {
            self.tell(format_args!("fails {here:?}"));
            return Err(Failed);
        }
        Ok(())
    }

    /// A native target of the stack, which is registered already.
    pub(crate) fn own_native(&mut self, variant: usize) {
        let (logical, id) = (NATIVES[variant], scaling_id(variant));
        self.record(logical, "CREATE_COMPLETE", &id);
        let props = Props::Native { variant };
        self.resources.insert(logical, Resource { props, id, failed: false, removals: 0 });
    }

    /// A configuration that changes is replaced by one with another name.
    fn replace_config(&mut self, config: Config) {
        let props = Props::Config(config);
        if self.resources.get("Config").is_some_and(|now| now.props == props) {
            return;
        }
        let mut state = self.lambda.world.state();
        let name = format!("config-{}", state.configs.len());
        state.create_config(&name, config);
        drop(state);
        self.tell(format_args!("configuration {name}: {config:?}"));
        if let Some(old) = self.resources.insert("Config", Resource { props, id: name, failed: false, removals: 0 }) {
            self.obsolete.push(("Config", old));
        }
    }

    /// The configuration of the stack's endpoint, or the one that the endpoint of another stack runs.
    fn config_name(&self) -> String {
        if let Some(config) = self.resources.get("Config") {
            return config.id.clone();
        }
        let running = self.state().endpoint().and_then(|found| found["EndpointConfigName"].as_str().map(str::to_owned));
        running.unwrap_or_else(|| "config-0".to_owned())
    }

    fn needs(&self, logical: &str, props: &Props) -> bool {
        self.resources.get(logical).is_none_or(|now| now.props != *props || now.failed)
    }

    /// Creates or updates a resource, if it has to change.
    async fn bring(
        &mut self,
        logical: &'static str,
        props: Props,
        cancel: &watch::Sender<bool>,
        cancelled: Cancelled,
    ) -> Result<(), Failed> {
        if !self.needs(logical, &props) {
            return Ok(());
        }
        let ended = self.take(logical, &props, cancel, cancelled).await;
        self.note(logical, props, ended)
    }

    async fn take(
        &self,
        logical: &'static str,
        props: &Props,
        cancel: &watch::Sender<bool>,
        cancelled: Cancelled,
    ) -> Ended {
        let now = self.resources.get(logical);
        let kind = if now.is_some() { "Update" } else { "Create" };
        let mut sent = now.cloned();
        if let (Some(sent), Some(stable)) = (&sent, &self.stable)
            && let (true, Some(variant)) = (sent.failed && !stable.contains_key(logical), sent.props.variant())
        {
            self.state().excuse(variant, ATTEMPTED);
        }
        if let (Some(sent), Some(stable)) = (&mut sent, self.stable.as_ref().and_then(|stable| stable.get(logical))) {
            match sent.props.variant() {
                Some(variant) if sent.failed && self.retries_attempted => {
                    self.state().excuse(variant, ATTEMPTED);
                }
                variant if sent.failed => {
                    if let Some(variant) = variant
                        && sent.props != stable.props
                    {
                        // Nothing tells what the failed attempt has added.
                        self.state().excuse(variant, "a failed update was not rolled back, and is not an old one");
                    }
                    sent.props = stable.props.clone();
                }
                _ => {}
            }
        }
        let ended = self.request(kind, logical, props, sent.as_ref(), cancelled).await;
        let before = self.stable.as_ref().and_then(|stable| stable.get(logical));
        if let (Some(now), Some(before), Some(variant)) = (now, before, props.variant())
            && now.props != before.props
            && !matches!(ended, Ended::Succeeded(_))
        {
            // No later request names what the update before this one has declared.
            self.state().excuse(variant, "an update failed after one that was not rolled back");
        }
        let invented = self.invented(logical);
        let (status, id) = match (now, &ended) {
            (None, Ended::Succeeded(id)) => ("CREATE_COMPLETE", id),
            (None, Ended::Failed(id)) => ("CREATE_FAILED", id),
            (None, Ended::Unanswered) => ("CREATE_FAILED", &invented),
            (Some(_), Ended::Succeeded(id)) => ("UPDATE_COMPLETE", id),
            (Some(now), Ended::Failed(_) | Ended::Unanswered) => ("UPDATE_FAILED", &now.id),
        };
        self.record(logical, status, id);
        // A failure cancels the steps in progress.
        if !matches!(ended, Ended::Succeeded(_)) {
            cancel.send_replace(true);
        }
        ended
    }

    fn note(&mut self, logical: &'static str, props: Props, ended: Ended) -> Result<(), Failed> {
        let before = self.resources.get(logical).cloned();
        let failed = !matches!(ended, Ended::Succeeded(_));
        let id = match (&before, ended) {
            (_, Ended::Succeeded(id)) | (None, Ended::Failed(id)) => id,
            (None, Ended::Unanswered) => self.invented(logical),
            (Some(before), Ended::Failed(_) | Ended::Unanswered) => before.id.clone(),
        };
        if let Some(before) = before.filter(|before| before.id != id) {
            self.obsolete.push((logical, before));
        }
        let removals = self.state().removals_before(&self.id(), logical, &props);
        self.resources.insert(logical, Resource { props, id, failed, removals });
        if failed { Err(Failed) } else { Ok(()) }
    }

    fn invented(&self, logical: &str) -> String {
        format!("{}-{logical}-1A2B3C4D5E6F", self.name)
    }

    async fn bring_endpoint(
        &mut self,
        config: String,
        fails: bool,
        express: bool,
        mut cancelled: Cancelled,
    ) -> Result<(), Failed> {
        let props = Props::Endpoint { config: config.clone() };
        let now = self.resources.get("Endpoint").cloned();
        if now.as_ref().is_some_and(|now| now.props == props && !now.failed) {
            return Ok(());
        }
        let done = tokio::select! {
            biased;
            _ = cancelled.wait_for(|cancelled| *cancelled) => Err(Failed),
            done = self.change_endpoint(&config, now.is_none(), fails, express, false) => done,
        };
        self.resources
            .insert("Endpoint", Resource { props, id: ENDPOINT.to_owned(), failed: done.is_err(), removals: 0 });
        if done.is_err() {
            self.tell("the endpoint fails");
        }
        done
    }

    async fn change_endpoint(
        &self,
        config: &str,
        create: bool,
        fails: bool,
        express: bool,
        rolls_back: bool,
    ) -> Result<(), Failed> {
        let input = json!({ "EndpointName": ENDPOINT, "EndpointConfigName": config });
        if create {
            let mut state = self.state();
            state.tell(|| format!("CreateEndpoint {config}"));
            state.set_endpoint_takes(self.takes);
            state.by_hand("SageMaker.CreateEndpoint", &input).map_err(|_| Failed)?;
        } else {
            let found = self.settled_endpoint().await.ok_or(Failed)?;
            if found["EndpointStatus"] == "Failed" {
                return Err(Failed);
            }
            if found["EndpointConfigName"] == config {
                return Ok(());
            }
            let mut state = self.state();
            state
                .tell(|| format!("{}: UpdateEndpoint {config}{}", self.name, if fails { ", which fails" } else { "" }));
            state.set_endpoint_takes(self.takes);
            if fails {
                state.aws.roll_back_next_endpoint("planned");
            }
            let updated = state.by_hand("SageMaker.UpdateEndpoint", &input);
            state.aws.succeed_next_endpoint();
            state.endpoint_updated = state.now();
            if let Err(fault) = updated {
                self.check_refusal(&mut state, &fault.to_string(), rolls_back);
                return Err(Failed);
            }
        }
        if express && !create {
            return Ok(());
        }
        let found = self.settled_endpoint().await.ok_or(Failed)?;
        let runs = found["EndpointConfigName"] == config && found["EndpointStatus"] == "InService";
        if runs { Ok(()) } else { Err(Failed) }
    }

    /// The endpoint, once no change of it is in progress.
    async fn settled_endpoint(&self) -> Option<Value> {
        loop {
            let found = self.state().endpoint()?;
            let status = found["EndpointStatus"].as_str().unwrap_or_default();
            if !matches!(status, "Creating" | "Updating" | "Deleting") {
                return Some(found);
            }
            sleep(Duration::from_secs(3)).await;
        }
    }

    /// Invariant: SageMaker refuses no update because of a target of a variant behind a gate.
    fn check_refusal(&self, state: &mut State, fault: &str, rolls_back: bool) {
        let fault = fault.to_owned();
        state.tell(|| format!("{}: refused: {fault}", self.name));
        for (variant, name) in VARIANTS.iter().enumerate() {
            if !self.gated || !fault.contains(&format!("\"{name}\"")) || !state.excused[variant].is_empty() {
                continue;
            }
            let made_by = state.shadows[variant].as_ref().and_then(|shadow| shadow.made_by);
            let restored_by = made_by.map(|made| &state.requests[made]);
            let since = state.shadows[variant].as_ref().map_or(0.0, |shadow| shadow.since);
            let is_of_twin = |made: &&Request| {
                made.logical_id == "Gate"
                    && (state.has_open_delivery(made)
                        || made.kind != "Delete" && made.answered_at.is_some_and(|answered| since > answered))
            };
            if restored_by.as_ref().is_some_and(is_of_twin) {
                state
                    .excuse(variant, "one of two deliveries of a gate's request restored while the other was answered");
                continue;
            }
            let is_others = made_by.is_none_or(|made| {
                let maker = &state.requests[made];
                maker.stack_id != self.id() && maker.logical_id != "Gate"
            });
            if is_others && self.came_meanwhile(state, variant, rolls_back) {
                state.excuse(variant, "others register a variant that the endpoint's update then changes");
                continue;
            }
            let owner = state.shadows[variant].as_ref().and_then(|shadow| shadow.tags.get(LOGICAL_ID_TAG).cloned());
            if rolls_back && let Some(limit) = self.limit_on_the_way_back(variant, owner.as_deref()) {
                // The operator does what `docs/UPDATES.md` says.
                state.deregister_as_operator(variant, &self.id());
                // If the new resource had taken the target over, it is lost to the former owner.
                let taken_over = |(logical, failed): (&&str, &Resource)| {
                    matches!(&failed.props, Props::Scaling { variant: of, scaling, .. } if *of == variant && scaling.takes_over)
                        && self.stable.as_ref().is_some_and(|stable| !stable.contains_key(*logical))
                };
                if limit != NEW_SCALING || self.failed.iter().any(taken_over) {
                    state.excuse(variant, limit);
                }
                continue;
            }
            let kind = if rolls_back { "refused on the way back" } else { "refused" };
            state.violation(kind, fault.clone());
        }
    }

    /// Whether a target was registered when the gate had looked for the last time. In a rollback in reverse order, no
    /// gate looks before the endpoint is updated.
    fn came_meanwhile(&self, state: &State, variant: usize, rolls_back: bool) -> bool {
        let since = state.shadows[variant].as_ref().map_or(0.0, |shadow| shadow.since);
        let gates =
            state.requests.iter().filter(|request| request.logical_id == "Gate" && request.stack_id == self.id());
        // A gate that keeps its id, and one that gets no request, look at nothing.
        let looked = gates.filter(|request| match (&request.props, &request.given) {
            (Props::Gate { config, .. }, Some(given)) => request.kind == "Update" && *given != gate_id(config),
            _ => request.kind == "Create",
        });
        let answered = looked.filter_map(|request| request.answered_at);
        let last = answered.fold(0.0, f64::max);
        // The gate looks, waits for two seconds, checks that it is fresh, and answers.
        since > last - LAST_LOOK - state.latest_read() || rolls_back && self.reversed && since > self.began
    }

    /// The documented limit by which SageMaker may refuse the way back because of a variant.
    fn limit_on_the_way_back(&self, variant: usize, owner: Option<&str>) -> Option<&'static str> {
        let stable = self.stable.as_ref()?;
        let is_of = |resource: &Resource| resource.props.variant() == Some(variant);
        if self.is_new_gate {
            return Some(NEW_GATE);
        }
        if self.follows_failure && self.reversed {
            return Some(SEVERAL);
        }
        if self.is_behind {
            return Some(BEHIND);
        }
        let is_new = |logical: &str| !stable.contains_key(logical);
        // A new resource that had adopted the target or taken it over, and is cancelled, releases it or hands it back.
        let new = self.failed.iter().find(|(logical, failed)| is_new(logical) && is_of(failed));
        let takes_over = |new: &Resource| matches!(&new.props, Props::Scaling { scaling, .. } if scaling.takes_over);
        let is_released = new.is_some_and(|(_, new)| new.failed && (owner.is_none() || takes_over(new)));
        if owner.is_some_and(is_new) || is_released {
            return Some(NEW_SCALING);
        }
        let names_no_gate = |resource: &Resource| matches!(resource.props, Props::Scaling { gate: None, .. });
        let mut all = self.failed.values().chain(stable.values()).filter(|resource| is_of(resource));
        all.any(names_no_gate).then_some(NAMES_NO_GATE)
    }

    /// Rolls a failed update back to the resources before it. Does nothing if there is none.
    async fn roll_back(&mut self, reversed: bool) {
        let Some(stable) = self.stable.clone() else { return };
        self.reversed = reversed;
        self.failed = self.resources.clone();
        self.tell(format_args!("rolls back{}", if reversed { ", reversed" } else { "" }));
        let mut names: Vec<_> = self.resources.keys().copied().collect();
        names.sort_by_key(|name| rank(name));
        if reversed {
            names.reverse();
        }
        for logical in names {
            let now = self.resources[logical].clone();
            let Some(stable) = stable.get(logical) else { continue };
            if now == *stable {
                continue;
            }
            let names_gate = |resource: &Resource| matches!(resource.props, Props::Scaling { gate: Some(_), .. });
            if let Some(variant) = now.props.variant()
                && self.follows_failure
                && reversed
                && names_gate(&now) != names_gate(stable)
            {
                // Documented limit: the snapshot belongs to another update than the resource names.
                self.state().excuse(variant, SEVERAL);
            }
            if !self.roll_back_resource(logical, &now, stable).await {
                // An operator continues the rollback without this resource.
                let mut state = self.lambda.world.state();
                match now.props.variant() {
                    Some(variant) => state.excuse(variant, "the rollback was continued without it"),
                    None => state.excuse_all("the rollback was continued without the gate or the endpoint"),
                }
                drop(state);
                self.record(logical, "UPDATE_COMPLETE", &now.id);
                self.resources.insert(logical, Resource { id: now.id, ..stable.clone() });
            }
        }
        self.stable = None;
        let gone: Vec<_> = self.resources.keys().copied().filter(|name| !stable.contains_key(name)).collect();
        self.clean_up(gone, false).await;
        self.tell("rolled back");
    }

    async fn roll_back_resource(&mut self, logical: &'static str, now: &Resource, stable: &Resource) -> bool {
        if let Props::Config(_) = stable.props {
            self.obsolete.push((logical, now.clone()));
            self.resources.insert(logical, stable.clone());
            return true;
        }
        for _ in 0..3 {
            let (_keep, never) = watch::channel(false);
            if let Props::Endpoint { config } = &stable.props {
                if self.change_endpoint(config, false, false, false, true).await.is_ok() {
                    self.resources.insert(logical, stable.clone());
                    return true;
                }
            } else {
                let ended = self.request("Update", logical, &stable.props, Some(now), never).await;
                if let Ended::Succeeded(id) = ended {
                    self.record(logical, "UPDATE_COMPLETE", &id);
                    let _ = self.note(logical, stable.props.clone(), Ended::Succeeded(id));
                    return true;
                }
                self.record(logical, "UPDATE_FAILED", &now.id);
            }
            sleep(Duration::from_secs(300)).await;
        }
        false
    }

    /// Deletes resources that are gone, and former ids.
    async fn clean_up(&mut self, gone: Vec<&'static str>, forward: bool) {
        let mut obsolete = std::mem::take(&mut self.obsolete);
        obsolete.retain(|(logical, old)| self.resources.get(logical).is_none_or(|now| now.id != old.id));
        let mut seen = Vec::new();
        obsolete.retain(|(logical, old)| {
            let key = (*logical, old.id.clone());
            let is_new = !seen.contains(&key);
            seen.push(key);
            is_new
        });
        let mut steps: Vec<_> = obsolete.into_iter().map(|(logical, old)| (logical, old, false)).collect();
        steps.extend(gone.into_iter().map(|logical| (logical, self.resources[logical].clone(), true)));
        steps.sort_by_key(|(logical, ..)| rank(logical));
        if !forward {
            steps.reverse();
        }
        for (logical, resource, is_current) in steps {
            self.remove(logical, &resource, is_current).await;
        }
        if self.resources.contains_key("Config") {
            self.state().note_dropped_variants();
        }
    }

    async fn delete(&mut self) {
        if !self.exists {
            return;
        }
        self.tell("delete");
        self.stable = None;
        let gone = self.resources.keys().copied().collect();
        self.clean_up(gone, false).await;
        self.resources.clear();
        self.exists = false;
    }

    /// Deletes a resource, or its obsolete id.
    async fn remove(&mut self, logical: &'static str, resource: &Resource, is_current: bool) {
        let mut deleted = false;
        match resource.props {
            Props::Config(_) => {
                let name = json!({ "EndpointConfigName": resource.id });
                deleted = self.state().by_hand("SageMaker.DeleteEndpointConfig", &name).is_ok();
            }
            Props::Endpoint { .. } => {
                if self.settled_endpoint().await.is_some() {
                    let mut state = self.lambda.world.state();
                    state.set_endpoint_takes(10);
                    let input = json!({ "EndpointName": ENDPOINT });
                    state.by_hand("SageMaker.DeleteEndpoint", &input).expect("it is settled");
                    state.note_deleted_endpoint();
                }
                while self.state().endpoint().is_some() {
                    sleep(Duration::from_secs(3)).await;
                }
                deleted = true;
            }
            Props::Native { variant } => {
                self.record(logical, "DELETE_IN_PROGRESS", &resource.id);
                self.state().delete_native(variant);
                self.record(logical, "DELETE_COMPLETE", &resource.id);
                deleted = true;
            }
            Props::Gate { .. } | Props::Scaling { .. } => {
                for _ in 0..3 {
                    if is_current {
                        self.record(logical, "DELETE_IN_PROGRESS", &resource.id);
                    }
                    let (_keep, never) = watch::channel(false);
                    let ended = self.request("Delete", logical, &resource.props, Some(resource), never).await;
                    deleted = matches!(ended, Ended::Succeeded(_));
                    if is_current {
                        let status = if deleted { "DELETE_COMPLETE" } else { "DELETE_FAILED" };
                        self.record(logical, status, &resource.id);
                    }
                    if deleted {
                        break;
                    }
                    sleep(Duration::from_secs(60)).await;
                }
            }
        }
        if !deleted {
            let mut state = self.lambda.world.state();
            match resource.props {
                Props::Scaling { variant, .. } => state.excuse(variant, "CloudFormation gave up its Delete"),
                Props::Gate { .. } => state.excuse_all("CloudFormation gave up a gate's Delete"),
                Props::Config(_) | Props::Endpoint { .. } | Props::Native { .. } => {}
            }
        }
        if is_current {
            if let Some(variant) = resource.props.variant() {
                self.state().note_deleted_owner(variant);
            }
            self.resources.remove(logical);
        }
    }

    fn record(&self, logical: &'static str, status: &'static str, id: &str) {
        let key = (self.id(), logical);
        let mut state = self.lambda.world.state();
        state.tell(|| format!("{}/{} {logical}: {status} {id}", self.name, self.lives));
        let changed = state.now();
        state.records.entry(key).or_default().push(Record { status, id: id.to_owned(), changed });
    }

    /// Makes a request, and waits for its answer.
    async fn request(
        &self,
        kind: &'static str,
        logical: &'static str,
        props: &Props,
        now: Option<&Resource>,
        mut cancelled: Cancelled,
    ) -> Ended {
        let request = Request {
            kind,
            stack_id: self.id(),
            logical_id: logical,
            props: props.clone(),
            old: now.filter(|_| kind == "Update").map(|now| now.props.clone()),
            given: now.map(|now| now.id.clone()),
            made: 0.0,
            answered_at: None,
            answer: None,
            answered: Arc::new(Notify::new()),
        };
        // Documented limit: a late Delete deregisters a target that a newer request has registered.
        while kind != "Delete" && self.state().has_open_delete(&request) {
            if *cancelled.borrow() {
                return Ended::Unanswered;
            }
            sleep(Duration::from_secs(1)).await;
        }
        match kind {
            "Create" => self.record(logical, "CREATE_IN_PROGRESS", ""),
            "Update" => self.record(logical, "UPDATE_IN_PROGRESS", request.given.as_deref().unwrap_or_default()),
            _ => {}
        }
        self.state().note_overtaken(&request);
        let answered = Arc::clone(&request.answered);
        let number = self.state().make(request);
        self.lambda.invoke(number);
        tokio::select! {
            () = answered.notified() => {}
            _ = cancelled.wait_for(|cancelled| *cancelled), if kind != "Delete" => {}
            () = sleep(SERVICE_TIMEOUT) => {}
        }
        let mut state = self.state();
        state.waiting.remove(&number);
        let Some(answer) = &state.requests[number].answer else {
            state.tell(|| format!("request {number} is cancelled or timed out"));
            let now = state.now();
            state.cancelled.insert(number, now);
            return Ended::Unanswered;
        };
        let id = answer["PhysicalResourceId"].as_str().unwrap_or_default().to_owned();
        if answer["Status"] == "SUCCESS" { Ended::Succeeded(id) } else { Ended::Failed(id) }
    }

    /// Documented limit: a gate that is new in the update that it clears the way for has no old id, whose Delete would
    /// restore the targets of others.
    fn note_new_gate(&self, stable: &Resources) {
        if !self.is_new_gate {
            return;
        }
        let mut state = self.lambda.world.state();
        let endpoint = |resources: &Resources| resources.get("Endpoint").map(|endpoint| endpoint.props.clone());
        let (Some(Props::Endpoint { config: from }), Some(Props::Endpoint { config: to })) =
            (endpoint(stable), endpoint(&self.resources))
        else {
            return;
        };
        let gates_of = |of: Option<usize>| {
            let scaling = self.resources.values().filter_map(|resource| match &resource.props {
                Props::Scaling { variant, gate, .. } if of.is_none_or(|of| of == *variant) => Some(gate.is_some()),
                _ => None,
            });
            scaling.collect::<Vec<_>>()
        };
        // The clean-up has deleted the configuration that the endpoint runs, so its gate cannot compare.
        let blocking = if self.is_behind { vec![0, 1, 2] } else { state.blocking(&from, &to) };
        for variant in blocking {
            let is_removed = state.configs.get(&to).is_some_and(|config| config.types[variant].is_none());
            if is_removed || !gates_of(None).contains(&true) {
                state.excuse(variant, NEW_GATE);
            } else if gates_of(Some(variant)).contains(&false) {
                // The others do not restore a target of this stack.
                state.excuse(variant, NAMES_NO_GATE);
            }
        }
    }
}

impl State {
    fn make(&mut self, mut request: Request) -> usize {
        request.made = self.now();
        let number = self.requests.len();
        self.tell(|| {
            let Request { kind, logical_id, props, old, given, .. } = &request;
            format!("request {number}: {kind} {logical_id} {given:?} {props:?} old {old:?}")
        });
        self.requests.push(request);
        self.ledger.removals_before.push(self.ledger.removals);
        self.waiting.insert(number);
        number
    }

    /// Documented limit: a request cannot tell that it was overtaken if the next one for its resource came within seconds.
    fn note_overtaken(&mut self, request: &Request) {
        let now = self.now();
        let is_same = |other: &&Request| other.stack_id == request.stack_id && other.logical_id == request.logical_id;
        let before = self.requests.iter().rev().find(is_same);
        let is_overtaken = before.is_some_and(|before| before.answer.is_none() && now - before.made < SAME_EVENT);
        let limit = "a request was overtaken within seconds";
        match request.props.variant() {
            Some(variant) if is_overtaken => self.excuse(variant, limit),
            // A gate misses what the next request does, or two updates use each other's snapshots.
            None if is_overtaken => self.excuse_all(limit),
            _ => {}
        }
    }

    /// The same limit: a second delivery begins after the next request.
    pub(crate) fn note_late_delivery(&mut self, number: usize) {
        let request = &self.requests[number];
        let is_same = |other: &Request| other.stack_id == request.stack_id && other.logical_id == request.logical_id;
        let next = self.requests[number + 1..].iter().find(|other| is_same(other));
        let is_overtaken = next.is_some_and(|next| next.made - request.made < SAME_EVENT);
        if let (Some(variant), true) = (request.props.variant(), is_overtaken) {
            self.excuse(variant, "a request was overtaken within seconds");
        }
    }

    fn has_open_delete(&self, request: &Request) -> bool {
        let (stack, logical, _) = request.key();
        self.open.get(&(stack, logical, "Delete")).is_some_and(|open| *open > 0)
    }

    /// Whether a delivery of the request runs besides the one that was answered just now.
    fn has_open_delivery(&self, request: &Request) -> bool {
        self.open.get(&request.key()).is_some_and(|open| *open > 1)
    }

    pub(crate) fn set_endpoint_takes(&mut self, seconds: u64) {
        self.aws.set_endpoint_takes(f64::from(u32::try_from(seconds).expect("small")));
    }

    pub(crate) fn endpoint(&mut self) -> Option<Value> {
        self.by_hand("SageMaker.DescribeEndpoint", &json!({ "EndpointName": ENDPOINT })).ok()
    }

    fn create_config(&mut self, name: &str, config: Config) {
        let variants: Vec<_> = (0..3)
            .filter_map(|variant| {
                let kind = config.types[variant]?;
                let mut described = json!({
                    "VariantName": VARIANTS[variant], "ModelName": format!("model-{}", config.model),
                });
                if variant == 2 {
                    described["ServerlessConfig"] =
                        json!({ "MaxConcurrency": 20 + kind, "MemorySizeInMB": 2048, "ProvisionedConcurrency": 1 });
                } else {
                    let kind = INSTANCE_TYPES[usize::from(kind)];
                    if (variant, kind) == (1, INSTANCE_TYPES[1]) {
                        described["InstancePools"] = json!([{ "InstanceType": kind, "Priority": 1 }]);
                    } else {
                        described["InstanceType"] = json!(kind);
                    }
                    described["InitialInstanceCount"] = json!(1);
                }
                Some(described)
            })
            .collect();
        let input = json!({ "EndpointConfigName": name, "ProductionVariants": variants });
        self.by_hand("SageMaker.CreateEndpointConfig", &input).expect("a valid configuration");
        self.configs.insert(name.to_owned(), config);
    }

    /// The variants that may not be registered while an endpoint changes from one configuration to another.
    pub(crate) fn blocking(&self, from: &str, to: &str) -> Vec<usize> {
        let types = |name: &str| self.configs.get(name).map_or([None; 3], |config| config.types);
        let (from, to) = (types(from), types(to));
        let blocks = |variant: &usize| {
            from[*variant].is_some() && (to[*variant].is_none() || (*variant != 2 && from[*variant] != to[*variant]))
        };
        (0..3).filter(blocks).collect()
    }
}

fn logical_id(variant: usize, scaling: &Scaling) -> &'static str {
    SCALINGS[usize::from(scaling.renamed)][variant]
}

/// The place in the order of dependencies.
fn rank(logical: &str) -> usize {
    ["Config", "Gate", "Endpoint"].iter().position(|name| *name == logical).unwrap_or(3)
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html>
const SERVICE_TIMEOUT: Duration = Duration::from_secs(3_600);
/// How much later than a request a change of its status counts as its own, in seconds, with the second of rounding.
const SAME_EVENT: f64 = 4.0;
/// How long before its answer a gate looks for targets for the last time, in seconds, with a slow call after that.
const LAST_LOOK: f64 = 10.0;
/// Documented limits.
const NEW_GATE: &str = "the gate is new in the update";
const ATTEMPTED: &str = "a failed update was not rolled back, and its properties count as the old ones";
const BEHIND: &str = "the endpoint's update had failed in express mode before";
const SEVERAL: &str = "a rollback over several updates in the reverse order";
const NEW_SCALING: &str = "the scaling is new in the update";
pub(crate) const NAMES_NO_GATE: &str = "a scaling behind a gate does not name it";
