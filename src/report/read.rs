//! Reads what a report compares: targets, stacks, endpoints, activities and snapshots. Lists are read whole, to save calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use futures_util::future::join_all;
use futures_util::try_join;
use serde_json::Value;

use crate::aws::{AwsError, Reads, Stack, StackResource, StackStatus};
use crate::model::attributes::TARGET_ARN;
use crate::model::json::{Object, text};
use crate::model::{
    Attachment, AttachmentKind, Endpoint, EndpointName, InferenceComponentName, Location, Owner, ResourceType,
    ScalableTargetId, TargetSpec, target_of,
};
use crate::snapshot::{Snapshot, SnapshotError, keep_input, store};
use crate::timing::{RECENT_ACTIVITIES, TO_END_A_REPORT};

/// What was read.
pub(super) struct Facts<'a> {
    pub(super) location: &'a Location,
    /// The name of the function that makes the report.
    pub(super) function: &'a str,
    /// When the report began.
    pub(super) at: SystemTime,
    /// The keys of all registered targets.
    registered: BTreeSet<String>,
    /// The keys of those that have a snapshot and are not completely restored.
    restoring: BTreeSet<String>,
    /// The stacks that are being changed and restore targets afterwards, by the keys of these.
    restoring_stacks: BTreeMap<String, String>,
    /// The ARNs of the stacks that existed when the report began. `None` if they could not be read.
    listed: Option<BTreeSet<String>>,
    /// By their ARNs. Without those that were not looked at.
    pub(super) stacks: BTreeMap<String, StackFacts>,
    /// By their names in lower case. `None` for those that do not exist.
    endpoints: BTreeMap<String, Option<Endpoint>>,
    /// Whether they exist.
    pub(super) components: BTreeMap<InferenceComponentName, bool>,
    /// The recent ones, by the keys of their targets.
    pub(super) activities: BTreeMap<String, Vec<Object>>,
    /// What could not be read, and why.
    pub(super) not_looked_at: Vec<String>,
}

/// A stack.
#[derive(Clone, Debug, Default)]
pub(super) struct StackFacts {
    /// `None` if it does not exist.
    status: Option<StackStatus>,
    last_updated: Option<String>,
    /// Whether it was changed while the report ran.
    has_changed: bool,
    /// Its scalable targets.
    pub(super) resources: Vec<StackResource>,
    /// Whether it may have more of them: CloudFormation describes no more than 100 resources.
    has_more: bool,
}

/// A registered target.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) spec: TargetSpec,
    pub(super) arn: String,
    /// In seconds since the epoch.
    pub(super) created: Option<i64>,
}

impl StackFacts {
    fn new(stack: &Stack, mut resources: Vec<StackResource>) -> Self {
        let has_more = resources.len() >= MOST_RESOURCES;
        resources.retain(|found| ResourceType::read(&found.resource_type) == Some(ResourceType::ScalableTarget));
        let (status, last_updated) = (Some(stack.status.clone()), stack.last_updated.clone());
        Self { status, last_updated, has_changed: false, resources, has_more }
    }

    /// Whether it is deleted.
    pub(super) fn is_gone(&self) -> bool {
        self.status.as_ref().is_none_or(StackStatus::is_deleted)
    }

    /// Whether it is being changed, or about to be created, or was changed while the report ran.
    pub(super) fn is_busy(&self) -> bool {
        self.has_changed || self.status.as_ref().is_some_and(StackStatus::is_busy)
    }
}

