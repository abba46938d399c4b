//! CloudFormation, as custom resources see it: stacks that are created, updated, rolled back, cleaned up and
//! deleted.
//!
//! Documented: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>. Assumed (beliefs
//! cancelled-requests, delete-retries, rollback-order): a cancelled resource counts as failed at once, while its request runs on;
//! CloudFormation tries a Delete three times, then leaves the resource behind; a rollback reverts resources in dependency order
//! or in its reverse, as the history says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::history::{Deploy, LOGICAL_IDS, Op, Props, physical_id};
use crate::inbox::Request;
use crate::lambda::Lambda;
use crate::world::{Record, State};

/// A stack, which is deleted and created again under the same name.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) lambda: Lambda,
    pub(crate) name: String,
    pub(crate) lives: u32,
    pub(crate) exists: bool,
    /// The resources of the stack, by their index in `LOGICAL_IDS`.
    pub(crate) resources: BTreeMap<usize, Resource>,
}

/// A resource, as CloudFormation knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Resource {
    pub(crate) props: Props,
    pub(crate) id: String,
    /// Its rollback was skipped, so that its state is unknown.
    pub(crate) skipped: bool,
}

/// How a request ended, as CloudFormation sees it.
#[derive(Debug)]
enum Ended {
    Succeeded(String),
    Failed(String),
    /// It was cancelled, or not answered in time.
    Unanswered,
}

/// What a deployment does to one resource.
#[derive(Clone, Debug)]
enum Step {
    Create(Props),
    Update { from: Resource, to: Props },
}

impl Stack {
    pub(crate) async fn live(&mut self, ops: &[Op]) {
        for op in ops {
            match op {
                Op::Deploy(deploy) => self.deploy(deploy).await,
                Op::Delete { after } => {
                    sleep(Duration::from_secs(*after)).await;
                    self.delete().await;
                }
            }
        }
    }

    pub(crate) fn id(&self) -> String {
        format!("arn:aws:cloudformation:us-east-1:111122223333:stack/{}/{}", self.name, self.lives)
    }

    async fn deploy(&mut self, deploy: &Deploy) {
        sleep(Duration::from_secs(deploy.after)).await;
        let creating = !self.exists;
        if creating {
            self.exists = true;
            self.lives += 1;
        }
        let before = self.resources.clone();
        let (steps, failed) = self.update_resources(deploy).await;
        let mut gone = Vec::new();
        if !failed {
            for (place, step) in &steps {
                if let Step::Update { from, .. } = step
                    && from.id != self.resources[place].id
                {
                    gone.push((*place, from.clone(), false));
                }
            }
            for (place, resource) in &before {
                if deploy.template[*place].is_none() {
                    gone.push((*place, resource.clone(), true));
                }
            }
        } else if creating {
            gone.extend(self.resources.iter().map(|(place, resource)| (*place, resource.clone(), true)));
        } else {
            gone = self.roll_back(&steps, deploy.reversed).await;
        }
        if !deploy.reversed {
            gone.reverse();
        }
        for (place, resource, is_current) in gone {
            self.remove(place, &resource, is_current).await;
        }
        if failed && creating {
            self.exists = false;
        }
    }

    /// Creates and updates the resources of the template. Returns the steps that were begun, and whether one failed.
    async fn update_resources(&mut self, deploy: &Deploy) -> (Vec<(usize, Step)>, bool) {
        let (cancel, cancelled) = watch::channel(false);
        let cancel = Arc::new(cancel);
        if let Some(after) = deploy.fails_after {
            let cancel = Arc::clone(&cancel);
            tokio::task::spawn_local(async move {
                sleep(Duration::from_secs(after)).await;
                cancel.send_replace(true);
            });
        }
        let planned = deploy.template.iter().enumerate().filter_map(|(place, props)| {
            let step = match (self.resources.get(&place), *props) {
                (None, Some(props)) => Step::Create(props),
                (Some(from), Some(to)) if from.props != to => Step::Update { from: from.clone(), to },
                _ => return None,
            };
            Some((place, step))
        });
        let mut begun: Vec<_> = planned.collect();
        let mut ended = Vec::new();
        if deploy.chained {
            for (place, step) in &begun {
                ended.push(self.take(*place, step, &cancel, cancelled.clone()).await);
                if *cancelled.borrow() {
                    break;
                }
            }
        } else {
            let steps = begun.iter().map(|(place, step)| self.take(*place, step, &cancel, cancelled.clone()));
            ended = join_all(steps).await;
        }
        begun.truncate(ended.len());
        for ((place, step), ended) in begun.iter().zip(ended) {
            self.note(*place, step, ended);
        }
        let mut cancelled = cancelled;
        if deploy.fails_after.is_some() {
            cancelled.wait_for(|cancelled| *cancelled).await.expect("the sender lives");
        }
        let failed = *cancelled.borrow();
        (begun, failed)
    }

