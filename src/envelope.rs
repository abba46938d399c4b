//! What CloudFormation sends: first who wants to know, leniently, then what they want.
//!
//! The payload is read raw, because a typed one would be refused by the Lambda runtime before the handler runs, and
//! nobody would answer. See
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::id::{PhysicalResourceId, UpdateGateId};
use crate::owner::Owner;
use crate::response_url::ResponseUrl;

/// The requests in a payload: the payload itself, or the messages in it where the `ServiceToken` is a topic of SNS. That sends
/// one at a time; what is no message is left as it is, for nobody to be answered.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>
pub fn requests(payload: &str) -> Vec<Cow<'_, str>> {
    let Ok(Records { records, response_url: None }) = serde_json::from_str(payload) else {
        return vec![payload.into()];
    };
    let message = |record: &'_ RawValue| match serde_json::from_str::<Value>(record.get()) {
        Ok(record) => record.pointer("/Sns/Message").and_then(Value::as_str).map(str::to_owned),
        Err(_) => None,
    };
    let requests = records.into_iter().map(|record| message(record).map_or_else(|| record.get().into(), Cow::from));
    let requests: Vec<_> = requests.collect();
    if requests.is_empty() { vec![payload.into()] } else { requests }
}

/// An event of SNS.
#[derive(Debug, Deserialize)]
struct Records<'a> {
    #[serde(borrow, rename = "Records")]
    records: Vec<&'a RawValue>,
    /// Not there: only a request has one.
    #[serde(rename = "ResponseURL")]
    response_url: Option<IgnoredAny>,
}

/// A request, opened.
#[derive(Debug)]
pub struct Envelope {
    /// Where the answer goes.
    pub reply_to: ReplyTo,
    /// The `PhysicalResourceId` that CloudFormation gave, if it gave a usable one.
    pub given_id: Option<String>,
    /// What is wanted; an error is an answer too.
    pub request: Result<Request, InvalidRequest>,
}

/// Where an answer goes, and what it has to copy.
#[derive(Debug)]
pub struct ReplyTo {
    /// Where to PUT it.
    pub url: ResponseUrl,
    /// Copied into the answer.
    pub stack_id: String,
    /// Copied into the answer.
    pub request_id: String,
    /// Copied into the answer.
    pub logical_resource_id: String,
}

impl ReplyTo {
    /// The resource that asks.
    pub fn owner(&self) -> Owner {
        Owner { stack_id: self.stack_id.clone(), logical_resource_id: self.logical_resource_id.clone() }
    }
}

/// What is wanted of a resource of a type.
#[derive(Debug)]
pub struct Request {
    /// Such as `Custom::SageMakerScalableTarget`.
    pub resource_type: String,
    /// The step in the resource's life.
    pub lifecycle: Lifecycle,
}

/// The three things that CloudFormation asks for.
#[derive(Debug)]
pub enum Lifecycle {
    /// Make it.
    Create {
        /// As in the template, but for numbers and booleans, which arrive as text.
        properties: Value,
    },
    /// Make it as the properties say now.
    Update {
        /// The id that the last answer gave.
        id: String,
        /// As they are now.
        properties: Value,
        /// As they were; of any shape.
        old_properties: Value,
    },
    /// Take it away.
    Delete {
        /// The id that the last answer gave, or that CloudFormation invented because there was none.
        id: String,
        /// Of any shape.
        properties: Value,
    },
}

impl Lifecycle {
    /// How long CloudFormation waits for an answer, if the properties say so: seconds, as text or as a number.
    ///
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html>
    pub fn service_timeout(&self) -> Option<Duration> {
        let value = self.properties().get("ServiceTimeout")?;
        let seconds = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs)
    }

    /// The `ResourceProperties`.
    pub fn properties(&self) -> &Value {
        let (Self::Create { properties } | Self::Update { properties, .. } | Self::Delete { properties, .. }) = self;
        properties
    }

    /// The gate that the `OldResourceProperties` of a scalable target name, if any.
    pub fn old_gate(&self) -> Option<UpdateGateId> {
        let Self::Update { old_properties, .. } = self else { return None };
        old_properties.get("UpdateGate")?.as_str()?.parse().ok()
    }

    /// The `RequestType`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "Create",
            Self::Update { .. } => "Update",
            Self::Delete { .. } => "Delete",
        }
    }
}

/// Why nobody can be told of a failure.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NoReplyAddress {
    /// The payload is not a JSON object.
    #[error("the payload is not a JSON object, so it is no request of CloudFormation's")]
    Payload,
    /// There is no `ResponseURL`.
    #[error("the request has no ResponseURL, so there is nobody to answer")]
    Missing,
    /// `ResponseURL` is no URL.
    #[error("ResponseURL is not a URL")]
    Url,
    /// `ResponseURL` has a scheme that is not allowed.
    #[error("ResponseURL is neither https nor http to a loopback host")]
    Scheme,
    /// What an answer has to copy does not fit into an answer.
    #[error("StackId, RequestId and LogicalResourceId are too long to fit into an answer")]
    TooLong,
}

