//! A target that was taken down and waits to come back: all that Application Auto Scaling knew of it, as the inputs of the
//! calls that make it again.
//!
//! The record is a parameter of Systems Manager's Parameter Store. Members that this function does not know are kept, too.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::answer::Data;
use crate::id::{EndpointName, SERVICE_NAMESPACE, ScalableTargetId};
use crate::owner::Tags;

/// A JSON object.
pub type Object = Map<String, Value>;

/// What is parked of one target.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parked {
    version: u32,
    /// In seconds since the epoch.
    parked_at: i64,
    /// The input of `RegisterScalableTarget`, with all tags.
    pub target: Object,
    /// The inputs of `PutScalingPolicy`, without what names the target.
    pub scaling_policies: Vec<Object>,
    /// The inputs of `PutScheduledAction`, likewise.
    pub scheduled_actions: Vec<Object>,
    /// What `Fn::GetAtt` has told of it: ARNs.
    #[serde(default, skip_serializing_if = "Data::is_empty")]
    pub attributes: Data,
}

/// Why a record can be neither kept nor used. Nothing was deregistered for it, and nothing is lost.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ParkedError {
    /// Parameter Store did not give back what it was given.
    #[error("parameter {0} does not hold what was written to it; nothing was deregistered for it. Deploy again")]
    NotKept(String),
    /// A parameter holds 8 KB at most.
    #[error(
        "{target}: its policies, scheduled actions and tags take {bytes} bytes, and a parameter holds {MAX_BYTES}; \
         nothing was deregistered. Take some of them away, or deregister the target by hand for this update"
    )]
    TooLarge {
        /// The target.
        target: String,
        /// What it would take.
        bytes: usize,
    },
    /// Two spellings of an endpoint's name, which SageMaker takes as one, and so does the name of a parameter.
    #[error(
        "{0} and {1} are both registered, and are one variant to SageMaker; nothing was deregistered. Deregister one"
    )]
    Twice(String, String),
    /// Application Auto Scaling shows the target, and does not know its tags.
    #[error("the tags of {0} cannot be seen, though it is registered; it was not deregistered. Deploy again")]
    Unseen(String),
    /// Somebody wrote to it, or a later version of this function did.
    #[error("parameter {name} is no record of a parked target that this version of the function reads: {why}")]
    Unreadable {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Parked {
    /// What is parked now.
    pub fn new(at: SystemTime, target: Object, scaling_policies: Vec<Object>, scheduled_actions: Vec<Object>) -> Self {
        let attributes = Data::new();
        let parked_at = DateTime::from(at).secs();
        Self { version: VERSION, parked_at, target, scaling_policies, scheduled_actions, attributes }
    }

    /// Reads the value of a parameter.
    pub fn read(name: &str, value: &str) -> Result<Self, ParkedError> {
        let unreadable = |why: String| ParkedError::Unreadable { name: name.to_owned(), why };
        let parked: Self = serde_json::from_str(value).map_err(|error| unreadable(error.to_string()))?;
        if parked.version != VERSION {
            return Err(unreadable(format!("it has version {}, and not {VERSION}", parked.version)));
        }
        if parked.id().is_none_or(|id| parameter_name(&id) != name) {
            return Err(unreadable("it is about another target".to_owned()));
        }
        Ok(parked)
    }

    /// The value of its parameter, which refers to no other parameter, whatever is in its texts. Where there is no room
    /// for the policies' ARNs, they are left out.
    pub fn value(&self) -> Result<String, ParkedError> {
        let write =
            |parked: &Self| serde_json::to_string(parked).expect("objects of JSON are JSON").replace("{{", "{\\u007b");
        let mut value = write(self);
        if value.len() > MAX_BYTES {
            let attributes = self.arn().map(|arn| (TARGET_ARN.to_owned(), arn.to_owned())).into_iter().collect();
            value = write(&Self { attributes, ..self.clone() });
        }
        if value.len() > MAX_BYTES {
            let target = self.id().map_or_else(String::new, |id| id.resource_id());
            return Err(ParkedError::TooLarge { target, bytes: value.len() });
        }
        Ok(value)
    }

    /// Which target it is.
    pub fn id(&self) -> Option<ScalableTargetId> {
        Self::id_of(&self.target)
    }

    /// Which target an input or a description is about.
    pub fn id_of(target: &Object) -> Option<ScalableTargetId> {
        let text = |name: &str| target.get(name)?.as_str();
        format!("{}|{}|{SERVICE_NAMESPACE}", text("ResourceId")?, text("ScalableDimension")?).parse().ok()
    }

    /// The ARN that it had, which is another one for each registration.
    pub fn arn(&self) -> Option<&str> {
        self.attributes.get(TARGET_ARN).map(String::as_str)
    }

    /// The tags that it had.
    pub fn tags(&self) -> Tags {
        let tags = self.target.get("Tags").and_then(Value::as_object).into_iter().flatten();
        tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    /// The same target with other tags.
    pub fn tagged(mut self, tags: &Tags) -> Self {
        self.target.insert("Tags".to_owned(), json!(tags));
        self
    }

    /// The same target with what an earlier record has and it has not.
    pub fn completed_by(self, record: Self) -> Self {
        let Self { target, scaling_policies, scheduled_actions, attributes, .. } = self.clone();
        let mut tags = record.tags();
        tags.extend(self.tags());
        let mut whole = record.with(target, scaling_policies, scheduled_actions, &BTreeSet::new()).tagged(&tags);
        whole.attributes.extend(attributes);
        Self { parked_at: self.parked_at, ..whole }
    }

    /// The same target with other limits and tags; of what was attached to it, only what is not named stays.
    pub fn with(mut self, target: Object, policies: Vec<Object>, actions: Vec<Object>, gone: &BTreeSet<&str>) -> Self {
        self.target = target;
        for (had, given, name) in [
            (&mut self.scaling_policies, policies, "PolicyName"),
            (&mut self.scheduled_actions, actions, "ScheduledActionName"),
        ] {
            let named = |object: &Object| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let names: BTreeSet<_> = given.iter().map(named).collect();
            had.retain(|object| !names.contains(&named(object)) && !gone.contains(named(object).as_str()));
            had.extend(given);
        }
        self
    }

    /// Takes out the scheduled actions whose end has passed, and returns their names.
    pub fn without_ended(&mut self, now: SystemTime) -> Vec<String> {
        let now = DateTime::from(now).as_secs_f64();
        let has_ended =
            |action: &mut Object| action.get("EndTime").and_then(Value::as_f64).is_some_and(|end| end <= now);
        let ended = self.scheduled_actions.extract_if(.., has_ended);
        ended.filter_map(|action| Some(action.get("ScheduledActionName")?.as_str()?.to_owned())).collect()
    }

    /// Whether it has been parked for longer than any deployment takes.
    pub fn is_stale(&self, now: SystemTime) -> bool {
        let parked = u64::try_from(self.parked_at).ok().map(Duration::from_secs);
        let parked = parked.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
        parked.and_then(|parked| now.duration_since(parked).ok()).is_some_and(|age| age > STALE_AFTER)
    }
}

/// The name of the parameter for a target. Endpoints whose names differ in letter case only are one, and so are their
/// parameters; a dot stands for each colon, which the names of parameters do not have.
pub fn parameter_name(target: &ScalableTargetId) -> String {
    let dimension = target.dimension().as_str().replace(':', ".");
    match target {
        ScalableTargetId::Variant { endpoint, variant, .. } => {
            format!("{}/variant/{variant}/{dimension}", path(endpoint))
        }
        ScalableTargetId::InferenceComponent(_) => format!("{PREFIX}{}/{dimension}", target.resource_id()),
    }
}

/// The path below which the parameters of an endpoint's targets are.
pub fn path(endpoint: &EndpointName) -> String {
    format!("{PREFIX}endpoint/{}", endpoint.as_str().to_ascii_lowercase())
}

/// The attribute that every record keeps.
pub const TARGET_ARN: &str = "ScalableTargetARN";
const PREFIX: &str = "/sagemaker-scaling/parked/";
const VERSION: u32 = 1;
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>
pub const MAX_BYTES: usize = 8_192;
const STALE_AFTER: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Object {
        let Value::Object(object) = value else { panic!("no object") };
        object
    }

    fn parked(policies: Vec<Object>) -> Parked {
        let target = object(json!({
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/Prod/variant/blue",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "Tags": {"team": "{{ml}}"},
        }));
        let actions = [("past", Some(99.5)), ("future", Some(200.0)), ("endless", None)]
            .map(|(name, end)| object(json!({"ScheduledActionName": name, "EndTime": end})));
        Parked::new(SystemTime::UNIX_EPOCH + Duration::from_secs(50), target, policies, actions.into())
    }

    fn policy(name: &str, value: u32) -> Object {
        object(json!({"PolicyName": name, "Value": value}))
    }

    #[test]
    fn what_was_parked_is_read_back_and_refers_to_no_other_parameter() {
        let parked = parked(vec![policy("p", 1)]);
        let name = "/sagemaker-scaling/parked/endpoint/prod/variant/blue/sagemaker.variant.DesiredInstanceCount";
        assert_eq!(parameter_name(&parked.id().unwrap()), name);
        let value = parked.value().unwrap();
        assert!(!value.contains("{{"), "{value}");
        assert_eq!(Parked::read(name, &value).as_ref(), Ok(&parked));
        assert_eq!(parked.tags(), Tags::from([("team".into(), "{{ml}}".into())]));

        for (value, why) in [
            ("x".to_owned(), "expected value"),
            ("{}".to_owned(), "missing field"),
            (value.replace("\"Version\":1", "\"Version\":2"), "it has version 2, and not 1"),
            (value.replace("blue", "green"), "it is about another target"),
        ] {
            let told = Parked::read(name, &value).unwrap_err().to_string();
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn what_no_parameter_holds_is_refused_with_its_size() {
        let told = parked(vec![policy(&"p".repeat(8_192), 1)]).value().unwrap_err().to_string();
        assert!(told.starts_with("endpoint/Prod/variant/blue: its policies"), "{told}");
    }

    #[test]
    fn the_arns_of_policies_are_kept_where_there_is_room_and_the_targets_always() {
        for (length, kept) in [(100, true), (7_400, false)] {
            let mut parked = parked(vec![policy(&"p".repeat(length), 1)]);
            let arns = [("PolicyARN.p", 500), (TARGET_ARN, 100)];
            parked.attributes = arns.map(|(name, length)| (name.to_owned(), "a".repeat(length))).into();
            let value = parked.value().unwrap();
            assert_eq!(value.contains("PolicyARN.p"), kept);
            assert!(value.contains(TARGET_ARN));
        }
    }

    #[test]
    fn what_is_half_there_is_completed_by_what_was_parked_before() {
        let record = parked(vec![policy("p", 1), policy("q", 1)]);
        let mut half = Parked { scheduled_actions: Vec::new(), parked_at: 90, ..parked(vec![policy("q", 2)]) };
        half = half.tagged(&Tags::from([("new".into(), "tag".into())]));
        let whole = half.completed_by(record.clone());
        assert_eq!(whole.scaling_policies, [policy("p", 1), policy("q", 2)]);
        assert_eq!((whole.parked_at, &whole.scheduled_actions), (90, &record.scheduled_actions));
        assert_eq!(whole.tags().into_keys().collect::<Vec<_>>(), ["new", "team"]);
    }

    #[test]
    fn actions_that_have_ended_are_taken_out() {
        let mut parked = parked(Vec::new());
        assert_eq!(parked.without_ended(SystemTime::UNIX_EPOCH + Duration::from_secs(100)), ["past"]);
        assert_eq!(parked.scheduled_actions.len(), 2);
    }

    #[test]
    fn what_is_wanted_takes_the_place_of_what_had_its_name_and_the_rest_stays() {
        let parked = parked(vec![policy("changed", 1), policy("gone", 1), policy("theirs", 1)]);
        let wanted = vec![policy("changed", 2), policy("new", 1)];
        let target = object(json!({"MinCapacity": 2}));
        let changed = parked.with(target.clone(), wanted, Vec::new(), &BTreeSet::from(["gone", "past"]));
        assert_eq!(changed.target, target);
        assert_eq!(changed.scaling_policies, [policy("theirs", 1), policy("changed", 2), policy("new", 1)]);
        assert_eq!(changed.scheduled_actions.len(), 2);
    }

    #[test]
    fn a_record_is_stale_after_a_day() {
        let after =
            |seconds: u64| parked(Vec::new()).is_stale(SystemTime::UNIX_EPOCH + Duration::from_secs(50 + seconds));
        assert!(!after(86_400));
        assert!(after(86_401));
    }
}