    async fn take(
        &self,
        place: usize,
        step: &Step,
        cancel: &watch::Sender<bool>,
        cancelled: watch::Receiver<bool>,
    ) -> Ended {
        let ended = match step {
            Step::Create(props) => self.request("Create", place, *props, None, None, cancelled).await,
            Step::Update { from, to } => {
                self.request("Update", place, *to, Some(from.props), Some(from.id.clone()), cancelled).await
            }
        };
        match (step, &ended) {
            (Step::Create(_), Ended::Succeeded(id)) => self.record(place, "CREATE_COMPLETE", id),
            (Step::Create(_), Ended::Failed(id)) => self.record(place, "CREATE_FAILED", id),
            (Step::Create(_), Ended::Unanswered) => self.record(place, "CREATE_FAILED", &self.invented(place)),
            (Step::Update { .. }, Ended::Succeeded(id)) => self.record(place, "UPDATE_COMPLETE", id),
            (Step::Update { from, .. }, Ended::Failed(_) | Ended::Unanswered) => {
                self.record(place, "UPDATE_FAILED", &from.id);
            }
        }
        // A failure cancels the steps in progress.
        if !matches!(ended, Ended::Succeeded(_)) {
            cancel.send_replace(true);
        }
        ended
    }

    fn note(&mut self, place: usize, step: &Step, ended: Ended) {
        let (props, id) = match (step, ended) {
            (Step::Create(props), Ended::Succeeded(id) | Ended::Failed(id)) => (*props, id),
            (Step::Create(props), Ended::Unanswered) => (*props, self.invented(place)),
            (Step::Update { to, .. }, Ended::Succeeded(id)) => (*to, id),
            (Step::Update { from, to }, Ended::Failed(_) | Ended::Unanswered) => (*to, from.id.clone()),
        };
        self.resources.insert(place, Resource { props, id, skipped: false });
    }

    fn invented(&self, place: usize) -> String {
        format!("{}-{}-1A2B3C4D5E6F", self.name, LOGICAL_IDS[place])
    }

    /// Rolls the steps back. Returns the resources and ids that the clean-up has to delete.
    async fn roll_back(&mut self, steps: &[(usize, Step)], reversed: bool) -> Vec<(usize, Resource, bool)> {
        let mut gone = Vec::new();
        let mut steps = steps.to_vec();
        if reversed {
            steps.reverse();
        }
        for (place, step) in steps {
            let now = self.resources[&place].clone();
            match step {
                Step::Create(_) => gone.push((place, now, true)),
                Step::Update { from, to } => {
                    let id = self.roll_back_resource(place, &now, &from, to).await;
                    if let Some(id) = id.filter(|id| *id != now.id) {
                        gone.push((place, Resource { id: now.id.clone(), ..now.clone() }, false));
                        self.resources.insert(place, Resource { props: from.props, id, skipped: false });
                    }
                }
            }
        }
        gone
    }

    /// Rolls a resource back, and continues the rollback after a failure. Returns the new id.
    async fn roll_back_resource(&mut self, place: usize, now: &Resource, from: &Resource, to: Props) -> Option<String> {
        for _ in 0..3 {
            let (_keep, never) = watch::channel(false);
            let id = Some(now.id.clone());
            let ended = self.request("Update", place, from.props, Some(to), id, never).await;
            if let Ended::Succeeded(id) = ended {
                self.record(place, "UPDATE_COMPLETE", &id);
                let restored = Resource { props: from.props, id: id.clone(), skipped: from.skipped };
                self.resources.insert(place, restored);
                return Some(id);
            }
            self.record(place, "UPDATE_FAILED", &now.id);
            sleep(Duration::from_secs(300)).await;
        }
        // An operator continues the rollback without this resource.
        let mut state = self.lambda.world.state();
        state.excused.extend([from.props.target, to.target]);
        drop(state);
        self.record(place, "UPDATE_COMPLETE", &now.id);
        self.resources.insert(place, Resource { props: from.props, id: now.id.clone(), skipped: true });
        None
    }

