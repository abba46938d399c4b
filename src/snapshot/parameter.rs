//! A snapshot, and the name and value of the parameter that stores it.
//!
//! The value holds the bodies of the calls that register the target again, with members that this version does not know.

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::aws::AwsError;
use crate::model::attributes::{Attributes, TARGET_ARN};
use crate::model::json::Object;
use crate::model::{
    Attachment, AttachmentKind, EndpointName, Owner, Registered, ScalableTargetId, TARGET_MEMBERS, Tags, TargetSpec,
    target_of,
};
use crate::timing::STALE_SNAPSHOT;

/// A target at the moment when it was deregistered, or as it shall be restored.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// When the snapshot was taken, in seconds since the epoch.
    pub taken_at: i64,
    /// The target.
    pub spec: TargetSpec,
    /// The ARNs that `Fn::GetAtt` returned before.
    pub attributes: Attributes,
    /// The update that it belongs to. `None` if the parameter does not say; then it belongs to any.
    pub update: Option<EndpointUpdate>,
    /// The native resource that registered the target.
    pub native: Option<Owner>,
}

/// An update of an endpoint. A snapshot that was left behind belongs to an earlier one: its target may have been
/// deregistered on purpose since, so the next update does not restore it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointUpdate {
    /// The stack whose gate restores the targets. `None` if the gate of any stack may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_id: Option<String>,
    /// The names of the configurations before and after the update.
    pub configs: Vec<String>,
    /// Whether the gate is new in this update of the stack. Then it has no former id, so CloudFormation sends no Delete
    /// that would restore the targets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_by_new_gate: bool,
    /// The id of the request that took the snapshot, or took it over last. A request leaves alone a snapshot with another
    /// id.
    #[serde(default)]
    pub kept_by: String,
}

impl EndpointUpdate {
    /// Adds a configuration. Returns whether it was missing.
    pub fn add(&mut self, config: &str) -> bool {
        let is_missing = !self.configs.iter().any(|known| known.eq_ignore_ascii_case(config));
        if is_missing {
            self.configs.push(config.to_owned());
        }
        is_missing
    }

    /// Whether both are the same update, its rollback, or the next update after one that was not rolled back: they
    /// share a configuration.
    fn continues(&self, other: &Self) -> bool {
        let same_stack = self.stack_id.is_none() || other.stack_id.is_none() || self.stack_id == other.stack_id;
        let shared = |config: &String| other.configs.iter().any(|other| other.eq_ignore_ascii_case(config));
        same_stack && self.configs.iter().any(shared)
    }
}

/// Why a snapshot cannot be taken or used.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Two spellings of an endpoint's name. SageMaker does not tell them apart, and neither do names of parameters.
    #[error(
        "{0} and {1} are both registered and are one variant to SageMaker; neither was deregistered. Deregister one"
    )]
    Ambiguous(String, String),
    /// Parameter Store returns another value than the one that was written.
    #[error("parameter {0} does not hold what was written to it, so its target was left as it was. Deploy again")]
    NotStored(String),
    /// The snapshot does not fit into a parameter.
    #[error(
        "target {target}: its snapshot takes {bytes} bytes, and a parameter holds {MAX_BYTES}, so a gate cannot \
         deregister and restore it. Remove policies, scheduled actions or tags, or deregister the target by hand for \
         updates of the endpoint"
    )]
    TooLarge {
        /// The target.
        target: String,
        /// The size of its snapshot.
        bytes: usize,
    },
    /// The target is registered, but its tags are not visible.
    #[error("the tags of {0} are not visible although it is registered; it was not deregistered. Deploy again")]
    TagsNotVisible(String),
    /// The parameter was written by somebody else, or by a later version.
    #[error("parameter {name} does not hold a snapshot that this version reads: {why}")]
    Unreadable {
        /// The parameter.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// The value of a snapshot's parameter.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterValue {
    version: u32,
    taken_at: i64,
    /// The body of `RegisterScalableTarget`, with all tags.
    target: Object,
    /// Bodies of `PutScalingPolicy`, without the members that name the target.
    scaling_policies: Vec<Object>,
    /// Bodies of `PutScheduledAction`, likewise.
    scheduled_actions: Vec<Object>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    update: Option<EndpointUpdate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    native: Option<Owner>,
}

impl Snapshot {
    /// A snapshot that is taken at a time.
    pub fn new(at: SystemTime, spec: TargetSpec, attributes: Attributes, update: Option<EndpointUpdate>) -> Self {
        Self { taken_at: DateTime::from(at).secs(), spec, attributes, update, native: None }
    }

