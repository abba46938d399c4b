//! Application Auto Scaling's targets as they are, with all that is attached: taken from the service in its own words, and
//! put back in the same.
//!
//! The SDK's types would lose what they do not know, so these calls go through the small JSON client.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Aws;
use super::application_auto_scaling::{is_missing, is_not_found};
use super::json::Operation;
use crate::answer::Data;
use crate::error::AwsError;
use crate::id::{SERVICE_NAMESPACE, ScalableTargetId};
use crate::parked::{Object, Parked, TARGET_ARN};
use crate::retry::until_deadline;

impl Aws<'_> {
    /// What is registered of these resources, in every dimension.
    pub async fn registered(&self, resource_ids: &[String]) -> Result<Vec<Object>, AwsError> {
        let mut found = Vec::new();
        // As many as one call takes.
        for ids in resource_ids.chunks(50) {
            let input = json!({ "ServiceNamespace": SERVICE_NAMESPACE, "ResourceIds": ids });
            found.extend(self.all_pages::<DescribeScalableTargets>("scalable targets", input).await?);
        }
        Ok(found)
    }

    /// A registered target with its tags, policies and scheduled actions, or nothing where it is gone by now.
    pub async fn whole(&self, id: &ScalableTargetId, registered: Object) -> Result<Option<Parked>, AwsError> {
        let what = id.resource_id();
        let arn = registered.get(TARGET_ARN).cloned().unwrap_or_default();
        let tags = match self.call_as_it_is::<ListTagsForResource>(&what, object(json!({ "ResourceARN": arn }))).await {
            Err(error) if is_missing(&error) => return Ok(None),
            tags => tags?,
        };
        let of_target = json!({
            "ServiceNamespace": SERVICE_NAMESPACE,
            "ResourceId": registered.get("ResourceId"),
            "ScalableDimension": id.dimension().as_str(),
        });
        let mut policies = self.all_pages::<DescribeScalingPolicies>(&what, of_target.clone()).await?;
        let mut actions = self.all_pages::<DescribeScheduledActions>(&what, of_target).await?;
        let text = |object: &Object, name: &str| Some(object.get(name)?.as_str()?.to_owned());
        let of_policy =
            |policy| Some((format!("PolicyARN.{}", text(policy, "PolicyName")?), text(policy, "PolicyARN")?));
        let mut attributes: Data = policies.iter().filter_map(of_policy).collect();
        attributes.extend(text(&registered, TARGET_ARN).map(|arn| (TARGET_ARN.to_owned(), arn)));
        for attached in policies.iter_mut().chain(&mut actions) {
            attached.retain(|name, _| !OF_NO_INPUT.contains(&name.as_str()) && !NAMES_TARGET.contains(&name.as_str()));
        }
        let mut target = registered;
        target.retain(|name, _| !OF_NO_INPUT.contains(&name.as_str()));
        target.insert("Tags".to_owned(), tags.get("Tags").cloned().unwrap_or_else(|| json!({})));
        let mut parked = Parked::new(self.now(), target, policies, actions);
        parked.attributes = attributes;
        Ok(Some(parked))
    }

    /// Registers a target by its whole input. Returns its ARN.
    pub async fn register_as_it_was(&self, input: &Object) -> Result<String, AwsError> {
        self.progress.claims();
        let what = input.get("ResourceId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let output = self.call_as_it_is::<RegisterScalableTarget>(&what, input.clone()).await?;
        Ok(output.get(TARGET_ARN).and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Puts a scaling policy by its whole input.
    pub async fn put_policy_as_it_was(&self, target: &Object, input: &Object) -> Result<(), AwsError> {
        let (what, input) = about(target, input, "PolicyName");
        self.put_as_it_was::<PutScalingPolicy>(&what, input).await
    }

    /// Puts a scheduled action by its whole input.
    pub async fn put_action_as_it_was(&self, target: &Object, input: &Object) -> Result<(), AwsError> {
        let (what, input) = about(target, input, "ScheduledActionName");
        self.put_as_it_was::<PutScheduledAction>(&what, input).await
    }

    async fn put_as_it_was<O: Operation + From<Object> + Clone>(
        &self,
        what: &str,
        input: Object,
    ) -> Result<(), AwsError> {
        let request = O::from(input);
        let call = async || self.clients.autoscaling_as_it_is.call(request.clone()).await;
        self.once_seen(O::NAME, what, is_not_found, async || Ok(true), call).await.map(drop)
    }

    async fn all_pages<O: Operation<Output = Object> + From<Object> + Clone + List>(
        &self,
        what: &str,
        input: Value,
    ) -> Result<Vec<Object>, AwsError> {
        let mut input = object(input);
        let mut found = Vec::new();
        loop {
            let mut page = self.call_as_it_is::<O>(what, input.clone()).await?;
            let Some(Value::Array(items)) = page.remove(O::LIST) else { return Ok(found) };
            found.extend(items.into_iter().map(object));
            match page.remove("NextToken") {
                Some(token @ Value::String(_)) => drop(input.insert("NextToken".to_owned(), token)),
                _ => return Ok(found),
            }
        }
    }

    async fn call_as_it_is<O: Operation<Output = Object> + From<Object> + Clone>(
        &self,
        what: &str,
        input: Object,
    ) -> Result<Object, AwsError> {
        let request = O::from(input);
        let call = async || self.clients.autoscaling_as_it_is.call(request.clone()).await;
        until_deadline(O::NAME, what, self, call).await
    }
}

/// What an error names, and the input with what names the target.
fn about(target: &Object, input: &Object, name: &str) -> (String, Object) {
    let mut whole = input.clone();
    for member in NAMES_TARGET {
        whole.insert((*member).to_owned(), target.get(*member).cloned().unwrap_or_default());
    }
    let text = |object: &Object, name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (format!("{} of {}", text(input, name), text(target, "ResourceId")), whole)
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// An operation that lists something.
trait List {
    const LIST: &'static str;
}

/// Operations whose inputs and outputs are taken as they are.
macro_rules! as_it_is {
    ($($name:ident $(lists $list:literal)?),* $(,)?) => {
        $(
            #[derive(Clone, Debug, Deserialize, Serialize)]
            struct $name(Object);

            impl From<Object> for $name {
                fn from(input: Object) -> Self {
                    Self(input)
                }
            }

            impl Operation for $name {
                const NAME: &'static str = stringify!($name);
                type Output = Object;
            }

            $(impl List for $name {
                const LIST: &'static str = $list;
            })?
        )*
    };
}

as_it_is! {
    DescribeScalableTargets lists "ScalableTargets",
    DescribeScalingPolicies lists "ScalingPolicies",
    DescribeScheduledActions lists "ScheduledActions",
    ListTagsForResource,
    PutScalingPolicy,
    PutScheduledAction,
    RegisterScalableTarget,
}

const NAMES_TARGET: &[&str] = &["ResourceId", "ScalableDimension", "ServiceNamespace"];
/// What the service tells of them, and takes in no call.
const OF_NO_INPUT: &[&str] =
    &["Alarms", "CreationTime", "PolicyARN", "PredictedCapacity", "RoleARN", TARGET_ARN, "ScheduledActionARN"];