impl Facts<'_> {
    /// When the report began, in seconds since the epoch.
    pub(super) fn at_secs(&self) -> i64 {
        DateTime::from(self.at).secs()
    }

    pub(super) fn is_registered(&self, id: &ScalableTargetId) -> bool {
        self.registered.contains(&key(id))
    }

    /// The stack that is being changed and restores a target afterwards.
    pub(super) fn restoring_stack(&self, id: &ScalableTargetId) -> Option<&str> {
        self.restoring_stacks.get(&key(id)).map(String::as_str)
    }

    /// Whether the target of a snapshot is going to be restored: its stack or its endpoint is being changed. In express mode,
    /// the endpoint is changed for longer.
    pub(super) fn is_expected(&self, snapshot: &Snapshot) -> bool {
        let is_changing = match &snapshot.spec.id {
            ScalableTargetId::Variant { endpoint, .. } => {
                self.endpoint(endpoint).flatten().is_some_and(|endpoint| !endpoint.is_settled())
            }
            ScalableTargetId::InferenceComponent(_) => false,
        };
        is_changing || snapshot.updating_stack().is_some_and(|stack| self.is_busy(&stack))
    }

    pub(super) fn is_restoring(&self, id: &ScalableTargetId) -> bool {
        self.restoring.contains(&key(id))
    }

    pub(super) fn is_busy(&self, stack: &str) -> bool {
        self.stacks.get(stack).is_some_and(StackFacts::is_busy)
    }

    /// An endpoint: `None` if it was not read, and `Some(None)` if it does not exist.
    pub(super) fn endpoint(&self, name: &EndpointName) -> Option<Option<&Endpoint>> {
        self.endpoints.get(&name.as_str().to_ascii_lowercase()).map(Option::as_ref)
    }

    fn note(&mut self, what: &str, error: &AwsError) {
        tracing::warn!(%error, what, "not looked at");
        let note = format!("{what} could not be read: {error}");
        if !self.not_looked_at.contains(&note) {
            self.not_looked_at.push(note);
        }
    }
}

/// Identifies a target. Letter case makes no difference to SageMaker.
pub(super) fn key(id: &ScalableTargetId) -> String {
    id.to_string().to_ascii_lowercase()
}

/// Reads all lists: targets, attachments, activities, and stacks with their resources. Returns the registered targets in the
/// order of their keys. [`complete`] reads what has to be read one by one.
pub(super) async fn read_all<'a>(
    reads: &Reads<'_>,
    location: &'a Location,
    function: &'a str,
) -> Result<(Facts<'a>, Vec<Found>), AwsError> {
    let mut facts = Facts {
        location,
        function,
        at: reads.now(),
        registered: BTreeSet::new(),
        restoring: BTreeSet::new(),
        restoring_stacks: BTreeMap::new(),
        listed: None,
        stacks: BTreeMap::new(),
        endpoints: BTreeMap::new(),
        components: BTreeMap::new(),
        activities: BTreeMap::new(),
        not_looked_at: Vec::new(),
    };
    // First the stacks: `read_changes` reads them again at the end, so that what changes in between is not compared.
    let stacks = reads.all_stacks().await.unwrap_or_else(|error| {
        facts.note("The stacks", &error);
        Vec::new()
    });
    if facts.not_looked_at.is_empty() {
        facts.listed = Some(stacks.iter().map(|stack| stack.stack_id.clone()).collect());
    }
    let targets = reads.all_targets().await?;
    let since = facts.at.checked_sub(RECENT_ACTIVITIES).unwrap_or(SystemTime::UNIX_EPOCH);
    let scaling = async {
        let policies = reads.all_attachments(AttachmentKind::ScalingPolicy).await?;
        let actions = reads.all_attachments(AttachmentKind::ScheduledAction).await?;
        Ok((policies, actions, reads.failed_activities(since, TO_END_A_REPORT).await))
    };
    let resources = stacks.iter().map(async |stack| {
        let resources = reads.resources_of_stack(&stack.stack_id).await?;
        // Thousands of stacks have more resources than the function has memory for.
        Ok::<_, AwsError>((native_policies(&resources), StackFacts::new(stack, resources)))
    });
    let ((policies, actions, activities), resources) = try_join!(scaling, async { Ok(join_all(resources).await) })?;
    let mut of_stacks = BTreeSet::new();
    for (stack, read) in stacks.iter().zip(resources) {
        match read {
            Ok((policies, found)) => {
                of_stacks.extend(policies);
                facts.stacks.insert(stack.stack_id.clone(), found);
            }
            Err(error) => facts.note("The resources of a stack", &error),
        }
    }
    let mut parts: BTreeMap<String, Vec<Attachment>> = BTreeMap::new();
    let kinds = [(AttachmentKind::ScalingPolicy, policies), (AttachmentKind::ScheduledAction, actions)];
    for (kind, mut body) in kinds.into_iter().flat_map(|(kind, found)| found.into_iter().map(move |body| (kind, body)))
    {
        // A native policy may be on a target of this function. The native resource declares it.
        let is_native = text(&body, "PolicyARN").is_some_and(|arn| of_stacks.contains(arn));
        if let Some(id) = target_of(&body).filter(|_| !is_native) {
            keep_input(&mut body);
            parts.entry(key(&id)).or_default().push(Attachment { kind, body });
        }
    }
    let mut found: Vec<_> = targets.into_iter().filter_map(|target| read_target(target, &mut parts)).collect();
    found.sort_by_cached_key(|found| key(&found.spec.id));
    facts.registered = found.iter().map(|found| key(&found.spec.id)).collect();
    match activities {
        Ok((activities, is_complete)) => {
            if !is_complete {
                let note = "The earlier scaling activities of the last day could not be read: there are too many";
                facts.not_looked_at.push(note.to_owned());
            }
            for activity in activities {
                if let Some(id) = target_of(&activity) {
                    facts.activities.entry(key(&id)).or_default().push(activity);
                }
            }
        }
        Err(error) => facts.note("Scaling activities", &error),
    }
    Ok((facts, found))
}

