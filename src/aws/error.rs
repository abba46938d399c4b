//! Why a call to AWS failed, in words for the author of the template.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use thiserror::Error;

use super::operation::Operation;
use crate::observability::redact_credentials;

/// A call to AWS failed.
#[derive(Debug, Error)]
#[error("{operation} failed for {resource}{}: {message}", after_attempts(*.attempts))]
pub struct AwsError {
    operation: &'static str,
    resource: String,
    attempts: u32,
    code: Option<String>,
    message: String,
    /// Whether it is certain that no attempt changed anything.
    pub nothing_changed: bool,
    /// Whether time was up: with more time, the call would have been retried.
    pub is_out_of_time: bool,
}

/// Why a change was not made.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// The call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The precondition of the change no longer holds.
    #[error("the target has changed since it was read")]
    Outdated,
}

/// Tells a change that was made from one whose precondition no longer holds (`None`).
pub fn unless_outdated<T>(done: Result<T, ChangeError>) -> Result<Option<T>, AwsError> {
    match done {
        Ok(made) => Ok(Some(made)),
        Err(ChangeError::Outdated) => Ok(None),
        Err(ChangeError::Aws(error)) => Err(error),
    }
}

impl AwsError {
    pub(super) fn new<E>(
        operation: Operation,
        resource: &str,
        attempts: u32,
        nothing_changed: bool,
        is_out_of_time: bool,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let code = error.code().map(str::to_owned);
        let message = match (&code, error.message()) {
            // These messages quote the request's headers, with credentials and signature.
            (Some(code), _) if code.contains("Signature") => format!("{code}: check the function's credentials"),
            (Some(code), Some(message)) if !message.is_empty() => format!("{code}: {message}"),
            (Some(code), _) => code.clone(),
            (None, _) => match error.raw_response() {
                Some(response) => format!("HTTP status {}: {}", response.status().as_u16(), chain(error)),
                None => chain(error),
            },
        };
        let (operation, resource) = (operation.name(), resource.to_owned());
        Self {
            operation,
            resource,
            attempts,
            code,
            message: redact_credentials(&message),
            nothing_changed,
            is_out_of_time,
        }
    }

    /// Whether the service finds the request invalid.
    pub fn is_validation(&self) -> bool {
        self.code() == Some("ValidationException")
    }

    /// Whether a tag operation does not find the target.
    pub fn is_resource_not_found(&self) -> bool {
        self.code() == Some("ResourceNotFoundException")
    }

    /// Whether another operation does not find the target, or what is attached to it. Assumed (beliefs deregister-missing,
    /// policy-without-target): this code and no `ValidationException`.
    pub fn is_object_not_found(&self) -> bool {
        self.code() == Some("ObjectNotFoundException")
    }

    /// The error code of the service, if the service replied.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Whether the service's message contains `text`.
    pub fn says(&self, text: &str) -> bool {
        self.message.contains(text)
    }
}

/// A success without a member that the service always sends. The call is retried.
pub(super) fn incomplete_reply<E>(member: &str) -> SdkError<E, HttpResponse> {
    let error = format!("the reply has no {member}");
    SdkError::dispatch_failure(ConnectorError::other(error.into(), None))
}

fn after_attempts(attempts: u32) -> String {
    if attempts > 1 { format!(" after {attempts} attempts") } else { String::new() }
}

/// An error and its causes on one line.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
