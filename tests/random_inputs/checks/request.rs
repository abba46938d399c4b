//! Checks of a request.

use std::collections::BTreeMap;

use http::Uri;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::{escaped, scrubbed};
use super::function::{
    Answer, AttachmentKind, Attributes, Declared, Desired, Envelope, Lifecycle, Location, NoReplyAddress, Outcome,
    PhysicalResourceId, Request, ScalableTargetId, UpdateGate,
};

/// Opens a payload and reads its properties, as the handler does, and checks the result.
pub fn request(payload: &str) {
    let sent = Sent(serde_json::from_str(payload).unwrap_or_default());
    let opened = Envelope::open(payload);
    assert_eq!(
        format!("{opened:?}"),
        format!("{:?}", Envelope::open(payload)),
        "a payload is not always read in the same way"
    );
    let envelope = match opened {
        Ok(envelope) => envelope,
        Err(error) => return unanswerable(error, &sent),
    };
    assert!(!sent.too_long(), "ids that do not fit into an answer are accepted");
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
            assert!(!reason.trim().is_empty(), "a failure without a reason");
            scrubbed(&envelope.reply_to.url, &url, &reason);
            answered(envelope.id_of_failure(), Outcome::Failed { reason });
        }
    }
}

/// Reads properties strictly, as a Create does, and checks the result.
pub fn properties(properties: &Value) -> Result<Desired, String> {
    let read = |properties: &Value| Desired::read(properties, &here()).map_err(|mistakes| mistakes.to_string());
    let desired = read(properties);
    assert_eq!(desired, read(properties), "properties are not always read in the same way");
    match &desired {
        Err(mistakes) => assert!(
            mistakes.split_once(": ").is_some_and(|(path, mistake)| !path.is_empty() && !mistake.is_empty()),
            "a mistake without a path or a text: {mistakes:?}"
        ),
        Ok(desired) => {
            let spec = &desired.spec;
            id(&spec.id.to_string());
            let declared = Declared::read(properties);
            assert_eq!(declared.target.as_ref(), Some(&spec.id), "an Update would not find the previous target");
            assert_eq!(declared.tags, spec.tags, "an Update would not follow a previous tag");
            for attachment in &spec.attachments {
                let key = attachment.key();
                assert!(declared.attachments.contains_key(&key), "an Update would not delete the previous {key:?}");
            }
            assert_eq!(declared.attachments.len(), spec.attachments.len(), "two have the same name");
            assert!(spec.attachments_of(AttachmentKind::ScalingPolicy).count() <= 50);
            assert!(spec.attachments_of(AttachmentKind::ScheduledAction).count() <= 200);
            let [min, max] = ["MinCapacity", "MaxCapacity"].map(|member| spec.capacity(member));
            assert!((0..=max).contains(&min) && max >= 1);
            assert!(spec.tags.len() <= 47);
            for (key, value) in &spec.tags {
                assert!((1..=128).contains(&key.chars().count()) && value.chars().count() <= 256, "{key:?}: {value:?}");
                assert!(!key.to_ascii_lowercase().starts_with("aws:"), "{key:?}");
                assert!(!key.to_ascii_lowercase().starts_with("sagemaker-scaling:"), "{key:?}");
            }
            let written = written(desired, properties);
            assert_eq!(read(&written).as_ref(), Ok(desired), "the canonical form is read in another way");
            assert_eq!(
                read(&as_text(&written)).as_ref(),
                Ok(desired),
                "the canonical form as text is read in another way"
            );
        }
    }
    desired
}

/// Reads the properties of a gate strictly, and checks the result.
fn gate(properties: &Value) -> Result<(String, Attributes), String> {
    let read = |properties: &Value| UpdateGate::read(properties, &here()).map_err(|mistakes| mistakes.to_string());
    let gate = read(properties);
    assert_eq!(gate, read(properties), "properties are not always read in the same way");
    let gate = gate?;
    id(&gate.id.to_string());
    let written = json!({ "EndpointName": gate.id.endpoint.as_str(), "EndpointConfigName": gate.id.config.as_str(), "IncludeOtherStacks": gate.include_other_stacks });
    assert_eq!(read(&written).as_ref(), Ok(&gate), "the canonical form is read in another way");
    Ok((gate.id.to_string(), Attributes::new()))
}

/// Reads a physical id, and checks that it survives parsing.
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

/// The raw fields of a payload.
struct Sent<'a>(BTreeMap<String, &'a RawValue>);

impl Sent<'_> {
    /// A field; empty if it is no text.
    fn text(&self, name: &str) -> String {
        self.0.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    fn too_long(&self) -> bool {
        ["StackId", "RequestId", "LogicalResourceId"].iter().map(|name| escaped(&self.text(name))).sum::<usize>()
            > 1_024
    }
}

fn unanswerable(error: NoReplyAddress, sent: &Sent<'_>) {
    let address = sent.text("ResponseURL").parse::<Uri>().ok().filter(|uri| uri.host().is_some());
    let readable = address.is_some_and(|uri| uri.scheme_str() == Some("https"));
    assert!(!readable || error == NoReplyAddress::TooLong, "{error}, but there is a usable response URL");
    assert!(error != NoReplyAddress::TooLong || sent.too_long(), "{error}, but they are short");
    assert!(!error.to_string().is_empty());
}

/// What the handler makes of an envelope, without AWS: a physical id, or a reason.
fn carry_out(envelope: &Envelope, sent: &Sent<'_>) -> Result<(String, Attributes), String> {
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
            Ok((id.clone(), Attributes::new()))
        }
    }
}

fn done(desired: &Desired) -> Result<(String, Attributes), String> {
    let data = Attributes::from([("ResourceId".to_owned(), desired.spec.id.resource_id())]);
    Ok((desired.spec.id.to_string(), data))
}

/// The canonical form of the properties. Policies and actions are raw: `policies.rs` compares their API calls.
fn written(desired: &Desired, properties: &Value) -> Value {
    let tags = desired.spec.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
    let (endpoint, variant, component) = match &desired.spec.id {
        ScalableTargetId::InferenceComponent(name) => (None, None, Some(name.as_str())),
        ScalableTargetId::Variant { endpoint, variant, .. } => (Some(endpoint.as_str()), Some(variant.as_str()), None),
    };
    json!({
        "EndpointName": endpoint,
        "VariantName": variant,
        "InferenceComponentName": component,
        "ScalableDimension": desired.spec.id.dimension().as_str(),
        "ScalingPolicies": properties["ScalingPolicies"],
        "ScheduledActions": properties["ScheduledActions"],
        "MinCapacity": desired.spec.capacity("MinCapacity"),
        "MaxCapacity": desired.spec.capacity("MaxCapacity"),
        "AdoptExisting": desired.adopt_existing,
        "PropagateStackTags": desired.propagate_stack_tags,
        "TakeOverFrom": properties["TakeOverFrom"],
        "UpdateGate": desired.gate.as_ref().map(ToString::to_string),
        "SuspendedState": desired.spec.settings.get("SuspendedState"),
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