/// The ARNs of the native policies among the resources of a stack. Their type's identifier is the ARN and the dimension, and `Ref`
/// is documented to be the ARN, so the physical id may be either.
fn native_policies(resources: &[StackResource]) -> Vec<String> {
    let policies = resources.iter().filter(|found| found.resource_type == "AWS::ApplicationAutoScaling::ScalingPolicy");
    let arn = |id: &str| id.rsplit_once("|sagemaker:").map_or(id, |(arn, _)| arn).to_owned();
    policies.map(|found| arn(&found.physical_resource_id)).collect()
}

/// Reads all stacks again, and marks those that were changed since they were read first: what was read of their targets may be
/// from before or after.
pub(super) async fn read_changes(reads: &Reads<'_>, facts: &mut Facts<'_>) {
    let now: BTreeMap<_, _> = match reads.all_stacks().await {
        Ok(stacks) => stacks.into_iter().map(|stack| (stack.stack_id.clone(), stack)).collect(),
        Err(error) => return facts.note("The stacks", &error),
    };
    for (id, found) in facts.stacks.iter_mut().filter(|(_, found)| !found.is_gone()) {
        let is_same =
            |now: &Stack| found.status.as_ref() == Some(&now.status) && found.last_updated == now.last_updated;
        found.has_changed |= !now.get(id).is_some_and(is_same);
    }
}

fn read_target(mut target: Object, parts: &mut BTreeMap<String, Vec<Attachment>>) -> Option<Found> {
    let id = target_of(&target)?;
    let arn = text(&target, TARGET_ARN).unwrap_or_default().to_owned();
    let created = target.get("CreationTime").and_then(Value::as_f64).map(|time| time as i64);
    keep_input(&mut target);
    let attachments = parts.remove(&key(&id)).unwrap_or_default();
    let spec = TargetSpec { id, settings: target, tags: Default::default(), attachments };
    Some(Found { spec, arn, created })
}

