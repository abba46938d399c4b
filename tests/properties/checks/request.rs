//! What holds for any request.

use std::collections::BTreeMap;

use http::Uri;
use sagemaker_scaling::model::Location;
use sagemaker_scaling::model::{PhysicalResourceId, ScalableTargetId};
use sagemaker_scaling::properties::{Declared, Desired};
use sagemaker_scaling::request::{
    envelope::{Envelope, NoReplyAddress},
    lifecycle::{Lifecycle, Request},
};
use sagemaker_scaling::response::{Answer, Outcome};
use sagemaker_scaling::update_gate;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::{escaped, scrubbed};

/// Opens a payload and reads its properties, as the handler does, and checks what comes of it.
pub fn request(payload: &str) {
    let sent = Sent(serde_json::from_str(payload).unwrap_or_default());
    let opened = Envelope::open(payload);
    assert_eq!(format!("{opened:?}"), format!("{:?}", Envelope::open(payload)), "one payload is read in two ways");
    let envelope = match opened {
        Ok(envelope) => envelope,
        Err(error) => return nobody_to_answer(error, &sent),
    };
    assert!(!sent.too_long(), "ids that do not fit into an answer are taken");
    assert_eq!(envelope.reply_to.stack_id, sent.text("StackId"));
    assert_eq!(envelope.reply_to.request_id, sent.text("RequestId"));
    assert_eq!(envelope.reply_to.logical_resource_id, sent.text("LogicalResourceId"));
    let given_id = sent.text("PhysicalResourceId");
    let usable = !given_id.is_empty() && escaped(&given_id) <= 1_024;
    assert_eq!(envelope.given_id, Some(given_id).filter(|_| usable));
    assert!(!envelope.id_of_failure().is_empty());
    id(&envelope.id_of_failure());

    let url = sent.text("ResponseURL");
    let answered = |id: String, outcome| {
        let answer = Answer { physical_resource_id: id, outcome };
        super::answer(&envelope.reply_to, &url, &answer);
    };
    match carry_out(&envelope, &sent) {
        Ok((id, data)) => answered(id, Outcome::Success { data }),
        Err(reason) => {
            assert!(!reason.trim().is_empty(), "a mistake without words");
            scrubbed(&envelope.reply_to.url, &url, &reason);
            answered(envelope.id_of_failure(), Outcome::Failed { reason });
        }
    }
}

/// Reads properties strictly, as those of a Create, and checks what comes of it.
pub fn properties(properties: &Value) -> Result<Desired, String> {
    let read = |properties: &Value| Desired::read(properties, &here()).map_err(|mistakes| mistakes.to_string());
    let desired = read(properties);
    assert_eq!(desired, read(properties), "the same properties are read in two ways");
    match &desired {
        Err(mistakes) => assert!(
            mistakes.split_once(": ").is_some_and(|(path, mistake)| !path.is_empty() && !mistake.is_empty()),
            "a mistake without its path or without words: {mistakes:?}"
        ),
        Ok(desired) => {
            id(&desired.target.to_string());
            let keys = desired.tags.keys().cloned().collect();
            let named = Declared::read(properties);
            assert_eq!(named.target.as_ref(), Some(&desired.target), "an Update would leave it behind");
            assert_eq!(named.tag_keys, keys, "an Update would leave a tag behind");
            for policy in &desired.policies {
                assert!(named.policies.contains_key(&policy.name), "an Update would leave a policy behind");
            }
            let actions = desired.actions.iter().map(|action| action.name.clone()).collect();
            assert_eq!(named.actions, actions, "an Update would leave a scheduled action behind");
            assert!(desired.policies.len() <= 50 && named.policies.len() == desired.policies.len());
            assert!(desired.actions.len() <= 200 && named.actions.len() == desired.actions.len());
            assert!((0..=desired.capacity.max()).contains(&desired.capacity.min()));
            assert!(desired.capacity.max() >= 1);
            assert!(desired.tags.len() <= 47);
            for (key, value) in &desired.tags {
                assert!((1..=128).contains(&key.chars().count()) && value.chars().count() <= 256, "{key:?}: {value:?}");
                assert!(!key.to_ascii_lowercase().starts_with("aws:"), "{key:?}");
                assert!(!key.to_ascii_lowercase().starts_with("sagemaker-scaling:"), "{key:?}");
            }
            let written = written(desired, properties);
            assert_eq!(read(&written).as_ref(), Ok(desired), "written out, it is read in another way");
            assert_eq!(read(&as_text(&written)).as_ref(), Ok(desired), "as text, it is read in another way");
        }
    }
    desired
}

/// Reads a gate's properties strictly, and checks what comes of it.
fn gate(properties: &Value) -> Result<(String, Data), String> {
    let read = |properties: &Value| update_gate::read(properties, &here()).map_err(|mistakes| mistakes.to_string());
    let gate = read(properties);
    assert_eq!(gate, read(properties), "the same properties are read in two ways");
    let gate = gate?;
    id(&gate.to_string());
    let written = json!({ "EndpointName": gate.endpoint.as_str(), "EndpointConfigName": gate.config.as_str() });
    assert_eq!(read(&written).as_ref(), Ok(&gate), "written out, it is read in another way");
    Ok((gate.to_string(), Data::new()))
}

