//! AWS JSON 1.1: the request, the reply, the error.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::protocol::{ErrorReply, Unwanted};

pub(super) fn request(target: &str, input: &Value) -> Result<HttpRequest, BoxError> {
    let body = serde_json::to_vec(input)?;
    let request = http::Request::post("/")
        .header(http::header::CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .header(http::header::CONTENT_LENGTH, body.len())
        .body(SdkBody::from(body))?;
    Ok(request.try_into()?)
}

pub(super) fn reply<O: DeserializeOwned>(response: &HttpResponse) -> Result<O, Unwanted> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return serde_json::from_slice(body).map_err(|error| Unwanted::Unreadable(error.into()));
    }
    Err(Unwanted::Error(error(response)))
}

/// Reads the error of a reply that is no success.
pub(super) fn error(response: &HttpResponse) -> ErrorReply {
    let body: Value = serde_json::from_slice(response.body().bytes().unwrap_or_default()).unwrap_or_default();
    let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
    let header = response.headers().get("x-amzn-errortype");
    let mut error = ErrorMetadata::builder();
    if let Some(code) = header.or_else(|| text(&["code", "__type"])) {
        error = error.code(bare(code));
    }
    if let Some(message) = text(&["message", "Message", "errorMessage"]) {
        error = error.message(message);
    }
    ErrorReply(error.build())
}

/// `aws.protocoltests#FooError:http://…` is `FooError`.
fn bare(code: &str) -> &str {
    let code = code.split_once(':').map_or(code, |(code, _)| code);
    code.split_once('#').map_or(code, |(_, code)| code)
}
