//! What the owner of a target declared, in the value of a tag: limits and suspended state in plain text, and digests of the
//! function's name, the policies and the scheduled actions.
//!
//! A report compares it with what is registered. The tag has no room for names, so the name of a missing part is not known.
//!
//! The value is `VERSION FUNCTION MIN-MAX SUSPENDED PARTS`, such as `1 QSKIx 1-4 --- pAAAABBBBB`. Each part is its mark, the
//! digest of its name and the digest of its body. `@`, one digest and a count stand for too many parts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::digest::digest;
use super::json::{Object, text};
use super::owner::{DECLARED_TAG, FORMER_OWNER_TAGS, MAX_TAGS, OWNER_TAGS, Tags};
use super::target_spec::{Attachment, AttachmentKind, SUSPENDED_STATE, TargetSpec};

/// What was declared for a target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Declaration {
    /// A digest of the function's name.
    function: String,
    /// `MinCapacity` and `MaxCapacity`.
    limits: (i64, i64),
    /// The members of `SuspendedState`, as [`SUSPENDED_STATE`] lists them.
    suspended: [bool; 3],
    parts: Parts,
}

/// The policies and scheduled actions.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Parts {
    /// Each part, by the digest of its name.
    Each(BTreeMap<String, Part>),
    /// Too many parts for a tag, with one digest of all.
    All { count: usize, digest: String },
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Part {
    mark: Mark,
    digest: String,
}

/// The kind of a part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mark {
    Policy,
    Action,
    /// A scheduled action that takes place once or has an end. The service deletes it afterwards.
    EndingAction,
}

/// A difference between what was declared and what is registered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Difference {
    /// The limits differ. Holds those that were declared.
    Limits(i64, i64),
    /// The suspended state differs. Holds the members that were declared as suspended.
    Suspended(Vec<&'static str>),
    /// The policy or scheduled action with this name differs.
    Changed(AttachmentKind, String),
    /// The policy or scheduled action with this name was not declared.
    Added(AttachmentKind, String),
    /// This many declared policies or scheduled actions are missing.
    Missing(AttachmentKind, usize),
    /// This many declared scheduled actions with an end are missing.
    Ended(usize),
    /// The policies and scheduled actions differ, and are too many to compare one by one. Holds the number that was declared.
    Parts(usize),
}

impl Declaration {
    /// The declaration of a template's target.
    pub fn new(spec: &TargetSpec, function: &str) -> Self {
        let parts: BTreeMap<_, _> = spec.attachments.iter().map(|part| (name_digest(part), Part::new(part))).collect();
        let parts = if spec.attachments.len() <= MAX_PARTS && parts.len() == spec.attachments.len() {
            Parts::Each(parts)
        } else {
            Parts::All { count: spec.attachments.len(), digest: digest_of_all(spec) }
        };
        Self { function: digest(function, DIGEST_LEN), limits: limits(spec), suspended: suspended(spec), parts }
    }

    /// Adds the declaration to the tags of a template's target, if there is room for one more tag.
    pub fn add_to(spec: &mut TargetSpec, function: &str) {
        if spec.tags.len() < MAX_TAGS - OWNER_TAGS.len() - FORMER_OWNER_TAGS.len() {
            spec.tags.insert(DECLARED_TAG.to_owned(), Self::new(spec, function).tag());
        }
    }

    /// Reads the declaration in a target's tags. `None` without one, or with one of a later version.
    pub fn read(tags: &Tags) -> Option<Self> {
        let mut words = tags.get(DECLARED_TAG)?.split(' ');
        let mut next = || words.next();
        (next()? == VERSION).then_some(())?;
        let function = next()?.to_owned();
        let (min, max) = next()?.split_once('-')?;
        let limits = (min.parse().ok()?, max.parse().ok()?);
        let suspended = next()?;
        let suspended = SUSPENDED_MARKS.map(|mark| suspended.contains(mark));
        let parts = Parts::read(next().unwrap_or_default())?;
        Some(Self { function, limits, suspended, parts })
    }