    async fn delete(&mut self) {
        for (place, resource) in self.resources.clone().into_iter().rev() {
            self.remove(place, &resource, true).await;
        }
        self.exists = false;
    }

    /// Deletes a resource, or its obsolete id.
    async fn remove(&mut self, place: usize, resource: &Resource, is_current: bool) {
        let mut deleted = false;
        for _ in 0..3 {
            if is_current {
                self.record(place, "DELETE_IN_PROGRESS", &resource.id);
            }
            let (_keep, never) = watch::channel(false);
            let id = Some(resource.id.clone());
            let ended = self.request("Delete", place, resource.props, None, id, never).await;
            deleted = matches!(ended, Ended::Succeeded(_));
            if is_current {
                let status = if deleted { "DELETE_COMPLETE" } else { "DELETE_FAILED" };
                self.record(place, status, &resource.id);
            }
            if deleted {
                break;
            }
            sleep(Duration::from_secs(60)).await;
        }
        if !deleted {
            let mut state = self.lambda.world.state();
            state.excused.insert(resource.props.target);
            state.excused.extend((0..4).filter(|target| physical_id(*target) == resource.id));
        }
        if is_current {
            self.resources.remove(&place);
        }
    }

    fn record(&self, place: usize, status: &'static str, id: &str) {
        let key = (self.id(), LOGICAL_IDS[place]);
        let mut state = self.lambda.world.state();
        state.record_event(format_args!("{}/{} {}: {status} {id}", self.name, self.lives, LOGICAL_IDS[place]));
        let changed = state.now();
        state.records.entry(key).or_default().push(Record { status, id: id.to_owned(), changed });
    }

    /// Makes a request, and waits for its answer.
    async fn request(
        &self,
        kind: &'static str,
        place: usize,
        props: Props,
        old: Option<Props>,
        given: Option<String>,
        mut cancelled: watch::Receiver<bool>,
    ) -> Ended {
        let request = Request {
            kind,
            stack_id: self.id(),
            logical_id: LOGICAL_IDS[place],
            props,
            old,
            given: given.clone(),
            made: 0.0,
            answered_at: None,
            answer: None,
            answered: Arc::new(Notify::new()),
        };
        // Documented limit: a late Delete deregisters a target that a newer request has registered.
        while self.lambda.world.state().is_open(&request) {
            if *cancelled.borrow() {
                return Ended::Unanswered;
            }
            sleep(Duration::from_secs(1)).await;
        }
        // Documented limit: a request cannot be told from one that supersedes it within seconds.
        if kind != "Delete" {
            sleep(RECORD_LAG).await;
        }
        match kind {
            "Create" => self.record(place, "CREATE_IN_PROGRESS", ""),
            "Update" => self.record(place, "UPDATE_IN_PROGRESS", &given.unwrap_or_default()),
            _ => {}
        }
        let answered = Arc::clone(&request.answered);
        let line = format!("{}/{} {}: {kind} of {props:?}", self.name, self.lives, LOGICAL_IDS[place]);
        let number = self.lambda.world.state().make(request);
        self.lambda.world.state().record_event(format_args!("{line} is request {number}"));
        self.lambda.invoke(number);
        tokio::select! {
            () = answered.notified() => {}
            _ = cancelled.wait_for(|cancelled| *cancelled), if kind != "Delete" => {}
            () = sleep(SERVICE_TIMEOUT) => {}
        }
        let mut state = self.lambda.world.state();
        state.waiting.remove(&number);
        let Some(answer) = &state.requests[number].answer else { return Ended::Unanswered };
        let id = answer["PhysicalResourceId"].as_str().unwrap_or_default().to_owned();
        if answer["Status"] == "SUCCESS" { Ended::Succeeded(id) } else { Ended::Failed(id) }
    }
}

impl State {
    fn make(&mut self, mut request: Request) -> usize {
        request.made = self.now();
        self.requests.push(request);
        let number = self.requests.len() - 1;
        self.waiting.insert(number);
        number
    }

    fn is_open(&self, request: &Request) -> bool {
        let kinds: &[_] = match request.kind {
            "Create" | "Update" => &["Delete"],
            _ => &[],
        };
        let (stack, logical, _) = request.key();
        kinds.iter().any(|kind| self.open.get(&(stack.clone(), logical, *kind)).is_some_and(|open| *open > 0))
    }
}

const RECORD_LAG: Duration = Duration::from_secs(6);
const SERVICE_TIMEOUT: Duration = Duration::from_secs(3_600);