/// Reads an id, and checks that one of a target prints back.
pub fn id(text: &str) {
    match PhysicalResourceId::read(text) {
        PhysicalResourceId::ScalableTarget(target) => {
            assert_eq!(target.to_string(), text);
            assert!(target.is_same(&text.parse().expect("it was read")));
        }
        PhysicalResourceId::UpdateGate(gate) => assert_eq!(gate.to_string(), text),
        PhysicalResourceId::NotRegistered => assert!(text.starts_with("not-registered|")),
        PhysicalResourceId::Invented => assert!(!text.starts_with("not-registered|")),
    }
}

/// The fields of a payload, in their own words.
struct Sent<'a>(BTreeMap<String, &'a RawValue>);

impl Sent<'_> {
    /// A field, empty where it is no text.
    fn text(&self, name: &str) -> String {
        self.0.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    fn too_long(&self) -> bool {
        ["StackId", "RequestId", "LogicalResourceId"].iter().map(|name| escaped(&self.text(name))).sum::<usize>()
            > 1_024
    }
}

fn nobody_to_answer(error: NoReplyAddress, sent: &Sent<'_>) {
    let address = sent.text("ResponseURL").parse::<Uri>().ok().filter(|uri| uri.host().is_some());
    let readable = address.is_some_and(|uri| uri.scheme_str() == Some("https"));
    assert!(!readable || error == NoReplyAddress::TooLong, "{error}, but there is an address");
    assert!(error != NoReplyAddress::TooLong || sent.too_long(), "{error}, but they are short");
    assert!(!error.to_string().is_empty());
}

/// What the handler makes of an envelope, without AWS: an id, or a reason.
fn carry_out(envelope: &Envelope, sent: &Sent<'_>) -> Result<(String, Data), String> {
    let Request { resource_type, lifecycle } = envelope.request.as_ref().map_err(ToString::to_string)?;
    assert_eq!((resource_type.as_str(), lifecycle.name()), (&*sent.text("ResourceType"), &*sent.text("RequestType")));
    for required in [resource_type, &envelope.reply_to.stack_id, &envelope.reply_to.logical_resource_id] {
        assert!(!required.is_empty());
    }
    assert!(envelope.reply_to.stack_id.chars().count() <= 256);
    assert!(envelope.reply_to.logical_resource_id.chars().count() <= 256);
    assert!(lifecycle.service_timeout().is_none_or(|timeout| !timeout.is_zero()));
    match lifecycle {
        Lifecycle::Create { properties } | Lifecycle::Update { properties, .. } if resource_type == UPDATE_GATE => {
            gate(properties)
        }
        Lifecycle::Create { properties } => done(&self::properties(properties)?),
        Lifecycle::Update { id, properties, old_properties } => {
            assert_eq!(Some(id), envelope.given_id.as_ref());
            Declared::read(old_properties);
            done(&self::properties(properties)?)
        }
        Lifecycle::Delete { id, properties } => {
            assert_eq!(Some(id), envelope.given_id.as_ref());
            if let Some(target) = Declared::read(properties).target {
                self::id(&target.to_string());
            }
            Ok((id.clone(), Data::new()))
        }
    }
}

fn done(desired: &Desired) -> Result<(String, Data), String> {
    let data = Data::from([("ResourceId".to_owned(), desired.target.resource_id())]);
    Ok((desired.target.to_string(), data))
}

/// Properties that say the same; what is attached in its own words: `policies.rs` follows that to the API call.
fn written(desired: &Desired, properties: &Value) -> Value {
    let tags = desired.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
    let state = desired.suspended_state.map(|state| {
        json!({
            "DynamicScalingInSuspended": state.dynamic_scaling_in,
            "DynamicScalingOutSuspended": state.dynamic_scaling_out,
            "ScheduledScalingSuspended": state.scheduled_scaling,
        })
    });
    let (endpoint, variant, component) = match &desired.target {
        ScalableTargetId::InferenceComponent(name) => (None, None, Some(name.as_str())),
        ScalableTargetId::Variant { endpoint, variant, .. } => (Some(endpoint.as_str()), Some(variant.as_str()), None),
    };
    json!({
        "EndpointName": endpoint,
        "VariantName": variant,
        "InferenceComponentName": component,
        "ScalableDimension": desired.target.dimension().as_str(),
        "ScalingPolicies": properties["ScalingPolicies"],
        "ScheduledActions": properties["ScheduledActions"],
        "MinCapacity": desired.capacity.min(),
        "MaxCapacity": desired.capacity.max(),
        "AdoptExisting": desired.adopt_existing,
        "UpdateGate": desired.gate.as_ref().map(ToString::to_string),
        "SuspendedState": state,
        "Tags": tags.collect::<Vec<_>>(),
    })
}

/// The same with numbers and booleans as text, which is how CloudFormation sends them.
pub fn as_text(value: &Value) -> Value {
    match value {
        Value::Number(_) | Value::Bool(_) => Value::from(value.to_string()),
        Value::Array(values) => values.iter().map(as_text).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), as_text(value))).collect(),
        Value::Null | Value::String(_) => value.clone(),
    }
}

const UPDATE_GATE: &str = "Custom::SageMakerEndpointUpdateGate";

fn here() -> Location {
    Location { region: "us-east-1".into(), account: Some("111122223333".into()) }
}