    /// Whether it was taken for an update.
    pub fn belongs_to(&self, update: &EndpointUpdate) -> bool {
        self.update.as_ref().is_none_or(|own| own.continues(update))
    }

    /// Whether the gate that took it was new in its update, so that no Delete of a former id follows.
    pub fn is_by_new_gate(&self) -> bool {
        self.update.as_ref().is_some_and(|update| update.is_by_new_gate)
    }

    /// Whether a request keeps it: see [`EndpointUpdate::kept_by`].
    pub fn is_kept_by(&self, request_id: &str) -> bool {
        self.update.as_ref().is_some_and(|update| update.kept_by == request_id)
    }

    /// Reads the value of a parameter.
    pub fn read(name: &str, value: &str) -> Result<Self, SnapshotError> {
        let unreadable = |why: String| SnapshotError::Unreadable { name: name.to_owned(), why };
        let stored: ParameterValue = serde_json::from_str(value).map_err(|error| unreadable(error.to_string()))?;
        if stored.version != VERSION {
            return Err(unreadable(format!("it has version {}, and not {VERSION}", stored.version)));
        }
        let id = target_of(&stored.target).filter(|id| parameter_name(id) == name);
        let id = id.ok_or_else(|| unreadable("it is of another target".to_owned()))?;
        let policies = stored.scaling_policies.into_iter().map(|body| (AttachmentKind::ScalingPolicy, body));
        let actions = stored.scheduled_actions.into_iter().map(|body| (AttachmentKind::ScheduledAction, body));
        let attachments = policies.chain(actions).map(|(kind, body)| Attachment { kind, body }).collect();
        let (settings, tags) = split_tags(stored.target);
        let spec = TargetSpec { id, settings, tags, attachments };
        Ok(Self {
            taken_at: stored.taken_at,
            spec,
            attributes: stored.attributes,
            update: stored.update,
            native: stored.native,
        })
    }

    /// The value of its parameter. Without room for the policies' ARNs, these are left out.
    pub fn value(&self) -> Result<String, SnapshotError> {
        let mut value = self.write(self.attributes.clone());
        if value.len() > MAX_BYTES {
            let arn = self.arn().map(|arn| (TARGET_ARN.to_owned(), arn.to_owned()));
            value = self.write(arn.into_iter().collect());
        }
        if value.len() > MAX_BYTES {
            return Err(SnapshotError::TooLarge { target: self.spec.id.resource_id(), bytes: value.len() });
        }
        Ok(value)
    }

    fn write(&self, attributes: Attributes) -> String {
        let bodies =
            |kind| self.spec.attachments_of(kind).map(|attachment| attachment.body.clone()).collect::<Vec<_>>();
        let stored = ParameterValue {
            version: VERSION,
            taken_at: self.taken_at,
            target: self.spec.create_body(&self.spec.tags),
            scaling_policies: bodies(AttachmentKind::ScalingPolicy),
            scheduled_actions: bodies(AttachmentKind::ScheduledAction),
            attributes,
            update: self.update.clone(),
            native: self.native.clone(),
        };
        // Parameter Store takes {{NAME}} for a reference to another parameter.
        serde_json::to_string(&stored).expect("JSON objects serialize").replace("{{", "{\\u007b")
    }

    /// The ARN that the target had.
    pub fn arn(&self) -> Option<&str> {
        self.attributes.get(TARGET_ARN).map(String::as_str)
    }

    /// The target as it was registered. The ownership of a target is also the ownership of its snapshot.
    pub fn as_registered(&self) -> Registered {
        Registered { arn: self.arn().unwrap_or_default().to_owned(), tags: self.spec.tags.clone() }
    }

    /// The resource of a stack that registered the target. A target that was registered by hand has none.
    pub fn resource(&self) -> Option<Owner> {
        Owner::read(&self.spec.tags).or_else(|| self.native.clone())
    }

    /// The stack whose update has deregistered its target.
    pub fn updating_stack(&self) -> Option<String> {
        let of_gate = self.update.as_ref().and_then(|update| update.stack_id.clone());
        of_gate.or_else(|| Some(self.resource()?.stack_id))
    }

    /// The name of its parameter.
    pub fn parameter_name(&self) -> String {
        parameter_name(&self.spec.id)
    }

    /// Whether another snapshot has the same parameter: SageMaker does not tell the two targets apart.
    pub fn shares_parameter_with(&self, other: &Self) -> bool {
        parameter_name(&self.spec.id) == parameter_name(&other.spec.id)
    }

