//! Lambda: the function invokes itself, so that another invocation continues a request.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use serde_json::json;

use super::clients::Aws;
use super::error::AwsError;
use super::operation::Operation;
use crate::model::FunctionArn;

impl Aws<'_> {
    /// Invokes a function asynchronously. If an attempt gets no reply, the function may be invoked more than once.
    pub async fn invoke(&self, function: &FunctionArn, payload: &str) -> Result<(), AwsError> {
        let input = json!({ "FunctionName": function.as_str(), "Payload": payload });
        let attempt = async || self.clients.lambda.call(Operation::Invoke, input.clone()).await;
        self.call(Operation::Invoke, function.as_str(), attempt).await
    }
}