    /// Whether the function with this name wrote it.
    pub fn is_of(&self, function: &str) -> bool {
        self.function == digest(function, DIGEST_LEN)
    }

    /// How a registered target differs from it.
    pub fn differences(&self, found: &TargetSpec) -> Vec<Difference> {
        let mut differences = Vec::new();
        if self.has_other_limits(found) {
            differences.push(Difference::Limits(self.limits.0, self.limits.1));
        }
        if suspended(found) != self.suspended {
            let declared = SUSPENDED_STATE.iter().zip(self.suspended).filter(|(_, is_suspended)| *is_suspended);
            differences.push(Difference::Suspended(declared.map(|(member, _)| *member).collect()));
        }
        match &self.parts {
            Parts::Each(declared) => differences.extend(of_parts(declared, found)),
            Parts::All { digest, .. } if *digest == digest_of_all(found) => {}
            Parts::All { count, .. } => differences.push(Difference::Parts(*count)),
        }
        differences
    }

    /// Whether a target has limits that neither its owner has declared nor one of its scheduled actions sets. An action that has
    /// ended may have set any.
    ///
    /// <https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-policy-overview.html>
    fn has_other_limits(&self, found: &TargetSpec) -> bool {
        let is_set = |member: &str, limit: i64| {
            let mut actions = found.attachments.iter().filter_map(|part| part.body.get("ScalableTargetAction"));
            actions.any(|action| action.get(member).and_then(Value::as_i64) == Some(limit))
        };
        let (min, max) = limits(found);
        let is_min_known = min == self.limits.0 || is_set("MinCapacity", min);
        let is_max_known = max == self.limits.1 || is_set("MaxCapacity", max);
        !(is_min_known && is_max_known || self.has_ended_action(found))
    }

    /// Whether a declared scheduled action that has an end is missing.
    fn has_ended_action(&self, found: &TargetSpec) -> bool {
        let declared = match &self.parts {
            Parts::Each(declared) => declared,
            // Any of them may be the missing one.
            Parts::All { count, .. } => return found.attachments.len() < *count,
        };
        let names: BTreeSet<_> = found.attachments.iter().map(name_digest).collect();
        declared.iter().any(|(name, part)| part.mark == Mark::EndingAction && !names.contains(name))
    }

    /// The value of the tag.
    fn tag(&self) -> String {
        let suspended: String = self
            .suspended
            .iter()
            .zip(SUSPENDED_MARKS)
            .map(|(is_suspended, mark)| if *is_suspended { mark } else { '-' })
            .collect();
        let (min, max) = self.limits;
        let parts = match &self.parts {
            Parts::Each(parts) => parts
                .iter()
                .map(|(name, part)| format!("{}{name}{}", part.mark.letter(), part.digest))
                .collect::<String>(),
            Parts::All { count, digest } => format!("{ALL}{digest}{count}"),
        };
        format!("{VERSION} {} {min}-{max} {suspended} {parts}", self.function).trim_end().to_owned()
    }
}

impl Parts {
    fn read(text: &str) -> Option<Self> {
        if let Some(all) = text.strip_prefix(ALL) {
            let (digest, count) = all.split_at_checked(DIGEST_LEN)?;
            return Some(Self::All { digest: digest.to_owned(), count: count.parse().ok()? });
        }
        text.is_ascii().then_some(())?;
        let part = |text: &[u8]| {
            let text = std::str::from_utf8(text).ok()?;
            let (name, digest) = text.get(1..)?.split_at_checked(NAME_LEN)?;
            let mark = Mark::read(text.chars().next()?)?;
            (digest.len() == DIGEST_LEN).then(|| (name.to_owned(), Part { mark, digest: digest.to_owned() }))
        };
        text.as_bytes().chunks(1 + NAME_LEN + DIGEST_LEN).map(part).collect::<Option<_>>().map(Self::Each)
    }
}

impl Part {
    fn new(attachment: &Attachment) -> Self {
        Self { mark: Mark::of(attachment), digest: body_digest(attachment) }
    }
}

impl Mark {
    const ALL: [Self; 3] = [Self::Policy, Self::Action, Self::EndingAction];

