//! Sends a body of our own with an operation of the SDK, and keeps the reply as it came.
//!
//! The SDK's types drop members that they do not know, so a snapshot cannot go through them. The operation stays the
//! SDK's: address, signature, user agent, time limits, errors, and the typed output where it is enough. Only the bytes
//! are ours. `docs/DESIGN.md` compares this with a second client.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

use crate::model::json::Object;

/// The body of one attempt, and the body of its reply.
#[derive(Clone, Debug)]
pub(super) struct RawBody {
    request: String,
    reply: Arc<Mutex<Object>>,
}

impl RawBody {
    pub(super) fn new(request: &Object) -> Self {
        let request = serde_json::to_string(request).expect("JSON objects serialize");
        Self { request, reply: Arc::default() }
    }

    /// The reply's body, after a success.
    pub(super) fn reply(&self) -> Object {
        std::mem::take(&mut self.reply.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for RawBody {
    fn name(&self) -> &'static str {
        "RawBody"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.request.len().to_string());
        *request.body_mut() = SdkBody::from(self.request.as_str());
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        if let Ok(Value::Object(reply)) = serde_json::from_slice(body) {
            *self.reply.lock().unwrap_or_else(PoisonError::into_inner) = reply;
        }
        Ok(())
    }
}
