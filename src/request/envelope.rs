//! The envelope of a request. The reply address is read first and leniently, so that every other mistake can be answered.
//!
//! The payload is read raw. The Lambda runtime would reject a typed payload that does not parse before the handler runs,
//! and CloudFormation would get no answer. See
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use super::continuation::{self, Continuation};
use super::lifecycle::{Lifecycle, Request};
use super::response_url::{InvalidResponseUrl, ResponseUrl};
use crate::model::json::{escaped_len, shown};
use crate::model::{Owner, PhysicalResourceId};

/// The requests in a payload: the payload itself, or the messages in it if the `ServiceToken` is an SNS topic.
///
/// An item of `Records` without a message is kept whole. It has no reply address, so its invocation fails.
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

/// An SNS event.
#[derive(Debug, Deserialize)]
struct Records<'a> {
    #[serde(borrow, rename = "Records")]
    records: Vec<&'a RawValue>,
    /// An SNS event has none; a request has one.
    #[serde(rename = "ResponseURL")]
    response_url: Option<IgnoredAny>,
}

/// An opened envelope.
#[derive(Debug)]
pub struct Envelope {
    /// The reply address.
    pub reply_to: ReplyTo,
    /// The `PhysicalResourceId`, if the envelope has a usable one.
    pub given_id: Option<String>,
    /// Present if an earlier invocation has handed the request over to this one.
    pub continuation: Option<Continuation>,
    /// The request, or why it is invalid. The answer says so.
    pub request: Result<Request, InvalidRequest>,
}

/// The reply address, and the ids that an answer has to copy.
#[derive(Debug)]
pub struct ReplyTo {
    /// Where to PUT the answer.
    pub url: ResponseUrl,
    /// Copied into the answer.
    pub stack_id: String,
    /// Copied into the answer.
    pub request_id: String,
    /// Copied into the answer.
    pub logical_resource_id: String,
}

impl ReplyTo {
    /// The resource that the request is for.
    pub fn owner(&self) -> Owner {
        Owner { stack_id: self.stack_id.clone(), logical_resource_id: self.logical_resource_id.clone() }
    }
}

/// Why no answer can be sent.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NoReplyAddress {
    /// The payload is not a JSON object.
    #[error("the payload is not a JSON object, so it is not a request of CloudFormation")]
    Payload,
    /// There is no `ResponseURL`.
    #[error("the request has no ResponseURL, so no answer can be sent")]
    Missing,
    /// The `ResponseURL` is unusable.
    #[error(transparent)]
    Url(#[from] InvalidResponseUrl),
    /// The ids that an answer has to copy do not fit into an answer.
    #[error("StackId, RequestId and LogicalResourceId are too long to fit into an answer, so no answer can be sent")]
    TooLong,
}

/// Why a request is invalid. The answer says so.
#[derive(Debug, Error)]
pub enum InvalidRequest {
    /// The `RequestType` is unknown.
    #[error("RequestType: expected Create, Update or Delete, found {0}")]
    RequestType(String),
    /// The envelope is invalid in another way.
    #[error("the request does not have the form of CloudFormation's requests: {0}")]
    Envelope(#[from] serde_json::Error),
    /// The field of a continuation has a value that no invocation writes.
    #[error("{FIELD}: expected what an earlier invocation wrote, found {0}", FIELD = continuation::FIELD)]
    Continuation(String),
    /// The `ResourceProperties` are JSON that cannot be parsed, such as JSON that is nested too deeply.
    #[error("ResourceProperties: cannot be parsed: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// A field of the envelope is missing, empty, or not text.
    #[error("{name}: expected text, found {found}")]
    Text {
        /// The field.
        name: &'static str,
        /// What the envelope has.
        found: String,
    },
    /// A field of the envelope is longer than CloudFormation allows.
    #[error("{0}: longer than CloudFormation allows")]
    TooLong(&'static str),
}

impl Envelope {
    /// Opens a payload. Fails only if no answer can be sent.
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
        let (continuation, request) = match fields.get(continuation::FIELD) {
            None => (None, read_request(&fields, &reply_to, given_id.as_deref())),
            Some(raw) => match Continuation::read(raw) {
                None => (
                    None,
                    Err(InvalidRequest::Continuation(shown(&serde_json::from_str(raw.get()).unwrap_or_default()))),
                ),
                continuation => (continuation, read_request(&fields, &reply_to, given_id.as_deref())),
            },
        };
        Ok(Self { reply_to, given_id, continuation, request })
    }

    /// The id of a failed answer: the given id, or else the marker that says that nothing was registered.
    pub fn id_of_failure(&self) -> String {
        self.given_id.clone().unwrap_or_else(|| PhysicalResourceId::not_registered(&self.reply_to.logical_resource_id))
    }
}

fn read_request(
    fields: &BTreeMap<String, &RawValue>,
    reply_to: &ReplyTo,
    given_id: Option<&str>,
) -> Result<Request, InvalidRequest> {
    // What cannot be parsed counts as absent: a Delete has to succeed for any shape of properties.
    let mut unreadable = None;
    let mut values = serde_json::Map::new();
    // The request has arrived, so the shape of the function's address does not matter.
    for (name, raw) in fields.iter().filter(|(name, _)| !["ServiceToken", continuation::FIELD].contains(&name.as_str()))
    {
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
        return Err(InvalidRequest::RequestType(shown(request_type)));
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
            other => return Err(InvalidRequest::Text { name, found: shown(other) }),
        }
    }
    if given_id.is_none() && request_type != "Create" {
        return Err(InvalidRequest::TooLong("PhysicalResourceId"));
    }
    // The owner's ids become tag values, which have at most 256 characters.
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
        // The value is not shown: it contains the response URL.
        _ => return Err(InvalidRequest::RequestType("an unknown one".to_owned())),
    };
    Ok(Request { resource_type, lifecycle })
}

/// The ids of CloudFormation take less than 600.
const MAX_COPIED_BYTES: usize = 1_024;
/// CloudFormation allows 1 KB.
const MAX_ID_BYTES: usize = 1_024;