    /// This snapshot, completed by what an earlier one has and it has not.
    pub fn completed_by(mut self, earlier: Self) -> Self {
        self.spec = self.spec.with_attachments_of(&earlier.spec, |_| true);
        let (mut tags, mut attributes) = (earlier.spec.tags, earlier.attributes);
        tags.append(&mut self.spec.tags);
        attributes.append(&mut self.attributes);
        let native = self.native.or(earlier.native);
        Self { spec: TargetSpec { tags, ..self.spec }, attributes, native, ..self }
    }

    /// Whether it has attachments or tags that a snapshot lacks which it completes.
    pub fn has_more_than(&self, part: &Self) -> bool {
        self.spec.attachments.len() > part.spec.attachments.len() || self.spec.tags.len() > part.spec.tags.len()
    }

    /// Removes the scheduled actions that have ended, and returns their names. The service rejects them.
    pub fn remove_ended(&mut self, now: SystemTime) -> Vec<String> {
        let now = DateTime::from(now).as_secs_f64();
        let has_ended = |attachment: &mut Attachment| {
            attachment.body.get("EndTime").and_then(Value::as_f64).is_some_and(|end| end <= now)
        };
        let ended = self.spec.attachments.extract_if(.., has_ended);
        ended.map(|action| action.name().to_owned()).collect()
    }

    /// Whether it is older than any deployment takes.
    pub fn is_stale(&self, now: SystemTime) -> bool {
        let age = DateTime::from(now).secs().saturating_sub(self.taken_at);
        u64::try_from(age).is_ok_and(|age| age > STALE_SNAPSHOT.as_secs())
    }
}

/// Separates the tags of a request body, and removes the members that name the target.
fn split_tags(mut body: Object) -> (Object, Tags) {
    let tags = match body.remove("Tags") {
        Some(Value::Object(tags)) => tags,
        _ => Object::new(),
    };
    body.retain(|member, _| !TARGET_MEMBERS.contains(&member.as_str()));
    (body, tags.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect())
}

/// The path of all snapshots.
pub(super) const ALL_SNAPSHOTS: &str = "/sagemaker-scaling/snapshots";

/// The name of a target's parameter.
///
/// The endpoint's name is in lower case, because SageMaker ignores letter case and Parameter Store does not. Names of
/// parameters have no colons, so dots replace those of the dimension.
pub(super) fn parameter_name(target: &ScalableTargetId) -> String {
    let dimension = target.dimension().as_str().replace(':', ".");
    match target {
        ScalableTargetId::Variant { endpoint, variant, .. } => {
            format!("{}/variant/{variant}/{dimension}", parameter_path(endpoint))
        }
        ScalableTargetId::InferenceComponent(_) => format!("{ALL_SNAPSHOTS}/{}/{dimension}", target.resource_id()),
    }
}

/// The path of the parameters of an endpoint's targets.
pub(super) fn parameter_path(endpoint: &EndpointName) -> String {
    format!("{ALL_SNAPSHOTS}/endpoint/{}", endpoint.as_str().to_ascii_lowercase())
}

