//! Why a request failed, in words for the author of the template, and what can be done about it.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use thiserror::Error;

use crate::parked::ParkedError;
use crate::reader::Mistakes;
use crate::scalable_target::Refusal;
use crate::secrets::without_credentials;

/// Why a request failed. Each ends up as the reason in the stack's events.
#[derive(Debug, Error)]
pub enum Error {
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The rules of a gate say no.
    #[error(transparent)]
    Gate(#[from] crate::update_gate::Refusal),
    /// The time was up.
    #[error("out of time while {doing}; nothing further is done. Deploy again later")]
    OutOfTime {
        /// What took so long.
        doing: String,
    },
    /// A defect of this function.
    #[error("the function panicked while {doing}: {message}. This is a defect; please report it")]
    Panic {
        /// What it was doing.
        doing: String,
        /// What it said.
        message: String,
    },
    /// What is parked, or is to be, cannot be.
    #[error(transparent)]
    Parked(#[from] ParkedError),
    /// The author wrote something wrong.
    #[error(transparent)]
    Properties(#[from] Mistakes),
    /// The envelope is not one of CloudFormation's.
    #[error("{0}")]
    Request(String),
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The resource type is served by nobody here.
    #[error("ResourceType: {0}")]
    ResourceType(String),
}

/// A call to AWS that failed.
#[derive(Debug, Error)]
#[error("{operation} failed for {resource}{}: {message}", tries(*.attempts))]
pub struct AwsError {
    operation: &'static str,
    resource: String,
    attempts: u32,
    code: Option<String>,
    message: String,
    /// Whether it is certain that no attempt changed anything.
    pub nothing_changed: bool,
}

impl AwsError {
    pub(crate) fn new<E>(
        operation: &'static str,
        resource: &str,
        attempts: u32,
        nothing_changed: bool,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let code = error.code().map(str::to_owned);
        let message = match (&code, error.message()) {
            // Their messages quote the request's headers, credentials and signature among them.
            (Some(code), _) if code.contains("Signature") => format!("{code}: check the function's credentials"),
            (Some(code), Some(message)) if !message.is_empty() => format!("{code}: {message}"),
            (Some(code), _) => code.clone(),
            (None, _) => match error.raw_response() {
                Some(response) => format!("HTTP status {}: {}", response.status().as_u16(), chain(error)),
                None => chain(error),
            },
        };
        let message = without_credentials(&message);
        Self { operation, resource: resource.to_owned(), attempts, code, message, nothing_changed }
    }

    /// Whether the service holds the request itself to be wrong, as things are.
    pub fn is_validation(&self) -> bool {
        self.code() == Some("ValidationException")
    }

    /// What the service said no to, if it was the service.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Whether the service's words contain `text`.
    pub fn says(&self, text: &str) -> bool {
        self.message.contains(text)
    }
}

fn tries(attempts: u32) -> String {
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
