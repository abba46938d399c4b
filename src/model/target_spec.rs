//! The one description of a scalable target, in the form of the API's request bodies.
//!
//! A template and a snapshot are read into the same [`TargetSpec`], and the same code applies either. JSON keeps
//! members that this version does not know: they survive a snapshot and its restore.

use serde_json::{Value, json};

use super::id::{SERVICE_NAMESPACE, ScalableTargetId};
use super::json::{Object, object, text};
use super::owner::Tags;

/// A scalable target with its tags and attachments: as it is registered, or as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetSpec {
    /// Which target it is.
    pub id: ScalableTargetId,
    /// The members of `RegisterScalableTarget` beside the id and the tags: `MinCapacity`, `MaxCapacity`,
    /// `SuspendedState`.
    ///
    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
    pub settings: Object,
    /// The tags.
    pub tags: Tags,
    /// Scaling policies, then scheduled actions. No two of a kind have the same name.
    pub attachments: Vec<Attachment>,
}

/// A scaling policy or a scheduled action of a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    /// Which of the two it is.
    pub kind: AttachmentKind,
    /// The body of the call that puts it, without the members that name the target.
    pub body: Object,
}

/// What can be attached to a target.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum AttachmentKind {
    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>
    ScalingPolicy,
    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>
    ScheduledAction,
}

/// Identifies an attachment of a target.
pub type AttachmentKey = (AttachmentKind, String);

impl AttachmentKind {
    /// The member that has the name.
    pub fn name_member(self) -> &'static str {
        match self {
            Self::ScalingPolicy => "PolicyName",
            Self::ScheduledAction => "ScheduledActionName",
        }
    }

    /// The kind in a message.
    pub fn noun(self) -> &'static str {
        match self {
            Self::ScalingPolicy => "scaling policy",
            Self::ScheduledAction => "scheduled action",
        }
    }
}

impl Attachment {
    /// Its name.
    pub fn name(&self) -> &str {
        text(&self.body, self.kind.name_member()).unwrap_or_default()
    }

    /// Its identity within the target.
    pub fn key(&self) -> AttachmentKey {
        (self.kind, self.name().to_owned())
    }

    /// The body of the call that puts it on a target.
    pub fn put_body(&self, target: &ScalableTargetId) -> Object {
        let mut body = target_members(target);
        body.extend(self.body.clone());
        body
    }
}

impl TargetSpec {
    /// The body of the call that creates the target with tags.
    pub fn create_body(&self, tags: &Tags) -> Object {
        let mut body = target_members(&self.id);
        body.extend(self.settings.clone());
        body.insert("Tags".to_owned(), json!(tags));
        body
    }

    /// The body of the call that registers the target again. The service keeps an omitted suspended state, so the body
    /// resets it.
    pub fn update_body(&self) -> Object {
        let mut body = target_members(&self.id);
        body.insert("SuspendedState".to_owned(), SUSPENDED_STATE.map(|member| (member, false)).into_iter().collect());
        body.extend(self.settings.clone());
        body
    }

    /// A capacity: `MinCapacity` or `MaxCapacity`.
    pub fn capacity(&self, member: &str) -> i64 {
        self.settings.get(member).and_then(Value::as_i64).unwrap_or_default()
    }

    /// The attachments of one kind.
    pub fn attachments_of(&self, kind: AttachmentKind) -> impl Iterator<Item = &Attachment> {
        self.attachments.iter().filter(move |attachment| attachment.kind == kind)
    }

    /// Whether it has an attachment.
    pub fn has(&self, key: &AttachmentKey) -> bool {
        self.attachments.iter().any(|attachment| attachment.key() == *key)
    }

    /// This description, completed by attachments of another one that it does not have. Tags are not changed.
    pub fn with_attachments_of(mut self, other: &Self, wanted: impl Fn(&AttachmentKey) -> bool) -> Self {
        let missing = other.attachments.iter().filter(|attachment| {
            let key = attachment.key();
            wanted(&key) && !self.has(&key)
        });
        let mut attachments: Vec<_> = missing.cloned().collect();
        attachments.append(&mut self.attachments);
        attachments.sort_by_key(|attachment| attachment.kind);
        Self { attachments, ..self }
    }
}

/// The members that name a target in a request body.
pub fn target_members(target: &ScalableTargetId) -> Object {
    object([
        ("ServiceNamespace", json!(SERVICE_NAMESPACE)),
        ("ResourceId", json!(target.resource_id())),
        ("ScalableDimension", json!(target.dimension().as_str())),
    ])
}

/// The target that a request body or a description names.
pub fn target_of(body: &Object) -> Option<ScalableTargetId> {
    let (resource, dimension) = (text(body, "ResourceId")?, text(body, "ScalableDimension")?);
    format!("{resource}|{dimension}|{SERVICE_NAMESPACE}").parse().ok()
}

/// The members of `SuspendedState`:
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_SuspendedState.html>.
pub const SUSPENDED_STATE: [&str; 3] =
    ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"];

/// The names of [`target_members`].
pub const TARGET_MEMBERS: [&str; 3] = ["ResourceId", "ScalableDimension", "ServiceNamespace"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ScalableTargetId;

    fn policy(name: &str, value: u32) -> Attachment {
        let body = object([("PolicyName", json!(name)), ("Value", json!(value))]);
        Attachment { kind: AttachmentKind::ScalingPolicy, body }
    }

    fn action(name: &str) -> Attachment {
        let body = object([("ScheduledActionName", json!(name))]);
        Attachment { kind: AttachmentKind::ScheduledAction, body }
    }

    fn spec(attachments: Vec<Attachment>) -> TargetSpec {
        let id: ScalableTargetId =
            "endpoint/e/variant/v|sagemaker:variant:DesiredInstanceCount|sagemaker".parse().unwrap();
        TargetSpec { id, settings: Object::new(), tags: Tags::new(), attachments }
    }

    #[test]
    fn attachments_of_another_description_are_kept_unless_replaced_or_unwanted() {
        let had = spec(vec![policy("changed", 1), policy("gone", 1), policy("others", 1), action("noon")]);
        let wanted = spec(vec![policy("changed", 2), policy("new", 1)]);
        let merged = wanted.with_attachments_of(&had, |(_, name)| name != "gone");
        assert_eq!(
            merged.attachments,
            [policy("others", 1), policy("changed", 2), policy("new", 1), action("noon")],
            "policies come before actions"
        );
    }

    #[test]
    fn a_policy_and_an_action_may_have_the_same_name() {
        let merged = spec(vec![policy("same", 1)]).with_attachments_of(&spec(vec![action("same")]), |_| true);
        assert_eq!(merged.attachments.len(), 2);
    }

    #[test]
    fn request_bodies_name_their_target() {
        let spec = spec(vec![policy("p", 1)]);
        assert_eq!(target_of(&spec.update_body()), Some(spec.id.clone()));
        assert_eq!(target_of(&spec.attachments[0].put_body(&spec.id)), Some(spec.id.clone()));
    }
}