/// Reads the tags of some targets, their endpoints, and the stacks of their owners that no list has, such as deleted ones.
/// Returns the targets that are still registered.
pub(super) async fn complete(
    reads: &Reads<'_>,
    targets: &[Found],
    facts: &mut Facts<'_>,
) -> Result<Vec<Found>, AwsError> {
    let tags = join_all(targets.iter().map(|target| reads.tags(&target.arn))).await;
    let mut completed = Vec::new();
    for (target, tags) in targets.iter().zip(tags) {
        match tags {
            Ok(tags) => completed.push(Found { spec: TargetSpec { tags, ..target.spec.clone() }, ..target.clone() }),
            // It was deregistered since the list was read.
            Err(error) if error.is_resource_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    read_endpoints(reads, completed.iter().map(|target| &target.spec.id), facts).await;
    for target in &completed {
        if let Some(owner) = Owner::read(&target.spec.tags) {
            read_owner(reads, &owner, facts).await;
        }
    }
    Ok(completed)
}

async fn read_endpoints(reads: &Reads<'_>, targets: impl Iterator<Item = &ScalableTargetId>, facts: &mut Facts<'_>) {
    let (mut endpoints, mut components) = (BTreeMap::new(), BTreeSet::new());
    for id in targets {
        match id {
            ScalableTargetId::Variant { endpoint, .. } => {
                let lower = endpoint.as_str().to_ascii_lowercase();
                if !facts.endpoints.contains_key(&lower) {
                    endpoints.insert(lower, endpoint);
                }
            }
            ScalableTargetId::InferenceComponent(name) if !facts.components.contains_key(name) => {
                components.insert(name);
            }
            ScalableTargetId::InferenceComponent(_) => {}
        }
    }
    let read = endpoints.into_iter().map(async |(lower, name)| (lower, reads.endpoint(name).await));
    for (name, found) in join_all(read).await {
        match found {
            Ok(found) => drop(facts.endpoints.insert(name, found)),
            Err(error) => facts.note("An endpoint", &error),
        }
    }
    let read = components.into_iter().map(async |name| (name, reads.inference_component(name).await));
    for (name, found) in join_all(read).await {
        match found {
            Ok(found) => drop(facts.components.insert(name.clone(), found.is_some())),
            Err(error) => facts.note("An inference component", &error),
        }
    }
}

/// Reads the stack of an owner if the list does not have it, and the owner if it is not among the first 100 resources of its
/// stack.
async fn read_owner(reads: &Reads<'_>, owner: &Owner, facts: &mut Facts<'_>) {
    let stack = &owner.stack_id;
    if !facts.location.has(stack) {
        return;
    }
    if !facts.stacks.contains_key(stack) {
        match reads.stack(stack).await {
            Ok(Some(found)) if !found.status.is_deleted() => match reads.resources_of_stack(stack).await {
                Ok(resources) => {
                    // If it was not in the list, it was created since.
                    let has_changed = facts.listed.as_ref().is_some_and(|listed| !listed.contains(stack));
                    let found = StackFacts { has_changed, ..StackFacts::new(&found, resources) };
                    facts.stacks.insert(stack.clone(), found);
                }
                Err(error) => facts.note("The resources of a stack", &error),
            },
            Ok(found) => {
                let status = found.map(|found| found.status);
                facts.stacks.insert(stack.clone(), StackFacts { status, ..StackFacts::default() });
            }
            Err(error) => facts.note("A stack", &error),
        }
    }
    let Some(found) = facts.stacks.get_mut(stack) else { return };
    let is_known = found.resources.iter().any(|resource| resource.logical_resource_id == owner.logical_resource_id);
    if !found.has_more || is_known {
        return;
    }
    if let Some(record) = reads.record_of(owner).await {
        found.resources.push(StackResource::of_target(owner, &record));
    } else {
        facts.stacks.remove(stack);
        facts.not_looked_at.push(format!("The {owner} could not be read"));
    }
}

/// Those of some targets that are not registered now.
pub(super) async fn still_unregistered(
    reads: &Reads<'_>,
    missing: Vec<(Owner, ScalableTargetId)>,
) -> Result<Vec<(Owner, ScalableTargetId)>, AwsError> {
    let ids: Vec<_> = missing.iter().map(|(_, id)| id.resource_id()).collect();
    let found: BTreeSet<_> =
        reads.describe_targets(&ids).await?.iter().filter_map(target_of).map(|id| key(&id)).collect();
    Ok(missing.into_iter().filter(|(_, id)| !found.contains(&key(id))).collect())
}

/// All snapshots, by the names of their parameters.
pub(super) async fn snapshots(
    reads: &Reads<'_>,
    facts: &mut Facts<'_>,
) -> Result<BTreeMap<String, Result<Snapshot, SnapshotError>>, AwsError> {
    let snapshots = store::get_of_all_endpoints(reads).await.unwrap_or_else(|error| {
        facts.note("The snapshots", &error);
        BTreeMap::new()
    });
    read_endpoints(reads, snapshots.values().flatten().map(|snapshot| &snapshot.spec.id), facts).await;
    for snapshot in snapshots.values().flatten() {
        let id = &snapshot.spec.id;
        let stack = snapshot.updating_stack().filter(|stack| facts.is_busy(stack) && !snapshot.is_stale(facts.at));
        facts.restoring_stacks.extend(stack.map(|stack| (key(id), stack)));
        if facts.is_registered(id) && reads.registered(id).await?.is_some_and(|found| found.is_restoring()) {
            facts.restoring.insert(key(id));
        }
    }
    Ok(snapshots)
}

/// How many resources of a stack DescribeStackResources returns at most.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html>
const MOST_RESOURCES: usize = 100;
