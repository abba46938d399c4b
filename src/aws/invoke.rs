//! The request and the reply of Lambda's `Invoke`, the one operation that is called over REST.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::json;
use super::protocol::Unwanted;

/// The input of an asynchronous invocation.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    /// The ARN of the function, of a version or of an alias.
    function_name: String,
    /// JSON.
    payload: String,
}

pub(super) fn request(version: &str, input: Value) -> Result<HttpRequest, BoxError> {
    let Input { function_name, payload } = serde_json::from_value(input)?;
    // An ARN has no other characters that a path segment must not have.
    let function = function_name.replace(':', "%3A").replace('$', "%24");
    let request = http::Request::post(format!("/{version}/functions/{function}/invocations"))
        .header(http::header::CONTENT_TYPE, "application/octet-stream")
        .header("x-amz-invocation-type", "Event")
        .header(http::header::CONTENT_LENGTH, payload.len())
        .body(SdkBody::from(payload))?;
    Ok(request.try_into()?)
}

/// A success has no body.
pub(super) fn reply<O: DeserializeOwned>(response: &HttpResponse) -> Result<O, Unwanted> {
    if response.status().is_success() {
        return serde_json::from_value(Value::Null).map_err(|error| Unwanted::Unreadable(error.into()));
    }
    Err(Unwanted::Error(json::error(response)))
}