/// Why a request that can be answered cannot be carried out.
#[derive(Debug, Error)]
pub enum InvalidRequest {
    /// `RequestType` is something else.
    #[error("RequestType: expected Create, Update or Delete, found {0}")]
    RequestType(String),
    /// The envelope is odd in a way that no other variant tells.
    #[error("the request is not one of CloudFormation's: {0}")]
    Envelope(#[from] serde_json::Error),
    /// `ResourceProperties` is JSON that cannot be read, such as nesting without end.
    #[error("ResourceProperties: could not be read: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// A field of the envelope is missing, empty or not text.
    #[error("{name}: expected text, found {found}")]
    Text {
        /// The field.
        name: &'static str,
        /// What there is.
        found: String,
    },
    /// A field of the envelope is longer than CloudFormation allows.
    #[error("{0}: longer than CloudFormation allows")]
    TooLong(&'static str),
}

impl Envelope {
    /// Opens a payload. Fails only where nobody can be answered.
    pub fn open(payload: &str) -> Result<Self, NoReplyAddress> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(payload).map_err(|_| NoReplyAddress::Payload)?;
        let text = |name: &str| fields.get(name).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let copied = |name| text(name).unwrap_or_default();

        let reply_to = ReplyTo {
            url: ResponseUrl::read(&text("ResponseURL").ok_or(NoReplyAddress::Missing)?)?,
            stack_id: copied("StackId"),
            request_id: copied("RequestId"),
            logical_resource_id: copied("LogicalResourceId"),
        };
        let copies = [&reply_to.stack_id, &reply_to.request_id, &reply_to.logical_resource_id];
        if copies.into_iter().map(|copy| escaped_len(copy)).sum::<usize>() > MAX_COPIED_BYTES {
            return Err(NoReplyAddress::TooLong);
        }

        let given_id = text("PhysicalResourceId").filter(|id| !id.is_empty() && escaped_len(id) <= MAX_ID_BYTES);
        let request = read_request(&fields, &reply_to, given_id.as_deref());
        Ok(Self { reply_to, given_id, request })
    }

    /// The id of an answer that failed: the given one, or else one that says that there is nothing to clean up.
    pub fn id_of_failure(&self) -> String {
        self.given_id.clone().unwrap_or_else(|| PhysicalResourceId::not_registered(&self.reply_to.logical_resource_id))
    }
}

fn read_request(
    fields: &BTreeMap<String, &RawValue>,
    reply_to: &ReplyTo,
    given_id: Option<&str>,
) -> Result<Request, InvalidRequest> {
    // What cannot be read, such as nesting without end, counts as absent: a Delete bears any shape of properties.
    let mut unreadable = None;
    let mut values = serde_json::Map::new();
    // Whatever the address of this function looks like, the request has arrived.
    for (name, raw) in fields.iter().filter(|(name, _)| *name != "ServiceToken") {
        let value = serde_json::from_str(raw.get()).unwrap_or_else(|error| {
            if name == "ResourceProperties" {
                unreadable = Some(error);
            }
            Value::Null
        });
        values.insert(name.clone(), value);
    }
    for name in ["ResourceProperties", "OldResourceProperties"] {
        values.entry(name).or_insert(Value::Null);
    }
    let request_type = values.get("RequestType").unwrap_or(&Value::Null);
    if !["Create", "Update", "Delete"].iter().any(|known| request_type == known) {
        return Err(InvalidRequest::RequestType(crate::reader::shown(request_type)));
    }
    if let Some(error) = unreadable.filter(|_| request_type != "Delete") {
        return Err(InvalidRequest::Unreadable(error));
    }
    let mut names = vec!["StackId", "RequestId", "LogicalResourceId", "ResourceType"];
    if request_type != "Create" {
        names.push("PhysicalResourceId");
    }
    for name in names {
        match values.get(name).unwrap_or(&Value::Null) {
            Value::String(text) if !text.is_empty() => {}
            other => return Err(InvalidRequest::Text { name, found: crate::reader::shown(other) }),
        }
    }
    if given_id.is_none() && request_type != "Create" {
        return Err(InvalidRequest::TooLong("PhysicalResourceId"));
    }
    // Both halves of an owner have to fit into a tag's value.
    for (name, value) in [("StackId", &reply_to.stack_id), ("LogicalResourceId", &reply_to.logical_resource_id)] {
        if value.chars().count() > 256 {
            return Err(InvalidRequest::TooLong(name));
        }
    }

    type Wire = CloudFormationCustomResourceRequest<Value, Value>;
    let (resource_type, lifecycle) = match serde_json::from_value(Value::Object(values))? {
        Wire::Create(create) => (create.resource_type, Lifecycle::Create { properties: create.resource_properties }),
        Wire::Update(update) => (
            update.resource_type,
            Lifecycle::Update {
                id: update.physical_resource_id,
                properties: update.resource_properties,
                old_properties: update.old_resource_properties,
            },
        ),
        Wire::Delete(delete) => (
            delete.resource_type,
            Lifecycle::Delete { id: delete.physical_resource_id, properties: delete.resource_properties },
        ),
        // Not shown whole: it holds the response URL.
        _ => return Err(InvalidRequest::RequestType("one that is not known here".to_owned())),
    };
    Ok(Request { resource_type, lifecycle })
}

/// The bytes that a text takes in JSON, without its quotes.
pub(crate) fn escaped_len(text: &str) -> usize {
    Value::from(text).to_string().len() - 2
}

/// CloudFormation's own stay under 600.
const MAX_COPIED_BYTES: usize = 1_024;
/// CloudFormation allows 1 KB.
const MAX_ID_BYTES: usize = 1_024;