const VERSION: u32 = 1;
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>
const MAX_BYTES: usize = 8_192;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::model::json::object;

    fn attachment(kind: AttachmentKind, name: &str, more: (&str, Value)) -> Attachment {
        Attachment { kind, body: object([(kind.name_member(), json!(name)), more]) }
    }

    fn policy(name: &str, value: u32) -> Attachment {
        attachment(AttachmentKind::ScalingPolicy, name, ("Value", json!(value)))
    }

    fn snapshot(policies: Vec<Attachment>) -> Snapshot {
        let actions = [("past", Some(99.5)), ("future", Some(200.0)), ("endless", None)]
            .map(|(name, end)| attachment(AttachmentKind::ScheduledAction, name, ("EndTime", json!(end))));
        let spec = TargetSpec {
            id: "endpoint/Prod/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker".parse().unwrap(),
            settings: object([("MinCapacity", json!(1)), ("MemberOfLater", json!({ "a": [1.5] }))]),
            tags: Tags::from([("team".into(), "{{ml}}".into())]),
            attachments: policies.into_iter().chain(actions).collect(),
        };
        let update = EndpointUpdate {
            stack_id: Some("stack/one".into()),
            configs: vec!["c1".into(), "c2".into()],
            is_by_new_gate: true,
            kept_by: "request".into(),
        };
        Snapshot::new(SystemTime::UNIX_EPOCH + Duration::from_secs(50), spec, Attributes::new(), Some(update))
    }

    #[test]
    fn a_snapshot_is_read_back_from_its_parameter_with_unknown_members() {
        let snapshot = snapshot(vec![policy("p", 1)]);
        let name = "/sagemaker-scaling/snapshots/endpoint/prod/variant/blue/sagemaker.variant.DesiredInstanceCount";
        assert_eq!(parameter_name(&snapshot.spec.id), name);
        let value = snapshot.value().unwrap();
        assert!(!value.contains("{{"), "{value}");
        assert_eq!(Snapshot::read(name, &value).unwrap(), snapshot);

        for (value, why) in [
            ("x".to_owned(), "expected value"),
            ("{}".to_owned(), "missing field"),
            (value.replace("\"Version\":1", "\"Version\":2"), "it has version 2, and not 1"),
            (value.replace("blue", "green"), "it is of another target"),
        ] {
            let reason = Snapshot::read(name, &value).unwrap_err().to_string();
            assert!(reason.contains(why), "{reason}");
        }
    }

    #[test]
    fn a_snapshot_that_no_parameter_holds_is_refused_with_its_size() {
        let reason = snapshot(vec![policy(&"p".repeat(8_192), 1)]).value().unwrap_err().to_string();
        assert!(reason.starts_with("target endpoint/Prod/variant/blue: its snapshot takes 8"), "{reason}");
    }

    #[test]
    fn a_parameter_keeps_the_targets_arn_and_the_policies_arns_if_there_is_room() {
        for (length, kept) in [(100, true), (7_400, false)] {
            let mut snapshot = snapshot(vec![policy(&"p".repeat(length), 1)]);
            let arns = [("PolicyARN.p", 500), (TARGET_ARN, 100)];
            snapshot.attributes = arns.map(|(name, length)| (name.to_owned(), "a".repeat(length))).into();
            let value = snapshot.value().unwrap();
            assert_eq!(value.contains("PolicyARN.p"), kept);
            assert!(value.contains(TARGET_ARN));
        }
    }

    #[test]
    fn a_parameter_is_used_to_its_last_byte() {
        let with_arns = |padding: usize| {
            let mut snapshot = snapshot(vec![policy(&"p".repeat(padding), 1)]);
            snapshot.attributes = Attributes::from([("PolicyARN.p".to_owned(), "arn".to_owned())]);
            snapshot
        };
        let room = MAX_BYTES - with_arns(0).value().unwrap().len();
        assert!(with_arns(room).value().unwrap().contains("PolicyARN.p"));
        let without_arns = with_arns(room + 1).value().unwrap();
        assert!(!without_arns.contains("PolicyARN.p"));
        let more = room + 1 + MAX_BYTES - without_arns.len();
        assert_eq!(with_arns(more).value().unwrap().len(), MAX_BYTES);
        assert!(with_arns(more + 1).value().is_err());
    }

    #[test]
    fn a_snapshot_of_a_half_restored_target_is_completed_by_the_earlier_one() {
        let mut earlier = snapshot(vec![policy("p", 1), policy("q", 1)]);
        let attributes = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "arn".to_owned())).collect();
        earlier.attributes = attributes(&["PolicyARN.p"]);
        let mut half = Snapshot { taken_at: 90, ..snapshot(vec![policy("q", 2)]) };
        half.spec.attachments.truncate(1);
        half.spec.tags = Tags::from([("new".into(), "tag".into())]);
        half.attributes = attributes(&["PolicyARN.q"]);
        let whole = half.completed_by(earlier.clone());
        assert_eq!(whole.attributes, attributes(&["PolicyARN.p", "PolicyARN.q"]));
        assert_eq!(whole.spec.attachments[..2], [policy("p", 1), policy("q", 2)]);
        assert_eq!((whole.taken_at, &whole.spec.attachments[2..]), (90, &earlier.spec.attachments[2..]));
        assert_eq!(whole.spec.tags.into_keys().collect::<Vec<_>>(), ["new", "team"]);
    }

    #[test]
    fn scheduled_actions_that_have_ended_are_removed() {
        let mut snapshot = snapshot(Vec::new());
        assert_eq!(snapshot.remove_ended(SystemTime::UNIX_EPOCH + Duration::from_secs(100)), ["past"]);
        assert_eq!(snapshot.spec.attachments.len(), 2);
    }

    #[test]
    fn a_snapshot_is_stale_after_a_day() {
        let after =
            |seconds: u64| snapshot(Vec::new()).is_stale(SystemTime::UNIX_EPOCH + Duration::from_secs(50 + seconds));
        assert!(!after(86_400));
        assert!(after(86_401));
    }
}
