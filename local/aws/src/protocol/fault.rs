//! The errors that the services answer with.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Display, Formatter};

use serde_json::{Value, json};

/// The output of an operation, or the service's error.
pub(crate) type OperationResult = Result<Value, Fault>;

/// An error that a service answers with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The HTTP status.
    pub status: u16,
    /// The exception, such as `ValidationException`.
    pub code: Cow<'static, str>,
    /// The message.
    pub message: String,
    /// The ARN in the member `ResourceName`, which a few exceptions have.
    pub resource_name: Option<String>,
}

impl Fault {
    /// An error with status 400, which nearly all of them have.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.into(), message: message.into(), resource_name: None }
    }

    /// The body of the HTTP response. Services spell the member of the message in two ways; the body has both.
    pub fn body(&self) -> Value {
        let mut body = json!({ "__type": self.code, "Message": self.message, "message": self.message });
        if let Some(name) = &self.resource_name {
            body["ResourceName"] = json!(name);
        }
        body
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// A violated constraint of the API model. The caller puts quotes around `value`.
    ///
    /// Assumed (belief error-texts): the format of the message.
    pub(crate) fn constraint(value: impl Display, member: &str, constraint: impl Display) -> Self {
        let (first, rest) = member.split_at(1);
        Self::validation(format!(
            "1 validation error detected: Value {value} at '{}{rest}' failed to satisfy constraint: {constraint}",
            first.to_ascii_lowercase()
        ))
    }

    pub(crate) fn unknown_operation(target: &str) -> Self {
        Self::new("UnknownOperationException", format!("the local AWS does not know the operation {target:?}"))
    }
}

impl Display for Fault {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl Error for Fault {}