    fn of(attachment: &Attachment) -> Self {
        let body = &attachment.body;
        let is_once = text(body, "Schedule").is_some_and(|schedule| schedule.trim_start().starts_with("at("));
        match attachment.kind {
            AttachmentKind::ScalingPolicy => Self::Policy,
            AttachmentKind::ScheduledAction if is_once || body.contains_key("EndTime") => Self::EndingAction,
            AttachmentKind::ScheduledAction => Self::Action,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Policy => 'p',
            Self::Action => 'a',
            Self::EndingAction => 'e',
        }
    }

    fn read(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.letter() == letter)
    }
}

fn of_parts(declared: &BTreeMap<String, Part>, found: &TargetSpec) -> Vec<Difference> {
    let mut missing = declared.clone();
    let mut differences = Vec::new();
    for attachment in &found.attachments {
        let (kind, name) = attachment.key();
        match missing.remove(&name_digest(attachment)) {
            Some(part) if part.digest == body_digest(attachment) => {}
            Some(_) => differences.push(Difference::Changed(kind, name)),
            None => differences.push(Difference::Added(kind, name)),
        }
    }
    let count = |mark| missing.values().filter(|part| part.mark == mark).count();
    let missing = [
        (Difference::Missing(AttachmentKind::ScalingPolicy, count(Mark::Policy)), count(Mark::Policy)),
        (Difference::Missing(AttachmentKind::ScheduledAction, count(Mark::Action)), count(Mark::Action)),
        (Difference::Ended(count(Mark::EndingAction)), count(Mark::EndingAction)),
    ];
    differences.extend(missing.into_iter().filter(|(_, count)| *count > 0).map(|(difference, _)| difference));
    differences
}

fn limits(spec: &TargetSpec) -> (i64, i64) {
    (spec.capacity("MinCapacity"), spec.capacity("MaxCapacity"))
}

fn suspended(spec: &TargetSpec) -> [bool; 3] {
    let state = spec.settings.get("SuspendedState");
    SUSPENDED_STATE.map(|member| state.and_then(|state| state.get(member)) == Some(&Value::Bool(true)))
}

/// The digest includes the kind, because a policy and a scheduled action may have the same name.
fn name_digest(attachment: &Attachment) -> String {
    digest(&format!("{}{}", attachment.kind.name_member(), attachment.name()), NAME_LEN)
}

fn body_digest(attachment: &Attachment) -> String {
    digest(&normalized(&attachment.body).to_string(), DIGEST_LEN)
}

/// Without the actions that have an end: afterwards, the service no longer has them.
fn digest_of_all(spec: &TargetSpec) -> String {
    let lasting = spec.attachments.iter().filter(|part| Mark::of(part) != Mark::EndingAction);
    let mut parts: Vec<_> = lasting.map(|part| name_digest(part) + &body_digest(part)).collect();
    parts.sort();
    digest(&parts.concat(), DIGEST_LEN)
}

/// The form in which bodies are compared: without members that have their default value, which the service may add or leave
/// out, with each number as a float, and with lists (of dimensions, metrics and steps, whose order means nothing) in one order.
fn normalized(body: &Object) -> Value {
    let is_default = |member: &str, value: &Value| match member {
        "Cooldown" | "ScaleInCooldown" | "ScaleOutCooldown" => value.as_f64() == Some(DEFAULT_COOLDOWN),
        "MetricAggregationType" => value == "Average",
        "ReturnData" => value == true,
        "Timezone" => value == "UTC",
        "DisableScaleIn" => value == false,
        _ => false,
    };
    let is_empty = |value: &Value| match value {
        Value::Array(items) => items.is_empty(),
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    let members = body.iter().filter(|(member, value)| !is_default(member, value));
    let members: BTreeMap<_, _> = members.map(|(member, value)| (member.clone(), normalized_value(value))).collect();
    members.into_iter().filter(|(_, value)| !is_empty(value)).collect()
}

fn normalized_value(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(normalized_value).collect();
            items.sort_by_cached_key(Value::to_string);
            items.into()
        }
        Value::Number(number) => number.as_f64().into(),
        Value::Object(members) => normalized(members),
        other => other.clone(),
    }
}

