//! Reads what a report compares: targets, stacks, endpoints, activities and snapshots. Lists are read whole, to save calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use futures_util::future::join_all;
use futures_util::try_join;
use serde_json::Value;

use crate::aws::{AwsError, Reads, StackResource};
use crate::model::attributes::TARGET_ARN;
use crate::model::json::{Object, text};
use crate::model::{
    Attachment, AttachmentKind, Endpoint, EndpointName, InferenceComponentName, Location, Owner, RESTORING_TAG,
    ScalableTargetId, TargetSpec, target_of,
};
use crate::snapshot::{Snapshot, SnapshotError, keep_input, store};
use crate::timing::RECENT_ACTIVITIES;

/// What was read.
pub(super) struct Facts<'a> {
    pub(super) location: &'a Location,
    /// When the report began.
    pub(super) at: SystemTime,
    /// The keys of all registered targets.
    registered: BTreeSet<String>,
    /// The keys of those that have the restoring tag.
    restoring: BTreeSet<String>,
    /// By their ARNs, without those that could not be read.
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
    status: Option<String>,
    pub(super) resources: Vec<StackResource>,
}

/// A registered target.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) spec: TargetSpec,
    pub(super) arn: String,
    /// In seconds since the epoch.
    pub(super) created: Option<i64>,
    /// The name of the function that makes the report.
    pub(super) function: String,
}

impl StackFacts {
    /// Whether it is deleted.
    pub(super) fn is_gone(&self) -> bool {
        self.status.as_deref().is_none_or(|status| status == "DELETE_COMPLETE")
    }

    /// Whether CloudFormation is changing it. A stack in review counts, too: `REVIEW_IN_PROGRESS`.
    pub(super) fn is_busy(&self) -> bool {
        self.status.as_deref().is_some_and(|status| status.ends_with("_IN_PROGRESS"))
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

    /// Whether a target is registered, and not only half restored.
    pub(super) fn is_complete(&self, id: &ScalableTargetId) -> bool {
        self.is_registered(id) && !self.restoring.contains(&key(id))
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
    function: &str,
) -> Result<(Facts<'a>, Vec<Found>), AwsError> {
    let at = reads.now();
    let scaling = async {
        // Targets first, so that the status of a stack that deletes its target meanwhile is read later.
        let targets = reads.all_targets().await?;
        let policies = reads.all_attachments(AttachmentKind::ScalingPolicy).await?;
        let actions = reads.all_attachments(AttachmentKind::ScheduledAction).await?;
        let since = at.checked_sub(RECENT_ACTIVITIES).unwrap_or(SystemTime::UNIX_EPOCH);
        Ok::<_, AwsError>((targets, policies, actions, reads.activities(since).await))
    };
    let ((targets, policies, actions, activities), stacks) =
        try_join!(scaling, async { Ok(reads.all_stacks().await) })?;
    let mut parts: BTreeMap<String, Vec<Attachment>> = BTreeMap::new();
    let kinds = [(AttachmentKind::ScalingPolicy, policies), (AttachmentKind::ScheduledAction, actions)];
    for (kind, mut body) in kinds.into_iter().flat_map(|(kind, found)| found.into_iter().map(move |body| (kind, body)))
    {
        if let Some(id) = target_of(&body) {
            keep_input(&mut body);
            parts.entry(key(&id)).or_default().push(Attachment { kind, body });
        }
    }
    let mut found: Vec<_> =
        targets.into_iter().filter_map(|target| read_target(target, &mut parts, function)).collect();
    found.sort_by_key(|found| key(&found.spec.id));
    let mut facts = Facts {
        location,
        at,
        registered: found.iter().map(|found| key(&found.spec.id)).collect(),
        restoring: BTreeSet::new(),
        stacks: BTreeMap::new(),
        endpoints: BTreeMap::new(),
        components: BTreeMap::new(),
        activities: BTreeMap::new(),
        not_looked_at: Vec::new(),
    };
    match activities {
        Ok(activities) => {
            for activity in activities {
                if let Some(id) = target_of(&activity) {
                    facts.activities.entry(key(&id)).or_default().push(activity);
                }
            }
        }
        Err(error) => facts.note("Scaling activities", &error),
    }
    match stacks {
        Ok(stacks) => {
            let resources = stacks.iter().map(|stack| reads.resources_of_stack(&stack.stack_id));
            let resources = join_all(resources).await;
            for (stack, resources) in stacks.into_iter().zip(resources) {
                match resources {
                    Ok(resources) => {
                        let status = Some(stack.stack_status);
                        facts.stacks.insert(stack.stack_id, StackFacts { status, resources });
                    }
                    Err(error) => facts.note("The resources of a stack", &error),
                }
            }
        }
        Err(error) => facts.note("The stacks", &error),
    }
    Ok((facts, found))
}

fn read_target(mut target: Object, parts: &mut BTreeMap<String, Vec<Attachment>>, function: &str) -> Option<Found> {
    let id = target_of(&target)?;
    let arn = text(&target, TARGET_ARN).unwrap_or_default().to_owned();
    let created = target.get("CreationTime").and_then(Value::as_f64).map(|time| time as i64);
    keep_input(&mut target);
    let attachments = parts.remove(&key(&id)).unwrap_or_default();
    let spec = TargetSpec { id, settings: target, tags: Default::default(), attachments };
    Some(Found { spec, arn, created, function: function.to_owned() })
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
    let is_restoring = |found: &&Found| found.spec.tags.contains_key(RESTORING_TAG);
    facts.restoring.extend(completed.iter().filter(is_restoring).map(|found| key(&found.spec.id)));
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
        // The list has no deleted stack, and none that was created since.
        match reads.stack_status(stack).await {
            Ok(status) if status.as_deref().is_none_or(|status| status == "DELETE_COMPLETE") => {
                facts.stacks.insert(stack.clone(), StackFacts { status, resources: Vec::new() });
            }
            Ok(status) => match reads.resources_of_stack(stack).await {
                Ok(resources) => drop(facts.stacks.insert(stack.clone(), StackFacts { status, resources })),
                Err(error) => facts.note("The resources of a stack", &error),
            },
            Err(error) => facts.note("A stack", &error),
        }
    }
    let Some(found) = facts.stacks.get_mut(stack) else { return };
    let is_known = found.resources.iter().any(|resource| resource.logical_resource_id == owner.logical_resource_id);
    if found.resources.len() < MOST_RESOURCES || is_known {
        return;
    }
    if let Some(record) = reads.record_of(owner).await {
        found.resources.push(StackResource::of_target(owner, &record));
    } else {
        facts.stacks.remove(stack);
    }
}

/// Whether a target is registered now.
pub(super) async fn is_registered_now(reads: &Reads<'_>, id: &ScalableTargetId) -> Result<bool, AwsError> {
    Ok(reads.describe_target(id).await?.is_some())
}

/// All snapshots, by the names of their parameters.
pub(super) async fn snapshots(
    reads: &Reads<'_>,
    facts: &mut Facts<'_>,
) -> BTreeMap<String, Result<Snapshot, SnapshotError>> {
    store::get_of_all_endpoints(reads).await.unwrap_or_else(|error| {
        facts.note("The snapshots", &error);
        BTreeMap::new()
    })
}

/// How many resources of a stack DescribeStackResources returns at most.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html>
const MOST_RESOURCES: usize = 100;