const VERSION: &str = "1";
/// Stand for the members of [`SUSPENDED_STATE`]: scaling in, scaling out and scheduled scaling.
const SUSPENDED_MARKS: [char; 3] = ['i', 'o', 's'];
/// Precedes the one digest of too many parts.
const ALL: char = '@';
const NAME_LEN: usize = 4;
const DIGEST_LEN: usize = 5;
/// How many parts fit into the 256 characters of a tag's value, with the longest limits.
const MAX_PARTS: usize = 22;
/// In seconds: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepScalingPolicyConfiguration.html>
const DEFAULT_COOLDOWN: f64 = 300.0;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::json::object;

    fn policy(name: &str, value: f64) -> Attachment {
        let tracking = json!({ "TargetValue": value, "ScaleInCooldown": 300, "DisableScaleIn": false });
        let body = object([("PolicyName", json!(name)), ("TargetTrackingScalingPolicyConfiguration", tracking)]);
        Attachment { kind: AttachmentKind::ScalingPolicy, body }
    }

    fn action(name: &str, schedule: &str) -> Attachment {
        let body =
            object([("ScheduledActionName", json!(name)), ("Schedule", json!(schedule)), ("Timezone", json!("UTC"))]);
        Attachment { kind: AttachmentKind::ScheduledAction, body }
    }

    fn spec(attachments: Vec<Attachment>) -> TargetSpec {
        TargetSpec {
            id: "endpoint/e/variant/v|sagemaker:variant:DesiredInstanceCount|sagemaker".parse().unwrap(),
            settings: object([("MinCapacity", json!(1)), ("MaxCapacity", json!(4))]),
            tags: Tags::new(),
            attachments,
        }
    }

    fn written(spec: &TargetSpec) -> Declaration {
        let mut spec = spec.clone();
        Declaration::add_to(&mut spec, "sagemaker-scaling");
        assert!(spec.tags[DECLARED_TAG].len() <= 256, "{spec:?}");
        Declaration::read(&spec.tags).unwrap()
    }

    #[test]
    fn what_is_registered_as_declared_has_no_differences() {
        let mut declared =
            spec(vec![policy("p", 5.0), action("a", "cron(0 8 * * ? *)"), action("e", "at(2030-01-01)")]);
        declared.settings.insert("SuspendedState".into(), json!({ "ScheduledScalingSuspended": true }));
        let declaration = written(&declared);
        assert_eq!(declaration, Declaration::new(&declared, "sagemaker-scaling"));
        assert!(declaration.is_of("sagemaker-scaling") && !declaration.is_of("another"));
        let mut found = declared;
        // As the service returns it: other members, and another order.
        found.attachments.reverse();
        found.attachments[2].body["TargetTrackingScalingPolicyConfiguration"] = json!({ "TargetValue": 5 });
        found.attachments[0].body.remove("Timezone");
        let suspended = json!({ "DynamicScalingInSuspended": false, "ScheduledScalingSuspended": true });
        found.settings.insert("SuspendedState".into(), suspended);
        assert_eq!(declaration.differences(&found), []);
    }

    #[test]
    fn the_order_of_lists_makes_no_difference() {
        let with = |dimensions: Value| {
            let mut policy = policy("p", 5.0);
            policy.body.insert("Dimensions".to_owned(), dimensions);
            spec(vec![policy])
        };
        let (one, two) = (json!({ "Name": "a", "Value": "1" }), json!({ "Name": "b", "Value": "2" }));
        let declaration = written(&with(json!([one, two])));
        assert_eq!(declaration.differences(&with(json!([two, one]))), []);
        assert_eq!(declaration.differences(&with(json!([two, two]))).len(), 1);
    }

    #[test]
    fn limits_that_a_scheduled_action_sets_are_no_difference() {
        let mut at_night = action("night", "cron(0 20 * * ? *)");
        at_night.body.insert("ScalableTargetAction".into(), json!({ "MinCapacity": 0, "MaxCapacity": 2 }));
        let declared = spec(vec![at_night.clone()]);
        let differences = |declared: &TargetSpec, min: i64, max: i64| {
            let mut found = declared.clone();
            found.settings = object([("MinCapacity", json!(min)), ("MaxCapacity", json!(max))]);
            written(declared).differences(&found)
        };
        assert_eq!(differences(&declared, 0, 2), []);
        assert_eq!(differences(&declared, 1, 2), []);
        assert_eq!(differences(&declared, 0, 3), [Difference::Limits(1, 4)]);
        assert_eq!(differences(&declared, 2, 4), [Difference::Limits(1, 4)]);
        // The service no longer has the one that may have set them.
        let once = spec(vec![action("once", "at(2020-01-01T00:00:00)")]);
        let found =
            TargetSpec { settings: object([("MinCapacity", json!(7)), ("MaxCapacity", json!(9))]), ..spec(vec![]) };
        assert_eq!(written(&once).differences(&found), [Difference::Ended(1)]);
    }

    #[test]
    fn each_difference_is_found() {
        let declared = spec(vec![policy("changed", 5.0), policy("gone", 5.0), action("gone", "rate(1 day)")]);
        let mut found = spec(vec![policy("changed", 6.0), action("new", "rate(1 day)")]);
        found.settings["MaxCapacity"] = json!(5);
        found.settings.insert("SuspendedState".into(), json!({ "DynamicScalingOutSuspended": true }));
        let expected = [
            Difference::Limits(1, 4),
            Difference::Suspended(Vec::new()),
            Difference::Changed(AttachmentKind::ScalingPolicy, "changed".into()),
            Difference::Added(AttachmentKind::ScheduledAction, "new".into()),
            Difference::Missing(AttachmentKind::ScalingPolicy, 1),
            Difference::Missing(AttachmentKind::ScheduledAction, 1),
        ];
        assert_eq!(written(&declared).differences(&found), expected);
    }

    #[test]
    fn many_parts_share_one_digest() {
        let many = |count: usize| (0..count).map(|number| policy(&number.to_string(), 1.0)).collect::<Vec<_>>();
        let mut most = spec(many(MAX_PARTS));
        most.settings = object([("MinCapacity", json!(i32::MAX)), ("MaxCapacity", json!(i32::MAX))]);
        assert!(matches!(written(&most).parts, Parts::Each(_)));
        let declared = spec(many(MAX_PARTS + 1));
        let declaration = written(&declared);
        let mut found = declared;
        found.attachments.reverse();
        assert_eq!(declaration.differences(&found), []);
        found.attachments.pop();
        assert_eq!(declaration.differences(&found), [Difference::Parts(MAX_PARTS + 1)]);

        let mut declared = spec(many(MAX_PARTS + 1));
        declared.attachments.push(action("launch", "at(2026-01-01T00:00:00)"));
        let declaration = written(&declared);
        declared.attachments.pop();
        assert_eq!(declaration.differences(&declared), [], "the action has ended");
    }

    #[test]
    fn a_target_with_many_tags_has_no_declaration() {
        let mut spec = spec(Vec::new());
        spec.tags = (0..45).map(|number| (number.to_string(), String::new())).collect();
        Declaration::add_to(&mut spec, "f");
        assert_eq!(Declaration::read(&spec.tags), None);
        spec.tags.pop_last();
        Declaration::add_to(&mut spec, "f");
        assert!(Declaration::read(&spec.tags).is_some());
    }

    #[test]
    fn other_texts_are_no_declaration() {
        let written = "1 QSKIx 1-4 --- pAAAABBBBB";
        let read = |value: &str| Declaration::read(&Tags::from([(DECLARED_TAG.to_owned(), value.to_owned())]));
        assert!(read(written).is_some());
        for value in [
            "",
            "2 QSKIx 1-4 ---",
            "1 QSKIx 1 ---",
            "1 QSKIx 1-4",
            "1 QSKIx 1-4 --- pAAAABBBB",
            "1 x 1-4 --- xAAAABBBBB",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }
}
